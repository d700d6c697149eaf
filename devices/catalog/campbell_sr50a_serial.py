"""Campbell SR50A and SR50AT by RS-232 or RS-485: ultrasonic distance to the snow, polled or sending by itself.

Source: https://s.campbellsci.com/documents/us/manuals/sr50a.pdf (SR50A and SR50AT). 9600 8N1; `pAA CR` asks for one
packet, AA being the address (factory: 33); several sensors share an RS-485 line by it.

    packet        STX aa;distance[;quality][;temperature][;diagnostics];CC CR LF ETX
    distance      by the unit that is set: m D.DDD (DD.DDD from 10 m), cm DDD.DD, mm DDDD, ft DD.DDD, in DDD.DD
    no reading    0 in every unit, -999 in mm, quality 0
    quality       0 no reading, 152-210 good, 210-300 weak, 300-600 uncertain; passed on as it is
    temperature   TT.TT degrees Celsius, -999.00 = none
    diagnostics   five digits: first 1 = ROM right, second 1 = no watchdog; the others say nothing

Options: `unit` (needed: nothing in a packet tells m from ft, cm from in); `fields`, the optional ones that are set, in
order (without it they are told apart by their shape, which is not ambiguous); `output` = "polled" or "auto"; `address`
= the one that is accepted of a sensor sending by itself. `device_fault` is 0, 1 (ROM), 2 (watchdog) or 3 (both).

The distance is measured with the speed of sound at 0 degrees Celsius, so the air temperature must still correct it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.model import Decoded, DeviceSpec, Frame, Options, PermanentError, SerialLine, TransientError
from devices.options import read_options
from devices.polling import Ask, Got, Polling, Rest, Session
from devices.wires.campbell import (
    MOST_BYTES,
    Packet,
    checked_address,
    last_packet,
    packet_end,
    read_packet,
    split,
    write_packet,
)
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour, on_the_line

Unit = Literal["m", "cm", "mm", "ft", "in"]
Extra = Literal["quality", "temperature", "diagnostics"]

_SOURCE = "https://s.campbellsci.com/documents/us/manuals/sr50a.pdf"
_ADDRESS = "33"
_TRIES = 3
_WAIT_S = 3.0
_NO_MM = "-999"
_NO_TEMPERATURE = "-999.00"
_POLL = re.compile(rb"p([\x21-\x3a\x3c-\x7e]{2})\r")
_SHAPES: Mapping[Extra, re.Pattern[str]] = {
    "quality": re.compile(r"\d{1,3}"),
    "temperature": re.compile(r"[+-]?\d{1,3}\.\d\d"),
    "diagnostics": re.compile(r"[01]{5}"),
}
_KEYS: Mapping[Extra, str] = {
    "quality": "echo_quality",
    "temperature": "air_temperature",
    "diagnostics": "device_fault",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _UnitForm:
    """How a distance is written: `step_m` is the last of `decimals`, before the point at least `digits`."""

    pattern: re.Pattern[str]
    step_m: Fraction
    decimals: int
    digits: int


_INCH_M = Fraction(254, 10_000)
_UNITS: Mapping[str, _UnitForm] = {
    "m": _UnitForm(pattern=re.compile(r"\d{1,2}\.\d{3}"), step_m=Fraction(1, 1000), decimals=3, digits=1),
    "cm": _UnitForm(pattern=re.compile(r"\d{3,4}\.\d\d"), step_m=Fraction(1, 10_000), decimals=2, digits=3),
    "mm": _UnitForm(pattern=re.compile(r"\d{4}|-999"), step_m=Fraction(1, 1000), decimals=0, digits=4),
    "ft": _UnitForm(pattern=re.compile(r"\d\d\.\d{3}"), step_m=_INCH_M * 12 / 1000, decimals=3, digits=2),
    "in": _UnitForm(pattern=re.compile(r"\d{3}\.\d\d"), step_m=_INCH_M / 100, decimals=2, digits=3),
}


class _SensorOptions(BaseModel):
    """センサー側の設定に合わせる。unit（単位）は必ず書く: 電文からは分からない。output = "auto" は自動送信。
    What is set in the sensor. `unit` must be given: a packet does not tell it. output = "auto": it sends by itself.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Unit
    fields_: Annotated[tuple[Extra, ...] | None, Field(alias="fields")] = None
    output: Literal["polled", "auto"] = "polled"
    address: Annotated[str, Field(pattern=r"^[\x21-\x3a\x3c-\x7e]{2}$")] | None = None


def _decode(frame: Frame, options: _SensorOptions) -> Decoded:
    """Return `distance` in m and what else the packet has; NaN for no reading.

    Raises PermanentError for a wrong checksum, another address, fields that are missing or not in the unit that is set.
    """
    packet = read_packet(frame.payload)
    if options.address is not None and packet.address != options.address:
        raise PermanentError(f"packet is of address {packet.address!r}, not {options.address!r}")
    said = _optional(packet.fields[1:], options)
    distance_m = _distance_m(packet.fields[0], options.unit)
    values: dict[str, float] = {"distance": distance_m}
    if "quality" in said:
        values["echo_quality"] = float(said["quality"])
        values["distance"] = distance_m if values["echo_quality"] else math.nan
    if "temperature" in said:
        is_said = said["temperature"] != _NO_TEMPERATURE
        values["air_temperature"] = float(said["temperature"]) if is_said else math.nan
    if "diagnostics" in said:
        digits = said["diagnostics"]
        values["device_fault"] = float((digits[0] != "1") + 2 * (digits[1] != "1"))
    return Decoded(values=values)


def _optional(texts: tuple[str, ...], options: _SensorOptions) -> Mapping[Extra, str]:
    """Return the optional fields by name: those that are set, else those that the shapes allow in their order."""
    if options.fields_ is not None:
        names = options.fields_
    else:
        names = tuple(name for text in texts for name, shape in _SHAPES.items() if shape.fullmatch(text))
    in_order = [name for name in _SHAPES if name in names]
    fits = len(names) == len(texts) and list(names) == in_order
    if not fits or not all(_SHAPES[name].fullmatch(text) for name, text in zip(names, texts, strict=True)):
        wanted = "some of quality, temperature, diagnostics" if options.fields_ is None else ", ".join(names) or "none"
        raise PermanentError(f"optional fields {';'.join(texts)[:40]!r} are not {wanted}")
    return dict(zip(names, texts, strict=True))


def _distance_m(text: str, unit: Unit) -> float:
    form = _UNITS[unit]
    if form.pattern.fullmatch(text) is None:
        raise PermanentError(f"distance {text[:20]!r} is not written as one in {unit}")
    steps = int(text.replace(".", ""))
    return float(steps * form.step_m) if steps > 0 else math.nan


def _encode(decoded: Decoded, options: _SensorOptions) -> Frame:
    """Return the packet that says `decoded`. Raises PermanentError without a distance, and for what has no room."""
    values = decoded.values
    if "distance" not in values or set(values) - {"distance", *_KEYS.values()}:
        raise PermanentError(f"an SR50A says a distance and what belongs to it, not {', '.join(sorted(values))}")
    texts = [_distance_text(values["distance"], options.unit)]
    for name, key in _KEYS.items():
        is_set = name in options.fields_ if options.fields_ is not None else key in values
        if key in values and not is_set:
            raise PermanentError(f"{name} is not among the fields that are set")
        if is_set:
            texts.append(_optional_text(name, values.get(key, math.nan)))
    packet = Packet(address=options.address or _ADDRESS, fields=tuple(texts))
    return Frame(gateway_id="", transport="serial", address="", payload=write_packet(packet), received_ns=0)


def _distance_text(distance_m: float, unit: Unit) -> str:
    form = _UNITS[unit]
    if math.isnan(distance_m) and unit == "mm":
        return _NO_MM
    steps = 0 if math.isnan(distance_m) else round(min(distance_m, 1e6) / float(form.step_m))
    digits = f"{max(steps, 0):0{form.digits + form.decimals}d}"
    text = f"{digits[: -form.decimals]}.{digits[-form.decimals :]}" if form.decimals else digits
    if steps < 0 or form.pattern.fullmatch(text) is None:
        raise PermanentError(f"distance {distance_m} m has no room in {unit}")
    return text


def _optional_text(name: Extra, value: float) -> str:
    """Return a field; NaN is the sensor's own "none", or what it says when all is well."""
    is_said = not math.isnan(value)
    if name == "temperature":
        text = f"{value:.2f}" if is_said else _NO_TEMPERATURE
    elif name == "quality":
        text = f"{round(value):03d}" if is_said and value >= 0 else "000" if not is_said else ""
    else:
        fault = round(value) if is_said else 0
        text = f"{int(not fault & 1)}{int(not fault & 2)}011" if 0 <= fault <= 3 else ""
    if _SHAPES[name].fullmatch(text) is None:
        raise PermanentError(f"{name} {value} has no room in a packet")
    return text


def session(address: str) -> Session:
    """Ask the sensor at `address` again and again. Raises TransientError unanswered, PermanentError for another."""
    own = checked_address(address, default=_ADDRESS)
    while True:
        yield Got(payload=(yield from _asked(own, tries=_TRIES)))
        yield Rest()


def probe(address: str) -> Session:
    """Ask once for a packet, which changes nothing; `Got` holds it."""
    own = checked_address(address, default=_ADDRESS)
    yield Got(payload=(yield from _asked(own, tries=1)))


def _asked(address: str, *, tries: int) -> Generator[Ask, bytes, bytes]:
    """Return the packet of one measurement; a damaged one is asked for again."""
    error: Exception = TransientError(f"SR50A {address} does not answer")
    for _ in range(tries):
        request = f"p{address}\r".encode("ascii")
        heard = yield Ask(request=request, wait_s=_WAIT_S, length=packet_end, quiet_s=0.05)
        if not heard:
            continue
        raw = last_packet(heard)
        try:
            packet = read_packet(raw)
        except PermanentError as damage:
            error = TransientError(f"SR50A {address}: {damage}")
            continue
        if packet.address == address:
            return raw
        error = PermanentError(f"SR50A {address}: {packet.address!r} answers instead")
    raise error


class StandIn:
    """An SR50A on a simulated line. `faults`: how it misbehaves."""

    def __init__(self, address: str, options: _SensorOptions, faults: Misbehaviour = WELL_BEHAVED) -> None:
        self._address = checked_address(address, default=_ADDRESS)
        self._options = options
        self._faults = faults
        self._unread = b""

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        """Answer `pAA CR` of its own address after a second; keep what is not a whole request."""
        *requests, self._unread = (self._unread + data).split(b"\r")
        answers: list[tuple[float, bytes]] = []
        for request in requests:
            asked = _POLL.search(request + b"\r")
            if asked is None or asked[1].decode("ascii") != self._address:
                continue
            own = self._options.model_copy(update={"address": self._faults.answers_as or self._address})
            packet = _encode(says, own).payload
            if self._faults.has_wrong_checksum:
                packet = packet[:-4] + bytes([packet[-4] ^ 0x01]) + packet[-3:]
            answers.append((1.0, on_the_line(packet, request=request + b"\r", faults=self._faults)))
        return answers


def configure(options: Options) -> DeviceSpec:
    """Return the model as it is set. Raises PermanentError naming every wrong option; `unit` is needed."""
    return _spec(read_options(_SensorOptions, options, of="campbell_sr50a_serial"))


def _spec(options: _SensorOptions) -> DeviceSpec:
    polling = Polling(
        interval_s=600.0,
        session=session,
        instrument=partial(StandIn, options=options),
        probe=probe,
        addresses=(_ADDRESS,),
    )
    return DeviceSpec(
        model="campbell_sr50a_serial",
        vendor="Campbell Scientific",
        source_url=_SOURCE,
        quantities=("distance", "echo_quality", "air_temperature", "device_fault"),
        expected_interval_s=1200,
        transport="serial",
        decode=partial(_decode, options=options),
        encode=partial(_encode, options=options),
        serial=SerialLine(baud=9600, split=split, max_frame_bytes=MOST_BYTES),
        distance_compensated=False,
        polling=polling if options.output == "polled" else None,
        configure=configure,
        example_options=_EXAMPLE,
    )


_EXAMPLE: Options = {"unit": "m"}
DEVICE = configure(_EXAMPLE)
