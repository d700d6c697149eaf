"""A line between a dialogue and a stand-in, without a port: bytes arrive at their time, unread ones are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from devices.model import Decoded
from devices.polling import Ask, Got, Instrument, Rest, Session

Answer = Callable[[bytes], list[tuple[float, bytes]]]


@dataclass
class Line:
    """Runs a session; `requests` and `rests_s` are what it did, `now_s` the time it took."""

    answer: Answer
    now_s: float = 0.0
    requests: list[bytes] = field(default_factory=list)
    rests_s: list[float | None] = field(default_factory=list)
    _coming: list[tuple[float, bytes]] = field(default_factory=list)
    _unread: bytes = b""

    def run(self, session: Session, *, measurements: int = 1) -> list[bytes]:
        payloads: list[bytes] = []
        reply = b""
        step = next(session)
        while True:
            if isinstance(step, Ask):
                reply = self._ask(step)
            elif isinstance(step, Rest):
                reply = b""
                self.rests_s.append(step.seconds)
                self.now_s += step.seconds or 600.0
            else:
                reply = b""
                assert isinstance(step, Got)
                payloads.append(step.payload)
                if len(payloads) == measurements:
                    session.close()
                    return payloads
            step = session.send(reply)

    def _ask(self, ask: Ask) -> bytes:
        self._arrive(self.now_s)
        if not ask.keeps_unread:
            self._unread = b""
        if ask.request:
            self.requests.append(ask.request)
            self._coming += [(self.now_s + after_s, data) for after_s, data in self.answer(ask.request)]
            self._coming.sort(key=lambda item: item[0])
        until_s = self.now_s + ask.wait_s
        while not ask.length(self._unread) and self._coming and self._coming[0][0] <= until_s:
            self.now_s = max(self.now_s, self._coming[0][0])
            self._arrive(self.now_s)
        size = ask.length(self._unread)
        if not size:
            self.now_s = until_s
            size = len(self._unread)
        answer, self._unread = self._unread[:size], self._unread[size:]
        return answer

    def _arrive(self, until_s: float) -> None:
        while self._coming and self._coming[0][0] <= until_s:
            self._unread += self._coming.pop(0)[1]


def line_to(instrument: Instrument, says: Decoded) -> Line:
    """Return a line with `instrument` at its other end, which measures `says`."""
    return Line(answer=lambda request: instrument.hear(request, says))


def scripted(answers: dict[bytes, list[bytes]]) -> Line:
    """Return a line that answers each request with its next text, the last one again and again; else silence."""

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        texts = answers.get(request, [])
        if not texts:
            return []
        return [(0.01, texts.pop(0) if len(texts) > 1 else texts[0])]

    return Line(answer=answer)
