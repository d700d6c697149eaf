"""What the pipeline remembers, saved with each commit and taken up again: nothing is lost, nothing is added."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.model import EventState, Reading
from devices.site import Site
from ingest.pipeline import Pipeline
from ingest.state_merge import merge_slices
from tests.ingest.core_town import Town, device, reading, rule, town
from tests.ingest.test_pipeline_properties import END_S, SITE, SLOW, arrivals, copies, readings

SCHEMA_2 = Path(__file__).parent / "vectors" / "state_of_schema_2.txt"
"""Keys of table `state` after `OLD_STEPS` steps, written by the last version with schema 2; JSON, zlib, base64."""

OLD_STEPS, STEP_S = 170, 1_200


def old_town(*more: str) -> Site:
    return town(
        device("gauge", more='mount_height_m = 3.0\ntemperature_from = "air"\nexpected_interval_s = 1200'),
        device("air", more="expected_interval_s = 1200"),
        device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 2400"),
        device("door", model="aqara_mccgq11lm", station="home-1", more="expected_interval_s = 2400"),
        '[[home]]\nid = "home-1"\nstation = "home-1"\ndevices = ["door"]',
        rule(
            "deep", "threshold", params="raise_at = 1.0, clear_at = 0.9, hold_s = 600", more='quantity = "snow_depth"'
        ),
        rule("sprung", "contact_event", more='domain = "wildlife"'),
        rule("still", "no_motion", params="hours = 5.0"),
        rule("battery", "battery_outlook"),
        rule("silent", "silent", params="intervals = 2.0, grace_s = 60"),
        *more,
    )


def step(number: int) -> list[Reading]:
    at_s = number * STEP_S
    made = [
        reading("gauge", "distance", 2.2 - 0.0016 * number, at_s=at_s),
        reading("air", "air_temperature", -5 + 5 * math.sin(number / 40), at_s=at_s + 1),
        reading("air", "battery_voltage", round(3.6 - 0.001 * number, 3), at_s=at_s + 2),
    ]
    if number % 2 == 0:
        made.append(reading("trap", "contact_open", float(number % 24 > 18), at_s=at_s + 3))
        made.append(reading("door", "contact_open", float(number % 10 == 0), at_s=at_s + 4))
    return made


def walk(one: Town, first: int, last: int) -> None:
    for number in range(first, last):
        one.take(*step(number))
        if number % 16 == 7:
            one.take(reading("gauge", "distance", 1.9, at_s=number * STEP_S - 450), now_s=number * STEP_S + 20)


def old_snapshot() -> dict[str, bytes]:
    content = json.loads(zlib.decompress(base64.b64decode(SCHEMA_2.read_text(encoding="ascii"))))
    return {key: base64.b64decode(value) for key, value in content.items()}


def memory(pipeline: Pipeline) -> dict[str, object]:
    """All that the pipeline remembers, to be compared."""
    machine = pipeline._machine
    found: dict[str, object] = {"series": [machine.series.key(number) for number in range(len(machine.series))]}
    for timeline in machine.timelines:
        found[f"units {timeline.order.name}"] = timeline.times(timeline.units())
        for table in timeline.tables():
            everything = table.dump(np.arange(len(table)))
            found[f"{timeline.order.name} {table.name}"] = (tuple(table.keys), everything)
    for shelf in machine.recent.shelves:
        rows = shelf.take(np.arange(len(shelf)))
        columns = (rows.series, rows.observed_ns, rows.received_ns, rows.seq, rows.value, rows.resent, rows.clock)
        found[f"rows {shelf.name}"] = [column.tobytes() for column in (*columns, shelf.member, shelf.standing)]
    return found


class KeyStore:
    """Keys in memory, as the journal holds them."""

    def __init__(self, state: dict[str, bytes]) -> None:
        self.state = state

    def get(self, key: str) -> bytes:
        return self.state.get(key, b"")

    def keys(self, prefix: str) -> list[str]:
        return sorted(key for key in self.state if key.startswith(prefix))

    def write(self, changed: Mapping[str, bytes]) -> None:
        for key, value in changed.items():
            if value:
                self.state[key] = value
            else:
                self.state.pop(key, None)

    def slices(self) -> Iterator[dict[str, bytes]]:
        return merge_slices(self, [(key, self.state[key]) for key in self.keys("log/")])

    def merge(self) -> None:
        for changed in self.slices():
            self.write(changed)


@settings(SLOW, max_examples=25)
@given(st.data())
def test_every_commit_saves_all_that_is_remembered(data: st.DataObject) -> None:
    deliveries = data.draw(arrivals(data.draw(copies(data.draw(readings())))))
    one = Town(SITE)
    while deliveries:
        count = data.draw(st.integers(1, 6))
        chosen, deliveries = deliveries[:count], deliveries[count:]
        one.take(*(d.reading for d in chosen), now_s=chosen[-1].arrives_s)
        if data.draw(st.integers(0, 4)) == 0:
            KeyStore(one.record.state).merge()
        again = Pipeline(SITE, snapshot=dict(one.record.state))
        assert memory(again) == memory(one.pipeline)
    one.tick(END_S)
    assert memory(Pipeline(SITE, snapshot=one.record.state)) == memory(one.pipeline)


@settings(SLOW, max_examples=15)
@given(st.data())
def test_a_town_restarted_after_every_commit_says_the_same(data: st.DataObject) -> None:
    deliveries = data.draw(arrivals(data.draw(readings())))
    restless, steady = Town(SITE), Town(SITE)
    for delivery in deliveries:
        restless.restart()
        for one in (restless, steady):
            one.take(delivery.reading, now_s=delivery.arrives_s)
    assert restless.record.rows == steady.record.rows
    assert [(e.event_id, e.state, e.observed_ns) for e in restless.record.told] == [
        (e.event_id, e.state, e.observed_ns) for e in steady.record.told
    ]


def test_what_the_clock_alone_has_told_is_not_told_again_after_a_restart() -> None:
    """A deadline that passes leaves no trace but the clock."""
    one = Town(town(device("air", more="expected_interval_s = 600"), rule("silent", "silent", params="grace_s = 60")))
    one.take(reading("air", "air_temperature", 1.0, at_s=10))
    for now_s in (1_000, 2_000, 3_000, 4_000):
        one.tick(now_s)
        one.restart()
    assert [(event.rule_id, event.state) for event in one.record.told] == [("silent", EventState.RAISED)]


@pytest.fixture(scope="module")
def lived() -> Town:
    """A town that has lived for two days."""
    one = Town(old_town())
    walk(one, 0, OLD_STEPS)
    return one


def test_a_merge_may_stop_after_any_slice(lived: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.state_merge.SLICE_BYTES", 1)
    state = dict(lived.record.state)
    slices = list(KeyStore(dict(state)).slices())
    assert len(slices) > 10
    expected = memory(lived.pipeline)
    for stop in range(len(slices)):
        store = KeyStore(dict(state))
        for changed in slices[: stop + 1]:
            store.write(changed)
        assert memory(Pipeline(old_town(), snapshot=store.state)) == expected
        store.merge()
        assert store.keys("log/") == []
        assert memory(Pipeline(old_town(), snapshot=store.state)) == expected


def test_entries_that_come_during_a_merge_stay(lived: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.state_merge.SLICE_BYTES", 1)
    one = Town(old_town())
    walk(one, 0, 20)
    store = KeyStore(one.record.state)
    for number, changed in enumerate(store.slices()):
        store.write(changed)
        one.take(*step(20 + number))
    assert len(store.keys("log/")) == number + 1
    assert memory(Pipeline(old_town(), snapshot=store.state)) == memory(one.pipeline)


def test_what_is_saved_stays_small(lived: Town) -> None:
    store = KeyStore(dict(lived.record.state))
    store.merge()
    size = sum(map(len, store.state.values()))
    for _ in range(3):
        again = Town(old_town())
        again.record.state = store.state
        again.restart()
        store.merge()
    assert sum(map(len, store.state.values())) == size
    again.take(*step(OLD_STEPS))
    entry = again.take(*step(OLD_STEPS + 1)).changed_state
    assert len(entry) == 1
    assert sum(map(len, entry.values())) < 2_000


def test_rows_that_were_dropped_leave_the_store(lived: Town) -> None:
    one = Town(old_town())
    store = KeyStore(one.record.state)
    for number in range(400):
        one.take(*step(number))
        if number % 20 == 0:
            store.merge()
    store.merge()
    (most, *_) = [shelf for shelf in one.pipeline._machine.recent.shelves if shelf.name == "most"]
    assert most._dropped > 600
    kept = store.keys("rows/most/")
    assert int(kept[1].rpartition("/")[2]) > most._dropped
    assert memory(Pipeline(old_town(), snapshot=store.state)) == memory(one.pipeline)


def test_a_journal_of_schema_2_is_taken_up_and_written_anew(lived: Town) -> None:
    old = Town(old_town())
    old.record.state = old_snapshot()
    old.restart()
    assert memory(old.pipeline) == memory(lived.pipeline)
    steady = Town(old_town())
    walk(steady, 0, OLD_STEPS)
    for one in (old, steady):
        walk(one, OLD_STEPS, OLD_STEPS + 1)
    assert {key.split("/")[0] for key in old.record.state} == {"names", "keys", "data", "rows", "head"}
    assert memory(Pipeline(old_town(), snapshot=old.record.state)) == memory(steady.pipeline)
    for one in (old, steady):
        one.record.told.clear()
        walk(one, OLD_STEPS + 1, OLD_STEPS + 40)
        one.restart()
    assert memory(old.pipeline) == memory(steady.pipeline)
    assert old.record.told == steady.record.told
    assert steady.record.told


@pytest.mark.parametrize("is_merged", [False, True])
def test_subjects_of_another_site_are_found_by_name(lived: Town, is_merged: bool) -> None:
    store = KeyStore(dict(lived.record.state))
    if is_merged:
        store.merge()
    # a device before all others, and a rule less: everything stands in another place
    site = town(
        device("first", more="expected_interval_s = 1200"),
        device("air", more="expected_interval_s = 1200"),
        device("gauge", more='mount_height_m = 3.0\ntemperature_from = "air"\nexpected_interval_s = 1200'),
        device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 2400"),
        rule(
            "deep", "threshold", params="raise_at = 1.0, clear_at = 0.9, hold_s = 600", more='quantity = "snow_depth"'
        ),
        rule("battery", "battery_outlook"),
        rule("silent", "silent", params="intervals = 2.0, grace_s = 60"),
    )
    moved = Pipeline(site, snapshot=store.state)
    was, now = memory(lived.pipeline), memory(moved)
    for name in ("observed deep", "observed battery"):
        assert dict(records(now, name)) == dict(records(was, name))
    assert dict(records(now, "received silent")).items() >= {
        (key, record) for key, record in records(was, "received silent") if key != "door"
    }
    one = Town(site)
    one.record.state, one.pipeline = store.state, moved
    one.take(*step(OLD_STEPS))
    assert store.keys("log/") == []
    store.write(one.record.state)
    assert memory(Pipeline(site, snapshot=store.state)) == memory(moved)


def records(found: Mapping[str, object], name: str) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """Subject and its record now, mid and base."""
    keys, versions = cast("tuple[list[str], tuple[bytes, bytes, bytes]]", found[name])
    size = len(versions[0]) // len(keys)
    for place, key in enumerate(keys):
        yield key, tuple(version[place * size : (place + 1) * size] for version in versions)


def test_state_that_cannot_be_read_is_left_behind(lived: Town, caplog: pytest.LogCaptureFixture) -> None:
    state = dict(lived.record.state)
    number = sorted(key for key in state if key.startswith("log/"))[5]
    state[number] = state[number][: len(state[number]) // 2]
    one = Town(old_town())
    one.record.state = state
    one.restart()
    assert "rule_state_unreadable" in caplog.messages
    one.take(*step(0))
    assert memory(Pipeline(old_town(), snapshot=one.record.state)) == memory(one.pipeline)


def test_a_replay_saves_nothing_and_remembers_no_changes() -> None:
    pipeline = Pipeline(old_town(), is_replay=True)
    for number in range(20):
        outcome = pipeline.process(step(number), now_ns=step(number)[-1].received_ns)
        assert outcome.changed_state == {}
    assert all(not table._written for timeline in pipeline._machine.timelines for table in timeline.tables())
