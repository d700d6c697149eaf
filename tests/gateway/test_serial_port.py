"""A real reader on a pseudo-terminal: frames, garbage, unplugging, a disk that refuses."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.catalog.maxbotix_mb7374 import DEVICE
from devices.model import PermanentError
from gateway.intake import Intake
from gateway.sources.framing import Cut
from gateway.sources.ports import find_port
from gateway.sources.serial_port import SerialOptions, SerialSource
from gateway.spool import Spool
from tests.gateway.ptys import Line
from tests.gateway.sites import GATEWAY, NOW_NS, make_intake
from tests.gateway.spools import all_waiting, open_spool
from tests.support import wait_until

assert DEVICE.serial is not None
LINE = DEVICE.serial


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.close()


def make_source(port: object, intake: Intake, *, queue_most: int = 2_000) -> SerialSource:
    options = SerialOptions(
        name="serial-0",
        gateway_id=GATEWAY,
        port=str(port),
        device_id="snow-01",
        line=LINE,
        baud=9600,
        queue_most=queue_most,
    )
    return SerialSource(options, intake, now_ns=lambda: NOW_NS)


@contextmanager
def running(source: SerialSource) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=source.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5.0)
        assert not thread.is_alive()


def distances(spool: Spool) -> list[float]:
    records = [record for stored in all_waiting(spool) for record in json.loads(stored.body)]
    return [record["v"] for record in records if record["n"] == "snow-01/distance"]


def heard(line: Line, spool: Spool, value_mm: int) -> None:
    """Send one frame again and again until it is in the spool: the line is open and flushed from then on."""

    def tried() -> bool:
        line.send(b"R%04d\r" % value_mm)
        return value_mm / 1000 in distances(spool)

    wait_until(tried, what="frame is in the spool")


def test_frames_come_in_order_each_with_its_own_time(tmp_path: Path, line: Line) -> None:
    spool = open_spool(tmp_path)
    with running(make_source(line.port, make_intake(spool))):
        heard(line, spool, 4_999)
        line.send(b"".join(b"R%04d\r" % (1_000 + i) for i in range(500)))
        wait_until(lambda: 1.499 in distances(spool))
    values = [value for value in distances(spool) if value < 2]
    assert values == [(1_000 + i) / 1000 for i in range(500)]
    times = [stored.received_ns for stored in all_waiting(spool)]
    assert times == sorted(set(times))


def test_damaged_bytes_give_quarantine_and_no_wrong_value(tmp_path: Path, line: Line) -> None:
    spool = open_spool(tmp_path)
    chance = random.Random(12)
    with running(make_source(line.port, make_intake(spool))):
        heard(line, spool, 4_999)
        for i in range(200):
            junk = bytes(chance.choice(b"\x00\xff\x8dxyz7") for _ in range(chance.randrange(4)))
            line.send(junk + b"\r" + b"R%04d\r" % (1_000 + i))
        wait_until(lambda: 1.199 in distances(spool))
    assert {value for value in distances(spool) if value < 2} == {(1_000 + i) / 1000 for i in range(200)}
    counters = spool.state().counters
    assert counters["frames_quarantined"] > 100
    assert counters["frames_quarantined"] - counters["quarantine_not_kept"] == 10


def test_a_line_without_end_is_one_quarantine_row(tmp_path: Path, line: Line) -> None:
    spool = open_spool(tmp_path)
    with running(make_source(line.port, make_intake(spool))):
        heard(line, spool, 4_999)
        line.send(b"x" * 100_000 + b"\r" + b"R1234\r")
        wait_until(lambda: 1.234 in distances(spool))
    reasons = [json.loads(stored.body)[0].get("reason") for stored in all_waiting(spool)]
    assert [reason for reason in reasons if reason] == ["oversize"]
    assert spool.state().counters["serial_bytes_cut"] > 90_000


def test_an_unplugged_line_is_opened_again(tmp_path: Path, line: Line, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path)
    with running(make_source(line.port, make_intake(spool))):
        heard(line, spool, 1_001)
        line.send(b"R12")
        line.unplug()
        wait_until(lambda: "serial_lost" in [r.message for r in caplog.records])
        line.plug_in()
        heard(line, spool, 1_002)
    messages = [r.message for r in caplog.records if r.message.startswith("serial_")]
    assert messages == ["serial_lost", "serial_back"]
    assert set(distances(spool)) == {1.001, 1.002}


def test_a_port_that_comes_later_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path)
    (tmp_path / "dev").mkdir()
    with running(make_source(tmp_path / "dev" / "tty*", make_intake(spool))):
        wait_until(lambda: "serial_lost" in [r.message for r in caplog.records])
        line = Line(tmp_path / "dev")
        heard(line, spool, 1_234)
    line.close()
    assert [r.message for r in caplog.records].count("serial_lost") == 1


def test_while_the_disk_refuses_frames_wait_and_then_come_in(tmp_path: Path, line: Line) -> None:
    spool = open_spool(tmp_path)
    with running(make_source(line.port, make_intake(spool))):
        heard(line, spool, 4_999)
        spool._db.execute("PRAGMA query_only = ON")
        line.send(b"".join(b"R%04d\r" % (1_000 + i) for i in range(100)))
        wait_until(lambda: bool(spool._fault))
        line.send(b"R1100\r")
        spool._db.execute("PRAGMA query_only = OFF")
        wait_until(lambda: 1.1 in distances(spool))
    assert [value for value in distances(spool) if value < 2] == [(1_000 + i) / 1000 for i in range(101)]


def test_beyond_its_bound_the_oldest_frames_go_and_are_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    source = make_source("unused", make_intake(spool), queue_most=10)
    source.take([Cut(payload=b"R%04d\r" % (1_000 + i)) for i in range(25)])
    assert source.flush(now_s=0.0)
    assert distances(spool) == [(1_000 + i) / 1000 for i in range(15, 25)]
    assert spool.state().counters["serial_frames_dropped"] == 15


def test_a_batch_that_failed_is_tried_again_twice_a_second_and_taken_once(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    source = make_source("unused", make_intake(spool))
    spool._db.execute("PRAGMA query_only = ON")
    source.take([Cut(payload=b"R1234\r"), Cut(payload=b"noise\r")])
    assert not source.flush(now_s=10.0)
    spool._db.execute("PRAGMA query_only = OFF")
    assert not source.flush(now_s=10.4)
    assert source.flush(now_s=10.5)
    assert distances(spool) == [1.234]
    assert spool.state().counters["frames_quarantined"] == 1


def test_a_glob_gives_the_first_match(tmp_path: Path) -> None:
    for name in ("b1", "a2", "a1"):
        (tmp_path / name).touch()
    assert find_port(f"{tmp_path}/a*") == str(tmp_path / "a1")
    assert find_port("/dev/ttyUSB0") == "/dev/ttyUSB0"
    with pytest.raises(FileNotFoundError, match="no port matches"):
        find_port(f"{tmp_path}/c*")
    with pytest.raises(PermanentError):
        find_port("")
