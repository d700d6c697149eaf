from __future__ import annotations

import json
import math
from typing import Any

import pytest

from devices.catalog.owntracks_tracker import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

SAID: dict[str, Any] = {
    "_type": "location", "lat": 36.5, "lon": 138.25, "acc": 12, "alt": 850, "vel": 36, "cog": 180, "batt": 77,
    "p": 91.3, "tst": 1_700_000_000, "tid": "k1", "conn": "m",
}  # fmt: skip
VALUES = {
    "latitude": 36.5, "longitude": 138.25, "position_accuracy": 12.0, "altitude": 850.0, "speed": 10.0,
    "heading": math.pi, "battery_level": 77.0, "pressure": 91_300.0,
}  # fmt: skip


def decode(said: Any) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, json.dumps(said).encode())).values)


def test_a_location() -> None:
    assert decode(SAID) == pytest.approx(VALUES)


@pytest.mark.bad_input(60)
def test_numbers_may_be_texts_and_minus_one_is_not_known() -> None:
    assert decode({key: str(value) for key, value in SAID.items()}) == pytest.approx(VALUES)
    unknown = SAID | dict.fromkeys(("acc", "alt", "vel", "cog", "batt"), "-1") | {"p": None}
    assert decode(unknown) == {"latitude": 36.5, "longitude": 138.25}


@pytest.mark.bad_input(60)
@pytest.mark.parametrize(
    "change",
    [{"lat": 0, "lon": 0}, {"lat": None, "lon": None}, {"lat": -1, "lon": -1}, {"lat": None}, {"lat": "0.0", "lon": 0}],
)
def test_no_fix_is_no_position(change: dict[str, Any]) -> None:
    assert decode(SAID | change) == pytest.approx({"battery_level": 77.0, "pressure": 91_300.0})


@pytest.mark.bad_input(60)
@pytest.mark.parametrize("change", [{"lat": 138.25, "lon": 36.5}, {"lat": 91}, {"lon": -181}, {"lat": 4294967295}])
def test_a_position_outside_the_globe_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="outside"):
        decode(SAID | change)


@pytest.mark.bad_input(62)
def test_a_wild_fix_says_how_far_off_it_may_be() -> None:
    spike = decode(SAID | {"lat": 36.545, "acc": 1000})
    assert (spike["latitude"], spike["position_accuracy"]) == (36.545, 1000.0)


@pytest.mark.parametrize("change", [{"acc": "far"}, {"vel": True}, {"batt": []}])
def test_what_goes_with_a_position_costs_only_itself(change: dict[str, Any]) -> None:
    assert decode(SAID | change)["latitude"] == 36.5


@pytest.mark.parametrize("said", [{}, {"lat": 1}, SAID | {"lat": "north"}, SAID | {"lon": True}, [SAID]])
def test_what_is_no_location_is_refused(said: Any) -> None:
    with pytest.raises(PermanentError):
        decode(said)


def test_half_a_position_is_not_encoded() -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values={"latitude": 36.5}))
