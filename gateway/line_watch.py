"""Whether a serial line and the instruments on it are well, said as readings of `line_fault` of each of them.

    none               frames are understood
    lost               the port is gone or cannot be opened
    no_answer          the line is open, and nothing comes
    garbage            bytes come, and nothing of them is understood
    wrong_instrument   what answers is another instrument than the site says

A fault ends only when the instrument was understood again, not when the port could be opened: an open port alone is
no sign that anything is well. Times are monotonic seconds, given by the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from devices.model import Reading, TransientError
from devices.quantities import label_value
from gateway.decode import Told
from gateway.intake import Intake

log = logging.getLogger(__name__)

Fault = Literal["none", "lost", "no_answer", "garbage", "wrong_instrument"]

_RETRY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLimits:
    """When a trouble is a fault.

    `silent_s` without a byte on a free-running line is `no_answer` (None: nobody speaks there without being asked, or
    it may be silent as long as it likes); `is_open_enough`: an open port is all there is to know (a radio stick hears
    nothing for hours); `garbage_s` with nothing but bytes that are not understood is `garbage`; `lost_s` without an
    open port is `lost`; `failures` polls in a row that failed are what they failed of. A fault is said again every
    `repeat_s`.
    """

    silent_s: float | None = None
    is_open_enough: bool = False
    garbage_s: float = 10.0
    lost_s: float = 2.0
    failures: int = 3
    repeat_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What is to be said of `subject` (a device id, or a gateway's for a radio stick)."""

    subject: str
    fault: Fault


@dataclass(slots=True)
class _Subject:
    fault: Fault | None = None
    told: str = "none"
    told_s: float = 0.0
    first_bad_s: float | None = None
    failures: int = 0


class LineWatch:
    """The state of one line and of each instrument on it. Used by the one thread that serves the line."""

    def __init__(self, subjects: Sequence[str], limits: WatchLimits, *, now_s: float) -> None:
        self._limits = limits
        self._subjects = {subject: _Subject() for subject in subjects}
        self._lost_since_s: float | None = now_s
        self._heard_s = now_s

    def told_before(self, told: Mapping[str, str]) -> None:
        """Say what was last told of each subject before this process began; `none` where nothing was."""
        for name, state in self._subjects.items():
            state.told = told.get(name, "none")

    def lost(self, *, now_s: float) -> None:
        """Say that the port is gone or could not be opened; to be repeated while it is so."""
        if self._lost_since_s is None:
            self._lost_since_s = now_s
        for subject in self._subjects.values():
            subject.first_bad_s, subject.failures = None, 0

    def opened(self, *, now_s: float) -> None:
        """Say that the port was opened."""
        self._lost_since_s = None
        self._heard_s = now_s

    def heard(self, *, now_s: float) -> None:
        """Say that bytes came, whatever they are."""
        self._heard_s = now_s

    def good(self, subject: str, *, now_s: float) -> None:
        """Say that the instrument was understood."""
        self._heard_s = now_s
        state = self._subjects[subject]
        state.fault, state.first_bad_s, state.failures = "none", None, 0

    def bad(self, subject: str, *, now_s: float) -> None:
        """Say that bytes were not understood; when nothing else comes for `garbage_s`, that is the fault."""
        state = self._subjects[subject]
        if state.first_bad_s is None:
            state.first_bad_s = now_s
        if now_s - state.first_bad_s >= self._limits.garbage_s:
            state.fault = "garbage"

    def failed(self, subject: str, fault: Fault) -> None:
        """Say that a poll failed, and of what; the third in a row is a fault."""
        state = self._subjects[subject]
        state.failures += 1
        if state.failures >= self._limits.failures:
            state.fault = fault

    def findings(self, *, now_s: float) -> list[Finding]:
        """Return what has changed since it was last told, or is to be repeated. It stays until `told` is called."""
        self._look(now_s)
        return [
            Finding(subject=name, fault=state.fault)
            for name, state in self._subjects.items()
            if state.fault is not None and self._is_news(state, now_s)
        ]

    def told(self, findings: Iterable[Finding], *, now_s: float) -> None:
        """Say that these findings are on disk."""
        for finding in findings:
            state = self._subjects[finding.subject]
            state.told, state.told_s = finding.fault, now_s

    def is_all_faulty(self) -> bool:
        """Whether nothing on the line is well: it may be opened afresh without cutting anybody short."""
        return all(state.fault not in (None, "none") for state in self._subjects.values())

    def _look(self, now_s: float) -> None:
        limits = self._limits
        if self._lost_since_s is not None:
            if now_s - self._lost_since_s >= limits.lost_s:
                self._set_all("lost")
        elif limits.silent_s is not None and now_s - self._heard_s >= limits.silent_s:
            self._set_all("no_answer")
        elif limits.is_open_enough:
            self._end_lost()

    def _set_all(self, fault: Fault) -> None:
        for state in self._subjects.values():
            state.fault = fault

    def _end_lost(self) -> None:
        for state in self._subjects.values():
            if state.fault in (None, "lost"):
                state.fault = "none"

    def _is_news(self, state: _Subject, now_s: float) -> bool:
        if state.fault != state.told:
            return True
        return state.fault != "none" and now_s - state.told_s >= self._limits.repeat_s


class LineReporter:
    """Takes what a watch finds into the spool, by the same door as every other reading."""

    def __init__(self, gateway_id: str, intake: Intake, *, now_ns: Callable[[], int], quantity: str = "line_fault"):
        self._gateway_id = gateway_id
        self._intake = intake
        self._now_ns = now_ns
        self._quantity = quantity
        self._notes = f"{quantity}/"
        self._retry_at_s = 0.0

    def remind(self, watch: LineWatch) -> None:
        """Tell the watch what was last told in an earlier run: a fault that ended meanwhile must be told as ended."""
        watch.told_before(self._intake.notes(self._notes))

    def tell(self, watch: LineWatch, *, now_s: float) -> None:
        """Put what is new on disk. While the disk refuses, what is so then is told later; tried twice a second."""
        if now_s < self._retry_at_s:
            return
        findings = watch.findings(now_s=now_s)
        if not findings:
            return
        notes = {f"{self._notes}{finding.subject}": finding.fault for finding in findings}
        try:
            self._intake.put([self._told(finding) for finding in findings], notes=notes)
        except TransientError:  # logged by the spool at its start and at its end
            self._retry_at_s = now_s + _RETRY_S
            return
        watch.told(findings, now_s=now_s)
        for finding in findings:
            log.warning("line_fault", extra={"device_id": finding.subject, "fault": finding.fault})

    def _told(self, finding: Finding) -> Told:
        now_ns = self._now_ns()
        reading = Reading(
            device_id=finding.subject,
            quantity=self._quantity,
            value=label_value("line_fault", finding.fault),
            observed_ns=now_ns,
            received_ns=now_ns,
            gateway_id=self._gateway_id,
        )
        return Told(device_id=finding.subject, received_ns=now_ns, readings=(reading,))
