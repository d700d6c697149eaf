"""SDI-12 models as data: which value of which measurement is which quantity; decode, encode and dialogue from that."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from pydantic import BaseModel, ConfigDict

from devices.model import Decoded, DeviceSpec, Frame, Options, PermanentError, SerialLine
from devices.options import read_options
from devices.polling import Polling, Session
from devices.quantities import base_key
from devices.wires.mapping import Mapped, number_of, value_of
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour
from devices.wires.sdi12 import (
    ADDRESSES,
    Command,
    Identification,
    command_of,
    identification_of,
    read_transcript,
    transcript_bytes,
)
from devices.wires.sdi12_dialogue import Sdi12Adapter, measuring, probing, talk_with
from devices.wires.sdi12_instrument import Sdi12Instrument, Sdi12StandIn, data_lines
from devices.wires.unsplit import unsplit

INCH_M = Fraction(254, 10_000)
_MAX_DIGITS = 7
_DECIMALS = 4
_PROBED = tuple(ADDRESSES[:10])


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of a measurement: `key` = value × `scale`, or as the site's `mapped` says.

    `key` empty = read and dropped. `absent` are the values on the line that stand for "no reading"; the last one is
    what the stand-in sends for it. `needs` names a field of the same measurement that must not be 0 (the quality
    number of an echo), else there is no reading. `decimals` is the step on the line. `usual` is what the stand-in
    says when nobody tells it.
    """

    key: str
    scale: Fraction = Fraction(1)
    mapped: Mapped | None = None
    absent: tuple[float, ...] = ()
    needs: str = ""
    decimals: int = 3
    usual: float = math.nan


Tables = Mapping[str, tuple[Field, ...]]
Values = dict[str, float]


def _unchanged(values: Values) -> Values:
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdi12Model:
    """What tells one SDI-12 model from another.

    `tables_of(identification)` gives the fields of each measurement, by `Command.table`, and raises PermanentError
    when it is not this model at all. `identification` is the stand-in's, without address. `command` is what is asked,
    `ready_s` how long it measures. `after` turns what was read into what is reported, `before` is its inverse.
    `lacks` names the options without which a real instrument must not be asked (empty = none): the tables are an
    example then, for the stand-in.
    """

    name: str
    tables_of: Callable[[Identification], Tables]
    identification: str
    command: str
    ready_s: int = 1
    interval_s: float = 600.0
    after: Callable[[Values], Values] = _unchanged
    before: Callable[[Values], Values] = _unchanged
    lacks: str = ""


def decode_by(model: Sdi12Model) -> Callable[[Frame], Decoded]:
    """Return the `decode` of `model`: a transcript to quantities.

    NaN = the instrument has no reading, or promised no values at all. PermanentError for a wrong transcript, another
    instrument, and another measurement than the one that is asked (its M, MC, C and CC forms are one).
    """

    asked = command_of(model.command)

    def decode(frame: Frame) -> Decoded:
        transcript = read_transcript(frame.payload)
        if transcript.command.table != asked.table:
            raise PermanentError(f"{model.name} is asked by {asked.text}, this is {transcript.command.text}")
        fields = fields_of(model.tables_of(transcript.identification), transcript.command, of=model.name)
        if not transcript.values:
            return Decoded(values={field.key: math.nan for field in fields if field.key})
        if len(transcript.values) != len(fields):
            got = len(transcript.values)
            raise PermanentError(f"{model.name}: {transcript.command.text} has {len(fields)} values, {got} came")
        return Decoded(values=model.after(_quantities(fields, transcript.values)))

    return decode


def _quantities(fields: tuple[Field, ...], raw: tuple[float, ...]) -> Values:
    on_the_line = {field.key: value for field, value in zip(fields, raw, strict=True)}
    values = {}
    for field, value in zip(fields, raw, strict=True):
        has_echo = not field.needs or on_the_line.get(field.needs, 1.0) != 0
        is_reading = value not in field.absent and has_echo
        if field.key:
            values[field.key] = _value(field, value) if is_reading else math.nan
    return values


def _value(field: Field, raw: float) -> float:
    return value_of(field.mapped, raw) if field.mapped else float(Fraction(repr(raw)) * field.scale)


def fields_of(tables: Tables, command: Command, *, of: str) -> tuple[Field, ...]:
    """Return the fields that `command` measures. Raises PermanentError naming what there is instead."""
    if command.table not in tables:
        names = ", ".join(key if key.startswith("R") else f"M{key}" for key in tables)
        raise PermanentError(f"{of} has no table of {command.text}; it has {names} (C and CRC forms alike)")
    return tables[command.table]


def encode_by(model: Sdi12Model) -> Callable[[Decoded], Frame]:
    """Return the `encode` of `model`: quantities to the transcript of one measurement by the model's command.

    PermanentError when none of the quantities is measured, or a value has no room in seven digits.
    """
    command = command_of(model.command)
    address = ADDRESSES[0]

    def encode(decoded: Decoded) -> Frame:
        ident = address + model.identification
        fields = stand_in_fields(model, command)
        texts = value_texts(fields, model.before(dict(decoded.values)), of=model.name)
        exchanges = [("I", ident), *_exchanges(command, texts, address=address)]
        payload = transcript_bytes(address, exchanges)
        return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)

    return encode


def stand_in_fields(model: Sdi12Model, command: Command) -> tuple[Field, ...]:
    """Return the fields of `command` as the stand-in of `model`, by its own identification, has them."""
    return fields_of(model.tables_of(_own(model)), command, of=model.name)


def _own(model: Sdi12Model) -> Identification:
    return identification_of(ADDRESSES[0] + model.identification, address=ADDRESSES[0])


def value_texts(fields: tuple[Field, ...], values: Values, *, of: str) -> list[str]:
    """Return each field's value as on the line. Raises PermanentError when there is nothing to say or no room."""
    if not any(field.key in values for field in fields):
        wanted = ", ".join(field.key for field in fields if field.key)
        raise PermanentError(f"{of} measures {wanted}, and none of them is given")
    return [_text(field, values) for field in fields]


def _text(field: Field, values: Values) -> str:
    value = values.get(field.key, field.usual)
    raw = _number(field, value) if field.key else 0.0
    decimals = field.decimals
    if field.mapped:  # a site's list does not say how many decimals there are: as many as fit
        decimals = min(decimals, max(0, _MAX_DIGITS - len(str(int(abs(raw))))))
    text = f"{raw:+.{decimals}f}"
    if sum(char.isdigit() for char in text) > _MAX_DIGITS:
        raise PermanentError(f"{field.key} {value} needs more than {_MAX_DIGITS} digits as {text}")
    return text


def _number(field: Field, value: float) -> float:
    if not math.isnan(value):
        return number_of(field.mapped, value) if field.mapped else float(Fraction(repr(value)) / field.scale)
    if not field.absent:
        raise PermanentError(f"{field.key} has no form for no reading on this line")
    return field.absent[-1]


def _exchanges(command: Command, texts: list[str], *, address: str) -> list[tuple[str, str]]:
    lines = data_lines(command, texts, address=address)
    if command.kind == "R":
        return [(command.text, lines[0])]
    promise = f"{address}000{len(texts):0{2 if command.kind == 'C' else 1}}"
    return [(command.text, promise), *((f"D{index}", line) for index, line in enumerate(lines))]


def polling_by(model: Sdi12Model, adapter: Sdi12Adapter) -> Polling:
    """Return how `model` is asked through `adapter`, with its stand-in."""

    def fits(identification: Identification) -> None:
        fields_of(model.tables_of(identification), command_of(model.command), of=model.name)

    def session(address: str) -> Session:
        if model.lacks:
            raise PermanentError(f"options of {model.name}: {model.lacks} is needed")
        return measuring(talk_with(address, adapter), command_of(model.command), fits)

    def probe(address: str) -> Session:
        return probing(talk_with(address, adapter), fits)

    return Polling(
        interval_s=model.interval_s,
        session=session,
        instrument=lambda address: stand_in(model, address),
        probe=probe,
        addresses=_PROBED,
    )


def stand_in(model: Sdi12Model, address: str, faults: Misbehaviour = WELL_BEHAVED) -> Sdi12Instrument:
    """Return a stand-in of `model` at `address`; it has all measurements of the model, whichever the site uses."""

    def measure(command: Command, says: Decoded) -> list[str]:
        return value_texts(stand_in_fields(model, command), model.before(dict(says.values)), of=model.name)

    what = Sdi12StandIn(
        identification=model.identification, measure=measure, ready_s=model.ready_s, faults=faults
    )  # fmt: skip
    return Sdi12Instrument(address or ADDRESSES[0], what)


class Sdi12Options(BaseModel):
    """Options of an SDI-12 model: which `measurement` is asked, habits of the `adapter`.

    The measurement is a command without its address, such as `M3` or `CC1`; empty = the model's usual one, which has
    a checksum.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    measurement: str = ""
    adapter: Sdi12Adapter = Sdi12Adapter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdi12Family:
    """What the specs of the SDI-12 models share besides their tables."""

    vendor: str
    source_url: str
    distance_compensated: bool = True
    resolutions: Mapping[str, float] = dataclasses.field(default_factory=dict)
    configure: Callable[[Options], DeviceSpec] | None = None
    example_options: Options = dataclasses.field(default_factory=dict)


def spec_of(model: Sdi12Model, family: Sdi12Family, adapter: Sdi12Adapter | None = None) -> DeviceSpec:
    """Return the catalogue's spec of `model`: its quantities are those of the measurement it is asked for."""
    fields = stand_in_fields(model, command_of(model.command))

    def configure(options: Options) -> DeviceSpec:
        return _configured(model, family, options)

    return DeviceSpec(
        model=model.name,
        vendor=family.vendor,
        source_url=family.source_url,
        quantities=tuple(dict.fromkeys(base_key(field.key) for field in fields if field.key)),
        expected_interval_s=round(model.interval_s),
        transport="serial",
        decode=decode_by(model),
        encode=encode_by(model),
        serial=SerialLine(baud=9600, split=unsplit, max_frame_bytes=4096),
        distance_compensated=family.distance_compensated,
        resolutions=family.resolutions,
        polling=polling_by(model, adapter or Sdi12Adapter()),
        configure=family.configure or configure,
        example_options=family.example_options,
    )


def _configured(model: Sdi12Model, family: Sdi12Family, options: Options) -> DeviceSpec:
    wanted = read_options(Sdi12Options, options, of=model.name)
    return spec_of(with_command(model, wanted.measurement or model.command), family, wanted.adapter)


def with_command(model: Sdi12Model, command: str) -> Sdi12Model:
    """Return `model` asked by `command`. Raises PermanentError naming the option when it has no such measurement."""
    asked = replace(model, command=command)
    try:
        stand_in_fields(asked, command_of(command))
    except PermanentError as error:
        raise PermanentError(f"options of {model.name}: measurement: {error}") from error
    return asked


def mapped_fields(values: tuple[Mapped, ...], *, of: str) -> tuple[Field, ...]:
    """Return the fields of a measurement that the site lists itself.

    Raises PermanentError for an empty list and for a quantity that stands twice (the second sensor is `.2`).
    """
    keys = [value.quantity for value in values if value.quantity]
    if not keys:
        raise PermanentError(f"options of {of}: values is needed, at least one with a quantity")
    if len(set(keys)) != len(keys):
        raise PermanentError(f"options of {of}: values has a quantity twice; call the second one {keys[0]}.2")
    return tuple(
        Field(key=value.quantity, mapped=value, absent=value.sentinels, decimals=_DECIMALS) for value in values
    )
