"""Any SDI-12 instrument, by a list of its values in `site.toml`.

Source: https://www.sdi-12.org (specification v1.4) and the instrument's own manual.

    option           meaning
    values           one entry for each value of the measurement, in its order:
                     quantity (empty = dropped), unit, scale, offset, sentinels, minimum, maximum
    measurement      the command without address, `M` by default; MC, CC, RC forms have a checksum and are better
    identification   a text that the answer to `aI!` must contain, so that a swapped instrument is noticed
    adapter          habits of the box between port and bus (see devices.wires.sdi12_dialogue.Sdi12Adapter)

Without `values` nothing is asked: a number without a quantity is not a reading. The bare model stands for its
`example_options`, which no real instrument has.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from devices.model import DeviceSpec, Options, PermanentError
from devices.options import read_options
from devices.wires.mapping import Mapped
from devices.wires.sdi12 import Identification, command_of
from devices.wires.sdi12_dialogue import Sdi12Adapter
from devices.wires.sdi12_table import Sdi12Family, Sdi12Model, Tables, mapped_fields, spec_of

_MODEL = "sdi12"


class GenericOptions(BaseModel):
    """`[device.options]` of an SDI-12 instrument that has no file of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    values: tuple[Mapped, ...]
    measurement: str = "M"
    identification: Annotated[str, Field(max_length=13, pattern=r"^[\x21-\x7e]*$")] = ""
    adapter: Sdi12Adapter = Sdi12Adapter()


def configure(options: Options) -> DeviceSpec:
    """Return the spec that reads the listed values. Raises PermanentError naming what is wrong."""
    wanted = read_options(GenericOptions, options, of=_MODEL)
    return spec_of(_model(wanted, lacks=""), _FAMILY, wanted.adapter)


def _model(wanted: GenericOptions, *, lacks: str) -> Sdi12Model:
    fields = mapped_fields(wanted.values, of=_MODEL)
    try:
        command = command_of(wanted.measurement)
    except PermanentError as error:
        raise PermanentError(f"options of {_MODEL}: measurement: {error}") from error

    def tables_of(identification: Identification) -> Tables:
        said = f"{identification.vendor} {identification.model} {identification.version} {identification.free}"
        if wanted.identification not in said:
            raise PermanentError(f"address {identification.address} is {said!r}, not {wanted.identification!r}")
        return {command.table: fields}

    return Sdi12Model(
        name=_MODEL,
        tables_of=tables_of,
        identification=f"13GENERIC SDI12 001{wanted.identification}",
        command=wanted.measurement,
        lacks=lacks,
    )


_EXAMPLE: Options = {
    "measurement": "MC",
    "values": [
        {"quantity": "snow_depth", "unit": "cm", "sentinels": [-999]},
        {"quantity": "air_temperature", "unit": "Cel", "minimum": -60, "maximum": 60, "sentinels": [-999]},
    ],
}
_FAMILY = Sdi12Family(
    vendor="SDI-12", source_url="https://www.sdi-12.org", configure=configure, example_options=_EXAMPLE
)

DEVICE = spec_of(_model(GenericOptions.model_validate(_EXAMPLE), lacks="values"), _FAMILY)
