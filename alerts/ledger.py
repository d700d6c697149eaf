"""The notification ledger: claim with a lease, send, record. It never says more than happened.

Leases and waits are real time, so that a sped-up town clock does not shorten them. A time further ahead than any wait
or lease can be means that the machine's clock was set back; such a row is due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerts.model import Delivery, DeliveryState
from alerts.rows import DELIVERY_COLUMNS, delivery_of
from alerts.store import AlertStore
from devices.model import SECOND_NS

BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 300.0
WAIT_MOST_S = 3600.0
_MOST_ERROR_CHARS = 300

_DUE = f"""
    WITH due AS (
        SELECT delivery_no, row_number() OVER (
            PARTITION BY channel, contact_id ORDER BY severity DESC, delivery_no) AS place
        FROM deliveries AS mine
        WHERE state IN ('queued', 'sending')
        AND ((state = 'queued' AND (next_ns <= :now_ns OR next_ns > :next_most_ns))
            OR (state = 'sending' AND (lease_until_ns <= :now_ns OR lease_until_ns > :lease_most_ns)))
        AND NOT EXISTS (
            SELECT 1 FROM deliveries AS earlier WHERE earlier.alert_id = mine.alert_id AND earlier.step < mine.step
            AND earlier.contact_id = mine.contact_id AND earlier.channel = mine.channel
            AND earlier.state IN ('queued', 'sending')))
    SELECT {DELIVERY_COLUMNS} FROM due JOIN deliveries USING (delivery_no)
    WHERE place = 1 ORDER BY severity DESC, delivery_no
"""  # noqa: S608 - constants of alerts.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one attempt ended. `error` "" means that the provider took the message.

    `after_s` is how long the provider asked to wait, 0.0 when it did not.
    """

    delivery: Delivery
    provider_ref: str = ""
    error: str = ""
    is_permanent: bool = False
    after_s: float = 0.0


class Ledger:
    """The deliveries in `alerts.db`. Used by the thread of the store."""

    def __init__(self, store: AlertStore, *, lease_s: float) -> None:
        """Keep the store. `lease_s` must be longer than any one attempt can take."""
        self._store = store
        self.lease_s = lease_s
        self._lease_ns = int(lease_s * SECOND_NS)

    def take_over(self) -> int:
        """Put back what a process that is gone was sending; return how many. Call while holding the folder's lock.

        Whether the provider got those is unknown: they go out again under the same delivery id.
        """
        with self._store.transaction():
            sql = "UPDATE deliveries SET state = 'queued', lease_until_ns = 0 WHERE state = 'sending'"
            return self._store.connection.execute(sql).rowcount

    def due(self, *, real_ns: int) -> list[Delivery]:
        """Return the first due message of each lane, the most urgent first.

        That something ended waits until the same reader was told that it began.
        """
        values = {
            "now_ns": real_ns,
            "next_most_ns": real_ns + int(WAIT_MOST_S * SECOND_NS),
            "lease_most_ns": real_ns + self._lease_ns,
        }
        return [delivery_of(row) for row in self._store.rows(_DUE, values)]

    def claim(self, deliveries: Sequence[Delivery], *, real_ns: int) -> list[Delivery]:
        """Write down that these are being sent now, in one transaction; return them so."""
        if not deliveries:
            return []
        claimed = [
            replace(
                delivery,
                state=DeliveryState.SENDING,
                attempts=delivery.attempts + 1,
                lease_until_ns=real_ns + self._lease_ns,
            )
            for delivery in deliveries
        ]
        with self._store.transaction():
            self._store.connection.executemany(
                "UPDATE deliveries SET state = 'sending', attempts = ?, lease_until_ns = ? WHERE delivery_id = ?",
                [(row.attempts, row.lease_until_ns, row.delivery_id) for row in claimed],
            )
        return claimed

    def record(self, results: Sequence[Result], *, town_ns: int, real_ns: int) -> None:
        """Write down how attempts ended, in one transaction."""
        if not results:
            return
        with self._store.transaction():
            for result in results:
                self._record(result, town_ns=town_ns, real_ns=real_ns)
            told = sorted({result.delivery.alert_id for result in results})
            for alert_id in told:
                self._store.connection.execute(
                    "UPDATE alerts SET change_no = ? WHERE alert_id = ?", (self._store.next_change_no(), alert_id)
                )

    def _record(self, result: Result, *, town_ns: int, real_ns: int) -> None:
        delivery = result.delivery
        if not result.error:
            # from `queued` too: the answer may come after the lease ran out, and it was accepted all the same
            self._store.connection.execute(
                "UPDATE deliveries SET state = 'accepted', accepted_ns = ?, provider_ref = ?, error = '',"
                " lease_until_ns = 0 WHERE delivery_id = ? AND state IN ('sending', 'queued')",
                (town_ns, result.provider_ref, delivery.delivery_id),
            )
            return
        # counted apart from attempts: a crash says nothing against the receiver
        known = self._store.rows("SELECT failures FROM deliveries WHERE delivery_id = ?", (delivery.delivery_id,))
        failures = known[0][0] + 1 if known else 1
        wait_s = max(backoff_s(delivery.delivery_id, failures=failures), min(result.after_s, WAIT_MOST_S))
        state = DeliveryState.FAILED if result.is_permanent else DeliveryState.QUEUED
        # the lease names the attempt: a failure that comes after its lease says nothing about the next attempt
        self._store.connection.execute(
            "UPDATE deliveries SET state = ?, error = ?, next_ns = ?, failures = ?, lease_until_ns = 0"
            " WHERE delivery_id = ? AND state = 'sending' AND lease_until_ns = ?",
            (
                state.value,
                result.error[:_MOST_ERROR_CHARS],
                real_ns + int(wait_s * SECOND_NS),
                failures,
                delivery.delivery_id,
                delivery.lease_until_ns,
            ),
        )


def backoff_s(delivery_id: str, *, failures: int) -> float:
    """Return how long to wait after that many failures: 1, 2, 4 … s, at most 300 s, less up to a quarter.

    The part taken off comes from the identity and the number, so waits of many messages spread without chance.
    """
    doublings = min(failures, 20) - 1
    whole_s = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** max(0, doublings))
    digest = hashlib.sha256(f"{delivery_id}|{failures}".encode()).digest()
    return whole_s * (1.0 - 0.25 * digest[0] / 255)
