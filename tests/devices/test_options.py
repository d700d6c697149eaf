from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from devices.model import PermanentError
from devices.options import read_options


class Wanted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    first: int
    scale: float = 1.0


def test_right_options_are_read() -> None:
    assert read_options(Wanted, {"first": 3}, of="m") == Wanted(first=3)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ["first is needed"]),
        ({"first": "3"}, ["first: ", "got '3'"]),
        ({"first": 1, "sclae": 2}, ["sclae is unknown"]),
        ({"scale": "x", "sclae": 2}, ["first is needed", "scale: ", "sclae is unknown"]),
    ],
)
def test_every_wrong_option_is_named_together_with_the_model(options: dict[str, object], told: list[str]) -> None:
    with pytest.raises(PermanentError) as caught:
        read_options(Wanted, options, of="some_model")
    assert all(part in str(caught.value) for part in ["some_model", *told])
