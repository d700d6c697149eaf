"""Watches ingest, which cannot report its own absence.

The sign is that ingest's heartbeat moves, not what time it shows: so neither a clock that was set nor a sped-up town
clock can make ingest look dead or alive. All waiting is monotonic time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from math import nan

from alerts.model import Alert
from alerts.routing import INGEST_SILENT
from devices.model import Event, EventState, Severity

SILENT_AFTER_S = 60.0
SUBJECT = "ingest"


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestWatch:
    """The newest heartbeat and since when (monotonic) it stands still. `has_moved`: seen moving since our start."""

    heartbeat_ns: int
    since_s: float
    has_moved: bool = False

    def looked(self, heartbeat_ns: int, *, mono_s: float) -> IngestWatch:
        """Return the watch after a look at the heartbeat."""
        if heartbeat_ns == self.heartbeat_ns:
            return self
        return replace(self, heartbeat_ns=heartbeat_ns, since_s=mono_s, has_moved=True)

    def is_silent(self, *, mono_s: float) -> bool:
        """Tell whether the heartbeat has stood still for a minute."""
        return mono_s - self.since_s >= SILENT_AFTER_S


def event_of(watch: IngestWatch, open_alert: Alert | None, *, mono_s: float, now_ns: int) -> Event | None:
    """Return the event that the watch calls for, None when nothing changed.

    Raised once a silence, cleared when the heartbeat moves again; an alert from before our own start is cleared only
    by a heartbeat that we have seen moving.
    """
    is_silent = watch.is_silent(mono_s=mono_s)
    if open_alert is None:
        if not is_silent:
            return None
        event_id = hashlib.sha256(f"{INGEST_SILENT}|{SUBJECT}|{now_ns}".encode()).hexdigest()[:32]
        since_ns = watch.heartbeat_ns or now_ns
        return _event(event_id, EventState.RAISED, observed_ns=since_ns, now_ns=now_ns)
    if is_silent or not watch.has_moved:
        return None
    return _event(open_alert.event_id, EventState.CLEARED, observed_ns=watch.heartbeat_ns, now_ns=now_ns)


def _event(event_id: str, state: EventState, *, observed_ns: int, now_ns: int) -> Event:
    return Event(
        event_id=event_id,
        rule_id=INGEST_SILENT,
        subject=SUBJECT,
        device_id="",
        quantity="",
        state=state,
        severity=Severity.CRITICAL,
        observed_ns=observed_ns,
        detected_ns=now_ns,
        value=nan,
        limit=nan,
    )
