"""Each promise of the uplink, one step at a time, against a hub that may forget and a line that may lose."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from devices.model import SECOND_NS
from gateway.flight import FlightOptions
from tests.gateway.hubs import Books
from tests.gateway.spools import numbers
from tests.gateway.towns import OPTIONS, Town, reading_row


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def sent_rows(town: Town, number: int = -1) -> list[int]:
    return [record["row"] for record in json.loads(town.link.sent[number])]


def test_rows_go_out_once_and_are_done_when_the_hub_says_so(town: Town) -> None:
    town.add(3)
    assert town.step() == 1
    assert town.step() == 0
    assert numbers(town.spool) == [1, 2, 3]
    town.link.carry()
    town.step()
    assert numbers(town.spool) == []
    assert town.hub.copies == 0
    assert town.spool.holds(1)


def test_messages_state_epoch_floor_and_row(town: Town) -> None:
    town.spool.append([reading_row(1, count=2), reading_row(2)])
    town.step()
    records = json.loads(town.link.sent[0])
    assert [record["row"] for record in records] == [1, 1, 2]
    assert (records[0]["epoch"], records[0]["floor"]) == (town.spool.epoch, 1)


@pytest.mark.lesson(1)
def test_an_mqtt_acknowledgement_alone_changes_nothing(town: Town) -> None:
    town.add(1)
    town.step()
    town.wait(1.9)
    assert town.step() == 0
    assert numbers(town.spool) == [1]


@pytest.mark.parametrize(
    ("count", "per_row"), [pytest.param(2_000, 1, id="small rows"), pytest.param(300, 12, id="rows of many records")]
)
def test_messages_keep_their_bounds(town: Town, count: int, per_row: int) -> None:
    town.spool.append([reading_row(i, count=per_row) for i in range(count)])
    town.settle()  # the hub checks size and number of records
    assert len(town.books()) == count
    assert max(len(payload) for payload in town.link.sent) > 40_000


@pytest.mark.lesson(8)
def test_what_got_no_receipt_is_sent_again_after_two_seconds(town: Town) -> None:
    town.add(2)
    town.step()
    town.link.reconnect()
    town.link.generation -= 2  # only the message is lost, not the connection
    town.wait(2.0)
    assert town.step() == 0
    town.wait(0.1)
    assert town.step() == 1
    assert sent_rows(town) == [1, 2]


def test_a_hub_that_is_down_gets_one_message_at_growing_intervals(town: Town) -> None:
    town.add(3_000)
    sent_at: list[float] = []
    for _ in range(3_000):
        for _ in range(town.step()):
            sent_at.append(round(town.now_s - 1_000.0, 1))
        town.wait(0.1)
    assert len(sent_at) < 30
    late = [at for at in sent_at if at > 100]
    pauses = [round(b - a) for a, b in pairwise(late)]
    assert set(pauses) == {30}


@pytest.mark.lesson(11)
def test_a_hub_that_comes_back_is_served_at_once(town: Town) -> None:
    town.add(1)
    for _ in range(600):
        town.step()
        town.wait(0.1)
    town.link.reconnect()
    town.link.generation -= 2
    town.hub.epochs[town.spool.epoch] = Books()
    town.link.carry_receipts()
    assert town.step() == 1


@pytest.mark.lesson(10)
def test_a_new_connection_sends_all_that_is_unconfirmed(town: Town) -> None:
    town.add(2)
    town.step()
    town.link.reconnect()
    assert town.step() == 1
    assert sent_rows(town) == [1, 2]


def test_nothing_is_sent_while_there_is_no_connection(town: Town) -> None:
    town.link.is_connected = False
    town.add(2)
    assert town.step() == 0
    town.link.reconnect()
    assert town.step() == 1


def test_a_line_without_room_is_tried_again(town: Town) -> None:
    town.link.room = 0
    town.add(2)
    assert town.step() == 0
    town.link.room = 10
    assert town.step() == 1


def test_a_lost_message_between_others_is_sent_again(town: Town) -> None:
    town.add(2)
    town.step()
    town.link.reconnect()
    town.link.generation -= 2
    town.add(2)
    town.step()
    town.link.carry()
    town.step()
    assert numbers(town.spool) == [1, 2]
    town.wait(2.1)
    town.settle()
    assert sorted(town.books()) == [1, 2, 3, 4]


def test_a_restart_sends_what_was_not_confirmed_and_nothing_else(town: Town) -> None:
    town.add(2)
    town.settle()
    town.add(2)
    town.restart()
    town.step()
    assert sent_rows(town) == [3, 4]


@pytest.mark.lesson(13)
def test_live_rows_go_before_backlog_and_only_backlog_is_marked(town: Town) -> None:
    town.add(600, age_s=3_600)
    town.restart()
    town.add(3)
    town.step()
    town.link.carry()
    town.settle()
    assert town.hub.order[:3] == [601, 602, 603]
    assert {number for number, is_resent in town.hub.resent.items() if is_resent} == set(range(1, 601))


def test_rows_become_backlog_after_a_minute_in_this_process(town: Town) -> None:
    town.link.is_connected = False
    town.add(2)
    town.step()
    town.wait(50)
    town.add(2)
    town.step()
    town.wait(11)
    town.step()
    town.link.reconnect()
    town.settle()
    assert town.hub.resent == {1: True, 2: True, 3: False, 4: False}
    assert town.hub.order == [3, 4, 1, 2]


def test_rows_from_just_before_a_restart_are_no_backlog(town: Town) -> None:
    town.add(2, age_s=300)
    town.add(2, age_s=5)
    town.restart()
    town.settle()
    assert town.hub.resent == {1: True, 2: True, 3: False, 4: False}


def test_the_age_before_a_restart_counts_in_town_time(tmp_path: Path) -> None:
    # a clock 3,600 times as fast: an hour of the town is a second of the machine
    town = Town(tmp_path, options=replace(OPTIONS, resent_after_town_ns=60 * 3_600 * SECOND_NS))
    town.add(2, age_s=61 * 3_600)
    town.add(2, age_s=3_600)
    town.restart()
    town.settle()
    assert town.hub.resent == {1: True, 2: True, 3: False, 4: False}


@pytest.mark.lesson(12)
def test_backlog_never_takes_more_than_its_share_of_the_window(town: Town) -> None:
    town.add(20_000, age_s=3_600)
    town.restart()
    most = 0
    for _ in range(60):
        town.step()
        most = max(most, len(town.link._to_hub))
        town.link.carry()
        town.wait(0.1)
    assert most == 5
    town.step()
    before = len(town.link.sent)
    town.add(1)
    assert town.step() == 1
    assert len(town.link.sent) == before + 1


def test_a_slow_hub_gets_one_backlog_message_at_a_time(town: Town) -> None:
    town.add(20_000, age_s=3_600)
    town.restart()
    most = 0
    for _ in range(40):
        town.step()
        most = max(most, len(town.link._to_hub))
        town.wait(1.5)
        town.link.carry()
    assert most == 1
    assert town.hub.copies == 0


def test_the_time_out_follows_a_hub_that_answers_late(town: Town) -> None:
    for _ in range(40):
        town.add(1)
        town.step()
        town.wait(3.0)
        town.link.carry()
        town.step()
    late = town.hub.copies
    for _ in range(40):
        town.add(1)
        town.step()
        town.wait(3.0)
        town.link.carry()
        town.step()
    assert town.hub.copies - late <= 2


def test_no_more_is_under_way_than_the_window(town: Town) -> None:
    town.add(50_000)
    town.step()
    assert len(town.link.sent) == FlightOptions().window
