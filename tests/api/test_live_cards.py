"""Cards are looked at piece by piece: what was heard of first, every station in the end, never too many at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from api.app import open_sources
from api.live_cards import Cards
from api.sources import Sources
from tests.api.world import World, an_alert

ALL = ["road-17", "pass", "trap-east", "home-07"]


@pytest.fixture
def sources(world: World) -> Iterator[Sources]:
    found = open_sources(world.settings)
    yield found
    found.close()


def told(sources: Sources) -> Cards:
    """Give cards that have been told as things are."""
    cards = Cards(sources)
    cards.hear(sources.journal.latest())
    cards.remember(cards.look(most_devices=1_000))
    return cards


def test_at_first_every_card_is_new(sources: Sources) -> None:
    cards = Cards(sources)
    look = cards.look(most_devices=1_000)
    assert sorted(look.changed) == sorted(ALL)
    assert [json.loads(card)["station_id"] for card in look.changed.values()] == list(look.changed)


def test_nothing_changes_until_it_is_remembered(sources: Sources) -> None:
    cards = Cards(sources)
    assert cards.look(most_devices=1_000) == cards.look(most_devices=1_000)
    assert cards.all() == ()


def test_what_was_heard_of_comes_first(world: World, sources: Sources) -> None:
    cards = told(sources)
    world.journal.reading("home-07-pir", "occupancy", 1.0, observed_ns=world.now_ns())
    world.journal.reading("snow-pass", "snow_depth", 2.0, observed_ns=world.now_ns())
    cards.hear(row for row in sources.journal.latest() if row.device_id == "snow-pass")
    look = cards.look(most_devices=1)
    assert look.stations == ("pass",)
    assert json.loads(look.changed["pass"])["values"][0]["value"] == 2.0


def test_every_station_has_its_turn(sources: Sources) -> None:
    cards = told(sources)
    seen: list[str] = []
    for _ in ALL:
        look = cards.look(most_devices=1)
        cards.remember(look)
        seen += look.stations
    assert sorted(seen) == sorted(ALL)


def test_what_had_to_wait_comes_with_the_next_look(sources: Sources) -> None:
    cards = told(sources)
    cards.forget_values()
    seen: list[str] = []
    for _ in ALL:
        look = cards.look(most_devices=1)
        cards.remember(look)
        seen += look.stations
    assert sorted(seen) == sorted(ALL)


def test_an_alert_makes_its_station_due(world: World, sources: Sources) -> None:
    cards = told(sources)
    alert = replace(an_alert(opened_ns=world.now_ns()), subject="snow-pass", device_id="snow-pass", station_id="pass")
    world.alerts.put(alert)
    cards.hear_of(sources.open_alerts())
    look = cards.look(most_devices=1)
    assert json.loads(look.changed["pass"])["open_alerts"] == 1


def test_what_belongs_nowhere_is_no_card(world: World, sources: Sources) -> None:
    cards = told(sources)
    world.journal.reading("stranger", "snow_depth", 2.0, observed_ns=world.now_ns())
    cards.hear(sources.journal.latest())
    look = cards.look(most_devices=1_000)
    cards.remember(look)
    assert sorted(look.stations) == sorted(ALL)
