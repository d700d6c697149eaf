"""Messages that were sent and not yet confirmed: how many may be under way, and when one counts as lost.

The rules are those of a careful sender on any line. A message without receipt after the time-out means: all that is
under way is sent again, but first one message alone, with doubled patience, so that a hub that is down for hours gets
one message every 30 s into its queue, not thousands. The time-out follows the delay that receipts really have.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_LATENCY_WEIGHT = 0.2
_QUICK_S = 0.5
_SLOW_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightOptions:
    """`window` messages may be under way, `backlog_most` of them (at most 70 %) backlog; time-outs are monotonic."""

    window: int = 8
    backlog_most: int = 5
    resend_first_s: float = 2.0
    resend_most_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One message under way: its rows, when it went, whether it is backlog."""

    rows: tuple[int, ...]
    sent_s: float
    is_backlog: bool


class Flight:
    """See the module."""

    def __init__(self, options: FlightOptions) -> None:
        self._options = options
        self._under_way: list[Sent] = []
        self._timeout_s = options.resend_first_s
        self._latency_s = 0.0
        self._backlog_now = 1
        self._is_probing = False
        self._sent_before = 0

    def restart(self) -> None:
        """Forget what is under way and all patience: the line or the hub is new."""
        self._under_way.clear()
        self._timeout_s = max(self._options.resend_first_s, 2 * self._latency_s)
        self._is_probing = False

    def may_send(self, *, is_backlog: bool) -> bool:
        """Return whether one more message may go; live rows may use the whole window, backlog its share."""
        if self._is_probing:
            return not self._under_way
        if len(self._under_way) >= self._options.window:
            return False
        return not is_backlog or sum(sent.is_backlog for sent in self._under_way) < self._backlog_now

    def add(self, sent: Sent) -> None:
        """Note a message that went out."""
        self._under_way.append(sent)

    def spans(self) -> list[tuple[int, int]]:
        """Return the row ranges under way, ascending."""
        return sorted((sent.rows[0], sent.rows[-1]) for sent in self._under_way)

    def settle(self, has: Callable[[int], bool], *, now_s: float) -> int:
        """Strike out the messages all of whose rows `has` says are stored (or gone); return how many."""
        settled = [sent for sent in self._under_way if all(has(row) for row in sent.rows)]
        for sent in settled:
            self._under_way.remove(sent)
            # a message with rows that went out before says nothing about the delay: which of the copies was it?
            if sent.rows[0] > self._sent_before:
                self._learn(now_s - sent.sent_s, is_backlog=sent.is_backlog)
        if settled:
            self._is_probing = False
        return len(settled)

    def is_overdue(self, *, now_s: float) -> bool:
        """Return whether the oldest message has waited longer than the time-out; then all counts as lost.

        What was under way is to be sent again, one message first, with doubled patience.
        """
        if not self._under_way or now_s - self._under_way[0].sent_s <= self._timeout_s:
            return False
        self._sent_before = max(self._sent_before, *(sent.rows[-1] for sent in self._under_way))
        self._under_way.clear()
        self._timeout_s = min(self._options.resend_most_s, self._timeout_s * 2)
        self._backlog_now = 1
        self._is_probing = True
        return True

    def _learn(self, latency_s: float, *, is_backlog: bool) -> None:
        self._latency_s += _LATENCY_WEIGHT * (latency_s - self._latency_s)
        options = self._options
        self._timeout_s = min(options.resend_most_s, max(options.resend_first_s, 2 * self._latency_s))
        if latency_s > _SLOW_S:
            self._backlog_now = 1
        elif is_backlog and latency_s < _QUICK_S:
            self._backlog_now = min(options.backlog_most, self._backlog_now + 1)
