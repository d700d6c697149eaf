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
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.link import LinkOptions, Publisher
from gateway.spool_rows import read_row
from tests.gateway.brokers import Broker, LiveHub, mosquitto_path
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
        epoch = db.execute("SELECT value FROM facts WHERE key = 'epoch'").fetchone()[0]
        waiting = db.execute("SELECT count(*) FROM rows WHERE done_ns IS NULL").fetchone()[0]
        rows = db.execute("SELECT number, crc, lane, device_id, received_ns, records, body FROM rows").fetchall()
    finally:
        db.close()
    for number, crc, *columns in rows:
        assert read_row(number, crc, tuple(columns)) is not None
    return epoch, {row[0]: content(json.loads(row[-1])) for row in rows}, waiting


@pytest.mark.crash
@pytest.mark.services
@pytest.mark.skipif(mosquitto_path() is None, reason="mosquitto is not installed")
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_committed_is_lost_by_kills(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    broker = Broker(tmp_path, "mosquitto")
    broker.start()
    hub, line = LiveHub(broker.port), Line(tmp_path)
    network = Publisher(LinkOptions(host="127.0.0.1", port=broker.port, client_id="network"))
    hub.start()
    network.start()
    text = SERIAL_SOURCE.format(port=line.port) + MQTT_SOURCE.format(port=broker.port, uplink="chirpstack_v4")
    (tmp_path / "site.toml").write_text(site_text(sources=text, broker_port=broker.port, heartbeat_s=1))
    talker = Talker(line, network)
    process = start_gateway(tmp_path)
    wait_until(lambda: newest(tmp_path) > 0, 30.0)
    # the network's broker keeps messages for the gateway from its first connection on
    wait_until(lambda: b"link_connected" in (tmp_path / "gateway.log").read_bytes(), 30.0)
    wait_until(lambda: (tmp_path / "gateway.log").read_bytes().count(b"link_connected") >= 2, 30.0)
    talker.start()
    moments = []
    for _ in range(KILLS):
        before = newest(tmp_path)
        wait_until(lambda before=before: newest(tmp_path) > before, 30.0)  # type: ignore[misc]
        Event().wait(chance.uniform(0.0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        moments.append(newest(tmp_path))
        process = start_gateway(tmp_path)
    wait_until(lambda: newest(tmp_path) > moments[-1] + 50, 30.0)
    talker.finish()
    wait_until(lambda: f'"seq": {talker.published}' in hub.all_content(), 60.0, what="last message of the network")
    began_s = time.monotonic()
    process.terminate()
    assert process.wait(10) == 0
    assert time.monotonic() - began_s < 2.0
    process = start_gateway(tmp_path)
    wait_until(lambda: committed(tmp_path)[2] == 0, 60.0, what="the hub has confirmed all")
    process.terminate()
    process.wait(10)
    epoch, rows, _ = committed(tmp_path)
    network.stop()
    hub.stop()
    line.close()
    broker.kill()
    assert sorted(rows) == list(range(1, newest(tmp_path) + 1))
    assert len(rows) > 250
    assert hub.content(epoch) == rows
    seqs = {record["seq"] for row in rows.values() for record in json.loads(row) if "seq" in record}
    assert seqs == set(range(1, talker.published + 1))
    assert len(set(moments)) > KILLS / 2
