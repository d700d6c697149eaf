"""Which readings are new, which are copies of one that is known already. By identity, never by equal value.

Identity with a frame counter: (device, quantity, seq) as `ingest.identity` explains; without one: (device, quantity,
observed_ns). Of several copies the one that came in time, was not resent, and was received first stands for the
reading, whichever arrived first here; copies without a counter that say another value are reported as conflicts.

Memory: `RecentShelves` (a day for most rows, 17 days for contacts, a bounded number of rows), and of each device the
2,000 frames before a doubtful one. What comes back after that is recognised by the journal, where a row of the same
series, observed time and seq replaces itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from devices.model import SECOND_NS, QuarantineRow
from ingest.batch import Batch, Bools, Bytes, Int64s, SeriesIndex
from ingest.facts import ALL_BITS, IN_CONTACT, IN_OBSERVED, IN_RECEIVED, IN_RECORD, Facts, concat_facts
from ingest.identity import Frame, FrameReader, Row, chosen_rows, pause_ns
from ingest.layout import Layout
from ingest.recent import RecentShelves
from ingest.runs import Array, is_first, is_last, latest, shifted, starts_of
from ingest.state import GrowingArray, as_mask

FRAMES_BACK = 2_000
_KEPT = IN_RECORD | IN_OBSERVED | IN_CONTACT
_ALWAYS_NS = np.iinfo(np.int64).min
_NOTHING, _NOWHERE = np.empty(0, np.uint8), np.empty(0, np.int64)
_SAID = (
    (np.int64, _ALWAYS_NS),
    (np.int64, _ALWAYS_NS),
    (np.int64, 0),
    (np.uint8, 0),
    (np.int64, 0),
)
_HEAD = np.dtype([("seq", np.int64), ("moved_ns", np.int64), ("newest_ns", np.int64)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """`facts` are to be remembered, sorted by name; `standing` (N,) says for what each stands among its copies.

    `moved` are places (M,) on the shelves whose standing changes from `was` to `now` (M,); the caller notes it there.
    `is_all_new`: none of them is a copy, and nothing moves.
    """

    facts: Facts
    standing: Bytes
    moved: Int64s
    was: Bytes
    now: Bytes
    conflicts: tuple[QuarantineRow, ...] = ()
    is_all_new: bool = False


class Dedup:
    """Knows the newest row of each series and the counter of each device; looks further back only when it must."""

    def __init__(self, layout: Layout, *, recent: RecentShelves, series: SeriesIndex) -> None:
        """Begin with what is on the shelves."""
        self._layout, self._recent, self._series = layout, recent, series
        self._last = _Newest()
        self._head = np.full(len(layout.ids), -1, dtype=_HEAD)
        self._lateness_ns = layout.site.ingest.lateness_s * SECOND_NS
        self._recall()

    def _recall(self) -> None:
        self._last.grow(len(self._layout.device_of))
        everything = np.ones(len(self._layout.device_of), dtype=np.bool_)
        places = self._recent.find(everything, arrived_since_ns=_ALWAYS_NS)
        facts = self._recent.facts(places)
        self._recent.set_standing(places, self._standing(facts))
        self._note_newest(facts)

    def sort_out(self, facts: Facts) -> Identified:
        """Return which of `facts` (N,), sorted by (series, observed time, arrival), are new."""
        self._last.grow(len(self._layout.device_of))
        behind = self._behind(facts.rows)
        if len(behind):
            facts, behind = self._without_repeated(facts, behind)
        doubtful = self._doubtful_devices(facts, behind)
        if not len(doubtful):
            self._note_quick(facts)
            return _all_new(facts)
        is_doubtful = np.isin(facts.device, doubtful)
        quick = facts.take(~is_doubtful)
        self._note_quick(quick)
        compared = self._compare(facts.take(is_doubtful), devices=doubtful)
        merged = concat_facts([quick, compared.facts])
        order = merged.by_name()
        standing = np.concatenate([_all_new(quick).standing, compared.standing])
        return replace(compared, facts=merged.take(order), standing=standing[order])

    def _behind(self, rows: Batch) -> Int64s:
        """Return the positions (M,) of rows that are no newer than the row before them of their series."""
        series, observed_ns, starts = rows.series, rows.observed_ns, starts_of(rows.series)
        stalls = np.flatnonzero((series[1:] == series[:-1]) & (observed_ns[1:] <= observed_ns[:-1]))
        known = starts[observed_ns[starts] <= self._last.observed_ns[series[starts]]]
        return np.concatenate([stalls + 1, known]) if len(stalls) else known

    def _without_repeated(self, facts: Facts, behind: Int64s) -> tuple[Facts, Int64s]:
        """Return the facts without those that only repeat what was said before, in order, and which lie `behind`."""
        is_repeated = self._is_repeated(facts, behind)
        if not is_repeated.all():
            facts = facts.in_order()
            is_repeated = self._is_repeated(facts, behind)
        if is_repeated.any():
            facts = facts.take(~as_mask(behind[is_repeated], size=len(facts)))
        return facts, _NOWHERE if is_repeated.all() else self._behind(facts.rows)

    def _is_repeated(self, facts: Facts, behind: Int64s) -> Bools:
        """Return which rows at `behind` (M,) say what the row before them of their series said, and are no better."""
        rows, before, series = facts.take(behind), facts.take(np.maximum(behind - 1, 0)), facts.rows.series[behind]
        from_shelf = (behind == 0) | (before.rows.series != series)
        said = [
            np.where(from_shelf, known[series], new)
            for known, new in zip(self._last.said(), _said(before), strict=True)
        ]
        observed_ns, seq, bits, demerit, received_ns = _said(rows)
        same: Bools = (observed_ns == said[0]) & (seq == said[1]) & (bits == said[2])
        same &= (demerit > said[3]) | ((demerit == said[3]) & (received_ns >= said[4]))
        return same

    def _doubtful_devices(self, facts: Facts, behind: Int64s) -> Int64s:
        """Return the devices (D,) that gave anything but rows newer than all before, with a counter above the head."""
        has_counter = facts.has_counter()
        is_doubtful = as_mask(behind, size=len(facts))
        if has_counter.any():
            frames = np.flatnonzero(has_counter)
            is_doubtful[frames] = ~self._is_next(facts)[frames]
            frames = frames[np.lexsort((facts.rows.seq[frames], facts.rows.observed_ns[frames], facts.device[frames]))]
            is_doubtful[frames] |= ~self._is_progress(facts.take(frames))
        elif not len(behind):
            return behind
        return np.unique(facts.device[is_doubtful]).astype(np.int64)

    def _is_next(self, facts: Facts) -> Bools:
        """Return which rows (N,) have a higher counter than the row before them of their series and are no older."""
        rows, first = facts.rows, is_first(facts.rows.series)
        series = rows.series[first]
        before_ns = shifted(rows.observed_ns, first=first, carried=self._last.observed_ns[series])
        is_next: Bools = rows.seq > shifted(rows.seq, first=first, carried=self._last.seq[series])
        return is_next & (rows.observed_ns >= before_ns)

    def _is_progress(self, facts: Facts) -> Bools:
        """Return for rows (N,) sorted by (device, observed time, seq) whether the device's counter rises with them."""
        device = facts.device
        first, head = is_first(device), self._head[device]
        carried = head[first]
        step_ns = facts.rows.observed_ns - shifted(facts.rows.observed_ns, first=first, carried=carried["newest_ns"])
        step = facts.rows.seq - shifted(facts.rows.seq, first=first, carried=carried["seq"])
        # more rows of the head's own frame, and not of one that was behind it at the same instant
        is_same = (step == 0) & (
            facts.rows.observed_ns == shifted(facts.rows.observed_ns, first=first, carried=carried["moved_ns"])
        )
        progress: Bools = (step_ns >= 0) & ((step > 0) | (is_same & (step_ns == 0)))
        return progress

    def _note_quick(self, facts: Facts) -> None:
        """Take over the newest rows and counters of rows (N,), sorted by name, that nothing speaks against."""
        self._note_last(facts)
        has_counter = facts.has_counter()
        if has_counter.any():
            device = facts.device[has_counter]
            seq, observed_ns = facts.rows.seq[has_counter], facts.rows.observed_ns[has_counter]
            np.maximum.at(self._head["seq"], device, seq)
            np.maximum.at(self._head["newest_ns"], device, observed_ns)
            np.maximum.at(self._head["moved_ns"], device, observed_ns)

    def _compare(self, new: Facts, *, devices: Int64s) -> Identified:
        """Look through all that is remembered of `devices` and tell what `new` changes in it."""
        places = self._recent.find(self._layout.series_of(devices), arrived_since_ns=_ALWAYS_NS)
        old = self._recent.facts(places)
        new = new.take(~_is_known(old, new))
        facts = concat_facts([old, new])
        is_old = np.arange(len(facts)) < len(old)
        since = self._since(facts, is_new=~is_old)
        was, now = np.zeros(len(facts), dtype=np.uint8), np.zeros(len(facts), dtype=np.uint8)
        was[is_old & since] = self._standing(old.take(since[: len(old)]))
        now[since] = self._standing(facts.take(since))
        self._note_newest(facts)
        moved = np.flatnonzero((was != now) & is_old)
        is_told = self._conflicting(facts, standing=now)
        is_told[: len(old)] &= ~self._conflicting(old, standing=was[: len(old)])
        return Identified(
            facts=new, standing=now[len(old) :], moved=places[moved], was=was[moved], now=now[moved],
            conflicts=self._conflicts(facts, is_told=is_told),
        )  # fmt: skip

    def _since(self, facts: Facts, *, is_new: Bools) -> Bools:
        """Return which rows (N,) to go through: from 2,000 frames before the first new one of their device on."""
        since = np.zeros(len(facts), dtype=np.bool_)
        for chosen in self._by_device(facts, np.arange(len(facts))):
            times_ns = np.unique(facts.rows.observed_ns[chosen])
            first_ns = facts.rows.observed_ns[chosen][is_new[chosen]].min(initial=times_ns[-1])
            begin = max(0, int(np.searchsorted(times_ns, first_ns)) - FRAMES_BACK)
            since[chosen] = facts.rows.observed_ns[chosen] >= times_ns[begin]
        return since

    def _by_device(self, facts: Facts, chosen: Int64s) -> list[Int64s]:
        if not len(chosen):
            return []
        device = facts.device[chosen]
        order = np.argsort(device, kind="stable")
        return np.split(chosen[order], np.flatnonzero(is_first(device[order]))[1:])

    def _standing(self, facts: Facts) -> Bytes:
        """Return for what each row (N,) stands among its copies: a function of the set of rows."""
        standing = np.zeros(len(facts), dtype=np.uint8)
        for preference, bits in ((facts.preference(), _KEPT), (facts.heard_preference(), IN_RECEIVED)):
            order = facts.by_name(preference=preference)
            standing[order[facts.take(order).begins_name()]] |= bits
        standing[facts.has_counter()] = 0
        for chosen in self._by_device(facts, np.flatnonzero(facts.has_counter())):
            self._stand_by_counter(facts, chosen, standing)
        return standing

    def _stand_by_counter(self, facts: Facts, chosen: Int64s, standing: Bytes) -> None:
        """Set the `standing` (N,) of the rows `chosen` (M,), all of one device and with a counter."""
        rows = facts.rows
        columns = (*facts.preference()[::-1], rows.series, rows.seq, rows.observed_ns)
        order = chosen[np.lexsort([column[chosen] for column in columns])]
        device = int(facts.device[order[0]])
        interval_ns = int(self._layout.interval_ns[device])
        if self._is_rising(facts.take(order), most_ns=pause_ns(interval_ns)):
            seq, newest_ns = int(rows.seq[order[-1]]), int(rows.observed_ns[order[-1]])
            moved_ns = int(rows.observed_ns[order][rows.seq[order] == seq].min())
            self._head[device] = (seq, moved_ns, newest_ns)
            for preference, bits in ((facts.preference(), _KEPT), (facts.heard_preference(), IN_RECEIVED)):
                best = chosen[np.lexsort([column[chosen] for column in (*preference[::-1], rows.seq, rows.series)])]
                standing[best[is_first(rows.series[best]) | is_first(rows.seq[best])]] |= bits
            return
        frames = self._frames(facts, order)
        reader = FrameReader(interval_ns)
        for frame in frames:
            reader.read(frame)
        self._head[device] = (reader.head.seq, reader.head.moved_ns, reader.head.newest_ns)
        for reading in chosen_rows(frames):
            # what is recognised as new only after the lateness completes the record, as what arrives after it does
            is_timely = reading.decided_ns - reading.observed_ns <= self._lateness_ns
            standing[reading.kept.number] |= _KEPT if is_timely else _KEPT & ~IN_OBSERVED
            standing[reading.heard.number] |= IN_RECEIVED if is_timely else 0

    def _is_rising(self, facts: Facts, *, most_ns: int) -> bool:
        """Return whether the counter of rows (N,), in order of time, only rises, and all else is copies of the head.

        Then `FrameReader` would find nothing but progress and copies, and the frames need not be gone through.
        """
        seq, observed_ns = facts.rows.seq, facts.rows.observed_ns
        if (np.diff(seq) < 0).any() or (observed_ns - observed_ns[latest(is_first(seq))] > most_ns).any():
            return False
        order = np.lexsort((seq, facts.rows.series))
        part = facts.take(order)
        first = is_first(part.rows.series) | is_first(part.rows.seq)
        is_same = part.bits == part.bits[latest(first)]
        return bool((is_same | self._layout.is_link_level[part.rows.series]).all())

    def _frames(self, facts: Facts, order: Int64s) -> list[Frame]:
        part = facts.take(order)
        names = zip(part.rows.observed_ns.tolist(), part.rows.seq.tolist(), strict=True)
        ranks = zip(*(column.tolist() for column in part.preference()), strict=True)
        heard_ranks = zip(*(column.tolist() for column in part.heard_preference()), strict=True)
        links = self._layout.is_link_level[part.rows.series].tolist()
        restarts = (self._layout.is_restart[part.rows.series] & (part.rows.value == 1.0)).tolist()
        frames: list[Frame] = []
        numbers, series, bits = order.tolist(), part.rows.series.tolist(), part.bits.tolist()
        rows = map(Row, numbers, series, bits, ranks, heard_ranks, links, restarts)
        for (observed_ns, seq), row in zip(names, rows, strict=True):
            if not frames or (frames[-1].observed_ns, frames[-1].seq) != (observed_ns, seq):
                frames.append(Frame(observed_ns, seq))
            frames[-1].rows.append(row)
        return frames

    def _note_newest(self, facts: Facts) -> None:
        self._note_last(facts.take(facts.by_name()))

    def _note_last(self, facts: Facts) -> None:
        self._last.note(facts.where(is_last(facts.rows.series)))

    def _conflicting(self, facts: Facts, *, standing: Bytes) -> Bools:
        """Return which rows (N,) say another value under the name of a reading, which stands."""
        order = facts.by_name()
        part = facts.take(order)
        differs = (part.bits != part.bits[latest(part.begins_name())]) & ~self._layout.is_link_level[part.rows.series]
        conflicting = np.zeros(len(facts), dtype=np.bool_)
        conflicting[order] = differs & ((standing[order] & IN_RECORD) == 0)
        return conflicting

    def _conflicts(self, facts: Facts, *, is_told: Bools) -> tuple[QuarantineRow, ...]:
        order = facts.by_name()
        part = facts.take(order)
        winner = latest(part.begins_name())
        rows = np.flatnonzero(is_told[order]).tolist()
        return tuple(self._conflict(part, row=row, winner=int(winner[row])) for row in rows)

    def _conflict(self, facts: Facts, *, row: int, winner: int) -> QuarantineRow:
        device_id, quantity = self._series.key(int(facts.rows.series[row]))
        value, other = float(facts.rows.value[row]), float(facts.rows.value[winner])
        at_ns = int(facts.rows.observed_ns[row])
        return QuarantineRow(
            publisher="", device_id=device_id, reason="conflict", raw=b"", received_ns=int(facts.rows.received_ns[row]),
            detail=f"{quantity} at {at_ns} ns: {value:g} beside {other:g}, which stands",
        )  # fmt: skip


def _said(facts: Facts) -> tuple[Array, ...]:
    """Return what rows (N,) say, and how good they are: time, counter, value, what speaks against them, received."""
    rows = facts.rows
    # that a row is late speaks against it first, then that it was resent
    demerit = facts.is_late.view(np.uint8) * np.uint8(2) + rows.resent.view(np.uint8)
    return rows.observed_ns, rows.seq, facts.bits, demerit, rows.received_ns


class _Newest:
    """Of each series (S,) what its newest row said; a series without a row has a time before all others."""

    def __init__(self) -> None:
        self._said = [GrowingArray(dtype, fill=fill) for dtype, fill in _SAID]

    def grow(self, series: int) -> None:
        """Have room for so many series."""
        if series > len(self._said[0]):
            for column in self._said:
                column.grow(series)

    def said(self) -> list[Array]:
        """Return the columns (S,) of `_said`."""
        return [column.values for column in self._said]

    @property
    def observed_ns(self) -> Int64s:
        """Observed time of each series (S,)."""
        return self._said[0].values

    @property
    def seq(self) -> Int64s:
        """Frame counter of each series (S,)."""
        return self._said[1].values

    def note(self, facts: Facts) -> None:
        """Take over one row of each of some series (M,)."""
        for column, values in zip(self._said, _said(facts), strict=True):
            column.values[facts.rows.series] = values


def _all_new(facts: Facts) -> Identified:
    standing = np.full(len(facts), ALL_BITS, dtype=np.uint8)
    return Identified(facts=facts, standing=standing, moved=_NOWHERE, was=_NOTHING, now=_NOTHING, is_all_new=True)


def _is_known(old: Facts, new: Facts) -> Bools:
    """Return which of `new` (N,) say what an old row or another new one says already, and are no better."""
    facts = concat_facts([old, new])
    order = facts.by_value()
    part = facts.take(order)
    is_known = np.empty(len(facts), dtype=np.bool_)
    is_known[order] = ~(part.begins_name() | is_first(part.bits))
    return is_known[len(old) :]
