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


UNASKED = rule("unasked", "trap_check", more='domain = "system"')


def trap(more: str = "", *, params: str = "") -> Site:
    trap_device = device("trap", model="milesight_em300_mcs", station="woods", more=more)
    return town(trap_device, QUIET, UNASKED, rule("sprung", "contact_event", params=params))


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
    site = town(device("trap", model="senml", station="woods"), QUIET, UNASKED, tampered)
    rows = [reading("trap", "tamper", value, at_s=60 * value) for value in (0.0, 1.0)]

    assert changes(site, *rows, *contacts(0, 0, 1), until_s=500) == [("raised", 60)]


def edges(count: int, *, at_s: float, within_s: float) -> list[Reading]:
    """So many changes of the contact, the first one springs the trap."""
    return [contact((number + 1) % 2, at_s + within_s * number / count) for number in range(count)]


@pytest.mark.bad_input(66)
@pytest.mark.parametrize(
    ("count", "expected"),
    [(29, [("raised", 100)]), (30, [("raised", 100), ("cleared", 100 + 29 / 30)])],
    ids=["ends sprung", "ends armed"],
)
def test_thirty_edges_in_a_second_are_one_event(count: int, expected: list[tuple[str, float]]) -> None:
    found = changes(trap(), contact(0, 0), *edges(count, at_s=100, within_s=count / 30), until_s=500)

    assert [state for state, _ in found] == [state for state, _ in expected]
    assert [at_s for _, at_s in found] == pytest.approx([at_s for _, at_s in expected])


@pytest.mark.bad_input(66)
def test_a_door_that_flaps_in_the_wind_is_one_event_until_it_is_quiet() -> None:
    flaps = [contact(number % 2, 20 * number) for number in range(40)]

    assert changes(trap(), *flaps, contact(0, 800), until_s=859.9) == [("raised", 20)]
    assert changes(trap(), *flaps, contact(0, 800), until_s=860) == [("raised", 20), ("cleared", 800)]


def test_how_long_it_must_be_armed_is_said_by_the_rule() -> None:
    rows = contacts(0, 1, 0, 1)

    assert changes(trap(params="rearm_s = 61"), *rows, until_s=500) == [("raised", 60)]
    assert changes(trap(params="rearm_s = 0"), *rows, until_s=500) == [
        ("raised", 60),
        ("cleared", 120),
        ("raised", 180),
    ]


@pytest.mark.bad_input(67)
def test_a_chewed_cable_of_a_normally_closed_loop_is_told_like_a_spring() -> None:
    """Nothing tells them apart from afar: it is the safe side, and somebody goes and looks."""
    plugged = trap('sprung_when = "open"')

    assert changes(plugged, *contacts(0, 0, 1, 1), until_s=500) == [("raised", 120)]


def openings(*rows: tuple[float, float | None, float]) -> list[Reading]:
    """Seconds, contact, count of a device that tells both."""
    return [
        reading("trap", quantity, value, at_s=at_s)
        for at_s, is_open, count in rows
        for quantity, value in (("contact_open", is_open), ("count", count))
        if value is not None
    ]


def counting(more: str = "", *, params: str = "") -> Site:
    return town(
        device("trap", station="woods", more=more), QUIET, UNASKED, rule("sprung", "contact_event", params=params)
    )


MISSED = (
    ("one edge, one counted", [(0, 0, 5), (600, 1, 6)], 0),
    ("one edge, three counted", [(0, 0, 5), (600, 1, 8)], 2),
    ("no edge, two counted", [(0, 0, 5), (600, 0, 7)], 2),
    ("edges without the counter first", [(0, 0, 5), (100, 1, None), (300, 0, None), (600, 1, 8)], 1),
    ("nothing to compare with", [(0, 0, 5), (600, 0, 5)], 0),
    ("reboot", [(0, 0, 5000), (600, 0, 2)], 0),
    ("a jump too far", [(0, 0, 5), (600, 0, 4000)], 0),
    ("counted while it bounced", [(0, 0, 5), (30, 0, 9)], 0),
    ("counted while it was sprung", [(0, 0, 5), (600, 1, 6), (1200, 1, 9)], 0),
    ("before the first contact", [(0, None, 5), (600, None, 9)], 0),
)


@pytest.mark.parametrize(("rows", "missed"), [row[1:] for row in MISSED], ids=[row[0] for row in MISSED])
def test_openings_that_only_the_counter_knows(rows: list[tuple[float, float | None, float]], missed: int) -> None:
    found = events_of(counting(), *openings(*rows), until_s=5000)

    recovered = [e for e in found if e.observed_ns % 10**9 and e.state.value == "raised"]
    assert [ns(rows[-1][0]) - e.observed_ns for e in recovered] == list(range(missed, 0, -1))
    assert len({e.event_id for e in recovered}) == missed


def test_what_was_missed_before_a_seen_edge_is_told_before_it() -> None:
    states = [state for state, _ in changes(counting(), *openings((0, 0, 5), (600, 1, 8)), until_s=5000)]

    assert sorted(states) == ["cleared", "cleared", "raised", "raised", "raised"]


def test_a_trap_that_says_its_state_by_a_word_is_a_contact_too() -> None:
    states = [reading("trap", "trap_state", value, at_s=600 * number) for number, value in enumerate((0, 5, 1, 4, 0))]

    assert changes(counting('sprung_when = "closed"'), *states, until_s=5000) == [("raised", 1200), ("cleared", 2400)]


def pendant(*presses: float, quantity: str = "sos", until_s: float = 2 * DAY_S) -> list[tuple[str, float]]:
    """What is told of presses at these seconds; each is followed by its release."""
    called = rule("called", "contact_event", params=f'quantity = "{quantity}"')
    site = town(device("trap", model="senml", station="home-1", more='sprung_when = "closed"'), QUIET, called)
    rows = [reading("trap", quantity, value, at_s=at_s + (1 - value) / 2) for at_s in presses for value in (1.0, 0.0)]
    return changes(site, *rows, until_s=until_s)


@pytest.mark.bad_input(79)
@pytest.mark.parametrize("quantity", ["sos", "button"])
@pytest.mark.parametrize(
    ("presses", "expected"),
    [
        ([100], [("raised", 100), ("cleared", 100)]),
        ([100 + second for second in range(20)], [("raised", 100), ("cleared", 119)]),
        ([100, 159, 218], [("raised", 100), ("cleared", 218)]),
        ([100, 7300], [("raised", 100), ("cleared", 7300), ("raised", 7300), ("cleared", 7300)]),
        ([], []),
    ],
    ids=["the first press ever", "twenty presses", "each within a minute of the last", "again after two hours", "none"],
)
def test_every_press_is_told_and_twenty_are_one(
    quantity: str, presses: list[float], expected: list[tuple[str, float]]
) -> None:
    assert sorted(pendant(*presses, quantity=quantity)) == sorted(expected)


def test_a_press_goes_on_until_nobody_has_pressed_for_half_a_day() -> None:
    assert pendant(100, until_s=100 + 43_199) == [("raised", 100)]
    assert sorted(pendant(100, until_s=100 + 43_200)) == [("cleared", 100), ("raised", 100)]
