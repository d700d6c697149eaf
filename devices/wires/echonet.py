"""ECHONET Lite frames, and what a low-voltage smart meter (class 0x0288) says in them.

Source: https://echonet.jp/spec_g/ (ECHONET Lite specification 1.13 part 2; appendix, class 0x0288).

    byte     content
    0..1     0x10 0x81 header
    2..3     TID: the answer carries that of the request
    4..6     SEOJ, the speaker: 02 88 01 meter, 05 FF 01 controller
    7..9     DEOJ, the one spoken to
    10       ESV: 0x62 get, 0x72 answer, 0x52 answer without some or all properties, 0x73 notification
    11       OPC, number of properties
    then     for each: EPC, PDC (number of bytes, 0 = not available), EDT

    EPC      property of the meter
    D3       coefficient of the counters, u32 (1 when the meter has none)
    D7       number of digits of the counters, 1 to 8
    E0, E3   energy taken, energy given back: u32 × coefficient × unit
    E1       unit: 00-04 = 1 to 0.0001 kWh, 0A-0D = 10 to 10000 kWh
    E7       power now, s32 W; negative = given back
    E8       current now, two phases, s16 × 0.1 A; the second 0x7FFE in a house with one phase
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from devices.model import PermanentError

GET, ANSWER, PARTIAL_ANSWER = 0x62, 0x72, 0x52
METER, CONTROLLER = 0x028801, 0x05FF01
COEFFICIENT, DIGITS, ENERGY, ENERGY_UNIT, ENERGY_BACK, POWER, CURRENT = 0xD3, 0xD7, 0xE0, 0xE1, 0xE3, 0xE7, 0xE8
ASKED = (POWER, CURRENT, ENERGY, ENERGY_BACK, ENERGY_UNIT, COEFFICIENT, DIGITS)

_HEADER = b"\x10\x81"
_HEAD_BYTES = 12
_METER_CLASS = METER >> 8
_KWH_J = 3_600_000
_UNIT_TEN_THOUSANDTHS = {
    **{code: 10 ** (4 - code) for code in range(5)},
    **{code: 10 ** (code - 5) for code in range(0x0A, 0x0E)},
}
"""The unit in ten-thousandths of a kWh, by the code of property E1."""

_TEN_THOUSANDTH_J = _KWH_J // 10_000
_NO_U32 = frozenset({0xFFFFFFFE, 0xFFFFFFFF})
_NO_S32 = frozenset({0x7FFFFFFE, 0x7FFFFFFF, -0x80000000})
_NO_S16 = frozenset({0x7FFE, 0x7FFF, -0x8000})
_ABSENT_PHASE = 0x7FFE
_MAX_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Echonet:
    """One frame; `properties` are EDT by EPC, empty bytes for one that is not available."""

    tid: int
    speaker: int
    to: int
    service: int
    properties: Mapping[int, bytes]


def frame_bytes(frame: Echonet) -> bytes:
    """Return the bytes of `frame`."""
    head = _HEADER + struct.pack(">H", frame.tid) + frame.speaker.to_bytes(3, "big") + frame.to.to_bytes(3, "big")
    body = b"".join(bytes((epc, len(edt))) + edt for epc, edt in frame.properties.items())
    return head + bytes((frame.service, len(frame.properties))) + body


def get_request(tid: int, epcs: tuple[int, ...] = ASKED) -> bytes:
    """Return the frame that asks the meter for properties."""
    return frame_bytes(
        Echonet(tid=tid, speaker=CONTROLLER, to=METER, service=GET, properties=dict.fromkeys(epcs, b""))
    )  # fmt: skip


def read_frame(data: bytes) -> Echonet:
    """Return the frame in `data`. Raises PermanentError unless its lengths fit it exactly."""
    if len(data) < _HEAD_BYTES or data[:2] != _HEADER:
        raise PermanentError(f"{len(data)} bytes are no ECHONET Lite frame")
    properties: dict[int, bytes] = {}
    start = _HEAD_BYTES
    for _ in range(data[11]):
        if start + 2 > len(data) or start + 2 + data[start + 1] > len(data):
            raise PermanentError(f"ECHONET Lite frame of {len(data)} bytes ends within property {len(properties) + 1}")
        epc, end = data[start], start + 2 + data[start + 1]
        if epc in properties:
            raise PermanentError(f"ECHONET Lite property 0x{epc:02X} stands twice")
        properties[epc] = data[start + 2 : end]
        start = end
    if start != len(data):
        raise PermanentError(f"ECHONET Lite frame has {len(data) - start} bytes too many")
    return Echonet(
        tid=int.from_bytes(data[2:4], "big"),
        speaker=int.from_bytes(data[4:7], "big"),
        to=int.from_bytes(data[7:10], "big"),
        service=data[10],
        properties=properties,
    )


def meter_values(frame: Echonet) -> dict[str, float]:
    """Return what a meter's answer says: `power` (W), `current` and `current.2` (A), `energy` and `energy.2` (J).

    `energy.2` is what was given back. NaN = the meter has no data, or the value is beyond what it can say; a property
    that is not available is absent, and so is energy without its unit. Raises PermanentError for another speaker or
    service, a refusal of everything, a property of another length, an unknown unit, more digits than the counter has.
    """
    if frame.speaker >> 8 != _METER_CLASS or frame.service not in (ANSWER, PARTIAL_ANSWER):
        raise PermanentError(f"service 0x{frame.service:02X} of object 0x{frame.speaker:06X} is no answer of a meter")
    said = {epc: edt for epc, edt in frame.properties.items() if edt}
    values: dict[str, float] = {}
    if POWER in said:
        number = _number(said, POWER, ">i")
        values["power"] = math.nan if number in _NO_S32 else float(number)
    if CURRENT in said:
        values |= _currents(said[CURRENT])
    values |= _energies(said)
    if not values:
        raise PermanentError(f"the meter refused: service 0x{frame.service:02X} without power, current and energy")
    return values


def _number(said: Mapping[int, bytes], epc: int, layout: str) -> int:
    if len(said[epc]) != struct.calcsize(layout):
        raise PermanentError(f"property 0x{epc:02X} has {len(said[epc])} bytes, not {struct.calcsize(layout)}")
    number: int = struct.unpack(layout, said[epc])[0]
    return number


def _currents(edt: bytes) -> dict[str, float]:
    if len(edt) != 4:
        raise PermanentError(f"property 0x{CURRENT:02X} has {len(edt)} bytes, not 4")
    first, second = struct.unpack(">hh", edt)
    values = {"current": math.nan if first in _NO_S16 else first / 10}
    if second != _ABSENT_PHASE:
        values["current.2"] = math.nan if second in _NO_S16 else second / 10
    return values


def _energies(said: Mapping[int, bytes]) -> dict[str, float]:
    if ENERGY_UNIT not in said:
        return {}
    code = _number(said, ENERGY_UNIT, ">B")
    if code not in _UNIT_TEN_THOUSANDTHS:
        raise PermanentError(f"unit 0x{code:02X} of the energy counters is unknown")
    coefficient = _number(said, COEFFICIENT, ">I") if COEFFICIENT in said else 1
    digits = _number(said, DIGITS, ">B") if DIGITS in said else _MAX_DIGITS
    step_j = coefficient * _UNIT_TEN_THOUSANDTHS[code] * _TEN_THOUSANDTH_J
    keys = {"energy": ENERGY, "energy.2": ENERGY_BACK}
    return {key: _energy(said, epc, digits=digits, step_j=step_j) for key, epc in keys.items() if epc in said}


def _energy(said: Mapping[int, bytes], epc: int, *, digits: int, step_j: int) -> float:
    number = _number(said, epc, ">I")
    if number in _NO_U32:
        return math.nan
    if not 1 <= digits <= _MAX_DIGITS or number >= 10**digits:
        raise PermanentError(f"counter 0x{epc:02X} is {number}, it has {digits} digits")
    return float(number * step_j)


STAND_IN_STEP_J = _KWH_J // 10
"""A stand-in counts in tenths of a kWh, with six digits, as most meters do."""

STAND_IN_DIGITS = 6


def meter_properties(values: Mapping[str, float]) -> dict[int, bytes]:
    """Return the properties of a meter that measures `values`: the inverse of `meter_values`; absent ones are empty.

    Raises PermanentError for a value that has no room.
    """
    properties = dict.fromkeys(ASKED, b"")
    try:
        if "power" in values:
            properties[POWER] = struct.pack(">i", _rounded(values["power"], none=0x7FFFFFFE))
        if "current" in values or "current.2" in values:
            first = _rounded(values.get("current", math.nan) * 10, none=0x7FFE)
            second = _rounded(values["current.2"] * 10, none=0x7FFF) if "current.2" in values else _ABSENT_PHASE
            properties[CURRENT] = struct.pack(">hh", first, second)
    except struct.error as error:
        raise PermanentError("power or current has no room in its property") from error
    for key, epc in {"energy": ENERGY, "energy.2": ENERGY_BACK}.items():
        if key in values:
            properties |= {epc: _counter(values[key], key=key), ENERGY_UNIT: b"\x01", DIGITS: bytes((STAND_IN_DIGITS,))}
    return properties


def _rounded(value: float, *, none: int) -> int:
    return none if math.isnan(value) else round(value)


def _counter(value_j: float, *, key: str) -> bytes:
    if math.isnan(value_j):
        return struct.pack(">I", 0xFFFFFFFE)
    number = round(value_j / STAND_IN_STEP_J)
    if not 0 <= number < 10**STAND_IN_DIGITS:
        raise PermanentError(f"{key} {value_j} J has no room in {STAND_IN_DIGITS} digits of {STAND_IN_STEP_J} J")
    return struct.pack(">I", number)
