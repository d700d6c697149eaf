"""Instruments that speak by themselves on a serial line, EnOcean sticks, and the SR50A: every byte that may come in.

Beside "decoded or refused" each target checks what must hold for any bytes: a splitter loses none, a position is on
earth, a distance is within the sensor's reach, a dialogue ends.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from contextlib import suppress

from devices.catalog import ascii_line, campbell_sr50a_serial, maxbotix_mb7374, nmea_gnss
from devices.model import Decoded, DeviceSpec, Frame, PermanentError, TransientError, UplinkMessage
from devices.polling import run_offline
from devices.registry import load_catalog
from devices.uplinks.enocean_esp3 import UPLINK
from devices.wires import campbell, esp3, line_profile
from devices.wires.enocean_radio import Telegram, write_telegram

_SR50A = campbell_sr50a_serial.DEVICE
_WORKED = b"\x0233;1838;194;11011;2C\r\n\x03"
_SENTENCES = (
    b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n",
    b"$GPRMC,030719.000,A,3747.0873,S,17518.8938,E,0.69,181.39,311214,,,A*7D\r\n",
    b"$GPGLL,5547.82107,N,02334.14132,E,152504.50,A,A*67\r\n",
    b"$GNGNS,043539.00,4333.190206,N,00127.618380,E,AAAAN,14,1.3,250.8,50.0,,,V*62\r\n",
    b"$GPZDA,193913.00,07,09,2018,00,00*63\r\n",
)
_TELEGRAMS = tuple(
    bytes.fromhex(text)
    for text in (
        "55000a0701eba5000055080181b7440001ffffffff2d0075",
        "55000707017ad50901825dab0001ffffffff3600c7",
        "55000707017af650002989793001ffffffff37009d",
        "550007020a0a2104010203095d013ca1",
    )
)


def _frame(payload: bytes, spec: DeviceSpec) -> Frame:
    return Frame(gateway_id="g", transport=spec.transport, address="a", payload=payload, received_ns=0)


def _lossless(data: bytes, frames: list[bytes], rest: bytes, *, dropped: bytes) -> None:
    """Only bytes of `dropped` may be missing from what a splitter gives back."""
    kept = b"".join(frames) + rest
    if kept.translate(None, dropped) != data.translate(None, dropped):
        raise AssertionError("a splitter lost bytes")


def _line(data: bytes, spec: DeviceSpec, *, dropped: bytes = b"\r\n ") -> list[Decoded]:
    assert spec.serial is not None
    frames, rest = spec.serial.split(data)
    _lossless(data, frames, rest, dropped=dropped)
    said = []
    for piece in [*frames, rest]:
        with suppress(PermanentError):
            said.append(spec.decode(_frame(piece, spec)))
    if spec.gathering is not None and said:
        said.append(spec.gathering.combine(tuple(said)))
    return said


def _maxbotix(data: bytes) -> object:
    for spec in maxbotix_mb7374.DEVICES:
        for said in _line(data, spec):
            distance_m = said.values.get("distance", math.nan)
            if not math.isnan(distance_m) and not 0.15 < distance_m < 10:
                raise AssertionError(f"{spec.model}: {distance_m} m")
    return None


def _nmea(data: bytes) -> object:
    for said in _line(data, nmea_gnss.DEVICE):
        for key, most in (("latitude", 90), ("longitude", 180)):
            value = said.values.get(key, math.nan)
            if not math.isnan(value) and abs(value) > most:
                raise AssertionError(f"{key} {value}")
    return None


def _esp3(data: bytes) -> object:
    frames, rest = esp3.split(data)
    _lossless(data, frames, rest, dropped=b"")
    for piece in [*frames, rest]:
        with suppress(PermanentError):
            esp3.read_version(piece)
        with suppress(PermanentError):
            for envelope in UPLINK.unwrap(UplinkMessage(gateway_id="g", topic="", payload=piece, received_ns=0)):
                for model, spec in _eeps().items():
                    with suppress(PermanentError):
                        _within(model, spec.decode(envelope.frame))
    return None


@functools.cache
def _eeps() -> dict[str, DeviceSpec]:
    return {model: spec for model, spec in load_catalog().items() if spec.transport == "enocean"}


def _eep(data: bytes) -> object:
    for model, spec in _eeps().items():
        with suppress(PermanentError):
            _within(model, spec.decode(_frame(data, spec)))
    return None


def _within(model: str, said: Decoded) -> None:
    temperature = said.values.get("air_temperature", math.nan)
    if not math.isnan(temperature) and not -40 <= temperature <= 60:
        raise AssertionError(f"{model}: {temperature} degrees")


@functools.cache
def _sr50as() -> tuple[DeviceSpec, ...]:
    return tuple(campbell_sr50a_serial.configure({"unit": unit}) for unit in ("m", "cm", "mm", "ft", "in"))


def _campbell(data: bytes) -> object:
    frames, rest = campbell.split(data)
    _lossless(data, frames, rest, dropped=b"")
    for spec in _sr50as():
        for piece in [*frames, rest]:
            with suppress(PermanentError):
                spec.decode(_frame(piece, spec))
    return None


def _dialogue(spec: DeviceSpec, data: bytes) -> object:
    """Whatever an instrument answers, the dialogue ends, and what it hands over can be decoded."""
    assert spec.polling is not None
    with suppress(TransientError):
        for payload in run_offline(spec.polling.session(""), lambda _: data, measurements=1):
            return spec.decode(_frame(payload, spec))
    return None


def _sr50a_dialogue(data: bytes) -> object:
    return _dialogue(_SR50A, data)


@functools.cache
def _described() -> tuple[DeviceSpec, DeviceSpec]:
    block = ascii_line.configure(
        {
            "framing": "stx_etx",
            "pattern": r"\x02(?P<a>..);(?P<d>\d{4}|-999);(?P<q>\d{1,3});[01]{5};(?P<checksum>[0-9A-Fa-f]{2})\r\n\x03",
            "values": {
                "a": {"quantity": "count", "words": {"33": 33, "34": 34}},
                "d": {"quantity": "distance", "unit": "mm", "sentinels": ["-999"]},
                "q": {"quantity": "echo_quality"},
            },
            "checksum": {"kind": "neg_sum8", "range": "all_but"},
            "examples": [
                _WORKED.decode(), "\x0233;1839;194;11011;2B\r\n\x03", "\x0233;1840;194;11011;33\r\n\x03",
            ],
            "poll": "p33\r",
        }
    )  # fmt: skip
    return ascii_line.DEVICE, block


def _ascii(data: bytes) -> object:
    return [_line(data, spec) for spec in _described()]


def _ascii_dialogue(data: bytes) -> object:
    return _dialogue(_described()[1], data)


def _number(data: bytes) -> object:
    value = line_profile.Value.model_validate(
        {"quantity": "snow_depth", "unit": "cm", "scale": 0.1, "sentinels": [-9999]}
    )
    return value.value_of(data.decode("latin-1"))


def _repair_esp3(data: bytes) -> bytes:
    if len(data) < 8:
        return data
    header = (len(data) - 7 - data[3] % 8).to_bytes(2, "big", signed=True) + bytes([data[3] % 8, data[4]])
    body = data[6:-1]
    return b"\x55" + header + bytes([esp3.crc8(header)]) + body + bytes([esp3.crc8(body)])


def _repair_nmea(data: bytes) -> bytes:
    body = data.strip(b"\r\n").removeprefix(b"$").partition(b"*")[0]
    return b"$%b*%02X\r\n" % (body, functools.reduce(operator.xor, body, 0))


def _repair_campbell(data: bytes) -> bytes:
    head = b"\x02" + data.strip(b"\x02\x03").rpartition(b";")[0] + b";"
    return head + b"%02X" % campbell.checksum(head + b"\r\n\x03") + b"\r\n\x03"


TARGETS: dict[str, Callable[[bytes], object]] = {
    "serial_maxbotix": _maxbotix,
    "serial_nmea": _nmea,
    "serial_esp3": _esp3,
    "serial_enocean_profiles": _eep,
    "serial_campbell": _campbell,
    "serial_sr50a_dialogue": _sr50a_dialogue,
    "serial_ascii_line": _ascii,
    "serial_ascii_dialogue": _ascii_dialogue,
    "serial_ascii_number": _number,
}

SEEDS: dict[str, list[bytes]] = {
    "serial_maxbotix": [
        b"R1234\r", b"R0480 \r", b"R008 P1\r", b"R123\r", b"R5000\r", b"RoHS 1.8b090\r", b"PN:MB7386\r",
        b"HRXL-MaxSonar-WRL\rPN:MB7386\rCopyright 2011-2013 MaxBotix Inc.\rRoHS 1.8b090\r0713 TempI\rR1234\rR1235\r",
    ],
    "serial_nmea": [*_SENTENCES, b"".join(_SENTENCES)],
    "serial_esp3": [
        *_TELEGRAMS,
        b"".join(_TELEGRAMS),
        esp3.VERSION_REQUEST,
        esp3.write_packet(esp3.Packet(kind=esp3.RESPONSE, data=bytes(17) + b"GATEWAYCTRL".ljust(16, b"\0"))),
        esp3.write_packet(write_telegram(Telegram(rorg=0xD2, data=bytes(9), sender="000004140069"))),
    ],
    "serial_enocean_profiles": [
        bytes.fromhex(text)
        for text in ["d50800", "a58400780900", "f65030", "f68400", "f61000", "d29165c02963e4f5d80080", "a500009c1b00"]
    ],
    "serial_campbell": [_WORKED, _WORKED * 2, b"\x0233;1.838;194;-10.25;11011;00\r\n\x03"],
    "serial_sr50a_dialogue": [_WORKED, b"p33\r" + _WORKED, _WORKED[:9] + _WORKED],
    "serial_ascii_line": [b"SD+1234 T-05.2 F2\r\n", _WORKED, _WORKED * 2],
    "serial_ascii_dialogue": [_WORKED, b"p33\r" + _WORKED],
    "serial_ascii_number": [b"123", b" -12.5", b"+ 5", b"-9999"],
}  # fmt: skip

REPAIR: dict[str, Callable[[bytes], bytes]] = {
    "serial_nmea": _repair_nmea,
    "serial_esp3": _repair_esp3,
    "serial_campbell": _repair_campbell,
    "serial_sr50a_dialogue": _repair_campbell,
    "serial_ascii_dialogue": _repair_campbell,
}
