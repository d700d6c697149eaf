"""Vector: TheThingsNetwork/lorawan-devices, vendor/xignal (Apache-2.0)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.xignal_trap import DEVICES
from devices.model import Decoded, DeviceSpec, PermanentError
from devices.quantities import label_value
from tests.devices.frames import frame

MODELS = pytest.mark.parametrize("spec", DEVICES, ids=lambda spec: spec.model)


@MODELS
def test_the_maker_s_example(spec: DeviceSpec) -> None:
    assert spec.decode(frame(spec, "221d04e202ff0000000001")).values == {
        "trap_state": label_value("trap_state", "sprung"), "device_temperature": 12.5, "battery_voltage": 2.9,
    }  # fmt: skip


@pytest.mark.bad_input(50)
@MODELS
@pytest.mark.parametrize(("word", "degrees"), [("fe0c", -5.0), ("f830", -20.0), ("0000", 0.0), ("8000", math.nan)])
def test_a_trap_in_frost_is_below_zero(spec: DeviceSpec, word: str, degrees: float) -> None:
    values = spec.decode(frame(spec, f"221d{word}01ff0000000001")).values
    assert values["device_temperature"] == pytest.approx(degrees, nan_ok=True)


@MODELS
@pytest.mark.parametrize(
    ("state", "label"),
    [(0, "fault"), (1, "armed"), (2, "sprung"), (3, "fault"), (4, "moved"), (7, "fault"), (8, "unknown")],
)
def test_every_state_has_a_label(spec: DeviceSpec, state: int, label: str) -> None:
    decoded = spec.decode(frame(spec, f"221d04e2{state:02x}ff0000000001"))
    assert decoded.values["trap_state"] == label_value("trap_state", label)
    assert decoded.has_restarted == (state == 8)


@MODELS
@pytest.mark.parametrize("state", [5, 6, 9, 255])
def test_a_state_that_is_not_documented_is_refused(spec: DeviceSpec, state: int) -> None:
    with pytest.raises(PermanentError, match=f"trap_state {state} is none of"):
        spec.decode(frame(spec, f"221d04e2{state:02x}ff0000000001"))


@pytest.mark.bad_input(66)
@MODELS
def test_a_bouncing_trap_is_said_as_often_as_it_says_it(spec: DeviceSpec) -> None:
    said = [spec.decode(frame(spec, f"{n:02x}1d04e2{1 + n % 2:02x}ff0000000001")).values for n in range(30)]
    assert [one["trap_state"] for one in said] == [float(n % 2) for n in range(30)]


@MODELS
@pytest.mark.parametrize("payload", ["221d04e202ff00000000", "221d04e202ff000000000100"])
def test_another_length_is_refused(spec: DeviceSpec, payload: str) -> None:
    with pytest.raises(PermanentError, match="no message of a Xignal"):
        spec.decode(frame(spec, payload))


def test_the_simulator_says_what_the_device_would() -> None:
    spec = DEVICES[0]
    said = {"trap_state": label_value("trap_state", "sprung"), "device_temperature": -5.0, "battery_voltage": 2.9}
    assert spec.encode(Decoded(values=said)).payload.hex() == "001dfe0c02000000000000"
    with pytest.raises(PermanentError, match="trap_state 3 cannot be said"):
        spec.encode(Decoded(values={"trap_state": label_value("trap_state", "disarmed")}))
