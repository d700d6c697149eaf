from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from devices.catalog.esphome_node import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import configured, frame


def decode(text: bytes, *, topic: str, fields: list[dict[str, Any]] | None = None) -> dict[str, float]:
    spec = configured(DEVICE, {"field": fields}) if fields else DEVICE
    return dict(spec.decode(replace(frame(spec, text), topic=topic)).values)


@pytest.mark.parametrize(
    ("text", "topic", "values"),
    [
        (b"1.234", "sensor/snow_depth", {"snow_depth": 1.234}),
        (b"-12.5", "sensor/air_temperature", {"air_temperature": -12.5}),
        (b"nan", "sensor/air_temperature", {"air_temperature": math.nan}),
        (b"ON", "binary_sensor/trap", {"contact_open": 1.0}),
        (b"OFF\n", "binary_sensor/motion", {"occupancy": 0.0}),
        (b"anything", "sensor/not_mapped", {}),
        (b"anything", "", {}),
    ],
)
def test_states(text: bytes, topic: str, values: dict[str, float]) -> None:
    assert decode(text, topic=topic) == pytest.approx(values, nan_ok=True)


def test_the_mapping_of_the_site() -> None:
    door = {"path": "text_sensor/door", "quantity": "contact_open", "words": {"auf": 1, "zu": 0}}
    depth = {"path": "sensor/depth", "quantity": "snow_depth", "unit": "cm", "unknown": [-1]}
    fields: list[dict[str, Any]] = [door, depth]
    assert decode(b"auf", topic="text_sensor/door", fields=fields) == {"contact_open": 1.0}
    assert decode(b"123", topic="sensor/depth", fields=fields) == {"snow_depth": 1.23}
    assert decode(b"-1", topic="sensor/depth", fields=fields) == {}
    with pytest.raises(PermanentError, match="field is needed"):
        configured(DEVICE, {})


@pytest.mark.bad_input(81)
@pytest.mark.parametrize("text", [b"warm", b"1,5", "１２".encode(), b"inf", b"1e400", b"", b"\xff", b"1" * 300])
def test_what_cannot_be_read_is_refused(text: bytes) -> None:
    with pytest.raises(PermanentError):
        decode(text, topic="sensor/air_temperature")


def test_a_message_says_the_state_of_one_object() -> None:
    with pytest.raises(PermanentError, match="one object"):
        DEVICE.encode(Decoded(values={"snow_depth": 1.0, "occupancy": 1.0}))
