"""Milesight's fields in lorawan-devices, ChirpStack's profiles, akenza's tests and thingsboard/data-converters."""

from __future__ import annotations

import math

from tests.vectors.maps import Corrected, Family, same, times, words

_TILTED = {"distance": Corrected(value=math.nan, reason="the device says that it is tilted: the beam is not vertical")}
_TILT = words("is_tilted", {"tilt": 1.0, "normal": 0.0, True: 1.0, False: 0.0, "TILT": 1.0, "NORMAL": 0.0})

FAMILIES = (
    Family(
        name="Milesight TLV",
        vendors=("milesight", "milesight-iot"),
        models={
            ("milesight-iot", "em310-udl"): "milesight_em310_udl",
            ("milesight-iot", "em400-mud"): "milesight_em400_mud",
            ("milesight-iot", "em400-tld"): "milesight_em400_tld",
            ("milesight-iot", "em400-udl"): "milesight_em400_udl",
            ("milesight", "em300-mcs"): "milesight_em300_mcs",
            ("milesight", "em310-udl"): "milesight_em310_udl",
            ("milesight", "em400-mud"): "milesight_em400_mud",
            ("milesight", "em400-tld"): "milesight_em400_tld",
            ("milesight", "em400-udl"): "milesight_em400_udl",
            ("milesight", "em400-uld"): "milesight_em400_udl",
        },
        fields={
            "battery": same("battery_level"),
            "batteryLevel": same("battery_level"),
            "temperature": same("air_temperature"),
            "humidity": same("relative_humidity"),
            "distance": times("distance", 0.001),
            "position": _TILT,
            "tilt": _TILT,
            "magnet_status": words("contact_open", {"open": 1.0, "close": 0.0}),
        },
        unmapped={
            "temperature_abnormal": "the device's own threshold: the town has its own rules",
            "distance_alarming": "the device's own threshold: the town has its own rules",
        },
        differs={
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
