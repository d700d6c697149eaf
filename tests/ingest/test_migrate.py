"""History goes from a real journal to a real server; interrupted anywhere, it goes on and ends whole."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from devices.model import PermanentError
from devices.site_file import parse_site
from ingest.forward import ForwardOptions, open_parts, run_forward
from ingest.forward_book import FORWARD_FILE, ForwardReader
from ingest.forwarder import Forwarder, Pace
from ingest.journal import JournalBatch, JournalWriter
from ingest.migrate import Migration
from ingest.store_check import check_stores, forwarded_stores
from tests.ingest.journal_cases import T0_NS, outcome, reading
from tests.ingest.stores.fault_server import Answer, fault_server
from tests.ingest.stores.victoria import needs_victoria, victoria
from tests.support import wait_until

SITE = """\
version = 1
[town]
id = "t"
name = "村"
[store.influx]
url = "{url}"
bucket = "b"
batch_points = 40
timeout_s = 2
[[station]]
id = "pass"
name = "峠"
domain = "snow"
[[device]]
id = "snow-1"
name = "積雪計"
model = "senml"
station = "pass"
"""
FAST = Pace(backoff_first_s=0.01, backoff_most_s=0.05, settle_s=0.0)


def options(folder: Path, url: str) -> ForwardOptions:
    return ForwardOptions(site=parse_site(SITE.format(url=url)), data_dir=folder, pace=FAST)


def fill(folder: Path, count: int, *, first: int = 0) -> set[tuple[str, str, int]]:
    """Write so many readings of two devices; return what a server with milliseconds must hold of all of them."""
    writer = JournalWriter.open(folder / "journal.db", now_ns=T0_NS)
    numbers = range(first, first + count)
    for start in range(0, count, 16):
        readings = [reading(f"snow-{1 + i % 2}", at_s=i, value=float(i)) for i in numbers[start : start + 16]]
        writer.commit(JournalBatch(outcome=outcome(readings), now_ns=T0_NS))
    writer.close()
    return {(f"snow-{1 + i % 2}", "snow_depth", (T0_NS // 10**6) + i * 1000) for i in range(first + count)}


def migrate(given: ForwardOptions, *, stop_after: int = 10**9, again: bool = False) -> tuple[bool, list[int]]:
    stop = threading.Event()
    with Migration.begin(given, to="influx", again=again, stop=stop) as migration:
        seen = []
        for copied in migration.run():
            seen.append(copied)
            if len(seen) >= stop_after:
                stop.set()
        return migration.is_done(), seen


@pytest.mark.services
@needs_victoria
def test_history_goes_over_in_pieces(tmp_path: Path) -> None:
    expected = fill(tmp_path, 500)
    with victoria(tmp_path / "victoria") as server:
        given = options(tmp_path, server.url)
        for _ in range(5):
            assert migrate(given, stop_after=2)[0] is False
        is_done, seen = migrate(given)
        assert is_done
        assert seen[-1] == 500
        assert set(server.values()) == expected
        assert migrate(given) == (True, [])


@pytest.mark.services
@needs_victoria
def test_a_server_killed_in_the_middle_has_everything_in_the_end(tmp_path: Path) -> None:
    """It loses what it said yes to and had not synced; all of it is sent again."""
    expected = fill(tmp_path, 2_000)
    stop = threading.Event()
    with victoria(tmp_path / "victoria") as server:
        given = ForwardOptions(
            site=options(tmp_path, server.url).site, data_dir=tmp_path, pace=Pace(backoff_first_s=0.05, settle_s=3.0)
        )
        with open_parts("influx", forwarded_stores(given.site)["influx"], given) as parts:
            forwarder = Forwarder(parts, stop)
            for _ in range(20):
                forwarder.step()
            server.kill()
            restart = threading.Timer(0.3, server.start)
            restart.start()
            wait_until(lambda: not forwarder.step(), 30.0)
            restart.join()
        assert set(server.values()) == expected


def test_a_second_time_only_when_asked(tmp_path: Path) -> None:
    fill(tmp_path, 100)
    with fault_server() as server:
        given = options(tmp_path, server.url)
        assert migrate(given)[0]
        assert len(server.stored) == 100
        server.stored.clear()
        assert migrate(given) == (True, [])
        assert migrate(given, again=True)[0]
        assert len(server.stored) == 100


def test_stopping_while_the_store_is_away(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    with fault_server(lambda _: Answer(status=503, takes=False)) as server:
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        with Migration.begin(options(tmp_path, server.url), to="influx", again=False, stop=stop) as migration:
            assert list(migration.run()) == []
            assert not migration.is_done()
    assert [status.state for status in ForwardReader(tmp_path / FORWARD_FILE).statuses()] == ["away"]


def test_the_process_forwards_what_comes_and_stops(tmp_path: Path) -> None:
    fill(tmp_path, 50)
    stop = threading.Event()
    with fault_server() as server:
        thread = threading.Thread(target=run_forward, args=(options(tmp_path, server.url), stop))
        thread.start()
        try:
            wait_until(lambda: len(server.stored) == 50)
            fill(tmp_path, 50, first=50)
            wait_until(lambda: len(server.stored) == 100)
        finally:
            stop.set()
            thread.join(5.0)
        assert not thread.is_alive()
    tags = {tags for tags, _ in server.stored}
    assert "observation,device=snow-1,quantity=snow_depth,station=pass" in tags
    assert "observation,device=snow-2,quantity=snow_depth" in tags


def test_a_site_without_store_is_told_so(tmp_path: Path) -> None:
    site = parse_site('version = 1\n[town]\nid = "t"\nname = "t"\n[store.journal]\n')
    with pytest.raises(PermanentError, match=r"store\.influx"):
        run_forward(ForwardOptions(site=site, data_dir=tmp_path), threading.Event())


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('[store.influx]\nurl = "http://h"\n', "store.influx.bucket"),
        ('[store.influx]\nurl = "h"\nbucket = "b"\n', "store.influx.url"),
        ("[store.nosuch]\n", "store.nosuch"),
        ("[store.journal]\nurl = 1\n", "store.journal.url"),
    ],
)
def test_wrong_stores_are_named(lines: str, key: str) -> None:
    site = parse_site('version = 1\n[town]\nid = "t"\nname = "t"\n' + lines)
    assert [problem.key for problem in check_stores(site)] == [key]
