"""Which readings are new, which are copies of one that is known already. By identity, never by equal value.

Identity with a frame counter: (device, quantity, seq) as `ingest.identity` explains; without one: (device, quantity,
observed_ns). Of several copies the one that came in time, was not resent, and was received first stands for the
reading, whichever arrived first here; copies without a counter that say another value are reported as conflicts.

Memory: `RecentShelves` (a day for most rows, 17 days for contacts, a bounded number of rows), and of each device the
2,000 frames before a doubtful one. What comes back after that is recognised by the journal, where a row of the same
series, observed time and seq replaces itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from devices.model import QuarantineRow
from ingest.batch import NO_SEQ, Bools, Int64s, SeriesIndex
from ingest.facts import Facts, concat_facts
from ingest.identity import COPY_NS, Frame, FrameReader, Head, Row, kept_rows
from ingest.layout import Layout
from ingest.recent import RecentShelves
from ingest.runs import is_first, is_last, latest, shifted
from ingest.state import GrowingArray

FRAMES_BACK = 2_000
_ALWAYS_NS = np.iinfo(np.int64).min

_LAST = np.dtype(
    [("is_set", np.bool_), ("observed_ns", np.int64), ("seq", np.int64), ("bits", np.int64), ("late", np.bool_),
     ("resent", np.bool_), ("received_ns", np.int64)]
)  # fmt: skip
_HEAD = np.dtype([("seq", np.int64), ("newest_ns", np.int64)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """`facts` are to be remembered, sorted by name; those that are `is_kept` (N,) are readings, the others copies.

    `lost` and `gained` are places on the shelves whose rows turn out to be copies, or readings, after all; the caller
    notes that there.
    """

    facts: Facts
    is_kept: Bools
    lost: Int64s
    gained: Int64s
    conflicts: tuple[QuarantineRow, ...] = ()


class Dedup:
    """Knows the newest row of each series and the counter of each device; looks further back only when it must."""

    def __init__(self, layout: Layout, *, recent: RecentShelves, series: SeriesIndex) -> None:
        """Begin with what is on the shelves."""
        self._layout, self._recent, self._series = layout, recent, series
        self._last = GrowingArray(_LAST, fill=(False, 0, NO_SEQ, 0, False, False, 0))
        self._head = np.full(len(layout.ids), -1, dtype=_HEAD)
        self._recall()

    def _recall(self) -> None:
        self._last.grow(len(self._layout.device_of))
        everything = np.ones(len(self._layout.device_of), dtype=np.bool_)
        places = self._recent.find(everything, arrived_since_ns=_ALWAYS_NS)
        facts = self._recent.facts(places)
        is_kept = self._kept(facts)
        self._recent.keep(places[is_kept], is_kept=True)
        self._note_newest(facts)

    def sort_out(self, facts: Facts) -> Identified:
        """Return which of `facts` (N,), in any order, are new."""
        self._last.grow(len(self._layout.device_of))
        facts = facts.take(facts.by_name())
        facts = facts.take(~self._is_plain_copy(facts))
        device = self._layout.device_of[facts.rows.series]
        doubtful = self._doubtful_devices(facts)
        if not len(doubtful):
            self._note_quick(facts)
            return _all_new(facts)
        is_doubtful = np.isin(device, doubtful)
        quick = facts.take(~is_doubtful)
        self._note_quick(quick)
        compared = self._compare(facts.take(is_doubtful), devices=doubtful)
        merged = concat_facts([quick, compared.facts])
        order = merged.by_name()
        is_kept = np.concatenate([np.ones(len(quick), dtype=np.bool_), compared.is_kept])
        return Identified(
            facts=merged.take(order), is_kept=is_kept[order], lost=compared.lost, gained=compared.gained,
            conflicts=compared.conflicts,
        )  # fmt: skip

    def _is_plain_copy(self, facts: Facts) -> Bools:
        """Return which rows (N,), sorted by name, say again what the row before them of their series said.

        Only where nothing else can be meant: the counter has not been passed, the copy is the later one and the less
        preferred one. These are nearly all copies; they leave no trace.
        """
        rows, first = facts.rows, is_first(facts.rows.series)
        last = self._last.values[rows.series[first]]
        has_counter, is_link = facts.has_counter(), self._layout.is_link_level[rows.series]
        same = rows.seq == shifted(rows.seq, first=first, carried=last["seq"])
        same &= is_link | (facts.bits == shifted(facts.bits, first=first, carried=last["bits"]))
        same &= has_counter | (rows.observed_ns == shifted(rows.observed_ns, first=first, carried=last["observed_ns"]))
        same[first] &= last["is_set"]
        nothing: Bools = np.zeros(len(facts), dtype=np.bool_)
        if not same.any():
            return nothing
        # rows of a run of copies are compared with the row that began it, which may be the last one we know
        anchor, from_last = latest(first | ~same), same & first
        anchors = self._rows_as_last(facts.take(anchor))
        known = self._last.values[rows.series]
        anchors = np.where(from_last[anchor], known, anchors)
        delay_ns = rows.observed_ns - anchors["observed_ns"]
        is_top = rows.seq >= self._head["seq"][self._layout.device_of[rows.series]]
        is_plain = (delay_ns == 0) | ((delay_ns > 0) & (delay_ns <= COPY_NS) & is_top)
        copies: Bools = same & is_plain & _is_no_better(self._rows_as_last(facts), anchors)
        return copies

    def _rows_as_last(self, facts: Facts) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        records = np.empty(len(facts), dtype=_LAST)
        rows = facts.rows
        records["is_set"], records["observed_ns"], records["seq"] = True, rows.observed_ns, rows.seq
        records["bits"], records["late"] = facts.bits, facts.is_late
        records["resent"], records["received_ns"] = rows.resent, rows.received_ns
        return records

    def _doubtful_devices(self, facts: Facts) -> Int64s:
        """Return the devices (D,) that gave anything but rows newer than all before, with a counter above the head."""
        rows, has_counter = facts.rows, facts.has_counter()
        device = self._layout.device_of[rows.series]
        first = is_first(rows.series)
        last = self._last.values[rows.series[first]]
        step_ns = rows.observed_ns - shifted(rows.observed_ns, first=first, carried=last["observed_ns"])
        step = rows.seq - shifted(rows.seq, first=first, carried=last["seq"])
        is_next = np.where(has_counter, (step > 0) & (step_ns >= 0), step_ns > 0)
        is_next[first] |= ~last["is_set"]
        frames = np.flatnonzero(has_counter)
        frames = frames[np.lexsort((rows.seq[frames], rows.observed_ns[frames], device[frames]))]
        is_next[frames] &= self._is_progress(facts.take(frames))
        return np.unique(device[~is_next]).astype(np.int64)

    def _is_progress(self, facts: Facts) -> Bools:
        """Return for rows (N,) sorted by (device, observed time, seq) whether the device's counter rises with them."""
        device = self._layout.device_of[facts.rows.series]
        first, head = is_first(device), self._head[device]
        carried = head[first]
        step_ns = facts.rows.observed_ns - shifted(facts.rows.observed_ns, first=first, carried=carried["newest_ns"])
        step = facts.rows.seq - shifted(facts.rows.seq, first=first, carried=carried["seq"])
        progress: Bools = ((step > 0) & (step_ns >= 0)) | ((step == 0) & (step_ns == 0))
        return progress

    def _note_quick(self, facts: Facts) -> None:
        """Take over the newest rows and counters of rows (N,), sorted by name, that nothing speaks against."""
        last = is_last(facts.rows.series)
        self._last.values[facts.rows.series[last]] = self._rows_as_last(facts.take(last))
        frames = facts.take(facts.has_counter())
        device = self._layout.device_of[frames.rows.series]
        np.maximum.at(self._head["seq"], device, frames.rows.seq)
        np.maximum.at(self._head["newest_ns"], device, frames.rows.observed_ns)

    def _compare(self, new: Facts, *, devices: Int64s) -> Identified:
        """Look through all that is remembered of `devices` and tell what `new` changes in it."""
        places = self._recent.find(self._layout.series_of(devices), arrived_since_ns=_ALWAYS_NS)
        old = self._recent.facts(places)
        new = new.take(~_is_known(old, new))
        facts = concat_facts([old, new])
        is_old = np.arange(len(facts)) < len(old)
        since = self._since(facts, is_new=~is_old)
        before = np.zeros(len(facts), dtype=np.bool_)
        before[is_old & since] = self._kept(old.take(since[: len(old)]))
        after = np.zeros(len(facts), dtype=np.bool_)
        after[since] = self._kept(facts.take(since))
        lost, gained = (before & ~after)[: len(old)], (after & ~before)[: len(old)]
        self._note_newest(facts)
        return Identified(
            facts=new, is_kept=after[len(old) :], lost=places[lost], gained=places[gained],
            conflicts=self._conflicts(facts, is_kept=after, is_told=~is_old | (before & ~after)),
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
        device = self._layout.device_of[facts.rows.series[chosen]]
        order = np.argsort(device, kind="stable")
        return np.split(chosen[order], np.flatnonzero(is_first(device[order]))[1:])

    def _kept(self, facts: Facts) -> Bools:
        """Return which rows (N,) are readings and not copies of another one: a function of the set of rows."""
        is_kept = np.zeros(len(facts), dtype=np.bool_)
        order = facts.by_name()
        is_kept[order[facts.take(order).begins_name()]] = True
        is_kept[facts.has_counter()] = False
        for chosen in self._by_device(facts, np.flatnonzero(facts.has_counter())):
            is_kept[self._kept_of_device(facts, chosen)] = True
        return is_kept

    def _kept_of_device(self, facts: Facts, chosen: Int64s) -> Int64s:
        rows = facts.rows
        order = chosen[np.lexsort((rows.series[chosen], rows.seq[chosen], rows.observed_ns[chosen]))]
        device = int(self._layout.device_of[rows.series[order[0]]])
        if _only_rises(facts.take(order)):
            self._head[device] = (int(rows.seq[order[-1]]), int(rows.observed_ns[order[-1]]))
            return order
        frames = self._frames(facts, order)
        reader = FrameReader(int(self._layout.interval_ns[device]))
        for frame in frames:
            reader.read(frame)
        self._note_head(device, reader.head)
        return np.fromiter(kept_rows(frames), np.int64)

    def _note_head(self, device: int, head: Head) -> None:
        self._head[device] = (head.seq, head.newest_ns)

    def _frames(self, facts: Facts, order: Int64s) -> list[Frame]:
        part = facts.take(order)
        names = zip(part.rows.observed_ns.tolist(), part.rows.seq.tolist(), strict=True)
        preference = zip(*(column.tolist() for column in part.preference()), strict=True)
        links = self._layout.is_link_level[part.rows.series].tolist()
        frames: list[Frame] = []
        columns = zip(names, order.tolist(), part.rows.series.tolist(), part.bits.tolist(), strict=True)
        for ((observed_ns, seq), number, series, bits), rank, is_link in zip(columns, preference, links, strict=True):
            if not frames or (frames[-1].observed_ns, frames[-1].seq) != (observed_ns, seq):
                frames.append(Frame(observed_ns, seq))
            frames[-1].rows.append(Row(number, series, bits, rank, is_link))
        return frames

    def _note_newest(self, facts: Facts) -> None:
        facts = facts.take(facts.by_name())
        last = is_last(facts.rows.series)
        self._last.values[facts.rows.series[last]] = self._rows_as_last(facts.take(last))

    def _conflicts(self, facts: Facts, *, is_kept: Bools, is_told: Bools) -> tuple[QuarantineRow, ...]:
        """Return a row for each of `facts` (N,) to be told that says another value under the name of a reading."""
        order = facts.by_name()
        sorted_facts = facts.take(order)
        winner = latest(sorted_facts.begins_name())
        differs = (sorted_facts.bits != sorted_facts.bits[winner]) & ~is_kept[order] & is_told[order]
        differs &= ~self._layout.is_link_level[sorted_facts.rows.series]
        return tuple(
            self._conflict(sorted_facts, row=row, winner=int(winner[row])) for row in np.flatnonzero(differs).tolist()
        )

    def _conflict(self, facts: Facts, *, row: int, winner: int) -> QuarantineRow:
        device_id, quantity = self._series.key(int(facts.rows.series[row]))
        value, other = float(facts.rows.value[row]), float(facts.rows.value[winner])
        at_ns = int(facts.rows.observed_ns[row])
        return QuarantineRow(
            publisher="", device_id=device_id, reason="conflict", raw=b"", received_ns=int(facts.rows.received_ns[row]),
            detail=f"{quantity} at {at_ns} ns: {value:g} beside {other:g}, which stands",
        )  # fmt: skip


def _all_new(facts: Facts) -> Identified:
    nothing = np.empty(0, np.int64)
    return Identified(facts=facts, is_kept=np.ones(len(facts), dtype=np.bool_), lost=nothing, gained=nothing)


def _is_no_better(
    row: np.ndarray[tuple[int], np.dtype[np.void]], anchor: np.ndarray[tuple[int], np.dtype[np.void]]
) -> Bools:
    """Return where a row (N,) is not preferred to its anchor (N,)."""
    later = row["received_ns"] >= anchor["received_ns"]
    no_better = (row["resent"] > anchor["resent"]) | ((row["resent"] == anchor["resent"]) & later)
    result: Bools = (row["late"] > anchor["late"]) | ((row["late"] == anchor["late"]) & no_better)
    return result


def _is_known(old: Facts, new: Facts) -> Bools:
    """Return which of `new` (N,) say what an old row or another new one says already, and are no better."""
    facts = concat_facts([old, new])
    order = facts.by_value()
    part = facts.take(order)
    is_known = np.empty(len(facts), dtype=np.bool_)
    is_known[order] = ~(part.begins_name() | is_first(part.bits))
    return is_known[len(old) :]


def _only_rises(facts: Facts) -> bool:
    """Return whether rows, sorted by (observed time, seq, series), bear a counter that rises from frame to frame."""
    rows = facts.rows
    step, is_same_time = np.diff(rows.seq), np.diff(rows.observed_ns) == 0
    is_next = (step > 0) | ((step == 0) & is_same_time & (np.diff(rows.series) != 0))
    return bool(is_next.all())
