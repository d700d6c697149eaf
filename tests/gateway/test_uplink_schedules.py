"""Seeded random schedules of gateway, lossy line and hub: crashes, restored hubs, lost links, refused disks.

In the end the line is perfect and the hub must have every row that was committed, with its content, and no other.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from devices.model import TransientError
from tests.gateway.hubs import FakeLink, content
from tests.gateway.towns import Town, reading_row


class Schedule:
    """Does one thing after another, chosen by chance; remembers what was committed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.town = Town(folder)
        self.town.link.chance = self.chance
        self.committed: dict[int, str] = {}
        self.backup = self.town.hub.backup()
        self.serial = 0

    def run(self, length: int) -> None:
        acts = [self.append] * 6 + [self.step] * 12 + [self.carry] * 8 + [self.pass_time] * 5
        acts += [self.crash, self.lose_link, self.reconnect, self.back_up, self.restore, self.refuse_disk]
        for _ in range(length):
            self.chance.choice(acts)()
        self.town.spool._db.execute("PRAGMA query_only = OFF")

    def append(self) -> None:
        rows = []
        for _ in range(self.chance.randrange(1, 40)):
            self.serial += 1
            rows.append(reading_row(self.town.now_s + self.serial / 1e6, count=self.chance.randrange(1, 4)))
        try:
            numbers = self.town.spool.append(rows)
        except TransientError:
            return
        self.committed |= {n: content(json.loads(r.body)) for n, r in zip(numbers, rows, strict=True)}

    def step(self) -> None:
        try:
            self.town.step()
        except TransientError:
            return

    def carry(self) -> None:
        self.town.link.carry()

    def pass_time(self) -> None:
        self.town.wait(self.chance.choice([0.05, 0.3, 1.0, 3.0, 40.0]))
        self.town.link.carry_receipts()

    def crash(self) -> None:
        self.town.restart()

    def lose_link(self) -> None:
        self.town.link.is_connected = False

    def reconnect(self) -> None:
        self.town.link.reconnect()

    def back_up(self) -> None:
        self.backup = self.town.hub.backup()

    def restore(self) -> None:
        if self.chance.random() < 0.3:
            self.town.hub.restore(self.backup)

    def refuse_disk(self) -> None:
        state = self.chance.choice(["ON", "OFF"])
        self.town.spool._db.execute(f"PRAGMA query_only = {state}")

    def finish(self) -> None:
        town = self.town
        town.link.chance = None
        town.link.reconnect()
        for _ in range(5):  # a hub that went back is believed after three receipts
            town.step()
            town.link.carry()
        town.settle()
        for _ in range(5):
            town.link.carry_receipts()
            town.step()
        town.settle()


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.lesson(7, 19)
def test_every_committed_row_reaches_the_hub_once(tmp_path: Path, seed: int) -> None:
    schedule = Schedule(tmp_path, seed)
    schedule.run(200)
    schedule.finish()
    books = schedule.town.hub.epochs[schedule.town.spool.epoch]
    assert sorted(schedule.committed) == list(range(1, schedule.town.spool.newest() + 1))
    assert books.content == schedule.committed
    assert books.given_up == set()
    assert books.watermark == schedule.town.spool.newest()


def test_the_schedules_do_disturb(tmp_path: Path) -> None:
    """A schedule that loses nothing would prove nothing."""
    schedule = Schedule(tmp_path, 3)
    schedule.run(200)
    lost = set(schedule.committed) - set(schedule.town.hub.epochs[schedule.town.spool.epoch].content)
    assert lost
    assert schedule.town.hub.copies > 10
    assert isinstance(schedule.town.link, FakeLink)
