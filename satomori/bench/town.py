"""A town for figures that need the real services: mosquitto on a free port, a site, `python -m ingest`."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from devices.clock import Clock
from devices.model import SECOND_NS
from ingest.journal_read import JournalReader
from satomori.bench.model import Bench, SkippedError
from satomori.bench.mqtt_raw import RawClient
from satomori.broker import find_mosquitto

_SITE = """\
version = 1
[town]
id = "bench"
name = "bench"
[broker]
port = {port}
"""
_STATION = '[[station]]\nid = "s{0:06d}"\nname = "s{0:06d}"\ndomain = "snow"\n'
_DEVICE = '[[device]]\nid = "d{0:06d}"\nname = "d{0:06d}"\nmodel = "senml"\nstation = "s{1:06d}"\n'
_AT_A_STATION = 4
_RULES = """\
[[rule]]
id = "frost"
kind = "threshold"
quantity = "air_temperature"
params = { raise_at = -9.0, clear_at = -7.0, direction = "below" }
[[rule]]
id = "gale"
kind = "threshold"
quantity = "wind_speed"
params = { raise_at = 13.0, clear_at = 11.0 }
[[rule]]
id = "deep"
kind = "threshold"
quantity = "snow_depth"
params = { raise_at = 1.6, clear_at = 1.4 }
"""
_BROKER = """\
listener {port} 127.0.0.1
allow_anonymous true
user {user}
persistence false
max_queued_messages 0
max_inflight_messages 200
log_type none
"""
_POLL_S = 0.005
_QUIET_S = 0.5

READINGS, NOT_READINGS = "readings/v1", "bench123/v1"
"""Where ingest listens, and where it does not: topics of the same length."""


class BenchTown:
    """Broker, site and data folder; services are started by whoever needs them."""

    def __init__(self, bench: Bench, *, devices: int, more: str = "", spared: int = 0) -> None:
        """Start the broker. `spared` further devices never speak of themselves, see `messages`.

        `more` is added to the site; in it {port} stands for the broker's.

        Raises SkippedError when mosquitto is not installed.
        """
        binary = find_mosquitto()
        if binary is None:
            raise SkippedError("mosquitto is not installed")
        self.bench, self.devices = bench, devices
        self.port = free_port()
        self.data = bench.folder / "data"
        self.data.mkdir()
        self.site = bench.folder / "site.toml"
        self.spared = [f"d{number:06d}" for number in range(devices, devices + spared)]
        text = (
            _SITE.format(port=self.port) + _places(devices + spared) + _RULES + more.replace("{port}", str(self.port))
        )
        self.site.write_text(text, encoding="utf-8")
        conf = bench.folder / "mosquitto.conf"
        user = pwd.getpwuid(os.getuid()).pw_name
        conf.write_text(_BROKER.format(port=self.port, user=user), encoding="utf-8")
        bench.start([binary, "-c", str(conf)], name="mosquitto")
        wait_until(lambda: listens(self.port), what="the broker")
        self.reader = JournalReader(self.data / "journal.db")
        self._step = 0

    def start(self, service: str, *more: str) -> subprocess.Popen[bytes]:
        """Start a service of `satomori`."""
        argv = [sys.executable, "-m", "satomori", service, "--site", str(self.site), "--data", str(self.data), *more]
        return self.bench.start(argv, name=service)

    def start_ingest(self) -> subprocess.Popen[bytes]:
        """Start ingest and wait until it hears."""
        argv = [sys.executable, "-m", "ingest", "--site", str(self.site), "--data", str(self.data)]
        process = self.bench.start(argv, name="ingest")
        self.wait_for_ingest()
        return process

    def wait_for_ingest(self, *, timeout_s: float = 60.0) -> None:
        """Say something every now and then until a reading is in the journal."""
        client = RawClient(self.port, "bench-probe")

        def has_arrived() -> bool:
            client.publish(list(self.messages(1)))
            return self.readings() > 0

        wait_until(has_arrived, timeout_s=timeout_s, what="the first reading in the journal", poll_s=0.05)
        client.close()
        self.settle()

    def settle(self) -> None:
        """Wait until nothing more comes."""
        before = -1
        while before != (before := self.readings()):
            Event().wait(_QUIET_S)

    def messages(self, count: int, *, root: str = READINGS) -> Iterator[tuple[str, bytes]]:
        """Give single readings of all devices in turn, each newer than the one before; a few of them raise a rule."""
        now_ns = Clock().now_ns()
        for number in range(count):
            self._step += 1
            device = f"d{self._step % self.devices:06d}"
            value = -10.0 if self._step % 5_003 == 0 else (self._step % 97) / 10
            yield f"{root}/{device}", one_reading(device, value, observed_ns=now_ns - (count - number) * 1_000)

    def readings(self) -> int:
        """Return how many readings are durable."""
        return self.reader.counters().get("readings", 0)

    def stored(self) -> int:
        """Return how many observations the journal holds."""
        return sum(self.reader.observation_counts().values())


def _places(devices: int) -> str:
    """Return stations of four devices each."""
    stations = (_STATION.format(number) for number in range(-(-devices // _AT_A_STATION)))
    return "".join((*stations, *(_DEVICE.format(number, number // _AT_A_STATION) for number in range(devices))))


def one_reading(device: str, value: float, *, observed_ns: int) -> bytes:
    """Return the message of one air temperature."""
    seconds, rest_ns = divmod(observed_ns, SECOND_NS)
    return f'[{{"n":"{device}/air_temperature","u":"Cel","v":{value},"t":{seconds}.{rest_ns:09d}}}]'.encode()


def free_port() -> int:
    """Return a TCP port of loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Tell whether somebody listens on this port of loopback."""
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def wait_until(is_so: Callable[[], object], *, what: str, timeout_s: float = 60.0, poll_s: float = _POLL_S) -> None:
    """Wait until it is so. Raises SkippedError after `timeout_s`, so that the other figures are still measured."""
    never, deadline_s = Event(), time.monotonic() + timeout_s
    while not is_so():
        if time.monotonic() > deadline_s:
            raise SkippedError(f"{what} did not come within {timeout_s:g} s")
        never.wait(poll_s)


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line for line in text.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def cpu_s(pid: int) -> float:
    """Return how much processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def said_by(path: Path, word: str) -> None:
    """Wait until a log has a line `word`."""
    wait_until(lambda: word in path.read_text(encoding="utf-8").split(), what=f"{path.stem} saying {word}")
