"""Reads the one JSON object of a network message strictly: what is ambiguous is refused, not guessed."""

from __future__ import annotations

import json
from typing import Any

from devices.model import PermanentError

_SHOWN_CHARS = 80


def read_object(payload: bytes, *, most_bytes: int) -> dict[str, Any]:
    """Return the JSON object in `payload`.

    Raises PermanentError for anything else: another encoding than UTF-8 (no byte order mark), NaN and Infinity,
    repeated keys, nesting too deep for the reader, more than `most_bytes`.
    """
    if len(payload) > most_bytes:
        raise PermanentError(f"message of {len(payload)} bytes is longer than {most_bytes}")
    try:
        found = json.loads(payload.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise PermanentError(f"message is no JSON object: {str(error)[:_SHOWN_CHARS]}") from None
    if not isinstance(found, dict):
        raise PermanentError("message is no JSON object")
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found
