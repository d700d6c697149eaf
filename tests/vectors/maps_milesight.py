"""Milesight's fields in lorawan-devices, ChirpStack's profiles, akenza's tests and thingsboard/data-converters."""

from __future__ import annotations

import math

from devices.quantities import label_value
from tests.vectors.maps import Corrected, Family, Rule, same, times, words

_TILTED = {"distance": Corrected(value=math.nan, reason="the device says that it is tilted: the beam is not vertical")}
_TILT = words("is_tilted", {"tilt": 1.0, "normal": 0.0, True: 1.0, False: 0.0, "TILT": 1.0, "NORMAL": 0.0})

_AXES = {"x": "tilt", "y": "tilt.2", "z": "tilt.3"}
_PRESS = words("button", {"short": label_value("button", "single"), "SHORT": label_value("button", "single")})
_OWN_ALARM = "the device's own threshold: the town has its own rules"


def _pulses_of_the_example(water: float) -> float:
    """The one example that counts water has 64.8 pulses in a unit of it."""
    return round(water * 64.8)


def _beyond(tilt_key: str) -> Rule:
    key = tilt_key.replace("tilt", "is_tilted")
    return words(key, {"normal": 0.0, "trigger": 1.0, False: 0.0, True: 1.0})


FAMILIES = (
    Family(
        name="Milesight TLV",
        vendors=("milesight", "milesight-iot"),
        models={
            ("milesight-iot", "at101"): "milesight_at101",
            ("milesight-iot", "em300-di"): "milesight_em300_di",
            ("milesight-iot", "em310-udl"): "milesight_em310_udl",
            ("milesight-iot", "em320-th"): "milesight_em320_th",
            ("milesight-iot", "em320-tilt"): "milesight_em320_tilt",
            ("milesight-iot", "em400-mud"): "milesight_em400_mud",
            ("milesight-iot", "em400-tld"): "milesight_em400_tld",
            ("milesight-iot", "em400-udl"): "milesight_em400_udl",
            ("milesight-iot", "em410-rdl"): "milesight_em410_rdl",
            ("milesight-iot", "em500-pt100"): "milesight_em500_pt100",
            ("milesight-iot", "em500-swl"): "milesight_em500_swl",
            ("milesight-iot", "ts101"): "milesight_ts101",
            ("milesight-iot", "ws101"): "milesight_ws101",
            ("milesight-iot", "ws203"): "milesight_ws203",
            ("milesight-iot", "ws301"): "milesight_ws301",
            ("milesight-iot", "vs330"): "milesight_vs330",
            ("milesight-iot", "vs340"): "milesight_vs340",
            ("milesight-iot", "vs341"): "milesight_vs341",
            ("milesight", "at101"): "milesight_at101",
            ("milesight", "em300-di"): "milesight_em300_di",
            ("milesight", "em300-di_hall"): "milesight_em300_di",
            ("milesight", "em300-mcs"): "milesight_em300_mcs",
            ("milesight", "em300-sld-zld"): "milesight_em300_sld",
            ("milesight", "em300-th"): "milesight_em300_th",
            ("milesight", "em310-tilt"): "milesight_em310_tilt",
            ("milesight", "em310-udl"): "milesight_em310_udl",
            ("milesight", "em320-th"): "milesight_em320_th",
            ("milesight", "em320-tilt"): "milesight_em320_tilt",
            ("milesight", "em400-mud"): "milesight_em400_mud",
            ("milesight", "em400-tld"): "milesight_em400_tld",
            ("milesight", "em400-udl"): "milesight_em400_udl",
            ("milesight", "em400-uld"): "milesight_em400_udl",
            ("milesight", "em410-rdl"): "milesight_em410_rdl",
            ("milesight", "em500-pt100"): "milesight_em500_pt100",
            ("milesight", "em500-swl"): "milesight_em500_swl",
            ("milesight", "ts101"): "milesight_ts101",
            ("milesight", "ts201"): "milesight_ts201",
            ("milesight", "vs330"): "milesight_vs330",
            ("milesight", "vs340"): "milesight_vs340",
            ("milesight", "vs341"): "milesight_vs341",
            ("milesight", "vs34x"): "milesight_vs340",
            ("milesight", "ws201"): "milesight_ws201",
            ("milesight", "ws302"): "milesight_ws302",
            ("milesight", "ws303"): "milesight_ws303",
            ("milesight", "ws101"): "milesight_ws101",
            ("milesight", "ws203"): "milesight_ws203",
            ("milesight", "ws301"): "milesight_ws301",
        },
        fields={
            "battery": same("battery_level"),
            "batteryLevel": same("battery_level"),
            "temperature": same("air_temperature"),
            "humidity": same("relative_humidity"),
            "distance": times("distance", 0.001),
            "water_level": times("water_level", 0.01),
            "waterLevel": times("water_level", 0.01),
            "radar_signal_rssi": same("echo_strength"),
            "position": _TILT,
            "tilt": _TILT,
            "latitude": same("latitude"),
            "longitude": same("longitude"),
            "motion_status": words("in_trip", {"unknown": None, "start": 1.0, "moving": 1.0, "stop": 0.0}),
            "motionStatus": words("in_trip", {"MOVING": 1.0}),
            "magnet_status": words("contact_open", {"open": 1.0, "close": 0.0}),
            "open": words("contact_open", {True: 1.0, False: 0.0}),
            "tamper_status": words("tamper", {"installed": 0.0, "uninstalled": 1.0}),
            "install": words("tamper", {True: 0.0, False: 1.0}),
            "installed": words("tamper", {True: 0.0, False: 1.0}),
            "leakage_status": words("water_leak", {"normal": 0.0, "leak": 1.0}),
            "occupancy": words("occupancy", {"vacant": 0.0, "occupied": 1.0, 0: 0.0, 1: 1.0}),
            "button": _PRESS,
            "press": _PRESS,
            "pulse": same("count"),
            "LAeq": same("sound_level"),
            "LAFmax": same("sound_level.2"),
            "LAF": same("sound_level.3"),
            **{f"angle_{axis}": times(key, math.pi / 180) for axis, key in _AXES.items()},
            **{f"{axis}Angle": times(key, math.pi / 180) for axis, key in _AXES.items()},
            **{f"threshold_{axis}": _beyond(key) for axis, key in _AXES.items()},
            **{f"{axis}ThresholdReached": _beyond(key) for axis, key in _AXES.items()},
        },
        fields_of={
            "milesight_at101": {"temperature": same("device_temperature")},
            "milesight_em400_mud": {"temperature": same("device_temperature")},
            "milesight_em400_tld": {"temperature": same("device_temperature")},
            "milesight_em400_udl": {"temperature": same("device_temperature")},
            "milesight_em410_rdl": {"temperature": same("device_temperature")},
            "milesight_em300_di": {"water": Rule(key="count", convert=_pulses_of_the_example)},
            "milesight_em500_pt100": {"temperature": same("probe_temperature")},
            "milesight_ts201": {"temperature": same("probe_temperature")},
            "milesight_ts101": {"temperature": same("probe_temperature")},
            "milesight_em500_swl": {"distance": times("water_level", 0.01)},
        },
        unmapped={
            "temperature_abnormal": _OWN_ALARM,
            "temperature_alarm": _OWN_ALARM,
            "temperatureAlert": _OWN_ALARM,
            "distance_alarming": _OWN_ALARM,
            "water_alarm": _OWN_ALARM,
            "geofence*": "a fence set in the device: the town has its own places",
            "wifi*": "stations heard become a position only with a database of theirs",
            "calibration": "how the device was set up, not a reading",
            "remaining": "by a depth set in the device; the distance is the reading",
            "read_status": "given as NaN where the probe was not read",
            "event_type": "why a record was stored, not a reading",
            "gpio_type": "says which of two fields is meant",
            "water_conv": "part of the count",
            "pulse_conv": "part of the count",
            "device_status": "given as has_restarted",
            "firmware_version": "a name, not a reading",
            "hardware_version": "a name, not a reading",
            "ipso_version": "a name, not a reading",
            "sn": "a name, not a reading",
            "report_interval": "a setting, not a reading",
            "occup*": "akenza counts the minutes itself",
            "minutesSinceLastOccupied": "akenza counts the minutes itself",
            "warm": "akenza counts the minutes itself",
        },
        differs={
            "ttn:milesight-iot/em410-rdl/uplink/1": _TILTED,
            "network_server:Milesight/EM300-DI/HTTP/0": {
                "relative_humidity": Corrected(
                    value=50.5, reason="byte 65 is 101 half percents; the source cut the half"
                )
            },
            "ttn:milesight-iot/em310-udl/uplink/1": _TILTED,
            "ttn:milesight-iot/em400-*/uplink/1": _TILTED,
            "akenza:milesight/EM310-UDL/1": _TILTED,
            "akenza:milesight/EM400-*/1": _TILTED,
            "network_server:Milesight/EM310-UDL/*": _TILTED,
            "network_server:Milesight/EM400-*/*/1": _TILTED,
            "network_server:Milesight/EM400-*/LORIOT/2": _TILTED,
        },
        untrusted_ports=frozenset({"akenza", "network_server"}),
    ),
)
