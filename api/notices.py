"""The alerts as the page shows them: read from `alerts.db`, acknowledged through `orders.db`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alerts.links import Ticket, load_secret, verify
from alerts.model import Alert, Via
from alerts.orders import ORDERS_FILE, OrderBook
from alerts.store_read import ALERTS_FILE, AlertsReader
from api.cards import number_or_none, severity_key
from api.schemas import AlertOut
from api.sources import Link, Notices, Receipt
from api.times import iso, iso_or_none
from api.town import Town
from devices.model import TransientError

_MOST_AT_ONCE = 1_000


class StoredNotices:
    """`Notices` over the files of the alert service; safe to share between threads."""

    def __init__(self, town: Town, data_dir: Path) -> None:
        self._town = town
        self._data_dir = data_dir
        self._reader = AlertsReader(data_dir / ALERTS_FILE)
        self._orders = OrderBook(data_dir / ORDERS_FILE)
        self._contacts = {contact.id: contact.name for contact in town.site.contact}

    def close(self) -> None:
        """Close the files; the next call opens them again."""
        self._reader.close()
        self._orders.close()

    def newest(self, *, states: Sequence[str], limit: int) -> list[AlertOut]:
        """Return the newest alerts in any of `states` (none given: all)."""
        return [self._out(alert) for alert in self._reader.alerts(states=states or None, limit=limit)]

    def changed_after(self, change_no: int) -> list[AlertOut]:
        """Return the alerts that changed after that change."""
        found: list[Alert] = []
        while rows := self._reader.alerts_after(found[-1].change_no if found else change_no, limit=_MOST_AT_ONCE):
            found += rows
        return [self._out(alert) for alert in found]

    def find(self, alert_id: str) -> AlertOut | None:
        """Return one alert, None when there is none of that id."""
        alert = self._reader.alert(alert_id)
        return self._out(alert) if alert else None

    def change_no(self) -> int:
        """Return the number of the newest change, 0 when there is none."""
        return self._reader.change_no()

    def heartbeat_ns(self) -> int:
        """Return when the alert service last said that it works, 0 when never."""
        return self._reader.heartbeat_ns()

    def acknowledge(self, alert_id: str, *, by: str, at_ns: int, via: Via) -> Receipt:
        """Record that `by` has seen the alert; the same person's first order stands.

        Raises PermanentError for a name that is empty or too long, TransientError when it cannot be written.
        """
        order = self._orders.acknowledge(alert_id, by=by, at_ns=at_ns, via=via)
        return Receipt(order_id=order.order_id, by=self._name(order.by), at_ns=order.at_ns)

    def read_link(self, token: str, *, now_ns: int) -> Link:
        """Return what the token of an acknowledge link allows.

        Raises LinkInvalidError or LinkExpiredError, TransientError when the key cannot be read.
        """
        try:
            secret = load_secret(self._data_dir)
        except OSError as error:
            raise TransientError(f"secret file cannot be read: {error.strerror}") from error
        ticket: Ticket = verify(token, secret=secret, now_ns=now_ns)
        return Link(alert_id=ticket.alert_id, contact_id=ticket.contact_id, name=self._name(ticket.contact_id))

    def _name(self, by: str) -> str:
        """Return the name of a contact; what was typed on the page stands as it is."""
        return self._contacts.get(by, by)

    def _out(self, alert: Alert) -> AlertOut:
        station = self._town.stations.get(alert.station_id)
        return AlertOut(
            alert_id=alert.alert_id,
            case_no=alert.case_no,
            rule_id=alert.rule_id,
            subject=alert.subject,
            device_id=alert.device_id,
            quantity=alert.quantity,
            station_id=alert.station_id,
            station_name=station.name if station else "",
            domain=alert.domain,
            severity=severity_key(alert.severity),
            state=alert.state,
            is_history=alert.is_history,
            opened_at=iso(alert.opened_ns),
            observed_at=iso(alert.observed_ns),
            acknowledged_at=iso_or_none(alert.acknowledged_ns),
            acknowledged_by=self._name(alert.acknowledged_by) or None,
            resolved_at=iso_or_none(alert.resolved_ns),
            value=number_or_none(alert.value),
            limit=number_or_none(alert.limit),
            text_ja=alert.text_ja,
            text_ja_easy=alert.text_ja_easy,
            text_en=alert.text_en,
        )


def open_notices(town: Town, data_dir: Path) -> Notices:
    """Return the notices of the town whose files stand in `data_dir`; the files may come later."""
    return StoredNotices(town, data_dir)
