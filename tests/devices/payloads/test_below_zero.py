"""Winter, for every LoRaWAN model of the catalogue: a temperature below zero stays below zero."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.quantities import QUANTITIES
from devices.registry import load_catalog

BELOW_ZERO_C = -5.0


def frames(spec: DeviceSpec, key: str) -> Iterator[Frame]:
    """Frames that carry `key` below zero: alone, or with as much else as the model sends together with it."""
    usual = {one: max(QUANTITIES[one].lo, min(QUANTITIES[one].hi, 1.0)) for one in spec.quantities}
    cold = {one: BELOW_ZERO_C for one in spec.quantities if one.endswith("temperature")}
    alone = {key: BELOW_ZERO_C}
    pairs = [alone | {one: value} for one, value in usual.items() if one != key]
    for values in (alone, cold, usual | cold, usual | alone, *pairs):
        with suppress(PermanentError):
            yield spec.encode(Decoded(values=values))


def _cases() -> list[tuple[str, str]]:
    """Model and temperature, where one frame of the model can say it without knowing its blocks."""
    return [
        (model, key)
        for model, spec in load_catalog().items()
        if spec.transport == "lorawan"
        for key in spec.quantities
        if key.endswith("temperature") and next(frames(spec, key), None) is not None
    ]


CASES = _cases()


def test_nearly_all_models_are_here() -> None:
    measuring = [
        model
        for model, spec in load_catalog().items()
        if spec.transport == "lorawan" and any(key.endswith("temperature") for key in spec.quantities)
    ]
    assert len({model for model, _ in CASES}) > 0.85 * len(measuring)


@pytest.mark.bad_input(50)
@pytest.mark.parametrize(("model", "key"), CASES, ids=[f"{model}-{key}" for model, key in CASES])
@pytest.mark.lesson(48)
def test_a_temperature_below_zero_stays_below_zero(model: str, key: str) -> None:
    spec = load_catalog()[model]
    frame = next(frames(spec, key))
    step = max(spec.resolutions.get(key, 0.0), QUANTITIES[key].resolution)
    assert spec.decode(frame).values[key] == pytest.approx(BELOW_ZERO_C, abs=step)
