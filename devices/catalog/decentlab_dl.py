"""Decentlab DL-…: the makers' LoRaWAN sensors beside the DL-MBX, payload protocol 2, any FPort.

Source: https://github.com/decentlab/decentlab-decoders (one file of words and formulas a model)

    model      words (u16; s = word - 32768)                                          step
    DL-ALB     0 incoming, 1 reflected irradiance s                                   0.1 W/m2
    DL-ATM22   0 wind, 2 gust, 6 north, 7 east s; 1 direction s; 3 temperature s; 4, 5 tilt x, y s
    DL-ATM41   0 irradiance s; 1 rain s; 2 strikes s; 3 distance km s; 4.. wind, direction, gust, temperature, vapour
               and air pressure, humidity, own temperature, tilt x, y, compass, wind north, east, all s
    DL-ATM41G2 like DL-ATM41, but 0 in 0.1 W/m2, 1 rain unsigned, 14 conductivity of rain s, 15..16 rain in all u32
    DL-CTD10   0 water depth s mm, 1 temperature s / 10, 2 conductivity uS/cm
    DL-CWS     0 surface, 1 air temperature, 2 humidity, 3 dew point, 5 own temperature, s / 100; 4 angle s degree
    DL-CWS2    0, 1 as DL-SHT35 (in a radiation shield); then the block of a DL-CWS, whose air is channel 2
    DL-DS18    0 temperature s / 16; 85 degC = just powered, -127 degC = no probe
    DL-DLR2-002 0 pulses, 1 their interval s, 2..3 pulses in all u32
    DL-DLR2-004 0 current s, 3 V / 65536 over the option `shunt_ohm`
    DL-IAM     battery; 0, 1 as DL-SHT35; pressure / 2 Pa; light (two raw words, not given); CO2 s, its status, raw;
               movements since the last message; VOC ppb
    DL-IFD     0 fruit size                                                           0.01 mm
    DL-ILT     0 leaf temperature s                                                   0.01 degC
    DL-ISD     0 stem size                                                            0.001 mm
    DL-ISF     0 sap flow, 1, 2 heat velocity, 9 temperature s, 10, 11 voltage s      see the table below
    DL-ITST    0 surface, 1 own temperature, (x - 1000) / 10
    DL-LID     0 mean .. 3 median .. 8 mode of the distance, 9 samples, 10 duration   1 mm
    DL-LP8P    0, 1 as DL-SHT21; own temperature (x - 5000) / 100, pressure / 2 Pa; 0 CO2 s, 5 its status
    DL-PM      battery; 0, 1, 3 PM1, 2.5, 10 / 10; 0, 1 as DL-SHT21; pressure / 2 Pa
    DL-PR21/26 0 pressure (16384 = `pmin_bar`, 49152 = `pmax_bar`), 1 temperature (384 = -50 degC, 320 a degree)
    DL-PR36    0 pressure s / `kp` bar, 1 temperature s / 256
    DL-PR36CTD 0 as DL-PR36; 1, 2 temperature of electronics and water s / 256; 3 conductivity s / `kec` mS/cm
    DL-PYR     0 irradiance s, 15000 W/m2 over 32768
    DL-RAD     0 distance mm, 1 temperature s, 2 reliability s / 100 dB, 3 status
    DL-RHC     0..1 sensor id, 2 humidity / 100, 3 temperature s / 100
    DL-SHT21   0 temperature 175.72 x / 65536 - 46.85, 1 humidity 125 x / 65536 - 6
    DL-SHT35   0 temperature 175 x / 65535 - 45, 1 humidity 100 x / 65535
    DL-SMTP    1, 3 .. 15 soil temperature at eight depths, s / 100
    DL-TBRG    0 tips, 1 their interval s, 2..3 tips in all u32; a tip is `resolution_mm`
    DL-TP      0..15 temperature s / 100 of sixteen probes
    DL-TRS11/12 0 soil moisture, 0.003879 x - 69.56 %, 1 temperature s / 10; DL-TRS12: 2 conductivity uS/cm

    option          of       what stands on the label of the sensor (or in Decentlab's own decoder of it)
    pmin_bar        DL-PR21, DL-PR26   pressure at the lower end of the range (-1, 0)
    pmax_bar        DL-PR21, DL-PR26   pressure at the upper end of the range (10, 1)
    kp              DL-PR36, -PR36CTD  steps of one bar (8192)
    kec             DL-PR36CTD         steps of one mS/cm (1024)
    shunt_ohm       DL-DLR2-004        resistor that the current flows through (10)
    resolution_mm   DL-TBRG            rain of one tip of the bucket (0.1)

Every model ends with a battery word in mV. Words that are steps of the method and no observation (alpha, beta and
Tmax of the DL-ISF, percentiles of the DL-LID, the DL-RHC's sensor id, moisture of the DL-SMTP in no unit, dew points)
are not given. Of the DL-LID the median is the `distance`. A DL-RAD whose status is not 0 has no trustworthy distance:
NaN; so with the CO2 of a DL-IAM or DL-LP8P. Albedo is NaN without light. An option that differs from the label makes
every value wrong: compare them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from devices.model import DeviceSpec, Options
from devices.options import read_options
from devices.payloads.decentlab import BATTERY, SIGNED, Block, Gate, Model, Word

_SOURCE = "https://github.com/decentlab/decentlab-decoders"
_DEGREE = 180 / math.pi
_BAR_PA = 100_000.0
_HOUR_S = 3600.0
OptionsT = TypeVar("OptionsT", bound=BaseModel)
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


def _signed(key: str, at: int, per_unit: float) -> Word:
    return Word(key=key, at=at, per_unit=per_unit, origin=SIGNED)


def _plain(key: str, at: int, per_unit: float, *, size: int = 1) -> Word:
    return Word(key=key, at=at, per_unit=per_unit, size=size)


def _channel(key: str, number: int) -> str:
    return key if number == 1 else f"{key}.{number}"


def _model(name: str, length: int, *words: Word, gate: Gate | None = None) -> Model:
    return Model(name=name, blocks=(Block(length=length, words=words, gate=gate), BATTERY))


class _Range(BaseModel):
    """The range of a pressure sensor in bar: "-1…10 bar" on its label is pmin_bar = -1, pmax_bar = 10."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    pmin_bar: _Finite
    pmax_bar: _Finite

    @model_validator(mode="after")
    def _is_a_range(self) -> _Range:
        if self.pmax_bar <= self.pmin_bar:
            raise ValueError(f"pmax_bar {self.pmax_bar:g} must be above pmin_bar {self.pmin_bar:g}")
        return self


class _Range21(_Range):
    """The range in bar, as it stands on the sensor's label."""

    pmin_bar: _Finite = -1.0
    pmax_bar: _Finite = 10.0


class _Range26(_Range):
    """The range in bar, as it stands on the sensor's label."""

    pmin_bar: _Finite = 0.0
    pmax_bar: _Finite = 1.0


class _Scale36(BaseModel):
    """Steps of one bar, as they stand on the sensor's label."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kp: _Positive = 8192.0


class _Scale36Ctd(_Scale36):
    """Steps of one bar and of one mS/cm, as they stand on the sensor's label."""

    kec: _Positive = 1024.0


class _Shunt(BaseModel):
    """The resistor that the current flows through, in ohm, as it stands on the device's label."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    shunt_ohm: _Positive = 10.0


class _Tip(BaseModel):
    """Rain of one tip of the bucket, in mm, as it stands on the gauge."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    resolution_mm: _Positive = 0.1


def _pressure(name: str, said: _Range) -> Model:
    return _model(
        name, 2,
        Word(
            key="pressure", at=0, origin=16_384, shift=said.pmin_bar * _BAR_PA,
            per_unit=32_768 / ((said.pmax_bar - said.pmin_bar) * _BAR_PA),
        ),
        Word(key="probe_temperature", at=1, origin=384, per_unit=320, shift=-50.0),
    )  # fmt: skip


def _pressure36(said: _Scale36) -> Model:
    return _model(
        "DL-PR36", 2, _signed("pressure", 0, said.kp / _BAR_PA), _signed("probe_temperature", 1, 256)
    )  # fmt: skip


def _pressure36ctd(said: _Scale36Ctd) -> Model:
    return _model(
        "DL-PR36CTD", 4, _signed("pressure", 0, said.kp / _BAR_PA), _signed("device_temperature", 1, 256),
        _signed("probe_temperature", 2, 256), _signed("conductivity", 3, said.kec * 10),
    )  # fmt: skip


def _current(said: _Shunt) -> Model:
    return _model("DL-DLR2-004", 1, _signed("current", 0, 65_536 * said.shunt_ohm / 3))


def _rain(said: _Tip) -> Model:
    tips = 1000 / said.resolution_mm
    return _model(
        "DL-TBRG", 4, _plain("precipitation", 0, tips), _plain("measurement_interval", 1, 1),
        _plain("precipitation_total", 2, tips, size=2),
    )  # fmt: skip


def _albedo(values: Mapping[str, float]) -> Mapping[str, float]:
    if "irradiance" not in values:
        return {}
    incoming, reflected = values["irradiance"], values["irradiance.2"]
    return {"albedo": reflected / incoming if incoming > 0 and reflected > 0 else math.nan}


_ALB = replace(
    _model("DL-ALB", 2, _signed("irradiance", 0, 10), _signed("irradiance.2", 1, 10)), derived=_albedo
)  # fmt: skip
_ATM22 = _model(
    "DL-ATM22", 8,
    _signed("wind_speed", 0, 100), _signed("wind_direction", 1, 10 * _DEGREE), _signed("wind_gust", 2, 100),
    _signed("air_temperature", 3, 10), _signed("tilt", 4, 10 * _DEGREE), _signed("tilt.2", 5, 10 * _DEGREE),
    _signed("wind_north", 6, 100), _signed("wind_east", 7, 100),
)  # fmt: skip
_WEATHER = (
    _signed("lightning_strikes", 2, 1), _signed("lightning_distance", 3, 1 / 1000), _signed("wind_speed", 4, 100),
    _signed("wind_direction", 5, 10 * _DEGREE), _signed("wind_gust", 6, 100), _signed("air_temperature", 7, 10),
    _signed("vapor_pressure", 8, 1 / 10), _signed("pressure", 9, 1 / 10), _signed("relative_humidity", 10, 10),
    _signed("device_temperature", 11, 10), _signed("tilt", 12, 10 * _DEGREE), _signed("tilt.2", 13, 10 * _DEGREE),
)  # fmt: skip
_ATM41 = _model(
    "DL-ATM41", 17, _signed("irradiance", 0, 1), _signed("precipitation", 1, 1_000_000), *_WEATHER,
    _signed("heading", 14, _DEGREE), _signed("wind_north", 15, 100), _signed("wind_east", 16, 100),
)  # fmt: skip
_ATM41G2 = _model(
    "DL-ATM41G2", 17, _signed("irradiance", 0, 10), _plain("precipitation", 1, 1_000_000), *_WEATHER,
    _signed("conductivity", 14, 10_000), _plain("precipitation_total", 15, 1_000_000, size=2),
)  # fmt: skip
_PULSES = _model(
    "DL-DLR2-002", 4, _plain("measurement_interval", 1, 1), _plain("count", 2, 1, size=2)
)  # fmt: skip
_FRUIT = _model("DL-IFD", 1, _plain("diameter", 0, 100_000))
_LEAF = _model("DL-ILT", 1, _signed("target_temperature", 0, 100))
_STEM = _model("DL-ISD", 1, _plain("diameter", 0, 1_000_000))
_SAP = _model(
    "DL-ISF", 16,
    # the word is 16 steps of 1 ml/h, or of 0.01 mm/h, above -50000
    Word(key="sap_flow", at=0, per_unit=1e6 * _HOUR_S / 16, shift=-50e-3 / _HOUR_S),
    Word(key="heat_velocity", at=1, per_unit=1e5 * _HOUR_S / 16, shift=-0.5 / _HOUR_S),
    Word(key="heat_velocity.2", at=2, per_unit=1e5 * _HOUR_S / 16, shift=-0.5 / _HOUR_S),
    _signed("probe_temperature", 9, 100), _signed("voltage", 10, 1000), _signed("voltage.2", 11, 1000),
    _plain("device_fault", 12, 1, size=2),
)  # fmt: skip
_LASER = _model(
    "DL-LID", 11, _plain("distance", 3, 1000), Word(key="valid_samples", at=9, per_unit=1, default=1),
    gate=Gate(key="distance", by="valid_samples", good=(1, 65_535), closed=0),
)  # fmt: skip
_PYR = _model("DL-PYR", 1, _signed("irradiance", 0, 32_768 / 15_000))
_RADAR = _model(
    "DL-RAD", 4, _plain("distance", 0, 1000), _signed("device_temperature", 1, 100), _signed("echo_strength", 2, 100),
    Word(key="device_fault", at=3, per_unit=1, default=0),
    gate=Gate(key="distance", by="device_fault", good=(0, 0), closed=1),
)  # fmt: skip
_CTD10 = _model(
    "DL-CTD10", 4, _signed("water_level", 0, 1000), _signed("probe_temperature", 1, 10),
    _plain("conductivity", 2, 10_000),
)  # fmt: skip
_ROAD = (
    _signed("target_temperature", 0, 100), _signed("tilt", 4, _DEGREE), _signed("device_temperature", 5, 100),
)  # fmt: skip
_CWS = _model("DL-CWS", 6, *_ROAD, _signed("air_temperature", 1, 100), _signed("relative_humidity", 2, 100))
_DS18 = _model(
    "DL-DS18", 1,
    Word(
        key="probe_temperature", at=0, origin=SIGNED, per_unit=16, bad=(SIGNED + 16 * 85, SIGNED - 16 * 127),
    ),
)  # fmt: skip
_ITST = _model(
    "DL-ITST", 2, Word(key="target_temperature", at=0, origin=1000, per_unit=10),
    Word(key="device_temperature", at=1, origin=1000, per_unit=10),
)  # fmt: skip
_SHT21 = _model(
    "DL-SHT21", 2, Word(key="air_temperature", at=0, per_unit=65_536 / 175.72, shift=-46.85),
    Word(key="relative_humidity", at=1, per_unit=65_536 / 125, shift=-6.0),
)  # fmt: skip
_SMTP = _model("DL-SMTP", 16, *(_signed(_channel("soil_temperature", n), 2 * n - 1, 100) for n in range(1, 9)))
_TP = _model("DL-TP", 16, *(_signed(_channel("probe_temperature", n), n - 1, 100) for n in range(1, 17)))
_MOISTURE = Word(key="soil_moisture", at=0, per_unit=1 / 0.003879, shift=-69.56)
_TRS11 = _model("DL-TRS11", 2, _MOISTURE, _signed("soil_temperature", 1, 10))
_TRS12 = _model("DL-TRS12", 3, _MOISTURE, _signed("soil_temperature", 1, 10), _plain("conductivity", 2, 10_000))
_RHC = _model("DL-RHC", 4, _plain("relative_humidity", 2, 100), _signed("air_temperature", 3, 100))
_SHT35 = _model(
    "DL-SHT35", 2, Word(key="air_temperature", at=0, per_unit=65_535 / 175, shift=-45.0),
    _plain("relative_humidity", 1, 65_535 / 100),
)  # fmt: skip

_BAROMETER = Block(length=1, words=(_plain("pressure", 0, 1 / 2),))
_CO2_GATE = Gate(key="co2", by="device_fault", good=(0, 0), closed=1)


def _co2(length: int, status_at: int) -> Block:
    status = Word(key="device_fault", at=status_at, per_unit=1, default=0)
    return Block(length=length, words=(_signed("co2", 0, 1), status), gate=_CO2_GATE)


_IAM = Model(
    name="DL-IAM",
    blocks=(
        BATTERY,
        _SHT35.blocks[0],
        _BAROMETER,
        Block(length=2, words=()),
        _co2(3, 1),
        Block(length=1, words=(_plain("motion_count", 0, 1),)),
        Block(length=1, words=(_plain("tvoc", 0, 1000),)),
    ),
)
_LP8P = Model(
    name="DL-LP8P",
    blocks=(
        _SHT21.blocks[0],
        Block(
            length=2,
            words=(
                Word(key="device_temperature", at=0, origin=5000, per_unit=100),
                _plain("pressure", 1, 1 / 2),
            ),
        ),
        _co2(8, 5),
        BATTERY,
    ),
)
_PM = Model(
    name="DL-PM",
    blocks=(
        BATTERY,
        Block(length=10, words=(_plain("pm1", 0, 10), _plain("pm2_5", 1, 10), _plain("pm10", 3, 10))),
        _SHT21.blocks[0],
        _BAROMETER,
    ),
)
_CWS2 = Model(
    name="DL-CWS2",
    blocks=(
        _SHT35.blocks[0],
        Block(
            length=6,
            words=(*_ROAD, _signed("air_temperature.2", 1, 100), _signed("relative_humidity.2", 2, 100)),
        ),
        BATTERY,
    ),
)


def _spec(model: Model) -> DeviceSpec:
    keys = model.keys + (("albedo",) if model is _ALB else ())
    return DeviceSpec(
        model=f"decentlab_{model.name.lower().replace('-', '_')}",
        vendor="Decentlab",
        source_url=_SOURCE,
        quantities=tuple(dict.fromkeys(key.partition(".")[0] for key in keys)),
        expected_interval_s=600,
        transport="lorawan",
        decode=model.decode,
        encode=model.encode,
        default_port=1,
        resolutions=model.resolutions,
    )


def _with_options(options: type[OptionsT], build: Callable[[OptionsT], Model]) -> DeviceSpec:
    """Return the spec with the label's usual numbers, which a site may replace by those of its own label."""
    usual = options()
    bare = _spec(build(usual))

    def configure(given: Options) -> DeviceSpec:
        said = read_options(options, given, of=bare.model)
        return replace(_spec(build(said)), configure=configure, example_options=usual.model_dump())

    return configure({})


DEVICES = (
    *(
        _spec(model)
        for model in (
            _ALB,
            _ATM22,
            _ATM41,
            _ATM41G2,
            _CTD10,
            _CWS,
            _CWS2,
            _DS18,
            _ITST,
            _PULSES,
            _FRUIT,
            _LEAF,
            _STEM,
            _SAP,
            _LASER,
            _PYR,
        )
    ),
    *(_spec(model) for model in (_RADAR, _RHC, _SHT21, _SHT35, _IAM, _LP8P, _PM, _SMTP, _TP, _TRS11, _TRS12)),
    _with_options(_Range21, lambda said: _pressure("DL-PR21", said)),
    _with_options(_Range26, lambda said: _pressure("DL-PR26", said)),
    _with_options(_Scale36, _pressure36),
    _with_options(_Scale36Ctd, _pressure36ctd),
    _with_options(_Shunt, _current),
    _with_options(_Tip, _rain),
)
