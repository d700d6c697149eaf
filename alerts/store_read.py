"""`alerts.db` for its reader, api: alerts, their deliveries, and how far the alert service has come."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from alerts.model import Acknowledgement, Alert, Delivery
from alerts.read_only import ReadOnlyFile
from alerts.rows import SELECT_ALERT, SELECT_DELIVERY, alert_of, delivery_of

ALERTS_FILE = "alerts.db"

AlertRow = Alert
DeliveryRow = Delivery


class AlertsReader:
    """Reads `alerts.db`, which may not exist yet; safe to share between threads, each call is one short query.

    Every method raises TransientError when the file is there but cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened yet."""
        self._file = ReadOnlyFile(path)

    def alerts(self, *, states: Collection[str] | None = None, limit: int) -> list[AlertRow]:
        """Return the alerts in any of `states` (`firing`, `acknowledged`, `resolved`; None = all), newest first."""
        wanted = ("firing", "acknowledged", "resolved") if states is None else tuple(states)
        marks = ", ".join("?" * len(wanted))
        sql = f"{SELECT_ALERT} WHERE state IN ({marks}) ORDER BY opened_ns DESC, case_no DESC LIMIT ?"
        return [alert_of(row) for row in self._file.rows(sql, *wanted, limit)]

    def alert(self, alert_id: str) -> AlertRow | None:
        """Return one alert, None when there is none of that id."""
        rows = self._file.rows(SELECT_ALERT + " WHERE alert_id = ?", alert_id)
        return alert_of(rows[0]) if rows else None

    def alerts_after(self, change_no: int, *, limit: int = 1000) -> list[AlertRow]:
        """Return the alerts that changed after that change, the one changed first first.

        A new message about an alert, or word that one was accepted or failed, is a change of the alert too.
        """
        sql = SELECT_ALERT + " WHERE change_no > ? ORDER BY change_no LIMIT ?"
        return [alert_of(row) for row in self._file.rows(sql, change_no, limit)]

    def deliveries(self, alert_id: str) -> list[DeliveryRow]:
        """Return all messages about an alert, in the order in which they were queued."""
        sql = SELECT_DELIVERY + " WHERE alert_id = ? ORDER BY delivery_no"
        return [delivery_of(row) for row in self._file.rows(sql, alert_id)]

    def acknowledgements(self, alert_id: str) -> list[Acknowledgement]:
        """Return everybody who acknowledged an alert, the first first."""
        sql = (
            "SELECT order_id, alert_id, by, at_ns, via FROM acknowledgements WHERE alert_id = ?"
            " ORDER BY at_ns, order_id"
        )
        return [
            Acknowledgement(order_id=order_id, alert_id=alert, by=by, at_ns=at_ns, via=via)
            for order_id, alert, by, at_ns, via in self._file.rows(sql, alert_id)
        ]

    def delivery_counts(self) -> dict[tuple[str, str], int]:
        """Return how many messages are in which state, by (channel, state)."""
        sql = "SELECT channel, state, count(*) FROM deliveries GROUP BY channel, state ORDER BY channel, state"
        return {(channel, state): count for channel, state, count in self._file.rows(sql)}

    def oldest_unsent_ns(self) -> int | None:
        """Return since when (town time) the oldest message that is not out yet has been waiting, None when none is."""
        sql = "SELECT min(queued_ns) FROM deliveries WHERE state IN ('queued', 'sending')"
        rows = self._file.rows(sql)
        return None if not rows or rows[0][0] is None else int(rows[0][0])

    def change_no(self) -> int:
        """Return the number of the newest change, 0 when there is none."""
        return self._number("SELECT change_no FROM pulse")

    def heartbeat_ns(self) -> int:
        """Return when (town time) the alert service last said that it works, 0 when never."""
        return self._number("SELECT heartbeat_ns FROM pulse")

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._file.close()

    def _number(self, sql: str) -> int:
        rows = self._file.rows(sql)
        return int(rows[0][0]) if rows else 0
