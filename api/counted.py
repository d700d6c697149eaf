"""Every counter of the town by name: what it means in two languages, and what it stands at.

A counter that is not listed here is shown all the same, by its bare name; a test sees to it that all are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from alerts.store_read import ALERTS_FILE, AlertsReader
from api.sources import Sources
from devices.model import TransientError
from devices.quantities import QUANTITIES
from ingest.forward_book import FORWARD_FILE, ForwardReader
from ingest.journal_read import LatestRow

Texts = tuple[str, str]
"""Japanese and English."""

THROUGHPUT: Final = frozenset(
    {"messages", "readings", "observations", "events", "starts", "restarts", "accepted", "quarantined"}
)
"""What goes its way, or is told elsewhere: not shown as something that needs a reason."""

INGEST: Final[Mapping[str, Texts]] = MappingProxyType(
    {
        "messages": ("受け取った電文", "Messages taken in"),
        "readings": ("受け取った値", "Readings taken in"),
        "observations": ("記録した値", "Observations written"),
        "events": ("判定した出来事", "Events concluded"),
        "starts": ("取り込みの起動", "Starts of the intake"),
        "duplicates": ("二重に届いた値", "Readings that were already there"),
        "conflicts": ("同じ時刻で違う値", "Other values under the name of a reading"),
        "quarantined": ("読めなかったデータ", "Input that became no reading"),
        "gap_rows": ("中継機で失われた値", "Spool rows lost for good"),
        "unclean_starts": ("異常終了のあとの起動", "Starts after an unclean end"),
        "journal_damaged": ("壊れて退避した記録ファイル", "Journals set aside as damaged"),
        "journal_reopened": ("記録ファイルの開き直し", "Journals opened anew"),
        "damaged_batches": ("壊れていた記録のまとまり", "Batches whose bytes were damaged"),
        "storage_faults": ("保存できなかった期間", "Times when the disk refused"),
        "step_failures": ("処理のやり直し", "Steps that failed and were done again"),
        "clock_steps": ("時計の飛びに合わせた回数", "Steps of the clock that were followed"),
        "thinned_rows": ("1時間ごとにまとめた値", "Rows thinned to hours"),
        "expired_rows": ("保存期間を過ぎた値", "Rows beyond their time"),
        "expired_hours": ("保存期間を過ぎた1時間値", "Hours beyond their time"),
        "expired_batches": ("保存期間を過ぎた変更の記録", "Changes beyond their time"),
        "expired_events": ("保存期間を過ぎた出来事", "Events beyond their time"),
        "expired_quarantine": ("保存期間を過ぎた読めないデータ", "Quarantine beyond its time"),
    }
)

FORWARD: Final[Mapping[str, Texts]] = MappingProxyType(
    {
        "accepted": ("写した値", "Points that the store took"),
        "refused": ("写し先に断られた値", "Points that the store refused"),
        "too_old": ("写し先の保存期間より古い値", "Points older than the store keeps"),
        "copied_again": ("最初からの写し直し", "Copies begun anew"),
        "went_back": ("写し直した区間", "Times when the last points were sent again"),
        "away_spells": ("写し先につながらない期間", "Times when the store was away"),
        "refusing_spells": ("写し先が全部断った期間", "Times when the store refused everything"),
    }
)

FAILED: Final[Texts] = ("送れなかった通知", "Messages that could not be sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One counter. `source` is `ingest`, `alerts`, `store:NAME` or `gateway:ID`."""

    source: str
    name: str
    texts: Texts
    value: int


def ingest_counted(counters: Mapping[str, int]) -> Iterator[Counted]:
    """Yield the counters of the journal; those by reason of quarantine stand elsewhere."""
    for name, value in {**dict.fromkeys(INGEST, 0), **counters}.items():
        if "." not in name:
            yield Counted(source="ingest", name=name, texts=INGEST.get(name, (name, name)), value=value)


def forward_counted(counters: Mapping[tuple[str, str], int]) -> Iterator[Counted]:
    """Yield the counters of each store."""
    for (store, name), value in counters.items():
        yield Counted(source=f"store:{store}", name=name, texts=FORWARD.get(name, (name, name)), value=value)


def gateway_counted(rows: list[LatestRow], gateways: frozenset[str]) -> Iterator[Counted]:
    """Yield the counters that gateways told with their last pulse."""
    for row in rows:
        quantity = QUANTITIES.get(row.quantity)
        if row.device_id in gateways and quantity is not None and quantity.kind == "counter" and row.value == row.value:
            texts = (quantity.title_ja, quantity.title_en)
            yield Counted(source=f"gateway:{row.device_id}", name=row.quantity, texts=texts, value=int(row.value))


def failed_counted(deliveries: Mapping[tuple[str, str], int]) -> Iterator[Counted]:
    """Yield how many messages of all channels could not be sent."""
    failed = sum(count for (_, state), count in deliveries.items() if state == "failed")
    yield Counted(source="alerts", name="failed", texts=FAILED, value=failed)


def _deliveries(folder: Path) -> dict[tuple[str, str], int]:
    reader = AlertsReader(folder / ALERTS_FILE)
    try:
        return reader.delivery_counts()
    finally:
        reader.close()


def all_counted(sources: Sources) -> Iterator[Counted]:
    """Yield every counter; those of a file that cannot be read just now are left out."""
    gateways = frozenset(gateway.id for gateway in sources.settings.site.gateway)
    folder = sources.settings.data_dir
    parts: tuple[Callable[[], Iterator[Counted]], ...] = (
        lambda: ingest_counted(sources.journal.counters()),
        lambda: gateway_counted(sources.journal.latest(), gateways),
        lambda: forward_counted(ForwardReader(folder / FORWARD_FILE).counters()),
        lambda: failed_counted(_deliveries(folder)),
    )
    for part in parts:
        try:
            yield from list(part())
        except TransientError:
            continue
