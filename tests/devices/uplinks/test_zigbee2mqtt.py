from __future__ import annotations

from contextlib import suppress

import pytest

from devices.model import Envelope, Frame, PermanentError
from devices.quantities import is_hearsay
from devices.uplinks.zigbee2mqtt import UPLINK, configure
from tests.devices.frames import RECEIVED_NS, message

STATE = b'{"occupancy": true}'


@pytest.mark.parametrize("name", ["home07_pir1", "hall/door", "居間 センサー", "a/b/c", "setting/get-up", "bridgehead"])
def test_a_state_is_a_frame_of_the_friendly_name(name: str) -> None:
    frame = Frame(gateway_id="gw", transport="mqtt", address=name, payload=STATE, received_ns=RECEIVED_NS)
    assert UPLINK.unwrap(message(f"zigbee2mqtt/{name}", STATE)) == (Envelope(frame=frame, is_cached=True),)


def test_a_retained_state_is_marked() -> None:
    (envelope,) = UPLINK.unwrap(message("zigbee2mqtt/door", STATE, is_retained=True))
    assert envelope.is_retained


@pytest.mark.parametrize(
    "topic",
    [
        "zigbee2mqtt/bridge/state",
        "zigbee2mqtt/bridge/devices",
        "zigbee2mqtt/bridge/response/device/rename",
        "zigbee2mqtt/door/set",
        "zigbee2mqtt/door/set/state",
        "zigbee2mqtt/hall/door/get",
        "zigbee2mqtt/door/availability/x",
        "zigbee2mqtt/",
    ],
)
def test_what_is_no_state_gives_nothing(topic: str) -> None:
    assert UPLINK.unwrap(message(topic, b"anything")) == ()


@pytest.mark.bad_input(85)
def test_an_emptied_retained_message_gives_nothing() -> None:
    assert UPLINK.unwrap(message("zigbee2mqtt/door", b"")) == ()
    assert UPLINK.unwrap(message("zigbee2mqtt/door/availability", b"", is_retained=True)) == ()


@pytest.mark.bad_input(72)
@pytest.mark.parametrize(
    ("payload", "online"),
    [
        (b"online", 1.0),
        (b"offline", 0.0),
        (b'{"state":"online"}', 1.0),
        (b'{"state": "offline"}', 0.0),
        (b'"online"', 1.0),
    ],
)
def test_availability_is_said_about_the_device_in_either_form(payload: bytes, online: float) -> None:
    (envelope,) = UPLINK.unwrap(message("zigbee2mqtt/hall/door/availability", payload, is_retained=True))
    assert (envelope.frame.address, envelope.values) == ("hall/door", {"online": online})
    assert envelope.is_status
    assert envelope.is_retained


@pytest.mark.parametrize("payload", [b"", b"true", b"{}", b'{"state": 1}', b"{", b'{"state":"away"}', b"\xff"])
def test_an_availability_that_is_neither_is_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        assert UPLINK.unwrap(message("zigbee2mqtt/door/availability", payload)) == ()


@pytest.mark.bad_input(73)
def test_when_the_bridge_goes_away_no_device_says_anything() -> None:
    """The broker tells the last will of the bridge: forty devices are offline, and none of them has spoken."""
    wills = [message(f"zigbee2mqtt/home{n}/availability", b'{"state":"offline"}') for n in range(40)]
    envelopes = [envelope for will in wills for envelope in UPLINK.unwrap(will)]
    assert len(envelopes) == 40
    assert all(e.is_status and e.values == {"online": 0.0} and is_hearsay("online") for e in envelopes)
    assert UPLINK.unwrap(message("zigbee2mqtt/bridge/state", b'{"state":"offline"}')) == ()


def test_a_site_may_have_another_base() -> None:
    uplink = configure({"base": "house/zb"})
    assert uplink.topics == ("house/zb/#",)
    (envelope,) = uplink.unwrap(message("house/zb/door", STATE))
    assert envelope.frame.address == "door"
    with pytest.raises(PermanentError, match="base"):
        configure({"base": "a/#"})


def test_another_base_is_refused() -> None:
    with pytest.raises(PermanentError, match="zigbee2mqtt/"):
        UPLINK.unwrap(message("zigbee/door", STATE))


def test_what_the_simulator_wraps_is_unwrapped_again() -> None:
    (sent,) = UPLINK.unwrap(message("zigbee2mqtt/hall/door", STATE))
    topic, payload = UPLINK.wrap(sent)
    assert UPLINK.unwrap(message(topic, payload)) == (sent,)
