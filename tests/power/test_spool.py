"""A power cut on a gateway: every row that was taken is in the spool under its number, once, and none is sent anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from devices.model import SECOND_NS
from gateway import spool_file
from gateway.spool import Spool
from tests.gateway.spools import MIB, START_NS, all_waiting, open_spool, row
from tests.power.cutting import Recording, assert_nothing_set_aside, assert_whole, record, try_cuts
from tests.power.disk import Cut, Truncate, Write
from tests.power.recorder import Recorder

STEPS = 120
STARTS = (5, 50, 90)
"""Steps before which the spool is closed and opened again."""
ROWS = 6
CUTS = 220
SPOOL_BYTES = 4 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a spool holds: unsent bodies by number, the newest number given, a note of its source."""

    waiting: dict[int, bytes]
    newest: int
    note: str


def body(number: int) -> bytes:
    return b"%d/" % number * 40


def do_step(spool: Spool, step: int) -> None:
    """Two of three steps take rows, the third confirms those of ten steps ago, at times deletes what is old."""
    if step % 3:
        first = spool.newest() + 1
        spool.append([row(step, body=body(first + n)) for n in range(ROWS)], notes={"source/at": str(step)})
    elif step % 12 == 0:
        spool.tend(now_ns=START_NS + (step + 24 * 3_600) * SECOND_NS)
    else:
        spool.confirm([(1, max(1, spool.newest() - 10 * ROWS))], now_ns=START_NS + step * SECOND_NS)


def work(folder: Path, recorder: Recorder) -> None:
    spool = open_spool(folder, max_bytes=SPOOL_BYTES)
    for step in range(1, STEPS + 1):
        if step in STARTS:
            spool.close()
            spool = open_spool(folder, max_bytes=SPOOL_BYTES)
        do_step(spool, step)
        recorder.told(step)
    spool.close()


def held(spool: Spool) -> Held:
    waiting = {stored.number: stored.body for stored in all_waiting(spool)}
    return Held(waiting=waiting, newest=spool.newest(), note=spool.notes("source/").get("at", ""))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(work)


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[Held]:
    """What a spool holds after 0, 1, 2 … steps."""
    spool = open_spool(tmp_path_factory.mktemp("undisturbed"), max_bytes=SPOOL_BYTES)
    found = [held(spool)]
    for step in range(1, STEPS + 2):
        do_step(spool, step)
        found.append(held(spool))
    spool.close()
    return found


class CheckSpool:
    """Opens what a cut left: as it was told, or with the step in flight; the next row gets the next number."""

    def __init__(self, contents: list[Held]) -> None:
        self._contents = contents

    def __call__(self, folder: Path, cut: Cut) -> None:
        spool = open_spool(folder, max_bytes=SPOOL_BYTES)
        found = held(spool)
        assert found in (self._contents[cut.told], self._contents[cut.told + 1]), "not what was told"
        assert list(spool.append([row(0, body=b"next")])) == [found.newest + 1]
        spool.confirm([(1, found.newest)], now_ns=START_NS)
        assert held(spool).waiting == {found.newest + 1: b"next"}
        assert not spool.found_damaged()
        spool.close()
        assert_nothing_set_aside(folder)
        assert_whole(folder / "spool-gw.db")


def test_the_recording_holds_what_a_cut_can_hurt(recording: Recording) -> None:
    assert sum(isinstance(change, Write) and change.file == 1 for change in recording.changes) > 100
    assert sum(isinstance(change, Truncate) for change in recording.changes) >= len(STARTS)


def test_every_row_that_was_taken_survives(recording: Recording, contents: list[Held]) -> None:
    assert try_cuts(recording, CheckSpool(contents), count=CUTS) == []


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that makes spools sync less than they should."""
    real = spool_file._configure

    def set_level(level: str) -> None:
        def configure_carelessly(connection: sqlite3.Connection, bounds: spool_file.Bounds) -> None:
            real(connection, bounds)
            connection.execute(f"PRAGMA synchronous = {level}")

        monkeypatch.setattr(spool_file, "_configure", configure_carelessly)

    return set_level


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_a_spool_that_does_not_sync_is_found_out(
    contents: list[Held], configure: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    configure(level)
    careless = record(work)
    monkeypatch.undo()
    assert len(try_cuts(careless, CheckSpool(contents), count=30)) > 10
