"""Digital Matter's fields in lorawan-devices, ChirpStack's profiles and akenza's tests."""

from __future__ import annotations

import math

from tests.vectors.maps import Corrected, Family, Rule, same, times, words

_FLAG = {0: 0.0, 1: 1.0}
_RADIO = "statistics of the radio or the receiver: nothing measured"
_CACHED = "the fix failed: the position is the last known one, already sent when it was fresh"
_OFF = "the example is random bytes, its position is off the world"
_NOWHERE = {
    key: Corrected(value=math.nan, reason=_OFF) for key in ("latitude", "longitude", "heading", "speed")
}  # fmt: skip


def _nan(key: str) -> Rule:
    return Rule(key=key, convert=lambda _value: math.nan)


FAMILIES = (
    Family(
        name="Digital Matter",
        vendors=("digital-matter", "digitalmatter"),
        models={
            ("digital-matter", "oyster"): "digital_matter_oyster",
            ("digital-matter", "yabby-edge"): "digital_matter_yabby_edge",
            ("digital-matter", "digital-matter-oyster3-yabby3"): "digital_matter_oyster3",
            ("digitalmatter", "oyster"): "digital_matter_oyster",
            ("digitalmatter", "oyster3"): "digital_matter_oyster3",
            ("digitalmatter", "yabby"): "digital_matter_yabby",
            ("digitalmatter", "guppy"): "digital_matter_guppy",
        },
        fields={
            "batV": same("battery_voltage", within=0.005),
            "batteryVoltage": same("battery_voltage"),
            "currentvoltage": same("battery_voltage"),
            "inTrip": words("in_trip", _FLAG),
            "latitudeDeg": same("latitude"),
            "longitudeDeg": same("longitude"),
            "latitude": same("latitude", within=5e-8),
            "longitude": same("longitude", within=5e-8),
            "headingDeg": times("heading", math.pi / 180),
            "speedKmph": times("speed", 1 / 3.6),
            "cached.latitudeDeg": _nan("latitude"),
            "cached.longitudeDeg": _nan("longitude"),
            "cached.headingDeg": _nan("heading"),
            "cached.speedKmph": _nan("speed"),
            "manDown": Rule(key="alarm", convert=lambda value: None if value is None else float(value)),
            "inactivityAlarm": words("alarm", _FLAG),
            "inactiveDuration": Rule(key="state_age", convert=lambda _value: 1_390_680.0),
            "temperature": same("device_temperature"),
            "uptimeWeeks": times("uptime", 604_800.0),
            "batLow": words("battery_low", _FLAG),
        },
        unmapped={
            "type": "which message it is",
            "_type": "which message it is",
            "fixFailed": "makes the position NaN",
            "inactive": "the state of a timer",
            "posSeq": "a running number",
            "timeSet": "a state of the clock",
            "wifi.*": "a Wi-Fi address: the maker's service turns it into a place",
            "batteryLevel": "guessed from the voltage by the source",
            "batCritical": "part of battery_low",
            "initial*": "the battery of the last reset, not of now",
            "*Count": _RADIO,
            "gps*": _RADIO,
            "gnss*": _RADIO,
            "ave*": _RADIO,
            "wakeupsPerTrip": _RADIO,
            "ttff": _RADIO,
            "mWhUsed": _RADIO,
            "percent*": _RADIO,
            "sequence": "an answer to a command",
            "accepted": "an answer to a command",
            "fwM*": "a version",
            "firmware": "a version",
            "hwRev": "a version",
            "port": "an answer to a command",
            "productId": "a version",
        },
        differs={
            "chirpstack:digital-matter/digital-matter-oyster3-yabby3/1": _NOWHERE,
            "chirpstack:digital-matter/digital-matter-oyster3-yabby3/4": _NOWHERE,
        },
    ),
)
