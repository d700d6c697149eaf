from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, PermanentError
from devices.uplinks.switchbot import UPLINK
from tests.devices.frames import message

CONTEXT = {"deviceType": "WoContact", "deviceMac": "D5:E5:F5:A5:B5:C5", "openState": "open", "timeOfSample": 1}
EVENT: dict[str, Any] = {"eventType": "changeReport", "eventVersion": "1", "context": CONTEXT}


def unwrap(body: Any) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return UPLINK.unwrap(message("", payload))


def one(**change: Any) -> Envelope:
    (envelope,) = unwrap(EVENT | {"context": CONTEXT | change})
    return envelope


@pytest.mark.parametrize("mac", ["D5E5F5A5B5C5", "d5:e5:f5:a5:b5:c5", "D5-E5-F5-A5-B5-C5"])
def test_a_change_report_is_a_frame_of_the_device(mac: str) -> None:
    envelope = one(deviceMac=mac)
    assert (envelope.frame.address, envelope.frame.transport) == ("d5e5f5a5b5c5", "http")
    assert json.loads(envelope.frame.payload)["openState"] == "open"
    assert envelope.is_cached


@pytest.mark.bad_input(76)
@pytest.mark.parametrize(
    ("time", "observed_ns"),
    [
        (1_700_000_000_123, 1_700_000_000_123_000_000),
        (1_700_000_000, 1_700_000_000_000_000_000),
        ("1700000000123", 1_700_000_000_123_000_000),
        (123_456_789, 123_456_789_000_000_000),
        (0, None),
        (-1, None),
        (None, None),
        (True, None),
        (1e300, None),
        ("now", None),
    ],
)
def test_the_time_is_in_milliseconds_or_in_seconds(time: Any, observed_ns: int | None) -> None:
    assert one(timeOfSample=time).observed_ns == observed_ns


@pytest.mark.bad_input(76)
def test_a_webhook_that_comes_twice_is_the_same_frame_at_the_same_time() -> None:
    first, second = one(timeOfSample=1_700_000_000_123), one(timeOfSample=1_700_000_000_123)
    assert (first.frame, first.observed_ns) == (second.frame, second.observed_ns)


def test_other_events_carry_no_device_data() -> None:
    assert unwrap({"eventType": "deviceOnline", "context": {}}) == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"context": CONTEXT},
        {"eventType": "changeReport"},
        EVENT | {"context": []},
        EVENT | {"context": CONTEXT | {"deviceMac": None}},
        EVENT | {"context": CONTEXT | {"deviceMac": "D5E5"}},
        EVENT | {"context": CONTEXT | {"deviceMac": "Ｄ5E5F5A5B5C5"}},
        [EVENT],
        b"",
        b"\xff",
    ],
)
def test_what_is_no_event_is_refused(body: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(body)


@given(payload=st.binary(max_size=100))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        unwrap(payload)
