"""Cayenne LPP in akenza's tests: the channel numbers of the examples stay channels."""

from __future__ import annotations

from tests.vectors.maps import Family, times

FAMILIES = (
    Family(
        name="Cayenne LPP",
        vendors=("mydevices",),
        models={("mydevices", "cayenne"): "cayenne_lpp"},
        fields={
            "temperature": times("air_temperature.5", 1),
            "accX": times("acceleration_x.6", 9.80665),
            "accY": times("acceleration_y.6", 9.80665),
            "accZ": times("acceleration_z.6", 9.80665),
        },
        unmapped={"channel": "stands in the key of the quantity"},
    ),
)
