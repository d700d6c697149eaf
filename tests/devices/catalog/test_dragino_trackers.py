"""Vector: TheThingsNetwork/lorawan-devices, vendor/dragino/trackerd-codec.yaml (Apache-2.0)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.dragino_trackers import DEVICES
from devices.model import SECOND_NS, Decoded, DeviceSpec, PermanentError
from tests.devices.frames import frame

LGT92, TRACKERD = DEVICES
FIX = "015a706606cf3cf8"
TAIL = {TRACKERD.model: "0fa23001ae00da", LGT92.model: "0fa23000640fa05a0064"}


def test_the_maker_s_example() -> None:
    assert TRACKERD.decode(frame(TRACKERD, FIX + "0fa23001ae00da")).values == {
        "latitude": 22.70423, "longitude": 114.244856, "sos": 0.0, "battery_voltage": 4.002, "in_trip": 1.0,
        "device_humidity": 43.0, "device_temperature": 21.8,
    }  # fmt: skip


@pytest.mark.bad_input(50)
@pytest.mark.parametrize(("word", "degrees"), [("ffce", -5.0), ("ffff", -0.1), ("fe70", -40.0), ("0000", 0.0)])
def test_a_tracker_in_frost_is_below_zero(word: str, degrees: float) -> None:
    assert TRACKERD.decode(frame(TRACKERD, f"{FIX}0fa23001ae{word}")).values["device_temperature"] == degrees


@pytest.mark.bad_input(60)
@pytest.mark.parametrize("spec", DEVICES, ids=lambda spec: spec.model)
@pytest.mark.parametrize(
    "position",
    [
        "0000000000000000",
        "ffffffffffffffff",
        "015a7066ffffffff",
        "056d6d8006cf3cf8",  # 91.05 degree north
        "06cf3cf8015a7066",  # swapped: 114 degree north
        "015a70660abadfff",  # 180.02 degree east
    ],
)
def test_what_is_no_fix_gives_no_position(spec: DeviceSpec, position: str) -> None:
    values = spec.decode(frame(spec, position + TAIL[spec.model])).values
    assert math.isnan(values["latitude"])
    assert math.isnan(values["longitude"])
    assert values["battery_voltage"] == 4.002


@pytest.mark.parametrize("rest", ["04d2fb2e", ""])
def test_the_old_form_has_positions_of_three_bytes(rest: str) -> None:
    """The example of the manual, page 13."""
    assert LGT92.decode(frame(LGT92, "06765ff2960a4b45" + rest)).values == {
        "latitude": 42.3519, "longitude": -87.9094, "sos": 1.0, "battery_voltage": 2.885,
    }  # fmt: skip


@pytest.mark.bad_input(60)
@pytest.mark.parametrize("position", ["000000000000", "0fffff0fffff", "ffffffffffff"])
def test_the_old_form_without_a_fix(position: str) -> None:
    values = LGT92.decode(frame(LGT92, position + "0b45")).values
    assert math.isnan(values["latitude"])
    assert math.isnan(values["longitude"])
    assert (values["sos"], values["battery_voltage"]) == (0.0, 2.885)


def test_the_equator_is_a_place() -> None:
    values = LGT92.decode(frame(LGT92, "00000000" + "06cf3cf8" + TAIL[LGT92.model])).values
    assert (values["latitude"], values["longitude"]) == (0.0, 114.244856)


def test_an_alarm_is_a_call_for_help() -> None:
    values = LGT92.decode(frame(LGT92, FIX + "4fa23000640fa05a0064")).values
    assert (values["sos"], values["battery_voltage"]) == (1.0, 4.002)
    assert values["roll"] == pytest.approx(math.radians(1.0))
    assert values["pitch"] == pytest.approx(math.radians(40.0))
    assert values["hdop"] == 0.9
    assert "altitude" not in values


def test_logged_positions_are_history() -> None:
    decoded = TRACKERD.decode(frame(TRACKERD, FIX + "07e60b1508091e" + "00" * 8 + "07e60b15080a00", port=4))
    assert decoded.values == {}
    first, second = decoded.earlier
    assert (first.values["latitude"], first.is_history) == (22.70423, True)
    assert first.observed_ns == 1_669_018_170 * SECOND_NS
    assert math.isnan(second.values["latitude"])


def test_a_log_without_a_position_is_empty() -> None:
    assert TRACKERD.decode(frame(TRACKERD, bytes(15), port=4)) == Decoded(values={})


@pytest.mark.parametrize("time", ["00000000000000", "07e60d1508091e", "07e60b1518091e"])
def test_a_logged_position_without_a_time_is_refused(time: str) -> None:
    with pytest.raises(PermanentError, match="of a logged position is none"):
        TRACKERD.decode(frame(TRACKERD, FIX + time, port=4))


@pytest.mark.parametrize(
    ("port", "payload", "values"),
    [
        (3, FIX + "4fa210", {"latitude": 22.70423, "longitude": 114.244856, "sos": 1.0, "in_trip": 1.0}),
        (5, "130110010f0fa20000", {}),
        (6, "00" * 24 + "4fa200", {"sos": 1.0}),
        (7, "0fa200", {"sos": 0.0}),
        (8, "414243444546c44fa200", {"sos": 1.0}),
    ],
)
def test_other_messages_say_battery_and_alarm(port: int, payload: str, values: dict[str, float]) -> None:
    assert TRACKERD.decode(frame(TRACKERD, payload, port=port)).values == values | {"battery_voltage": 4.002}


def test_the_simulator_says_what_the_device_would() -> None:
    said = {"latitude": 35.681236, "longitude": 139.767125, "device_temperature": -12.3, "sos": 1.0}
    frame_said = TRACKERD.encode(Decoded(values=said))
    arrived = TRACKERD.decode(frame_said).values
    assert {key: arrived[key] for key in said} == said
    lost = TRACKERD.decode(TRACKERD.encode(Decoded(values={"latitude": math.nan, "sos": 0.0}))).values
    assert math.isnan(lost["latitude"])
    with pytest.raises(PermanentError, match="cannot say latitude"):
        TRACKERD.encode(Decoded(values={"latitude": 35.0}))
