"""The uplink against a hub that forgot, a spool that forgot, rows that are gone, a disk that refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.gateway.spools import numbers
from tests.gateway.towns import Town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_restored_hub_gets_again_what_it_lost(town: Town) -> None:
    town.add(10)
    town.settle()
    old = town.hub.backup()
    town.add(10)
    town.settle()
    town.hub.restore(old)
    for _ in range(2):
        town.link.carry_receipts()
        town.step()
    assert numbers(town.spool) == []  # one or two receipts may be late news
    town.link.carry_receipts()
    town.step()
    town.settle()
    assert sorted(town.books()) == list(range(1, 21))
    assert town.hub.epochs[town.spool.epoch].given_up == set()


def test_a_hub_that_lost_only_what_was_ahead_gets_it_again(town: Town) -> None:
    town.add(1)
    town.step()
    old = town.hub.backup()
    town.link.reconnect()
    town.link.generation -= 2
    town.add(5)
    town.step()
    town.link.carry()  # rows 2 to 6 are ahead of the missing row 1
    town.step()
    assert numbers(town.spool) == [1]
    town.hub.restore(old)
    town.wait(3)
    town.settle()
    for _ in range(4):
        town.link.carry_receipts()
        town.step()
    town.settle()
    assert sorted(town.books()) == [1, 2, 3, 4, 5, 6]


def test_a_hub_that_does_not_know_us_is_told_everything_held(town: Town) -> None:
    town.add(10)
    town.settle()
    town.hub.restore({})
    town.add(1)
    town.settle()
    for _ in range(4):
        town.link.carry_receipts()
        town.step()
    town.settle()
    assert sorted(town.books()) == list(range(1, 12))


def test_one_old_receipt_changes_nothing(town: Town) -> None:
    town.add(5)
    town.settle()
    old = town.hub.receipts()
    town.add(5)
    town.settle()
    for _ in range(5):
        town.link._to_gateway += old
        town.step()
        town.link.carry_receipts()
        town.step()
    assert numbers(town.spool) == []


def test_a_spool_older_than_the_receipts_gets_a_new_epoch(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    town.add(5)
    town.settle()
    epoch = town.spool.epoch
    town.add(3)
    town.spool._db.execute("DELETE FROM rows WHERE number > 4")
    town.spool._db.execute("UPDATE facts SET value = '4' WHERE key = 'newest'")  # the card forgot rows 5 to 8
    town.add(2)
    town.spool._db.execute("UPDATE facts SET value = '4' WHERE key = 'newest'")
    town.link.carry_receipts()
    town.step()
    assert town.spool.epoch != epoch
    assert "spool_went_back" in [record.message for record in caplog.records]
    town.settle()
    assert sorted(town.books()) == [1, 2]


def test_receipts_of_others_and_noise_are_counted_or_ignored(town: Town) -> None:
    town.add(2)
    town.step()
    town.link._to_gateway += [b"noise", json.dumps({"epoch": "00", "watermark": 2}).encode()]
    town.step()
    assert numbers(town.spool) == [1, 2]
    assert town.spool.state().counters["receipts_unreadable"] == 1


def test_a_disk_that_refuses_does_not_stop_the_uplink(town: Town) -> None:
    town.add(2)
    town.step()
    town.link.carry()
    town.spool._db.execute("PRAGMA query_only = ON")
    assert town.step() == 0
    town.spool._db.execute("PRAGMA query_only = OFF")
    town.link.carry_receipts()
    town.step()
    assert numbers(town.spool) == []


def test_the_hub_is_helped_over_rows_that_were_thinned_away(town: Town) -> None:
    town.link.is_connected = False
    town.add(6_000)
    town.step()
    town.spool._db.execute("DELETE FROM rows WHERE number % 3 != 1")
    town.link.reconnect()
    town.settle(rounds=400)
    books = town.hub.epochs[town.spool.epoch]
    assert sorted(books.content) == list(range(1, 6_001, 3))
    town.add(1)
    town.settle()
    assert books.watermark > 5_000
    assert books.given_up <= {n for n in range(1, 6_001) if n % 3 != 1}


def test_a_damaged_row_is_stepped_over(town: Town) -> None:
    town.add(5)
    town.spool._db.execute("UPDATE rows SET crc = crc + 1 WHERE number = 3")
    town.settle()
    assert sorted(town.books()) == [1, 2, 4, 5]
    assert [row.number for row in town.spool.found_damaged()] == [3]


def test_a_gap_below_the_floor_is_stated(town: Town) -> None:
    town.add(10)
    town.spool._db.execute("DELETE FROM rows WHERE number <= 4")
    town.settle()
    books = town.hub.epochs[town.spool.epoch]
    assert (books.watermark, books.given_up) == (10, {1, 2, 3, 4})
