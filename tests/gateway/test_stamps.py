from __future__ import annotations

import pytest

from devices.model import SECOND_NS
from gateway.sources.stamps import Stamps


@pytest.mark.parametrize(
    ("times_ns", "expected"),
    [
        pytest.param([100, 200], [100, 200], id="going on"),
        pytest.param([100, 100, 100], [100, 101, 102], id="one read, three frames"),
        pytest.param([100, 100, 101, 150], [100, 101, 102, 150], id="catching up"),
        pytest.param([9 * SECOND_NS, 3 * SECOND_NS], [9 * SECOND_NS, 3 * SECOND_NS], id="clock set back"),
    ],
)
def test_stamps_never_repeat(times_ns: list[int], expected: list[int]) -> None:
    stamps = Stamps()
    assert [stamps.stamp(now_ns) for now_ns in times_ns] == expected
