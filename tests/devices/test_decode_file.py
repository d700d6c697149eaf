"""What `satomori decode` prints: one JSON object a payload or frame, in the forms the issue promises."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.decode_file import decode_hex, decode_stream, find_model
from devices.model import PermanentError
from devices.registry import load_catalog

CONTACT = find_model("milesight_em300_mcs")
GAUGE = find_model("maxbotix_mb7374")
LORA_GAUGE = find_model("decentlab_dl_mbx")
MOTION = find_model("aqara_rtcgq11lm")


def test_an_unknown_model_is_named_with_the_known_ones() -> None:
    with pytest.raises(PermanentError, match=r"'mb1' is not in the catalogue; known: .*aqara_mccgq11lm, "):
        find_model("mb1")


@pytest.mark.parametrize(
    "text",
    ["01755c03673401046865060001", "01 75 5C 03 67 34 01 04 68 65 06 00 01", "01:75:5c:03:67:34:01:04:68:65:06:00:01"],
)
def test_hex_in_any_writing_is_decoded(text: str) -> None:
    assert decode_hex(CONTACT, port=None, text=text) == {
        "values": {"air_temperature": 30.8, "battery_level": 92.0, "contact_open": 1.0, "relative_humidity": 50.5},
        "units": {"air_temperature": "Cel", "battery_level": "%", "contact_open": "1", "relative_humidity": "%"},
        "seq": None,
        "observed_at": None,
    }


def test_a_port_may_be_given() -> None:
    assert "values" in decode_hex(CONTACT, port=85, text="060001")
    assert decode_hex(CONTACT, port=1, text="060001") == {"error": "FPort 1 is not 85", "bytes": "060001"}


def test_a_value_the_device_calls_bad_is_null() -> None:
    shown = decode_hex(LORA_GAUGE, port=None, text="02012f000304d200000bb1")
    assert shown["values"] == {"battery_voltage": 2.993, "distance": None, "valid_samples": 0.0}
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown


def test_the_devices_own_time_is_shown() -> None:
    shown = decode_hex(MOTION, port=None, text=b'{"occupancy":true,"last_seen":1700000000123}'.hex())
    assert shown["observed_at"] == "2023-11-14T22:13:20.123000Z"
    shown = decode_hex(CONTACT, port=None, text="20ce00f15365f6ff6501")
    assert shown["observed_at"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("text", ["", "0", "xyz", "01755", "0x01", "０１"])
def test_what_is_no_hex_or_no_payload_is_an_error(text: str) -> None:
    shown = decode_hex(CONTACT, port=None, text=text)
    assert set(shown) == {"error", "bytes"}
    assert shown["bytes"] == text


def test_a_capture_gives_an_object_a_frame() -> None:
    capture = b"RoHS 1.8b090\rR1234\rR5000\rR12\rR1234R1235\rR12"
    assert list(decode_stream(GAUGE, capture)) == [
        {"values": {}, "units": {}, "seq": None, "observed_at": None},
        {"values": {"distance": 1.234}, "units": {"distance": "m"}, "seq": None, "observed_at": None},
        {"values": {"distance": None}, "units": {"distance": "m"}, "seq": None, "observed_at": None},
        {"error": "4 bytes are no frame like 'R%04d\\r'", "bytes": b"R12\r".hex()},
        {"error": "11 bytes are no frame like 'R%04d\\r'", "bytes": b"R1234R1235\r".hex()},
        {"error": "the capture ends inside a frame", "bytes": b"R12".hex()},
    ]


def test_a_run_without_an_end_is_shown_in_part() -> None:
    long_one, good, tail = decode_stream(GAUGE, b"x" * 100_000 + b"\rR1234\r" + b"y" * 100_000)
    assert long_one == {"error": "100001 bytes without a frame end, at most 64 are a frame", "bytes": (b"x" * 64).hex()}
    assert "values" in good
    assert tail["bytes"] == (b"y" * 64).hex()


def test_a_capture_of_a_model_without_a_line_is_refused() -> None:
    with pytest.raises(PermanentError, match="does not speak on a serial line"):
        list(decode_stream(CONTACT, b""))


@pytest.mark.parametrize("model", load_catalog())
@given(payload=st.binary(max_size=40))
def test_whatever_is_given_the_answer_is_json(model: str, payload: bytes) -> None:
    shown = decode_hex(find_model(model), port=None, text=payload.hex())
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    always = {"values", "units", "seq", "observed_at"}
    rare = {"age_s", "is_history", "has_restarted", "is_partial", "earlier"}
    assert set(shown) == {"error", "bytes"} or always <= set(shown) <= always | rare
