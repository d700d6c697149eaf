"""What the page stands on: the town, its clock, the journal, the alerts and the order book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from alerts.model import Via
from api.cards import Picture, battery_days, count_alerts, group_latest, to_check, worst_severities
from api.health import Moment, disk_part, gateway_part, health_out, heartbeat_part, moment, store_parts
from api.history import History
from api.schemas import AlertOut, HealthOut
from api.stream import Place
from api.times import iso
from api.town import MOTION_QUANTITIES, Town
from devices.clock import Clock
from devices.model import SECOND_NS
from devices.site import Site
from ingest.forward_book import FORWARD_FILE, ForwardReader
from ingest.journal_read import JournalReader, LatestRow

ACTIVE_WINDOW_NS = 3 * 3600 * SECOND_NS
MOST_OPEN_ALERTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What `create_app` needs.

    `hosts`: further names under which the page is reached. `has_docs`: serve a page that lists the API at /docs.
    `notice`: a sentence shown at the head of the page, such as that this is a demo.
    """

    site: Site
    data_dir: Path
    clock: Clock = field(default_factory=Clock)
    hosts: tuple[str, ...] = ()
    has_docs: bool = False
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that an acknowledgement is recorded."""

    order_id: str
    by: str
    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What an acknowledge link allows: to say that a contact has seen one alert."""

    alert_id: str
    contact_id: str
    name: str


class Notices(Protocol):
    """The alerts as the page shows them, and the one thing the page may do with them."""

    def close(self) -> None:
        """Close what is open; the next call opens it again."""

    def newest(self, *, states: Sequence[str], limit: int) -> list[AlertOut]:
        """Return the newest alerts in any of `states` (none given: all)."""

    def changed_after(self, change_no: int) -> list[AlertOut]:
        """Return the alerts that changed after that change."""

    def find(self, alert_id: str) -> AlertOut | None:
        """Return one alert, None when there is none of that id."""

    def change_no(self) -> int:
        """Return the number of the newest change, 0 when there is none."""

    def heartbeat_ns(self) -> int:
        """Return when the alert service last said that it works, 0 when never."""

    def acknowledge(self, alert_id: str, *, by: str, at_ns: int, via: Via) -> Receipt:
        """Record that `by` has seen the alert; the first one stands."""

    def read_link(self, token: str, *, now_ns: int) -> Link:
        """Return what the token of an acknowledge link allows; raises LinkInvalidError or LinkExpiredError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything the routes read from and write to. One object an application, no globals."""

    settings: ApiSettings
    town: Town
    journal: JournalReader
    notices: Notices
    history: History

    def close(self) -> None:
        """Close the files; the next question opens them again."""
        self.journal.close()
        self.notices.close()

    @property
    def clock(self) -> Clock:
        """The town's clock."""
        return self.settings.clock

    def now(self) -> Moment:
        """Return town time and its speed."""
        return moment(self.clock)

    def place(self) -> Place:
        """Return the present place in the live stream."""
        return Place(self.journal.commit_no(), self.notices.change_no())

    def page(self) -> dict[str, str]:
        """Return the fields every list carries. Read before the list itself, so that the stream misses nothing."""
        return {"now_at": iso(self.clock.now_ns()), "cursor": self.place().as_text()}

    def open_alerts(self) -> list[AlertOut]:
        """Return the alerts that are not resolved."""
        return self.notices.newest(states=("firing", "acknowledged"), limit=MOST_OPEN_ALERTS)

    def picture(self, rows: Sequence[LatestRow], alerts: Sequence[AlertOut]) -> Picture:
        """Return what is known now, from the newest values and the open alerts."""
        at = self.now()
        latest = group_latest(rows)
        return Picture(
            town=self.town,
            latest=latest,
            severity=worst_severities(self.town, alerts),
            open_alerts=count_alerts(alerts),
            to_check=to_check(self.town, alerts),
            battery_days=battery_days(self.town, alerts, now_ns=at.now_ns),
            now_ns=at.now_ns,
            speed=at.speed,
            moved=frozenset(row.device_id for row in rows if self._has_moved(row, now_ns=at.now_ns)),
        )

    def health(self, rows: Sequence[LatestRow]) -> HealthOut:
        """Return how the system itself is; `rows` are the newest values, for the gateways' pulses."""
        at = self.now()
        latest = group_latest(rows)
        stores = [name for name in self.settings.site.store if name != "journal"]
        parts = [
            heartbeat_part("ingest", self.journal.heartbeat_ns, at),
            heartbeat_part("alerts", self.notices.heartbeat_ns, at),
            disk_part(self.settings.data_dir),
            *store_parts(stores, ForwardReader(self.settings.data_dir / FORWARD_FILE).statuses, at),
        ]
        heard = {key: max(row.heard_ns for row in group.values()) for key, group in latest.items()}
        gateways = [gateway_part(gateway, heard.get(gateway.id, 0), at) for gateway in self.town.site.gateway]
        return health_out(parts, gateways, at)

    def _has_moved(self, row: LatestRow, *, now_ns: int) -> bool:
        """Tell whether a channel of a watched home shows movement within the last three hours."""
        if row.quantity not in MOTION_QUANTITIES or self.town.domain_of(row.device_id) != "watch":
            return False
        if row.observed_ns < now_ns - ACTIVE_WINDOW_NS:
            return False
        if row.quantity == "occupancy" and row.value >= 1:
            return True
        points = self.journal.observation_points(
            row.device_id, row.quantity, from_ns=now_ns - ACTIVE_WINDOW_NS, to_ns=now_ns + SECOND_NS, points=1
        )
        if row.quantity == "occupancy":
            return any(point.max >= 1 for point in points)
        return any(point.min != point.max for point in points)
