"""A counter that begins anew is told, and no step is made of it."""

from __future__ import annotations

import math

import pytest

from devices.model import Reading
from devices.site import Site
from tests.ingest.core_town import QUIET, device, reading, rule, town
from tests.ingest.rules.cases import events_of, told

KWH = 3.6e6


def site(model: str = "senml") -> Site:
    return town(device("meter", model=model), QUIET, rule("anew", "counter_reset"))


def counts(*values: float, quantity: str = "energy") -> list[Reading]:
    return [reading("meter", quantity, value, at_s=600 * number) for number, value in enumerate(values)]


@pytest.mark.bad_input(78)
@pytest.mark.parametrize(
    ("values", "resets"),
    [
        ((10, 20, 20, 30), []),
        ((5000 * KWH, 5001 * KWH, 2 * KWH, 3 * KWH), [1200]),
        ((5000 * KWH, 500 * KWH, 5001 * KWH), [600]),
        ((30, math.nan, 20), [1200]),
        ((30, 20, 10), [600, 1200]),
    ],
    ids=["goes on", "replaced", "unit changed and back", "with a gap", "twice"],
)
def test_when_a_counter_began_anew(values: tuple[float, ...], resets: list[float]) -> None:
    found = told(site(), *counts(*values), until_s=3600)

    assert sorted(found) == sorted(
        ("meter/energy", state, float(at_s)) for at_s in resets for state in ("raised", "cleared")
    )


def test_an_event_says_what_it_was_before_and_after() -> None:
    first, second = events_of(site(), *counts(5000.0, 3.0), until_s=3600)

    assert first.event_id == second.event_id
    assert [(e.value, e.limit, e.quantity) for e in (first, second)] == [(3.0, 5000.0, "energy")] * 2


@pytest.mark.parametrize(("model", "expected"), [("dragino_lds02", 0), ("milesight_em300_mcs", 1)])
def test_a_counter_that_wraps_where_its_end_is_known_goes_on(model: str, expected: int) -> None:
    one = town(device("meter", model=model, station="road"), QUIET, rule("anew", "counter_reset"))
    raised = [row for row in told(one, *counts(2**24 - 1, 1, quantity="count"), until_s=3600) if row[1] == "raised"]

    assert len(raised) == expected


def test_a_gauge_that_falls_is_no_counter() -> None:
    assert told(site(), *counts(30.0, 3.0, quantity="air_temperature"), until_s=3600) == []
