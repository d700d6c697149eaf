"""A serial instrument described by its site: framing, checksum, pattern, units; checked by real frames.

Source of the CRC parameters: https://reveng.sourceforge.io/crc-catalogue/16.htm

    framing     line: up to CR or LF; stx_etx: from STX to ETX and `after_etx` bytes more
    pattern     a regular expression with named groups; it must match the frame from end to end (without the line end)
    checksum    xor, sum8, neg_sum8 (two's complement), crc16_arc, crc16_modbus, crc16_xmodem, crc16_ccitt_false,
                crc16_sommer (Sommer Messtechnik's bus), over the bytes before the group
                `checksum`, or over all bytes but that group; in hex, decimal or bare bytes
    address     a group of this name says who answers (instruments that share a line)
    values      for each other group: quantity, unit, scale, offset, sentinels, min, max, words
    ignored     patterns of lines that say nothing (a banner)
    examples    at least three different frames of the real instrument, each of which must be read completely
"""

from __future__ import annotations

import functools
import math
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from devices.model import Decoded, PermanentError
from devices.quantities import QUANTITIES
from devices.units import UNITS, are_convertible, convert

CHECKSUM = "checksum"
ADDRESS = "address"
_STX, _ETX = 0x02, 0x03
_NUMBER = re.compile(r" *([+-]?) *(\d+(?:\.\d*)?|\.\d+) *", re.ASCII)
_CONFIG = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

ChecksumKind = Literal[
    "xor", "sum8", "neg_sum8", "crc16_arc", "crc16_modbus", "crc16_xmodem", "crc16_ccitt_false", "crc16_sommer"
]


def _crc16_reflected(data: bytes, *, start: int) -> int:
    crc = start
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def _crc16_ccitt(data: bytes, *, start: int) -> int:
    crc = start
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


def _crc16_sommer(data: bytes) -> int:
    """The old ZMODEM form: the byte goes in at the end, and no two zero bytes follow."""
    crc = 0
    for byte in data:
        crc = crc << 8 & 0xFFFF ^ _crc16_ccitt(bytes([crc >> 8]), start=0) ^ byte
    return crc


_SUMS: Mapping[ChecksumKind, tuple[int, Callable[[bytes], int]]] = {
    "xor": (1, lambda data: functools.reduce(operator.xor, data, 0)),
    "sum8": (1, lambda data: sum(data) & 0xFF),
    "neg_sum8": (1, lambda data: -sum(data) & 0xFF),
    "crc16_arc": (2, functools.partial(_crc16_reflected, start=0)),
    "crc16_modbus": (2, functools.partial(_crc16_reflected, start=0xFFFF)),
    "crc16_xmodem": (2, functools.partial(_crc16_ccitt, start=0)),
    "crc16_ccitt_false": (2, functools.partial(_crc16_ccitt, start=0xFFFF)),
    "crc16_sommer": (2, _crc16_sommer),
}


class Checksum(BaseModel):
    """checksum: range = "before" は skip_first バイト目からグループ checksum の手前 skip_last バイトまで、"all_but" は
    checksum 以外のすべて。
    "before": from byte skip_first to the group `checksum` less skip_last bytes; "all_but": all bytes but the group.
    """

    model_config = _CONFIG

    kind: ChecksumKind
    range: Literal["before", "all_but"] = "before"
    skip_first: Annotated[int, Field(ge=0, le=64)] = 0
    skip_last: Annotated[int, Field(ge=0, le=64)] = 0
    form: Literal["hex", "decimal", "bytes"] = "hex"
    byte_order: Literal["big", "little"] = "big"

    def text_of(self, frame: str, span: tuple[int, int]) -> str:
        """Return the text that must stand at `span` of `frame`; hexadecimal in upper case."""
        size, function = _SUMS[self.kind]
        start, end = span
        if self.range == "before":
            summed = frame[self.skip_first : max(self.skip_first, start - self.skip_last)]
        else:
            summed = frame[self.skip_first : start] + frame[end : len(frame) - self.skip_last]
        raw = function(summed.encode("latin-1")).to_bytes(size, self.byte_order)
        if self.form == "decimal":
            return f"{int.from_bytes(raw, 'big'):0{end - start}d}"
        return raw.hex().upper() if self.form == "hex" else raw.decode("latin-1")


class Value(BaseModel):
    """values.<グループ名>: （数 × scale + offset）を単位 unit で読んだものが quantity。sentinels は「測定なし」の
    数や文字、min・max は機器が出す数の範囲、words は文字を数に読みかえる表。
    (number x scale + offset) in `unit` is `quantity`; `sentinels` (numbers, or texts as they stand) mean "no reading";
    `min` and `max` bound the instrument's own number; `words` gives numbers for texts that are none.
    """

    model_config = _CONFIG

    quantity: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    sentinels: tuple[float | str, ...] = ()
    least: Annotated[float, Field(alias="min")] = -math.inf
    most: Annotated[float, Field(alias="max")] = math.inf
    words: Mapping[str, float] = {}

    @field_validator("scale")
    @classmethod
    def _scale_is_not_zero(cls, scale: float) -> float:
        if scale == 0:
            raise ValueError("a scale of 0 makes everything 0")
        return scale

    @model_validator(mode="after")
    def _units_fit(self) -> Value:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"quantity {self.quantity!r} is not in the table of observed properties")
        wanted = QUANTITIES[self.quantity].senml_unit
        if self.unit and self.unit != wanted and not are_convertible(unit=self.unit, wanted=wanted):
            close = [symbol for symbol in UNITS if are_convertible(unit=symbol, wanted=wanted)] or [wanted]
            raise ValueError(f"unit {self.unit!r} does not measure {self.quantity}; use one of {', '.join(close)}")
        return self

    def value_of(self, text: str) -> float:
        """Return the quantity's value for the text of the group, NaN for a sentinel. Raises PermanentError."""
        bare = text.strip()
        if bare in self.words:
            return self.words[bare]
        if bare in self.sentinels:
            return math.nan
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise PermanentError(f"{self.quantity} {text[:20]!r} is no number")
        number = Fraction(match[1] + match[2])
        if any(not isinstance(sentinel, str) and number == Fraction(str(sentinel)) for sentinel in self.sentinels):
            return math.nan
        if not self.least <= number <= self.most:
            raise PermanentError(f"{self.quantity} {text[:20]!r} is not between {self.least} and {self.most}")
        return self._converted(number)

    def number_of(self, value: float) -> float:
        """Return the instrument's own number for a value of the quantity."""
        wanted = QUANTITIES[self.quantity].senml_unit
        said = convert(value, unit=wanted, wanted=self.unit) if self.unit else value
        return float((Fraction(str(said)) - Fraction(str(self.offset))) / Fraction(str(self.scale)))

    def step(self, *, decimals: int) -> float:
        """Return how much the last of so many decimals is, in the quantity's unit."""
        return abs(self._converted(Fraction(1, 10**decimals)) - self._converted(Fraction(0)))

    def _converted(self, number: Fraction) -> float:
        said = float(number * Fraction(str(self.scale)) + Fraction(str(self.offset)))
        return convert(said, unit=self.unit, wanted=QUANTITIES[self.quantity].senml_unit) if self.unit else said


class Profile(BaseModel):
    """The whole description; a site writes it as `[device.options]`."""

    model_config = _CONFIG

    pattern: Annotated[str, Field(min_length=1, max_length=1000)]
    values: Annotated[Mapping[str, Value], Field(min_length=1, max_length=40)]
    examples: Annotated[tuple[str, ...], Field(max_length=100)]
    framing: Literal["line", "stx_etx"] = "line"
    after_etx: Annotated[int, Field(ge=0, le=8)] = 0
    checksum: Checksum | None = None
    ignored: tuple[str, ...] = ()
    most_bytes: Annotated[int, Field(ge=4, le=4096)] = 256

    @field_validator("pattern", "ignored")
    @classmethod
    def _compiles(cls, given: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for pattern in (given,) if isinstance(given, str) else given:
            try:
                re.compile(pattern, re.ASCII)
            except re.error as error:
                raise ValueError(f"pattern {pattern[:60]!r}: {error}") from None
        return given

    @model_validator(mode="after")
    def _fits_together(self) -> Profile:
        problems = [*self._group_problems(), *self._example_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def read(self, frame: bytes) -> Decoded:
        """Return what `frame` says; no values for an ignored line.

        Raises PermanentError when the pattern does not match all of it, the checksum is wrong, bytes beyond ASCII
        stand outside the checksum, and for a number that is none or out of its bounds.
        """
        text = self.text_of(frame)
        match = re.compile(self.pattern, re.ASCII).fullmatch(text)
        if match is None:
            if any(re.compile(pattern, re.ASCII).fullmatch(text) for pattern in self.ignored):
                return Decoded(values={})
            raise PermanentError(f"{len(frame)} bytes do not match the pattern completely")
        self._check(text, match)
        texts = {name: match[name] for name in self.values if match[name] is not None}
        return Decoded(values={self.values[name].quantity: self.values[name].value_of(t) for name, t in texts.items()})

    def address_of(self, frame: bytes) -> str:
        """Return what the group `address` of a frame says; empty where there is none."""
        match = re.compile(self.pattern, re.ASCII).fullmatch(self.text_of(frame))
        return (match.groupdict().get(ADDRESS) or "") if match is not None else ""

    def text_of(self, frame: bytes) -> str:
        """Return the text that the pattern must match: the frame without its line end."""
        return (frame.strip(b"\r\n") if self.framing == "line" else frame).decode("latin-1")

    def _check(self, text: str, match: re.Match[str]) -> None:
        start, end = match.span(CHECKSUM) if self.checksum is not None else (len(text), len(text))
        if not (text[:start] + text[end:]).isascii():
            raise PermanentError("a frame has bytes of 0x80 and more: wrong baud rate or polarity")
        if self.checksum is None:
            return
        wanted = self.checksum.text_of(text, (start, end))
        found = text[start:end].upper() if self.checksum.form == "hex" else text[start:end]
        if found != wanted:
            raise PermanentError(f"checksum is {found[:8]!r}, the bytes give {wanted!r}")

    def _group_problems(self) -> list[str]:
        groups = set(re.compile(self.pattern, re.ASCII).groupindex)
        wanted = {*self.values, *([CHECKSUM] if self.checksum is not None else [])}
        problems = [f"pattern has no group {name!r}" for name in sorted(wanted - groups)]
        spare = sorted(groups - wanted - {ADDRESS})
        problems += [f"group {name!r} of the pattern has no entry in values" for name in spare]
        keys = [value.quantity for value in self.values.values()]
        problems += [f"two groups say {key}" for key in sorted({key for key in keys if keys.count(key) > 1})]
        return problems

    def _example_problems(self) -> list[str]:
        if self._group_problems():
            return []
        problems = []
        if len(set(self.examples)) < 3:
            problems.append(f"examples: 3 different frames of the instrument are needed, not {len(set(self.examples))}")
        said: set[str] = set()
        for number, example in enumerate(self.examples, start=1):
            try:
                values = self.read(example.encode("latin-1")).values
            except (PermanentError, UnicodeEncodeError) as error:
                problems.append(f"example {number} is not read: {error}")
                continue
            if not values:
                problems.append(f"example {number} is a line that is ignored")
            said |= {key for key, value in values.items() if not math.isnan(value)}
        never = {value.quantity for value in self.values.values()} - said
        if not problems and never:
            problems.append(f"no example says a value of {', '.join(sorted(never))}")
        return problems


def ends(buffer: bytes, profile: Profile) -> list[tuple[bytes, int]]:
    """Return the complete frames of `buffer`, each with where it ends; noise between them is a frame of its own."""
    return _line_ends(buffer) if profile.framing == "line" else _block_ends(buffer, profile.after_etx)


def split(buffer: bytes, profile: Profile) -> tuple[list[bytes], bytes]:
    """Return the complete frames at the front of `buffer` and the unfinished rest."""
    found = ends(buffer, profile)
    return [frame for frame, _ in found if frame.strip(b"\r\n ")], buffer[found[-1][1] if found else 0 :]


def _line_ends(buffer: bytes) -> list[tuple[bytes, int]]:
    # one byte at a time: a pattern with the content in it looks at a long run without an end again for each byte
    line_ends = [match.end() for match in re.finditer(rb"[\r\n]", buffer)]
    return [(buffer[start:end], end) for start, end in pairwise([0, *line_ends])]


def _block_ends(buffer: bytes, after_etx: int) -> list[tuple[bytes, int]]:
    found: list[tuple[bytes, int]] = []
    start = at = 0
    while at < len(buffer):
        byte = buffer[at]
        at += 1
        if byte == _STX and at - 1 > start:
            found.append((buffer[start : at - 1], at - 1))
            start = at - 1
        elif byte == _ETX:
            if at + after_etx > len(buffer):
                break
            at += after_etx
            found.append((buffer[start:at], at))
            start = at
    return found
