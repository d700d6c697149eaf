from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.uplinks.esphome import UPLINK, configure
from tests.devices.frames import message


def test_a_state_is_a_frame_of_the_node() -> None:
    (envelope,) = UPLINK.unwrap(message("pass-1/sensor/snow_depth/state", b"1.23"))
    assert (envelope.frame.address, envelope.frame.topic, envelope.frame.payload) == (
        "pass-1", "sensor/snow_depth", b"1.23",
    )  # fmt: skip


@pytest.mark.bad_input(85)
def test_a_retained_state_is_history_and_an_emptied_one_nothing() -> None:
    (envelope,) = UPLINK.unwrap(message("pass-1/sensor/snow_depth/state", b"1.23", is_retained=True))
    assert envelope.is_retained
    assert UPLINK.unwrap(message("pass-1/sensor/snow_depth/state", b"", is_retained=True)) == ()


@pytest.mark.parametrize(("word", "online"), [(b"online", 1.0), (b"offline", 0.0)])
def test_the_status_is_said_about_the_node(word: bytes, online: float) -> None:
    (envelope,) = UPLINK.unwrap(message("pass-1/status", word))
    assert (envelope.frame.address, envelope.values, envelope.is_status) == ("pass-1", {"online": online}, True)


def test_another_status_is_refused() -> None:
    with pytest.raises(PermanentError, match="status"):
        UPLINK.unwrap(message("pass-1/status", b"1"))


@pytest.mark.parametrize(
    "topic",
    [
        "pass-1/debug",
        "pass-1/switch/pump/command",
        "pass-1/sensor/x",
        "pass-1/climate/x/state",
        "/sensor/x/state",
        "x",
        "",
    ],
)
def test_other_topics_carry_no_device_data(topic: str) -> None:
    assert UPLINK.unwrap(message(topic, b"5")) == ()


def test_a_site_may_have_levels_in_front() -> None:
    uplink = configure({"prefix": "esphome"})
    assert uplink.topics[0] == "esphome/+/status"
    (envelope,) = uplink.unwrap(message("esphome/pass-1/sensor/x/state", b"5"))
    assert envelope.frame.address == "pass-1"
    assert uplink.unwrap(message("pass-1/sensor/x/state", b"5")) == ()


@given(payload=st.binary(max_size=30), topic=st.sampled_from(["a/status", "a/sensor/b/state", "a/b", "a/x/y/state"]))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes, topic: str) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message(topic, payload))
