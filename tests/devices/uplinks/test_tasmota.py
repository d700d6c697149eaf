"""Messages: captures of tabspacekr/HomeAssistant (Apache-2.0), and variations of them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import SECOND_NS, Envelope, PermanentError
from devices.uplinks.tasmota import UPLINK, configure
from tests.devices.frames import RECEIVED_NS, message, shared_vectors

# RECEIVED_NS is 2023-11-14T22:13:20Z, 07:13:20 in Japan
SENSOR = {"Time": "2023-11-15T07:00:00", "AM2301": {"Temperature": 1.0}}


def unwrap(topic: str, body: Any, *, is_retained: bool = False, **options: Any) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return configure(options).unwrap(message(topic, payload, is_retained=is_retained))


def one(topic: str, body: Any, **options: Any) -> Envelope:
    (envelope,) = unwrap(topic, body, **options)
    return envelope


@pytest.mark.parametrize(
    ("topic", "options", "address", "kind"),
    [
        ("tele/plug1/SENSOR", {}, "plug1", "SENSOR"),
        ("tele/house/7/plug1/STATE", {}, "house/7/plug1", "STATE"),
        ("stat/plug1/RESULT", {}, "plug1", "RESULT"),
        ("plug1/tele/SENSOR", {"topic_first": True}, "plug1", "SENSOR"),
        ("house/plug1/stat/RESULT", {"topic_first": True}, "house/plug1", "RESULT"),
    ],
)
def test_a_message_is_a_frame_of_its_device(topic: str, options: dict[str, Any], address: str, kind: str) -> None:
    frame = one(topic, SENSOR, **options).frame
    assert (frame.address, frame.topic, json.loads(frame.payload)) == (address, kind, SENSOR)


@pytest.mark.parametrize(
    "topic", ["tele/plug1/INFO1", "stat/plug1/POWER", "stat/plug1/SENSOR", "cmnd/plug1/POWER", "tele/SENSOR", "x", ""]
)
def test_other_topics_carry_no_device_data(topic: str) -> None:
    assert unwrap(topic, b"anything") == ()


@pytest.mark.parametrize(("word", "online"), [(b"Online", 1.0), (b"Offline", 0.0)])
def test_the_last_will_is_said_about_the_device(word: bytes, online: float) -> None:
    envelope = one("tele/plug1/LWT", word, is_retained=True)
    assert (envelope.frame.address, envelope.values) == ("plug1", {"online": online})
    assert envelope.is_status
    assert envelope.is_retained
    assert unwrap("tele/plug1/LWT", b"") == ()


@pytest.mark.bad_input(73)
def test_when_the_broker_restarts_forty_last_wills_are_no_dead_residents() -> None:
    envelopes = [one(f"tele/home{n}/LWT", b"Offline") for n in range(40)]
    assert all(e.is_status and set(e.values) == {"online"} for e in envelopes)


@pytest.mark.bad_input(74)
@pytest.mark.parametrize(
    ("text", "options", "at_s"),
    [
        ("2023-11-15T07:00:00", {}, -800),
        ("2023-11-14T22:00:00", {"timezone": "UTC"}, -800),
        ("2023-11-14T23:00:00", {"timezone": "Europe/Berlin"}, -800),
        ("2023-11-14T22:00:00Z", {}, -800),
        ("2023-11-15T08:13:20", {}, 3600),
        ("2023-11-15T07:13:19", {}, None),
        ("1970-01-01T09:00:00", {}, None),
        ("noon", {}, None),
        (None, {}, None),
    ],
)
def test_the_time_is_local_and_may_lie_in_the_future(text: Any, options: dict[str, Any], at_s: int | None) -> None:
    expected = None if at_s is None else RECEIVED_NS + at_s * SECOND_NS
    assert one("tele/plug1/SENSOR", SENSOR | {"Time": text}, **options).observed_ns == expected


def test_each_device_of_a_zigbee_bridge_is_a_device() -> None:
    body = {
        "ZbReceived": {
            "0x662E": {"Device": "0x662E", "Name": " door_sensor", "Contact": 1},
            "0x057B": {"Device": "0x057B", "Occupancy": 1},
        }
    }
    found = unwrap("tele/SonoffZB/SENSOR", body)
    assert [e.frame.address for e in found] == ["SonoffZB/door_sensor", "SonoffZB/0x057B"]
    assert json.loads(found[0].frame.payload)["Contact"] == 1


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("tele/plug1/LWT", b"online"),
        ("tele/plug1/LWT", b"\xff"),
        ("tele/plug1/SENSOR", b"ON"),
        ("tele/plug1/SENSOR", b"[]"),
        ("tele/zb/SENSOR", {"ZbReceived": []}),
        ("tele/zb/SENSOR", {"ZbReceived": {}}),
        ("tele/zb/SENSOR", {"ZbReceived": {"0x1": 5}}),
    ],
)
def test_what_cannot_be_read_is_refused(topic: str, body: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(topic, body)


def test_wrong_options_are_named() -> None:
    with pytest.raises(PermanentError, match=r"timezone.*Mars"):
        configure({"timezone": "Mars"})
    assert configure({"topic_first": True}).topics[0] == "+/tele/SENSOR"


def test_captures_of_a_bridge() -> None:
    records = shared_vectors("mqtt_tasmota_zigbee/zigbee_bridge_messages.jsonl")
    addresses = {one(r["topic"], r["payload"].encode()).frame.address for r in records}
    assert {"SonoffZB/door_sensor", "SonoffZB/motion_sensor", "SonoffZB/Tuya_Temp_sensor"} <= addresses


def test_what_the_simulator_wraps_is_unwrapped_again() -> None:
    for topic, body in (("tele/zb/SENSOR", {"ZbReceived": {"door": {"Name": "door"}}}), ("tele/plug1/SENSOR", SENSOR)):
        sent = one(topic, body)
        again, payload = UPLINK.wrap(sent)
        (arrived,) = UPLINK.unwrap(message(again, payload))
        assert (arrived.frame, topic) == (sent.frame, again)


@given(payload=st.binary(max_size=80), topic=st.sampled_from(["tele/a/SENSOR", "tele/a/LWT", "stat/a/RESULT", "a/b"]))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes, topic: str) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message(topic, payload))
