"""The one function of five states: a table over all combinations of age, use, alert, mute and domain."""

from __future__ import annotations

import itertools

import pytest

from api.freshness import Condition, Facts, Mute, State, condition, worst
from devices.model import SECOND_NS, Severity
from devices.site import Domain

NOW_NS = 1_000_000 * SECOND_NS
INTERVAL_S = 600.0
SLACK_S = 5.0
DOMAINS: tuple[Domain, ...] = ("snow", "wildlife", "watch", "system")

# Age in seconds (None: never heard), is the value of use -> what the age alone says.
AGES: dict[tuple[float | None, bool], State] = {
    (None, True): State.UNKNOWN,
    (None, False): State.UNKNOWN,
    (0.0, True): State.OK,
    (0.0, False): State.UNKNOWN,
    (905.0, True): State.OK,
    (905.0, False): State.UNKNOWN,
    (906.0, True): State.LATE,
    (906.0, False): State.UNKNOWN,
    (1805.0, True): State.LATE,
    (1805.0, False): State.UNKNOWN,
    (1806.0, True): State.UNKNOWN,
    (1806.0, False): State.UNKNOWN,
    (-60.0, True): State.OK,
}
SEVERITIES: dict[Severity | None, State] = {
    None: State.OK,
    Severity.INFO: State.OK,
    Severity.WARNING: State.WARNING,
    Severity.CRITICAL: State.ALARM,
    Severity.LIFE: State.ALARM,
}
# The worse of two, written out: row = what the age says, column = what the alert says.
WORSE: dict[tuple[State, State], State] = {
    (State.OK, State.OK): State.OK,
    (State.OK, State.WARNING): State.WARNING,
    (State.OK, State.ALARM): State.ALARM,
    (State.LATE, State.OK): State.LATE,
    (State.LATE, State.WARNING): State.WARNING,
    (State.LATE, State.ALARM): State.ALARM,
    (State.UNKNOWN, State.OK): State.UNKNOWN,
    (State.UNKNOWN, State.WARNING): State.WARNING,
    (State.UNKNOWN, State.ALARM): State.ALARM,
}
MUTES: dict[str, Mute | None] = {
    "not": None,
    "until later": Mute(by="office", until_ns=NOW_NS + 1),
    "until just now": Mute(by="office", until_ns=NOW_NS),
}


def _expected(age: State, alert: State, mute: str, domain: Domain) -> State:
    if mute == "until later" and not (domain == "watch" and age is State.UNKNOWN):
        return State.MUTED
    if domain == "watch" and (age, alert) == (State.UNKNOWN, State.WARNING):
        return State.UNKNOWN
    return WORSE[age, alert]


@pytest.mark.parametrize(
    ("age", "severity", "mute", "domain"), list(itertools.product(AGES, SEVERITIES, MUTES, DOMAINS))
)
def test_state_of_one_part(
    age: tuple[float | None, bool], severity: Severity | None, mute: str, domain: Domain
) -> None:
    age_s, is_usable = age
    facts = Facts(
        domain=domain,
        interval_s=INTERVAL_S,
        heard_ns=None if age_s is None else NOW_NS - int(age_s * SECOND_NS),
        slack_s=SLACK_S,
        is_usable=is_usable,
        severity=severity,
        mute=MUTES[mute],
    )
    assert condition(facts, now_ns=NOW_NS).state is _expected(AGES[age], SEVERITIES[severity], mute, domain)


RANKS: dict[str, list[State]] = {
    "snow": [State.OK, State.MUTED, State.LATE, State.UNKNOWN, State.WARNING, State.ALARM],
    "wildlife": [State.OK, State.MUTED, State.LATE, State.UNKNOWN, State.WARNING, State.ALARM],
    "watch": [State.OK, State.MUTED, State.LATE, State.WARNING, State.UNKNOWN, State.ALARM],
    "system": [State.OK, State.MUTED, State.LATE, State.UNKNOWN, State.WARNING, State.ALARM],
}


@pytest.mark.parametrize(("domain", "first", "second"), list(itertools.product(DOMAINS, State, State)))
def test_the_worse_of_two_parts_colours_the_whole(domain: Domain, first: State, second: State) -> None:
    rank = RANKS[domain]
    whole = worst((Condition(state=first), Condition(state=second)), domain=domain)
    assert whole.state is rank[max(rank.index(first), rank.index(second))]


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_parts_are_not_fine(domain: Domain) -> None:
    assert worst((), domain=domain).state is State.UNKNOWN


def test_a_mute_says_who_and_until_when() -> None:
    mute = Mute(by="office", until_ns=NOW_NS + SECOND_NS)
    facts = Facts(domain="snow", interval_s=INTERVAL_S, heard_ns=NOW_NS, severity=Severity.CRITICAL, mute=mute)
    assert condition(facts, now_ns=NOW_NS) == Condition(state=State.MUTED, mute=mute)
