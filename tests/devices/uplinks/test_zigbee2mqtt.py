from __future__ import annotations

import pytest

from devices.model import Envelope, Frame, PermanentError
from devices.uplinks.zigbee2mqtt import UPLINK
from tests.devices.frames import RECEIVED_NS, message

STATE = b'{"occupancy": true}'


@pytest.mark.parametrize("name", ["home07_pir1", "hall/door", "居間 センサー", "a/b/c", "setting/get-up", "bridgehead"])
def test_a_state_is_a_frame_of_the_friendly_name(name: str) -> None:
    frame = Frame(gateway_id="gw", transport="mqtt", address=name, payload=STATE, received_ns=RECEIVED_NS)
    assert UPLINK.unwrap(message(f"zigbee2mqtt/{name}", STATE)) == (Envelope(frame=frame),)


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
        "zigbee2mqtt/door/availability",
        "zigbee2mqtt/",
    ],
)
def test_what_is_no_state_gives_nothing(topic: str) -> None:
    assert UPLINK.unwrap(message(topic, b"anything")) == ()


def test_an_emptied_retained_message_gives_nothing() -> None:
    assert UPLINK.unwrap(message("zigbee2mqtt/door", b"")) == ()


def test_another_base_is_refused() -> None:
    with pytest.raises(PermanentError, match="zigbee2mqtt/"):
        UPLINK.unwrap(message("zigbee/door", STATE))


def test_what_the_simulator_wraps_is_unwrapped_again() -> None:
    (sent,) = UPLINK.unwrap(message("zigbee2mqtt/hall/door", STATE))
    topic, payload = UPLINK.wrap(sent)
    assert UPLINK.unwrap(message(topic, payload)) == (sent,)
