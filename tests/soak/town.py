"""The town of a soak: the processes of `satomori up` with a fast clock, a mailbox, and somebody who reads the page."""

from __future__ import annotations

import json
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from devices.clock import Clock
from ingest.journal_read import JournalReader
from satomori.cli import read_site
from satomori.services import TownOptions, town_services
from satomori.supervise import Service, Supervisor, free_port
from satomori.town import mailbox_service
from tests.soak.load import INTERVAL_S, TRAPS, gauge, trap_address

START_NS = 1_768_867_200_000_000_000
_SITE = """\
version = 1
[town]
id = "soak"
name = "soak"
[broker]
port = {broker_port}
[ingest]
lateness_s = {lateness_s}
[alerting]
base_url = "http://127.0.0.1:{api_port}"
[channel.smtp]
host = "127.0.0.1"
port = {smtp_port}
sender = "satomori@soak.example"
[[station]]
id = "hills"
name = "hills"
domain = "snow"
[[station]]
id = "wood"
name = "wood"
domain = "wildlife"
[[gateway]]
id = "gw-01"
name = "gateway"
heartbeat_interval_s = 600
source = [{{ kind = "mqtt", port_number = {broker_port}, uplink = "chirpstack_v4" }}]
[[contact]]
id = "duty"
name = "duty"
email = "duty@soak.example"
[[rule]]
id = "frost"
kind = "threshold"
quantity = "air_temperature"
severity = "warning"
params = {{ raise_at = -8.0, clear_at = -7.0, direction = "below" }}
[[rule]]
id = "device-silent"
kind = "silent"
severity = "warning"
[[route]]
id = "all"
contacts = ["duty"]
channels = ["smtp"]
"""
_GAUGE = '[[device]]\nid = "{0}"\nname = "{0}"\nmodel = "senml"\nstation = "hills"\nexpected_interval_s = {1}\n'
_TRAP = (
    '[[device]]\nid = "trap-{0}"\nname = "trap-{0}"\nmodel = "milesight_em300_mcs"\nstation = "wood"\n'
    'address = "{1}"\nexpected_interval_s = {2}\n'
)
_LATENESS_REAL_S = 30.0
_PATIENT = 20
"""Devices count as silent after that many of their intervals: a delay of the machine is long in a fast town."""
_LOOK_S = 1.0


@dataclass(slots=True, kw_only=True)
class SoakTown:
    """The running processes and how to look at them."""

    folder: Path
    gauges: int
    clock: Clock
    broker_port: int = field(default_factory=free_port)
    api_port: int = field(default_factory=free_port)
    supervisor: Supervisor = field(init=False)
    reader: JournalReader = field(init=False)
    restarts: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start everything; the town's clock begins to run when the page answers."""
        smtp_port = free_port()
        site_path = self.folder / "site.toml"
        site_path.write_text(self._site(smtp_port), encoding="utf-8")
        options = TownOptions(
            site_path=site_path, data_dir=self.folder, api_port=self.api_port, clock_text=self.clock.as_text()
        )
        services: list[Service] = [
            mailbox_service(self.folder / "mailbox", smtp_port=smtp_port, http_port=free_port()),
            *town_services(read_site(site_path), options),
        ]
        self.reader = JournalReader(self.folder / "journal.db")
        self.supervisor = Supervisor(services=services, log_dir=self.folder / "log", tell=self.restarts.append)
        self.supervisor.start()
        pause = Event()
        while not self.health():
            pause.wait(0.2)
        self.clock.open_gate()

    def stop(self) -> None:
        self.supervisor.stop()
        self.reader.close()

    def health(self) -> str:
        """What the page says of the town, empty when it does not answer."""
        with suppress(OSError, ValueError, KeyError):
            return str(json.loads(self._get("/health"))["status"])
        return ""

    def read_page(self, stop: Event) -> None:
        """Look at the town as a page does that somebody left open, once a second."""
        while not stop.wait(_LOOK_S):
            with suppress(OSError):
                for path in ("/api/v1/latest", "/metrics", "/health"):
                    self._get(path)

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}{path}", timeout=20.0) as answer:
            return bytes(answer.read())

    def _site(self, smtp_port: int) -> str:
        lateness_s = max(300, int(_LATENESS_REAL_S * self.clock.speed))
        head = _SITE.format(
            broker_port=self.broker_port, api_port=self.api_port, smtp_port=smtp_port, lateness_s=lateness_s
        )
        slow_s = INTERVAL_S * _PATIENT
        gauges = "".join(_GAUGE.format(gauge(number), slow_s) for number in range(self.gauges))
        return head + gauges + "".join(_TRAP.format(n, trap_address(n), slow_s) for n in range(TRAPS))
