"""A trap that is no longer where it was put."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from devices.model import Reading
from ingest.rules.trap_carried import distance_m
from tests.ingest.core_town import QUIET, device, reading, rule, town
from tests.ingest.rules.cases import changes, events_of

SITE = town(device("trap", station="woods"), QUIET, rule("carried", "trap_carried", params="settle_s = 86400"))
HOUR_S = 3600
METRE = 1 / 111_195  # degrees of latitude

Fixes = list[tuple[float, float, float]]
"""Hour, metres north of where it stands, accuracy in m."""


def fixes(rows: Fixes) -> list[Reading]:
    return [
        reading("trap", quantity, value, at_s=hour * HOUR_S)
        for hour, north_m, accuracy_m in rows
        for quantity, value in (
            ("latitude", 36.5 + north_m * METRE), ("longitude", 138.5), ("position_accuracy", accuracy_m),
        )
    ]  # fmt: skip


@dataclass(frozen=True)
class Row:
    name: str
    fixes: Fixes
    expected: list[tuple[str, float]]


ROWS = (
    Row("stays", [(0, 0, 10), (1, 30, 10), (2, -40, 10), (3, 90, 10)], []),
    Row("carried away", [(0, 0, 10), (1, 500, 10), (2, 900, 10)], [("raised", 2)]),
    Row("carried and put down", [(0, 0, 10), (1, 500, 10), (2, 510, 10)], [("raised", 2)]),
    Row("one spike", [(0, 0, 10), (1, 5000, 10), (2, 0, 10), (3, -5000, 10), (4, 0, 10)], []),
    Row("a fix with an accuracy of 1 km", [(0, 0, 10), (1, 5000, 1000), (2, 5000, 1000)], []),
    Row("within its accuracy", [(0, 0, 10), (1, 250, 180), (2, 250, 180)], []),
    Row("brought back", [(0, 0, 10), (1, 500, 10), (2, 500, 10), (3, 5, 10)], [("raised", 2), ("cleared", 3)]),
    Row("has a new place after a day", [(0, 0, 10), (1, 500, 10), (2, 500, 10), (25, 500, 10), (26, 490, 10)],
        [("raised", 2), ("cleared", 25)]),
    Row("and is carried off from there", [(0, 0, 10), (1, 500, 10), (25, 500, 10), (26, 0, 10), (27, 0, 10)],
        [("raised", 25), ("cleared", 25), ("raised", 27)]),
)  # fmt: skip


@pytest.mark.bad_input(62, 69)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.lesson(40)
def test_when_a_trap_is_somewhere_else(row: Row) -> None:
    found = changes(SITE, *fixes(row.fixes), until_s=40 * HOUR_S)

    assert sorted(found) == sorted((state, hour * HOUR_S) for state, hour in row.expected)


@pytest.mark.bad_input(60)
def test_nowhere_and_half_a_fix_are_no_place() -> None:
    nowhere = [
        reading("trap", quantity, value, at_s=HOUR_S * hour)
        for hour in (1, 2)
        for quantity, value in (("latitude", 0.0), ("longitude", 0.0))
    ]
    half = [reading("trap", "latitude", 10.0, at_s=HOUR_S * hour) for hour in (3, 4)]
    bad = [reading("trap", name, math.nan, at_s=HOUR_S * 5) for name in ("latitude", "longitude")]

    assert changes(SITE, *fixes([(0, 0, 10)]), *nowhere, *half, *bad, until_s=40 * HOUR_S) == []


def test_an_event_says_how_far() -> None:
    (raised,) = events_of(SITE, *fixes([(0, 0, 5), (1, 500, 5), (2, 900, 5)]), until_s=HOUR_S * 3)

    assert (raised.value, raised.limit, raised.subject) == (900.0, 100.0, "trap")


def test_distances() -> None:
    assert distance_m((36.0, 138.0), (36.0, 138.0)) == 0.0
    assert distance_m((0.0, 0.0), (0.0, 180.0)) == pytest.approx(math.pi * 6_371_000)
    assert distance_m((36.0, 138.0), (36.0, 139.0)) == pytest.approx(89_960, rel=0.001)
