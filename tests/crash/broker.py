"""The broker the parent plays: sessions that give again what was not acknowledged, and a line that loses things."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from devices.link import AckToken, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What happens to a message between gateway and hub; the likelihoods are 0 to 1. Calm by default."""

    seed: int = 0
    lost: float = 0.0
    copied: float = 0.0
    delayed: float = 0.0


CALM = Weather()
STORM = Weather(seed=11, lost=0.15, copied=0.2, delayed=0.35)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message on its way. `is_durable`: the broker's session keeps it until it is acknowledged."""

    topic: str
    payload: bytes
    is_retained: bool = False
    is_durable: bool = True


class Session:
    """A persistent session of one subscriber."""

    def __init__(self) -> None:
        self._waiting: deque[Parcel] = deque()
        self._unacknowledged: dict[int, Parcel] = {}
        self._mid = 0
        self._generation = 0

    @property
    def is_empty(self) -> bool:
        """Whether all is acknowledged."""
        return not self._waiting and not self._unacknowledged

    def put(self, parcel: Parcel) -> None:
        """Keep a message for the subscriber."""
        self._waiting.append(parcel)

    def deliver(self) -> tuple[Message, ...]:
        """Hand out what waits."""
        delivered = []
        while self._waiting:
            parcel = self._waiting.popleft()
            self._mid += 1
            self._unacknowledged[self._mid] = parcel
            token = AckToken(mid=self._mid, qos=1, generation=self._generation)
            delivered.append(
                Message(
                    topic=parcel.topic, payload=parcel.payload, is_retained=parcel.is_retained, ack_token=token
                )
            )  # fmt: skip
        return tuple(delivered)

    def acknowledge(self, mid: int) -> None:
        """Forget a message that is safe."""
        del self._unacknowledged[mid]

    def reconnect(self, chance: random.Random, *, kept: float) -> None:
        """The subscriber died: what it did not acknowledge is given again, in order, if the broker still has it."""
        again = [p for p in self._unacknowledged.values() if p.is_durable or chance.random() < kept]
        self._unacknowledged.clear()
        self._waiting.extendleft(reversed(again))
        self._generation += 1


class Wire:
    """What is under way in one direction: lost, doubled and overtaken as the weather says."""

    def __init__(self, weather: Weather, chance: random.Random) -> None:
        self._weather = weather
        self._chance = chance
        self._under_way: list[tuple[int, Parcel]] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way."""
        return not self._under_way

    def send(self, parcel: Parcel, *, tick: int) -> None:
        """Put a message on its way."""
        weather, chance = self._weather, self._chance
        copies = 0 if chance.random() < weather.lost else 1
        copies += chance.random() < weather.copied
        for _ in range(copies):
            wait = chance.choice((1, 2, 3)) if chance.random() < weather.delayed else 0
            self._under_way.append((tick + wait, parcel))

    def arrived(self, *, tick: int) -> list[Parcel]:
        """Return what has arrived by now; copies and delays let it come in another order."""
        here = [parcel for due, parcel in self._under_way if due <= tick]
        self._under_way = [(due, parcel) for due, parcel in self._under_way if due > tick]
        return here

    def lose(self, *, kept: float) -> None:
        """An end died: what was under way is gone, but for a share."""
        self._under_way = [item for item in self._under_way if self._chance.random() < kept]
