"""Which plugins look at which series, so that a batch troubles only those to which it says something."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest.batch import Bools, Int32s
from ingest.plugins import LooksAtSeries
from ingest.state import GrowingArray

_BITS = 64


class Interest:
    """A bit for each plugin and series; from the 64th plugin on they share one."""

    def __init__(self, plugins: Sequence[LooksAtSeries]) -> None:
        """Know no series."""
        self._plugins = plugins
        self._bit = np.uint64(1) << np.minimum(np.arange(len(plugins)), _BITS - 1).astype(np.uint64)
        self._bits = GrowingArray(np.uint64)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Tell all plugins of a new series and note to which of them it matters."""
        self._bits.grow(series + 1)
        for plugin, bit in zip(self._plugins, self._bit, strict=True):
            if plugin.add_series(series, device_id=device_id, quantity=quantity):
                self._bits.values[series] |= bit

    def of(self, series: Int32s) -> Bools:
        """Return which plugins (P,) look at any of `series` (N,); one that does not is right to be left out."""
        looks: Bools = (self._bit & np.bitwise_or.reduce(self._bits.values[series])) != 0
        return looks
