"""The embedded default: `journal.db` itself. Every observation is there already, so nothing is forwarded."""

from __future__ import annotations

from ingest.store_model import StoreParams, StoreSpec

STORE = StoreSpec(name="journal", params=StoreParams, build=lambda _: None)
