"""Bounds of questions: how many rows, which span of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from api.problems import RefusedError
from api.times import parse_iso
from devices.model import SECOND_NS, PermanentError

MOST_ROWS = 10_000
MOST_POINTS = 5_000
DEFAULT_SPAN_NS = 24 * 3600 * SECOND_NS
T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Most rows of the answer.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="Rows to leave out at the beginning.")]
FromText = Annotated[str, Query(alias="from", max_length=64, description="ISO 8601; default: 24 h before `to`.")]
ToText = Annotated[str, Query(alias="to", max_length=64, description="ISO 8601, not included; default: now.")]


def window(rows: Sequence[T], limit: int, offset: int) -> list[T]:
    """Return `limit` rows from `offset` on."""
    return list(rows[offset : offset + limit])


def span(from_text: str, to_text: str, *, now_ns: int) -> tuple[int, int]:
    """Return the span asked for; an empty text stands for the default.

    Raises RefusedError (422) for what is no time and for a span that ends before it begins.
    """
    to_ns = _time(to_text, "to") if to_text else now_ns + 1
    from_ns = _time(from_text, "from") if from_text else to_ns - DEFAULT_SPAN_NS
    if from_ns > to_ns:
        raise RefusedError(422, "`from` must not be after `to` (default: now)")
    return from_ns, to_ns


def _time(text: str, name: str) -> int:
    try:
        return parse_iso(text)
    except PermanentError as error:
        raise RefusedError(422, f"`{name}`: {error}") from None
