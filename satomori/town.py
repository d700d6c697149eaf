"""The demo's town: ports, site file, sped-up clock, and the processes that make it live."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from devices.clock import Clock
from devices.model import PermanentError
from devices.site import Site
from satomori.services import TownOptions, town_services
from satomori.supervise import Service, free_port

SCENES = ("snow_storm", "box_traps", "home_motion")
SCENES_START_NS = 1_768_867_200_000_000_000  # 2026-01-20T00:00Z, where the scenes' common time line begins
_PRELUDE_NS = 60_000_000_000  # while the gate is closed, not even the first reading is due

NOTICE = (
    "デモです。60 時間の記録を {speed:g} 倍の速さで流しています。/ Demo: 60 recorded hours, replayed at x{speed:g}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """`data_dir` None = a new temporary folder. `speed`: recorded seconds per real second."""

    data_dir: Path | None
    speed: float
    broker: Literal["auto", "amqtt"] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTown:
    """A prepared demo: nothing runs yet. `broker_kind` is `mosquitto` or `amqtt`.

    `is_temporary`: nobody asked for the folder, so it goes when it is of no more use.
    """

    site: Site
    site_path: Path
    data_dir: Path
    clock: Clock
    speed: float
    is_temporary: bool
    api_port: int
    mailbox_port: int
    services: list[Service]
    broker_kind: str

    @property
    def ledger(self) -> Path:
        """Where the simulator writes what it sent."""
        return self.data_dir / "sent.jsonl"

    @property
    def mail_folder(self) -> Path:
        """Where the local mailbox keeps its mails."""
        return self.data_dir / "mailbox"

    @property
    def page(self) -> str:
        """The address of the live page."""
        return f"http://127.0.0.1:{self.api_port}/"

    def tidy(self) -> None:
        """Remove the folder if nobody asked for it."""
        if self.is_temporary:
            shutil.rmtree(self.data_dir, ignore_errors=True)

    def simulator(self) -> Service:
        """Return the process that replays the scenes by the town clock."""
        argv = [sys.executable, "-m", "satomori", "sim", "replay", "--site", str(self.site_path)]
        argv += ["--clock", self.clock.as_text(), "--ledger", str(self.ledger)]
        for scene in SCENES:
            argv += ["--input", scene]
        return Service(name="simulator", argv=tuple(argv))


def prepare_town(options: DemoOptions) -> DemoTown:
    """Write the demo's site file and choose free ports.

    The town clock stands at the scenes' start until its gate is opened, so that services can start meanwhile.
    Raises PermanentError when `options.data_dir` holds a town already: recorded time would begin there again.
    """
    from satomori.cli import read_site

    data_dir = options.data_dir or Path(tempfile.mkdtemp(prefix="satomori-demo-"))
    if (data_dir / "journal.db").exists():
        raise PermanentError(f"data folder {data_dir} holds a town already; name a new one for the demo")
    data_dir.mkdir(parents=True, exist_ok=True)
    api_port, mailbox_port, smtp_port, broker_port = (free_port() for _ in range(4))
    template = Template((files("satomori") / "demo_site.toml").read_text(encoding="utf-8"))
    text = template.substitute(
        broker_port=broker_port, api_port=api_port, smtp_port=smtp_port, serial_dir=data_dir / "serial"
    )
    site_path = data_dir / "site.toml"
    site_path.write_text(text, encoding="utf-8")
    site = read_site(site_path, "none")
    clock = Clock(town_start_ns=SCENES_START_NS - _PRELUDE_NS, speed=options.speed, gate=str(data_dir / "clock-runs"))
    town = TownOptions(
        site_path=site_path, data_dir=data_dir, api_port=api_port, clock_text=clock.as_text(), broker=options.broker,
        notice=NOTICE.format(speed=options.speed),
    )  # fmt: skip
    mailbox = mailbox_service(data_dir / "mailbox", smtp_port=smtp_port, http_port=mailbox_port)
    services = [mailbox, *town_services(site, town)]
    return DemoTown(
        site=site,
        site_path=site_path,
        data_dir=data_dir,
        clock=clock,
        speed=options.speed,
        is_temporary=options.data_dir is None,
        api_port=api_port,
        mailbox_port=mailbox_port,
        services=services,
        broker_kind=json.loads((data_dir / "broker.json").read_text(encoding="utf-8"))["kind"],
    )


def mailbox_service(folder: Path, *, smtp_port: int, http_port: int) -> Service:
    """Return the process that keeps every mail sent to `smtp_port` in `folder` and shows them on `http_port`."""
    argv = (sys.executable, "-m", "satomori", "mailbox", "--data", str(folder))
    ports = ("--smtp-port", str(smtp_port), "--http-port", str(http_port))
    return Service(name="mailbox", argv=(*argv, *ports))
