from __future__ import annotations

import pytest

from devices.model import Envelope, Frame, PermanentError
from devices.uplinks.enocean_esp3 import UPLINK
from devices.wires.esp3 import VERSION_REQUEST, Packet, write_packet
from tests.devices.frames import RECEIVED_NS, message, shared_vectors

OPEN = bytes.fromhex("55000707017ad508018302810003ffffffff300037")  # capture of the fhem forum: open, -48 dBm


def test_a_telegram_is_a_frame_of_its_sender() -> None:
    (envelope,) = UPLINK.unwrap(message("", OPEN))
    frame = Frame(
        gateway_id="gw", transport="enocean", address="01830281", payload=b"\xd5\x08\x00", received_ns=RECEIVED_NS
    )  # fmt: skip
    assert envelope == Envelope(frame=frame, values={"rssi": -48.0})


def test_a_japanese_stick_says_the_same_in_another_way() -> None:
    (envelope,) = UPLINK.unwrap(message("", bytes.fromhex("550007020a0a2104010203095d013ca1")))
    assert (envelope.frame.address, envelope.frame.payload) == ("04010203", b"\xd5\x09\x00")
    assert envelope.values == {"rssi": -60.0}


@pytest.mark.bad_input(43)
@pytest.mark.parametrize("raw", [VERSION_REQUEST, write_packet(Packet(kind=2, data=b"\0"))])
def test_what_is_no_radio_gives_nothing(raw: bytes) -> None:
    assert UPLINK.unwrap(message("", raw)) == ()


@pytest.mark.parametrize("raw", [b"", OPEN[:-1], OPEN + OPEN, b"\x55", b"\xff" * 30])
def test_what_is_no_packet_is_refused(raw: bytes) -> None:
    with pytest.raises(PermanentError):
        UPLINK.unwrap(message("", raw))


def test_senders_of_all_vectors_are_as_their_source_says() -> None:
    said = 0
    for record in shared_vectors("serial_enocean/esp3_telegrams.jsonl"):
        expected = record["expected"]
        if not record["crc_ok"] or "sender_hex" not in expected:
            continue
        envelopes = UPLINK.unwrap(message("", bytes.fromhex(record["frame_hex"])))
        if expected.get("teach_in"):
            assert envelopes == ()
            continue
        (envelope,) = envelopes
        assert envelope.frame.address == expected["sender_hex"].replace(":", "").lower()
        assert envelope.frame.payload[0] == expected["rorg"]
        said += 1
    assert said == 1


@pytest.mark.bad_input(47)
def test_the_same_telegram_within_half_a_second_is_one() -> None:
    assert UPLINK.repeats_within_s == 0.5
    (direct,) = UPLINK.unwrap(message("", write_packet(Packet(kind=1, data=bytes.fromhex("d50801825dab00")))))
    (repeated,) = UPLINK.unwrap(message("", write_packet(Packet(kind=1, data=bytes.fromhex("d50801825dab01")))))
    assert (direct.frame.address, direct.frame.payload) == (repeated.frame.address, repeated.frame.payload)


def test_what_the_simulator_wraps_is_unwrapped_again() -> None:
    (sent,) = UPLINK.unwrap(message("", OPEN))
    topic, payload = UPLINK.wrap(sent)
    assert topic == ""
    assert UPLINK.unwrap(message(topic, payload)) == (sent,)


@pytest.mark.parametrize(("address", "payload"), [("70b3d57050000102", b"\xd5\x08\x00"), ("01830281", b"\xd5\x08")])
def test_what_no_stick_would_say_is_not_wrapped(address: str, payload: bytes) -> None:
    frame = Frame(gateway_id="", transport="enocean", address=address, payload=payload, received_ns=0)
    with pytest.raises(PermanentError):
        UPLINK.wrap(Envelope(frame=frame))
