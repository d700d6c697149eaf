"""Sends what the ledger says is due: each lane (contact and channel) by itself, one message at a time.

Sending happens in short-lived threads, everything that touches the file in the one thread that calls `turn`. A message
is claimed on disk before it is sent and recorded after the provider has answered; a crash between the two means it is
sent again under the same identity.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from alerts.ledger import Ledger, Result
from alerts.model import Delivery, Lane, Outgoing, RetryLaterError, Sender, Senders
from devices.model import PermanentError, TransientError

log = logging.getLogger(__name__)

MOST_AT_ONCE = 16
"""Messages under way by one channel; bounds threads and connections."""
_MOST_IN_A_LANE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Now, by the three clocks there are: the town's, the machine's wall clock, the monotonic one."""

    town_ns: int
    real_ns: int
    mono_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flight:
    """A message under way. Past `until_s` (monotonic) its lane counts as free again."""

    lane: Lane
    thread: threading.Thread
    until_s: float


class Dispatcher:
    """Claims, sends and records. Used by the thread of the store.

    `outgoing(delivery)` adds address and link; it raises PermanentError when that contact or channel is gone. `wake` is
    called, by any thread, when there is something to record.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        senders: Senders,
        outgoing: Callable[[Delivery], Outgoing],
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        """Keep the parts; nothing is sent yet."""
        self._ledger = ledger
        self._senders = senders
        self._outgoing = outgoing
        self._wake = wake
        self._arrived: SimpleQueue[Result] = SimpleQueue()
        self._unrecorded: list[Result] = []
        self._flights: list[_Flight] = []
        self._failing: set[Lane] = set()

    def turn(self, now: Moment) -> None:
        """Record what has ended since the last call, then start what is due. Raises TransientError (disk full …)."""
        self._record(now)
        self._flights = [flight for flight in self._flights if flight.thread.is_alive()]
        for delivery in self._ledger.claim(self._startable(now), real_ns=now.real_ns):
            self._start(delivery, now)

    def wait(self, timeout_s: float) -> None:
        """Return when a message under way has ended, at the latest after `timeout_s`."""
        try:
            self._unrecorded.append(self._arrived.get(timeout=timeout_s))
        except Empty:
            return

    def finish(self, now: Callable[[], Moment], *, patience_s: float) -> None:
        """Wait for messages under way, at most `patience_s`, and record how they ended. Starts nothing."""
        deadline_s = time.monotonic() + patience_s
        while any(flight.thread.is_alive() for flight in self._flights) and time.monotonic() < deadline_s:
            self.wait(0.05)
        self._record(now())

    def _record(self, now: Moment) -> None:
        while not self._arrived.empty():
            self._unrecorded.append(self._arrived.get())
        self._ledger.record(self._unrecorded, town_ns=now.town_ns, real_ns=now.real_ns)
        for result in self._unrecorded:
            self._note(result)
        self._unrecorded = []

    def _startable(self, now: Moment) -> list[Delivery]:
        """Return the due messages whose lane is free and whose channel has room."""
        lanes = Counter(flight.lane for flight in self._flights)
        busy = {flight.lane for flight in self._flights if now.mono_s < flight.until_s}
        room = Counter(dict.fromkeys(self._senders, MOST_AT_ONCE))
        room.subtract(flight.lane.channel for flight in self._flights)
        found: list[Delivery] = []
        for delivery in self._ledger.due(real_ns=now.real_ns):
            lane = delivery.lane
            has_room = lane.channel not in self._senders or room[lane.channel] > 0
            if lane not in busy and lanes[lane] < _MOST_IN_A_LANE and has_room:
                room[lane.channel] -= 1
                found.append(delivery)
        return found

    def _start(self, delivery: Delivery, now: Moment) -> None:
        try:
            outgoing = self._outgoing(delivery)
            sender = self._senders[delivery.channel]
        except (PermanentError, KeyError) as error:
            reason = str(error) if isinstance(error, PermanentError) else f"channel {delivery.channel} is not set up"
            self._arrive(Result(delivery=delivery, error=reason, is_permanent=True))
            return
        thread = threading.Thread(
            target=lambda: self._arrive(attempt(sender, delivery, outgoing)),
            name=f"send-{delivery.channel}",
            daemon=True,  # a receiver that hangs must not keep the process from stopping
        )
        self._flights.append(_Flight(lane=delivery.lane, thread=thread, until_s=now.mono_s + self._ledger.lease_s))
        thread.start()

    def _arrive(self, result: Result) -> None:
        self._arrived.put(result)
        self._wake()

    def _note(self, result: Result) -> None:
        """Log what somebody would act on: a message that cannot go, a lane that begins to fail or works again."""
        lane = result.delivery.lane
        fields = {**result.delivery.log_fields(), "error": result.error}
        if not result.error:
            if lane in self._failing:
                log.info("lane_recovered", extra=fields)
            self._failing.discard(lane)
        elif result.is_permanent:
            log.error("delivery_failed", extra=fields)
        elif lane not in self._failing:
            log.warning("lane_failing", extra=fields)
            self._failing.add(lane)


def attempt(sender: Sender, delivery: Delivery, outgoing: Outgoing) -> Result:
    """Send once; return how it ended. Never raises: the thread it runs in has nobody to tell."""
    try:
        return Result(delivery=delivery, provider_ref=sender.send(outgoing))
    except RetryLaterError as error:
        return Result(delivery=delivery, error=str(error), after_s=error.after_s)
    except TransientError as error:
        return Result(delivery=delivery, error=str(error))
    except PermanentError as error:
        return Result(delivery=delivery, error=str(error), is_permanent=True)
    except Exception as error:  # noqa: BLE001 - else the thread dies unheard; no traceback: it may quote an address
        kind = type(error).__name__
        log.error("send_broke", extra={**delivery.log_fields(), "error": kind})
        return Result(delivery=delivery, error=f"channel {delivery.channel} broke with {kind}")
