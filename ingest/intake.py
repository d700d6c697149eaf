"""What may come in: known devices, times that can be. Everything else goes to quarantine, counted and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from devices.model import SECOND_NS, QuarantineRow, Reading
from devices.quantities import QUANTITIES
from ingest.batch import NO_SEQ, Batch, Bools, SeriesIndex, columns_from_readings
from ingest.flags import UNKNOWN
from ingest.layout import Layout
from ingest.rows import NameBook, Rows
from ingest.state import GrowingArray

_NOBODY, _NOT_LEARNT = -1, -2
EARLIEST_NS = 1_420_070_400 * SECOND_NS  # 2015-01-01T00:00Z


class Intake:
    """Turns readings into columns, in their own order."""

    def __init__(self, layout: Layout, *, series: SeriesIndex) -> None:
        """Know the devices of the site, gateways among them."""
        self._layout, self._series = layout, series
        self._max_future_ns = layout.site.ingest.max_future_s * SECOND_NS
        self._book: NameBook | None = None
        self._series_of_name = GrowingArray(np.int32, fill=_NOT_LEARNT)

    def read(self, readings: Sequence[Reading]) -> tuple[Batch, list[QuarantineRow]]:
        """Return the rows of known devices, and those of unknown ones, or of unknown quantities, as quarantine."""
        if isinstance(readings, Rows):
            return self._read_rows(readings)
        refused = [self._unknown(reading) for reading in readings if not self._is_known(reading)]
        known = [reading for reading in readings if self._is_known(reading)] if refused else readings
        return columns_from_readings(known, self._series), refused

    def _read_rows(self, rows: Rows) -> tuple[Batch, list[QuarantineRow]]:
        self._learn_names(rows)
        series = self._series_of_name.values[rows.name]
        is_known = series != _NOBODY
        refused = [self._unknown(rows[place]) for place in np.flatnonzero(~is_known).tolist()]
        batch = Batch(
            series=series, observed_ns=rows.observed_ns, received_ns=rows.received_ns, seq=rows.seq, value=rows.value,
            flag=np.full(len(rows), UNKNOWN, np.uint8), resent=rows.resent, clock=rows.clock,
        )  # fmt: skip
        return batch.where(is_known), refused

    def _learn_names(self, rows: Rows) -> None:
        """Number the series of names that are new, in the order in which their readings came."""
        if rows.book is not self._book:
            self._book, self._series_of_name = rows.book, GrowingArray(np.int32, fill=_NOT_LEARNT)
        self._series_of_name.grow(len(rows.book))
        numbers = self._series_of_name.values
        is_new = numbers[rows.name] == _NOT_LEARNT
        for name in dict.fromkeys(rows.name[is_new].tolist()) if is_new.any() else ():
            device_id, meant = rows.book.key(name)
            is_known = device_id in self._layout.numbers
            numbers[name] = self._series.id_of(device_id, meant.key) if is_known else _NOBODY

    def _is_known(self, reading: Reading) -> bool:
        return reading.device_id in self._layout.numbers and reading.quantity in QUANTITIES

    def _unknown(self, reading: Reading) -> QuarantineRow:
        is_device = reading.device_id not in self._layout.numbers
        what = "a device that is not in the site" if is_device else "a quantity that is not in the table"
        return QuarantineRow(
            publisher=reading.gateway_id, device_id=reading.device_id, received_ns=reading.received_ns,
            raw=_kept(reading.device_id, reading.quantity, reading.value, (reading.observed_ns, reading.seq)),
            reason="unknown_device" if is_device else "unknown_quantity",
            detail=f"{reading.quantity} of {reading.device_id}: {what}",
        )  # fmt: skip

    def sift(self, rows: Batch, *, now_ns: int) -> tuple[Batch, list[QuarantineRow]]:
        """Return the rows (N,) whose times can be, none received later than now, and the others as quarantine."""
        if not len(rows):
            return rows, []
        if rows.received_ns.max() > now_ns:
            rows = replace(rows, received_ns=np.minimum(rows.received_ns, now_ns))
        is_future = rows.observed_ns > rows.received_ns + self._max_future_ns
        if rows.observed_ns.min() >= EARLIEST_NS and not is_future.any():
            return rows, []
        is_early = rows.observed_ns < EARLIEST_NS
        refused = self._refused(rows, is_future, reason="future") + self._refused(rows, is_early, reason="before_2015")
        return rows.take(~(is_future | is_early)), refused

    def _refused(self, rows: Batch, is_refused: Bools, *, reason: str) -> list[QuarantineRow]:
        return [self._row(rows, place, reason=reason) for place in np.flatnonzero(is_refused).tolist()]

    def _row(self, rows: Batch, place: int, *, reason: str) -> QuarantineRow:
        device_id, quantity = self._series.key(int(rows.series[place]))
        observed_ns, received_ns = int(rows.observed_ns[place]), int(rows.received_ns[place])
        seq = int(rows.seq[place])
        limit_ns = received_ns + self._max_future_ns if reason == "future" else EARLIEST_NS
        return QuarantineRow(
            publisher="", device_id=device_id, reason=reason, received_ns=received_ns,
            raw=_kept(device_id, quantity, float(rows.value[place]), (observed_ns, seq if seq != NO_SEQ else None)),
            detail=f"{quantity} observed at {observed_ns} ns, the limit is {limit_ns} ns",
        )  # fmt: skip


def _kept(device_id: str, quantity: str, value: float, name: tuple[int, int | None]) -> bytes:
    """Return all that a refused reading said, as JSON: it may be wanted when the clock or the site has been set right.

    `name` are observed time and counter; `v` null = bad by the device. Not as SenML, whose times before 1978 are ages.
    """
    observed_ns, seq = name
    record = {"n": f"{device_id}/{quantity}", "v": value, "observed_ns": observed_ns, "seq": seq}
    return msgspec.json.encode(record)
