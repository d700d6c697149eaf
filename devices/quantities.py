"""The table of observed properties: key, unit, kind, physical limits, resolution.

Units are UCUM; `senml_unit` is the symbol on seam 2. Limits are physical (no real value lies outside), not alarm
limits: outside them a reading goes to quarantine. Sources: the observation model of the device notes (CF standard
names, SenML registries), record snow depths with a margin, data sheet ranges of the catalogue.

A device with several sensors of one kind has channels: `air_temperature` is the only or the first one,
`air_temperature.2` the second, up to `.99`. A channel has the unit and limits of its quantity.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from devices.model import Kind, PermanentError, Quantity

_Row = tuple[str, str, str, Kind, float, float, float, str, str]

_ROWS: tuple[_Row, ...] = (
    # key, UCUM, SenML, kind, lo, hi, resolution, Japanese, English
    ("snow_depth", "m", "m", "gauge", -0.5, 20.0, 0.001, "積雪深", "Snow depth"),
    ("distance", "m", "m", "gauge", 0.0, 100.0, 0.001, "距離", "Distance"),
    ("distance_spread", "m", "m", "gauge", 0.0, 100.0, 0.001, "距離のばらつき", "Spread of the distance"),
    ("water_level", "m", "m", "gauge", -10.0, 1000.0, 0.001, "水位", "Water level"),
    ("air_temperature", "Cel", "Cel", "gauge", -80.0, 60.0, 0.1, "気温", "Air temperature"),
    ("device_temperature", "Cel", "Cel", "gauge", -80.0, 125.0, 0.1, "機器の温度", "Device temperature"),
    ("probe_temperature", "Cel", "Cel", "gauge", -200.0, 850.0, 0.1, "外部プローブの温度", "Probe temperature"),
    ("target_temperature", "Cel", "Cel", "gauge", -80.0, 400.0, 0.1, "対象物の温度", "Target temperature"),
    ("soil_temperature", "Cel", "Cel", "gauge", -80.0, 80.0, 0.1, "地温", "Soil temperature"),
    ("soil_moisture", "%", "%", "gauge", 0.0, 100.0, 0.1, "土壌水分", "Soil moisture"),
    ("relative_humidity", "%", "%RH", "gauge", 0.0, 100.0, 0.5, "湿度", "Relative humidity"),
    ("device_humidity", "%", "%RH", "gauge", 0.0, 100.0, 0.5, "機器内の湿度", "Humidity inside the device"),
    ("pressure", "Pa", "Pa", "gauge", -100_000.0, 1e9, 1.0, "気圧・圧力", "Pressure"),
    ("illuminance", "lx", "lx", "gauge", 0.0, 200_000.0, 1.0, "照度", "Illuminance"),
    ("irradiance", "W/m2", "W/m2", "gauge", -100.0, 3000.0, 0.1, "日射量", "Irradiance"),
    ("wind_speed", "m/s", "m/s", "gauge", 0.0, 120.0, 0.01, "風速", "Wind speed"),
    ("wind_gust", "m/s", "m/s", "gauge", 0.0, 150.0, 0.01, "瞬間風速", "Wind gust"),
    ("wind_direction", "rad", "rad", "gauge", 0.0, 6.2832, 0.001, "風向", "Wind direction"),
    ("precipitation", "m", "m", "gauge", 0.0, 5.0, 0.0001, "降水量", "Precipitation"),
    ("co2", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 1.0, "二酸化炭素", "Carbon dioxide"),
    ("tvoc", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 0.001, "揮発性有機物", "Volatile organic compounds"),
    ("sound_level", "dB", "dB", "gauge", -20.0, 200.0, 0.1, "音の大きさ", "Sound level"),
    ("battery_voltage", "V", "V", "gauge", 0.0, 60.0, 0.001, "電池の電圧", "Battery voltage"),
    ("battery_level", "%", "%EL", "gauge", 0.0, 100.0, 1.0, "電池の残り", "Battery level"),
    ("battery_low", "1", "/", "state", 0.0, 1.0, 1.0, "電池切れ間近", "Battery low"),
    ("supply_voltage", "V", "V", "gauge", 0.0, 1000.0, 0.001, "電源の電圧", "Supply voltage"),
    ("voltage", "V", "V", "gauge", -1000.0, 100_000.0, 0.0001, "電圧", "Voltage"),
    ("current", "A", "A", "gauge", -10_000.0, 10_000.0, 0.0001, "電流", "Current"),
    ("power", "W", "W", "gauge", -1e9, 1e9, 0.1, "電力", "Power"),
    ("energy", "J", "J", "counter", 0.0, 1e18, 1.0, "電力量", "Energy"),
    ("rssi", "dB[mW]", "dBm", "gauge", -200.0, 30.0, 1.0, "電波の強さ", "Signal strength"),
    ("snr", "dB", "dB", "gauge", -60.0, 60.0, 0.1, "電波の質", "Signal-to-noise ratio"),
    ("link_quality", "1", "/", "gauge", 0.0, 1.0, 0.001, "通信の質", "Link quality"),
    ("valid_samples", "1", "count", "gauge", 0.0, 65_535.0, 1.0, "有効な測定の数", "Valid samples"),
    (
        "echo_quality",
        "1",
        "/",
        "gauge",
        0.0,
        65_535.0,
        1.0,
        "反射の質（機種ごとの数）",
        "Echo quality (as the model counts)",
    ),
    ("is_tilted", "1", "/", "state", 0.0, 1.0, 1.0, "傾き検知", "Tilted"),
    ("tilt", "rad", "rad", "gauge", -6.2832, 6.2832, 0.001, "傾き", "Tilt"),
    ("pitch", "rad", "rad", "gauge", -6.2832, 6.2832, 0.001, "前後の傾き", "Pitch"),
    ("roll", "rad", "rad", "gauge", -6.2832, 6.2832, 0.001, "左右の傾き", "Roll"),
    ("acceleration_x", "m/s2", "m/s2", "gauge", -2000.0, 2000.0, 0.001, "加速度 x", "Acceleration x"),
    ("acceleration_y", "m/s2", "m/s2", "gauge", -2000.0, 2000.0, 0.001, "加速度 y", "Acceleration y"),
    ("acceleration_z", "m/s2", "m/s2", "gauge", -2000.0, 2000.0, 0.001, "加速度 z", "Acceleration z"),
    ("latitude", "deg", "lat", "position", -90.0, 90.0, 1e-7, "緯度", "Latitude"),
    ("longitude", "deg", "lon", "position", -180.0, 180.0, 1e-7, "経度", "Longitude"),
    ("altitude", "m", "m", "position", -500.0, 20_000.0, 0.01, "標高", "Altitude"),
    ("position_accuracy", "m", "m", "gauge", 0.0, 10_000_000.0, 0.1, "位置の誤差", "Position accuracy"),
    ("satellites", "1", "count", "gauge", 0.0, 200.0, 1.0, "衛星の数", "Satellites"),
    ("hdop", "1", "/", "gauge", 0.0, 1000.0, 0.01, "位置の精度低下率", "Horizontal dilution of precision"),
    ("speed", "m/s", "m/s", "gauge", 0.0, 1000.0, 0.01, "速さ", "Speed"),
    ("heading", "rad", "rad", "gauge", 0.0, 6.2832, 0.001, "進む向き", "Heading"),
    ("in_trip", "1", "/", "state", 0.0, 1.0, 1.0, "移動中", "Moving"),
    ("occupancy", "1", "/", "state", 0.0, 1.0, 1.0, "人の動き", "Movement"),
    ("contact_open", "1", "/", "state", 0.0, 1.0, 1.0, "開閉", "Contact open"),
    ("vibration", "1", "/", "state", 0.0, 1.0, 1.0, "振動", "Vibration"),
    ("tamper", "1", "/", "state", 0.0, 1.0, 1.0, "いたずら検知", "Tamper"),
    ("water_leak", "1", "/", "state", 0.0, 1.0, 1.0, "水漏れ", "Water leak"),
    ("smoke", "1", "/", "state", 0.0, 1.0, 1.0, "煙", "Smoke"),
    ("is_dark", "1", "/", "state", 0.0, 1.0, 1.0, "暗い", "Dark"),
    ("switch_on", "1", "/", "state", 0.0, 1.0, 1.0, "入切", "Switched on"),
    ("sos", "1", "/", "event", 0.0, 1.0, 1.0, "緊急呼出し", "Emergency call"),
    ("button", "1", "/", "event", 0.0, 5.0, 1.0, "ボタン", "Button"),
    ("trap_state", "1", "/", "state", 0.0, 5.0, 1.0, "わなの状態", "Trap"),
    ("count", "1", "count", "counter", 0.0, 1e15, 1.0, "回数", "Count"),
    ("open_duration", "s", "s", "gauge", 0.0, 1e10, 1.0, "開いていた長さ", "How long it was open"),
    ("state_age", "s", "s", "gauge", 0.0, 1e10, 1.0, "変化からの時間", "Time since the change"),
    ("uptime", "s", "s", "gauge", 0.0, 1e10, 1.0, "起動からの時間", "Uptime"),
    (
        "device_fault",
        "1",
        "/",
        "state",
        0.0,
        65_535.0,
        1.0,
        "機器の不具合（機器の番号）",
        "Device fault (the device's own code)",
    ),
    ("line_fault", "1", "/", "state", 0.0, 4.0, 1.0, "回線の不具合", "Line fault"),
    ("online", "1", "/", "state", 0.0, 1.0, 1.0, "網につながっている", "Online"),
    ("restarted", "1", "/", "event", 0.0, 1.0, 1.0, "機器の再起動", "Restarted"),
    ("albedo", "1", "/", "gauge", 0.0, 100.0, 0.001, "反射率（アルベド）", "Albedo"),
    ("wind_east", "m/s", "m/s", "gauge", -150.0, 150.0, 0.01, "東向きの風", "Eastward wind"),
    ("wind_north", "m/s", "m/s", "gauge", -150.0, 150.0, 0.01, "北向きの風", "Northward wind"),
    ("vapor_pressure", "Pa", "Pa", "gauge", 0.0, 50_000.0, 10.0, "水蒸気圧", "Vapour pressure"),
    ("lightning_strikes", "1", "count", "gauge", 0.0, 65_535.0, 1.0, "落雷の数", "Lightning strikes"),
    ("lightning_distance", "m", "m", "gauge", 0.0, 100_000.0, 1000.0, "落雷までの距離", "Distance of lightning"),
    ("precipitation_total", "m", "m", "counter", 0.0, 1e6, 0.0001, "積算降水量", "Cumulative precipitation"),
    ("measurement_interval", "s", "s", "gauge", 0.0, 1e7, 1.0, "計測の間隔", "Length of the measurement"),
    ("conductivity", "S/m", "S/m", "gauge", 0.0, 100.0, 0.0001, "電気伝導率", "Electrical conductivity"),
    ("diameter", "m", "m", "gauge", 0.0, 100.0, 1e-6, "太さ", "Diameter"),
    ("sap_flow", "m3/s", "m3/s", "gauge", -1.0, 1.0, 1e-9, "樹液流量", "Sap flow"),
    ("heat_velocity", "m/s", "m/s", "gauge", -1.0, 1.0, 1e-8, "熱の伝わる速さ", "Heat velocity"),
    ("digital_input", "1", "/", "state", 0.0, 1.0, 1.0, "接点入力", "Digital input"),
    ("analog_input", "1", "/", "gauge", -1e9, 1e9, 0.01, "アナログ入力", "Analog input"),
    ("echo_strength", "dB", "dB", "gauge", -200.0, 200.0, 0.01, "反射の強さ", "Echo strength"),
    ("motion_count", "1", "count", "gauge", 0.0, 65_535.0, 1.0, "動きの数（前の送信から）", "Movements since the last"),
    ("presence", "1", "/", "state", 0.0, 1.0, 1.0, "在室", "Presence"),
    ("pm1", "ug/m3", "ug/m3", "gauge", 0.0, 100_000.0, 1.0, "微小粒子 PM1", "PM1"),
    ("pm2_5", "ug/m3", "ug/m3", "gauge", 0.0, 100_000.0, 1.0, "微小粒子 PM2.5", "PM2.5"),
    ("pm10", "ug/m3", "ug/m3", "gauge", 0.0, 100_000.0, 1.0, "微小粒子 PM10", "PM10"),
    ("co", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 0.001, "一酸化炭素", "Carbon monoxide"),
    ("no2", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 0.001, "二酸化窒素", "Nitrogen dioxide"),
    ("so2", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 0.001, "二酸化硫黄", "Sulphur dioxide"),
    ("h2s", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 0.001, "硫化水素", "Hydrogen sulphide"),
    ("nh3", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 0.001, "アンモニア", "Ammonia"),
    ("o3", "[ppm]", "ppm", "gauge", 0.0, 100_000.0, 0.001, "オゾン", "Ozone"),
    ("turbidity", "[NTU]", "/", "gauge", 0.0, 100_000.0, 0.1, "濁度", "Turbidity"),
    ("dissolved_oxygen", "kg/m3", "kg/m3", "gauge", 0.0, 1.0, 0.00001, "溶存酸素", "Dissolved oxygen"),
    ("oxygen_saturation", "%", "%", "gauge", 0.0, 1000.0, 0.01, "酸素飽和度", "Oxygen saturation"),
    ("iaq", "1", "/", "gauge", 0.0, 500.0, 1.0, "空気質指数", "Air quality index"),
    ("alarm", "1", "/", "state", 0.0, 1.0, 1.0, "機器の警報", "The device's own alarm"),
    ("leak_duration", "s", "s", "gauge", 0.0, 1e10, 1.0, "漏れていた長さ", "How long it leaked"),
    (
        "pulse_count",
        "1",
        "count",
        "gauge",
        0.0,
        4_294_967_295.0,
        1.0,
        "パルスの数（前の送信から）",
        "Pulses since the last",
    ),
    ("spool_rows", "1", "count", "gauge", 0.0, 1e12, 1.0, "送信待ちの件数", "Rows waiting to be sent"),
    ("oldest_unsent_age", "s", "s", "gauge", 0.0, 1e10, 1.0, "送信待ちの最長時間", "Age of the oldest unsent row"),
    ("rows_dropped", "1", "count", "counter", 0.0, 1e15, 1.0, "捨てた件数", "Rows dropped"),
    ("frames_quarantined", "1", "count", "counter", 0.0, 1e15, 1.0, "読めなかった件数", "Frames quarantined"),
    ("dropped_flood", "1", "count", "counter", 0.0, 1e15, 1.0, "送りすぎた機器の間引き", "Rows of a flooding device"),
    ("dropped_thinned", "1", "count", "counter", 0.0, 1e15, 1.0, "満杯で間引いた件数", "Rows thinned when full"),
    ("dropped_samples", "1", "count", "counter", 0.0, 1e15, 1.0, "満杯で捨てた値", "Samples dropped when full"),
    ("dropped_events", "1", "count", "counter", 0.0, 1e15, 1.0, "満杯で捨てた出来事", "Events dropped when full"),
    ("rows_damaged", "1", "count", "counter", 0.0, 1e15, 1.0, "壊れていた件数", "Rows found damaged"),
    ("quarantine_not_kept", "1", "count", "counter", 0.0, 1e15, 1.0, "数だけの不明データ", "Unreadable, only counted"),
    ("clocks_refused", "1", "count", "counter", 0.0, 1e15, 1.0, "機器の時計のずれ", "Times with a wrong device clock"),
    ("frames_torn", "1", "count", "counter", 0.0, 1e15, 1.0, "途中からの電文", "Frames torn at the start"),
    ("frames_repeated", "1", "count", "counter", 0.0, 1e15, 1.0, "中継の重なり", "Frames that came twice"),
    ("frames_empty", "1", "count", "counter", 0.0, 1e15, 1.0, "中身のない電文", "Frames that say nothing"),
    ("serial_bytes_cut", "1", "count", "counter", 0.0, 1e15, 1.0, "読み切れず捨てたバイト", "Serial bytes not read"),
    ("serial_frames_dropped", "1", "count", "counter", 0.0, 1e15, 1.0, "待ちきれず捨てた電文", "Frames held too long"),
    ("messages_not_asked_for", "1", "count", "counter", 0.0, 1e15, 1.0, "設定にない宛先の電文", "Topics not asked for"),
    ("pushes_refused", "1", "count", "counter", 0.0, 1e15, 1.0, "断った受信", "Pushes refused"),
    ("uplink_timeouts", "1", "count", "counter", 0.0, 1e15, 1.0, "送信の時間切れ", "Uplink time-outs"),
    ("receipts_unreadable", "1", "count", "counter", 0.0, 1e15, 1.0, "読めない受領", "Receipts not readable"),
    ("disk_free", "By", "B", "gauge", 0.0, 1e18, 1.0, "ディスクの空き", "Disk space free"),
    ("restarts", "1", "count", "counter", 0.0, 1e12, 1.0, "起動の回数", "Restarts"),
)

_LABELS: Mapping[str, tuple[str, ...]] = {
    "button": ("release", "single", "double", "long", "triple", "other"),
    "trap_state": ("armed", "sprung", "moved", "disarmed", "fault", "unknown"),
    "line_fault": ("none", "lost", "no_answer", "garbage", "wrong_instrument"),
}
_HEARSAY = frozenset({"line_fault", "online"})
_CHANNEL = re.compile(r"([a-z][a-z0-9_]*)\.([1-9][0-9]?)", re.ASCII)


class _Quantities(Mapping[str, Quantity]):
    """The quantities by key; a key with a channel finds its quantity too, but only the plain keys are listed."""

    def __init__(self, rows: Iterable[_Row]) -> None:
        self._plain: dict[str, Quantity] = {}
        for row in rows:
            if row[0] in self._plain:
                raise PermanentError(f"quantity {row[0]!r} stands twice in the table")
            self._plain[row[0]] = _quantity(row)

    def __getitem__(self, key: str) -> Quantity:
        found = self._plain.get(key)
        if found is not None:
            return found
        match = _CHANNEL.fullmatch(key)
        base = self._plain[match[1]] if match is not None else None
        if match is None or base is None or match[2] == "1":
            raise KeyError(key)
        title_ja, title_en = f"{base.title_ja} {match[2]}", f"{base.title_en} {match[2]}"
        return replace(base, key=key, title_ja=title_ja, title_en=title_en)

    def __iter__(self) -> Iterator[str]:
        return iter(self._plain)

    def __len__(self) -> int:
        return len(self._plain)


def _quantity(row: _Row) -> Quantity:
    key, unit, senml_unit, kind, lo, hi, resolution, title_ja, title_en = row
    return Quantity(
        key=key, unit=unit, senml_unit=senml_unit, kind=kind, lo=lo, hi=hi, resolution=resolution,
        title_ja=title_ja, title_en=title_en, labels=_LABELS.get(key, ()), is_hearsay=key in _HEARSAY,
    )  # fmt: skip


QUANTITIES: Mapping[str, Quantity] = _Quantities(_ROWS)


def base_key(key: str) -> str:
    """Return the key of the quantity without its channel."""
    return key.partition(".")[0]


def is_hearsay(key: str) -> bool:
    """Whether this is said about a device, not by it: no sign of its life. A key that is not in the table is not."""
    return base_key(key) in _HEARSAY


def label_value(key: str, label: str) -> float:
    """Return the number that stands for `label` of the enumeration `key`. Raises PermanentError for one it lacks."""
    labels = quantity(key).labels
    if label not in labels:
        raise PermanentError(f"{key} {label!r} is none of {', '.join(labels)}")
    return float(labels.index(label))


def quantity(key: str) -> Quantity:
    """Return the quantity called `key`.

    Raises PermanentError naming the key when the table does not have it.
    """
    try:
        return QUANTITIES[key]
    except KeyError:
        raise PermanentError(f"quantity {key!r} is not in the table of observed properties") from None
