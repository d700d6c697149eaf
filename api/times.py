"""Times at the edge: integer nanoseconds inside, ISO 8601 UTC text with nine digits in JSON. No float in between."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from devices.model import SECOND_NS, PermanentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s?([Zz]|[+\- ]\d\d:?\d\d)?)?", re.ASCII
)
_FIRST_YEAR = 1970
_LAST_YEAR = 2200


def iso(time_ns: int) -> str:
    """Return `time_ns` as `2024-01-02T03:04:05.123456789Z`."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


def iso_or_none(time_ns: int | None) -> str | None:
    """Return `iso(time_ns)`; None and 0 (never) give None."""
    return iso(time_ns) if time_ns else None


def parse_iso(text: str) -> int:
    """Return the nanoseconds of an ISO 8601 time; without an offset it is UTC, a date alone is its midnight.

    A blank before the offset stands for `+`, which a query string turns into a blank. Raises PermanentError naming
    the text when it is no time or lies outside the years 1970 to 2200 (what 64-bit nanoseconds hold with a margin).
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise PermanentError(f"{text[:40]!r} is not an ISO 8601 time such as 2024-01-02T03:04:05Z")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    if not _FIRST_YEAR <= int(year) <= _LAST_YEAR:
        raise PermanentError(f"year {year} is outside {_FIRST_YEAR} to {_LAST_YEAR}")
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=_zone(offset)
        )
    except ValueError as error:
        raise PermanentError(f"{text[:40]!r} is no time: {error}") from None
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * SECOND_NS + int((fraction or "").ljust(9, "0"))


def _zone(offset: str | None) -> timezone:
    if offset is None or offset in "Zz":
        return UTC
    sign = -1 if offset[0] == "-" else 1
    digits = offset[1:].replace(":", "")
    return timezone(sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:])))
