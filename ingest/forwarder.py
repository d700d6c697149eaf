"""From the journal to a store, at the store's own pace: its own process, so that a dead store delays nothing else.

Read a portion, write it, note the place; in this order, so that a stop anywhere sends something twice and loses
nothing. What a store took in the last minute is sent again when it comes back or the connection is a new one: a
server that was killed may have lost what it had not synced yet, though it said yes (victoria-metrics does).
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

from devices.model import TransientError
from ingest.deliver import Delivery, deliver
from ingest.feed import JournalFeed, Portion
from ingest.forward_book import ForwardBook, Place, Progress, RefusedPoint, StoreState
from ingest.read_ahead import ReadAhead
from ingest.store_model import Points, Store, StoreAwayError, Written

log = logging.getLogger(__name__)

_HEARTBEAT_S = 5.0
_TRIES_BEFORE_ALL_ARE_BAD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient the forwarder is, in real seconds."""

    backoff_first_s: float = 0.5
    backoff_most_s: float = 60.0
    settle_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardParts:
    """What a forwarder works with. `name` is what its place is called in the book; `store_name` that of the store."""

    name: str
    store_name: str
    store: Store
    feed: JournalFeed
    book: ForwardBook
    now_ns: Callable[[], int]
    batch_points: int = 5_000
    pace: Pace = field(default_factory=Pace)


class StoppedError(Exception):
    """We were told to stop while waiting for the store; what was not written is sent at the next start."""


class Forwarder:
    """Forwards to one store; one thread."""

    def __init__(self, parts: ForwardParts, stop: Event) -> None:
        """Go on where the book says; what was not surely synced there is sent again."""
        self._parts = parts
        self._stop = stop
        self._ahead = ReadAhead(parts.feed, limit=parts.batch_points)
        progress = parts.book.progress(parts.name)
        self._place = progress.settled if progress else parts.feed.start()
        self._settled = self._place
        self._marks: deque[tuple[float, Place]] = deque()
        self._connection: int | None = None
        self._is_doubtful = False
        self._went_back_s = -math.inf
        self._noted: tuple[StoreState, float] = ("ok", -math.inf)

    @property
    def place(self) -> Place:
        """How far the store is."""
        return self._place

    def step(self) -> bool:
        """Forward one portion; return whether there may be more at once.

        Raises StoppedError, and TransientError when the journal or the book cannot be read or written.
        """
        parts = self._parts
        self._go_back_if_doubtful()
        portion = self._ahead.after(self._place)
        if portion.is_cut:
            log.warning("history_is_copied_again", extra={"store": parts.store_name})
        self._note("copying" if portion.place.is_copying else "ok", said="")
        if portion.place == self._place and not len(portion.points):
            return False
        if 2 * len(portion.points) >= parts.batch_points:  # whole commits: rarely as many as fit
            self._ahead.begin(portion.place)
        try:
            self._store(portion)
        finally:
            self._ahead.end()
        return True

    def _store(self, portion: Portion) -> None:
        parts = self._parts
        counts: Counter[str] = Counter(copied_again=int(portion.is_cut))
        refused: list[RefusedPoint] = []
        for first in range(0, len(portion.points), parts.batch_points):
            points = portion.points.cut(first, first + parts.batch_points)
            refused += self._deliver(points, counts)
        self._advance(portion.place)
        counts["refused"] += len(refused)
        progress = Progress(reached=self._place, settled=self._settled)
        parts.book.advance(parts.name, progress, refused=refused, counts=counts)
        connection = parts.store.connection_no()
        self._is_doubtful |= self._connection not in (None, connection)
        self._connection = connection

    def _deliver(self, points: Points, counts: Counter[str]) -> list[RefusedPoint]:
        """Write points; return those that the store will not take.

        A point that is refused beside others that are taken is bad. When everything is refused the fault may be the
        store's: some tries with a pause between them, then the points it named go aside, a few at a time.
        """
        aside: list[RefusedPoint] = []
        tries = 0
        while len(points):
            delivery = deliver(points, self._write)
            tries += 1
            counts["accepted"] += delivery.accepted
            counts["too_old"] += delivery.too_old
            if delivery.too_old:
                log.warning("points_too_old", extra={"store": self._parts.store_name, "points": delivery.too_old})
            if not delivery.refused:
                break
            if not delivery.accepted + delivery.too_old and tries < _TRIES_BEFORE_ALL_ARE_BAD:
                self._pause(tries, state="refusing", error=StoreAwayError(delivery.refused[0].reason))
                continue
            aside += self._set_aside(points, delivery)
            if delivery.is_complete:
                break
            points = points.without({refused.index for refused in delivery.refused})
            tries = 0
        return aside

    def _set_aside(self, points: Points, delivery: Delivery) -> list[RefusedPoint]:
        for refused in delivery.refused[:1]:
            what = points.text_of(refused.index)
            log.error("points_refused", extra={"count": len(delivery.refused), "first": what, "said": refused.reason})
        return [
            RefusedPoint(
                store=self._parts.store_name,
                device_id=points.key_of(refused.index).device_id,
                quantity=points.key_of(refused.index).quantity,
                observed_ns=points.observed_ns[refused.index],
                value=None if math.isnan(points.value[refused.index]) else points.value[refused.index],
                flag=points.flag[refused.index],
                reason=refused.reason,
                refused_ns=self._parts.now_ns(),
            )
            for refused in delivery.refused
        ]

    def _write(self, points: Points) -> Written:
        """Write points, waiting for the store as long as it takes. Raises PointsRefusedError and StoppedError."""
        tries = 0
        while True:
            try:
                return self._parts.store.write(points)
            except StoreAwayError as error:
                tries += 1
                self._is_doubtful = True
                self._pause(tries, state="away", error=error)

    def _pause(self, tries: int, *, state: StoreState, error: StoreAwayError) -> None:
        """Wait a growing while with jitter, at least as long as the store asks for."""
        if tries == 1:
            log.warning("store_waits", extra={"store": self._parts.store_name, "state": state, "said": str(error)})
            self._count({f"{state}_spells": 1})
        pace = self._parts.pace
        wait_s = min(pace.backoff_most_s, pace.backoff_first_s * 2 ** min(tries - 1, 30))
        wait_s = max(wait_s * random.uniform(0.5, 1.0), error.retry_after_s or 0.0)  # noqa: S311 - no secret
        end_s = time.monotonic() + wait_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._note(state, said=str(error))
            if self._stop.wait(min(left_s, _HEARTBEAT_S)):
                raise StoppedError
        if self._stop.is_set():
            raise StoppedError

    def _advance(self, place: Place) -> None:
        now_s = time.monotonic()
        self._place = place
        self._marks.append((now_s, place))
        while self._marks and self._marks[0][0] <= now_s - self._parts.pace.settle_s:
            self._settled = self._marks.popleft()[1]

    def _go_back_if_doubtful(self) -> None:
        """Send again what the server took lately, when it was away or another one may have taken its place.

        At most once in `settle_s`: a server that closes every connection must not make us send for ever.
        """
        now_s = time.monotonic()
        if not self._is_doubtful or now_s - self._went_back_s < self._parts.pace.settle_s:
            return
        self._is_doubtful, self._went_back_s = False, now_s
        if self._settled != self._place:
            self._count({"went_back": 1})
        self._place = self._settled
        self._marks.clear()

    def _note(self, state: StoreState, *, said: str) -> None:
        """Say in the book how it goes: at every change and each few seconds."""
        now_s = time.monotonic()
        if state == self._noted[0] and now_s - self._noted[1] < _HEARTBEAT_S:
            return
        self._noted = (state, now_s)
        self._try(lambda: self._parts.book.note(
            self._parts.store_name, state=state, said=said, now_ns=self._parts.now_ns()))  # fmt: skip

    def _count(self, counts: dict[str, int]) -> None:
        self._try(lambda: self._parts.book.count(self._parts.name, counts))

    @staticmethod
    def _try(write: Callable[[], None]) -> None:
        try:
            write()
        except TransientError as error:  # a full disk: the figures may wait, the points need not
            log.warning("book_not_written", extra={"error": str(error)})
