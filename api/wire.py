"""Server-sent events as bytes (WHATWG HTML, section 9.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

Kind = Literal["reading", "event", "alert", "health"]
Part = tuple[Kind, str]
"""The type of a message and its body as JSON text."""


def messages(parts: Sequence[Part], *, place: str) -> bytes:
    """Return the messages one after the other; the last one bears `place` as its id.

    A client that loses the connection before the last one comes back with the place before, and gets them all again.
    JSON from our encoder holds no line break, so one `data:` line is enough.
    """
    lines = [f"event: {kind}\ndata: {body}\n\n" for kind, body in parts[:-1]]
    lines += [f"event: {kind}\nid: {place}\ndata: {body}\n\n" for kind, body in parts[-1:]]
    return "".join(lines).encode()
