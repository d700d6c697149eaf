"""The core as its users see it: what is refused, withdrawn, remembered over restarts and changed sites."""

from __future__ import annotations

import json

import pytest

from devices.model import EventState, PermanentError, Reading
from devices.site import Rule
from ingest.pipeline import Pipeline
from tests.ingest.core_town import QUIET, SECOND_NS, T0_NS, Town, device, reading, rule, town

DEEP = rule("deep", "threshold", params="raise_at = 1.0, hold_s = 600", more='quantity = "snow_depth"')
SITE = town(device("gauge"), DEEP, QUIET)


def depth(value: float, *, at_s: float, received_s: float | None = None) -> Reading:
    return reading("gauge", "snow_depth", value, at_s=at_s, received_s=received_s)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (reading("nobody", "snow_depth", 1.0, at_s=0), "unknown_device"),
        (reading("gauge", "charm", 1.0, at_s=0), "unknown_quantity"),
        (depth(1.0, at_s=302, received_s=0), "future"),
        (reading("gauge", "snow_depth", 1.0, at_s=-T0_NS / SECOND_NS), "before_2015"),
    ],
)
def test_refused(one: Reading, reason: str) -> None:
    home = Town(SITE)
    outcome = home.take(one, now_s=1)
    assert [row.reason for row in outcome.quarantine] == [reason]
    kept = json.loads(outcome.quarantine[0].raw)
    assert kept == {"n": f"{one.device_id}/{one.quantity}", "v": 1.0, "observed_ns": one.observed_ns, "seq": None}
    assert len(outcome.observations) == 0


def test_a_stamp_later_than_now_becomes_now() -> None:
    home = Town(SITE)
    home.take(depth(1.0, at_s=0, received_s=500), now_s=10)
    assert [contents[0] for contents in home.record.rows.values()] == [T0_NS + 10 * SECOND_NS]


def test_an_alert_does_not_wait_for_late_rows() -> None:
    home = Town(SITE)
    home.take(depth(1.1, at_s=0))
    assert [event.state for event in home.take(depth(1.1, at_s=600)).events] == [EventState.RAISED]


def test_a_late_row_takes_back_what_it_disproves() -> None:
    home = Town(SITE)
    home.take(depth(1.1, at_s=0), depth(1.1, at_s=600))
    outcome = home.take(depth(0.5, at_s=300), now_s=700)
    assert [event.state for event in outcome.events] == [EventState.WITHDRAWN]
    assert home.events == []


def test_a_row_later_than_the_lateness_completes_the_record_only() -> None:
    home = Town(SITE)
    home.take(depth(1.1, at_s=0), depth(1.1, at_s=600), depth(1.1, at_s=2_000))
    outcome = home.take(depth(0.5, at_s=300), now_s=2_100)
    assert (len(outcome.observations), outcome.events) == (1, ())


def test_a_contact_is_told_days_late() -> None:
    home = Town(
        town(device("trap", model="milesight_em300_mcs", station="woods"), rule("sprung", "contact_event"), QUIET)
    )
    day_s = 86_400
    home.take(reading("trap", "contact_open", 0.0, at_s=0))
    home.take(reading("trap", "contact_open", 1.0, at_s=6 * day_s))
    late = reading("trap", "contact_open", 1.0, at_s=day_s, received_s=6 * day_s + 60, resent=True)
    outcome = home.take(late)
    assert sorted(event.state.value for event in outcome.events) == ["raised", "withdrawn"]
    assert home.events == [("sprung", "trap", "raised", float(day_s))]


def test_a_derived_row_moves_with_the_temperature_that_came_late() -> None:
    home = Town(town(device("gauge", more='mount_height_m = 3.0\ntemperature_from = "air"'), device("air"), QUIET))
    home.take(reading("gauge", "distance", 2.0, at_s=60))
    assert home.record.values("gauge", "snow_depth") == [(60.0, 1.0, 3)]
    home.take(reading("air", "air_temperature", -10.0, at_s=30, received_s=70))
    assert home.record.values("gauge", "snow_depth") == [(60.0, 1.036951, 1)]


def test_rows_too_late_to_be_judged_are_derived_with_the_temperature_of_their_time() -> None:
    home = Town(town(device("gauge", more='mount_height_m = 3.0\ntemperature_from = "air"'), device("air"), QUIET))
    home.take(reading("air", "air_temperature", -10.0, at_s=0), reading("air", "air_temperature", 0.0, at_s=7_200))
    home.take(reading("gauge", "distance", 2.0, at_s=60, received_s=7_300, resent=True))
    assert home.record.values("gauge", "snow_depth") == [(60.0, 1.036951, 1)]


def test_goes_on_after_a_restart_as_if_never_stopped() -> None:
    home = Town(SITE)
    home.take(depth(1.1, at_s=0))
    home.restart()
    outcome = home.take(depth(1.1, at_s=600), depth(1.1, at_s=600))
    assert ([event.state for event in outcome.events], outcome.duplicates) == ([EventState.RAISED], 1)


@pytest.mark.lesson(59)
def test_a_changed_site_keeps_what_still_applies() -> None:
    home = Town(SITE)
    home.take(depth(1.1, at_s=0), depth(1.1, at_s=600))
    home.site = town(device("gauge", more='temperature_from = "air"'), device("air"), DEEP, QUIET)
    home.restart()
    home.take(depth(0.9, at_s=1_200))
    assert [state for _, _, state, _ in home.events] == ["raised", "cleared"]


def test_readings_of_a_device_that_left_the_site_do_not_harm() -> None:
    home = Town(SITE)
    home.take(depth(1.1, at_s=0))
    home.site = town(device("other"), DEEP, QUIET)
    home.restart()
    home.take(reading("other", "snow_depth", 0.1, at_s=60))
    assert len(home.record.rows) == 2


def test_time_in_which_the_hub_was_away_is_no_silence() -> None:
    home = Town(town(device("gauge")))
    home.take(depth(0.1, at_s=600))
    home.pipeline = Pipeline(home.site, snapshot=home.record.state)
    home.pipeline.resume(T0_NS + 90_000 * SECOND_NS)
    assert home.tick(90_000).events == ()
    # 2,400 s after the last reading, of which 600 s .. 90,000 s do not count
    assert home.pipeline.next_deadline_ns() == T0_NS + 92_400 * SECOND_NS
    assert len(home.tick(92_400).events) == 1


def test_deadlines_count_up_to_the_settled_instant_only() -> None:
    home = Town(town(device("gauge")))
    home.take(depth(0.1, at_s=600))
    late = home.pipeline.process((), now_ns=T0_NS + 3_100 * SECOND_NS, due_ns=T0_NS + 2_999 * SECOND_NS)
    assert late.events == ()
    assert len(home.tick(3_100).events) == 1


def test_wrong_rules_are_refused_all_at_once() -> None:
    wrong = SITE.model_copy(
        update={
            "rule": (
                Rule(id="a", kind="tarot"),
                Rule(id="b", kind="threshold", params={"raise_at": 1.0, "clear_at": 2.0}),
            )
        }
    )
    with pytest.raises(PermanentError) as raised:
        Pipeline(wrong)
    told = str(raised.value)
    assert "rule[0].kind: rule kind 'tarot' is unknown" in told
    assert "rule[1].quantity" in told
    assert "clear_at = 2 must be at most raise_at = 1" in told
