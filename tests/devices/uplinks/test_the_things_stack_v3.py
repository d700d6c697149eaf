"""Messages: a capture as it stands in thingsboard/data-converters (Apache-2.0), and variations of it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, Frame, PermanentError
from devices.uplinks.the_things_stack_v3 import UPLINK
from tests.devices.frames import RECEIVED_NS, message, shared_vectors

TOPIC = "v3/application-tts-name@ttn/devices/eui-1000000000000001/up"
UPLINK_MESSAGE: dict[str, Any] = {
    "session_key_id": "AYfqmb0pc/1uRZv9xUydgQ==",
    "f_port": 2,
    "f_cnt": 10335,
    "frm_payload": "ARI=",
    "rx_metadata": [
        {"gateway_ids": {"gateway_id": "a"}, "rssi": -107, "snr": 3.5},
        {"gateway_ids": {"gateway_id": "b"}, "rssi": -35, "snr": 13.2},
    ],
    "received_at": "2023-05-19T05:33:35.641841782Z",
}
IDS = {"device_id": "eui-1000000000000001", "dev_eui": "70B3D57BA0003BB8", "dev_addr": "20000001"}
BODY: dict[str, Any] = {
    "end_device_ids": IDS,
    "correlation_ids": ["as:up:01H0S7ZJQ9MQPMVY49FT3SE07M"],
    "received_at": "2023-05-19T05:33:35.848446463Z",
    "uplink_message": UPLINK_MESSAGE,
}


def unwrap(body: Any, *, topic: str = TOPIC, is_retained: bool = False) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return UPLINK.unwrap(message(topic, payload, is_retained=is_retained))


def changed(**change: Any) -> dict[str, Any]:
    """Return the body with other fields in `uplink_message`; a field that is None is left out."""
    uplink = {key: value for key, value in (UPLINK_MESSAGE | change).items() if value is not None}
    return BODY | {"uplink_message": uplink}


def one(body: Any) -> Envelope:
    (envelope,) = unwrap(body)
    return envelope


def test_an_uplink_is_a_frame_with_what_the_network_knows() -> None:
    assert one(BODY) == Envelope(
        frame=Frame(
            gateway_id="gw",
            transport="lorawan",
            address="70b3d57ba0003bb8",
            payload=b"\x01\x12",
            received_ns=RECEIVED_NS,
            port=2,
        ),
        seq=10335,
        observed_ns=1_684_474_415_641_841_000,
        values={"rssi": -35.0, "snr": 13.2},
    )


@pytest.mark.parametrize("topic", ["up", "", "hooks/ttn"])
def test_a_webhook_body_is_the_same(topic: str) -> None:
    assert unwrap(BODY, topic=topic) == unwrap(BODY)


def test_a_retained_message_is_marked() -> None:
    (envelope,) = unwrap(BODY, is_retained=True)
    assert envelope.is_retained


@pytest.mark.bad_input(48)
def test_an_omitted_frame_counter_is_zero() -> None:
    assert one(changed(f_cnt=None)).seq == 0


@pytest.mark.bad_input(48)
def test_an_omitted_port_with_a_payload_is_port_0_and_refused() -> None:
    with pytest.raises(PermanentError, match="f_port"):
        unwrap(changed(f_port=None))


@pytest.mark.bad_input(48, 59)
@pytest.mark.parametrize("body", [changed(frm_payload=None), changed(frm_payload="", f_port=None)])
def test_an_uplink_without_payload_is_a_keep_alive(body: dict[str, Any]) -> None:
    assert unwrap(body) == ()


@pytest.mark.bad_input(58)
@pytest.mark.parametrize("text", ["-_8=", "-_8", "+/8=", "+/8"])
def test_base64_of_either_alphabet_with_and_without_padding(text: str) -> None:
    assert one(changed(frm_payload=text)).frame.payload == b"\xfb\xff"


@pytest.mark.parametrize(
    "other",
    ["join_accept", "downlink_ack", "downlink_nack", "downlink_sent", "downlink_queued", "downlink_failed",
     "location_solved", "service_data", "uplink_normalized"],
)  # fmt: skip
def test_other_messages_carry_no_device_data(other: str) -> None:
    assert unwrap({"end_device_ids": IDS, other: {"session_key_id": "x"}}) == ()


@pytest.mark.parametrize(
    ("own", "outer", "observed_ns"),
    [
        ("2023-05-19T05:33:35Z", "2023-05-19T06:00:00Z", 1_684_474_415_000_000_000),
        (None, "2023-05-19T05:33:35Z", 1_684_474_415_000_000_000),
        ("2023-05-19T05:33:35", "2023-05-19T14:33:35+09:00", 1_684_474_415_000_000_000),
        (None, "no time", None),
        (None, 5, None),
        (None, "1969-05-19T05:33:35Z", None),
    ],
)
def test_the_time_is_the_networks(own: Any, outer: Any, observed_ns: int | None) -> None:
    assert one(changed(received_at=own) | {"received_at": outer}).observed_ns == observed_ns


@pytest.mark.bad_input(57)
def test_buffered_uplinks_of_one_second_stay_apart_by_their_counter() -> None:
    envelopes = [one(changed(f_cnt=number)) for number in range(500)]
    assert len({(e.frame.address, e.seq) for e in envelopes}) == 500
    assert len({e.observed_ns for e in envelopes}) == 1


@pytest.mark.parametrize(
    "body",
    [
        changed(frm_payload="A"),
        changed(frm_payload="AR I="),
        changed(frm_payload=["ARI="]),
        changed(f_port=0),
        changed(f_port=224),
        changed(f_port="2"),
        changed(f_cnt=-1),
        changed(f_cnt=2**32),
        changed(f_cnt=True),
        BODY | {"end_device_ids": None},
        BODY | {"end_device_ids": {"device_id": "x"}},
        BODY | {"end_device_ids": {"dev_eui": "1000"}},
        BODY | {"uplink_message": []},
        {"end_device_ids": IDS},
        {},
        [BODY],
        b"",
        b"null",
        json.dumps(BODY).encode("utf-16"),
    ],
    ids=lambda value: repr(value)[-60:],
)
def test_what_is_no_uplink_is_refused(body: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(body)


@given(payload=st.binary(min_size=1, max_size=60), seq=st.integers(0, 2**32 - 1), port=st.integers(1, 223))
def test_what_the_simulator_wraps_is_unwrapped_again(payload: bytes, seq: int, port: int) -> None:
    frame = Frame(
        gateway_id="gw",
        transport="lorawan",
        address="70b3d57050000102",
        payload=payload,
        received_ns=RECEIVED_NS,
        port=port,
    )
    sent = Envelope(frame=frame, seq=seq, observed_ns=RECEIVED_NS, values={"rssi": -100.0, "snr": 5.5})
    topic, wrapped = UPLINK.wrap(sent)
    assert UPLINK.unwrap(message(topic, wrapped)) == (sent,)


simple = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
leaves: st.SearchStrategy[object] = simple | st.just([]) | st.just({})


@given(change=st.dictionaries(st.sampled_from([*UPLINK_MESSAGE, "x"]), leaves, max_size=3))
def test_any_uplink_is_unwrapped_or_refused(change: dict[str, Any]) -> None:
    with suppress(PermanentError):
        unwrap(BODY | {"uplink_message": UPLINK_MESSAGE | change})


@given(payload=st.binary(max_size=100))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        unwrap(payload)


@pytest.mark.parametrize("platform", ["ThingsStackCommunity", "ThingsStackIndustries"])
def test_captures_of_real_networks_give_their_payload_bytes(platform: str) -> None:
    records = [r for r in shared_vectors("mqtt_lorawan/network_server_uplinks.jsonl.gz") if r["platform"] == platform]
    assert sum(r["bytes_hex"] is not None for r in records) >= 50
    for record in records:
        envelope = one(record["message"])
        if record["bytes_hex"] is not None:
            assert envelope.frame.payload.hex() == record["bytes_hex"]
            assert envelope.frame.port == record["fport"]
        assert envelope.seq == record["message"]["uplink_message"].get("f_cnt", 0)
        assert envelope.frame.address == record["message"]["end_device_ids"]["dev_eui"].lower()
        assert envelope.observed_ns is not None
