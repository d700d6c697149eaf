"""Netvox's fields in lorawan-devices, akenza's tests and thingsboard/data-converters."""

from __future__ import annotations

import math

from tests.vectors.maps import Family, Rule, same, times, words

_FLAG = {0: 0.0, 1: 1.0, "on": 1.0, "off": 0.0, "leak": 1.0, "noleak": 0.0, "Leak": 1.0, "NoLeak": 0.0,
         "Alarm": 1.0, "No Alarm": 0.0}  # fmt: skip
_PRESSED = Rule(key="button", convert=lambda pressed: 1.0 if pressed else None)
_COMMAND = "an answer to a command: nothing measured"
_VERSION = "a version"
_THRESHOLD = "the device's own threshold: the town has its own rules"


def _sensor(key: str, factor: float = 1.0) -> Rule:
    """The maker says "NoSensor" of what is not fitted: absent here."""
    return Rule(key=key, convert=lambda value: None if value == "NoSensor" else float(value) * factor)


_VOLT = Rule(
    key="battery_voltage",
    convert=lambda volt: float(str(volt).removesuffix("(low battery)")) or None,
)
_MODELS = (
    "r311a", "r311ca", "r311cb", "r311cc", "r311d", "r311fa", "r311g", "r311k", "r311w", "r312", "r312a", "r315",
    "r711", "r718a", "r718ab", "r718b", "r718da", "r718da2", "r718db", "r718f2", "r718g", "r718j", "r718j2", "r718ka",
    "r718lb", "r718wb", "r730da", "r730db", "ra02a", "ra0716", "rb02b", "rb02c", "rb02i", "rb11e",
)  # fmt: skip
_RENAMED = {"r712": "netvox_r711", "ra0715": "netvox_ra07", "ra0723": "netvox_ra07", "r72624": "netvox_r726"}

_FIELDS = {
    "Volt": _VOLT,
    "battery_voltage": _VOLT,
    "battery_volt": _VOLT,
    "batteryVoltage": _VOLT,
    "Temp": same("air_temperature"),
    "Temperature": _sensor("air_temperature"),
    "temperature": same("air_temperature"),
    "Humi": same("relative_humidity"),
    "humidity": same("relative_humidity"),
    "Humidity": _sensor("relative_humidity"),
    "Illuminance": same("illuminance"),
    "illuminance": same("illuminance"),
    "OnOff": words("contact_open", _FLAG),
    "contact_switch": words("contact_open", _FLAG),
    "reedContact": words("contact_open", _FLAG),
    "ball_status": words("vibration", _FLAG),
    "ball_status_1": words("vibration", _FLAG),
    "ball_status_2": words("vibration.2", _FLAG),
    "water_leak": words("water_leak", _FLAG),
    "WaterLeak_1": words("water_leak", _FLAG),
    "WaterLeak_2": words("water_leak.2", _FLAG),
    "FireAlarm": words("smoke", _FLAG),
    "HighTempAlarm": words("alarm", _FLAG),
    "Occupy": words("occupancy", _FLAG),
    "DisassembledAlarm": words("tamper", _FLAG),
    "Alarm": words("sos", _FLAG),
    "Key_1": _PRESSED,
    "Key_2": Rule(key="button.2", convert=lambda pressed: 1.0 if pressed else None),
    "Key_3": Rule(key="button.3", convert=lambda pressed: 1.0 if pressed else None),
    "fineCurrent": times("current", 0.001),
    "PM1_0": _sensor("pm1"),
    "PM2_5": _sensor("pm2_5"),
    "pm2_5": _sensor("pm2_5"),
    "PM10": _sensor("pm10"),
    "O3": _sensor("o3"),
    "CO": _sensor("co"),
    "NO2": _sensor("no2"),
    "SO2": _sensor("so2"),
    "H2S": _sensor("h2s"),
    "CO2": _sensor("co2"),
    "co2": _sensor("co2"),
    "NH3": _sensor("nh3"),
    "Noise": _sensor("sound_level"),
    "noise": _sensor("sound_level"),
    "NTU": _sensor("turbidity"),
    "TempNTU": _sensor("probe_temperature"),
    "EC5SoildHumi": _sensor("soil_moisture"),
    "SoildHumi5TE": _sensor("soil_moisture"),
    "SoildTemp5TE": _sensor("soil_temperature"),
    "WaterLevel": _sensor("water_level", 0.001),
    "TempLDO": _sensor("probe_temperature"),
    "LDO_DO": _sensor("dissolved_oxygen", 0.001),
    "LDO_Sat": _sensor("oxygen_saturation"),
    "WindSpeed": _sensor("wind_speed"),
    "WindDirection": _sensor("wind_direction", math.pi / 180),
    "Atomsphere": _sensor("pressure", 100.0),
    "VOC": _sensor("tvoc"),
}
_STATUS_KEYS = {
    "r311k": "is_tilted", "r718j": "digital_input",
    **dict.fromkeys(("r311fa", "r718da", "r718db", "r730da", "r730db"), "vibration"),
}  # fmt: skip
_STATUS_PAIRS = {
    "r311ca": ("digital_input", "digital_input.2"), "r718j2": ("digital_input", "digital_input.2"),
    "r311cc": ("contact_open", "contact_open.2"), "r718f2": ("contact_open", "contact_open.2"),
    "r311cb": ("contact_open", "alarm"),
}  # fmt: skip

FAMILIES = (
    Family(
        name="Netvox",
        vendors=("netvox",),
        models={
            **{("netvox", model): f"netvox_{model}" for model in _MODELS},
            **{("netvox", model): ours for model, ours in _RENAMED.items()},
        },
        fields=_FIELDS,
        fields_of={
            **{f"netvox_{model}": {"status": words(key, _FLAG)} for model, key in _STATUS_KEYS.items()},
            **{
                f"netvox_{model}": {"status1": words(one, _FLAG), "status2": words(two, _FLAG)}
                for model, (one, two) in _STATUS_PAIRS.items()
            },
            "netvox_r312": {"Alarm": _PRESSED, "Doorbell": _PRESSED},
            "netvox_r718b": {"temperature": same("probe_temperature")},
        },
        unmapped={
            "Device": "the model",
            "SWver": _VERSION,
            "HWver": _VERSION,
            "Datecode": _VERSION,
            "version": _VERSION,
            "[Cc]md": _COMMAND,
            "Status": _COMMAND,
            "status": _COMMAND,
            "*Time": _COMMAND,
            "*Change": _COMMAND,
            "*Setting": _COMMAND,
            "*Sensitivity": _COMMAND,
            "*Type": _COMMAND,
            "PIREnable": _COMMAND,
            "deltValue": _COMMAND,
            "sensor_type": _COMMAND,
            "channel": _COMMAND,
            "multiplier": _COMMAND,
            "divisor": _COMMAND,
            "FunctionKeyTrigger": "which key it was: there is one",
            "FunctionEnable": "what is fitted",
            "BinarySensorReport": "bits as text: contact_open and sos are read from them",
            "batteryLevel": "guessed from the voltage by the source",
            "low*Alarm": _THRESHOLD,
            "high*Alarm": _THRESHOLD,
            "current": "whole mA: the finer number is taken",
            "EC5TE": "its unit is not documented",
            "lora_*": "of the radio, not of the payload",
        },
        derived=frozenset({"battery_low", "contact_open", "sos"}),
    ),
)
