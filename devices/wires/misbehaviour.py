"""How a stand-in of a polled instrument misbehaves on a simulated line, so that drivers meet it on a live one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """Faults of an instrument, its wiring or its adapter; none by default.

    `is_silent`: never answers. `has_wrong_checksum`: one bit of every checksum is wrong. `has_echo`: what is sent
    comes back in front of the answer. `answers_as`: another address stands in the answers (empty = its own).
    `cuts_bytes`: so many bytes are missing at the end of every answer. `garbage`: stands in front of every answer.
    """

    is_silent: bool = False
    has_wrong_checksum: bool = False
    has_echo: bool = False
    answers_as: str = ""
    cuts_bytes: int = 0
    garbage: bytes = b""


WELL_BEHAVED = Misbehaviour()


def on_the_line(answer: bytes, *, request: bytes, faults: Misbehaviour) -> bytes:
    """Return what reaches the host when an instrument with `faults` sends `answer` to `request`."""
    echo = request if faults.has_echo else b""
    if faults.is_silent or not answer:
        return echo
    return echo + faults.garbage + answer[: len(answer) - faults.cuts_bytes]
