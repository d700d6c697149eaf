"""How the page tells of the copy of the history."""

from __future__ import annotations

import pytest

from api.health import Moment, store_parts
from api.schemas import PartKey
from devices.model import TransientError
from ingest.forward_book import StoreState, StoreStatus

NOW_NS = 1_767_225_600_000_000_000


def status(state: StoreState, *, age_s: int = 1) -> StoreStatus:
    return StoreStatus(store="influx", state=state, since_ns=1, heartbeat_ns=NOW_NS - age_s * 10**9, said="")


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], "unknown"),
        ([status("ok")], "ok"),
        ([status("copying")], "ok"),
        ([status("away")], "late"),
        ([status("refusing")], "late"),
        ([status("ok", age_s=61)], "unknown"),
    ],
)
def test_a_store_that_is_away_is_late_and_no_fault_of_the_hub(found: list[StoreStatus], state: PartKey) -> None:
    (part,) = store_parts(["influx"], lambda: found, Moment(now_ns=NOW_NS))
    assert (part.part, part.state) == ("store:influx", state)
    assert bool(part.what_to_do_ja) == bool(part.what_to_do_en) == (state != "ok")


def test_a_book_that_cannot_be_read() -> None:
    def broken() -> list[StoreStatus]:
        raise TransientError("no")

    assert [part.state for part in store_parts(["influx"], broken, Moment(now_ns=NOW_NS))] == ["fault"]


def test_a_site_without_store_has_no_such_part() -> None:
    assert store_parts([], list, Moment(now_ns=NOW_NS)) == []
