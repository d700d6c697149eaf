"""The table of observed properties: key, unit, kind, physical limits, resolution.

Units are UCUM; `senml_unit` is the symbol on seam 2. Limits are physical (no real value lies outside), not alarm
limits: outside them a reading goes to quarantine. Sources: the observation model of the device notes (CF standard
names, SenML registries), record snow depths with a margin, data sheet ranges of the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from devices.model import Kind, PermanentError, Quantity

_Row = tuple[str, str, str, Kind, float, float, float, str, str]

_ROWS: tuple[_Row, ...] = (
    # key, UCUM, SenML, kind, lo, hi, resolution, Japanese, English
    ("snow_depth", "m", "m", "gauge", -0.5, 20.0, 0.001, "積雪深", "Snow depth"),
    ("distance", "m", "m", "gauge", 0.0, 100.0, 0.001, "距離", "Distance"),
    ("air_temperature", "Cel", "Cel", "gauge", -80.0, 60.0, 0.1, "気温", "Air temperature"),
    ("device_temperature", "Cel", "Cel", "gauge", -80.0, 125.0, 0.1, "機器の温度", "Device temperature"),
    ("relative_humidity", "%", "%RH", "gauge", 0.0, 100.0, 0.5, "湿度", "Relative humidity"),
    ("illuminance", "lx", "lx", "gauge", 0.0, 200_000.0, 1.0, "照度", "Illuminance"),
    ("battery_voltage", "V", "V", "gauge", 0.0, 60.0, 0.001, "電池の電圧", "Battery voltage"),
    ("battery_level", "%", "%EL", "gauge", 0.0, 100.0, 1.0, "電池の残り", "Battery level"),
    ("rssi", "dB[mW]", "dBm", "gauge", -200.0, 30.0, 1.0, "電波の強さ", "Signal strength"),
    ("snr", "dB", "dB", "gauge", -60.0, 60.0, 0.1, "電波の質", "Signal-to-noise ratio"),
    ("link_quality", "1", "/", "gauge", 0.0, 1.0, 0.001, "通信の質", "Link quality"),
    ("valid_samples", "1", "count", "gauge", 0.0, 65_535.0, 1.0, "有効な測定の数", "Valid samples"),
    ("occupancy", "1", "/", "state", 0.0, 1.0, 1.0, "人の動き", "Movement"),
    ("contact_open", "1", "/", "state", 0.0, 1.0, 1.0, "開閉", "Contact open"),
    ("tamper", "1", "/", "state", 0.0, 1.0, 1.0, "いたずら検知", "Tamper"),
    ("count", "1", "count", "counter", 0.0, 1e15, 1.0, "回数", "Count"),
    ("spool_rows", "1", "count", "gauge", 0.0, 1e12, 1.0, "送信待ちの件数", "Rows waiting to be sent"),
    ("oldest_unsent_age", "s", "s", "gauge", 0.0, 1e10, 1.0, "送信待ちの最長時間", "Age of the oldest unsent row"),
    ("rows_dropped", "1", "count", "counter", 0.0, 1e15, 1.0, "捨てた件数", "Rows dropped"),
    ("frames_quarantined", "1", "count", "counter", 0.0, 1e15, 1.0, "読めなかった件数", "Frames quarantined"),
    ("disk_free", "By", "B", "gauge", 0.0, 1e18, 1.0, "ディスクの空き", "Disk space free"),
    ("restarts", "1", "count", "counter", 0.0, 1e12, 1.0, "起動の回数", "Restarts"),
)


def _table(rows: Iterable[_Row]) -> Mapping[str, Quantity]:
    table: dict[str, Quantity] = {}
    for key, unit, senml_unit, kind, lo, hi, resolution, title_ja, title_en in rows:
        if key in table:
            raise PermanentError(f"quantity {key!r} stands twice in the table")
        table[key] = Quantity(
            key=key, unit=unit, senml_unit=senml_unit, kind=kind, lo=lo, hi=hi,
            resolution=resolution, title_ja=title_ja, title_en=title_en,
        )  # fmt: skip
    return MappingProxyType(table)


QUANTITIES: Mapping[str, Quantity] = _table(_ROWS)


def quantity(key: str) -> Quantity:
    """Return the quantity called `key`.

    Raises PermanentError naming the key when the table does not have it.
    """
    try:
        return QUANTITIES[key]
    except KeyError:
        raise PermanentError(f"quantity {key!r} is not in the table of observed properties") from None
