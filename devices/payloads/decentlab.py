"""Decentlab payload protocol 2: blocks of 16-bit words, one block for each set flag, lowest flag first.

Source: https://github.com/decentlab/decentlab-decoders (the makers' decoders, one table of words a model)

    byte   content (big-endian)
    0      protocol version, 2
    1..2   device id
    3..4   flags: bit n = block n follows
    then   the blocks in the order of their bits, each a fixed number of u16 words

Any FPort of an application. A model is a tuple of `Block`s; the last one is the battery of every model. The protocol
has no sign for "bad": a value is NaN only where another word of its block says so (`Gate`).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from devices.lorawan import application_payload, frame_of
from devices.model import Decoded, Frame, PermanentError
from devices.quantities import quantity

_VERSION = 2
_DEVICE_ID = 1
_HEADER_BYTES = 5
_WORD_BITS = 16
SIGNED = 32_768
"""What is added to a signed word on the wire."""

Values = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """The quantity `key` in the words from `at` on (`size` words, the lowest first).

    value = (word - origin) / per_unit + shift, in the quantity's unit. The numbers of `bad` are what a dead sensor
    says: NaN. `default` goes on the wire when the value is not given; None: then the block cannot be sent.
    """

    key: str
    at: int
    per_unit: float
    origin: int = 0
    shift: float = 0.0
    size: int = 1
    default: int | None = None
    bad: tuple[int, ...] = ()

    def value(self, words: tuple[int, ...]) -> float:
        """Return the value in the quantity's unit, NaN for what a dead sensor says."""
        number = self.number(words)
        return math.nan if number in self.bad else (number - self.origin) / self.per_unit + self.shift

    def number(self, words: tuple[int, ...]) -> int:
        """Return the bare number on the wire."""
        return sum(words[self.at + i] << (_WORD_BITS * i) for i in range(self.size))

    def put(self, value: float | None, words: list[int]) -> None:
        """Write `value` into `words`. Raises PermanentError for a missing, NaN or too large one."""
        number = self.default if value is None else self._number_of(value)
        if number is None:
            raise PermanentError(f"{self.key} is missing: its block on the wire is complete or not there")
        for i in range(self.size):
            words[self.at + i] = number >> (_WORD_BITS * i) & 0xFFFF

    def _number_of(self, value: float) -> int:
        most = (1 << (_WORD_BITS * self.size)) - 1
        number = round((value - self.shift) * self.per_unit + self.origin) if math.isfinite(value) else -1
        if not 0 <= number <= most or number in self.bad:
            ends = sorted((end - self.origin) / self.per_unit + self.shift for end in (0, most))
            raise PermanentError(f"{self.key} {value:g} is outside {ends[0]:g}..{ends[1]:g} or means a dead sensor")
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`key` has a value only when the word of `by` is within `good`; `closed` is sent when it has none."""

    key: str
    by: str
    good: tuple[int, int]
    closed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What one flag announces: `length` words, the quantities in them, and the gate of one of these."""

    length: int
    words: tuple[Word, ...]
    gate: Gate | None = None


BATTERY = Block(length=1, words=(Word(key="battery_voltage", at=0, per_unit=1000),))


def _derives_nothing(_values: Values) -> Values:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The blocks of a model. `derived(values)` computes what follows from the measured values alone."""

    name: str
    blocks: tuple[Block, ...]
    derived: Callable[[Values], Values] = field(default=_derives_nothing)

    @property
    def keys(self) -> tuple[str, ...]:
        """The quantities on the wire; the battery first, because every payload has it."""
        return tuple(word.key for block in reversed(self.blocks) for word in block.words)

    @property
    def resolutions(self) -> dict[str, float]:
        """The steps on the wire that are coarser than the quantity's own."""
        words = [word for block in self.blocks for word in block.words]
        return {w.key: 1 / w.per_unit for w in words if 1 / w.per_unit > quantity(w.key).resolution}

    def decode(self, frame: Frame) -> Decoded:
        """Return the quantities of the blocks that the payload has, NaN where a gate is closed.

        Raises PermanentError when port, version, flags or length are not what the format says.
        """
        payload = application_payload(frame)
        if len(payload) < _HEADER_BYTES:
            raise PermanentError(f"payload has {len(payload)} bytes, at least {_HEADER_BYTES} are needed")
        version, _device, flags = struct.unpack(">BHH", payload[:_HEADER_BYTES])
        if version != _VERSION:
            raise PermanentError(f"protocol version {version} is not {_VERSION}")
        if flags >> len(self.blocks):
            raise PermanentError(f"flags 0x{flags:04x} name blocks that a {self.name} does not have")
        present = [block for n, block in enumerate(self.blocks) if flags >> n & 1]
        expected = _HEADER_BYTES + 2 * sum(block.length for block in present)
        if len(payload) != expected:
            raise PermanentError(f"payload has {len(payload)} bytes, flags 0x{flags:04x} need {expected}")
        values = dict(_read(payload[_HEADER_BYTES:], present))
        return Decoded(values={**values, **self.derived(values)})

    def encode(self, decoded: Decoded) -> Frame:
        """Return the payload with the blocks of which something is given.

        Raises PermanentError when a block is given in part, a value has no room, or a derived value does not follow.
        """
        values = decoded.values
        flags, body = 0, b""
        for n, block in enumerate(self.blocks):
            words = _block_words(block, values)
            if words:
                flags |= 1 << n
                body += struct.pack(f">{len(words)}H", *words)
        frame = frame_of(struct.pack(">BHH", _VERSION, _DEVICE_ID, flags) + body, port=1)
        self._check_derived(values, self.decode(frame).values)
        return frame

    def _check_derived(self, values: Values, said: Values) -> None:
        sent = set(self.keys)
        for key in values.keys() - sent:
            if not math.isnan(values[key]) and not math.isclose(values[key], said.get(key, math.nan), abs_tol=1e-3):
                raise PermanentError(f"{key} {values[key]:g} does not follow from what a {self.name} measures")


def _read(body: bytes, present: list[Block]) -> Iterator[tuple[str, float]]:
    at = 0
    for block in present:
        words = struct.unpack_from(f">{block.length}H", body, at)
        at += 2 * block.length
        shut = _shut_key(block, words)
        for word in block.words:
            yield word.key, math.nan if word.key == shut else word.value(words)


def _shut_key(block: Block, words: tuple[int, ...]) -> str:
    """Return the quantity that has no value by the block's gate, "" for none."""
    gate = block.gate
    if gate is None:
        return ""
    number = next(word.number(words) for word in block.words if word.key == gate.by)
    return "" if gate.good[0] <= number <= gate.good[1] else gate.key


def _block_words(block: Block, values: Values) -> list[int]:
    """Return the words of a block, none when nothing of it is given."""
    given = {word.key: values[word.key] for word in block.words if word.key in values}
    gate = block.gate
    is_shut = gate is not None and math.isnan(given.get(gate.key, 0.0))
    if not is_shut and all(math.isnan(value) for value in given.values()):
        return []
    words = [0] * block.length
    for word in block.words:
        if gate is None or not is_shut or word.key not in (gate.key, gate.by):
            word.put(given.get(word.key), words)
        elif word.key == gate.by:
            said = given.get(gate.by, math.nan)
            word.put((gate.closed - word.origin) / word.per_unit + word.shift if math.isnan(said) else said, words)
    if gate is not None and is_shut != bool(_shut_key(block, tuple(words))):
        raise PermanentError(f"{gate.key} and {gate.by} contradict each other")
    return words
