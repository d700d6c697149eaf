"""Which plugins look at which series."""

from __future__ import annotations

import numpy as np

from ingest.interest import Interest


class Looks:
    """A plugin that looks at one quantity."""

    def __init__(self, quantity: str) -> None:
        self._quantity = quantity

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        return quantity == self._quantity


def interest(count: int) -> Interest:
    made = Interest([Looks(f"q{number}") for number in range(count)])
    for series in range(count):
        made.add_series(series, device_id="d", quantity=f"q{series}")
    return made


def of(made: Interest, *series: int) -> list[int]:
    return np.flatnonzero(made.of(np.array(series, dtype=np.int32))).tolist()


def test_only_those_that_look_at_one_of_them() -> None:
    made = interest(5)
    assert [of(made), of(made, 3), of(made, 4, 0, 4)] == [[], [3], [0, 4]]


def test_beyond_64_plugins_none_is_left_out() -> None:
    made = interest(70)
    assert [of(made, 62), of(made, 63), of(made, 69)] == [[62], list(range(63, 70)), list(range(63, 70))]
