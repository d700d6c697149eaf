"""Where charts get their points from: the journal, or a store that the site says is to be read (`reads = true`)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from devices.model import PermanentError
from devices.site import Site
from ingest.journal_read import JournalReader, PointRow
from ingest.store_check import site_stores
from ingest.store_model import HistoryQuery, Store, StoreAwayError

log = logging.getLogger(__name__)

History = Callable[[HistoryQuery], list[PointRow]]
"""Good values of a series in equal parts of a span. Raises TransientError when the journal cannot be read."""


def open_history(site: Site, journal: JournalReader) -> History:
    """Return the history of the first store that is to be read, else of the journal; it is there at once either way.

    A store that is away, or wrong in site.toml, must not take the charts with it: then the journal answers.
    """
    lock = threading.Lock()

    def of_journal(query: HistoryQuery) -> list[PointRow]:
        return journal.observation_points(
            query.device_id, query.quantity, from_ns=query.from_ns, to_ns=query.to_ns, points=query.points
        )

    store = _read_store(site)
    if store is None:
        return of_journal

    def of_store(query: HistoryQuery) -> list[PointRow]:
        try:
            with lock:
                return store.history(query)
        except (StoreAwayError, PermanentError) as error:
            log.warning("history_from_journal", extra={"error": str(error)})
            return of_journal(query)

    return of_store


def _read_store(site: Site) -> Store | None:
    try:
        found = [store for store in site_stores(site).values() if store.is_read]
    except PermanentError as error:
        log.warning("stores_not_read", extra={"error": str(error)})
        return None
    return found[0].open() if found else None
