"""SDI-12 models as data: which value of which measurement is which quantity; decode, encode and dialogue from that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from devices.model import Decoded, DeviceSpec, Frame, Options, PermanentError, SerialLine
from devices.options import read_options
from devices.polling import Polling, Session
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

INCH_M = 0.0254
_MAX_DIGITS = 7
_PROBED = tuple(ADDRESSES[:10])


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of a measurement: `key` = value × `scale` + `offset`.

    `key` empty = read and dropped. `absent` are the values on the line that stand for "no reading"; the last one is
    what the stand-in sends for it. `needs` names a field of the same measurement that must not be 0 (the quality
    number of an echo), else there is no reading. `decimals` is the step on the line. `usual` is what the stand-in
    says when nobody tells it.
    """

    key: str
    scale: float = 1.0
    offset: float = 0.0
    absent: tuple[float, ...] = ()
    needs: str = ""
    decimals: int = 3
    usual: float = math.nan


Tables = Mapping[str, tuple[Field, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdi12Model:
    """What tells one SDI-12 model from another.

    `tables`: the fields of each measurement, by `Command.table`. `tables_of(identification)` chooses them where the
    instrument itself can be set to other units, and raises PermanentError when it is not this model at all.
    `identification` is the stand-in's, without address. `ready_s` is how long it measures.
    """

    name: str
    tables_of: Callable[[Identification], Tables]
    identification: str
    command: str
    ready_s: int
    interval_s: float


def decode_by(model: Sdi12Model) -> Callable[[Frame], Decoded]:
    """Return the `decode` of `model`: a transcript to quantities.

    NaN = the instrument has no reading, or promised no values at all. PermanentError for a wrong transcript, another
    instrument, a measurement that the tables do not know.
    """

    def decode(frame: Frame) -> Decoded:
        transcript = read_transcript(frame.payload)
        fields = fields_of(model.tables_of(transcript.identification), transcript.command, of=model.name)
        if not transcript.values:
            return Decoded(values={field.key: math.nan for field in fields if field.key})
        if len(transcript.values) != len(fields):
            got = len(transcript.values)
            raise PermanentError(f"{model.name}: {transcript.command.text} has {len(fields)} values, {got} came")
        return Decoded(values=_quantities(fields, transcript.values))

    return decode


def _quantities(fields: tuple[Field, ...], raw: tuple[float, ...]) -> dict[str, float]:
    on_the_line = {field.key: value for field, value in zip(fields, raw, strict=True)}
    values = {}
    for field, value in zip(fields, raw, strict=True):
        if not field.key:
            continue
        is_reading = value not in field.absent and on_the_line.get(field.needs, 1.0) != 0
        values[field.key] = value * field.scale + field.offset if is_reading else math.nan
    return values


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
        texts = value_texts(fields, decoded, of=model.name)
        exchanges = [("I", ident), *_exchanges(command, texts, address=address)]
        payload = transcript_bytes(address, exchanges)
        return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)

    return encode


def stand_in_fields(model: Sdi12Model, command: Command) -> tuple[Field, ...]:
    """Return the fields of `command` as the stand-in of `model`, by its own identification, has them."""
    return fields_of(model.tables_of(_own(model)), command, of=model.name)


def _own(model: Sdi12Model) -> Identification:
    return identification_of(ADDRESSES[0] + model.identification, address=ADDRESSES[0])


def value_texts(fields: tuple[Field, ...], decoded: Decoded, *, of: str) -> list[str]:
    """Return each field's value as on the line. Raises PermanentError when there is nothing to say or no room."""
    if not any(field.key in decoded.values for field in fields):
        wanted = ", ".join(field.key for field in fields if field.key)
        raise PermanentError(f"{of} measures {wanted}, and none of them is given")
    return [_text(field, decoded) for field in fields]


def _text(field: Field, decoded: Decoded) -> str:
    value = decoded.values.get(field.key, field.usual)
    raw = (value - field.offset) / field.scale
    if math.isnan(raw):
        if not field.absent:
            raise PermanentError(f"{field.key or 'a dropped field'} has no form for no reading on this line")
        raw = field.absent[-1]
    text = f"{raw:+.{field.decimals}f}"
    if sum(char.isdigit() for char in text) > _MAX_DIGITS:
        raise PermanentError(f"{field.key} {value} needs more than {_MAX_DIGITS} digits as {text}")
    return text


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
        return value_texts(stand_in_fields(model, command), says, of=model.name)

    what = Sdi12StandIn(
        identification=model.identification, measure=measure, ready_s=model.ready_s, faults=faults
    )  # fmt: skip
    return Sdi12Instrument(address or ADDRESSES[0], what)


class Sdi12Options(BaseModel):
    """Options of an SDI-12 model: which `measurement` is asked (`M3`, `CC1`, `R0` …), habits of the `adapter`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    measurement: str = ""
    adapter: Sdi12Adapter = Sdi12Adapter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdi12Family:
    """What the specs of the SDI-12 models share besides their tables."""

    vendor: str
    source_url: str
    distance_compensated: bool = True


def spec_of(model: Sdi12Model, family: Sdi12Family, adapter: Sdi12Adapter | None = None) -> DeviceSpec:
    """Return the catalogue's spec of `model`: its quantities are those of the measurement it is asked for."""
    fields = stand_in_fields(model, command_of(model.command))

    def configure(options: Options) -> DeviceSpec:
        return spec_of(*_configured(model, family, options))

    return DeviceSpec(
        model=model.name,
        vendor=family.vendor,
        source_url=family.source_url,
        quantities=tuple(field.key for field in fields if field.key),
        expected_interval_s=round(model.interval_s),
        transport="serial",
        decode=decode_by(model),
        encode=encode_by(model),
        serial=SerialLine(baud=9600, split=unsplit, max_frame_bytes=4096),
        distance_compensated=family.distance_compensated,
        polling=polling_by(model, adapter or Sdi12Adapter()),
        configure=configure,
    )


def _configured(
    model: Sdi12Model, family: Sdi12Family, options: Options
) -> tuple[Sdi12Model, Sdi12Family, Sdi12Adapter]:
    wanted = read_options(Sdi12Options, options, of=model.name)
    asked = replace(model, command=wanted.measurement or model.command)
    try:
        stand_in_fields(asked, command_of(asked.command))
    except PermanentError as error:
        raise PermanentError(f"options of {model.name}: measurement: {error}") from error
    return asked, family, wanted.adapter
