"""Vector: the example of thingsboard/data-converters (Apache-2.0)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em310_tilt import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "03cf 0000 0000 2823 07",
            {
                "tilt": 0.0,
                "tilt.2": 0.0,
                "tilt.3": math.pi / 2,
                "is_tilted": 1.0,
                "is_tilted.2": 1.0,
                "is_tilted.3": 1.0,
            },
        ),
        (
            "03cf d8dc 6400 ff7f 02",
            {
                "tilt": -math.pi / 2,
                "tilt.2": math.pi / 180,
                "tilt.3": math.nan,
                "is_tilted": 0.0,
                "is_tilted.2": 1.0,
                "is_tilted.3": 0.0,
            },
        ),
        ("01755c", {"battery_level": 92.0}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(
        Decoded(values={"tilt": -math.pi / 2, "tilt.2": 0.0, "tilt.3": math.pi / 2, "is_tilted.2": 1.0})
    )
    assert (made.payload.hex(), made.port) == ("03cfd8dc0000282302", 85)


@pytest.mark.parametrize("values", [{"tilt": 1.0}, {"is_tilted": 1.0}])
def test_angles_and_flags_go_only_together(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError, match="together"):
        DEVICE.encode(Decoded(values=values))
