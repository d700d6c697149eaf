"""Messages: a capture as it stands in thingsboard/data-converters (Apache-2.0), and variations of it."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, Frame, PermanentError
from devices.uplinks.chirpstack_v4 import UPLINK
from tests.devices.frames import RECEIVED_NS, message, shared_vectors

TOPIC = "application/ca739e26/device/1000000000000001/event/up"
EVENT: dict[str, Any] = {
    "deduplicationId": "57433366-50a6-4dc2-8145-2df1bbc70d9e",
    "time": "2023-05-22T07:47:05.404859+00:00",
    "deviceInfo": {"applicationId": "ca739e26-7b67-4f14-b69e-d568c22a5a75", "devEui": "1000000000000001", "tags": {}},
    "devAddr": "20000001",
    "adr": True,
    "dr": 5,
    "fCnt": 4,
    "fPort": 2,
    "confirmed": False,
    "data": "ARI=",
    "rxInfo": [
        {"gatewayId": "6a7e111a10000000", "rssi": -107, "snr": 3.5, "location": {}},
        {"gatewayId": "6a7e111a10000001", "rssi": -35, "snr": 11.5},
    ],
}


def unwrap(event: Any, *, topic: str = TOPIC, is_retained: bool = False) -> tuple[Envelope, ...]:
    payload = event if isinstance(event, bytes) else json.dumps(event).encode()
    return UPLINK.unwrap(message(topic, payload, is_retained=is_retained))


def one(event: Any) -> Envelope:
    (envelope,) = unwrap(event)
    return envelope


def test_an_uplink_is_a_frame_with_what_the_network_knows() -> None:
    assert one(EVENT) == Envelope(
        frame=Frame(
            gateway_id="gw",
            transport="lorawan",
            address="1000000000000001",
            payload=b"\x01\x12",
            received_ns=RECEIVED_NS,
            port=2,
        ),
        seq=4,
        observed_ns=1_684_741_625_404_859_000,
        values={"rssi": -35.0, "snr": 11.5},
    )


def test_a_retained_message_is_marked() -> None:
    (envelope,) = unwrap(EVENT, is_retained=True)
    assert envelope.is_retained


@pytest.mark.parametrize(
    ("change", "seq"), [({"fCnt": 0}, 0), ({"fCnt": None}, None), ({"fCnt": 2**32 - 1}, 2**32 - 1)]
)
def test_a_missing_frame_counter_is_not_zero(change: dict[str, Any], seq: int | None) -> None:
    assert one(EVENT | change).seq == seq
    assert one({key: value for key, value in EVENT.items() if key != "fCnt"}).seq is None


@pytest.mark.parametrize("time", [None, "", "noon", 5, "2023-05-22T07:47:05", "1969-12-31T00:00:00Z"])
def test_a_time_that_is_none_costs_only_the_time(time: Any) -> None:
    assert one(EVENT | {"time": time}) == replace(one(EVENT), observed_ns=None)


@pytest.mark.bad_input(56)
def test_copies_with_another_id_and_time_of_the_network_keep_the_frame_counter() -> None:
    copy = EVENT | {"deduplicationId": "0e8b5a4e-0000-4000-8000-000000000000", "time": "2023-05-22T07:47:06+00:00"}
    assert (one(copy).seq, one(copy).frame) == (one(EVENT).seq, one(EVENT).frame)


@pytest.mark.bad_input(57)
def test_buffered_uplinks_of_one_second_stay_apart_by_their_counter() -> None:
    envelopes = [one(EVENT | {"fCnt": number}) for number in range(500)]
    assert len({(e.frame.address, e.seq) for e in envelopes}) == 500
    assert len({e.observed_ns for e in envelopes}) == 1


@pytest.mark.parametrize("topic", ["", "up", "hooks/chirpstack"])
def test_a_push_is_read_by_its_content(topic: str) -> None:
    assert unwrap(EVENT, topic=topic) == unwrap(EVENT)
    assert unwrap({"deviceInfo": EVENT["deviceInfo"], "devAddr": "20000001"}, topic=topic) == ()


@pytest.mark.bad_input(58)
@pytest.mark.parametrize(
    ("data", "payload"),
    [
        ("AXVcA2c0AQRoZQYAAQ==", "01755c03673401046865060001"),
        ("AXVcA2c0AQRoZQYAAQ", "01755c03673401046865060001"),
        ("-_8=", "fbff"),
        ("-_8", "fbff"),
        ("+/8", "fbff"),
    ],
)
def test_base64_of_either_alphabet_with_and_without_padding(data: str, payload: str) -> None:
    assert one(EVENT | {"data": data}).frame.payload.hex() == payload


def test_the_address_is_in_lower_case() -> None:
    assert one(EVENT | {"deviceInfo": {"devEui": "70B3D57BA0003BB8"}}).frame.address == "70b3d57ba0003bb8"


@pytest.mark.parametrize(
    ("heard", "values"),
    [
        ([], {}),
        (None, {}),
        ([{}], {}),
        ([{"rssi": -50}], {"rssi": -50.0}),
        ([{"snr": -7.5}], {"snr": -7.5}),
        ([{"rssi": "loud", "snr": None}, {"rssi": -90}], {"rssi": -90.0}),
        ([{"rssi": 1e300}, 5, None], {}),
        ("x", {}),
    ],
)
def test_what_the_network_does_not_say_of_the_radio_is_left_out(heard: Any, values: dict[str, float]) -> None:
    assert one(EVENT | {"rxInfo": heard}).values == values


@pytest.mark.parametrize("event", ["join", "ack", "txack", "log", "status", "location", "integration"])
def test_other_events_carry_no_device_data(event: str) -> None:
    assert unwrap(b"anything", topic=TOPIC.replace("up", event)) == ()


@pytest.mark.bad_input(48, 59)
@pytest.mark.parametrize("data", ["", None])
def test_an_uplink_without_payload_is_a_keep_alive(data: object) -> None:
    assert unwrap(EVENT | {"data": data}) == ()
    assert unwrap({key: value for key, value in EVENT.items() if key != "data"}) == ()


@pytest.mark.parametrize(
    "event",
    [
        EVENT | {"data": "A"},
        EVENT | {"data": "AR I="},
        EVENT | {"data": "雪"},
        EVENT | {"data": 5},
        EVENT | {"data": ["ARI="]},
        EVENT | {"fPort": 0},
        EVENT | {"fPort": 224},
        EVENT | {"fPort": None},
        EVENT | {"fPort": "2"},
        EVENT | {"fPort": True},
        EVENT | {"fCnt": -1},
        EVENT | {"fCnt": 2**32},
        EVENT | {"fCnt": 1.5},
        EVENT | {"deviceInfo": None},
        EVENT | {"deviceInfo": {}},
        EVENT | {"deviceInfo": {"devEui": "1000"}},
        EVENT | {"deviceInfo": {"devEui": "100000000000000g"}},
        EVENT | {"deviceInfo": {"devEui": "１000000000000001"}},
        {key: value for key, value in EVENT.items() if key != "fPort"},
        [EVENT],
        b"",
        b"null",
        b'{"data": "ARI=", "data": "ARM="}',
        b'{"x": NaN}',
        b'{"x": ' * 10_000,
        b'{"x": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        json.dumps(EVENT).encode("utf-16"),
        b'{"x": "' + b"x" * 70_000 + b'"}',
    ],
    ids=lambda value: repr(value)[-60:],
)
def test_what_is_no_uplink_is_refused(event: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(event)


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


simple = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
leaves: st.SearchStrategy[object] = simple | st.just([]) | st.just({})


@given(change=st.dictionaries(st.sampled_from(sorted(EVENT)), leaves, max_size=3))
def test_any_event_is_unwrapped_or_refused(change: dict[str, Any]) -> None:
    with suppress(PermanentError):
        unwrap(EVENT | change)


@given(payload=st.binary(max_size=100))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        unwrap(payload)


def captures(*, of_version_4: bool) -> list[dict[str, Any]]:
    records = shared_vectors("mqtt_lorawan/network_server_uplinks.jsonl.gz")
    chirpstack = [r for r in records if r["platform"] == "ChirpStack" and r["bytes_hex"] is not None]
    found = [r for r in chirpstack if ("deviceInfo" in r["message"]) == of_version_4]
    assert len(found) > 10
    return found


def test_captures_of_real_networks_give_their_payload_bytes() -> None:
    records = captures(of_version_4=True)
    envelopes = [one(record["message"]) for record in records]
    assert [e.frame.payload.hex() for e in envelopes] == [r["bytes_hex"] for r in records]
    assert [e.frame.port for e in envelopes] == [r["fport"] for r in records]
    assert [e.seq for e in envelopes] == [r["message"]["fCnt"] for r in records]


def test_version_3_is_refused_by_name() -> None:
    for record in captures(of_version_4=False):
        with pytest.raises(PermanentError, match="devEui"):
            one(record["message"])


def test_the_payload_of_wrap_is_base64_as_the_network_writes_it() -> None:
    _, wrapped = UPLINK.wrap(one(EVENT))
    assert base64.b64decode(json.loads(wrapped)["data"]) == b"\x01\x12"
