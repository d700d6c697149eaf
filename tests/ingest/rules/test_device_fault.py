"""A line, a device or a battery says that something is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from devices.model import Reading
from ingest.setup import effective_rules
from tests.ingest.core_town import QUIET, Town, device, reading, rule, town
from tests.ingest.rules.cases import changes, events_of, told

SITE = town(device("gauge"), QUIET, rule("broken", "device_fault", params="hold_s = 60, clear_hold_s = 300"))
Rows = tuple[tuple[float, float], ...]
"""Seconds and value."""


def faults(*rows: tuple[float, float], quantity: str = "line_fault") -> tuple[Reading, ...]:
    return tuple(reading("gauge", quantity, value, at_s=at_s) for at_s, value in rows)


@dataclass(frozen=True)
class Row:
    name: str
    rows: Rows
    expected: list[tuple[str, float]]


ROWS = (
    Row("fine from the start", ((0, 0), (100, 0)), []),
    Row("a fault, said once", ((100, 2),), [("raised", 160)]),
    Row("a fault, said again and again", ((100, 2), (130, 2), (160, 2)), [("raised", 160)]),
    Row("over before the hold time", ((100, 2), (159, 0)), []),
    Row("over just after the hold time", ((100, 2), (161, 0)), [("raised", 160), ("cleared", 161)]),
    Row("raised and over", ((100, 2), (500, 0)), [("raised", 160), ("cleared", 500)]),
    Row("another kind of fault, same episode", ((100, 1), (200, 3), (500, 0)), [("raised", 160), ("cleared", 500)]),
    Row("a short gap does not end it", ((100, 2), (200, 0), (499, 2), (900, 0)), [("raised", 160), ("cleared", 900)]),
    Row("a gap as long as the clear hold does", ((100, 2), (200, 0), (500, 2)),
        [("raised", 160), ("cleared", 200), ("raised", 560)]),
    Row("flapping is told when it has lasted", ((100, 2), (130, 0), (150, 2), (155, 0), (170, 2)),
        [("raised", 170)]),
    Row("NaN says nothing", ((100, 2), (110, math.nan), (400, math.nan)), [("raised", 160)]),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_when_a_fault_is_told(row: Row) -> None:
    assert changes(SITE, *faults(*row.rows), until_s=2000) == row.expected


@pytest.mark.parametrize(("quantity", "code"), [("line_fault", 1), ("device_fault", 513), ("battery_low", 1)])
def test_each_kind_of_fault_is_a_subject_of_its_own(quantity: str, code: float) -> None:
    raised, cleared = events_of(SITE, *faults((0, code), (500, 0), quantity=quantity), until_s=2000)

    assert (raised.subject, raised.device_id, raised.quantity) == (f"gauge/{quantity}", "gauge", quantity)
    assert (raised.value, cleared.value) == (code, 0.0)
    assert raised.event_id == cleared.event_id


def test_a_second_channel_of_faults_is_seen() -> None:
    assert told(SITE, *faults((0, 4), quantity="device_fault.2"), until_s=2000) == [
        ("gauge/device_fault.2", "raised", 60)
    ]


def test_that_a_device_is_not_online_is_silence_and_no_fault() -> None:
    assert changes(SITE, *faults((0, 0), (100, 0), quantity="online"), until_s=2000) == []


def test_every_site_looks_for_faults() -> None:
    assert [(r.id, r.kind, r.severity) for r in effective_rules(town(device("gauge"))) if r.kind == "device_fault"] == [
        ("device-fault", "device_fault", "warning")
    ]
    assert told(town(device("gauge"), QUIET), *faults((0, 2)), until_s=2000) == [("gauge/line_fault", "raised", 60)]


def test_a_fault_with_data_around_it_keeps_the_deadline_of_silence() -> None:
    site = town(
        device("gauge", more="expected_interval_s = 300"),
        rule("hush", "silent", params="intervals = 2.0, grace_s = 60"),
    )
    alive = reading("gauge", "distance", 2.0, at_s=0)

    found = told(site, alive, *faults((300, 2), (500, 2), (650, 2)), until_s=1000)

    assert found == [("gauge/line_fault", "raised", 360), ("gauge", "raised", 660)]


def test_a_restart_in_the_middle_changes_nothing() -> None:
    hamlet = Town(SITE)
    hamlet.take(*faults((100, 2)))
    hamlet.restart()
    hamlet.tick(200)
    hamlet.restart()
    hamlet.take(*faults((500, 0)))
    hamlet.restart()
    hamlet.tick(900)

    assert [(state, at_s) for _, _, state, at_s in hamlet.events] == [("raised", 160), ("cleared", 500)]
