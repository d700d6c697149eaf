"""SIGKILL of the gateway's process at random moments while a serial line and a network talk.

What was in the kernel's buffer and unread when the process died was never accepted. Everything that was committed
must reach the hub with its content, and everything the network's broker had acknowledged must be there.
"""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.link import Publisher
from gateway.spool_rows import read_row
from tests.gateway.brokers import needs_mosquitto, town
from tests.gateway.hubs import content
from tests.gateway.ptys import Line
from tests.gateway.sites import GATEWAY, MQTT_SOURCE, SERIAL_SOURCE, site_text, spool_path
from tests.gateway.test_decode import chirp
from tests.support import wait_until

KILLS = 12


class Talker(Thread):
    """The instrument and the network: frames whose value counts up, messages whose counter counts up."""

    def __init__(self, line: Line, network: Publisher) -> None:
        super().__init__(daemon=True)
        self._line = line
        self._network = network
        self._finished = Event()
        self.frames = 0
        self.published = 0

    def run(self) -> None:
        while not self._finished.wait(0.004):
            if self._line.is_open():
                self.frames += 1
                self._line.send(b"R%04d\r" % (501 + self.frames % 4_499))
            if self.frames % 5 == 0:
                arrival = chirp(fCnt=self.published + 1)
                self.published += self._network.publish(arrival.message.topic, arrival.message.payload)

    def finish(self) -> None:
        self._finished.set()
        self.join(10)


def start_gateway(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gateway", "--site", str(folder / "site.toml"), "--data", str(folder)]
    with (folder / "gateway.log").open("ab") as log:
        return subprocess.Popen([*command, "--id", GATEWAY], stderr=log)


def newest(folder: Path) -> int:
    try:
        db = sqlite3.connect(f"file:{spool_path(folder)}?mode=ro", uri=True)
    except sqlite3.OperationalError:
        return 0
    try:
        return int(db.execute("SELECT value FROM facts WHERE key = 'newest'").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        db.close()


def committed(folder: Path) -> tuple[str, dict[int, str], int]:
    """Return epoch, content of every row in the file (checksums hold), and how many the hub has not confirmed."""
    db = sqlite3.connect(f"file:{spool_path(folder)}?mode=ro", uri=True)
    try:
        db.execute("BEGIN")  # one moment for all three
        epoch = db.execute("SELECT value FROM facts WHERE key = 'epoch'").fetchone()[0]
        waiting = db.execute("SELECT count(*) FROM rows WHERE done_ns IS NULL").fetchone()[0]
        rows = db.execute("SELECT number, crc, lane, device_id, received_ns, records, body FROM rows").fetchall()
    finally:
        db.close()
    for number, crc, *columns in rows:
        assert read_row(number, crc, tuple(columns)) is not None
    return epoch, {row[0]: content(json.loads(row[-1])) for row in rows}, waiting


def confirmed(folder: Path) -> tuple[str, dict[int, str]] | None:
    """Return epoch and rows at a moment when the hub has confirmed every row, else None."""
    epoch, rows, waiting = committed(folder)
    return None if waiting else (epoch, rows)


@contextmanager
def gateway_process(folder: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Give a function that starts the gateway; kills it afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(start_gateway(folder))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(10)


def kill_again_and_again(folder: Path, start: Callable[[], subprocess.Popen[bytes]], chance: random.Random) -> int:
    """Kill the running gateway at a random moment after it took something, KILLS times; return the moments seen."""
    moments = set()
    process = start()
    for _ in range(KILLS):
        before = newest(folder)
        wait_until(partial(lambda old: newest(folder) > old, before), 30.0, what="the gateway takes rows")
        Event().wait(chance.uniform(0.0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        moments.add(newest(folder))
        process = start()
    wait_until(lambda: newest(folder) > max(moments) + 50, 30.0, what="the last gateway takes rows")
    return len(moments)


def stop_in_order(process: subprocess.Popen[bytes]) -> None:
    began_s = time.monotonic()
    process.terminate()
    assert process.wait(10) == 0
    assert time.monotonic() - began_s < 2.0


@pytest.mark.crash
@pytest.mark.services
@needs_mosquitto
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_committed_is_lost_by_kills(tmp_path: Path, seed: int) -> None:
    with town(tmp_path, "mosquitto") as (broker, hub, line, network), gateway_process(tmp_path) as start:
        text = SERIAL_SOURCE.format(port=line.port) + MQTT_SOURCE.format(port=broker.port, uplink="chirpstack_v4")
        (tmp_path / "site.toml").write_text(site_text(sources=text, broker_port=broker.port, heartbeat_s=1))
        process = start()
        # from the first connection of source and uplink on, the network's broker keeps messages for the gateway
        log = tmp_path / "gateway.log"
        wait_until(lambda: log.read_bytes().count(b"link_connected") >= 2, 30.0, what="both links")
        process.kill()
        process.wait(10)
        talker = Talker(line, network)
        talker.start()
        moments = kill_again_and_again(tmp_path, start, random.Random(seed))
        talker.finish()
        wait_until(lambda: f'"seq": {talker.published}' in hub.all_content(), 60.0, what="the network's last message")
        found = wait_until(lambda: confirmed(tmp_path), 60.0, what="the hub has confirmed all")
    assert found is not None
    epoch, rows = found
    assert sorted(rows) == list(range(1, len(rows) + 1))
    assert len(rows) > 250
    arrived = hub.content(epoch)
    assert {number: arrived.get(number) for number in rows} == rows
    seqs = {record["seq"] for row in rows.values() for record in json.loads(row) if "seq" in record}
    assert seqs == set(range(1, talker.published + 1))
    assert moments > KILLS / 2


@pytest.mark.services
@needs_mosquitto
def test_sigterm_ends_the_process_in_time(tmp_path: Path) -> None:
    with town(tmp_path, "mosquitto") as (broker, _hub, line, _network), gateway_process(tmp_path) as start:
        text = SERIAL_SOURCE.format(port=line.port) + MQTT_SOURCE.format(port=broker.port, uplink="chirpstack_v4")
        (tmp_path / "site.toml").write_text(site_text(sources=text, broker_port=broker.port))
        process = start()
        wait_until(line.is_open, 30.0)
        wait_until(lambda: newest(tmp_path) > 0, 30.0)
        stop_in_order(process)
