"""What every check and every rule must have, and what a site may not say about them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from alerts.facts import DEFAULT_RULES
from devices.site_file import SiteError
from ingest.plugins import CheckSpec, RuleSpec, load_checks, load_rules
from ingest.setup import ALWAYS, effective_rules
from tests.ingest.core_town import QUIET, device, rule, town

SPECS: list[CheckSpec | RuleSpec] = [*load_checks().values(), *load_rules().values()]
UNITS = ("_s", "_m", "_ns", "_at", "_from", "_to")
BARE = {
    "warn_days",
    "least_days",
    "low_v",
    "low_percent",
    "reference_cel",
    "intervals",
    "hours",
    "channel",
    "direction",
    "quantity",
}


def module_of(spec: CheckSpec | RuleSpec) -> str:
    return str(spec.build.__module__)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_file_name_docstring_and_tests(spec: CheckSpec | RuleSpec) -> None:
    _, kind, name = module_of(spec).split(".")
    document = sys.modules[module_of(spec)].__doc__ or ""
    assert name == spec.name
    assert "Source:" in document
    assert (Path(__file__).parent / kind / f"test_{name}.py").is_file()


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_parameters_say_their_unit_and_have_defaults(spec: CheckSpec | RuleSpec) -> None:
    fields = spec.params.model_fields
    assert spec.params.__doc__
    assert [name for name in fields if not name.endswith(UNITS) and name not in BARE] == []
    assert [name for name, info in fields.items() if info.is_required()] in ([], ["raise_at"])


def test_a_site_without_a_rule_that_must_be_gets_one() -> None:
    always = [one.id for one in ALWAYS]

    assert [one.id for one in effective_rules(town(device("a")))] == always
    assert [one.id for one in effective_rules(town(device("a"), QUIET))] == ["quiet", *always[1:]]
    assert always[0] == "device-silent"


def test_the_rules_that_always_are_bear_names_that_routes_may_name() -> None:
    names = ", ".join(f'"{one.id}"' for one in ALWAYS)
    contact = '[[contact]]\nid = "c"\nname = "C"\nemail = "c@town.example"'

    town(device("a"), contact, f'[[route]]\nid = "r"\ncontacts = ["c"]\nchannels = ["smtp"]\nrule = [{names}]')
    assert [DEFAULT_RULES[one.id] for one in ALWAYS] == [one.kind for one in ALWAYS]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (rule("r", "silent", params="grace_s = -1"), "rule[0].params.grace_s"),
        (rule("r", "silent", params="grace = 1"), "rule[0].params.grace"),
        (rule("r", "no_motion", params='waking_from = "6:00"'), "write HH:MM"),
        (rule("r", "threshold", params="raise_at = 1.0"), "a threshold needs the quantity"),
        (rule("r", "threshold", more='quantity = "snow_depth"'), "rule[0].params.raise_at"),
        ('[[check]]\nkind = "range"\nparams = { full_scale_m = 0 }', "check[0].params.full_scale_m"),
        ('[[check]]\nkind = "rang"', "check kind 'rang' is unknown; there are range"),
    ],
)
def test_problems_are_told_with_their_key(part: str, told: str) -> None:
    with pytest.raises(SiteError, match="problem") as raised:
        town(device("a"), part)
    assert told in str(raised.value)
