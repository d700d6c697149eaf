"""Readings in, observations and events out: the one visible order of what happens to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devices.model import Event, QuarantineRow, Reading
from devices.site import Site
from ingest.batch import Batch, SeriesIndex, batch_from_readings, empty_batch

Snapshot = Mapping[str, bytes]
"""Everything the pipeline remembers, by key, as the journal gives it back at start."""

StateDelta = dict[str, bytes]
"""What changed in it; must be committed in one transaction with the rest of the Outcome. b"" deletes a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What follows from some readings and the time; commit all of it in one transaction.

    `removed` are rows to delete by (series, observed_ns, seq) before `observations` are written: the same reading
    became known with an earlier stamp of another gateway (its derived rows move with it). Usually empty.
    `observations` are accepted and derived rows, new ones and those that changed (same identity: replace).
    `events` include withdrawn ones; an episode may be told again (RAISED or CLEARED with the same event_id): the last
    row holds, see `ingest.events.effective_events`. `duplicates` counts readings that were known already.
    """

    observations: Batch
    duplicates: int
    conflicts: tuple[QuarantineRow, ...]
    quarantine: tuple[QuarantineRow, ...]
    events: tuple[Event, ...]
    changed_state: StateDelta
    series: SeriesIndex
    removed: Batch = field(default_factory=empty_batch)


class Pipeline:
    """The core of ingest: pure, owns no file and no clock."""

    def __init__(self, site: Site, *, snapshot: Snapshot | None = None) -> None:
        """Continue from `snapshot` as if never stopped; None starts afresh."""
        self._site = site
        self._series = SeriesIndex()

    def process(self, readings: Sequence[Reading], *, now_ns: int) -> Outcome:
        """Take readings in and let the time be `now_ns`; with no readings this is a tick."""
        return Outcome(
            observations=batch_from_readings(readings, self._series),
            duplicates=0, conflicts=(), quarantine=(), events=(), changed_state={}, series=self._series,
        )  # fmt: skip

    def next_deadline_ns(self) -> int | None:
        """Return when `process` must next be called even without readings; None when nothing is due."""
        return None
