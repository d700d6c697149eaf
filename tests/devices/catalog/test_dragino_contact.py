"""Vectors: chirpstack/chirpstack-device-profiles (MIT, (c) 2025 Orne Brocaar), akenza-io/device-type-library (MIT,
(c) 2021 Akenza AG)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.dragino_contact import DEVICES
from devices.model import SECOND_NS, Decoded, PermanentError
from tests.devices.frames import frame

BY_MODEL = {spec.model: spec for spec in DEVICES}
ON_PORT_10 = ["dragino_lds01", "dragino_lds02", "dragino_lwl01", "dragino_lwl02"]
TIMED = ["dragino_lds03a", "dragino_cpl01"]


@pytest.mark.parametrize("model", ON_PORT_10)
@pytest.mark.parametrize("port", [10, 2])
def test_a_door_says_state_count_and_how_long_it_was_open(model: str, port: int) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], "8c960100000200001201", port=port)).values == {
        "contact_open": 1.0, "count": 2.0, "open_duration": 1080.0, "alarm": 1.0, "battery_voltage": 3.222,
    }  # fmt: skip


@pytest.mark.parametrize("model", ON_PORT_10)
def test_a_leak_is_no_opening(model: str) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], "4c6c0200000300000500")).values == {
        "water_leak": 1.0, "count": 3.0, "leak_duration": 300.0, "battery_voltage": 3.18,
    }  # fmt: skip


@pytest.mark.parametrize("model", ON_PORT_10)
def test_both_states_in_mode_3(model: str) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], "cc6c0300000000000001")).values == {
        "contact_open": 1.0, "water_leak": 1.0, "alarm": 1.0, "battery_voltage": 3.18,
    }  # fmt: skip


@pytest.mark.bad_input(49)
@pytest.mark.parametrize("model", ON_PORT_10)
@pytest.mark.parametrize(
    "payload", ["0b880100250001", "0b8801001bb3000000", "0b8801001bb30000000000", "0b880400250001000000"]
)
def test_a_cut_payload_is_not_read_beyond_its_end(model: str, payload: str) -> None:
    with pytest.raises(PermanentError, match="are no message of a"):
        BY_MODEL[model].decode(frame(BY_MODEL[model], payload))


@pytest.mark.bad_input(66)
def test_a_bouncing_contact_gives_each_edge_and_the_count_of_all() -> None:
    spec = BY_MODEL["dragino_lds02"]
    payloads = [f"{'8c' if n % 2 else '0c'}9601{n // 2:06x}00000000" for n in range(30)]
    said = [spec.decode(frame(spec, payload)).values for payload in payloads]
    assert [one["contact_open"] for one in said] == [float(n % 2) for n in range(30)]
    assert [one["count"] for one in said] == [float(n // 2) for n in range(30)]
    assert all(one["open_duration"] == 0.0 for one in said), "shorter than a minute"


@pytest.mark.parametrize("model", TIMED)
def test_the_device_says_when(model: str) -> None:
    decoded = BY_MODEL[model].decode(frame(BY_MODEL[model], "0300000c00000565000000"))
    assert decoded.observed_ns == 0x65000000 * SECOND_NS
    assert decoded.values == {"contact_open": 1.0, "alarm": 1.0, "count": 12.0, "open_duration": 300.0}


@pytest.mark.parametrize("model", TIMED)
def test_a_clock_that_was_never_set_is_none(model: str) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], "0100000c00000500000000")).observed_ns is None


@pytest.mark.parametrize("model", TIMED)
def test_the_log_is_history(model: str) -> None:
    log = "0100000c00000565000000" + "0000000d00000665000010"
    decoded = BY_MODEL[model].decode(frame(BY_MODEL[model], log, port=3))
    assert decoded.values == {}
    assert [(one.is_history, one.values["contact_open"]) for one in decoded.earlier] == [(True, 1.0), (True, 0.0)]


@pytest.mark.parametrize("model", TIMED)
def test_a_log_of_zeros_says_that_nothing_is_stored(model: str) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], bytes(11), port=3)) == Decoded(values={})


@pytest.mark.parametrize(("payload", "port", "values"), [
    ("31618e5740618e", 4, {}), ("31618e5740618e81", 4, {}), ("0a011001ff0e65", 5, {"battery_voltage": 3.685}),
])  # fmt: skip
@pytest.mark.parametrize("model", TIMED)
def test_configuration_measures_nothing_and_status_the_battery(
    model: str, payload: str, port: int, values: dict[str, float]
) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], payload, port=port)).values == values


@pytest.mark.parametrize("model", ON_PORT_10)
def test_the_simulator_says_what_the_device_would(model: str) -> None:
    said = {"contact_open": 1.0, "count": 7091.0, "open_duration": 120.0, "battery_voltage": 2.952}
    assert BY_MODEL[model].encode(Decoded(values=said)).payload.hex() == "8b8801001bb300000200"
    leak = {"water_leak": 1.0, "leak_duration": 60.0, "battery_voltage": math.nan}
    assert BY_MODEL[model].encode(Decoded(values=leak)).payload.hex() == "40000200000000000100"


DS03A, LWL03A, PB01 = (BY_MODEL[f"dragino_{name}"] for name in ("ds03a_lb", "lwl03a", "pb01_l"))


def test_two_doors_are_two_channels() -> None:
    decoded = DS03A.decode(frame(DS03A, "0100000c00000565000000" + "0200000300000a"))
    assert decoded.values == {
        "contact_open": 1.0, "alarm": 0.0, "count": 12.0, "open_duration": 300.0,
        "contact_open.2": 0.0, "alarm.2": 1.0, "count.2": 3.0, "open_duration.2": 600.0,
    }  # fmt: skip
    assert decoded.observed_ns == 0x65000000 * SECOND_NS


def test_counts_that_begin_anew_with_each_message_are_no_counter() -> None:
    assert DS03A.decode(frame(DS03A, "0900000c00000565000000")).values == {
        "contact_open": 1.0, "alarm": 0.0, "open_duration": 300.0,
    }  # fmt: skip
    (logged,) = DS03A.decode(frame(DS03A, "0900000c00000565000000", port=3)).earlier
    assert "count" not in logged.values


def test_a_leak_rope_says_when() -> None:
    decoded = LWL03A.decode(frame(LWL03A, "0300000c00000565000000"))
    assert decoded.values == {"water_leak": 1.0, "alarm": 1.0, "count": 12.0, "leak_duration": 300.0}


@pytest.mark.bad_input(50, 79)
def test_a_button_is_said_only_when_it_was_pressed() -> None:
    rest = {"battery_voltage": 3.0, "air_temperature": -5.0, "relative_humidity": 40.0}
    assert PB01.decode(frame(PB01, "0bb80301ffce0190")).values == {**rest, "button": 1.0}
    assert PB01.decode(frame(PB01, "0bb80300ffce0190")).values == rest


def test_a_message_for_a_leak_and_a_count_of_openings_does_not_exist() -> None:
    said = {"water_leak": 1.0, "contact_open": 1.0, "count": 1.0}
    with pytest.raises(PermanentError, match="no message that carries contact_open, count, water_leak"):
        BY_MODEL["dragino_lds02"].encode(Decoded(values=said))
