"""Messages: captures as they stand in thingsboard/data-converters (Apache-2.0), and variations of them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, Frame, PermanentError
from devices.uplinks.loriot import UPLINK
from tests.devices.frames import RECEIVED_NS, message, shared_vectors

RX: dict[str, Any] = {
    "cmd": "rx", "seqno": 3040, "EUI": "1000000000000001", "ts": 1684478801936, "fcnt": 2, "port": 2, "rssi": -21,
    "snr": 10, "bat": 94, "data": "0112",
}  # fmt: skip
GATEWAYS = [{"rssi": -42, "snr": 8.8, "gweui": "a"}, {"rssi": -38, "snr": 8.5, "gweui": "b"}]


def unwrap(body: Any) -> tuple[Envelope, ...]:
    return UPLINK.unwrap(message("", body if isinstance(body, bytes) else json.dumps(body).encode()))


def one(body: Any) -> Envelope:
    (envelope,) = unwrap(body)
    return envelope


def test_an_uplink() -> None:
    frame = Frame(
        gateway_id="gw", transport="lorawan", address="1000000000000001", payload=b"\x01\x12", received_ns=RECEIVED_NS,
        port=2,
    )  # fmt: skip
    radio = {"rssi": -21.0, "snr": 10.0}
    assert one(RX) == Envelope(frame=frame, seq=2, observed_ns=1_684_478_801_936_000_000, values=radio)


@pytest.mark.bad_input(56)
def test_the_list_of_all_gateways_is_the_same_frame() -> None:
    listed = {key: value for key, value in RX.items() if key not in ("rssi", "snr")} | {"cmd": "gw", "gws": GATEWAYS}
    assert (one(listed).frame, one(listed).seq) == (one(RX).frame, one(RX).seq)
    assert one(listed).values == {"rssi": -38.0, "snr": 8.5}


@pytest.mark.parametrize(
    "body", [RX | {"cmd": "txd"}, RX | {"data": ""}, {k: v for k, v in RX.items() if k != "data"} | {"encdata": "01"}]
)
def test_other_messages_carry_no_device_data(body: dict[str, Any]) -> None:
    assert unwrap(body) == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        RX | {"EUI": None},
        RX | {"data": "011"},
        RX | {"data": 5},
        RX | {"port": 0},
        RX | {"port": 224},
        RX | {"port": None},
        RX | {"fcnt": -1},
        [RX],
        b"",
    ],
)
def test_what_is_no_uplink_is_refused(body: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(body)


def test_captures_of_real_networks_give_their_payload_bytes() -> None:
    records = [r for r in shared_vectors("mqtt_lorawan/network_server_uplinks.jsonl.gz") if r["platform"] == "LORIOT"]
    assert len(records) > 50
    for record in records:
        envelope = one(record["message"])
        assert record["bytes_hex"] in {None, envelope.frame.payload.hex()}
        assert record["fport"] in {None, envelope.frame.port}
        assert envelope.seq == record["message"]["fcnt"]
        assert envelope.frame.address == record["message"]["EUI"].lower()


@given(payload=st.binary(max_size=80))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        unwrap(payload)


@given(change=st.dictionaries(st.sampled_from([*RX, "gws"]), st.none() | st.integers() | st.text(max_size=9)))
def test_any_message_is_unwrapped_or_refused(change: dict[str, Any]) -> None:
    with suppress(PermanentError):
        unwrap(RX | change)
