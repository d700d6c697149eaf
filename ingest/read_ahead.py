"""Reads the next portion of the journal while the store is busy with this one."""

from __future__ import annotations

import logging
from threading import Thread

from devices.model import TransientError
from ingest.feed import JournalFeed, Portion
from ingest.forward_book import Place

log = logging.getLogger(__name__)


class ReadAhead:
    """One portion in hand at most. The feed is used by one thread at a time: between `begin` and `end` by ours."""

    def __init__(self, feed: JournalFeed, *, limit: int) -> None:
        """Remember the feed; nothing is read yet."""
        self._feed = feed
        self._limit = limit
        self._thread: Thread | None = None
        self._found: tuple[Place, Portion] | None = None

    def begin(self, place: Place) -> None:
        """Begin to read what follows `place`."""
        self._found = None
        self._thread = Thread(target=self._read, args=(place,), name="read-ahead", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Wait until nothing is being read."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def after(self, place: Place) -> Portion:
        """Return what follows `place`, read now if that is not in hand.

        What is in hand may be older than the journal: what came since comes as a change. That there was nothing is no
        answer for now. Raises TransientError when the journal cannot be read.
        """
        found, self._found = self._found, None
        if found is not None and found[0] == place and len(found[1].points):
            return found[1]
        return self._feed.after(place, limit=self._limit)

    def _read(self, place: Place) -> None:
        try:
            self._found = place, self._feed.after(place, limit=self._limit)
        except TransientError as error:
            log.debug("read_ahead_failed", extra={"error": str(error)})  # `after` reads again, and says so itself
