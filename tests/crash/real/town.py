"""One town: a folder, ports, a site, and the services in it; three of them hear the same script.

CALM      nothing is killed, nothing comes twice or late: the undisturbed run.
DURABLE   one broker for all, as `satomori up` configures it, but saved at every change instead of every 5 s. Direct
          devices take part: what the broker acknowledged it keeps.
VOLATILE  the hub's broker keeps nothing over its death, so direct devices take no part (nobody could protect them);
          the network has a durable broker of its own.
"""

from __future__ import annotations

import os
import random
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ingest.forward_book import FORWARD_FILE
from ingest.journal_read import JournalReader
from ingest.run import JOURNAL_FILE
from satomori.broker import find_mosquitto, prepare_broker
from tests.crash.real.script import GATEWAY_ID, site_toml
from tests.crash.real.services import BROKER, FIELD, FORWARD, GATEWAY, INGEST, Job
from tests.gateway.ptys import Line

Kind = Literal["calm", "durable", "volatile"]
CALM: Kind = "calm"
DURABLE: Kind = "durable"
VOLATILE: Kind = "volatile"
_LINKS = {GATEWAY: 3, INGEST: 1}
_LOW_PORT, _HIGH_PORT = 12_000, 32_000


@dataclass(slots=True, kw_only=True)
class Town:
    """See the module. `store_url` "" = the town forwards nowhere."""

    kind: Kind
    folder: Path
    store_url: str = ""
    fault: str = ""
    jobs: list[Job] = field(default_factory=list)
    hub_port: int = 0
    field_port: int = 0
    reader: JournalReader = field(init=False)
    line: Line = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        data = self.folder / "data"
        data.mkdir()
        self.reader = JournalReader(data / JOURNAL_FILE)
        self.hub_port = quiet_port()
        self.field_port = quiet_port() if self.kind == VOLATILE else self.hub_port
        store = (self.store_url, self.measurement) if self.store_url else None
        site = self.folder / "site.toml"
        self.line = Line(self.folder)
        text = site_toml(hub_port=self.hub_port, field_port=self.field_port, line=self.line.port, store=store)
        site.write_text(text, encoding="utf-8")
        self._add(BROKER, argv=self._broker(self.hub_port, is_durable=self.kind != VOLATILE))
        if self.kind == VOLATILE:
            self._add(FIELD, argv=self._broker(self.field_port, is_durable=True))
        for role in (INGEST, GATEWAY, *((FORWARD,) if self.store_url else ())):
            self._add(role, site=site)

    @property
    def measurement(self) -> str:
        """What the town's points are called in the store."""
        return f"{self.kind}_observation"

    @property
    def hears_direct(self) -> bool:
        """Whether devices that speak to the hub themselves take part."""
        return self.kind != VOLATILE

    @property
    def spool(self) -> Path:
        """The gateway's spool."""
        return self.folder / "data" / f"spool-{GATEWAY_ID}.db"

    def close(self) -> None:
        """Let go of line and journal."""
        self.line.close()
        self.reader.close()

    def job(self, role: str) -> str:
        """Return the name of a service."""
        return f"{self.kind}/{role}"

    def _add(self, role: str, *, argv: tuple[str, ...] = (), site: Path | None = None) -> None:
        ours = {"site": str(site), "data": str(self.folder / "data"), "fault": self.fault} if site else {}
        log = str(self.folder / f"{role}.log")
        self.jobs.append(Job(name=self.job(role), log=log, argv=argv, **ours))

    def _broker(self, port: int, *, is_durable: bool) -> tuple[str, ...]:
        folder = self.folder / f"mosquitto-{port}"
        folder.mkdir()
        command = prepare_broker(data_dir=folder, port=port, mosquitto=find_mosquitto())
        conf = Path(command.argv[-1])
        text = conf.read_text(encoding="utf-8")
        if is_durable:
            text = text.replace("autosave_interval 5\n", "autosave_interval 1\nautosave_on_changes true\n")
        else:
            text = text.replace("persistence true\n", "persistence false\n")
        conf.write_text(text, encoding="utf-8")
        return command.argv

    def is_connected(self) -> bool:
        """Whether every link of gateway and hub has been up once: from now on the brokers keep what is said."""
        return all(
            (self.folder / f"{role}.log").exists()
            and (self.folder / f"{role}.log").read_bytes().count(b'"link_connected"') >= links
            for role, links in _LINKS.items()
        )

    def newest_row(self) -> int:
        """Return the number of the spool's newest row, 0 when there is none."""
        return int(self._ask(self.spool, "SELECT value FROM facts WHERE key = 'newest'"))

    def rows_waiting(self) -> int:
        """Return how many spool rows the hub has not receipted."""
        return int(self._ask(self.spool, "SELECT count(*) FROM rows WHERE done_ns IS NULL"))

    def watermark(self) -> int:
        """Return up to which spool row the journal has all."""
        return max((receipt.watermark for receipt in self.reader.receipts()), default=0)

    def forwarded_no(self) -> int:
        """Return the last commit that is wholly in the store."""
        path = self.folder / "data" / FORWARD_FILE
        return int(self._ask(path, "SELECT iif(series_id < 0, commit_no, 0) FROM places"))

    def is_forwarded(self) -> bool:
        """Whether the store has all that the journal has."""
        return not self.store_url or self.forwarded_no() >= self.reader.commit_no()

    @staticmethod
    def _ask(path: Path, sql: str) -> int:
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as db:
                found = db.execute(sql).fetchone()
        except sqlite3.OperationalError:
            return 0
        return int(found[0]) if found else 0

    def errors(self) -> Iterator[str]:
        """Return what the services logged as an error: a kill must not look like damage to the next life."""
        for role in (GATEWAY, INGEST, FORWARD):
            log = self.folder / f"{role}.log"
            for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else ():
                if not line.startswith("{") or '"level": "error"' in line or '"level": "critical"' in line:
                    yield f"{self.job(role)} logged: {line[:600]}"


Towns = dict[Kind, Town]


def quiet_port() -> int:
    """Return a free port outside the range from which outgoing connections take theirs.

    Within it, a client that knocks at a dead broker's port can end up connected with itself, and hold the port.
    """
    chance = random.Random(os.urandom(8))
    while True:
        port = chance.randrange(_LOW_PORT, _HIGH_PORT)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
