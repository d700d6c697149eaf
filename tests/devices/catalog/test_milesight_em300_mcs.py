"""Vector: Milesight's example as it stands in thingsboard/data-converters (Apache-2.0)."""

from __future__ import annotations

import base64

import pytest

from devices.catalog.milesight_em300_mcs import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame, shared_vectors

EXAMPLE = {"battery_level": 92.0, "air_temperature": 30.8, "relative_humidity": 50.5, "contact_open": 1.0}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("01755c 03673401 046865 060001", EXAMPLE),
        ("060000", {"contact_open": 0.0}),
        ("0367f6ff", {"air_temperature": -1.0}),
        ("036770fe", {"air_temperature": -40.0}),
        ("060001 ff0bff", {"contact_open": 1.0}),
        ("ff0bff ff166136b49873430015 ff0f00", {}),
        ("060001 99990102", {"contact_open": 1.0}),
        ("060001 ff7701", {"contact_open": 1.0}),
    ],
    ids=["all", "closed", "-1 degC", "-40 degC", "info behind", "info only", "unknown behind", "unknown info behind"],
)
def test_channels_are_read_one_by_one(payload: str, expected: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == expected
    assert (decoded.observed_ns, decoded.is_history) == (None, False)


def test_a_history_record_has_its_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20ce 00f15365 f6ff 65 01"))
    assert decoded == Decoded(
        values={"air_temperature": -1.0, "relative_humidity": 50.5, "contact_open": 1.0},
        observed_ns=1_700_000_000 * 10**9,
        is_history=True,
    )
    assert DEVICE.encode(decoded).payload == bytes.fromhex("20ce00f15365f6ff6501")


@pytest.mark.bad_input(56)
@pytest.mark.parametrize(
    "payload",
    ["060000 20ce 00f15365 f6ff 65 01", "20ce 00f15365 f6ff 65 01 060000"],
    ids=["record behind", "record before"],
)
def test_a_history_record_beside_others_is_earlier(payload: str) -> None:
    record = Decoded(
        values={"air_temperature": -1.0, "relative_humidity": 50.5, "contact_open": 1.0},
        observed_ns=1_700_000_000 * 10**9,
        is_history=True,
    )
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded == Decoded(values={"contact_open": 0.0}, earlier=(record,))
    assert DEVICE.decode(DEVICE.encode(decoded)) == decoded


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("9999", "channel 9999"),
        ("ff0f00 9999", "channel 9999"),
        ("01", "type is missing"),
        ("01755c 03", "type is missing"),
        ("0175", "is cut: 0 of 1"),
        ("01755c 036734", "is cut: 1 of 2"),
        ("060001 ff16613600", "is cut: 3 of 8"),
        ("060002", "none of 0 to 1"),
        ("0600ff", "none of 0 to 1"),
        ("20ce 00f15365 f6ff 65", "is cut: 7 of 8"),
        ("20ce 00f15365 f6ff 65 05", "none of 0 to 1"),
    ],
)
def test_a_payload_of_another_shape_is_refused(payload: str, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        DEVICE.decode(frame(DEVICE, payload))


@pytest.mark.parametrize("port", [1, 84, 86])
def test_another_port_is_another_protocol(port: int) -> None:
    with pytest.raises(PermanentError, match="is not 85"):
        DEVICE.decode(frame(DEVICE, "060001", port=port))


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values=EXAMPLE))
    assert (made.payload.hex(), made.port) == ("01755c03673401046865060001", 85)


@pytest.mark.parametrize(
    "decoded",
    [
        Decoded(values={"battery_level": 101.0}),
        Decoded(values={"air_temperature": 4_000.0}),
        Decoded(values={"relative_humidity": -1.0}),
        Decoded(values={"contact_open": 2.0}),
        Decoded(values={"contact_open": 1.0}, is_history=True),
    ],
)
def test_what_does_not_fit_is_refused(decoded: Decoded) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(decoded)


def test_the_message_of_a_real_network_decodes_as_expected() -> None:
    records = [r for r in shared_vectors("mqtt_lorawan/network_server_uplinks.jsonl.gz") if r["model"] == "EM300-MCS"]
    assert records
    for record in records:
        payload = base64.b64decode(record["message"]["data"])
        values = DEVICE.decode(frame(DEVICE, payload, port=record["message"]["fPort"])).values
        expected = record["expected"]["telemetry"][0]["values"]
        assert values == {
            "battery_level": expected["battery"],
            "air_temperature": expected["temperature"],
            "relative_humidity": expected["humidity"],
            "contact_open": float(expected["magnet_status"] == "open"),
        }
