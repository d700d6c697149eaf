"""One schedule: a seeded town lives through speech, time and trouble, comes to rest, and is looked at.

Every process is a pure step under one seeded scheduler; it may die at every durable or outward step (`Process.point`),
and loses then all but its files. What is the real code and what is a model:

| part | real | modelled |
|---|---|---|
| gateway | `UplinkLoop`, `Flight`, `gateway.receipts` | the spool's SQL (`spool`), decoding, the network's repeats |
| line, broker | – | losses, copies, delays, order, sessions, persistence (`broker`) |
| seam 2 | `encode_receipt`, `parse_receipt`, `merge`, `stated_floor` | SenML (messages are objects, see `codec`) |
| hub | `ingest.consume.Consumer`, `ingest.receipts.record` | the journal's tables (`journal`) |
| identity, rules | `FrameReader`, `chosen_rows`, `difference`, `as_event` | columns, one threshold rule (`rules`) |
| alerts | `Consumer`, `Planner`, `lifecycle`, routing, `MemoryBook`, `backoff_s` | ledger SQL, threads, texts |
| provider | – | accepts, refuses, accepts without answering, never answers (`telling`) |

Troubles: crashes at every step, messages lost, doubled and overtaken, broker killed with and without persistence,
sessions lost, lines cut, cards replaced (new epoch), spools that are full, disks that refuse before and after the
write, the pipeline broken in the middle of a step or by a poisonous message, journal or `alerts.db` damaged, the hub
restored from an old backup, hours and days that pass. `real_files` lets the same schedules run beside the real files.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.simulation.broker import Broker, Parcel
from tests.simulation.findings import check_alerts, check_events, check_readings
from tests.simulation.gateway import Frame, Gateway, Surroundings
from tests.simulation.hub import Hub
from tests.simulation.journal import EventLine, JournalTwin
from tests.simulation.parts import (
    DAY_S,
    START_NS,
    START_S,
    Packet,
    Process,
    SpoolKey,
    Truth,
    Violation,
    draw_setting,
    make_body,
)
from tests.simulation.spool import SpoolTwin
from tests.simulation.telling import AlertService

_ROUNDS_MOST = 60
_STEPS_MOST = 60
_SPEECH = ("speak",) * 6
_WORK = ("gateway",) * 6 + ("hub",) * 6 + ("alerts",) * 4 + ("answer",) * 3
VALUES = (0.0, 1.0, 1.0, 2.0)
_HOURS_S = 2 * 3_600.0


class World:
    """A town. `fault`: name of a planted mistake, "" = none."""

    def __init__(self, seed: int, fault: str = "") -> None:
        self.chance = random.Random(seed)
        self.setting = draw_setting(self.chance)
        self.fault = fault
        self.truth = Truth()
        self.broker = Broker(self.setting, self.chance, self.truth.heard_ns)
        self.broker.trusts_old_tokens = fault == "old_tokens_trusted"
        self.hub = Hub(self.broker, self.truth, self.make_journal(Process()))
        parts = Surroundings(self.broker, self.truth, fault, self.make_spool)
        self.gateways = [Gateway(number, self.setting, parts) for number in range(1, self.setting.gateways + 1)]
        self.alerts = AlertService(self.hub.journal, self.chance, fault)
        self.spools: list[SpoolTwin] = []
        self.now_s = START_S
        self.frame_no = 0
        self.lines: list[EventLine] = []
        self._note_spools()

    def make_journal(self, process: Process) -> JournalTwin:
        """Return the hub's journal."""
        return JournalTwin(process, self.truth, self.fault)

    def make_spool(self, process: Process, truth: Truth, key: SpoolKey, *, most_rows: int) -> SpoolTwin:
        """Return the spool of a new card."""
        return SpoolTwin(process, truth, key, most_rows=most_rows)

    @property
    def now_ns(self) -> int:
        return START_NS + int(self.now_s * 1_000) * 1_000_000

    def run(self) -> None:
        """Live through the schedule and come to rest. Raises Violation."""
        actions = _WORK + _SPEECH + self.setting.troubles
        count, random_ = len(actions), self.chance.random
        for _ in range(self.setting.steps):
            self.now_s += self.setting.patience * random_()
            name = actions[int(random_() * count)]
            ACTIONS[name](self)
        self._calm()
        if self.truth.restores or self.hub.journal.is_damaged:
            self._pulse()  # a hub that never heard of a spool cannot ask for it: the next pulse tells it
        self._settle()
        self._state_gaps()
        self._check()

    def speak(self) -> None:
        """A device says something: heard by one gateway, by all of them, or (a direct one) by the broker."""
        number = int(self.chance.random() * 4)
        value = VALUES[int(self.chance.random() * len(VALUES))]
        self.frame_no += 1
        if number == 3:
            self._speak_directly(value)
            return
        self.now_s += 0.001
        gateway = self.chance.choice(self.gateways)
        if number == 0:  # a network of LoRaWAN gateways: all hear it, the network repeats it, the gateway stamps it
            frame = Frame("lora", value, 0, self.frame_no, True)
            for each in self.gateways:
                if each is gateway or self.chance.random() < 0.7:
                    each.network.append(frame)
        elif number == 1:
            gateway.network.append(Frame(f"zigbee-{gateway.id}", value, self.now_ns, None, True))
        else:
            gateway.line.append(Frame(f"serial-{gateway.id}", value, self.now_ns, None, False))

    def work_gateway(self) -> None:
        gateway = self.gateways[0] if len(self.gateways) == 1 else self.chance.choice(self.gateways)
        gateway.turn(now_s=self.now_s, now_ns=self.now_ns)

    def work_hub(self) -> None:
        self.hub.turn(now_s=self.now_s, now_ns=self.now_ns)

    def work_alerts(self) -> None:
        self._keep_log()
        self.alerts.turn(now_s=self.now_s, now_ns=self.now_ns)

    def answer(self) -> None:
        self.alerts.answer()

    def crash_gateway(self) -> None:
        gateway = self.chance.choice(self.gateways)
        gateway.process.fuse = int(self.chance.random() * 6)
        gateway.turn(now_s=self.now_s, now_ns=self.now_ns)

    def crash_hub(self) -> None:
        self.hub.process.fuse = int(self.chance.random() * 7)
        self.work_hub()

    def crash_alerts(self) -> None:
        self.alerts.process.fuse = int(self.chance.random() * 6)
        self.work_alerts()

    def crash_broker(self) -> None:
        if self.chance.random() < 0.5:
            self.broker.save()
        else:
            self.broker.die()

    def lose_session(self) -> None:
        self.broker.lose_session()

    def cut_line(self) -> None:
        """Both ends notice: the hub's session gives again what was not acknowledged."""
        self.chance.choice(self.gateways).cut_line()
        self.broker.generation += 1

    def replace_card(self) -> None:
        if self.chance.random() < 0.4:
            self.chance.choice(self.gateways).replace_card()
            self._note_spools()

    def backup(self) -> None:
        self.hub.journal.back_up()

    def restore(self) -> None:
        """The hub's disk dies and its last backup is put back. What no spool holds any more may be lost by this."""
        if self.hub.journal.backup is not None and self.chance.random() < 0.7:
            self._keep_log()
            self.hub.restore()

    def fail_disk(self) -> None:
        if self.chance.random() < 0.5:
            self.hub.journal.refuses = self.chance.choice((-1, -1, 1, 3))
        else:
            self.chance.choice(self.gateways).spool.refuses = 1

    def break_rules(self) -> None:
        """The pipeline fails once in the middle of a step."""
        if self.chance.random() < 0.5:
            self.hub.stumbles = 1

    def poison(self) -> None:
        """A message that breaks the pipeline each time."""
        if self.chance.random() < 0.4:
            self._speak_directly(-1.0)

    def damage_journal(self) -> None:
        if self.chance.random() < 0.2:
            self._keep_log()
            self.hub.journal.is_damaged = True

    def damage_alerts(self) -> None:
        if self.chance.random() < 0.2:
            self._keep_log()
            self.alerts.lose_book()

    def pass_hours(self) -> None:
        self._pass(_HOURS_S)

    def pass_day(self) -> None:
        """Long enough for a spool to let go of what the hub has."""
        self._pass(DAY_S)

    def _pass(self, seconds: float) -> None:
        # a frame that its network repeats for longer than an hour is a new one by the rules of identity
        is_safe = not any(frame.seq is not None for gateway in self.gateways for frame in gateway.network)
        if is_safe and self.chance.random() < 0.3:
            self.now_s += seconds

    def _speak_directly(self, value: float) -> None:
        body = make_body("direct", value=value, observed_ns=self.now_ns + 1, received_ns=self.now_ns, seq=None)
        self.now_s += 0.001
        packet = Packet("", 0, (), (body,), False)
        self.broker.send(Parcel("readings/v1/direct", packet), now_s=self.now_s)

    def _note_spools(self) -> None:
        for gateway in self.gateways:
            if gateway.spool.key not in self.hub.spools:
                self.hub.spools[(gateway.id, gateway.spool.epoch)] = gateway.spool

    def _keep_log(self) -> None:
        for line in self.hub.journal.tables.events[-50:]:
            # not by the event alone: late data may undo an end within the very instant of the beginning
            if line not in self.lines[-100:]:
                self.lines.append(line)

    def _calm(self) -> None:
        """No more trouble; what was set up to fail is forgotten."""
        self.broker.is_calm = self.alerts.is_calm = True
        self.hub.journal.refuses = self.hub.stumbles = 0
        for process in (self.hub.process, self.alerts.process, *(gateway.process for gateway in self.gateways)):
            process.fuse = -1
        for gateway in self.gateways:
            gateway.spool.refuses = 0

    def _settle(self) -> None:
        """Let all work until nobody has anything left to say."""
        pause_s = 2.2
        for _ in range(_ROUNDS_MOST):
            for gateway in self.gateways:
                gateway.turn(now_s=self.now_s, now_ns=self.now_ns)
            self._work_off()
            self.work_alerts()
            self.alerts.answer()
            if self._is_quiet():
                return
            self.now_s += pause_s
            pause_s = min(320.0, pause_s * 1.5)
        raise Violation("the town does not come to rest")

    def _work_off(self) -> None:
        """The hub steps as often as it has something to do; after a failure it takes one message a step."""
        self.work_hub()
        for _ in range(_STEPS_MOST):
            if not self.broker.unacknowledged:
                return
            self.work_hub()

    def _is_quiet(self) -> bool:
        return (
            self.broker.is_empty
            and all(gateway.is_quiet for gateway in self.gateways)
            and self.hub.is_quiet
            and self.alerts.is_quiet
            and (not self.truth.restores or all(self.hub.has_all_of(gateway.spool) for gateway in self.gateways))
        )

    def _state_gaps(self) -> None:
        """Rows that were dropped are stated by the message after the day for which a spool keeps what the hub has."""
        if not any(self.truth.gone.values()):
            return
        self.now_s += DAY_S
        self._pulse()
        self._settle()

    def _pulse(self) -> None:
        """Each gateway says that it lives, as it does each few minutes."""
        self.now_s += 0.001
        for gateway in self.gateways:
            gateway.turn(now_s=self.now_s, now_ns=self.now_ns)
            gateway.line.append(Frame(f"pulse-{gateway.id}", 1.0, self.now_ns, None, False))

    def _check(self) -> None:
        self._keep_log()
        check_readings(self.hub, self.truth, [gateway.spool for gateway in self.gateways])
        check_events(self.hub, self.truth)
        check_alerts(self.hub, self.alerts, self.truth, [line.event for line in self.lines])


ACTIONS: dict[str, Callable[[World], None]] = {
    "speak": World.speak,
    "gateway": World.work_gateway,
    "hub": World.work_hub,
    "alerts": World.work_alerts,
    "answer": World.answer,
    "crash_gateway": World.crash_gateway,
    "crash_hub": World.crash_hub,
    "crash_alerts": World.crash_alerts,
    "crash_broker": World.crash_broker,
    "lose_session": World.lose_session,
    "cut_line": World.cut_line,
    "replace_card": World.replace_card,
    "backup": World.backup,
    "restore": World.restore,
    "fail_disk": World.fail_disk,
    "pass_hours": World.pass_hours,
    "pass_day": World.pass_day,
    "break_rules": World.break_rules,
    "poison": World.poison,
    "damage_journal": World.damage_journal,
    "damage_alerts": World.damage_alerts,
}
