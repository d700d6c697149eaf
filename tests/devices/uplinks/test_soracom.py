from __future__ import annotations

import base64
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, Frame, PermanentError, UplinkSpec
from devices.uplinks.soracom import UPLINK, configure
from tests.devices.frames import RECEIVED_NS, message

PRESS = {"clickType": 1, "clickTypeName": "SINGLE", "batteryLevel": 1, "binaryParserEnabled": True}
FUNNEL: dict[str, Any] = {
    "operatorId": "OP0012345678",
    "destination": {"resourceUrl": "https://example.com", "service": "x", "provider": "y"},
    "credentialsId": "id",
    "sourceProtocol": "udp",
    "payloads": PRESS,
    "timestamp": 1_531_797_822_254,
    "imsi": "440101234567890",
    "imei": "012345678901234",
}


def unwrap(body: Any, *, topic: str = "", uplink: UplinkSpec = UPLINK) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return uplink.unwrap(message(topic, payload))


def one(body: Any, *, topic: str = "", uplink: UplinkSpec = UPLINK) -> Envelope:
    (envelope,) = unwrap(body, topic=topic, uplink=uplink)
    return envelope


def test_an_envelope_of_funnel() -> None:
    envelope = one(FUNNEL)
    assert envelope.frame == Frame(
        gateway_id="gw", transport="http", address="440101234567890", payload=json.dumps(PRESS).encode(),
        received_ns=RECEIVED_NS,
    )  # fmt: skip
    assert envelope.observed_ns == 1_531_797_822_254_000_000


def test_the_address_may_be_the_imei() -> None:
    assert one(FUNNEL, uplink=configure({"address": "imei"})).frame.address == "012345678901234"


@pytest.mark.parametrize("topic", ["440101234567890", "traps/440101234567890", "traps/440101234567890/"])
def test_a_payload_alone_takes_its_address_from_the_path(topic: str) -> None:
    envelope = one(PRESS, topic=topic)
    assert (envelope.frame.address, json.loads(envelope.frame.payload)) == ("440101234567890", PRESS)
    assert envelope.observed_ns is None


def test_base64_alone_is_the_payload_inside() -> None:
    inside = base64.b64encode(json.dumps(PRESS).encode()).decode()
    assert json.loads(one({"payload": inside}, topic="440").frame.payload) == PRESS


@pytest.mark.parametrize(
    ("text", "options", "payload"),
    [
        ("AXVc", {}, b"\x01u\\"),
        ("AXVc", {"text": "plain"}, b"AXVc"),
        ('{"lat": 35.0}', {}, b'{"lat": 35.0}'),
    ],
)
def test_payloads_that_are_text(text: str, options: dict[str, str], payload: bytes) -> None:
    uplink = configure(options)
    assert one(FUNNEL | {"payloads": text}, uplink=uplink).frame.payload == payload


@pytest.mark.parametrize(
    ("timestamp", "observed_ns"),
    [
        ("1531797822254", 1_531_797_822_254_000_000),
        (None, None),
        (-1, None),
        ("noon", None),
        (True, None),
        (1e300, None),
    ],
)
def test_a_time_that_is_none_costs_only_the_time(timestamp: Any, observed_ns: int | None) -> None:
    assert one(FUNNEL | {"timestamp": timestamp}).observed_ns == observed_ns


@pytest.mark.parametrize(
    ("body", "topic"),
    [
        (PRESS, ""),
        (PRESS, "/"),
        (PRESS, "x" * 65),
        (FUNNEL | {"imsi": None}, ""),
        (FUNNEL | {"imsi": 440}, ""),
        (FUNNEL | {"payloads": None}, ""),
        (FUNNEL | {"payloads": ""}, ""),
        (FUNNEL | {"payloads": [1]}, ""),
        (FUNNEL | {"payloads": "no base64!"}, ""),
        ({"payload": "no base64!"}, "440"),
        (b"", "440"),
        (b"[]", "440"),
    ],
)
def test_what_cannot_be_read_is_refused(body: Any, topic: str) -> None:
    with pytest.raises(PermanentError):
        unwrap(body, topic=topic)


def test_every_wrong_option_is_named() -> None:
    with pytest.raises(PermanentError, match=r"(?s)address.*text.*colour"):
        configure({"address": "msisdn", "text": "utf-16", "colour": 1})


@given(payload=st.binary(max_size=100), topic=st.text(max_size=20))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes, topic: str) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message(topic, payload))


@given(change=st.dictionaries(st.sampled_from(sorted(FUNNEL)), st.none() | st.integers() | st.text(max_size=9)))
def test_any_envelope_is_unwrapped_or_refused(change: dict[str, Any]) -> None:
    with suppress(PermanentError):
        unwrap(FUNNEL | change, topic="440")
