"""Any LoRaWAN device that speaks Cayenne LPP: home-made nodes, loggers, adapters; any FPort.

Source: https://docs.mydevices.com/docs/lorawan/cayenne-lpp (types, sizes, resolutions)

    type  name                 without options it is
    00    digital_in           digital_input
    01    digital_out          switch_on
    02    analog_in            analog_input
    03    analog_out           nothing
    65    luminosity           illuminance
    66    presence             presence
    67    temperature          air_temperature
    68    relative_humidity    relative_humidity
    71    accelerometer        acceleration_x, acceleration_y, acceleration_z
    73    barometric_pressure  pressure
    86    gyrometer            nothing
    88    gps                  latitude, longitude, altitude

Channel 0 or 1 is the plain quantity, channel 3 is `.3`. What a channel really is, the site says by the name of type
and channel, with unit, scale, offset and the numbers that stand for no reading:

    [device.options.channels]
    temperature_3 = { quantity = "soil_temperature" }
    analog_in_2 = { quantity = "distance", unit = "cm" }
    analog_in_4 = { quantity = "battery_voltage", scale = 2 }
    temperature_9 = {}                                          # dropped

A temperature of -127, 85.0 or 3276.7 is a probe that is not there, a position of 0, 0 no fix: NaN.
"""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict, field_validator

from devices.model import DeviceSpec, Options
from devices.options import read_options
from devices.payloads.cayenne import Cayenne, place_called
from devices.quantities import base_key
from devices.wires.mapping import Mapped

_USUAL = Cayenne(mapped={})


class CayenneOptions(BaseModel):
    """`[device.options]`: what the channels are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: dict[str, Mapped] = {}

    @field_validator("channels")
    @classmethod
    def _are_places(cls, channels: dict[str, Mapped]) -> dict[str, Mapped]:
        unknown = [name for name in channels if place_called(name) is None]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} is no type and channel such as temperature_3 or gps_1_altitude")
        keys = [one.quantity for one in channels.values() if one.quantity]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is said of several channels")
        return channels


def configure(options: Options) -> DeviceSpec:
    """Return the spec whose channels are what the options say. Raises PermanentError naming every option wrong."""
    wanted = read_options(CayenneOptions, options, of="cayenne_lpp")
    payload = Cayenne(mapped=wanted.channels)
    named = [base_key(one.quantity) for one in wanted.channels.values() if one.quantity]
    return replace(
        DEVICE,
        quantities=tuple(dict.fromkeys((*DEVICE.quantities, *named))),
        decode=payload.decode,
        encode=payload.encode,
    )


DEVICE = DeviceSpec(
    model="cayenne_lpp",
    vendor="myDevices",
    source_url="https://docs.mydevices.com/docs/lorawan/cayenne-lpp",
    quantities=(
        "air_temperature",
        "relative_humidity",
        "pressure",
        "illuminance",
        "presence",
        "digital_input",
        "analog_input",
        "switch_on",
        "acceleration_x",
        "acceleration_y",
        "acceleration_z",
        "latitude",
        "longitude",
        "altitude",
    ),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_USUAL.decode,
    encode=_USUAL.encode,
    default_port=1,
    resolutions={
        "pressure": 10.0,
        "acceleration_x": 0.00980665,
        "acceleration_y": 0.00980665,
        "acceleration_z": 0.00980665,
        "latitude": 1e-4,
        "longitude": 1e-4,
    },
    configure=configure,
)
