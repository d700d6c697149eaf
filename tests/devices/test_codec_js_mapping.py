"""What a mapping makes of a codec's data: values in our units, or NaN, never a guess."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.codec_js import Odd
from devices.codec_mapping import CodecMapping, flatten, read_mapping
from devices.model import PermanentError
from tests.devices.codecs import FIELDS, head


def mapping(fields: str, folder: Path) -> CodecMapping:
    path = folder / "mapping.toml"
    path.write_text(head() + fields, encoding="utf-8")
    return read_mapping(path)


def one(fields: str, data: dict[str, Any], folder: Path) -> float | None:
    """Return the only value, None where there is none."""
    values = list(mapping(fields, folder).values(data).values())
    return values[0] if values else None


@pytest.mark.parametrize(
    ("rule", "given", "value"),
    [
        ('quantity = "air_temperature"', -5, -5.0),
        ('quantity = "air_temperature"\nfactor = 0.1', -53, -5.3),
        ('quantity = "air_temperature"\nfactor = 0.5555555555555556\noffset = -17.77777777777778', 32, 0.0),
        ('quantity = "air_temperature"\nunit = "K"', 280.15, 7.0),
        ('quantity = "distance"\nunit = "mm"', 2799, 2.799),
        ('quantity = "distance"\nunit = "mm"\nsuffix = " mm"', "2799 mm", 2.799),
        ('quantity = "distance"\nunit = "mm"\nsuffix = " mm"', "-1.5e2 mm", -0.15),
        ('quantity = "pressure"\nunit = "hPa"', 1013.25, 101325.0),
        ('quantity = "contact_open"', True, 1.0),
        ('quantity = "contact_open"', False, 0.0),
        ('quantity = "contact_open"\nwords = { ON = 1, OFF = 0 }', "OFF", 0.0),
        ('quantity = "button"\nwords = { "short press" = "single" }', "short press", 1.0),
        ('quantity = "battery_voltage"\nrange = [0, 5]', 3.6, 3.6),
        ('quantity = "air_temperature"\nsentinels = [true]', 1, 1.0),
    ],
)
def test_a_field_becomes_a_value_in_our_unit(rule: str, given: Any, value: float, tmp_path: Path) -> None:
    assert one(f"[fields.x]\n{rule}", {"x": given}, tmp_path) == pytest.approx(value, abs=1e-12)


@pytest.mark.bad_input(51)
@pytest.mark.parametrize("text", ["No Sensor", "Invalid Reading", "2799 mm", "NULL", "ON", "TRUE", "", "12", "１２"])
def test_a_text_without_a_rule_is_no_value(text: str, tmp_path: Path) -> None:
    found = one('[fields.x]\nquantity = "air_temperature"', {"x": text}, tmp_path)
    assert found is not None
    assert math.isnan(found)


@pytest.mark.bad_input(51)
@pytest.mark.parametrize(
    "text", ["2799", "2799mm", "2,799 mm", " 2799 mm", "2799 mm ", "nan mm", "inf mm", " mm", "１ mm"]
)
def test_a_suffix_takes_nothing_but_a_number_before_it(text: str, tmp_path: Path) -> None:
    found = one('[fields.x]\nquantity = "distance"\nunit = "mm"\nsuffix = " mm"', {"x": text}, tmp_path)
    assert found is not None
    assert math.isnan(found)


@pytest.mark.bad_input(50, 51, 52, 54)
@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ('sentinels = ["No Sensor", 327.67]', "No Sensor"),
        ('sentinels = ["No Sensor", 327.67]', 32767 * 0.01),
        ("range = [-40, 85]", 6548.6),
        ("range = [-40, 85]", -41),
        ("", Odd("NaN")),
        ("", Odd("undefined")),
        ("", [1, 2]),
        ("", []),
        ("", {"value": 3, "unit": "V"}),
        ("", {}),
        ("factor = 1e300", 1e300),
        ("", 10**400),
    ],
)
def test_what_is_no_trustworthy_value_is_nan(rule: str, given: Any, tmp_path: Path) -> None:
    found = one(f'[fields.x]\nquantity = "air_temperature"\n{rule}', {"x": given}, tmp_path)
    assert found is not None
    assert math.isnan(found)


@pytest.mark.parametrize("data", [{}, {"x": None}, {"y": 1}, {"x": {"y": 1}}])
def test_a_field_that_is_not_carried_is_absent(data: dict[str, Any], tmp_path: Path) -> None:
    assert one('[fields."x.z"]\nquantity = "air_temperature"', data, tmp_path) is None


def test_paths_lead_into_objects_and_lists(tmp_path: Path) -> None:
    fields = (
        '[fields."probes.1.t"]\nquantity = "air_temperature"\n'
        '[fields."a.value"]\nquantity = "battery_voltage"\nonly_if = { "a.unit" = "V" }\n'
        '[fields."probes.0.t"]\nquantity = "air_temperature.2"\n'
    )
    data = {"probes": [{"t": 1}, {"t": 2}], "a": {"value": 3, "unit": "V"}}
    assert mapping(fields, tmp_path).values(data) == {
        "air_temperature": 2.0, "battery_voltage": 3.0, "air_temperature.2": 1.0,
    }  # fmt: skip


@pytest.mark.bad_input(53, 54)
@pytest.mark.parametrize("unit", ["mV", None, True, Odd("undefined")])
def test_a_field_counts_only_if_the_others_are_as_they_must_be(unit: Any, tmp_path: Path) -> None:
    fields = '[fields."a.value"]\nquantity = "battery_voltage"\nonly_if = { "a.unit" = "V" }\n'
    found = one(fields, {"a": {"value": 3, "unit": unit}}, tmp_path)
    assert found is not None
    assert math.isnan(found)


def test_fields_without_a_mapping_are_named_and_not_published(tmp_path: Path) -> None:
    rules = mapping('[fields.x]\nquantity = "air_temperature"\nonly_if = { ok = true }', tmp_path)
    data = {"x": 1, "ok": True, "firmware": "1.2", "deep": {"er": [1, {"y": 2}], "no": {}}}
    assert rules.values(data) == {"air_temperature": 1.0}
    assert rules.unmapped(data) == ["deep.er.0", "deep.er.1.y", "deep.no", "firmware"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("this is no TOML", "no TOML"),
        (head(), "fields is needed"),
        (head() + "[fields.x]\n", "quantity is needed"),
        (head() + '[fields.x]\nquantity = "warmth"', "warmth"),
        (head() + '[fields.x]\nquantity = "air_temperature"\nunit = "m"', "cannot be turned into"),
        (head() + '[fields.x]\nquantity = "air_temperature"\nfacter = 2', "fields.x.facter is unknown"),
        (head() + '[fields.x]\nquantity = "distance"\nrange = [5, 1]', "begins above its end"),
        (head() + '[fields.x]\nquantity = "button"\nwords = { x = "kick" }', "kick"),
        (head() + '[fields.x]\nquantity = "distance"\n[fields.y]\nquantity = "distance"', r"distance\.2"),
        (head(model="Acme") + FIELDS, "model"),
        (head(sha256="abc") + FIELDS, "sha256"),
        (head().replace("ports = [7]", "ports = [224]") + FIELDS, "ports"),
        (head().replace("min_length = 4", "min_length = 0") + FIELDS, "min_length"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PermanentError, match=told) as caught:
        read_mapping(path)
    assert str(path) in str(caught.value)


def test_a_missing_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"mapping\.toml cannot be read"):
        read_mapping(tmp_path / "mapping.toml")


_LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.builds(Odd, st.just("NaN"))
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz.", max_size=3), inner)
)


@given(data=st.dictionaries(st.sampled_from(["x", "y", "a"]), _TREES))
def test_any_data_gives_floats_of_the_mapped_quantities(
    data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    rules = CodecMapping.model_validate(
        {
            "model": "a_b", "vendor": "A", "source_url": "https://a.example", "sha256": "0" * 64,
            "expected_interval_s": 1,
            "fields": {"x": {"quantity": "distance", "unit": "mm", "suffix": "mm"}, "a.x": {"quantity": "sos"}},
        }
    )  # fmt: skip
    values = rules.values(data)
    assert set(values) <= {"distance", "sos"}
    assert not any(math.isinf(value) for value in values.values())
    assert all(not isinstance(leaf, dict | list) or not leaf for _, leaf in flatten(data))
