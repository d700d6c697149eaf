"""Netvox sensors on LoRaWAN: doors, leaks, vibration, tilt, buttons, movement, climate, air quality. FPort 6, 11 bytes.

Source: https://github.com/TheThingsNetwork/lorawan-devices (vendor/netvox), manuals of the models

    byte   content (big-endian); frame and battery: devices/payloads/netvox.py
    1      device type; 2 report type, 1 unless said
    4..    R311A 02, R718F 1D, R730F 7D, R718LB 25, R730LB 8D  4 open
           R311CC 6C, R718F2 3E                                4, 5 open
           R311CA 4C, R718J2 43 / R718J 21                     4, 5 dry contacts / 4 dry contact
           R311CB 56                                           4 open, 5 glass broken (alarm)
           R311W 06 / R718WA 32, R718WB 12                     4, 5 leak / 4 leak
           R718DA 1A, R718DB 1B, R730DA 89, R730DB 8B, R311DA A8, R311DB A9, R311FA 4F, R718MBA 27, R730MBA 82
                                                               4 vibration;  R718DA2 2F 4, 5 vibration
           R311K 9E                                            4 tilted
           R312A 4D, RB02I 10                                  4 emergency call
           R312 55, R718T 31 / RB02B A6, RB02C A7              4 / 4.. buttons, 1 pressed
           R711 (R712) 01, R718A 0B, R718AB 13, R720A 6E       4..5 temperature s16 / 100, 6..7 humidity / 100
           R718B 95                                            4..5 temperature of the probe s16 / 10
           R718B2 14, R718CK2 16, R718CT2 17, R718CN2 18       4..5, 6..7 two probes s16 / 10
           R718X 34 / R718PE B1         5..6 distance mm; R718X: 7..8 temperature s16 / 10, 10 inclination degree
           R311G 04, R311B 4B / R718G 1E                       4..5 / 4..7 illuminance lx
           R311D 4E                                            test of the radio: battery only
           R718KA 22 / R718KA2 44                              5 / 6, 7 current / 10 mA
           RA02A 0A                                            4 smoke, 5 too hot, 6..7 temperature s16 / 10
           RB11E 03                     4..5 temperature, 6..7 illuminance, 8 somebody there, 9 taken off the wall
           RA0716 35, R72616 36, R72716 37                     4..5 temperature, 6..7 humidity, 8..9 PM2.5
           R315 D2   4..5 what is fitted (bit 0 climate, 1 light, 3 button, 6 reed), 6..7 states (bit 1 button, 4 reed),
                     8..9 temperature, 10 humidity / 2; report 2: 4..5 illuminance
    RA07 05, R726 09, RA07Y 0D: three u16 from 4 on, FFFF = no such sensor
           1, 2 PM1, 2.5, 10   5 O3, CO, (NO) / 10 ppm   6 NO2, SO2, H2S / 10 ppm   7 CO2, NH3 / 10 ppm, noise / 10 dB
           9 NTU / 10, its temperature, soil moisture / 100   10 soil moisture, temperature, water level mm
           11 temperature, dissolved oxygen / 100 g/m3, saturation / 10 %   12 climate, wind / 100 m/s
           13 wind direction, air pressure u32 Pa   14 VOC / 10 ppm;  3, 4, 8: particle numbers, pH: battery only

A distance of 0 or FFFF is none (NaN). "No such sensor" is absence, not a bad value. Reports 1 and 2 of the RA07 are the
same dust by two calibrations.
"""

from __future__ import annotations

import math

from devices.model import Decoded, DeviceSpec
from devices.payloads.fields import Codec, Field, Message, Values
from devices.payloads.netvox import codec, finished, report

_SOURCE = "https://github.com/TheThingsNetwork/lorawan-devices"
_PRESSED = {0: 0.0, 1: 1.0}
_NO_SENSOR = 0xFFFF
_R315_KNOWN = 0x004B


def _flag(key: str, at: int) -> Field:
    return Field(key=key, at=at, codes={**dict.fromkeys(range(1, 256), 1.0), 0: 0.0})


def _button(key: str, at: int) -> Field:
    return Field(key=key, at=at, codes=_PRESSED)


def _word(key: str, at: int, per_unit: float = 1.0) -> Field:
    return Field(key=key, at=at, size=2, per_unit=per_unit)


def _temperature(key: str, at: int, per_unit: int = 100) -> Field:
    return Field(key=key, at=at, size=2, is_signed=True, per_unit=per_unit, rest=20 * per_unit)


def _humidity(at: int) -> Field:
    return Field(key="relative_humidity", at=at, size=2, per_unit=100, good=(0, 10_000), bad=(_NO_SENSOR,))


def _tenth_ma(key: str, at: int) -> Field:
    return Field(key=key, at=at, per_unit=10_000)


def _simple(name: str, device_type: int, *fields: Field) -> Codec:
    return codec(name, device_type, report(device_type, *fields))


_OPEN, _OPEN_2 = _flag("contact_open", 4), _flag("contact_open.2", 5)
_DISTANCE = Field(key="distance", at=5, size=2, per_unit=1000, bad=(0, _NO_SENSOR))
_SHAKEN = _flag("vibration", 4)
_CLIMATE = (_temperature("air_temperature", 4), _humidity(6))


def _absent(payload: bytes, values: Values) -> Decoded:
    """What is not fitted (NaN) is absent."""
    said = finished(payload, values)
    return Decoded(values={key: value for key, value in said.values.items() if not math.isnan(value)})


def _or_none(key: str, at: int, per_unit: float, *, is_signed: bool = False) -> Field:
    bad = (-1 if is_signed else _NO_SENSOR,)
    return Field(key=key, at=at, size=2, is_signed=is_signed, per_unit=per_unit, bad=bad)


def _ra07_report(device_type: int, number: int, *fields: Field) -> Message:
    return report(device_type, *fields, number=number, adjust=_absent)


def _degrees(key: str, at: int) -> Field:
    return _or_none(key, at, 100, is_signed=True)


def _ra07(name: str, device_type: int) -> Codec:
    dust = (_or_none("pm1", 4, 1), _or_none("pm2_5", 6, 1), _or_none("pm10", 8, 1))
    tables: dict[int, tuple[Field, ...]] = {
        1: dust,
        2: dust,
        3: (),
        4: (),
        5: (_or_none("o3", 4, 10), _or_none("co", 6, 10)),
        6: (_or_none("no2", 4, 10), _or_none("so2", 6, 10), _or_none("h2s", 8, 10)),
        7: (_or_none("co2", 4, 10), _or_none("nh3", 6, 10), _or_none("sound_level", 8, 10)),
        8: (),
        9: (_or_none("turbidity", 4, 10), _degrees("probe_temperature", 6), _or_none("soil_moisture", 8, 100)),
        10: (_or_none("soil_moisture", 4, 100), _degrees("soil_temperature", 6), _or_none("water_level", 8, 1000)),
        11: (
            _degrees("probe_temperature", 4), _or_none("dissolved_oxygen", 6, 100_000),
            _or_none("oxygen_saturation", 8, 10),
        ),
        12: (_degrees("air_temperature", 4), _or_none("relative_humidity", 6, 100), _or_none("wind_speed", 8, 100)),
        13: (
            _or_none("wind_direction", 4, 180 / math.pi),
            Field(key="pressure", at=6, size=4, bad=(0xFFFFFFFF,)),
        ),
        14: (_or_none("tvoc", 4, 10),),
    }  # fmt: skip
    return codec(name, device_type, *(_ra07_report(device_type, number, *table) for number, table in tables.items()))


def _by_what_is_fitted(payload: bytes, values: Values) -> Decoded:
    """Keep what the bits say is fitted; other sensors of an R315 are there, but their bits are not known."""
    fitted = int.from_bytes(payload[4:6], "big")
    needs = {"air_temperature": 0x01, "relative_humidity": 0x01, "sos": 0x08, "contact_open": 0x40}
    said = {key: value for key, value in values.items() if fitted & needs.get(key, _NO_SENSOR)}
    return Decoded(
        values=finished(payload, {**_battery_of(values), **said}).values, is_partial=bool(fitted & ~_R315_KNOWN)
    )


def _battery_of(values: Values) -> Values:
    return {key: values[key] for key in ("battery_voltage", "battery_low")}


_R315 = codec(
    "R315",
    0xD2,
    report(
        0xD2,
        Field(key="contact_open", at=7, low_bit=4, bits=1),
        Field(key="sos", at=7, low_bit=1, bits=1),
        _temperature("air_temperature", 8),
        Field(key="relative_humidity", at=10, per_unit=2, good=(0, 200), bad=(0xFF,)),
        adjust=_by_what_is_fitted,
    ),
    report(0xD2, _word("illuminance", 4), number=2),
)
_CODECS = (
    *(
        _simple(name, number, _OPEN)
        for name, number in (("R311A", 0x02), ("R718F", 0x1D), ("R730F", 0x7D), ("R718LB", 0x25), ("R730LB", 0x8D))
    ),
    _simple("R311CC", 0x6C, _OPEN, _OPEN_2),
    _simple("R718F2", 0x3E, _OPEN, _OPEN_2),
    _simple("R311CA", 0x4C, _flag("digital_input", 4), _flag("digital_input.2", 5)),
    _simple("R718J2", 0x43, _flag("digital_input", 4), _flag("digital_input.2", 5)),
    _simple("R718J", 0x21, _flag("digital_input", 4)),
    _simple("R311CB", 0x56, _OPEN, _flag("alarm", 5)),
    _simple("R311W", 0x06, _flag("water_leak", 4), _flag("water_leak.2", 5)),
    _simple("R718WA", 0x32, _flag("water_leak", 4)),
    _simple("R718WB", 0x12, _flag("water_leak", 4)),
    *(
        _simple(name, number, _SHAKEN)
        for name, number in (
            ("R718DA", 0x1A), ("R718DB", 0x1B), ("R730DA", 0x89), ("R730DB", 0x8B), ("R311DA", 0xA8),
            ("R311DB", 0xA9), ("R311FA", 0x4F), ("R718MBA", 0x27), ("R730MBA", 0x82),
        )
    ),
    _simple("R718DA2", 0x2F, _SHAKEN, _flag("vibration.2", 5)),
    _simple("R311K", 0x9E, _flag("is_tilted", 4)),
    _simple("R312A", 0x4D, _flag("sos", 4)),
    _simple("RB02I", 0x10, _flag("sos", 4)),
    _simple("R312", 0x55, _button("button", 4)),
    _simple("R718T", 0x31, _button("button", 4)),
    _simple("RB02B", 0xA6, _button("button", 4), _button("button.2", 5)),
    _simple("RB02C", 0xA7, _button("button", 4), _button("button.2", 5), _button("button.3", 6)),
    *(
        _simple(name, number, *_CLIMATE)
        for name, number in (("R711", 0x01), ("R718A", 0x0B), ("R718AB", 0x13), ("R720A", 0x6E))
    ),
    _simple("R718B", 0x95, _temperature("probe_temperature", 4, 10)),
    *(
        _simple(name, number, _temperature("probe_temperature", 4, 10), _temperature("probe_temperature.2", 6, 10))
        for name, number in (("R718B2", 0x14), ("R718CK2", 0x16), ("R718CT2", 0x17), ("R718CN2", 0x18))
    ),
    _simple(
        "R718X", 0x34, _DISTANCE, _temperature("device_temperature", 7, 10),
        Field(key="tilt", at=10, per_unit=180 / math.pi),
    ),
    _simple("R718PE", 0xB1, _DISTANCE),
    _simple("R311G", 0x04, _word("illuminance", 4)),
    _simple("R311B", 0x4B, _word("illuminance", 4)),
    _simple("R718G", 0x1E, Field(key="illuminance", at=4, size=4)),
    _simple("R311D", 0x4E),
    _simple("R718KA", 0x22, _tenth_ma("current", 5)),
    _simple("R718KA2", 0x44, _tenth_ma("current", 6), _tenth_ma("current.2", 7)),
    _simple("RA02A", 0x0A, _flag("smoke", 4), _flag("alarm", 5), _temperature("air_temperature", 6, 10)),
    _simple(
        "RB11E", 0x03, _temperature("air_temperature", 4), _word("illuminance", 6), _flag("occupancy", 8),
        _flag("tamper", 9),
    ),
    *(
        _simple(name, number, *_CLIMATE, _word("pm2_5", 8))
        for name, number in (("RA0716", 0x35), ("R72616", 0x36), ("R72716", 0x37))
    ),
    _R315,
    *(_ra07(name, number) for name, number in (("RA07", 0x05), ("R726", 0x09), ("RA07Y", 0x0D))),
)  # fmt: skip


def _spec(codec_: Codec) -> DeviceSpec:
    return DeviceSpec(
        model=f"netvox_{codec_.name.lower()}",
        vendor="Netvox",
        source_url=_SOURCE,
        quantities=codec_.keys,
        expected_interval_s=86_400,
        transport="lorawan",
        decode=codec_.decode,
        encode=codec_.encode,
        default_port=6,
        resolutions=codec_.resolutions,
    )


DEVICES = tuple(_spec(codec_) for codec_ in _CODECS)
