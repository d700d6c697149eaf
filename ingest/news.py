"""Wakes who reads the journal after a commit: the page for anything new, the alert service for events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from devices.wake import ALERTS_WAKE, API_WAKE, Bell

if TYPE_CHECKING:
    from ingest.journal import JournalBatch


class Bells:
    """The bells of one data folder; see `devices.wake`: hints only."""

    def __init__(self, data_dir: Path) -> None:
        """Remember where they are."""
        self._alerts = Bell(data_dir / ALERTS_WAKE)
        self._page = Bell(data_dir / API_WAKE)

    def tell(self, batch: JournalBatch) -> None:
        """Say that this batch is committed."""
        if batch.outcome.events:
            self._alerts.ring()
        if batch.outcome.events or len(batch.outcome.observations):
            self._page.ring()
