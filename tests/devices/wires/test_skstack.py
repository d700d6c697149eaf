"""What a Wi-SUN stick says, cut into lines and datagrams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.wires.skstack import heard_in, network_of, send_command

METER = "FE80:0000:0000:0000:9876:5432:9876:5432"
OWN = "FE80:0000:0000:0000:1234:5678:1234:5678"
ECHONET = bytes.fromhex("1081000D02880105FF017201E704000A0D0A")


def datagram(data: bytes, *, between: str = "1", port: str = "0E1A") -> bytes:
    head = f"ERXUDP {METER} {OWN} {port} {port} 1234567812345678 {between} {len(ECHONET):04X} "
    return head.encode() + data + b"\r\n"


@pytest.mark.bad_input(77)
@pytest.mark.parametrize("between", ["1", "1 0", "2D 1", "2D 1 0"])
@pytest.mark.parametrize("data", [ECHONET, ECHONET.hex().upper().encode()])
def test_hexadecimal_or_raw_with_or_without_the_fields_of_other_sticks(between: str, data: bytes) -> None:
    heard = heard_in(b"OK\r\n" + datagram(data, between=between) + b"EVENT 25 x\r\n")
    assert [(item.text, item.data) for item in heard] == [("OK", b""), ("", ECHONET), ("EVENT 25 x", b"")]


@pytest.mark.bad_input(77)
@pytest.mark.parametrize("data", [ECHONET, ECHONET.hex().upper().encode()])
def test_half_a_datagram_is_waited_for_although_it_holds_line_ends(data: bytes) -> None:
    whole = datagram(data)
    assert [heard_in(whole[:end]) for end in range(len(whole) - 2)] == [[]] * (len(whole) - 2)
    assert heard_in(whole[:-2])[0].data == ECHONET


def test_what_is_sent_to_other_ports_is_passed_over() -> None:
    other = datagram(ECHONET.hex().upper().encode(), port="02CC")
    assert [item.text for item in heard_in(other + b"OK\r\n")] == ["OK"]


@pytest.mark.bad_input(77)
@pytest.mark.parametrize(
    "line",
    [
        b"ERXUDP nonsense\r\n",
        b"ERXUDP " + METER.encode() + b"\r\n",
        datagram(ECHONET).replace(b" 0012 ", b" FFFF "),
        datagram(b"\r\n").replace(b" 1 0012 ", b" "),
    ],
)
def test_what_begins_like_a_datagram_and_is_none_is_a_line(line: bytes) -> None:
    assert heard_in(line + b"OK\r\n")[-1].text == "OK"
    assert not any(item.data for item in heard_in(line + b"OK\r\n"))


def test_events() -> None:
    heard = heard_in(b"EVENT 29 x\r\nEVENT 21 x 0 00\r\nEVENTUALLY\r\nFAIL ER04\r\nEVENT 32\n")
    assert [item.event for item in heard] == [0x29, 0x21, 0, 0, 0x32]
    assert [item.is_fail for item in heard] == [False, False, False, True, False]


SCAN = b"""EVENT 20 x\r
EPANDESC\r
  Channel:39\r
  Channel Page:09\r
  Pan ID:9876\r
  Addr:1234567812345678\r
  LQI:2D\r
  Side:0\r
  PairID:12345678\r
EVENT 22 x\r
"""


def test_the_network_of_a_scan() -> None:
    fields = {"Channel": "39", "Pan ID": "9876", "Addr": "1234567812345678", "Side": "0"}
    assert network_of(heard_in(SCAN)) == fields
    assert network_of(heard_in(SCAN + SCAN.replace(b"39", b"3B"))) == fields, "the first one"


@pytest.mark.parametrize(
    "change", [(b"  Addr:", b"  Adr:"), (b"39", b"3Z"), (b"9876", b"9876\r\nSKTERM"), (b"  ", b"")]
)
def test_a_network_that_is_not_whole_is_none(change: tuple[bytes, bytes]) -> None:
    network = network_of(heard_in(SCAN.replace(*change)))
    assert network == {} or "SKTERM" not in str(network)
    if change[0] != b"9876":
        assert network == {}


def test_the_command_that_sends() -> None:
    assert (
        send_command(address=METER, side="", data=b"\x10\x81")
        == f"SKSENDTO 1 {METER} 0E1A 1 0002 ".encode() + b"\x10\x81"
    )
    assert send_command(address=METER, side="0", data=b"").endswith(b" 0E1A 1 0 0000 ")


@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([datagram(ECHONET), b"ERXUDP ", b"\r\n", b"OK", b"\x10"])).map(b"".join)
)
def test_any_bytes_are_cut(data: bytes) -> None:
    heard = heard_in(data)
    assert [item.end for item in heard] == sorted({item.end for item in heard})
    assert not heard or heard[-1].end <= len(data)
