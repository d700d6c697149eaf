"""From the spool to the hub: live rows first, backlog paced; a row is done when the hub's receipt says so.

The broker is trusted with nothing: an MQTT acknowledgement changes nothing here. What was sent and not confirmed is
sent again; what the hub once had and has no more (restored from a backup) is sent again as long as it is still held.
`UplinkLoop.step` is one round and may stop anywhere: all that must survive is in the spool.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from devices.model import SECOND_NS, TransientError
from devices.senml import encode_rows
from gateway.flight import Flight, FlightOptions, Sent
from gateway.receipts import RANGES_MOST, Receipt, gaps, parse_receipt
from gateway.spool import Spool
from gateway.spool_types import StoredRow, Want

log = logging.getLogger(__name__)

_DISAGREEMENTS = 3
_HUB_AWAY_S = 5.0
_MARK_EVERY_S = 1.0


class HubLink(Protocol):
    """The way to the hub's broker. `generation` grows with every connection."""

    @property
    def is_connected(self) -> bool: ...
    @property
    def generation(self) -> int: ...
    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool: ...
    def take_receipts(self) -> list[bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkOptions:
    """`publisher` is the gateway's id on seam 2.

    Rows older than `resent_after_s` when they are sent are backlog (`resent`): age is monotonic since they were seen
    new in this process; for rows from before its start `resent_after_town_ns` of town time since they were received.
    `most_bytes` counts the stored rows; the fields added to each record keep the message below 60 KiB.
    """

    publisher: str
    resent_after_s: float = 60.0
    resent_after_town_ns: int = 60 * SECOND_NS
    most_records: int = 500
    most_bytes: int = 44_000
    flight: FlightOptions = field(default_factory=FlightOptions)


class UplinkLoop:
    """See the module. Used by one thread."""

    def __init__(self, spool: Spool, link: HubLink, options: UplinkOptions) -> None:
        self._spool = spool
        self._link = link
        self._options = options
        self._flight = Flight(options.flight)
        self._epoch = ""
        self._generation = -1
        self._live_from = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._disagreements = 0
        self._heard_s = math.inf
        self._tells_floor = False

    @property
    def is_waiting(self) -> bool:
        """Whether something is under way, so that a receipt may come at any moment."""
        return bool(self._flight.spans())

    def step(self, *, now_s: float, now_ns: int) -> int:
        """Hear receipts, notice what is lost, send what may be sent; return how many messages went out.

        `now_s` is monotonic, `now_ns` town time. Raises TransientError when the disk cannot be read.
        """
        self._heard_s = min(self._heard_s, now_s)  # at first: as if the hub had just been heard
        self._notice_changes(now_ns=now_ns)
        self.hear(now_s=now_s, now_ns=now_ns)
        if self._flight.is_overdue(now_s=now_s):
            self._spool.count("uplink_timeouts")
        self._move_live(now_s=now_s)
        count = 0
        while self._link.is_connected and self._send_one(now_s=now_s):
            count += 1
        return count

    def hear(self, *, now_s: float, now_ns: int) -> None:
        """Take the receipts that came and mark what the hub has."""
        ours: list[Receipt] = []
        for payload in self._link.take_receipts():
            receipt = parse_receipt(payload)
            if receipt is None:
                self._spool.count("receipts_unreadable")
            elif receipt.epoch == self._epoch:
                ours.append(receipt)
        if not ours:
            return
        if now_s - self._heard_s > _HUB_AWAY_S:
            self._flight.restart()
        self._heard_s = now_s
        try:
            self._apply(ours, now_s=now_s, now_ns=now_ns)
        except TransientError:
            # logged by the spool; the hub says the same again within a second
            return

    def _apply(self, receipts: list[Receipt], *, now_s: float, now_ns: int) -> None:
        newest = self._spool.newest()
        if any(receipt.highest > newest for receipt in receipts):
            log.error("spool_went_back", extra={"epoch": self._epoch, "newest": newest})
            self._spool.start_over(now_ns=now_ns)
            self._notice_changes(now_ns=now_ns)
            return
        has = [span for receipt in receipts for span in receipt.has()]
        self._spool.confirm(has, now_ns=now_ns)
        self._flight.settle(lambda row: any(a <= row <= b for a, b in has), now_s=now_s)
        self._compare(receipts[-1])
        self._let_go(receipts[-1])

    def _compare(self, receipt: Receipt) -> None:
        """Send again what the hub had and lost. One late receipt may be old news; three in a row are the truth."""
        lacks = receipt.lacks()
        if not self._spool.done_within(lacks):
            self._disagreements = 0
            return
        self._disagreements += 1
        if self._disagreements >= _DISAGREEMENTS:
            count = self._spool.unconfirm(lacks)
            log.warning("hub_went_back", extra={"watermark": receipt.watermark, "rows": count})
            self._disagreements = 0
            self._flight.restart()

    def _let_go(self, receipt: Receipt) -> None:
        """Help the hub over rows that were dropped here: its list of ranges is short, and its watermark waits.

        Rows that it has are deleted before their time, so that the floor rises above the holes between them.
        """
        if len(receipt.ahead) < RANGES_MOST // 2 or self._spool.holds(receipt.watermark + 1):
            return
        if self._spool.release(up_to=receipt.highest):
            self._tells_floor = True

    def _notice_changes(self, *, now_ns: int) -> None:
        if self._link.generation != self._generation:
            self._generation = self._link.generation
            self._flight.restart()
        if self._spool.epoch != self._epoch:
            self._epoch = self._spool.epoch
            self._flight = Flight(self._options.flight)
            self._disagreements = 0
            self._marks.clear()
            since = self._spool.first_waiting_since(now_ns - self._options.resent_after_town_ns)
            self._live_from = self._spool.newest() + 1 if since is None else since

    def _move_live(self, *, now_s: float) -> None:
        """Move the border between backlog and live rows up to what was newest `resent_after_s` ago."""
        if not self._marks or now_s - self._marks[-1][0] >= _MARK_EVERY_S:
            self._marks.append((now_s, self._spool.newest()))
        while self._marks and self._marks[0][0] <= now_s - self._options.resent_after_s:
            self._live_from = max(self._live_from, self._marks.popleft()[1] + 1)

    def _send_one(self, *, now_s: float) -> bool:
        rows, is_backlog = self._choose()
        if not rows:
            return False
        payload = encode_rows(
            [(row.number, row.body) for row in rows],
            epoch=self._epoch,
            floor=self._spool.floor(),
            resent=is_backlog,
        )
        if not self._link.publish(f"readings/v1/{self._options.publisher}", payload, qos=1):
            return False
        self._tells_floor = False
        self._flight.add(Sent(rows=tuple(row.number for row in rows), sent_s=now_s, is_backlog=is_backlog))
        return True

    def _choose(self) -> tuple[list[StoredRow], bool]:
        """Return the rows of the next message and whether they are backlog: live rows first."""
        if self._flight.may_send(is_backlog=False):
            rows = self._unsent(first=self._live_from, last=self._spool.newest())
            if rows:
                return rows, False
        if self._flight.may_send(is_backlog=True):
            rows = self._unsent(first=1, last=self._live_from - 1)
            if rows:
                return rows, True
        if self._tells_floor:
            rows = self._read(first=1, last=self._spool.newest(), most_records=1)
            return rows, bool(rows) and rows[0].number < self._live_from
        return [], False

    def _unsent(self, *, first: int, last: int) -> list[StoredRow]:
        if first > last:
            return []
        for start, end in gaps(self._flight.spans(), first=first, last=last):
            rows = self._read(first=start, last=end, most_records=self._options.most_records)
            if rows:
                return rows
        return []

    def _read(self, *, first: int, last: int, most_records: int) -> list[StoredRow]:
        return self._spool.waiting(
            Want(first=first, last=last, most_records=most_records, most_bytes=self._options.most_bytes)
        )
