"""The broker between gateways, direct devices and hub, and the lines to it: nothing here may be trusted.

Modelled: QoS 1 with a session for the hub (what it did not acknowledge comes again at the next connection), receipts
without one; with persistence a killed broker goes back to its last save, without it all it had is gone.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from devices.link import AckToken, Message
from tests.simulation.parts import Packet, Setting


class Parcel(NamedTuple):
    topic: str
    packet: Packet


class Broker:
    def __init__(self, setting: Setting, chance: random.Random, heard_ns: dict[str, int]) -> None:
        self.heard_ns = heard_ns
        self.under_way: list[tuple[float, Parcel]] = []
        self.receipts: dict[str, list[tuple[float, bytes]]] = {}
        self.queue: deque[Parcel] = deque()
        self.unacknowledged: dict[int, Parcel] = {}
        self.generation = 0
        self.is_calm = False
        self.saved: list[Parcel] = []
        self.trusts_old_tokens = False
        self._mid = 0
        self._setting, self._chance = setting, chance

    @property
    def is_empty(self) -> bool:
        return not (self.under_way or self.queue or self.unacknowledged)

    def send(self, parcel: Parcel, *, now_s: float) -> None:
        """Put a message on its way to the hub's session."""
        if not parcel.packet.is_resent:
            for body in parcel.packet.bodies:
                reading = body.reading
                self.heard_ns[reading.device_id] = max(self.heard_ns.get(reading.device_id, 0), reading.received_ns)
        for delay_s in self._fates():
            self.under_way.append((now_s + delay_s, parcel))

    def tell(self, publisher: str, receipt: bytes, *, now_s: float) -> None:
        """Put a receipt on its way to a gateway."""
        for delay_s in self._fates():
            self.receipts.setdefault(publisher, []).append((now_s + delay_s, receipt))

    def receipts_for(self, publisher: str, *, now_s: float) -> list[bytes]:
        """Hand out the receipts that have arrived."""
        under_way = self.receipts.get(publisher)
        if not under_way:
            return []
        self.receipts[publisher] = [item for item in under_way if item[0] > now_s]
        return [receipt for due_s, receipt in under_way if due_s <= now_s]

    def arrive(self, *, now_s: float) -> None:
        """Let what is due come into the hub's session."""
        if self.under_way:
            self.queue.extend(parcel for due_s, parcel in self.under_way if due_s <= now_s)
            self.under_way = [item for item in self.under_way if item[0] > now_s]

    def connect_hub(self) -> None:
        """The hub comes (again): what it had not acknowledged is given once more."""
        self.generation += 1
        self._mid = 0
        self.queue.extendleft(reversed(self.unacknowledged.values()))
        self.unacknowledged.clear()

    def deliver(self, most: int) -> list[Message]:
        given: list[Message] = []
        while self.queue and len(given) < most:
            parcel = self.queue.popleft()
            self._mid += 1
            self.unacknowledged[self._mid] = parcel
            token = AckToken(mid=self._mid, qos=1, generation=self.generation)
            given.append(
                Message(topic=parcel.topic, payload=parcel.packet, is_retained=False, ack_token=token)  # type: ignore[arg-type]
            )
        return given

    def acknowledge(self, tokens: Sequence[AckToken], *, check: Callable[[Parcel], None]) -> None:
        """Forget what is safe. A token of an earlier connection means nothing: its number may be another message's."""
        for token in tokens:
            if token.generation == self.generation or self.trusts_old_tokens:
                parcel = self.unacknowledged.pop(token.mid, None)
                if parcel is not None:
                    check(parcel)

    def save(self) -> None:
        """What persistence keeps, as of now."""
        self.saved = [*self.unacknowledged.values(), *self.queue]

    def die(self) -> None:
        """The broker is killed and starts again."""
        self.under_way.clear()
        self.receipts.clear()
        self.unacknowledged.clear()
        self.queue = deque(self.saved if self._setting.is_persistent else ())
        self.generation += 1
        self._mid = 0

    def lose_session(self) -> None:
        """The broker has forgotten that the hub ever subscribed."""
        self.queue.clear()
        self.unacknowledged.clear()
        self.generation += 1
        self._mid = 0

    def _fates(self) -> tuple[float, ...]:
        """Return the delays of the copies that arrive; none = lost."""
        setting, random_ = self._setting, self._chance.random
        if self.is_calm or not setting.lost:
            return (0.0,)
        if random_() < setting.lost:
            return ()
        delay_s = 4.0 * random_() if random_() < setting.delayed else 0.0
        return (delay_s, 4.0 * random_()) if random_() < setting.copied else (delay_s,)
