"""Decentlab's fields in lorawan-devices, ChirpStack's profiles, akenza's tests and thingsboard/data-converters."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tests.vectors.maps import Family, Rule, same, times

_DEGREE = math.pi / 180
_HOUR_S = 3600.0
_METHOD = "a step of the measuring method, no observation"
_MODELS = {
    "dl-alb": "alb", "alb": "alb", "dl-atm22": "atm22", "atm22": "atm22", "dl-atm41": "atm41",
    "dl-atm41g2": "atm41g2", "dl-ifd": "ifd", "dl-ilt": "ilt", "dl-isd": "isd", "dl-isf": "isf", "isf": "isf",
    "dl-mbx": "mbx", "dl-pr21": "pr21", "dl-pr21-1-10": "pr21", "pr21": "pr21", "dl-pyr": "pyr", "pyr": "pyr",
    "dl-rad": "rad", "dl-rhc": "rhc", "dl-sht35": "sht35", "dl-sht35-001": "sht35", "dl-sht35-002": "sht35",
    "dl-tbrg": "tbrg", "dl-tbrg-01": "tbrg", "tbrg": "tbrg",
}  # fmt: skip


def _named(names: tuple[str, ...], rule: Rule) -> Mapping[str, Rule]:
    """A field stands bare, or (TTN, ChirpStack) as {displayName, unit, value}."""
    return {name + tail: rule for name in names for tail in ("", ".value")}


FAMILIES = (
    Family(
        name="Decentlab v2",
        vendors=("decentlab",),
        models={("decentlab", model): f"decentlab_dl_{ours}" for model, ours in _MODELS.items()},
        fields={
            **_named(("battery_voltage", "batteryVoltage"), same("battery_voltage")),
            **_named(("incoming_radiation", "incomingRadiation"), same("irradiance")),
            **_named(("reflected_radiation", "reflectedRadiation"), same("irradiance.2")),
            **_named(("total_solar_radiation", "totalSolarRadiation", "solar_radiation"), same("irradiance")),
            **_named(("albedo",), same("albedo")),
            **_named(("wind_speed", "windSpeed"), same("wind_speed")),
            **_named(("wind_direction", "windDirection"), times("wind_direction", _DEGREE)),
            **_named(("maximum_wind_speed", "maximumWindSpeed"), same("wind_gust")),
            **_named(("north_wind_speed", "northWindSpeed"), same("wind_north")),
            **_named(("east_wind_speed", "eastWindSpeed"), same("wind_east")),
            **_named(("x_orientation_angle", "xOrientationAngle"), times("tilt", _DEGREE)),
            **_named(("y_orientation_angle", "yOrientationAngle"), times("tilt.2", _DEGREE)),
            **_named(("air_temperature",), same("air_temperature")),
            **_named(("air_humidity",), same("relative_humidity")),
            **_named(("leaf_temperature",), same("target_temperature")),
            **_named(("temperature",), same("probe_temperature")),
            **_named(("pressure",), times("pressure", 1e5)),
            **_named(("precipitation",), times("precipitation", 1e-3)),
            **_named(("precipitation_interval", "precipitationInterval"), same("measurement_interval")),
            **_named(("cumulative_precipitation", "cumulativePrecipitation"), times("precipitation_total", 1e-3)),
            **_named(("stem_size", "fruit_size"), times("diameter", 1e-3)),
            **_named(("sap_flow", "sapFlow"), times("sap_flow", 1e-3 / _HOUR_S)),
            **_named(("heat_velocity_outer", "heatVelocityOuter"), times("heat_velocity", 1e-2 / _HOUR_S)),
            **_named(("heat_velocity_inner", "heatVelocityInner"), times("heat_velocity.2", 1e-2 / _HOUR_S)),
            **_named(("temperature_outer", "temperatureOuter"), same("probe_temperature")),
            **_named(("max_voltage", "maxVoltage"), same("voltage")),
            **_named(("min_voltage", "minVoltage"), same("voltage.2")),
            **_named(("diagnostic", "status"), same("device_fault")),
            **_named(("distance",), times("distance", 1e-3)),
            **_named(("number_of_valid_samples",), same("valid_samples")),
            **_named(("reliability",), same("echo_strength")),
        },
        fields_of={
            "decentlab_dl_atm22": _named(("temperature",), same("air_temperature")),
            "decentlab_dl_rad": _named(("temperature",), same("device_temperature")),
        },
        unmapped={
            "*.displayName": "a title",
            "*.unit": "a unit",
            "lora_*": "of the radio, not of the payload",
            "protocol_version": "of the payload, not of the world",
            "protocolVersion": "of the payload, not of the world",
            "device_id": "the address says who it is",
            "deviceId": "the address says who it is",
            "sensor_id*": "a serial number",
            "alpha_*": _METHOD,
            "alpha[IO]*": _METHOD,
            "beta_*": _METHOD,
            "beta[IO]*": _METHOD,
            "tmax_*": _METHOD,
            "tmax[IO]*": _METHOD,
            "upstream*": _METHOD,
        },
    ),
)
