"""A power cut on the forwarder: where a store stands, what it refused and which station a device had survive."""

from __future__ import annotations

from pathlib import Path

from ingest.forward_book import ForwardBook, ForwardReader, Place, Progress, RefusedPoint
from tests.power.cutting import assert_nothing_set_aside, assert_whole, record, try_cuts
from tests.power.disk import Cut
from tests.power.recorder import Recorder

STEPS = 60
ENDS = (4, 30)
CUTS = 110
MOVE = 20
"""Step at which the device is moved to another station."""


def do_step(book: ForwardBook, step: int) -> None:
    place = Place(commit_no=step)
    refused = RefusedPoint(
        store="influx", device_id="d", quantity="q", observed_ns=step, value=1.0, flag=1, reason="400", refused_ns=step
    )
    book.advance("influx", Progress(reached=place, settled=place), refused=[refused], counts={"points": 1})


def station(step: int) -> str:
    return "old" if step < MOVE else "new"


def work(folder: Path, recorder: Recorder) -> None:
    book = ForwardBook(folder / "forward.db")
    book.stations({"d": "old"}, now_ns=0)
    recorder.told(0)
    for step in range(1, STEPS + 1):
        book.stations({"d": station(step)}, now_ns=step)
        do_step(book, step)
        recorder.told(step)
        if step in ENDS:
            book.close()
            book = ForwardBook(folder / "forward.db")
    book.close()


def check(folder: Path, cut: Cut) -> None:
    path = folder / "forward.db"
    book = ForwardBook(path)
    progress = book.progress("influx")
    reached = 0 if progress is None else progress.reached.commit_no
    assert reached in (cut.told, cut.told + 1)
    reader = ForwardReader(path)
    assert [point.observed_ns for point in reader.refused(limit=100)] == list(range(reached, 0, -1))
    assert reader.counters().get(("influx", "points"), 0) == reached
    stations = book.stations({"d": station(cut.told)}, now_ns=STEPS + 1)
    assert [stations.at("d", step) for step in range(1, cut.told + 1)] == [station(n) for n in range(1, cut.told + 1)]
    do_step(book, reached + 1)
    book.close()
    assert_nothing_set_aside(folder)
    assert_whole(path)


def test_places_refusals_and_stations_survive() -> None:
    assert try_cuts(record(work), check, count=CUTS) == []
