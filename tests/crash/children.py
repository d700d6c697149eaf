"""The two processes that are killed: the gateway's and the hub's real parts, driven round by round by the parent.

The parts are put together as `gateway/run.py` does, without its threads: the parent decides what comes when, so that
the same step is the same step in every run. The hub's loop is that of `ingest/run.py` itself.
"""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import cast

from devices.clock import Clock
from devices.link import AckToken, Message, Subscriber
from devices.model import SECOND_NS
from devices.site import Site
from gateway.clocks import DeviceClocks
from gateway.decode import Decoder, plugins_of
from gateway.intake import CLOCK_NOTES, Intake, report_damaged
from gateway.pulse import Pulse, PulseOptions
from gateway.run import clock_limits
from gateway.sources.mqtt_topics import MqttOptions, MqttSource
from gateway.spool import Spool
from gateway.spool_types import SpoolOptions
from gateway.uplink import UplinkLoop, UplinkOptions
from ingest import journal_fold
from ingest.journal import JournalWriter
from ingest.pipeline import Pipeline
from ingest.run import JOURNAL_FILE, IngestOptions, _Session
from tests.crash.faults import plant
from tests.crash.points import Points, watch_commits
from tests.crash.town import GATEWAY_ID, UPLINKS
from tests.crash.wire import GATEWAY, HUB, Acknowledged, Done, Failed, Kill, Published, Step, ToParent

SPOOL_FILE = f"spool-{GATEWAY_ID}.db"
KEEP_DONE_NS = 200 * SECOND_NS
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a child is to be: `fault` is a planted one (see `faults`), "" = the code as it is."""

    role: str
    life: int
    folder: Path
    site: Site
    kill: Kill | None = None
    fault: str = ""


class TownClock(Clock):
    """The town's time as the parent says it."""

    def __init__(self, port: Port) -> None:
        super().__init__()
        object.__setattr__(self, "_port", port)

    def now_ns(self) -> int:
        """Return the time of this round."""
        port: Port = self._port  # type: ignore[attr-defined]
        return port.now_ns


class Port:
    """All links of one child: its subscriptions, what it publishes, the clocks."""

    def __init__(self, line: ToParent, points: Points, life: int) -> None:
        self.now_s = 0.0
        self.now_ns = 0
        self.is_connected = True
        self.generation = life
        self._line = line
        self._points = points
        self._waiting: dict[str, list[Message]] = {}
        self._receipts: list[bytes] = []

    def load(self, step: Step) -> None:
        """Take over what the parent brings."""
        self.now_s, self.now_ns = step.now_s, step.now_ns
        for subscription, messages in step.messages.items():
            self._waiting.setdefault(subscription, []).extend(messages)
        self._receipts += step.receipts

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Hand a message to the broker."""
        with self._points.doing("publish"):
            self._points.reach("before")
            self._line.send(Published(topic=topic, payload=payload))
            self._points.reach("after")
        return True

    def take_receipts(self) -> list[bytes]:
        """Return the receipts that came."""
        came, self._receipts = self._receipts, []
        if came:
            with self._points.doing("receipts"):
                self._points.reach("taken")
        return came

    def take_from(self, subscription: str, *, most: int) -> list[Message]:
        """Return what the broker brought on a subscription."""
        waiting = self._waiting.get(subscription, [])
        taken, self._waiting[subscription] = waiting[:most], waiting[most:]
        if taken:
            with self._points.doing("take"):
                self._points.reach("after")
        return taken

    def acknowledge_to(self, subscription: str, tokens: Sequence[AckToken]) -> None:
        """Tell the broker that messages are safe, one packet each as MQTT does."""
        with self._points.doing("acknowledge"):
            for number, token in enumerate(tokens):
                self._points.reach("between" if number else "before")
                self._line.send(Acknowledged(subscription=subscription, mid=token.mid))
            self._points.reach("after")


class Subscription:
    """The part of `devices.link.Subscriber` that a source of the gateway, or the hub, uses."""

    def __init__(self, port: Port, name: str) -> None:
        self._port = port
        self._name = name

    def start(self) -> None:
        """Do nothing: the parent is there already."""

    def stop(self) -> None:
        """Do nothing."""

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        """Return what the broker brought."""
        return self._port.take_from(self._name, most=most)

    def acknowledge(self, tokens: Sequence[AckToken]) -> None:
        """Tell the broker that these messages are safe."""
        self._port.acknowledge_to(self._name, tokens)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0) -> bool:
        """Hand a message to the broker."""
        return self._port.publish(topic, payload, qos=qos)


Round = Callable[[], Done]


def live(line: ToParent, order: Order) -> None:
    """Be the child until the parent hangs up; never returns."""
    try:
        points = Points(line, order.kill)
        port = Port(line, points, order.life)
        time.monotonic = lambda: port.now_s
        logging.getLogger().handlers = [_ErrorsToParent(line)]
        plant(order.fault)
        do_round: Round | None = None
        while True:
            port.load(line.recv())
            if do_round is None:
                do_round = ROLES[order.role](order, port, points)
            line.send(do_round())
    except EOFError:
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the parent must hear of it, whatever it is
        line.send(Failed(text=traceback.format_exc()))
        os._exit(1)


class _ErrorsToParent(logging.Handler):
    """Whatever a process logs as an error is a finding: a kill must not look like damage to the next life."""

    def __init__(self, line: ToParent) -> None:
        super().__init__(logging.ERROR)
        self._line = line

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{record.name}: {record.getMessage()} {getattr(record, 'error', '')}"
        if record.exc_info:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info))
        self._line.send(Failed(text=text))


def make_gateway(order: Order, port: Port, points: Points) -> Round:
    """Put the gateway together; the result does one round of each of its threads."""
    for method in ("append", "confirm", "unconfirm", "release", "tend"):
        points.watch(Spool, method, method)
    points.watch(Pulse, "beat", "pulse")
    points.surround(Intake, "prepare", "prepare")
    watch_commits(points)
    options = SpoolOptions(path=order.folder / SPOOL_FILE, max_bytes=8 * _MIB, keep_done_ns=KEEP_DONE_NS)
    with points.doing("open"):
        spool = Spool.open(options, now_ns=port.now_ns)
    plugins = plugins_of(order.site, order.site.gateway[0])
    believed = {device_id: int(text) for device_id, text in spool.notes(CLOCK_NOTES).items()}
    decoder = Decoder(order.site, plugins, DeviceClocks(clock_limits(TownClock(port)), believed=believed))
    intake = Intake(decoder, spool, wake=lambda: None)
    sources = [
        MqttSource(
            MqttOptions(name=network, gateway_id=GATEWAY_ID, uplink=uplink, topics=["#"]),
            Subscription(port, network),
            intake,
            now_ns=lambda: port.now_ns,
        )
        for network, uplink in UPLINKS.items()
    ]
    interval_ns = order.site.gateway[0].heartbeat_interval_s * SECOND_NS
    pulse = Pulse(PulseOptions(gateway_id=GATEWAY_ID, interval_ns=interval_ns, data_dir=order.folder), spool)
    uplink = UplinkLoop(spool, port, UplinkOptions(publisher=GATEWAY_ID))
    stop = Event()

    def do_round() -> Done:
        for source in sources:
            source.step(stop)
        spool.tend(now_ns=port.now_ns)
        report_damaged(spool, publisher=GATEWAY_ID, now_ns=port.now_ns)
        pulse.beat(now_ns=port.now_ns)
        uplink.step(now_s=port.now_s, now_ns=port.now_ns)
        return Done(passed=points.take_passed(), rows_waiting=spool.state().rows_waiting)

    return do_round


def make_hub(order: Order, port: Port, points: Points) -> Round:
    """Put the hub together; the result does one turn of its loop."""
    points.surround(Pipeline, "process", "process")
    points.watch(JournalWriter, "commit", "commit")
    points.watch(JournalWriter, "tend", "tend")
    # so small that folding happens in the middle of it all, and stops within a batch
    journal_fold.FOLD_BATCHES, journal_fold.SLICE_ROWS = 4, 3
    watch_commits(points)
    options = IngestOptions(site=order.site, data_dir=order.folder, clock=TownClock(port))
    with points.doing("open"):
        journal = JournalWriter.open(order.folder / JOURNAL_FILE, now_ns=port.now_ns)
        link = cast(Subscriber, Subscription(port, HUB))
        session = _Session(options=options, journal=journal, link=link)
    stop = Event()

    def do_round() -> Done:
        session.turn(stop)
        return Done(passed=points.take_passed())

    return do_round


ROLES: dict[str, Callable[[Order, Port, Points], Round]] = {GATEWAY: make_gateway, HUB: make_hub}
