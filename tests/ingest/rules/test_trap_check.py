"""A trap in the sprung position of which nobody knows since when: unknown, not sprung."""

from __future__ import annotations

import pytest

from devices.model import Reading
from devices.site import Site
from tests.ingest.core_town import QUIET, device, reading, rule, town
from tests.ingest.rules.cases import events_of, ns

DAY_S = 86_400


def contact(value: float, at_s: float, *, received_s: float | None = None) -> Reading:
    is_late = received_s is not None
    return reading("trap", "contact_open", value, at_s=at_s, received_s=received_s, resent=is_late)


def contacts(*values: float) -> tuple[Reading, ...]:
    """One each minute."""
    return tuple(contact(value, 60 * number) for number, value in enumerate(values))


def check(more: str = "") -> Site:
    trap_device = device("trap", model="milesight_em300_mcs", station="woods", more=more)
    return town(trap_device, QUIET, rule("sprung", "contact_event"), rule("check", "trap_check"))


def rules_of(site: Site, *rows: Reading, until_s: float = 10 * DAY_S) -> list[tuple[str, str, float]]:
    return [(e.rule_id, e.state.value, (e.observed_ns - ns(0)) / 1e9) for e in events_of(site, *rows, until_s=until_s)]


def restarted(at_s: float) -> Reading:
    return reading("trap", "restarted", 1.0, at_s=at_s)


@pytest.mark.bad_input(68)
@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (contacts(1, 1), [("check", "raised", 0)]),
        (contacts(1, 0), [("check", "raised", 0), ("check", "cleared", 60)]),
        ((*contacts(1, 0), contact(1, 300)),
            [("check", "raised", 0), ("check", "cleared", 60), ("sprung", "raised", 300)]),
        ((contact(0, 0), restarted(60), contact(1, 120)), [("check", "raised", 120)]),
        ((contact(0, 0), restarted(60), contact(0, 120), contact(1, 180)), [("sprung", "raised", 180)]),
        ((contact(0, 0), contact(1, 60), restarted(120), contact(1, 180)), [("sprung", "raised", 60)]),
        ((contact(0, 0), contact(1, 86_400)), [("sprung", "raised", 86_400)]),
        ((contact(0, 0), contact(1, 86_401)), [("check", "raised", 86_401)]),
        ((contact(0, 0), contact(1, 60), contact(1, 3 * DAY_S)), [("sprung", "raised", 60)]),
    ],
    ids=[
        "first report", "first report, then set up", "and then it springs", "after a restart", "armed after a restart",
        "sprung before and after a restart", "after a day", "after more than a day",
        "sprung before and after the silence",
    ],
)  # fmt: skip
def test_sprung_without_a_seen_edge_is_unknown(
    rows: tuple[Reading, ...], expected: list[tuple[str, str, float]]
) -> None:
    assert rules_of(check(), *rows) == expected


@pytest.mark.bad_input(68)
def test_closed_is_sprung_and_powered_up_with_the_door_down() -> None:
    assert rules_of(check('sprung_when = "closed"'), *contacts(0, 0)) == [("check", "raised", 0)]


def test_an_edge_that_comes_late_turns_unknown_into_sprung() -> None:
    late = contact(0, 2 * DAY_S, received_s=2 * DAY_S + 200)

    assert rules_of(check(), contact(0, 0), contact(1, 2 * DAY_S + 100), late) == [
        ("sprung", "raised", 2 * DAY_S + 100)
    ]


def test_every_town_looks_at_its_traps() -> None:
    site = town(device("trap", model="milesight_em300_mcs", station="woods"), QUIET)

    assert rules_of(site, *contacts(1)) == [("trap-check", "raised", 0)]
    assert rules_of(town(device("trap", model="milesight_em300_mcs"), QUIET), *contacts(1)) == []
