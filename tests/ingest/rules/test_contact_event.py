"""A trap that springs, whenever it is learned."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from devices.model import Reading
from devices.site import Site
from tests.ingest.core_town import QUIET, device, reading, rule, town
from tests.ingest.rules.cases import changes, events_of, ns

DAY_S = 86_400


def trap(more: str = "") -> Site:
    return town(
        device("trap", model="milesight_em300_mcs", station="woods", more=more), QUIET, rule("sprung", "contact_event")
    )


def contact(value: float, at_s: float, *, received_s: float | None = None) -> Reading:
    is_late = received_s is not None
    return reading("trap", "contact_open", value, at_s=at_s, received_s=received_s, resent=is_late)


def contacts(*values: float) -> tuple[Reading, ...]:
    """One each minute."""
    return tuple(contact(value, 60 * number) for number, value in enumerate(values))


@dataclass(frozen=True)
class Row:
    name: str
    readings: tuple[Reading, ...]
    expected: list[tuple[str, float]]
    more: str = ""


CLOSED = 'sprung_when = "closed"'
ROWS = (
    Row("armed at start", contacts(0), []),
    Row("sprung at start is no event", contacts(1, 1, 1), []),
    Row("sprung at start, then armed", contacts(1, 0), []),
    Row("sprung at start, armed, sprung", contacts(1, 0, 1), [("raised", 120)]),
    Row("armed, sprung", contacts(0, 1), [("raised", 60)]),
    Row("sprung is told once", contacts(0, 1, 1, 1), [("raised", 60)]),
    Row("re-armed", contacts(0, 1, 1, 0), [("raised", 60), ("cleared", 180)]),
    Row("sprung again", contacts(0, 1, 0, 1), [("raised", 60), ("cleared", 120), ("raised", 180)]),
    Row("closed is sprung: at start", contacts(0, 0), [], CLOSED),
    Row("closed is sprung: edge", contacts(1, 0), [("raised", 60)], CLOSED),
    Row("closed is sprung: re-armed", contacts(1, 0, 1), [("raised", 60), ("cleared", 120)], CLOSED),
    Row("closed is sprung: opens", contacts(0, 1), [], CLOSED),
    Row("NaN leaves it sprung", contacts(0, 1, math.nan, 1), [("raised", 60)]),
    Row("NaN leaves it armed", contacts(0, math.nan, 1), [("raised", 120)]),
    Row("NaN first is no first reading", contacts(math.nan, 1), []),
    Row("half open is no contact", contacts(0, 0.5), []),
    Row("late edge, a day", (contact(0, 0), contact(0, DAY_S), contact(1, 100, received_s=DAY_S + 1)),
        [("raised", 100), ("cleared", DAY_S)]),
    Row("late edge, a week", (contact(0, 0), contact(0, 7 * DAY_S), contact(1, 100, received_s=7 * DAY_S + 1)),
        [("raised", 100), ("cleared", 7 * DAY_S)]),
    Row("late edge, nothing since", (contact(0, 0), contact(1, 100, received_s=DAY_S)), [("raised", 100)]),
    Row("too late to be news", (contact(0, 0), contact(0, 9 * DAY_S), contact(1, 100, received_s=9 * DAY_S + 1)), []),
    Row("late edge between", (contact(0, 0), contact(0, 300), contact(1, 200, received_s=5000)),
        [("raised", 200), ("cleared", 300)]),
    Row("late arming withdraws nothing", (contact(0, 0), contact(1, 100), contact(0, 50, received_s=5000)),
        [("raised", 100)]),
    Row("what came before the first reading", (contact(1, 100), contact(0, 50, received_s=5000)), [("raised", 100)]),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_when_a_trap_is_sprung(row: Row) -> None:
    assert changes(trap(row.more), *row.readings, until_s=10 * DAY_S) == row.expected


@pytest.mark.parametrize(("more", "values", "sprung"), [("", (0, 1, 0), 1.0), (CLOSED, (1, 0, 1), 0.0)])
def test_an_event_says_the_state_of_the_contact(more: str, values: tuple[float, ...], sprung: float) -> None:
    raised, cleared = events_of(trap(more), *contacts(*values), until_s=500)

    assert (raised.value, cleared.value) == (sprung, 1.0 - sprung)
    assert raised.event_id == cleared.event_id
    assert (raised.subject, raised.device_id, raised.quantity) == ("trap", "trap", "contact_open")


def test_a_late_edge_is_dated_by_the_trap_and_known_when_it_came() -> None:
    (raised,) = events_of(trap(), contact(0, 0), contact(1, 100, received_s=DAY_S), until_s=2 * DAY_S)

    assert (raised.observed_ns, raised.detected_ns) == (ns(100), ns(DAY_S))


def test_other_quantities_spring_no_trap() -> None:
    battery = [reading("trap", "battery_level", value, at_s=60 * value) for value in (0.0, 1.0)]

    assert changes(trap(), *battery, until_s=500) == []


def test_a_rule_may_look_at_another_contact() -> None:
    tampered = rule("tampered", "contact_event", params='quantity = "tamper"')
    site = town(device("trap", model="senml", station="woods"), QUIET, tampered)
    rows = [reading("trap", "tamper", value, at_s=60 * value) for value in (0.0, 1.0)]

    assert changes(site, *rows, *contacts(0, 0, 1), until_s=500) == [("raised", 60)]
