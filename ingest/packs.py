"""Messages of seam 2 to readings: many at once by `ingest.pack_text`, what is unusual one by one by `devices.senml`.

Both give the same; the fast way exists because a message a reading, some thousand of them a batch, is what a town of
direct devices sends after an outage, and reading each by itself costs ten times as much.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

import numpy as np

from devices.model import QuarantineRow, Reading
from devices.senml import decode_pack
from devices.senml_records import MOST_BYTES
from devices.senml_resolve import EPOCH
from ingest.batch import Bools, Int64s
from ingest.pack_text import PAD, Columns, TextError, read_text
from ingest.receipts import ReceiptRows
from ingest.rows import NameBook, Rows, joined, rows_of

if TYPE_CHECKING:
    from devices.link_model import Message

READINGS_TOPIC = "readings/v1"
PUBLISHER_CHARS = 100
_RAW_BYTES = 4_096
_FRONT = f"{READINGS_TOPIC}/"
_FRONT_CHARS = len(_FRONT)
# below this the fixed costs of columns (some 0.2 ms) are more than reading one by one
_WORTH_MESSAGES, _WORTH_BYTES = 16, 4_096
# at most this much is read at once: by then the fixed costs no longer count, and one odd text spoils no more than this
GROUP_BYTES = 524_288
GROUP_MESSAGES = 4_096
_SHORTEST = len(b"[{}]")
_ARRAY, _OBJECT, _OBJECT_END, _ARRAY_END = b"[{}]"
_MOST_NAMES = 65_536
_NAMES_PER_DEVICE = 64


@dataclass(slots=True, kw_only=True)
class Taken:
    """What some messages say: readings in order of arrival, what could not be read, spool rows that they carried."""

    readings: Sequence[Reading] = ()
    quarantine: list[QuarantineRow] = field(default_factory=list)
    receipts: list[ReceiptRows] = field(default_factory=list)


class PackReader(Protocol):
    """Reads messages."""

    def read(self, messages: Sequence[Message], *, arrived_ns: int) -> Taken:
        """Return what the messages say; never raises on what is in them."""


class CarefulReader:
    """One message after the other."""

    def read(self, messages: Sequence[Message], *, arrived_ns: int) -> Taken:
        """Return what the messages say; never raises on what is in them."""
        readings: list[Reading] = []
        taken = Taken(readings=readings)
        for message in messages:
            readings += _read_one(message, taken, arrived_ns=arrived_ns)
        return taken


class FastReader:
    """A group of messages at once; remembers the names it has met."""

    def __init__(self, *, devices: int) -> None:
        """`devices` is how many the site has; with far more names than they can have, it forgets and begins anew."""
        self._most_names = _MOST_NAMES + devices * _NAMES_PER_DEVICE
        self._book = NameBook()
        self._topics: set[str] = set()
        self._careful = CarefulReader()

    def read(self, messages: Sequence[Message], *, arrived_ns: int) -> Taken:
        """Return what the messages say; never raises on what is in them."""
        if len(messages) < _WORTH_MESSAGES and sum(len(message.payload) for message in messages) < _WORTH_BYTES:
            return self._careful.read(messages, arrived_ns=arrived_ns)
        if len(self._book) > self._most_names:
            self._book = NameBook()
        found = _Found(messages, self._book, arrived_ns=arrived_ns)
        payloads = [message.payload for message in messages]
        text, begins, sizes = _joined(payloads)
        is_plain = self._are_plain(messages, text, begins=begins, sizes=sizes)
        if not is_plain.all() or not found.read_text(text, begins, places=np.arange(len(messages))):
            found.read_plain(np.flatnonzero(is_plain))
        return found.taken(self._careful)

    def _are_plain(self, messages: Sequence[Message], text: bytes, *, begins: Int64s, sizes: Int64s) -> Bools:
        """Return which messages (M,), joined in `text`, look like a JSON array of objects and break no bound."""
        chars = np.frombuffer(text, dtype=np.uint8)
        ends = begins + sizes
        is_plain: Bools = (sizes >= _SHORTEST) & (sizes <= MOST_BYTES)
        for place, char in ((begins, _ARRAY), (begins + 1, _OBJECT), (ends - 2, _OBJECT_END), (ends - 1, _ARRAY_END)):
            is_plain &= chars[place] == char
        if b"\\" in text:
            is_plain &= [b"\\" not in message.payload for message in messages]
        topics = [message.topic for message in messages]
        if not self._topics.issuperset(topics):
            is_plain &= [self._is_fit(topic) for topic in topics]
        return is_plain

    def _is_fit(self, topic: str) -> bool:
        is_fit = topic.startswith(_FRONT) and _FRONT_CHARS < len(topic) <= _FRONT_CHARS + PUBLISHER_CHARS
        if is_fit:
            if len(self._topics) > self._most_names:
                self._topics.clear()
            self._topics.add(topic)
        return is_fit


class _Found:
    """What of a group of messages was read so far: pieces of columns, each with the places of its messages."""

    def __init__(self, messages: Sequence[Message], book: NameBook, *, arrived_ns: int) -> None:
        self._messages, self._book, self._arrived_ns = messages, book, arrived_ns
        self._is_read = np.zeros(len(messages), dtype=np.bool_)
        self._is_retained = np.array([message.is_retained for message in messages], dtype=np.bool_)
        self._pieces: list[tuple[Int64s, Rows]] = []
        self._receipts: list[ReceiptRows] = []

    def read_plain(self, places: Int64s) -> None:
        """Read the messages (M,) at these places as one text; where that fails, in halves; what is odd is left."""
        if not len(places):
            return
        text, begins, _ = _joined([self._messages[place].payload for place in places.tolist()])
        if not self.read_text(text, begins, places=places) and len(places) > 1:
            middle = len(places) // 2
            self.read_plain(places[:middle])
            self.read_plain(places[middle:])

    def read_text(self, text: bytes, begins: Int64s, *, places: Int64s) -> bool:
        """Read the messages (M,) of these places, joined in `text`; return whether that could be done."""
        try:
            columns = read_text(text, self._book, begins=begins, arrived_ns=self._arrived_ns)
        except TextError:
            return False
        self._take(columns, places)
        return True

    def _take(self, columns: Columns, places: Int64s) -> None:
        ends = np.append(columns.first[1:], len(columns.name))
        place = np.repeat(places, ends - columns.first)
        is_sound = np.ones(len(self._messages), dtype=np.bool_)
        is_sound[place[columns.odd]] = False
        self._is_read[places] = is_sound[places]
        is_kept = is_sound[place]
        rows = Rows(
            book=self._book, name=columns.name, observed_ns=columns.observed_ns, received_ns=columns.received_ns,
            seq=columns.seq, value=columns.value, resent=columns.resent | self._is_retained[place],
            clock=columns.clock, gateway=columns.gateway,
        )  # fmt: skip
        self._pieces.append((place, rows) if is_kept.all() else (place[is_kept], rows.take(np.flatnonzero(is_kept))))
        if columns.epoch:
            self._note_receipts(columns, places, ends)

    def _note_receipts(self, columns: Columns, places: Int64s, ends: Int64s) -> None:
        spans = zip(places.tolist(), columns.first.tolist(), ends.tolist(), columns.epoch, columns.floor, strict=True)
        for message, first, end, epoch, floor in spans:
            if epoch and self._is_read[message] and EPOCH.fullmatch(epoch):
                rows = tuple(row for row in dict.fromkeys(columns.row[first:end].tolist()) if row)
                publisher = self._messages[message].topic[_FRONT_CHARS:]
                self._receipts.append(ReceiptRows(publisher=publisher, epoch=epoch, rows=rows, floor=floor))

    def taken(self, careful: CarefulReader) -> Taken:
        """Return all of it in order of arrival, what was left read carefully."""
        left = np.flatnonzero(~self._is_read).tolist()
        taken = Taken(receipts=self._receipts)
        for place in left:
            one = careful.read([self._messages[place]], arrived_ns=self._arrived_ns)
            taken.quarantine += one.quarantine
            taken.receipts += one.receipts
            if one.readings:
                self._pieces.append((np.full(len(one.readings), place), rows_of(one.readings, self._book)))
        taken.readings = self._in_order()
        return taken

    def _in_order(self) -> Sequence[Reading]:
        if not self._pieces:
            return ()
        rows = joined([rows for _, rows in self._pieces])
        if len(self._pieces) == 1:
            return rows
        return rows.take(np.argsort(np.concatenate([place for place, _ in self._pieces]), kind="stable"))


def pop_group(waiting: deque[Message], *, most: int = GROUP_MESSAGES) -> list[Message]:
    """Take away and return at most `most` messages, so many as are read at once; at least one."""
    group = [waiting.popleft() for _ in range(min(most, len(waiting)))]
    if sum([len(message.payload) for message in group]) > GROUP_BYTES:
        sums = accumulate(len(message.payload) for message in group)
        count = 1 + sum(1 for size_bytes in sums if size_bytes < GROUP_BYTES)
        waiting.extendleft(reversed(group[count:]))
        del group[count:]
    return group


def unread_row(message: Message, *, reason: str, detail: str, now_ns: int) -> QuarantineRow:
    """Return the quarantine row of a message as a whole."""
    publisher = message.topic.removeprefix(READINGS_TOPIC).removeprefix("/")[:PUBLISHER_CHARS]
    return QuarantineRow(
        publisher=publisher, device_id="", reason=reason, detail=detail, raw=message.payload[:_RAW_BYTES],
        received_ns=now_ns,
    )  # fmt: skip


def _joined(payloads: Sequence[bytes]) -> tuple[bytes, Int64s, Int64s]:
    """Return packs (M,), at least one, as a JSON array with PAD behind it, where each begins (M,) and their sizes (M,).

    In one copy: half a megabyte that is copied again and again costs more than reading it.
    """
    sizes = np.fromiter(map(len, payloads), np.int64, len(payloads))
    parts = list(payloads)
    parts[0] = b"[" + parts[0]
    parts[-1] += b"]" + PAD
    return b",".join(parts), np.cumsum(sizes + 1) - sizes, sizes


def _read_one(message: Message, taken: Taken, *, arrived_ns: int) -> Sequence[Reading]:
    publisher = message.topic.removeprefix(READINGS_TOPIC).removeprefix("/")
    if not 0 < len(publisher) <= PUBLISHER_CHARS:
        detail = f"topic must be {READINGS_TOPIC}/<publisher> with 1 to {PUBLISHER_CHARS} characters"
        taken.quarantine.append(unread_row(message, reason="bad_topic", detail=detail, now_ns=arrived_ns))
        return ()
    pack = decode_pack(message.payload, publisher=publisher, arrived_ns=arrived_ns)
    taken.quarantine += pack.quarantine
    if pack.epoch:
        taken.receipts.append(ReceiptRows(publisher=publisher, epoch=pack.epoch, rows=pack.rows, floor=pack.floor))
    if message.is_retained:
        # the broker kept it from before we subscribed: it completes the record and is no news
        return [replace(reading, resent=True) for reading in pack.readings]
    return pack.readings
