"""EnOcean radio telegrams as a stick hands them over: ERP1 (868/902 MHz) and ERP2 (902 MHz, 928 MHz in Japan).

Source: https://www.enocean.com/fileadmin/redaktion/pdf/tec_docs/EnOceanSerialProtocol3.pdf (packet types 1 and 10),
https://www.enocean.com/fileadmin/redaktion/pdf/tec_docs/EnOceanRadioProtocol2.pdf

    ERP1 data       RORG, user data, sender (4), status
    ERP1 optional   subtelegrams, destination (4), -dBm, security
    ERP2 data       header, [extended header], [extended type], sender (3, 4, 6), [destination (4)], user data,
                    [optional], CRC8 of all before
    ERP2 optional   subtelegrams, -dBm
    ERP2 header     bits 7-5 addresses: 0 = 24 bit, 1 = 32, 2 = 32 and destination 32, 3 = 48; bit 4 extended header;
                    bits 3-0 type: 0 RPS, 1 1BS, 2 4BS, 4 VLD, 15 = see extended type
    ERP2 extended   bits 7-4 repeater count, bits 3-0 length of the optional part in front of the CRC

One form for all models, as `Frame.payload`:

    byte            content
    0               RORG: 0xF6 RPS, 0xD5 1BS, 0xA5 4BS, 0xD2 VLD
    1 …             user data (1, 1, 4, 1 to 14 bytes)
    last            status without the repeater count, so that a repeated telegram is the same; 0 in ERP2 (has none)

The address of a device is its sender id, 8 hexadecimal digits in lower case. A 48-bit id (Japanese devices use it for
their teach-in telegrams) whose upper 16 bits are zero is that 32-bit id; any other has 12 digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.model import PermanentError
from devices.wires.esp3 import RADIO_ERP1, RADIO_ERP2, Packet, crc8

RPS = 0xF6
ONE_BS = 0xD5
FOUR_BS = 0xA5
VLD = 0xD2

_DATA_BYTES = {RPS: (1, 1), ONE_BS: (1, 1), FOUR_BS: (4, 4), VLD: (1, 14)}
_ERP2_RORG = {0: RPS, 1: ONE_BS, 2: FOUR_BS, 4: VLD}
# teach-in, signal, maker's own and system telegrams: heard, but no device data
_NO_DATA_RORG = frozenset({0xC5, 0xC6, 0xC7, 0xC8, 0xCA, 0xCB, 0xCC, 0xD0, 0xD1, 0xD4})
_NO_DATA_ERP2 = frozenset({3, 5, 6})
_ADDRESS_BYTES = {0: (3, 0), 1: (4, 0), 2: (4, 4), 3: (6, 0)}
_SHORT_ERP2_BYTES = 6
_NO_DBM = 0xFF
_ADDRESS = re.compile(r"[0-9a-f]{8}(?:[0-9a-f]{4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegram:
    """One radio telegram. `status` has no repeater count; `rssi_dbm` is None where the stick does not say it."""

    rorg: int
    data: bytes
    sender: str
    status: int = 0
    rssi_dbm: float | None = None

    @property
    def payload(self) -> bytes:
        """The one form for all models: RORG, user data, status."""
        return bytes([self.rorg]) + self.data + bytes([self.status])


def read_telegram(packet: Packet) -> Telegram | None:
    """Return the telegram with device data in `packet`; None for other packets and for teach-in and system telegrams.

    Raises PermanentError for a radio packet that cannot be read: wrong length, wrong inner CRC, encrypted, unknown.
    """
    if packet.kind == RADIO_ERP1:
        return _read_erp1(packet)
    if packet.kind == RADIO_ERP2:
        return _read_erp2(packet)
    return None


def write_telegram(telegram: Telegram) -> Packet:
    """Return the packet in which a stick hands over `telegram`: ERP1, but ERP2 for a 48-bit sender.

    Raises PermanentError for a sender that is none, or data of a length the RORG does not have.
    """
    if _ADDRESS.fullmatch(telegram.sender) is None:
        raise PermanentError(f"sender {telegram.sender[:20]!r} is not 8 (or 12) hexadecimal digits in lower case")
    _check_length(telegram.rorg, telegram.data)
    sender = bytes.fromhex(telegram.sender)
    dbm = _NO_DBM if telegram.rssi_dbm is None else max(0, min(_NO_DBM - 1, round(-telegram.rssi_dbm)))
    if len(sender) == 4:
        data = bytes([telegram.rorg]) + telegram.data + sender + bytes([telegram.status])
        return Packet(kind=RADIO_ERP1, data=data, optional=b"\x01\xff\xff\xff\xff" + bytes([dbm, 0]))
    (kind,) = (kind for kind, rorg in _ERP2_RORG.items() if rorg == telegram.rorg)
    data = bytes([0x60 | kind]) + sender + telegram.data
    return Packet(kind=RADIO_ERP2, data=data + bytes([crc8(data)]), optional=bytes([1, dbm]))


def _read_erp1(packet: Packet) -> Telegram | None:
    data = packet.data
    if data[0] in _NO_DATA_RORG:
        return None
    user_data = data[1:-5]
    _check_length(data[0], user_data)
    return Telegram(
        rorg=data[0],
        data=user_data,
        sender=data[-5:-1].hex(),
        status=data[-1] & 0xF0,
        rssi_dbm=_rssi_dbm(packet.optional[5]) if len(packet.optional) == 7 else None,
    )


def _read_erp2(packet: Packet) -> Telegram | None:
    data = packet.data
    if len(data) <= _SHORT_ERP2_BYTES:
        raise PermanentError(f"ERP2 telegram of {len(data)} bytes is of the short kind, which is not read")
    if crc8(data[:-1]) != data[-1]:
        raise PermanentError("inner CRC of an ERP2 telegram is wrong")
    header, body = data[0], data[1:-1]
    if header & 0x0F in _NO_DATA_ERP2:
        return None
    rorg = _ERP2_RORG.get(header & 0x0F)
    if rorg is None or header >> 5 not in _ADDRESS_BYTES:
        raise PermanentError(f"ERP2 header 0x{header:02x} is of a kind that is not read")
    if header & 0x10:
        extended, body = body[0], body[1:]
        body = body[: len(body) - (extended & 0x0F)]
    sender_bytes, destination_bytes = _ADDRESS_BYTES[header >> 5]
    user_data = body[sender_bytes + destination_bytes :]
    _check_length(rorg, user_data)
    return Telegram(
        rorg=rorg,
        data=user_data,
        sender=_sender(body[:sender_bytes]),
        rssi_dbm=_rssi_dbm(packet.optional[1]) if len(packet.optional) == 2 else None,
    )


def _check_length(rorg: int, user_data: bytes) -> None:
    if rorg not in _DATA_BYTES:
        raise PermanentError(f"RORG 0x{rorg:02x} is not read")
    least, most = _DATA_BYTES[rorg]
    if not least <= len(user_data) <= most:
        raise PermanentError(f"telegram of RORG 0x{rorg:02x} has {len(user_data)} bytes of data, not {least} to {most}")


def _sender(raw: bytes) -> str:
    return raw.hex() if raw[:-4].strip(b"\0") else raw[-4:].hex().zfill(8)


def _rssi_dbm(byte: int) -> float | None:
    return None if byte == _NO_DBM else 0.0 - byte
