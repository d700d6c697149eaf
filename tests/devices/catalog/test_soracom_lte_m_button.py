"""Messages: the examples of the maker's page, and variations of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devices.catalog.soracom_lte_m_button import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

EVENT: dict[str, Any] = {
    "prod_type": 1, "f_ack": True, "msg_type": "event", "seq_number": 42, "batt_vol": 3000,
    "detect_type": "Single short click", "crc8": True, "binaryParserEnabled": True,
}  # fmt: skip
TIMER = {"prod_type": 1, "msg_type": "timer", "seq_number": 42, "batt_vol": 3000, "short_summary_1": 1, "crc8": True}


def decode(said: Any) -> Decoded:
    return DEVICE.decode(frame(DEVICE, json.dumps(said).encode()))


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({}, {"button": 1.0}),
        ({"detect_type": "Double short click"}, {"button": 2.0}),
        ({"detect_type": "Single long click", "msg_type": "alert"}, {"button": 3.0}),
        ({"detect_type": "Octuple click"}, {"button": 5.0}),
        ({"detect_type": None}, {"button": 5.0}),
        ({"detect_type": {}}, {"button": 5.0}),
        ({"detect_type": "Connected"}, {"contact_open": 0.0}),
        ({"detect_type": "Disconnected"}, {"contact_open": 1.0}),
        ({"msg_type": "event_with_temperature", "temp_cur": -33.94}, {"button": 1.0, "probe_temperature": -33.94}),
        ({"msg_type": "timer"}, {}),
        ({"msg_type": "status"}, {}),
    ],
)
def test_messages(change: dict[str, Any], values: dict[str, float]) -> None:
    assert decode(EVENT | change) == Decoded(values={"battery_voltage": 3.0, **values}, seq=42)


@pytest.mark.bad_input(79)
def test_twenty_presses_are_twenty_and_one_sent_again_is_the_same() -> None:
    presses = [decode(EVENT | {"seq_number": number}) for number in range(20)]
    assert len({said.seq for said in presses}) == 20
    assert all(said.values["button"] == 1.0 for said in presses)
    assert decode(EVENT) == decode(EVENT | {"f_ack": False})


@pytest.mark.bad_input(79)
@pytest.mark.parametrize("kind", ["timer", "status", "heartbeat"])
def test_a_life_sign_of_an_empty_battery_is_no_press(kind: str) -> None:
    assert decode(EVENT | {"msg_type": kind, "batt_vol": 1800}).values == {"battery_voltage": 1.8}
    assert decode(TIMER).values == {"battery_voltage": 3.0}


@pytest.mark.bad_input(64)
@pytest.mark.parametrize("battery", [None, "empty", [], True])
def test_a_press_is_not_lost_for_the_sake_of_its_battery(battery: Any) -> None:
    assert decode(EVENT | {"batt_vol": battery}).values == {"button": 1.0}


@pytest.mark.parametrize("seq", [None, -1, 1.5, "x", 2**40])
def test_a_counter_that_is_none_is_absent(seq: Any) -> None:
    assert decode(EVENT | {"seq_number": seq}).seq is None


@pytest.mark.parametrize(
    "said", [EVENT | {"crc8": False}, EVENT | {"msg_type": "hello"}, {}, {"msg_type": "status"}, [EVENT], 5]
)
def test_what_is_no_message_of_the_button_is_refused(said: Any) -> None:
    with pytest.raises(PermanentError):
        decode(said)


def test_a_press_and_an_edge_are_two_messages() -> None:
    with pytest.raises(PermanentError, match="one event"):
        DEVICE.encode(Decoded(values={"button": 1.0, "contact_open": 1.0}))
