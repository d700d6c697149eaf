"""A town for tests of the whole ingest process: mosquitto, `python -m ingest`, a device that publishes by itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from devices.link import LinkOptions, Publisher
from devices.model import TransientError
from ingest.journal_read import JournalReader
from tests.support import free_port, wait_until

DEVICES = ("gauge-1", "gauge-2", "gauge-3", "gauge-4")

_SITE = """\
version = 1

[town]
id = "test-town"
name = "Test town"

[broker]
port = {port}

[[station]]
id = "pass"
name = "Pass"
domain = "snow"
"""

_DEVICE = """
[[device]]
id = "{id}"
name = "{id}"
model = "senml"
station = "pass"
"""

_BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 200
"""


class IngestTown:
    """One folder with a site, a broker that is already running, and an ingest process to start and kill."""

    def __init__(self, folder: Path, *, port: int) -> None:
        self.folder, self.port = folder, port
        self.site_path = folder / "site.toml"
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        devices = "".join(_DEVICE.format(id=device_id) for device_id in DEVICES)
        self.site_path.write_text(_SITE.format(port=port) + devices, encoding="utf-8")
        self.reader = JournalReader(self.data_dir / "journal.db")
        self.log_path = folder / "ingest.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start_ingest(self) -> int:
        """Start the process; return its id."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(self.command(), stderr=log, stdin=subprocess.DEVNULL)
        return self._process.pid

    def command(self) -> list[str]:
        return [sys.executable, "-m", "ingest", "--site", str(self.site_path), "--data", str(self.data_dir)]

    def end_ingest(self, how: signal.Signals) -> int:
        """Send the signal, wait for the end, return the exit code."""
        assert self._process is not None
        self._process.send_signal(how)
        return self._process.wait(timeout=20)

    def wait_for_ingest(self) -> None:
        """Wait until a reading sent now reaches the journal: from here on the broker keeps everything for ingest."""
        with publisher(self.port, client_id="probe") as probe:

            def has_arrived() -> bool:
                probe.publish("readings/v1/probe", record("gauge-1", seq=0, at_s=0), qos=1)
                with suppress(TransientError):  # the file that stands there first may be damaged
                    return bool(self.reader.observation_counts())
                return False

            wait_until(has_arrived, 20.0, what="the first reading in the journal")

    def starts(self) -> int:
        """How often ingest has opened its journal."""
        return self.reader.counters().get("starts", 0)

    def wait_for_start(self, *, beyond: int) -> None:
        """Wait until ingest has opened its journal more often than that."""
        wait_until(lambda: self.starts() > beyond, 20.0, what="ingest at work again")

    def stored_seqs(self) -> dict[str, list[int | None]]:
        """The frame counters of every device's stored readings, oldest first."""
        return {
            device_id: [
                row.seq for row in self.reader.observations(device_id, "distance", from_ns=0, to_ns=2**62, limit=10**6)
            ]
            for device_id in DEVICES
        }

    def events_logged(self) -> list[str]:
        """The event names in ingest's log."""
        lines = self.log_path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(timeout=20)
        self.reader.close()


def record(device_id: str, *, seq: int, at_s: int, **extension: object) -> bytes:
    """One SenML record: a distance at 2023-11-14 plus `at_s` seconds."""
    fields = {"n": f"{device_id}/distance", "u": "m", "v": 2.0 + seq % 7 / 1000, "t": 1_700_000_000 + at_s, "seq": seq}
    return json.dumps([fields | extension]).encode()


@contextmanager
def publisher(port: int, *, client_id: str, topics: Sequence[str] = ()) -> Iterator[Publisher]:
    """A connected client that is stopped at the end."""
    client = Publisher(LinkOptions(host="127.0.0.1", port=port, client_id=client_id, max_queued=5_000), topics)
    client.start()
    wait_until(lambda: client.is_connected, what="publisher connected")
    yield client
    client.stop()


@contextmanager
def running_broker(folder: Path) -> Iterator[int]:
    """Run mosquitto on a free port of loopback; give the port."""
    binary = shutil.which("mosquitto", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))
    if binary is None:
        pytest.skip("mosquitto is not installed")
    port = free_port()
    conf = folder / "mosquitto.conf"
    conf.write_text(_BROKER.format(port=port), encoding="utf-8")
    with (folder / "mosquitto.log").open("wb") as log:
        process = subprocess.Popen([binary, "-c", str(conf)], stdout=log, stderr=log)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)
