"""The example of site.toml is complete, right, and says the defaults as they are."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from alerts.check import check_channels
from devices.quantities import QUANTITIES
from devices.site import Site
from devices.site_file import parse_site
from ingest.setup import check_rules

TEXT = (files("devices") / "site_example.toml").read_text(encoding="utf-8")
SET_OFF = re.compile(r"^# (?=[a-z_]+ = )", re.MULTILINE)
"""A setting that is commented out."""


def parts(model: type[BaseModel], path: str = "") -> dict[str, type[BaseModel]]:
    """Return all parts of the Site by the name of their table."""
    found: dict[str, type[BaseModel]] = {path: model} if path else {}
    for name, field in model.model_fields.items():
        inner = (field.annotation, *get_args(field.annotation))
        for kind in inner:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= parts(kind, f"{path}.{name}".lstrip("."))
    return found


KEYS = [(table, key) for table, model in parts(Site).items() for key in model.model_fields]


def tables(text: str, path: str) -> list[dict[str, Any]]:
    found: list[Any] = [tomllib.loads(text)]
    for name in path.split("."):
        found = [part[name] for part in found if name in part]
        found = [item for part in found for item in (part if isinstance(part, list) else [part])]
    return found


def test_the_example_has_no_problem_in_any_room() -> None:
    parse_site(TEXT, checks=[check_rules, check_channels])


def test_with_every_setting_switched_on_it_has_no_problem_either() -> None:
    assert len(SET_OFF.findall(TEXT)) > 10
    parse_site(SET_OFF.sub("", TEXT), checks=[check_rules, check_channels])


@pytest.mark.parametrize(("table", "key"), KEYS, ids=lambda value: value)
def test_every_key_is_shown(table: str, key: str) -> None:
    assert any(key in part for part in tables(SET_OFF.sub("", TEXT), table))


@pytest.mark.parametrize(("table", "key"), KEYS, ids=lambda value: value)
def test_what_is_switched_off_is_the_default(table: str, key: str) -> None:
    shown, given = tables(SET_OFF.sub("", TEXT), table), tables(TEXT, table)
    off = [part[key] for part, without in zip(shown, given, strict=True) if key in part and key not in without]
    default = parts(Site)[table].model_fields[key].get_default(call_default_factory=True)
    if key in ("baud", "parity", "topics", "expected_interval_s"):
        default = off[0] if off else None  # theirs is the model's or the uplink's, the comment says so
    if key == "devices":
        off = [tuple(names) for names in off]
    assert off in ([], [default])


@pytest.mark.parametrize("name", QUANTITIES)
def test_everything_that_can_be_named_is_named(name: str) -> None:
    assert re.search(rf"(?<![a-z_]){name}(?![a-z_0-9])", TEXT)


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda quantity: quantity.key)
def test_units_are_told(quantity: Any) -> None:
    assert f"{quantity.key} ({quantity.unit})" in TEXT.replace("\n#   ", " ")
