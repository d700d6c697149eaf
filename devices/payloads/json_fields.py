"""Reads fields of a JSON object into quantities by a table: one row a field, numbers and words, sentinels, factors.

A number may be a JSON number or ASCII text of one (gateways in the field write both); full-width digits, NaN, blanks
and what has no unit are refused. A field that is null, missing, or says `unknown` is absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devices.model import Decoded, Frame, PermanentError

MOST_BYTES = 65_536
_MOST = 1e15
_NUMBER = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)
_SHOWN_CHARS = 40
_DIGITS = 9

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonField:
    """One field: `path` are the keys from the outside in (a position in a list is its number as text).

    The quantity is number x `factor` + `offset`. `words` gives values to texts, and to `true` and `false`; a number is
    then only read when `takes_numbers`. `unknown` are numbers or texts that mean "not known": the field is absent.
    `bad` are those that mean "my sensor is bad": NaN. `is_aside`: a value that cannot be read costs only itself, not
    the message (a pressed button must not be lost for the sake of its battery).
    """

    path: tuple[str, ...]
    quantity: str
    factor: float = 1.0
    offset: float = 0.0
    words: Mapping[str, float] = field(default_factory=dict)
    takes_numbers: bool = True
    unknown: tuple[float | str, ...] = ()
    bad: tuple[float | str, ...] = ()
    is_aside: bool = False

    @property
    def name(self) -> str:
        """The path as people read it."""
        return ".".join(self.path)


def find(said: Any, path: tuple[str, ...]) -> Any:
    """Return what stands at `path`, None where there is nothing."""
    for key in path:
        if isinstance(said, Mapping):
            said = said.get(key)
        elif isinstance(said, list) and key.isascii() and key.isdigit() and len(key) < 5 and int(key) < len(said):
            said = said[int(key)]
        else:
            return None
    return said


def number_of(value: Any) -> float | None:
    """Return the number of a JSON number or a text of one; None for anything else, also for true and false."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MOST:
        return None
    return float(value)


def read_fields(said: Json, fields: tuple[JsonField, ...]) -> dict[str, float]:
    """Return the quantities of the fields that are there; of two fields of one quantity the first one that says it.

    Raises PermanentError naming a field that has no readable value.
    """
    values: dict[str, float] = {}
    for row in fields:
        value = find(said, row.path)
        if value is None or row.quantity in values:
            continue
        read = _read(row, value)
        if read is not None:
            values[row.quantity] = read
    return values


def _read(row: JsonField, value: Any) -> float | None:
    word = ("true" if value else "false") if isinstance(value, bool) else value
    number = number_of(value) if row.takes_numbers else None
    if any(word == known or (number is not None and number == known) for known in row.unknown):
        return None
    if any(word == known or (number is not None and number == known) for known in row.bad):
        return math.nan
    if isinstance(word, str) and word in row.words:
        return row.words[word]
    if number is not None:
        return number * row.factor + row.offset
    if row.is_aside:
        return None
    raise PermanentError(f"{row.name} {str(value)[:_SHOWN_CHARS]!r} cannot be read as {row.quantity}")


def write_fields(values: Mapping[str, float], fields: tuple[JsonField, ...]) -> dict[str, Any]:
    """Return the JSON object that says `values`, for the simulator; NaN is the field's `bad` sign, else left out.

    Raises PermanentError for a value that the words of a field do not have, or that is one of its sentinels.
    """
    said: dict[str, Any] = {}
    written: set[str] = set()
    for row in fields:
        value = values.get(row.quantity)
        if value is None or row.quantity in written or (math.isnan(value) and not row.bad):
            continue
        written.add(row.quantity)
        table = said
        for key in row.path[:-1]:
            table = table.setdefault(key, {})
        table[row.path[-1]] = _written(row, value)
    return said


def _written(row: JsonField, value: float) -> Any:
    if math.isnan(value):
        return row.bad[0]
    for word, meaning in row.words.items():
        if meaning == value:
            return {"true": True, "false": False}.get(word, word)
    number = round((value - row.offset) / row.factor, _DIGITS)
    if (row.words and not row.takes_numbers) or number in row.unknown or number in row.bad or not abs(number) < _MOST:
        raise PermanentError(f"{row.name} has no way to say {row.quantity} {value:g}")
    return number


def with_position(values: dict[str, float]) -> dict[str, float]:
    """Return `values` without a position that is none: latitude and longitude 0, one without the other, or NaN.

    Raises PermanentError for a position outside the globe, which is what exchanged latitude and longitude look like
    in Japan (139 N).
    """
    latitude, longitude = values.get("latitude", math.nan), values.get("longitude", math.nan)
    if not math.isnan(latitude) and not abs(latitude) <= 90.0:
        raise PermanentError(f"latitude {latitude:g} is outside -90..90")
    if not math.isnan(longitude) and not abs(longitude) <= 180.0:
        raise PermanentError(f"longitude {longitude:g} is outside -180..180")
    if math.isnan(latitude + longitude) or (latitude == 0.0 and longitude == 0.0):
        return {key: value for key, value in values.items() if key not in _OF_A_FIX}
    return values


_OF_A_FIX = frozenset({"latitude", "longitude", "altitude", "position_accuracy", "speed", "heading"})


def needs_position(values: Mapping[str, float]) -> None:
    """Raise PermanentError when the simulator is to say a position that a device cannot say: half of one, or 0, 0."""
    told = {key: round(value, _DIGITS) for key, value in values.items() if not math.isnan(value)}
    if told.keys() & _OF_A_FIX and with_position(dict(told)) != told:
        raise PermanentError("a position needs latitude and longitude, and 0, 0 means that there is none")


def json_frame(payload: bytes, *, transport: str = "http") -> Frame:
    """Return `payload` as a frame, for the simulator; address and times are the sender's business."""
    if transport == "http":
        return Frame(gateway_id="", transport="http", address="", payload=payload, received_ns=0)
    return Frame(gateway_id="", transport="mqtt", address="", payload=payload, received_ns=0)


def decoded_or_refused(values: dict[str, float], fields: tuple[JsonField, ...], **more: Any) -> Decoded:
    """Return the values as Decoded. Raises PermanentError naming the fields when there is not one."""
    if not values:
        raise PermanentError("message has none of: " + ", ".join(row.name for row in fields))
    return Decoded(values=values, **more)
