"""Forwarding against servers that fail: every point of the journal ends in the store, once, and nothing else does."""

from __future__ import annotations

import math
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.model import TransientError
from ingest.feed import JournalFeed, Portion
from ingest.forward_book import FORWARD_FILE, ForwardBook, Place
from ingest.forwarder import Pace, StoppedError
from ingest.journal_read import ObservationRow
from ingest.store_model import Points, Written
from ingest.stores.influx import InfluxStore
from tests.ingest.forward_bench import T_NS, Bench, Columns, Commit, Journal, Name
from tests.ingest.stores.fault_server import ACCEPT, Answer, fault_server
from tests.support import wait_until


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with fault_server() as server:
        yield Bench(folder=tmp_path, journal=Journal(), server=server)


def test_history_and_changes_arrive(bench: Bench) -> None:
    bench.journal.add(120)
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    bench.journal.add(30, series=2)
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert max(bench.server.sizes) <= 50
    assert bench.book.statuses()[0].state == "ok"


def test_what_was_forwarded_long_ago_is_not_sent_again(bench: Bench) -> None:
    bench.pace = Pace(settle_s=0.0)
    bench.journal.add(120)
    bench.run()
    bench.server.sizes.clear()
    bench.run()
    assert bench.server.sizes == []


def test_the_next_portion_is_read_while_the_store_writes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.journal.add(120)
    was_read_again = threading.Event()
    after, write = JournalFeed.after, InfluxStore.write
    asked: list[Place] = []
    waited: list[bool] = []

    def watched(self: JournalFeed, place: Place, *, limit: int) -> Portion:
        portion = after(self, place, limit=limit)
        asked.append(place)
        if len(asked) == 2:
            was_read_again.set()
        return portion

    def slow(self: InfluxStore, points: Points) -> Written:
        waited.append(was_read_again.wait(10))
        return write(self, points)

    monkeypatch.setattr(JournalFeed, "after", watched)
    monkeypatch.setattr(InfluxStore, "write", slow)
    bench.run()
    assert waited[0]
    assert bench.server.stored == bench.journal.as_stored()


def test_an_empty_journal_sends_nothing(bench: Bench) -> None:
    bench.run()
    assert bench.server.sizes == []
    bench.journal.add(3)
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()


def test_corrections_come_again(bench: Bench) -> None:
    bench.journal.write({(1, T_NS): (1.0, 2), (1, T_NS + 1): (2.0, 1), (1, T_NS + 2): (math.nan, 9)})
    bench.run()
    bench.journal.write({(1, T_NS): (1.5, 3), (1, T_NS + 1): (math.nan, 9), (1, T_NS + 2): (3.0, 1)})
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()


def test_a_row_taken_back_is_overwritten(bench: Bench) -> None:
    bench.journal.write({(1, T_NS): (1.0, 1), (1, T_NS + 1): (2.0, 1)})
    bench.run()
    bench.journal.write({(1, T_NS - 5): (1.0, 1)}, removed=[(1, T_NS)])
    bench.run()
    gone = ("observation,device=d-1,quantity=distance,station=st-1", str(T_NS))
    assert bench.server.stored.pop(gone) == "flag=0i,bad=t"
    assert bench.server.stored == bench.journal.as_stored()


def test_a_time_that_another_row_still_has_is_not_withdrawn(bench: Bench) -> None:
    """Two readings with one time and two counters: one of them goes, the other one stays."""
    bench.journal.write({(1, T_NS): (1.0, 1)})
    bench.run()
    bench.journal.write({(1, T_NS): (7.0, 1)}, removed=[(1, T_NS)])
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()


SECOND = "observation,device=d-1,nth=2,quantity=distance,station=st-1"


@pytest.mark.parametrize("is_copied", [False, True], ids=["as changes", "as history"])
def test_two_readings_of_one_time_are_two_points(bench: Bench, is_copied: bool) -> None:
    """A device whose clock counts whole seconds, and its frame counter goes on."""
    bench.pace = Pace(settle_s=0.0)  # what was sent is not sent again
    bench.journal.write({(1, T_NS, 4): (1.0, 1)})
    if not is_copied:
        bench.run()
    bench.journal.write({(1, T_NS, 5): (2.0, 1), (1, T_NS + 1, 6): (3.0, 1)})
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert bench.server.stored[SECOND, str(T_NS)] == "value=2.0,flag=1i,bad=f"


def test_the_first_of_two_that_comes_late_is_the_first_point(bench: Bench) -> None:
    bench.pace = Pace(settle_s=0.0)  # what was sent is not sent again
    bench.journal.write({(1, T_NS, 5): (2.0, 1), (1, T_NS + 1, 6): (3.0, 1)})
    bench.run()
    bench.journal.write({(1, T_NS, 4): (1.0, 1)})
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert len(bench.server.stored) == 3


def test_a_second_reading_that_is_taken_back_leaves_nothing(bench: Bench) -> None:
    """Also when the journal is far ahead of what is forwarded, and the process is another one."""
    bench.pace = Pace(settle_s=0.0)  # what was sent is not sent again
    bench.batch_points = 1
    bench.journal.write({(1, T_NS, seq): (float(seq), 1) for seq in (4, 5, 6)})
    bench.run()
    for seq in (6, 4):
        bench.journal.write({}, removed=[(1, T_NS, seq)])
    bench.run()
    gone = {name: said for name, said in bench.server.stored.items() if said == "flag=0i,bad=t"}
    assert set(gone) == {(SECOND, str(T_NS)), (SECOND.replace("nth=2", "nth=3"), str(T_NS))}
    assert {name: said for name, said in bench.server.stored.items() if name not in gone} == bench.journal.as_stored()


def test_a_time_is_looked_up_only_where_another_reading_may_be(bench: Bench) -> None:
    asked: list[int] = []
    look = bench.journal.observations

    def counted(device_id: str, quantity: str, *, from_ns: int, to_ns: int, limit: int) -> list[ObservationRow]:
        asked.append(from_ns)
        return look(device_id, quantity, from_ns=from_ns, to_ns=to_ns, limit=limit)

    bench.journal.write({(1, T_NS, 0): (0.0, 1)})
    with bench.forwarder() as forwarder:
        while forwarder.step():
            pass
        bench.journal.observations = counted  # type: ignore[method-assign]
        bench.journal.write({(1, T_NS + n, n): (1.0, 1) for n in range(1, 20)})
        bench.journal.write({(2, T_NS - n): (1.0, 1) for n in range(20)})
        while forwarder.step():
            pass
        late = asked[:]
        bench.journal.write({(1, T_NS + 7, 30): (1.0, 1), (1, T_NS + 9, 31): (1.0, 1)})
        while forwarder.step():
            pass
    assert bench.server.stored == bench.journal.as_stored()
    assert (len(late), len(asked) - len(late)) == (1, 1)


@pytest.mark.lesson(56)
def test_a_journal_that_has_forgotten_is_copied_again(bench: Bench) -> None:
    bench.journal.add(60)
    bench.run()
    bench.journal.add(60)
    bench.journal.forgotten = bench.journal.commit_no()
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert bench.counter("copied_again") == 1


def test_rows_that_share_a_time_are_copied_across_pages(bench: Bench) -> None:
    bench.batch_points = 4
    for series in (1, 2, 5):
        bench.journal.add(10, series=series)
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()


@pytest.mark.parametrize(
    "fault",
    [
        Answer(status=503, takes=False),
        Answer(status=429, takes=False, headers={"Retry-After": "0"}),
        Answer(status=401, takes=False),
        Answer(status=404, takes=False),
        Answer(status=204, wait_s=0.6),  # it took the points, but too late for us
        Answer(drops=True),
    ],
)
@pytest.mark.lesson(52)
def test_faults_delay_and_lose_nothing(bench: Bench, fault: Answer) -> None:
    number = iter(range(10_000))
    bench.server.plan = lambda _: fault if next(number) % 3 == 1 else ACCEPT
    bench.journal.add(200)
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert bench.counter("refused") == 0
    assert bench.counter("away_spells") > 0


@pytest.mark.lesson(53)
def test_the_one_bad_point_goes_aside(bench: Bench) -> None:
    bench.journal.add(200)
    bad = str(T_NS + 77)
    bench.server.plan = lambda lines: (
        Answer(status=400, body='{"message":"field type conflict"}', takes=False)
        if any(line.endswith(bad) for line in lines)
        else ACCEPT
    )
    bench.run()
    expected = bench.journal.as_stored()
    refused = bench.book.refused(limit=10)
    assert [(point.device_id, point.observed_ns, point.value) for point in refused] == [("d-1", T_NS + 77, 77.0)]
    assert "field type conflict" in refused[0].reason
    assert bench.server.stored == {name: said for name, said in expected.items() if name[1] != bad}
    assert bench.counter("refused") == 1


@pytest.mark.lesson(54)
def test_a_lone_bad_point_does_not_stop_what_comes_after(bench: Bench) -> None:
    bench.server.plan = lambda lines: Answer(status=422, takes=False) if lines[0].endswith(str(T_NS + 1)) else ACCEPT
    bench.journal.add(1)
    bench.run()
    bench.journal.add(5)
    bench.run()
    assert [point.observed_ns for point in bench.book.refused(limit=9)] == [T_NS + 1]
    assert len(bench.server.stored) == 5


def test_a_server_that_refuses_everything_for_a_while_costs_no_point(bench: Bench) -> None:
    bench.journal.add(200)
    answers = iter([Answer(status=400, takes=False)] * 100)
    bench.server.plan = lambda _: next(answers, ACCEPT)
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert bench.counter("refused") == 0


def test_too_large_writes_are_halved(bench: Bench) -> None:
    bench.journal.add(200)
    bench.server.plan = lambda lines: Answer(status=413, takes=False) if len(lines) > 9 else ACCEPT
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert bench.counter("refused") == 0


@pytest.mark.lesson(55)
def test_points_too_old_are_reported_and_not_retried(bench: Bench) -> None:
    body = '{"message":"partial write: points beyond retention policy dropped=3"}'
    bench.journal.add(5)
    bench.server.plan = lambda _: Answer(status=422, body=body)
    bench.run()
    assert bench.server.sizes == [5]
    assert bench.counter("too_old") == 3
    assert bench.counter("accepted") == 2


@pytest.mark.lesson(51)
def test_what_a_killed_server_forgot_is_sent_again(bench: Bench) -> None:
    """It said yes, was killed before it had synced, and came back: the forwarder itself lives on."""
    bench.journal.add(100)
    with bench.forwarder() as forwarder:
        while forwarder.step():
            pass
        forgotten = dict(list(bench.server.stored.items())[50:])
        for name in forgotten:
            del bench.server.stored[name]
        bench.server.plan = lambda _: Answer(drops=True) if not bench.server.queries else ACCEPT
        bench.journal.add(10)
        threading.Timer(0.1, lambda: bench.server.queries.append("it is back")).start()
        wait_until(lambda: not forwarder.step() and bench.server.stored == bench.journal.as_stored(), 5.0)
    assert bench.counter("went_back") == 1


def test_stopping_does_not_wait_for_a_dead_server(bench: Bench) -> None:
    bench.pace = Pace(backoff_first_s=3_600.0, backoff_most_s=3_600.0)
    bench.server.plan = lambda _: Answer(status=503, takes=False)
    bench.journal.add(5)
    threading.Timer(0.2, bench.stop.set).start()
    with bench.forwarder() as forwarder, pytest.raises(StoppedError):
        forwarder.step()
    assert bench.book.statuses()[0].state == "away"
    assert "503" in bench.book.statuses()[0].said


def test_retry_after_is_obeyed(bench: Bench) -> None:
    bench.server.plan = lambda _: Answer(status=429, takes=False, headers={"Retry-After": "3600"})
    bench.journal.add(5)
    threading.Timer(0.5, bench.stop.set).start()
    with bench.forwarder() as forwarder, pytest.raises(StoppedError):
        forwarder.step()
    assert bench.server.sizes == [5]


def test_a_moved_device_keeps_the_station_of_its_old_points(bench: Bench) -> None:
    bench.journal.add(5)
    bench.run()
    before = dict(bench.server.stored)
    book = ForwardBook(bench.folder / FORWARD_FILE)
    book.stations({"d-1": "elsewhere"}, now_ns=T_NS + 3)
    book.stations({"d-1": "st-1"}, now_ns=T_NS + 1_000)
    book.close()
    bench.journal.forgotten = bench.journal.commit_no() + 1
    bench.journal.commits.append(Commit(bench.journal.commit_no() + 2, Columns(), Columns()))
    bench.run()
    moved = {tags for tags, _ in bench.server.stored} - {tags for tags, _ in before}
    assert moved == {"observation,device=d-1,quantity=distance,station=elsewhere"}
    assert all(int(time_ns) >= T_NS + 3 for tags, time_ns in bench.server.stored if "elsewhere" in tags)


@pytest.mark.lesson(20)
def test_a_damaged_book_is_set_aside_and_all_is_copied(bench: Bench) -> None:
    bench.journal.add(20)
    bench.run()
    bench.server.stored.clear()
    for file in bench.folder.glob("forward.db*"):
        file.write_bytes(b"\xff" * 5_000)
    bench.run()
    assert bench.server.stored == bench.journal.as_stored()
    assert (bench.folder / "forward.db.damaged-1").exists()


def test_a_book_that_cannot_be_opened_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        ForwardBook(tmp_path / "absent" / FORWARD_FILE)


def test_the_list_of_refused_points_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.forward_book.REFUSED_RING", 10)
    folder = tmp_path
    with fault_server() as server:
        bench = Bench(folder=folder, journal=Journal(), server=server)
        bench.journal.add(40)
        server.plan = lambda lines: (
            ACCEPT if len(lines) == 1 and lines[0].endswith("01") else Answer(status=400, takes=False)
        )
        bench.run()
    assert len(bench.book.refused(limit=100)) == 10
    with sqlite3.connect(folder / FORWARD_FILE) as connection:
        assert connection.execute("SELECT count(*) FROM refused").fetchone() == (10,)


Rows = dict[Name, tuple[float, int]]
values = st.tuples(st.floats(-5, 5) | st.just(math.nan), st.sampled_from([1, 2, 3, 4, 9]))
times = st.integers(T_NS, T_NS + 6)
names = st.tuples(st.just(1), times, st.just(-1)) | st.tuples(st.integers(2, 3), times, st.integers(0, 3))
commits = st.lists(st.tuples(st.dictionaries(names, values, max_size=6), st.lists(names, max_size=2)), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(parts=st.lists(commits, min_size=1, max_size=4), data=st.data())
def test_any_commits_any_cut_any_repetition(
    tmp_path_factory: pytest.TempPathFactory, parts: Sequence[Sequence[tuple[Rows, list[Name]]]], data: st.DataObject
) -> None:
    with fault_server() as server:
        size = data.draw(st.integers(1, 9))
        bench = Bench(folder=tmp_path_factory.mktemp("f"), journal=Journal(), server=server, batch_points=size)
        outcomes = iter(data.draw(st.lists(st.sampled_from(["ok", "lost", "503"]), max_size=8)))
        bench.server.plan = lambda _: PLANS[next(outcomes, "ok")]()
        bench.pace = Pace(backoff_first_s=0.001, backoff_most_s=0.002, settle_s=0.0)
        for part in parts:
            for rows, removed in part:
                bench.journal.write(rows, removed=[name for name in removed if name in bench.journal.held])
            bench.run()
        withdrawn = {name for name, said in server.stored.items() if said == "flag=0i,bad=t"}
        stored = {name: said for name, said in server.stored.items() if name not in withdrawn}
    assert stored == bench.journal.as_stored()


PLANS: dict[str, Callable[[], Answer]] = {
    "ok": lambda: ACCEPT,
    "lost": lambda: Answer(status=500),  # it took the points and said that it did not
    "503": lambda: Answer(status=503, takes=False),
}
