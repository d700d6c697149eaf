"""Planted faults: mistakes that a schedule must find. Each is a switch in the model or a replaced piece of real code.

`FOUND_WITHIN` states for each how many schedules, counted from seed 0, are enough; `test_simulation` holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import alerts.planner
import ingest.consume
import ingest.receipts
from devices.model import PermanentError
from gateway.flight import Flight
from gateway.receipts import Receipt
from gateway.uplink import UplinkLoop
from ingest.consume import RECEIPTS_TOPIC, Consumer
from ingest.receipts import Ledger, Ranges, ReceiptRows, encode_receipt, merge, record
from tests.simulation.codec import Patch, replaced


def _ack_before_commit() -> list[Patch]:
    take = Consumer.take

    def take_and_acknowledge(self: Consumer, *, timeout_s: float) -> int:
        count = take(self, timeout_s=timeout_s)
        self._parts.link.acknowledge([message.ack_token for message in self._waiting])
        return count

    def acknowledge(self: Consumer) -> None:
        self._done = []

    return [(Consumer, "take", take_and_acknowledge), (Consumer, "acknowledge", acknowledge)]


def _watermark_before_commit() -> list[Patch]:
    commit = Consumer.commit

    def receipt_and_commit(self: Consumer, *, now_s: float) -> None:
        for key, (rows, floor) in merge(self._pending.receipts if self._pending else ()).items():
            ledger = record(self._parts.journal.ledgers.get(key, Ledger()), rows=rows, floor=floor)
            self._parts.link.publish(f"{RECEIPTS_TOPIC}/{key[0]}", encode_receipt(key[1], ledger), qos=0)
        commit(self, now_s=now_s)

    return [(Consumer, "commit", receipt_and_commit)]


def _max_watermark() -> list[Patch]:
    def highest(ledger: Ledger, *, rows: Ranges, floor: int) -> Ledger:
        return Ledger(watermark=max([ledger.watermark, *(last for _, last in rows)]))

    return [(ingest.receipts, "record", highest)]


def _gaps_forgotten() -> list[Patch]:
    def without_gaps(ledger: Ledger, *, rows: Ranges, floor: int) -> Ledger:
        after = record(ledger, rows=rows, floor=floor)
        return Ledger(watermark=after.watermark, ahead=after.ahead)

    return [(ingest.receipts, "record", without_gaps)]


def _floor_believed_too_far() -> list[Patch]:
    def lowest_row(message: ReceiptRows) -> int:
        return min(message.rows, default=message.floor)

    return [(ingest.receipts, "stated_floor", lowest_row)]


def _ahead_read_as_contiguous() -> list[Patch]:
    return [(Receipt, "has", lambda self: [(1, self.highest)] if self.highest else [])]


def _never_sent_again() -> list[Patch]:
    return [(Flight, "is_overdue", lambda self, *, now_s: False)]


def _hub_that_went_back_unnoticed() -> list[Patch]:
    return [(UplinkLoop, "_compare", lambda self, receipt: None)]


def _old_news_told() -> list[Patch]:
    return [(alerts.planner.Planner, "_is_late", lambda self, event: False)]


def _ends_unheard() -> list[Patch]:
    def only_first(events: Any, *, is_known: Any) -> Any:
        return [event for event in events if event.state.value != "cleared"]

    return [(alerts.planner, "effective", only_first)]


def _poison_never_given_up() -> list[Patch]:
    return [(ingest.consume, "_STRIKES", 1 << 30)]


_REPLACED: Mapping[str, Callable[[], list[Patch]]] = MappingProxyType(
    {
        "ack_before_commit": _ack_before_commit,
        "watermark_before_commit": _watermark_before_commit,
        "max_watermark": _max_watermark,
        "gaps_forgotten": _gaps_forgotten,
        "floor_believed_too_far": _floor_believed_too_far,
        "ahead_read_as_contiguous": _ahead_read_as_contiguous,
        "never_sent_again": _never_sent_again,
        "hub_that_went_back_unnoticed": _hub_that_went_back_unnoticed,
        "old_news_told": _old_news_told,
        "poison_never_given_up": _poison_never_given_up,
        "ends_unheard": _ends_unheard,
    }
)

FOUND_WITHIN: Mapping[str, int] = MappingProxyType(
    {
        "count_before_spool": 100,
        "delete_on_puback": 100,
        "no_epoch": 200,
        "receipts_of_another_epoch": 200,
        "old_tokens_trusted": 300,
        "no_dedup": 200,
        "batch_name_ignored": 600,
        "outbox_in_second_transaction": 300,
        "state_in_second_transaction": 300,
        "state_not_restored": 100,
        "state_kept_after_failure": 300,
        "resent_rows_are_news": 300,
        "event_numbers_reused": 900,
        "cursor_before_alerts": 300,
        "mark_before_send": 100,
        "lease_never_expires": 100,
        "new_id_at_each_attempt": 100,
        **dict.fromkeys(_REPLACED, 300),
    }
)
"""Every fault there is, and within how many schedules it is found."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """Have the fault `name` in the real code while inside ("" = none; a switch of the model needs no code replaced)."""
    if name and name not in FOUND_WITHIN:
        raise PermanentError(f"no fault {name}; there are {', '.join(FOUND_WITHIN)}")
    with replaced(_REPLACED[name]() if name in _REPLACED else ()):
        yield
