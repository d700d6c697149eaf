from __future__ import annotations

import json
from typing import Any

import pytest

from devices.catalog.senml_fields import DEVICE, configure
from devices.model import PermanentError
from tests.devices.frames import frame


def decode(said: Any, **fields: str) -> dict[str, float]:
    spec = configure({"fields": fields}) if fields else DEVICE
    return dict(spec.decode(frame(spec, json.dumps(said).encode())).values)


@pytest.mark.parametrize(
    ("said", "fields", "values"),
    [
        ({"air_temperature": {"v": -5.5, "u": "Cel"}}, {}, {"air_temperature": -5.5}),
        ({"air_temperature": {"v": 273.15, "u": "K"}}, {}, {"air_temperature": 0.0}),
        ({"snow_depth": {"v": 123, "u": "cm"}}, {}, {"snow_depth": 1.23}),
        ({"snow_depth": {"v": 1.5}}, {}, {"snow_depth": 1.5}),
        ({"temp": {"v": 5, "u": "Cel"}, "hum": {"v": 50}}, {"temp": "air_temperature.2"}, {"air_temperature.2": 5.0}),
        ({"contact_open": {"v": True}, "button": {"v": "double"}}, {}, {"contact_open": 1.0, "button": 2.0}),
    ],
)
def test_fields(said: dict[str, Any], fields: dict[str, str], values: dict[str, float]) -> None:
    assert decode(said, **fields) == values


@pytest.mark.bad_input(82)
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"bad": "a record needs one value"},
        {"warmth": {"v": 1}},
        {"snow_depth": {"v": 1, "u": "Cel"}},
        {"snow_depth": {"v": 1, "u": "furlong"}},
        {"snow_depth": {"v": True}},
        {"snow_depth": {"v": "deep"}},
        {"button": {"v": "quintuple"}},
        {"snow_depth": 5},
    ],
)
def test_what_cannot_be_read_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(PermanentError):
        decode(said)


def test_wrong_options_are_named() -> None:
    with pytest.raises(PermanentError, match="warmth"):
        configure({"fields": {"t": "warmth"}})
