"""Server-sent events as bytes (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from typing import Literal

Kind = Literal["reading", "event", "alert", "health"]


def message(kind: Kind, json_body: str, *, place: str = "") -> bytes:
    """Return one message. `place` becomes its id; a message without id leaves the client's place as it is.

    JSON from our encoder holds no line break, so one `data:` line is enough.
    """
    head = f"id: {place}\n" if place else ""
    return f"event: {kind}\n{head}data: {json_body}\n\n".encode()
