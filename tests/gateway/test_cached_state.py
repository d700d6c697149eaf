"""What a network that repeats a device's whole state says anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.quantities import QUANTITIES
from gateway.cached_state import CachedStates
from gateway.decode import Told
from gateway.intake import STATE_NOTES
from tests.gateway.sites import make_decoder, make_intake
from tests.gateway.spools import open_spool
from tests.gateway.test_decode import zigbee

MOVED = {"occupancy": 1.0, "battery_level": 80.0, "illuminance": 5.0, "link_quality": 0.5}


def news(*states: dict[str, float], seen: tuple[int | None, ...] = ()) -> list[float | None]:
    """Return what each state says anew of movement."""
    cached = CachedStates({})
    times = seen or (None,) * len(states)
    said = [cached.news("mo-01", s, observed_ns=at) for s, at in zip(states, times, strict=True)]
    return [each.get("occupancy") for each in said]


@pytest.mark.bad_input(72)
@pytest.mark.parametrize(
    ("change", "movement"),
    [
        ({"battery_level": 79.0}, None),
        ({"battery_voltage": 2.9}, None),
        ({"battery_level": 79.0, "link_quality": 0.1}, None),
        ({"device_temperature": 31.0, "illuminance": 7.0}, None),
        ({}, None),
        ({"link_quality": 0.4}, 1.0),
        ({"illuminance": 9.0}, 1.0),
        ({"occupancy": 0.0, "battery_level": 79.0}, 0.0),
    ],
)
def test_a_movement_that_is_only_said_again_is_none(change: dict[str, float], movement: float | None) -> None:
    assert news(MOVED, MOVED | change) == [1.0, movement]


def test_a_movement_that_begins_is_news_whatever_else_changed() -> None:
    still = MOVED | {"occupancy": 0.0}
    assert news(still, MOVED | {"battery_level": 79.0}, still, MOVED) == [0.0, 1.0, 0.0, 1.0]


def test_no_movement_is_said_again_as_often_as_it_comes() -> None:
    still = MOVED | {"occupancy": 0.0}
    assert news(still, still | {"battery_level": 79.0}, still | {"battery_level": 79.0}) == [0.0, 0.0, 0.0]


def test_seen_again_by_the_network_is_triggered_again() -> None:
    assert news(MOVED, MOVED, MOVED, seen=(1_000, 2_000, 2_000)) == [1.0, 1.0, None]


def test_everything_but_the_movement_is_always_said() -> None:
    cached = CachedStates({})
    first = cached.news("d", MOVED, observed_ns=None)
    second = cached.news("d", MOVED, observed_ns=None)
    assert first == MOVED
    assert second == {key: value for key, value in MOVED.items() if key != "occupancy"}
    door = {"contact_open": 1.0, "battery_level": 5.0}
    assert cached.news("door", door, observed_ns=None) == cached.news("door", door, observed_ns=None) == door


def test_it_goes_on_after_a_restart() -> None:
    before = CachedStates({})
    before.news("mo-01", MOVED, observed_ns=7)
    remembered = before.take_changes()
    assert before.take_changes() == {}
    after = CachedStates(remembered)
    assert "occupancy" not in after.news("mo-01", MOVED | {"battery_level": 79.0}, observed_ns=8)


@pytest.mark.parametrize("text", ["", "x", "[]", '{"occupancy": "x"}', "5"])
def test_a_memory_that_cannot_be_read_is_none(text: str) -> None:
    assert CachedStates({"mo-01": text}).news("mo-01", MOVED, observed_ns=None)["occupancy"] == 1.0


@given(
    states=st.lists(st.dictionaries(st.sampled_from(sorted(QUANTITIES)), st.floats(allow_infinity=False)), max_size=9)
)
def test_nothing_is_invented_and_nothing_but_movements_is_left_out(states: list[dict[str, float]]) -> None:
    cached = CachedStates({})
    for state in states:
        said = cached.news("d", state, observed_ns=None)
        assert said.items() <= state.items() or any(value != value for value in state.values())
        assert set(state) - set(said) <= {"occupancy", "presence", "vibration"}


def values(outcomes: list[Any]) -> dict[str, float]:
    (outcome,) = outcomes
    assert isinstance(outcome, Told)
    return {reading.quantity: reading.value for reading in outcome.readings}


@pytest.mark.bad_input(72)
def test_a_battery_report_through_the_gateway() -> None:
    decoder = make_decoder()
    assert values(decoder.decode(zigbee({"occupancy": True, "battery": 80})))["occupancy"] == 1.0
    assert values(decoder.decode(zigbee({"occupancy": True, "battery": "79.00"}))) == {"battery_level": 79.0}


@pytest.mark.bad_input(72)
def test_retained_states_are_history_and_what_they_say_is_known_afterwards() -> None:
    decoder = make_decoder()
    (retained,) = decoder.decode(zigbee({"occupancy": True, "battery": 80}, is_retained=True))
    assert isinstance(retained, Told)
    assert all(reading.resent for reading in retained.readings)
    assert values(decoder.decode(zigbee({"occupancy": True, "battery": 79}))) == {"battery_level": 79.0}


def test_the_memory_is_on_disk_with_the_rows(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    intake.commit(intake.prepare("x", [zigbee({"occupancy": True, "battery": 80})], now_s=0.0))
    assert json.loads(spool.notes(STATE_NOTES)["mo-01"]) == {"occupancy": 1.0, "battery_level": 80.0}
    again = make_intake(spool)
    prepared = again.prepare("x", [zigbee({"occupancy": True, "battery": 79})], now_s=0.0)
    assert [row.records for row in prepared.rows] == [1]
