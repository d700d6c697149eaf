"""The text of many SenML records at once into columns: what our own encoder and simple devices write, and no more.

msgspec reads everything but times, which have no room in a float; those are read digit by digit, eight at a time, from
the text itself. A record in which anything is not as it usually is (another field, a field twice, a value outside its
limits …) is marked `odd` and read again by `devices.senml`, which decides what it means: so there is one truth, and
this is only a fast way to it. `tests/ingest/test_packs.py` holds the two together.

How a text says where its fields are: it holds no backslash, so a quotation mark always begins or ends a text, and
`"t":` is always a key; it holds as many `{` as records, so nothing is nested; it holds as many quotation marks as the
fields that were understood have, so there is no other field and none twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec import Struct

from devices.model import SECOND_NS
from devices.senml_records import RecordError, nanoseconds
from devices.senml_resolve import ID_CHARS, MOST_NUMBER, RELATIVE_BELOW_NS
from ingest.batch import NO_SEQ, Bools, Bytes, Floats, Int32s, Int64s
from ingest.rows import ANY_UNIT, NO_NAME, NameBook

_Chars = np.ndarray[Any, np.dtype[np.uint8]]
_Words = np.ndarray[Any, np.dtype[np.uint64]]

_NO_VALUE = float("nan")
_QUOTE, _COLON, _OPEN, _SHUT, _COMMA, _DOT, _ZERO = b'":{},.0'
_NINE = 9
_KEY_QUOTES, _TEXT_QUOTES = 2, 4
_END_BYTES = 1_024
_DEVICE_CLOCK = "device"
_WINDOW = 24
PAD = b" " * _WINDOW
"""What must stand behind a text, so that a time at its end can be read in one piece with what follows."""

_TOKEN = re.compile(rb"[^,}]*")
_RELATIVE_BELOW_S, _LATEST_S = RELATIVE_BELOW_NS // SECOND_NS, (2**63 - 1) // SECOND_NS


class TextError(Exception):
    """The text cannot be read as a whole; parts of it may be."""


class _Record(Struct, gc=False):
    """What a record may say, but for its times. No default is a value that a sound record can state."""

    n: str = ""
    v: float = _NO_VALUE
    u: str = ""
    seq: int = NO_SEQ
    vs: str = ""
    clock: Literal["", "device", "gateway"] = ""
    gateway: str = ""
    resent: bool = False
    bad: bool = False
    row: int = 0
    epoch: str = ""
    floor: int = 0


_DECODER = msgspec.json.Decoder(list[list[_Record]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """N records in their order; what stands in one that is `odd` (N,) means nothing.

    `first` (M,) are the first records of the messages. `row` is 0 where a record has none; `epoch` and `floor` belong
    to the records of `first`, empty and 0 where nothing is stated; without entries when no record states an epoch.
    """

    first: Int64s
    odd: Bools
    name: Int32s
    observed_ns: Int64s
    received_ns: Int64s
    seq: Int64s
    value: Floats
    resent: Bools
    clock: Bytes
    gateway: list[str]
    row: Int64s
    epoch: list[str]
    floor: list[int]


def read_text(text: bytes, book: NameBook, *, begins: Int64s, arrived_ns: int) -> Columns:
    """Return what a JSON array of packs says; it must hold no backslash and end with PAD.

    The packs stand at `begins` (M,), each a `[` with a `{` behind it. Raises TextError.
    """
    marks, fields = _Marks(text), _Fields(text)
    if len(marks.start) != len(fields):
        raise TextError("something is nested, or a text holds a brace")
    # what is broken in two packs may add up to something sound; then the packs do not begin where they should
    if len(fields.first) != len(begins) or (marks.start[fields.first] != begins + 1).any():
        raise TextError("a pack does not end where its message does")
    columns, tally = _columns(fields, marks, book, arrived_ns=arrived_ns)
    if marks.count != tally.total():
        fields.look_for_all()
        columns, tally = _columns(fields, marks, book, arrived_ns=arrived_ns)
        columns.odd[marks.counts() != tally.counts()] = True
    return columns


class _Tally:
    """How many quotation marks the fields have that were understood, name included."""

    def __init__(self, records: int) -> None:
        self._records = records
        self._given: list[tuple[Bools, int]] = []

    def add(self, is_given: Bools, marks: int) -> None:
        """Note which records (N,) have a field that is written with so many marks."""
        self._given.append((is_given, marks))

    def total(self) -> int:
        """Return the marks of all records."""
        return _TEXT_QUOTES * self._records + sum(int(np.count_nonzero(given)) * marks for given, marks in self._given)

    def counts(self) -> Int64s:
        """Return the marks of each record (N,)."""
        counts = np.full(self._records, _TEXT_QUOTES, dtype=np.int64)
        for is_given, marks in self._given:
            counts += marks * is_given
        return counts


def _columns(fields: _Fields, marks: _Marks, book: NameBook, *, arrived_ns: int) -> tuple[Columns, _Tally]:
    """Return the columns, and the quotation marks that they account for."""
    tally = fields.tally()
    name = fields.numbers("n", np.int32, of=book.__getitem__)
    value, seq = fields.numbers("v", np.float64), fields.numbers("seq", np.int64)
    tally.add(~np.isnan(value), _KEY_QUOTES)
    tally.add(seq != NO_SEQ, _KEY_QUOTES)
    tally.add(fields.units(book) != ANY_UNIT, _TEXT_QUOTES)
    is_sound = _read_values(value, fields, name, book)
    is_sound &= seq >= NO_SEQ
    fields.check(is_sound)
    observed, received = marks.times("t", arrived_ns), marks.times("received", arrived_ns)
    for times in (observed, received):
        tally.add(times.is_given, _KEY_QUOTES)
        is_sound &= times.is_sound
    is_device = observed.is_given
    if fields.is_stated("clock"):
        is_device = np.where(fields.given("clock"), fields.given("clock", of=_DEVICE_CLOCK.__eq__), is_device)
    columns = Columns(
        first=fields.first,
        odd=~is_sound,
        name=name,
        observed_ns=observed.instant_ns,
        received_ns=np.minimum(received.instant_ns, arrived_ns),
        seq=seq,
        value=value,
        resent=fields.given("resent"),
        clock=is_device.astype(np.uint8),
        gateway=fields.of("gateway"), row=fields.numbers("row", np.int64),
        epoch=fields.of_first("epoch") if fields.is_stated("epoch") else [], floor=fields.of_first("floor"),
    )  # fmt: skip
    return columns, tally


class _Fields:
    """The records of a text as columns; what is likely to be stated by none costs nothing.

    Likely: nobody does at both ends of the text. Whoever is wrong finds too many quotation marks and looks for all.
    """

    def __init__(self, text: bytes) -> None:
        try:
            packs = _DECODER.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise TextError(str(error)) from None
        self._records = list(chain.from_iterable(packs))
        counts = np.fromiter(map(len, packs), np.int64, len(packs))
        self.first: Int64s = np.cumsum(counts) - counts
        self._columns: dict[str, list[Any]] = {}
        self._units: Int32s | None = None
        ends = text[:_END_BYTES] + text[-_END_BYTES:]
        self._stated = {field for field in _GETTERS if b'"%s"' % field.encode() in ends}

    def __len__(self) -> int:
        return len(self._records)

    def look_for_all(self) -> None:
        """Take it that every field may be stated."""
        self._stated, self._units = set(_GETTERS), None

    def of(self, field: str) -> list[Any]:
        """Return a field of all records."""
        if field not in self._stated:
            return [getattr(_DEFAULT, field)] * len(self)
        if field not in self._columns:
            self._columns[field] = list(map(_GETTERS[field], self._records))
        return self._columns[field]

    def is_stated(self, field: str) -> bool:
        """Whether any record may have the field."""
        return field in self._stated

    def of_first(self, field: str) -> list[Any]:
        """Return a field of the first record of each message."""
        if field not in self._stated:
            return [getattr(_DEFAULT, field)] * len(self.first)
        return [getattr(self._records[place], field) for place in self.first.tolist()]

    def given(self, field: str, *, of: Callable[[Any], Any] = bool) -> Bools:
        """Return for which records (N,) `of` what is in the field is true; where the default is, it is not."""
        if field not in self._stated:
            return np.zeros(len(self), dtype=np.bool_)
        column = self.of(field)
        if column.count(column[0]) == len(column):  # one gateway, one clock: what is the same everywhere is judged once
            return np.full(len(column), bool(of(column[0])))
        return np.fromiter(map(of, column), np.bool_, len(column))

    def numbers(self, field: str, dtype: Any, *, of: Callable[[Any], Any] | None = None) -> np.ndarray[Any, Any]:
        """Return a field as numbers (N,), `of` what is in it. Raises TextError for one that has no room."""
        if field not in self._stated:
            default = getattr(_DEFAULT, field)
            return np.full(len(self), default if of is None else of(default), dtype=dtype)
        found = map(_GETTERS[field], self._records)
        try:
            return np.fromiter(found if of is None else map(of, found), dtype, len(self))
        except OverflowError:
            raise TextError(f"{field} has too many digits") from None

    def units(self, book: NameBook) -> Int32s:
        """Return the codes (N,) of the units."""
        if self._units is None:
            self._units = self.numbers("u", np.int32, of=book.units.__getitem__)
        return self._units

    def check(self, is_sound: Bools) -> None:
        """Take from `is_sound` (N,) the records that do not keep to the limits of what is not a value."""
        if "row" in self._stated:
            is_sound &= self.numbers("row", np.int64) >= 0
        if "floor" in self._stated:
            is_sound[self.first] &= [0 <= floor <= MOST_NUMBER for floor in self.of_first("floor")]
        is_sound &= ~self.given("gateway", of=_is_long)

    def tally(self) -> _Tally:
        """Return the quotation marks of all fields but value, unit, counter and times."""
        tally = _Tally(len(self))
        for field, marks in _QUOTES:
            if field in self._stated:
                tally.add(self.given(field), marks)
        # elsewhere these two mean nothing, and are counted as what was not understood
        for field, marks in _QUOTES_FIRST:
            if field in self._stated:
                is_given = np.zeros(len(self), dtype=np.bool_)
                is_given[self.first] = list(map(bool, self.of_first(field)))
                tally.add(is_given, marks)
        return tally


def _is_long(name: str) -> bool:
    return len(name) > ID_CHARS


_DEFAULT = _Record()
_GETTERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {field: attrgetter(field) for field in _Record.__struct_fields__}
)
_QUOTES = (
    ("vs", _TEXT_QUOTES), ("clock", _TEXT_QUOTES), ("gateway", _TEXT_QUOTES),
    ("resent", _KEY_QUOTES), ("bad", _KEY_QUOTES), ("row", _KEY_QUOTES),
)  # fmt: skip
_QUOTES_FIRST = (("epoch", _TEXT_QUOTES), ("floor", _KEY_QUOTES))


def _read_values(value: Floats, fields: _Fields, name: Int32s, book: NameBook) -> Bools:
    """Put what labels and the mark `bad` mean into `value` (N,); return which are what their quantity may be."""
    if not len(book):
        raise TextError("no name is known")
    unit = fields.units(book)
    rules = book.rules[name]
    is_labelled, is_bad = fields.given("vs"), fields.given("bad")
    is_sound: Bools = (name != NO_NAME) & ((unit == rules["unit"]) | (unit == ANY_UNIT) | is_labelled)
    is_sound &= np.isnan(value) | ~is_labelled
    if is_labelled.any():
        labels = fields.of("vs")
        for place in np.flatnonzero(is_labelled & is_sound).tolist():
            value[place] = book.label_value(int(name[place]), labels[place])
    is_sound &= (value >= rules["lo"]) & (value <= rules["hi"])
    is_sound &= ~rules["is_whole"] | (value == np.floor(value))
    value[is_bad] = np.nan
    is_sound |= is_bad & (name != NO_NAME)
    return is_sound


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """Instants (N,) of records; the time of arrival where none `is_given`."""

    instant_ns: Int64s
    is_given: Bools
    is_sound: Bools


class _Marks:
    """Where in a text records begin and what its quotation marks say."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._chars: _Chars = np.frombuffer(text, dtype=np.uint8)
        self._is_quote = self._chars == _QUOTE
        self._is_key_end = self._is_quote[:-1] & (self._chars[1:] == _COLON)
        self.start: Int64s = np.flatnonzero(self._chars == _OPEN)

    @property
    def count(self) -> int:
        """How many quotation marks there are."""
        return int(np.count_nonzero(self._is_quote))

    def counts(self) -> Int64s:
        """Return how many quotation marks each record (N,) has."""
        return np.add.reduceat(self._is_quote, self.start, dtype=np.int64)

    def times(self, key: str, arrived_ns: int) -> _Times:
        """Return the times that stand under a key."""
        count, at = len(self.start), self._behind(b'"%s":' % key.encode())
        if len(at) == count and (at > self.start).all() and (at[:-1] < self.start[1:]).all():
            instant_ns, is_sound = self._instants(at)
            return _Times(instant_ns=instant_ns, is_given=np.ones(count, dtype=np.bool_), is_sound=is_sound)
        instant_ns = np.full(count, arrived_ns, dtype=np.int64)
        is_given, is_sound = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
        if len(at):
            record = np.searchsorted(self.start, at) - 1
            instant_ns[record], is_sound[record] = self._instants(at)
            is_given[record] = True
        return _Times(instant_ns=instant_ns, is_given=is_given, is_sound=is_sound)

    def _behind(self, key: bytes) -> Int64s:
        """Return the places (M,) that follow a key with its colon."""
        if key not in self._text:
            return np.empty(0, dtype=np.int64)
        size = len(key)
        # its last letter is looked for first, because few keys end alike
        is_there = self._is_key_end[size - 2 :] & (self._chars[size - 3 : -2] == key[-3])
        at = np.flatnonzero(is_there)
        for place, char in enumerate(key[:-3]):
            at = at[self._chars[at + place] == char]
        return at + size

    def _instants(self, at: Int64s) -> tuple[Int64s, Bools]:
        """Return the times (M,) that are written at these places, and which of them are times of this world."""
        texts = np.lib.stride_tricks.sliding_window_view(self._chars, _WINDOW)[at]
        digit = texts[:, 8:12] - np.uint8(_ZERO)
        head, tail = texts[:, :8].view("<u8")[:, 0], texts[:, 12:20].view("<u8")[:, 0]
        is_whole = (digit[:, 0] <= _NINE) & (digit[:, 1] <= _NINE) & (digit[:, 3] <= _NINE) & (texts[:, 10] == _DOT)
        is_ended = (texts[:, 20] == _COMMA) | (texts[:, 20] == _SHUT)
        is_usual = is_whole & is_ended & _are_digits(head) & _are_digits(tail)
        seconds = _number(head) * 100 + digit[:, 0].astype(np.int64) * 10 + digit[:, 1]
        is_sound = is_usual & (seconds >= _RELATIVE_BELOW_S) & (seconds < _LATEST_S)
        instant_ns = seconds * SECOND_NS + digit[:, 3].astype(np.int64) * 10**8 + _number(tail)
        for place in np.flatnonzero(~is_usual).tolist():
            found_ns = self._instant_ns(int(at[place]))
            instant_ns[place], is_sound[place] = found_ns or 0, found_ns is not None
        return instant_ns, is_sound

    def _instant_ns(self, at: int) -> int | None:
        """Return the time that is written there in whatever form; None when that needs a closer look."""
        token = _TOKEN.match(self._text, at)
        try:
            found_ns = nanoseconds(token[0]) if token else 0
        except RecordError:
            return None
        return found_ns if RELATIVE_BELOW_NS <= found_ns < _LATEST_S * SECOND_NS else None


_ALL_THREES = np.uint64(0x3333333333333333)


def _are_digits(word: _Words) -> Bools:
    """Return which words (N,) are eight ASCII digits."""
    carried = (word + np.uint64(0x0606060606060606)) & np.uint64(0xF0F0F0F0F0F0F0F0)
    are_digits: Bools = (word & np.uint64(0xF0F0F0F0F0F0F0F0) | carried >> np.uint64(4)) == _ALL_THREES
    return are_digits


def _number(word: _Words) -> Int64s:
    """Return what eight digits (N,), the first in the lowest byte, are as a number: pairs, then fours, then eight.

    Worked example: the text 12345678, read as a little-endian word, gives 12345678.
    """
    word = word - np.uint64(0x3030303030303030)
    word = word * np.uint64(10) + (word >> np.uint64(8))
    fours = (word & np.uint64(0x000000FF000000FF)) * np.uint64(0x000F424000000064)
    fours += ((word >> np.uint64(16)) & np.uint64(0x000000FF000000FF)) * np.uint64(0x0000271000000001)
    return (fours >> np.uint64(32)).astype(np.int64)
