"""A hub for tests: keeps rows by (epoch, number), sends receipts; and a line to it that may lose, double, reorder."""

from __future__ import annotations

import copy
import json
import random
from dataclasses import dataclass, field
from typing import Any

from tests.gateway.sites import GATEWAY

RECEIPT_RANGES = 64


@dataclass
class Books:
    """What the hub has of one epoch. `content` is what each row said; `again` counts rows that came more than once."""

    watermark: int = 0
    above: set[int] = field(default_factory=set)
    content: dict[int, str] = field(default_factory=dict)
    given_up: set[int] = field(default_factory=set)

    def ranges(self) -> list[list[int]]:
        found: list[list[int]] = []
        for number in sorted(self.above):
            if found and found[-1][1] == number - 1:
                found[-1][1] = number
            else:
                found.append([number, number])
        return found[:RECEIPT_RANGES]


class FakeHub:
    """Takes messages of seam 2 as the real hub does: rows and watermark in one step, then a receipt."""

    def __init__(self) -> None:
        self.epochs: dict[str, Books] = {}
        self.copies = 0
        self.resent: dict[int, bool] = {}
        self.order: list[int] = []

    def take(self, payload: bytes) -> None:
        assert len(payload) <= 61_440
        records = json.loads(payload)
        assert 0 < len(records) <= 500
        books = self.epochs.setdefault(records[0]["epoch"], Books())
        self._raise_floor(books, records[0]["floor"])
        for number, content, is_resent in rows_of(records):
            assert books.content.get(number, content) == content, f"row {number} changed its content"
            self.copies += number in books.content
            books.content[number] = content
            books.given_up.discard(number)
            self.resent.setdefault(number, is_resent)
            self.order.append(number)
            if number > books.watermark:
                books.above.add(number)
        while books.watermark + 1 in books.above:
            books.watermark += 1
            books.above.discard(books.watermark)

    def _raise_floor(self, books: Books, floor: int) -> None:
        if floor - 1 > books.watermark:
            books.given_up |= set(range(books.watermark + 1, floor)) - books.above
            books.above -= set(range(floor))
            books.watermark = floor - 1

    def receipts(self) -> list[bytes]:
        return [
            json.dumps({"epoch": epoch, "watermark": books.watermark, "ahead": books.ranges()}).encode()
            for epoch, books in self.epochs.items()
        ]

    def backup(self) -> dict[str, Books]:
        return copy.deepcopy(self.epochs)

    def restore(self, backup: dict[str, Books]) -> None:
        self.epochs = copy.deepcopy(backup)


def rows_of(records: list[dict[str, Any]]) -> list[tuple[int, str, bool]]:
    """Return number, content (as it was stored) and whether it is marked resent, for each row of a message."""
    by_row: dict[int, list[dict[str, Any]]] = {}
    for record in records:
        by_row.setdefault(record["row"], []).append(record)
    envelope = {"row", "resent", "epoch", "floor"}
    return [
        (number, content([{k: v for k, v in r.items() if k not in envelope} for r in group]), "resent" in group[0])
        for number, group in by_row.items()
    ]


def content(records: list[dict[str, Any]]) -> str:
    return json.dumps(records, sort_keys=True)


@dataclass
class FakeLink:
    """A line between gateway and hub. `chance` None = perfect; else messages and receipts get lost, doubled, late."""

    hub: FakeHub
    chance: random.Random | None = None
    is_connected: bool = True
    generation: int = 1
    room: int = 1_000
    topics: set[str] = field(default_factory=set)
    sent: list[bytes] = field(default_factory=list)
    _to_hub: list[bytes] = field(default_factory=list)
    _to_gateway: list[bytes] = field(default_factory=list)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        assert (topic, qos) == (f"readings/v1/{GATEWAY}", 1)
        if not self.is_connected or len(self._to_hub) >= self.room:
            return False
        self.sent.append(payload)
        self._to_hub.append(payload)
        return True

    def take_receipts(self) -> list[bytes]:
        came, self._to_gateway = self._to_gateway, []
        return came

    def carry(self) -> None:
        """Bring what is under way to the hub, and its receipts back."""
        for payload in self._disturbed(self._to_hub):
            self.hub.take(payload)
        self._to_hub = []
        self.carry_receipts()

    def carry_receipts(self) -> None:
        self._to_gateway += self._disturbed(self.hub.receipts())

    def reconnect(self) -> None:
        """Lose all that is under way and connect anew."""
        self._to_hub, self._to_gateway = [], []
        self.generation += 2
        self.is_connected = True

    def _disturbed(self, payloads: list[bytes]) -> list[bytes]:
        if self.chance is None:
            return list(payloads)
        kept = [payload for payload in payloads for _ in range(self.chance.choice((0, 1, 1, 1, 2)))]
        if self.chance.random() < 0.3:
            self.chance.shuffle(kept)
        return kept
