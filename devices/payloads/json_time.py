"""Times as gateways of all makers write them: Unix seconds or milliseconds, ISO 8601, or a local format with a zone.

A time that cannot be read is None: the reading counts, with the gateway's own time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices.model import SECOND_NS, PermanentError
from devices.payloads.json_fields import number_of

DEFAULT_ZONE = "Asia/Tokyo"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST_S = 2**33
_MILLISECOND_FROM = 1e11
_LONGEST = 40


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone called `name`. Raises PermanentError for one that is not known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PermanentError(f"time zone {name[:_LONGEST]!r} is not known") from None


def unix_ns(value: Any, *, per_second: int = 1) -> int | None:
    """Return a Unix time that counts `per_second` (1 or 1000) as nanoseconds; None for what is none, and for 0."""
    number = number_of(value)
    if number is None or not 0 < number / per_second < _MOST_S:
        return None
    if isinstance(value, int):
        return value * (SECOND_NS // per_second)
    return round(number * 1_000_000 / per_second) * 1_000


def unix_guess_ns(value: Any) -> int | None:
    """Return a Unix time in seconds or milliseconds: above 10^11 (5138 AD in seconds) it is milliseconds."""
    number = number_of(value)
    return unix_ns(value, per_second=1000 if number is not None and number >= _MILLISECOND_FROM else 1)


def local_ns(text: Any, zone: ZoneInfo, *, form: str = "") -> int | None:
    """Return a time as ISO 8601 (or by the strptime `form`); without an offset it is of `zone`.

    None for what is none, and for a local time that did not exist or came twice (a change to or from summer time): the
    second 02:30 would be taken for a copy of the first.
    """
    if not isinstance(text, str) or not text.isascii() or len(text) > _LONGEST:
        return None
    try:
        # a zone is given below, where the text names none
        instant = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=zone)
            if instant.utcoffset() != instant.replace(fold=1).utcoffset():
                return None
        since = instant.astimezone(UTC) - _EPOCH
    except (ValueError, OverflowError):
        return None
    if since <= timedelta(0):
        return None
    return since // _MICROSECOND * 1_000
