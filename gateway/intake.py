"""The door into the spool, in two steps that a crash may part: prepare (decode), then commit.

A source acknowledges upstream only after `commit` returned. Quarantine goes the same way as readings; a source that
sends much garbage gets a few rows a minute and the rest is counted.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Event, Lock

from devices.model import QuarantineRow, TransientError
from devices.quantities import QUANTITIES
from devices.senml import encode_quarantine, encode_readings
from gateway.decode import RAW_MOST_BYTES, Arrival, Decoder, Discarded, Outcome, SerialArrival, Told
from gateway.spool import Spool
from gateway.spool_types import Lane, NewRow

log = logging.getLogger(__name__)

CLOCK_NOTES = "clock/"
STATE_NOTES = "state/"
_EVENT_KINDS = frozenset({"state", "event", "counter"})
_NOT_UNDERSTOOD = frozenset({"undecodable", "decoder_fault", "oversize", "incomplete"})
_GATHERED_MOST = 10_000
_RETRY_FIRST_S = 0.2
_RETRY_MOST_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether an arrival was understood; `device_id` is empty for a message of a network.

    `is_allowed`: its sender spoke for none but its own devices.
    """

    device_id: str
    is_good: bool
    is_allowed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Decoded and encoded, not yet on disk. `verdicts` tell the health of the line it came by."""

    rows: tuple[NewRow, ...]
    notes: Mapping[str, str]
    verdicts: tuple[Verdict, ...] = ()


class RateLimit:
    """Lets `most` through in each minute for each key; keys are few (source, reason, device id)."""

    def __init__(self, *, most: int = 10, per_s: float = 60.0) -> None:
        self._most = most
        self._per_s = per_s
        self._windows: dict[tuple[str, str, str], tuple[float, int]] = {}

    def allows(self, key: tuple[str, str, str], *, now_s: float) -> bool:
        """Return whether one more is let through at monotonic time `now_s`."""
        start_s, count = self._windows.get(key, (now_s, 0))
        if now_s - start_s >= self._per_s:
            start_s, count = now_s, 0
        self._windows[key] = (start_s, count + 1)
        return count < self._most


class Intake:
    """Shared by all sources of a gateway; safe to use from several threads. `wake` is called after each commit."""

    def __init__(self, decoder: Decoder, spool: Spool, *, wake: Callable[[], None]) -> None:
        self._decoder = decoder
        self._spool = spool
        self._wake = wake
        self._limit = RateLimit()
        self._lock = Lock()
        self._gathered: deque[NewRow] = deque(maxlen=_GATHERED_MOST)
        self._gathered_lock = Lock()
        decoder.recall_states(spool.notes(STATE_NOTES))

    def prepare(self, source: str, arrivals: Iterable[Arrival], *, now_s: float) -> Prepared:
        """Decode what `source` received; counts what will not become a row."""
        with self._lock:
            said = [(arrival, self._decoder.decode(arrival)) for arrival in arrivals]
            outcomes = [outcome for _, each in said for outcome in each]
            rows = tuple(row for o in outcomes if (row := self._row(source, o, now_s=now_s)) is not None)
            believed, states = self._decoder.take_believed(), self._decoder.take_states()
        verdicts = tuple(v for arrival, each in said if (v := _verdict(arrival, each)) is not None)
        notes = {f"{CLOCK_NOTES}{d}": str(ns) for d, ns in believed.items()}
        notes |= {f"{STATE_NOTES}{d}": text for d, text in states.items()}
        return Prepared(rows=rows, notes=notes, verdicts=verdicts)

    def commit(self, prepared: Prepared) -> range:
        """Put it into the spool; when this returns it is on disk and may be acknowledged upstream.

        Raises TransientError when nothing was taken.
        """
        if not prepared.rows and not prepared.notes:
            return range(0)
        numbers = self._spool.append(prepared.rows, notes=prepared.notes)
        self._wake()
        return numbers

    def put(self, told: Iterable[Told], *, notes: Mapping[str, str]) -> None:
        """Take readings that the gateway itself makes (about its lines) into the spool, on disk when this returns.

        Raises TransientError when nothing was taken, nor the notes.
        """
        self.commit(Prepared(rows=tuple(_readings_row(each) for each in told), notes=notes))

    def notes(self, prefix: str) -> Mapping[str, str]:
        """Return the notes in the spool whose names begin with `prefix`, without it."""
        return self._spool.notes(prefix)

    def put_gathered(self, *, now_ns: int, now_s: float, is_end: bool = False) -> None:
        """Take the readings of the times of gathering that are over into the spool (`is_end`: what there is so far).

        Raises TransientError when the disk refuses; they are kept, up to a bound, for the next call.
        """
        with self._gathered_lock:
            with self._lock:
                outcomes = self._decoder.gathered(now_ns=now_ns, is_end=is_end)
                rows = [row for o in outcomes if (row := self._row("gathered", o, now_s=now_s)) is not None]
            self._gathered.extend(rows)
            self.commit(Prepared(rows=tuple(self._gathered), notes={}))
            self._gathered.clear()

    def commit_until(self, prepared: Prepared, stop: Event) -> bool:
        """Commit, trying again with growing pauses while the disk refuses; False when `stop` came first."""
        pause_s = _RETRY_FIRST_S
        while True:
            try:
                self.commit(prepared)
            except TransientError:  # logged by the spool at its start and at its end
                if stop.wait(pause_s):
                    return False
                pause_s = min(_RETRY_MOST_S, pause_s * 2)
            else:
                return True

    def count(self, name: str, number: int) -> None:
        """Add to a counter of the spool."""
        self._spool.count(name, number)

    def _row(self, source: str, outcome: Outcome, *, now_s: float) -> NewRow | None:
        if isinstance(outcome, Discarded):
            self._spool.count(f"frames_{outcome.reason}")
            return None
        if isinstance(outcome, Told):
            if outcome.is_clock_refused:
                self._spool.count("clocks_refused")
            return _readings_row(outcome)
        self._spool.count("frames_quarantined")
        if not self._limit.allows((source, outcome.reason, outcome.device_id), now_s=now_s):
            self._spool.count("quarantine_not_kept")
            return None
        return quarantine_row(outcome)


def _verdict(arrival: Arrival, outcomes: Iterable[Outcome]) -> Verdict | None:
    """None for a torn front after opening. A neighbour's sensor is understood, though it is nobody of ours."""
    reasons = {outcome.reason for outcome in outcomes if not isinstance(outcome, Told)}
    if "cut_front" in reasons:
        return None
    device_id = arrival.device_id if isinstance(arrival, SerialArrival) else ""
    is_good, is_allowed = not reasons & _NOT_UNDERSTOOD, "not_allowed" not in reasons
    return Verdict(device_id=device_id, is_good=is_good, is_allowed=is_allowed)


def _readings_row(told: Told) -> NewRow:
    is_event = any(QUANTITIES[reading.quantity].kind in _EVENT_KINDS for reading in told.readings)
    return NewRow(
        lane=Lane.EVENT if is_event else Lane.SAMPLE,
        device_id=told.device_id,
        received_ns=told.received_ns,
        records=len(told.readings),
        body=encode_readings(told.readings),
    )


def quarantine_row(row: QuarantineRow) -> NewRow:
    """Return the spool row of a quarantine row; it travels to the hub as readings do."""
    return NewRow(
        lane=Lane.EVENT,
        device_id=row.device_id,
        received_ns=row.received_ns,
        records=1,
        body=encode_quarantine(row),
    )


def report_damaged(spool: Spool, *, publisher: str, now_ns: int) -> None:
    """Tell the hub about rows whose checksum failed: one quarantine row each.

    Raises TransientError when the disk refuses; they are told the next time then.
    """
    found = spool.found_damaged()
    rows = [
        QuarantineRow(
            publisher=publisher,
            device_id="",
            reason="spool_damage",
            detail=f"spool {spool.epoch} row {row.number} failed its checksum and cannot be sent",
            raw=row.body[:RAW_MOST_BYTES],
            received_ns=now_ns,
        )
        for row in found
    ]
    if rows:
        spool.append([quarantine_row(row) for row in rows])
        spool.forget_damaged(len(rows))
