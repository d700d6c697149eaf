"""What may be shown as what: the one function of five states, and how the worst part colours the whole.

States: `ok`; `warning` and `alarm` (an open alert); `late`; `unknown`; `muted` by somebody until a time. Silence is
never "all well": whatever has not been heard is `unknown`, and `unknown` ranks above `ok`, for watched homes above
`warning` too, because there a warning is better news than no news.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from devices.model import SECOND_NS, Severity
from devices.site import Domain

LATE_INTERVALS = 1.5
UNKNOWN_INTERVALS = 3.0


class State(Enum):
    """State of a channel, device, station or town, as people see it."""

    OK = "ok"
    MUTED = "muted"
    LATE = "late"
    UNKNOWN = "unknown"
    WARNING = "warning"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Somebody has silenced this part until `until_ns`."""

    by: str
    until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about one part.

    `heard_ns`: when it last spoke afresh, None = never. `interval_s`: how often it should. `slack_s`: what the way
    through Satomori may take, in town seconds (more when the town clock is sped up). `is_usable` is False when its
    newest value says nothing (NaN, bad, missing). `severity`: the most urgent open alert, None = none.
    """

    domain: Domain
    interval_s: float
    heard_ns: int | None
    slack_s: float = 5.0
    is_usable: bool = True
    severity: Severity | None = None
    mute: Mute | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A state and who muted it until when (None unless `muted`)."""

    state: State
    mute: Mute | None = None


_ORDER = (State.OK, State.MUTED, State.LATE, State.UNKNOWN, State.WARNING, State.ALARM)
_ORDER_WATCH = (State.OK, State.MUTED, State.LATE, State.WARNING, State.UNKNOWN, State.ALARM)


def age_state(facts: Facts, *, now_ns: int) -> State:
    """Return `ok`, `late` (over 1.5 intervals) or `unknown` (over 3 intervals, never heard, or of no use)."""
    if facts.heard_ns is None or not facts.is_usable:
        return State.UNKNOWN
    age_s = (now_ns - facts.heard_ns) / SECOND_NS - facts.slack_s
    if age_s > UNKNOWN_INTERVALS * facts.interval_s:
        return State.UNKNOWN
    return State.LATE if age_s > LATE_INTERVALS * facts.interval_s else State.OK


def condition(facts: Facts, *, now_ns: int) -> Condition:
    """Return the state of one part: the worse of its age and its open alert, unless it is muted.

    A mute covers everything except a watched home of which nothing is known: that stays `unknown`.
    """
    age = age_state(facts, now_ns=now_ns)
    is_muted = facts.mute is not None and facts.mute.until_ns > now_ns
    if is_muted and not (facts.domain == "watch" and age is State.UNKNOWN):
        return Condition(state=State.MUTED, mute=facts.mute)
    return worst((Condition(state=age), Condition(state=_alert_state(facts.severity))), domain=facts.domain)


def worst(parts: Iterable[Condition], *, domain: Domain) -> Condition:
    """Return the worst of `parts`; no parts at all are `unknown`, because nothing speaks for the whole."""
    order = _ORDER_WATCH if domain == "watch" else _ORDER
    return max(parts, key=lambda part: order.index(part.state), default=Condition(state=State.UNKNOWN))


def _alert_state(severity: Severity | None) -> State:
    if severity is None or severity is Severity.INFO:
        return State.OK
    return State.WARNING if severity is Severity.WARNING else State.ALARM
