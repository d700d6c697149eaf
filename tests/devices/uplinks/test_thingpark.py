"""Messages: captures as they stand in thingsboard/data-converters (Apache-2.0), and variations of them."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, Frame, PermanentError
from devices.uplinks.thingpark import UPLINK
from tests.devices.frames import RECEIVED_NS, message, shared_vectors

UP: dict[str, Any] = {
    "Time": "2024-11-28T21:08:22.138+00:00", "DevEUI": "70B3D57BA000156B", "FPort": 1, "FCntUp": 26,
    "payload_hex": "0252850003809980220bd3", "LrrRSSI": -114.0, "LrrSNR": 4.75,
}  # fmt: skip


def unwrap(body: Any) -> tuple[Envelope, ...]:
    return UPLINK.unwrap(message("", body if isinstance(body, bytes) else json.dumps(body).encode()))


def one(**change: Any) -> Envelope:
    (envelope,) = unwrap({"DevEUI_uplink": UP | change})
    return envelope


def test_an_uplink() -> None:
    frame = Frame(
        gateway_id="gw", transport="lorawan", address="70b3d57ba000156b",
        payload=bytes.fromhex("0252850003809980220bd3"), received_ns=RECEIVED_NS, port=1,
    )  # fmt: skip
    radio = {"rssi": -114.0, "snr": 4.75}
    assert one() == Envelope(frame=frame, seq=26, observed_ns=1_732_828_102_138_000_000, values=radio)
    assert one(FPort="1", FCntUp="26", LrrRSSI="-114.0", LrrSNR="4.75") == one()


@pytest.mark.bad_input(48, 59)
def test_a_keep_alive_and_other_documents_carry_no_device_data() -> None:
    assert unwrap({"DevEUI_uplink": {key: value for key, value in UP.items() if key != "payload_hex"}}) == ()
    assert unwrap({"DevEUI_downlink_Sent": {"DevEUI": "70B3D57BA000156B"}}) == ()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"DevEUI_uplink": []},
        {"DevEUI_uplink": UP | {"DevEUI": "x"}},
        {"DevEUI_uplink": UP | {"payload_hex": "012"}},
        {"DevEUI_uplink": UP | {"FPort": None}},
        {"DevEUI_uplink": UP | {"FPort": "0"}},
        {"DevEUI_uplink": UP | {"FPort": "one"}},
        {"DevEUI_uplink": UP | {"FCntUp": "-1"}},
        b"",
    ],
)
def test_what_is_no_uplink_is_refused(body: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(body)


@pytest.mark.parametrize("platform", ["ThingPark", "ThingParkEnterprise"])
def test_captures_of_real_networks_give_their_payload_bytes(platform: str) -> None:
    records = [r for r in shared_vectors("mqtt_lorawan/network_server_uplinks.jsonl.gz") if r["platform"] == platform]
    assert len(records) > 5
    for record in records:
        (envelope,) = unwrap(record["message"])
        assert record["bytes_hex"] in {None, envelope.frame.payload.hex()}
        assert record["fport"] in {None, envelope.frame.port}
        assert envelope.seq == record["message"]["DevEUI_uplink"]["FCntUp"]


@given(payload=st.binary(max_size=80))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        unwrap(payload)


@given(change=st.dictionaries(st.sampled_from(sorted(UP)), st.none() | st.integers() | st.text(max_size=9)))
def test_any_document_is_unwrapped_or_refused(change: dict[str, Any]) -> None:
    with suppress(PermanentError):
        unwrap({"DevEUI_uplink": UP | change})
