"""Messages: the samples of the maker's documentation, and variations of them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, PermanentError
from devices.uplinks.shelly_gen2 import UPLINK, configure
from tests.devices.frames import message

ID = "shellyplus1pm-44179394d4d4"
PARAMS = {"ts": 1_700_000_000.25, "switch:0": {"id": 0, "apower": 8.9}}
STATUS = {"src": ID, "dst": f"{ID}/events", "method": "NotifyStatus", "params": PARAMS}


def unwrap(topic: str, body: Any, *, is_retained: bool = False) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return UPLINK.unwrap(message(topic, payload, is_retained=is_retained))


def one(topic: str, body: Any) -> Envelope:
    (envelope,) = unwrap(topic, body)
    return envelope


def test_a_notification_is_a_frame_of_the_device() -> None:
    envelope = one(f"{ID}/events/rpc", STATUS)
    assert (envelope.frame.address, envelope.frame.topic) == (ID, "NotifyStatus")
    assert json.loads(envelope.frame.payload) == PARAMS
    assert envelope.observed_ns == 1_700_000_000_250_000_000


@pytest.mark.bad_input(75)
@pytest.mark.parametrize("ts", [None, 0, -1, "soon", True])
def test_before_the_clock_is_set_there_is_no_time(ts: Any) -> None:
    assert one(f"{ID}/events/rpc", STATUS | {"params": PARAMS | {"ts": ts}}).observed_ns is None


@pytest.mark.parametrize(("word", "online"), [(b"true", 1.0), (b"false", 0.0)])
def test_the_last_will_is_said_about_the_device(word: bytes, online: float) -> None:
    (envelope,) = unwrap(f"{ID}/online", word, is_retained=True)
    assert (envelope.values, envelope.is_status, envelope.is_retained) == ({"online": online}, True, True)


def test_the_state_of_a_component() -> None:
    assert one(f"{ID}/status/switch:0", {"output": True}).frame.topic == "status/switch:0"


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (f"{ID}/rpc", STATUS),
        (f"{ID}/events/rpc", {"method": "NotifyOther", "params": {}}),
        (f"{ID}/events/rpc", {"id": 1, "result": {}}),
        (f"{ID}/online", b""),
        (f"{ID}/command", b"x"),
        ("x", b"x"),
    ],
)
def test_other_messages_carry_no_device_data(topic: str, body: Any) -> None:
    assert unwrap(topic, body) == ()


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        (f"{ID}/online", b"yes"),
        (f"{ID}/events/rpc", b"[]"),
        (f"{ID}/events/rpc", {"method": "NotifyStatus"}),
        (f"{ID}/events/rpc", {"method": "NotifyStatus", "params": [1]}),
    ],
)
def test_what_cannot_be_read_is_refused(topic: str, body: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(topic, body)


def test_a_site_may_have_levels_in_front() -> None:
    uplink = configure({"prefix": "house/shellies/"})
    assert uplink.topics[0] == "house/shellies/+/events/rpc"
    (envelope,) = uplink.unwrap(message(f"house/shellies/{ID}/events/rpc", json.dumps(STATUS).encode()))
    assert envelope.frame.address == ID
    with pytest.raises(PermanentError, match="prefix"):
        configure({"prefix": "#"})


@given(payload=st.binary(max_size=80), level=st.sampled_from(["events/rpc", "online", "status/x", "y"]))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes, level: str) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message(f"{ID}/{level}", payload))
