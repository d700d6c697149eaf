from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.wires.enocean_radio import Telegram, read_telegram, write_telegram
from devices.wires.esp3 import Packet, crc8, read_packet, write_packet

ERP2_CLOSED = "550007020a0a210401020309 5d013ca1"


def telegram(raw: str) -> Telegram | None:
    return read_telegram(read_packet(bytes.fromhex(raw)))


def erp2(data: str, *, optional: str = "013c") -> Packet:
    raw = bytes.fromhex(data)
    return Packet(kind=10, data=raw + bytes([crc8(raw)]), optional=bytes.fromhex(optional))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            "55000a0701eba5000055080181b7440001ffffffff2d0075",
            Telegram(rorg=0xA5, data=b"\x00\x00\x55\x08", sender="0181b744", rssi_dbm=-45.0),
        ),
        (
            "55000707017ad508018302810003ffffffff300037",
            Telegram(rorg=0xD5, data=b"\x08", sender="01830281", rssi_dbm=-48.0),
        ),
        (
            "55000707017af650002989793001ffffffff37009d",
            Telegram(rorg=0xF6, data=b"\x50", sender="00298979", status=0x30, rssi_dbm=-55.0),
        ),
        (ERP2_CLOSED, Telegram(rorg=0xD5, data=b"\x09", sender="04010203", rssi_dbm=-60.0)),
    ],
    ids=["4BS", "1BS", "RPS", "ERP2"],
)
def test_a_radio_packet_is_a_telegram(raw: str, expected: Telegram) -> None:
    assert telegram(raw) == expected


@pytest.mark.parametrize(
    ("data", "sender", "payload"),
    [
        ("02 112233 84007809", "00112233", "a58400780900"),
        ("21 04010203 08", "04010203", "d50800"),
        ("41 04010203 ffffffff 08", "04010203", "d50800"),
        ("61 000004010203 00", "04010203", "d50000"),
        ("61 123404010203 08", "123404010203", "d50800"),
        ("20 00299194 84", "00299194", "f68400"),
        ("22 04012bb4 84007809", "04012bb4", "a58400780900"),
        ("24 04140069 9165c02963e4f5d800", "04140069", "d29165c02963e4f5d80000"),
        ("31 10 04010203 08", "04010203", "d50800"),
        ("31 02 04010203 08 beef", "04010203", "d50800"),
    ],
    ids=["24 bit", "32", "32 to 32", "48 with zeros", "48", "RPS", "4BS", "VLD", "repeated", "with optional part"],
)
def test_an_erp2_header_says_where_sender_and_data_stand(data: str, sender: str, payload: str) -> None:
    said = read_telegram(erp2(data))
    assert said is not None
    assert (said.sender, said.payload.hex()) == (sender, payload)
    assert said.rssi_dbm == -60


@pytest.mark.bad_input(47)
def test_a_repeated_telegram_is_the_same_but_for_its_way() -> None:
    direct = read_telegram(Packet(kind=1, data=bytes.fromhex("f6500029897930")))
    repeated = read_telegram(Packet(kind=1, data=bytes.fromhex("f6500029897931")))
    assert direct == repeated


@pytest.mark.bad_input(43)
@pytest.mark.parametrize("kind", [2, 3, 4, 5, 6, 7, 9, 11, 16, 255])
def test_packets_of_other_types_carry_no_telegram(kind: int) -> None:
    assert read_telegram(Packet(kind=kind, data=bytes.fromhex("d50801825dab00"))) is None


@pytest.mark.bad_input(45)
@pytest.mark.parametrize(
    "packet",
    [
        read_packet(bytes.fromhex("55000d0701fdd4a0ff3e000101d20194e3b90001ffffffff4000ab")),
        erp2("65 000004010203 a0ff3e000101d2"),
        Packet(kind=1, data=bytes.fromhex("d1000001020304050600")),
    ],
    ids=["universal teach-in", "universal teach-in by ERP2", "maker's own"],
)
def test_a_telegram_that_only_teaches_is_no_data(packet: Packet) -> None:
    assert read_telegram(packet) is None


@pytest.mark.bad_input(43, 44)
@pytest.mark.parametrize(
    "packet",
    [
        Packet(kind=1, data=read_packet(bytes.fromhex(ERP2_CLOSED)).data),
        Packet(kind=10, data=bytes.fromhex("d50801825dab00")),
        Packet(kind=10, data=bytes.fromhex("2104010203095c"), optional=b"\x01\x3c"),
        Packet(kind=10, data=bytes.fromhex("210409")),
        erp2("01 112233 08"),
        Packet(kind=1, data=b"\xd5"),
        Packet(kind=1, data=bytes.fromhex("d5080801825dab00")),
        Packet(kind=1, data=bytes.fromhex("a5000801825dab00")),
        Packet(kind=1, data=bytes.fromhex("d201825dab00")),
        Packet(kind=1, data=bytes.fromhex("d2") + bytes(15 + 5)),
        Packet(kind=1, data=bytes.fromhex("3001020304050600")),
        erp2("27 04010203 0901"),
        erp2("2f 04010203 0901"),
        erp2("81 04010203 0901"),
        erp2("61 0401020308"),
        erp2("31 0f 04010203 0801"),
        erp2("41 04010203 08"),
    ],
    ids=[
        "ERP2 taken for ERP1",
        "ERP1 taken for ERP2",
        "inner CRC",
        "short ERP2",
        "longest short ERP2",
        "only RORG",
        "1BS with two",
        "4BS with two",
        "VLD with none",
        "VLD with 15",
        "encrypted",
        "encrypted ERP2",
        "extended type",
        "address kind 4",
        "48 bit that are not there",
        "optional part longer than all",
        "destination that is not there",
    ],
)
def test_a_radio_packet_that_is_something_else_is_refused(packet: Packet) -> None:
    with pytest.raises(PermanentError):
        read_telegram(packet)


@pytest.mark.parametrize("optional", ["", "01", "01ffffffff2d", "01ffffffffff00"])
def test_without_a_strength_there_is_none(optional: str) -> None:
    said = read_telegram(Packet(kind=1, data=bytes.fromhex("d50801825dab00"), optional=bytes.fromhex(optional)))
    assert said is not None
    assert said.rssi_dbm is None


@given(
    sender=st.integers(0, 2**32 - 1).map(lambda n: f"{n:08x}")
    | st.integers(2**32, 2**48 - 1).map(lambda n: f"{n:012x}"),
    said=st.sampled_from([(0xF6, 1), (0xD5, 1), (0xA5, 4), (0xD2, 1), (0xD2, 14)]),
    rssi_dbm=st.none() | st.integers(-254, 0).map(float),
    data=st.data(),
)
def test_what_is_written_is_read_again(
    sender: str, said: tuple[int, int], rssi_dbm: float | None, data: st.DataObject
) -> None:
    rorg, size = said
    sent = Telegram(
        rorg=rorg,
        data=data.draw(st.binary(min_size=size, max_size=size)),
        sender=sender,
        status=0 if len(sender) == 12 else data.draw(st.integers(0, 15)) << 4,
        rssi_dbm=rssi_dbm,
    )
    assert read_telegram(read_packet(write_packet(write_telegram(sent)))) == sent


@pytest.mark.parametrize(
    "telegram",
    [
        Telegram(rorg=0xD5, data=b"\x08", sender="70b3d57050000102"),
        Telegram(rorg=0xD5, data=b"\x08", sender="0181B744"),
        Telegram(rorg=0xD5, data=b"\x08", sender=""),
        Telegram(rorg=0xD5, data=b"", sender="0181b744"),
        Telegram(rorg=0x00, data=b"\x08", sender="0181b744"),
    ],
)
def test_what_no_stick_would_say_is_not_written(telegram: Telegram) -> None:
    with pytest.raises(PermanentError):
        write_telegram(telegram)


@given(kind=st.sampled_from([1, 10]), data=st.binary(min_size=1, max_size=40), optional=st.binary(max_size=8))
def test_any_packet_is_read_or_refused(kind: int, data: bytes, optional: bytes) -> None:
    for body in (data, data + bytes([crc8(data)])):
        with suppress(PermanentError):
            read_telegram(Packet(kind=kind, data=body, optional=optional))
