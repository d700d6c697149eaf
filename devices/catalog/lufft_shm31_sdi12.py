"""Lufft (OTT) SHM 31 laser snow gauge on SDI-12.

Source: https://www.lufft.com/products/snow-depth-sensors-317/ (manual SHM 31, chapter 10). Identification
`013Lufft.deSHM31xnnn`: x is m for metric and u for US units, nnn the software version.

    measurement   values
    M, C          basic data set (the order stands in chapter 10.6.2 of the manual)
    M1, C1        six angles
    M2, C2        seven flags
    R0, R1        the same from continuous measurement, at once

The order of the basic data set is not public, so the site copies it from its manual into `values` (quantity, unit,
sentinels for each), and says with `units` what the instrument is set to. Every session compares that with the letter
of the identification: inches are never taken for metres. `example_options` show the form, not the order. The laser
rests below -15 degrees Celsius.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from devices.model import DeviceSpec, Options, PermanentError
from devices.options import read_options
from devices.quantities import quantity
from devices.wires.mapping import Mapped
from devices.wires.sdi12 import Identification, command_of
from devices.wires.sdi12_dialogue import Sdi12Adapter
from devices.wires.sdi12_table import Sdi12Family, Sdi12Model, Tables, mapped_fields, spec_of

_MODEL = "lufft_shm31_sdi12"
_LETTERS = {"metric": "m", "us": "u"}
_US_UNITS = frozenset({"in", "ft", "degF"})
_DIFFERING = ("m", "Cel")


class Shm31Options(BaseModel):
    """`[device.options]` of an SHM 31 on SDI-12: the order of its values, and the unit system it is set to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[Mapped, ...]
    units: Literal["metric", "us"] = "metric"
    measurement: str = "MC"
    adapter: Sdi12Adapter = Sdi12Adapter()


def configure(options: Options) -> DeviceSpec:
    """Return the spec that reads the listed values. Raises PermanentError naming what is wrong.

    A length or a temperature in a unit of the other system is wrong.
    """
    wanted = read_options(Shm31Options, options, of=_MODEL)
    for value in wanted.values:
        _refuse_other_system(value, units=wanted.units)
    return spec_of(_model(wanted, lacks=""), _FAMILY, wanted.adapter)


def _refuse_other_system(value: Mapped, *, units: str) -> None:
    if not value.quantity or quantity(value.quantity).senml_unit not in _DIFFERING:
        return
    if (value.unit in _US_UNITS) != (units == "us"):
        raise PermanentError(f"options of {_MODEL}: {value.quantity} in {value.unit or 'm or Cel'} is not {units}")


def _model(wanted: Shm31Options, *, lacks: str) -> Sdi12Model:
    fields = mapped_fields(wanted.values, of=_MODEL)
    try:
        command = command_of(wanted.measurement)
    except PermanentError as error:
        raise PermanentError(f"options of {_MODEL}: measurement: {error}") from error
    letter = _LETTERS[wanted.units]

    def tables_of(identification: Identification) -> Tables:
        said = f"{identification.vendor} {identification.model}"
        if not said.startswith("Lufft.de SHM31"):
            raise PermanentError(f"address {identification.address} is {said}, not Lufft.de SHM31")
        if not said.endswith(letter):
            raise PermanentError(
                f"address {identification.address} is {said}: it is not set to {wanted.units} units, as site.toml says"
            )
        return {command.table: fields}

    return Sdi12Model(
        name=_MODEL,
        tables_of=tables_of,
        identification=f"13Lufft.deSHM31{letter}010",
        command=wanted.measurement,
        lacks=lacks,
    )


_EXAMPLE: Options = {
    "measurement": "MC",
    "units": "metric",
    "values": [
        {"quantity": "snow_depth", "unit": "mm", "sentinels": [-9999]},
        {"quantity": "device_temperature", "unit": "Cel", "sentinels": [-9999]},
    ],
}
_FAMILY = Sdi12Family(
    vendor="Lufft",
    source_url="https://www.lufft.com/products/snow-depth-sensors-317/",
    configure=configure,
    example_options=_EXAMPLE,
)

DEVICE = spec_of(_model(Shm31Options.model_validate(_EXAMPLE), lacks="values"), _FAMILY)
