"""A gateway: the real `UplinkLoop` over a spool's twin, fed by a network that repeats what was not acknowledged."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from devices.model import TransientError
from gateway.uplink import UplinkLoop, UplinkOptions
from tests.simulation.broker import Broker, Parcel
from tests.simulation.parts import Body, Crash, Process, Setting, SpoolKey, Truth, make_body
from tests.simulation.spool import SpoolTwin


class Frame(NamedTuple):
    """What a device sent. `seq` None: it stamps its own time. `is_repeated`: by its network, until acknowledged."""

    device_id: str
    value: float
    at_ns: int
    seq: int | None
    is_repeated: bool


class MakesSpool(Protocol):
    def __call__(self, process: Process, truth: Truth, key: SpoolKey, *, most_rows: int) -> SpoolTwin:
        """Return the spool of a new card."""


class Surroundings(NamedTuple):
    """What gateways share. `fault`: see `faults`."""

    broker: Broker
    truth: Truth
    fault: str
    make_spool: MakesSpool


class GatewayLink:
    """The `gateway.uplink.HubLink` of one gateway."""

    def __init__(self, gateway: Gateway, broker: Broker) -> None:
        self.generation = 1
        self.is_connected = True
        self.is_trusting = False
        self._gateway, self._broker = gateway, broker

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        gateway = self._gateway
        gateway.process.point()
        packet: object = payload
        self._broker.send(Parcel(topic, packet), now_s=gateway.now_s)  # type: ignore[arg-type]
        if gateway.fault == "delete_on_puback":
            gateway.spool.confirm([(row, row) for row in packet.rows], now_ns=gateway.now_ns)  # type: ignore[attr-defined]
        return True

    def take_receipts(self) -> list[bytes]:
        gateway = self._gateway
        receipts = self._broker.receipts_for(gateway.id, now_s=gateway.now_s)
        if gateway.fault == "receipts_of_another_epoch":
            start = len('{"epoch":"')
            return [r[:start] + gateway.spool.epoch.encode() + r[r.index(b'"', start) :] for r in receipts]
        return receipts


class Gateway:
    """Durable: `spool` and what its network still repeats. All else is lost in a crash."""

    def __init__(self, number: int, setting: Setting, parts: Surroundings) -> None:
        self.id = f"gw-{number}"
        self.process = Process()
        self.network: list[Frame] = []
        self.line: list[Frame] = []
        self.now_s, self.now_ns = 0.0, 0
        self._broker, self._truth, self.fault, self._make_spool = parts
        self._setting = setting
        self._cards = 0
        self._is_new = True
        self._loop: UplinkLoop | None = None
        self._link = GatewayLink(self, self._broker)
        self._options = UplinkOptions(
            publisher=self.id, resent_after_s=5.0, resent_after_town_ns=5 * 10**9, most_records=setting.most_records
        )
        self.spool = self._new_card()

    @property
    def is_alive(self) -> bool:
        return self._loop is not None

    @property
    def is_quiet(self) -> bool:
        return self._loop is not None and not (self.network or self.line or self.spool.unsent)

    def turn(self, *, now_s: float, now_ns: int) -> None:
        """Start if need be, take in what was heard, do one round of the uplink."""
        self.now_s, self.now_ns = now_s, now_ns
        try:
            if self._loop is None:
                self._loop = UplinkLoop(self.spool, self._link, self._options)  # type: ignore[arg-type]
                self._link.generation += 1
                self._is_new = True
            if self.network or self.line:
                self._take_in()
            elif not (self.spool.unsent or self._is_new or self._broker.receipts.get(self.id)):
                return  # a step would do nothing; many are such
            self._is_new = False
            self.spool.tend(now_ns=now_ns)
            self._loop.step(now_s=now_s, now_ns=now_ns)
        except Crash:
            self.die()
        except TransientError:
            return

    def die(self) -> None:
        """Lose the memory, and what stood in the serial port."""
        self._loop = None
        self.process.fuse = -1
        self.line.clear()

    def cut_line(self) -> None:
        """The connection to the broker is lost and made anew."""
        self._link.generation += 1

    def replace_card(self) -> None:
        """Somebody puts in a new card: what was on the old one is gone, and counted as such."""
        self.die()
        self._truth.lost_cards.add(self.spool.key)
        self.spool = self._new_card()

    def _new_card(self) -> SpoolTwin:
        self._cards += 1
        key = (self.id, f"e{self._cards}")
        spool = self._make_spool(self.process, self._truth, key, most_rows=self._setting.spool_rows)
        if self.fault == "no_epoch":
            spool.epoch = "e1"
        return spool

    def _take_in(self) -> None:
        frames = [*self.network, *self.line]
        bodies = [self._body(frame, number) for number, frame in enumerate(frames)]
        if self.fault == "count_before_spool":
            self._acknowledge(bodies)
            self.process.point()
        self.spool.append(bodies, now_ns=self.now_ns)
        self.line.clear()
        if self.fault != "count_before_spool":
            self._acknowledge(bodies)

    def _body(self, frame: Frame, number: int) -> Body:
        received_ns = self.now_ns + number
        observed_ns = frame.at_ns if frame.seq is None else received_ns
        return make_body(
            frame.device_id, value=frame.value, observed_ns=observed_ns, received_ns=received_ns, seq=frame.seq
        )

    def _acknowledge(self, bodies: list[Body]) -> None:
        self.process.point()
        for body in bodies:
            self._truth.acknowledged.setdefault(body.name, self.id)
        self.network.clear()
