"""Instruments that are asked: any answers into each dialogue and decoder, also with checksums made right."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

from devices.catalog.lufft_shm31_umb import DEVICE as SHM31
from devices.catalog.lufft_shm31_umb import session as shm31_session
from devices.catalog.modbus_rtu import DEVICE as MODBUS
from devices.catalog.modbus_rtu import ModbusDevice
from devices.model import Decoded, PermanentError, TransientError
from devices.polling import Ask, Got, Rest, Session
from devices.wires.b_route import Credentials, metering
from devices.wires.b_route_stick import meter_answer
from devices.wires.echonet import meter_values, read_frame
from devices.wires.modbus import Read, answer_in, crc_bytes, registers_answer, registers_of
from devices.wires.modbus_map import Register, RegisterMap
from devices.wires.sdi12 import command_of, crc_text, identification_of, read_transcript, transcript_bytes, values_of
from devices.wires.sdi12_dialogue import Sdi12Adapter, answer_line, measuring, talk_with
from devices.wires.skstack import heard_in, network_of
from devices.wires.umb import TYPE_FLOAT, channel_answer, crc_of, frames_in

_IDENT = "013CAMPBELLSR50A 2.0SN12345"
_SAYS = Decoded(values={"snow_depth": 1.2, "device_fault": 0.0, "device_temperature": -5.0})
_METER = Decoded(values={"power": 928.0, "current": 5.2, "current.2": 4.1, "energy": 3.6e9, "energy.2": 0.0})
_READ = Read(unit=1, function=4, address=0, count=2)
_MAP = RegisterMap(registers=(Register(address=0, quantity="snow_depth", type="f32"),))
_MOST_ASKS = 200


def _pieces(payload: bytes) -> Iterator[bytes]:
    """Cut the payload into answers: a byte says how long each is; silence follows."""
    start = 0
    while start < len(payload):
        size = payload[start]
        yield payload[start + 1 : start + 1 + size]
        start += 1 + size
    while True:
        yield b""


def _talk(session: Session, answers: Iterator[bytes]) -> None:
    """Run a dialogue against answers until it has measured twice or gives up."""
    got = asks = 0
    step = next(session)
    while got < 2 and asks < _MOST_ASKS:
        reply = b""
        if isinstance(step, Ask):
            asks += 1
            heard = next(answers)
            reply = heard[: step.length(heard)] or heard
        elif isinstance(step, Got):
            got += 1
        else:
            assert isinstance(step, Rest)
        step = session.send(reply)
    assert asks < _MOST_ASKS, "a dialogue without end"


def _dialogue(begin: Callable[[], Session]) -> Callable[[bytes], object]:
    def run(payload: bytes) -> object:
        try:
            _talk(begin(), _pieces(payload))
        except TransientError as error:
            raise PermanentError(str(error)) from error
        return None

    return run


def _sdi12(command: str, adapter: Sdi12Adapter) -> Callable[[], Session]:
    return lambda: measuring(talk_with("0", adapter), command_of(command), lambda identification: None)


def _script(*answers: bytes) -> bytes:
    return b"".join(bytes((len(answer),)) + answer for answer in answers)


def _sdi12_values(payload: bytes) -> object:
    return values_of(payload.decode("latin-1"), address="0", has_crc=bool(len(payload) % 2))


def _sdi12_line(payload: bytes) -> object:
    adapter = Sdi12Adapter(prompt="> ", eighth_bit=("none", "parity", "ignore")[len(payload) % 3])
    line = answer_line(adapter, payload, sent="0D0!")
    return identification_of(line, address="0")


def _umb(payload: bytes) -> object:
    return [channel_answer(f, address=0xB001, channel=604, value_type=TYPE_FLOAT) for f, _ in frames_in(payload)]


def _modbus(payload: bytes) -> object:
    return registers_of(_READ, answer_in(_READ, payload)[0])


def _echonet(payload: bytes) -> object:
    return meter_values(read_frame(payload))


def _skstack(payload: bytes) -> object:
    return network_of(heard_in(payload))


def _good_umb(payload: bytes) -> bytes:
    """Make a frame of the bytes: header, length, ETX, CRC and EOT put right."""
    body = payload[8:-4][:200]
    if len(body) < 2:
        return payload
    head = b"\x01\x10\x01\xf0\x01\xb0" + bytes((len(body), 2))
    frame = head + body + b"\x03"
    return frame + struct.pack("<HB", crc_of(frame), 4)


def _good_modbus(payload: bytes) -> bytes:
    return payload[:-2] + crc_bytes(payload[:-2])


def _good_sdi12(payload: bytes) -> bytes:
    text = "".join(chr(byte & 0x7F) for byte in payload[:-3])
    return (text + crc_text(text)).encode("ascii")


def _good_transcript(payload: bytes) -> bytes:
    """Put the CRC of every data line right."""
    lines = []
    for line in payload.split(b"\r\n"):
        head, mark, text = line.partition(b"!")
        is_data = mark and head[1:2] == b"D" and len(text) > 3 and text.isascii()
        lines.append(head + mark + _good_sdi12(text) if is_data else line)
    return b"\r\n".join(lines)


_TRANSCRIPT = transcript_bytes(
    "0", [("I", _IDENT), ("MC3", "00013"), ("D0", "0+1.838+194" + crc_text("0+1.838+194")), ("D1", "0-10.25D^f")]
)
_UMB_SEED = SHM31.encode(_SAYS).payload
_UDP = b"ERXUDP FE80:0000:0000:0000:9876:5432:9876:5432 FE80:0000:0000:0000:1234:5678:1234:5678 0E1A 0E1A "
_DATAGRAM = _UDP + b"1234567812345678 1 0012 1081000102880105FF017201E704000003A0\r\n"
_JOINING = _script(
    b"EVER 1.2.10\r\nOK\r\n", b"OK\r\n", b"OK\r\n", b"OK\r\n",
    b"EVENT 20 x\r\nEPANDESC\r\n  Channel:39\r\n  Pan ID:9876\r\n  Addr:1234567812345678\r\nEVENT 22 x\r\n",
    b"OK\r\n", b"OK\r\n", b"FE80:0000:0000:0000:9876:5432:9876:5432\r\n", b"EVENT 25 x\r\n", _DATAGRAM,
)  # fmt: skip
_SDI12_TALK = _script(
    _IDENT.encode() + b"\r\n", b"00013\r\n", b"0\r\n", b"0+1.838+194\r\n", b"0-10.25\r\n", b"00001\r\n", b"0+1.5\r\n"
)

TARGETS: dict[str, Callable[[bytes], object]] = {
    "sdi12_values": _sdi12_values,
    "sdi12_line": _sdi12_line,
    "sdi12_transcript": read_transcript,
    "sdi12_talk_m": _dialogue(_sdi12("M3", Sdi12Adapter())),
    "sdi12_talk_cc": _dialogue(_sdi12("CC3", Sdi12Adapter(eighth_bit="ignore", answer_ending="cr"))),
    "umb_frames": _umb,
    "umb_talk": _dialogue(lambda: shm31_session("")),
    "modbus_answer": _modbus,
    "modbus_talk": _dialogue(lambda: ModbusDevice(register_map=_MAP).session("")),
    "echonet_meter": _echonet,
    "skstack_heard": _skstack,
    "b_route_talk": _dialogue(lambda: metering(Credentials(rbid="0" * 32, password="0" * 12))),
}

SEEDS: dict[str, tuple[bytes, ...]] = {
    "sdi12_values": (b"0+3.14OqZ", b"0+1.838+194-10.25"),
    "sdi12_line": (b"0D0!\r\n> " + _IDENT.encode() + b"\r\n", _IDENT.encode() + b"\n"),
    "sdi12_transcript": (_TRANSCRIPT,),
    "sdi12_talk_m": (_SDI12_TALK,),
    "sdi12_talk_cc": (_SDI12_TALK,),
    "umb_frames": (_UMB_SEED,),
    "umb_talk": (_script(*[_UMB_SEED[16:38]] * 2),),
    "modbus_answer": (registers_answer(_READ, [0x3F9D, 0xF3B6]),),
    "modbus_talk": (_script(registers_answer(_READ, [0x3F9D, 0xF3B6])), MODBUS.encode(_SAYS).payload),
    "echonet_meter": (meter_answer(1, _METER),),
    "skstack_heard": (_DATAGRAM, _JOINING),
    "b_route_talk": (_JOINING,),
}

REPAIR: dict[str, Callable[[bytes], bytes]] = {
    "sdi12_values": _good_sdi12,
    "sdi12_transcript": _good_transcript,
    "umb_frames": _good_umb,
    "modbus_answer": _good_modbus,
}
