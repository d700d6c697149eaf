"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em300_di import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("01755C 05C800010000", {"battery_level": 92.0, "count": 256.0}),
        ("85E10A0088023393BB4403", {"count": 97_239.0}),
        ("017564 06E10A000A0000000000", {"battery_level": 100.0, "count": 0.0}),
        ("06e1 0000 0a00 00000000", {"count": math.nan}),
        ("06e1 0a00 0a00 0000c07f", {"count": math.nan}),
        ("06e1 0a00 0a00 0000807f", {"count": math.nan}),
        ("06e1 0a00 0a00 000080bf", {"count": math.nan}),
        ("050001 0367ceff", {"digital_input": 1.0, "air_temperature": -5.0}),
        ("85000101", {"digital_input": 1.0}),
        (
            "05c8ffffffff 0367ff7f 0468ff",
            {"count": math.nan, "air_temperature": math.nan, "relative_humidity": math.nan},
        ),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"count": 256.0, "air_temperature": -5.0, "digital_input": 1.0}))
    assert (made.payload.hex(), made.port) == ("0367ceff05000105c800010000", 85)


@pytest.mark.parametrize("payload", ["050002"])
def test_a_state_that_does_not_exist_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="is none of"):
        DEVICE.decode(frame(DEVICE, payload))


@pytest.mark.bad_input(56)
def test_a_history_record_says_either_pulses_or_the_input() -> None:
    pulses = DEVICE.decode(frame(DEVICE, "01755C 03673401 046865 20CE9E74466310015D020000010000"))
    assert pulses.values == {"battery_level": 92.0, "air_temperature": 30.8, "relative_humidity": 50.5}
    climate = {"air_temperature": 27.2, "relative_humidity": 46.5}
    expected = Decoded(values=climate | {"count": 256.0}, observed_ns=1_665_561_758 * 10**9, is_history=True)
    assert pulses.earlier == (expected,)
    level = DEVICE.decode(frame(DEVICE, "20CE9E74466310015D010100010000"))
    assert level.values == climate | {"digital_input": 1.0}
    for one in (expected, level):
        assert DEVICE.decode(DEVICE.encode(one)) == one


def test_a_record_of_water_says_the_pulses_behind_it() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "21CEDFF40B650000000102010A000A000080EC44"))
    assert decoded.values == {"air_temperature": 0.0, "relative_humidity": 0.0, "count": 1892.0}
    assert decoded.observed_ns == 1_695_282_399 * 10**9


@pytest.mark.parametrize("payload", ["20CE9E74466310015D030000010000", "20CE9E74466310015D010200010000"])
def test_a_record_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match=r"kind 3|digital_input state 2"):
        DEVICE.decode(frame(DEVICE, payload))
