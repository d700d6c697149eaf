"""Abeeway's fields in lorawan-devices and akenza's tests."""

from __future__ import annotations

import math

from tests.vectors.maps import Corrected, Family, same, words

_FLAG = {0: 0.0, 1: 1.0}
_SETTING = "a setting of the device, or why it sent: nothing measured"
_NO_LEVEL = "249 is above 100 %: no level (a firmware before 2.0 said volts there)"

FAMILIES = (
    Family(
        name="Abeeway",
        vendors=("abeeway",),
        models={
            ("abeeway", "asset-tracker-2"): "abeeway_tracker",
            ("abeeway", "badgetracker"): "abeeway_tracker",
            ("abeeway", "compacttracker"): "abeeway_tracker",
            ("abeeway", "microtracker"): "abeeway_tracker",
        },
        fields={
            "batteryLevel": same("battery_level"),
            "temperature": same("device_temperature", within=0.05),
            "temperatureMeasure": same("device_temperature", within=0.05),
            "hasMoved": words("in_trip", _FLAG),
            "dynamicMotionState": words("in_trip", {"STATIC": 0.0, "MOVING": 1.0}),
            "sos": words("sos", _FLAG),
            "sosFlag": words("sos", _FLAG),
        },
        unmapped={
            "demandMessage": _SETTING,
            "positionMessage": _SETTING,
            "operatingMode": _SETTING,
            "ackToken": _SETTING,
            "appState": _SETTING,
            "batteryStatus": "charging and error make the level bad",
            "deviceConfiguration.*": _SETTING,
            "eventType": _SETTING,
            "messageType": _SETTING,
            "onDemand": _SETTING,
            "payload": "the payload itself",
            "periodicPosition": _SETTING,
            "trackingMode": _SETTING,
            "resetCause": _SETTING,
            "*irmwareVersion": "a version",
            "transitionState": "of the angle detection: no position",
            "trigger": _SETTING,
            "repetitionCounter": _SETTING,
            "age": "of addresses that only the maker's service turns into a place, or of an angle",
            "refVector*": "of the angle detection: no position",
            "critVector*": "of the angle detection: no position",
            "angle": "of the angle detection: no position",
            "bssid*": "a Wi-Fi address: the maker's service turns it into a place",
            "rssi*": "of a Wi-Fi station",
            "shortID": "of a Bluetooth zone",
            "notification": "of a Bluetooth zone",
            "beaconID": "of a Bluetooth zone",
        },
        differs={
            "ttn:abeeway/asset-tracker-2/uplink/2": {"battery_level": Corrected(value=math.nan, reason=_NO_LEVEL)},
        },
        untrusted_ports=frozenset({"akenza"}),
    ),
)
