"""The JSON state of a Zigbee2MQTT device: what of it is a reading, and what is refused."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.aqara_mccgq11lm import DEVICE as DOOR
from devices.catalog.aqara_rtcgq11lm import DEVICE as MOTION
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

T0_S = 1_700_000_000
T0_NS = T0_S * 10**9


def decode(state: Any) -> Decoded:
    payload = state if isinstance(state, bytes) else json.dumps(state).encode()
    return MOTION.decode(frame(MOTION, payload))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"battery": 100}, {"battery_level": 100.0}),
        ({"battery": "100.00"}, {"battery_level": 100.0}),
        ({"battery": 67.5}, {"battery_level": 67.5}),
        ({"voltage": 3015}, {"battery_voltage": 3.015}),
        ({"voltage": 2905}, {"battery_voltage": 2.905}),
        ({"linkquality": 255}, {"link_quality": 1.0}),
        ({"linkquality": 0}, {"link_quality": 0.0}),
        ({"occupancy": True, "update": {"state": "idle"}, "power_outage_count": 3}, {"occupancy": 1.0}),
        ({"occupancy": False, "illuminance": None}, {"occupancy": 0.0}),
    ],
)
def test_fields_become_quantities(state: Any, expected: dict[str, float]) -> None:
    assert decode(state).values == expected


@pytest.mark.parametrize(
    ("last_seen", "expected_ns"),
    [
        ("2023-11-14T22:13:20Z", T0_NS),
        ("2023-11-14T22:13:20.123Z", T0_NS + 123_000_000),
        ("2023-11-15T07:13:20+09:00", T0_NS),
        (T0_S * 1000 + 123, T0_NS + 123_000_000),
        ("2023-11-14T22:13:20", None),
        ("yesterday", None),
        ("１２", None),
        (None, None),
        (True, None),
        (-5, None),
        (0, None),
        (10**30, None),
        (1.5, None),
        ([], None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_time_that_is_none_costs_no_reading(last_seen: Any, expected_ns: int | None) -> None:
    decoded = decode({"occupancy": True, "last_seen": last_seen})
    assert decoded.values == {"occupancy": 1.0}
    assert decoded.observed_ns == expected_ns


@pytest.mark.parametrize(
    "state",
    [
        {},
        [],
        5,
        None,
        "online",
        {"contact": True},
        {"state": "online"},
        {"occupancy": None},
        {"occupancy": 1},
        {"occupancy": "true"},
        {"occupancy": True, "battery": "high"},
        {"battery": True},
        {"battery": []},
        {"battery": "１２"},
        {"battery": "1_0"},
        {"battery": "nan"},
        {"battery": ""},
        {"battery": 10**400},
        b"",
        b"online",
        b'{"battery": NaN}',
        b'{"battery": Infinity}',
        b'{"battery": 1e400}',
        b'{"battery": 50, "battery": 60}',
        b'{"battery": 50,}',
        b'{"battery": 50',
        b'{"battery": ' + b"9" * 5_000 + b"}",
        b'\xef\xbb\xbf{"battery": 50}',
        '{"battery": 50}'.encode("utf-16"),
        '{"名前": "電池", "battery": 50}'.encode("shift_jis"),
        b'{"a": ' * 10_000 + b"1" + b"}" * 10_000,
        b'{"a": ' + b"[" * 5_000 + b"]" * 5_000 + b', "battery": 50}',
        b'{"battery": 50, "a": "' + b"x" * 20_000 + b'"}',
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_state_of_this_device_is_refused(state: Any) -> None:
    with pytest.raises(PermanentError):
        decode(state)


names = st.sampled_from(["occupancy", "illuminance", "battery", "voltage", "linkquality", "last_seen", "contact", "x"])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just([5])


@pytest.mark.parametrize("spec", [MOTION, DOOR], ids=["motion", "door"])
@given(state=st.dictionaries(names, leaves | st.sampled_from(["100.00", "2023-11-14T22:13:20Z"])))
def test_any_state_is_decoded_or_refused(spec: Any, state: dict[str, Any]) -> None:
    decoded = Decoded(values={})
    with suppress(PermanentError):
        decoded = spec.decode(frame(spec, json.dumps(state).encode()))
    assert all(math.isfinite(value) for value in decoded.values.values())
    assert decoded.observed_ns is None or 0 < decoded.observed_ns < 2**63
