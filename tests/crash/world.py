"""One run of the whole town: two real processes, the script, the kills, and what is on the disks in the end."""

from __future__ import annotations

import gc
import os
import random
import signal
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import Pipe
from pathlib import Path

from devices.model import SECOND_NS
from devices.registry import load_catalog, load_uplinks
from devices.site import Site
from ingest.pipeline import Pipeline
from tests.crash.broker import CALM, Parcel, Session, Weather, Wire
from tests.crash.children import Order, live
from tests.crash.findings import Findings, read_findings
from tests.crash.town import DIRECT, GATEWAY_ID, ROUNDS, UPLINKS, Spoken, at_ns, bursts, make_site
from tests.crash.wire import (
    GATEWAY,
    HUB,
    Acknowledged,
    Done,
    Dying,
    Failed,
    Kill,
    Published,
    Step,
    ToChild,
    Word,
)

TICK_S = 0.5
IDLE_TICKS = 1
TICKS_MOST = 300
HANG_S = 20.0
# A kill does not reach the page cache, so a disk of memory shows the same and costs no time for its syncs.
_MEMORY_DISK = Path("/dev/shm")


class TownError(Exception):
    """A run that went wrong in another way than by its results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What happens in a run.

    The first of `kills` must come to pass; one in a later life may find that life too quiet. `together`: each kill
    takes the other process with it. `fault`: see `faults`.
    """

    kills: tuple[Kill, ...] = ()
    weather: Weather = CALM
    together: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of a run. `trouble` says why it did not come to its end; `passed` are all steps, by process."""

    plan: Plan
    trouble: str = ""
    findings: Findings | None = None
    passed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    killed: int = 0


@cache
def preload() -> None:
    """Import and warm up what every child needs, so that a child starts by a fork alone."""
    pipeline = Pipeline(make_site())
    pipeline.process((), now_ns=at_ns(0))
    load_catalog()
    load_uplinks()
    gc.freeze()


def run_town(plan: Plan) -> Result:
    """Run the script once in a folder of its own."""
    preload()
    with tempfile.TemporaryDirectory(dir=_MEMORY_DISK if os.access(_MEMORY_DISK, os.W_OK) else None) as name:
        world = _World(plan, Path(name), make_site())
        try:
            world.run()
            findings = read_findings(Path(name))
        except TownError as error:
            return Result(plan=plan, trouble=str(error), killed=world.killed)
        finally:
            world.end()
    passed = {process: tuple(steps) for process, steps in world.passed.items()}
    return Result(plan=plan, findings=findings, passed=passed, killed=world.killed)


@dataclass(slots=True, kw_only=True)
class _Child:
    pid: int
    line: ToChild


class _World:
    def __init__(self, plan: Plan, folder: Path, site: Site) -> None:
        self.passed: dict[str, list[str]] = {GATEWAY: [], HUB: []}
        self.killed = 0
        self._plan, self._folder, self._site = plan, folder, site
        self._chance = random.Random(plan.weather.seed)
        self._children: dict[str, _Child] = {}
        self._lives: Counter[str] = Counter()
        self._sessions = {network: Session() for network in UPLINKS}
        self._hub_session = Session()
        self._to_hub, self._to_gateway = Wire(plan.weather, self._chance), Wire(plan.weather, self._chance)
        self._kept = 0.5 if plan.weather.lost else 0.0
        self._tick = 0
        self._now_ns = 0
        self._rows_waiting = 0

    def run(self) -> None:
        """Play the script to its end."""
        for number in range(ROUNDS):
            self._now_ns = at_ns(number)
            for burst in bursts(number):
                for spoken in burst:
                    self._hear(spoken)
                self._pass_tick()
            self._settle(number)
            for _ in range(IDLE_TICKS):
                self._pass_tick()  # time without data
        self._settle(ROUNDS)
        if self._plan.kills and not self.killed:
            raise TownError(f"never came to {self._plan.kills[0]}")

    def end(self) -> None:
        """End what still runs, as hard as everything else here."""
        for role in list(self._children):
            self._bury(role)

    def _hear(self, spoken: Spoken) -> None:
        session = self._hub_session if spoken.network == DIRECT else self._sessions[spoken.network]
        session.put(Parcel(topic=spoken.topic, payload=spoken.payload, is_retained=spoken.is_retained))

    def _settle(self, number: int) -> None:
        """Let time pass until nobody has anything left to say."""
        for _ in range(TICKS_MOST):
            if self._is_quiet():
                return
            self._pass_tick()
        raise TownError(f"round {number} does not come to rest: {self._rows_waiting} spool rows wait for a receipt")

    def _is_quiet(self) -> bool:
        sessions = [*self._sessions.values(), self._hub_session]
        return (
            all(session.is_empty for session in sessions)
            and self._to_hub.is_empty
            and self._to_gateway.is_empty
            and self._rows_waiting == 0
            and len(self._children) == len(self.passed)
        )

    def _pass_tick(self) -> None:
        self._tick += 1
        self._now_ns += int(TICK_S * SECOND_NS)
        feeds = {network: session.deliver() for network, session in self._sessions.items()}
        receipts = tuple(parcel.payload for parcel in self._to_gateway.arrived(tick=self._tick))
        self._serve(GATEWAY, self._step(messages=feeds, receipts=receipts))
        for parcel in self._to_hub.arrived(tick=self._tick):
            self._hub_session.put(parcel)
        self._serve(HUB, self._step(messages={HUB: self._hub_session.deliver()}))

    def _step(self, **fields: object) -> Step:
        return Step(now_s=1_000.0 + self._tick * TICK_S, now_ns=self._now_ns, **fields)  # type: ignore[arg-type]

    def _serve(self, role: str, step: Step) -> None:
        """Let one process do one round, and carry out what it says meanwhile."""
        child = self._children.get(role) or self._start(role)
        dying = ""
        try:
            child.line.send(step)
            while not isinstance(word := self._listen(role, child), Done):
                if isinstance(word, Dying):
                    dying = word.step
                else:
                    self._carry_out(word)
        except (EOFError, ConnectionError):
            self._note_death(role, dying)
            return
        self.passed[role] += word.passed
        if role == GATEWAY:
            self._rows_waiting = word.rows_waiting

    def _listen(self, role: str, child: _Child) -> Word:
        if not child.line.poll(HANG_S):
            raise TownError(f"{role} does nothing for {HANG_S} s")
        return child.line.recv()

    def _carry_out(self, word: Word) -> None:
        match word:
            case Acknowledged(subscription=name, mid=mid):
                session = self._hub_session if name == HUB else self._sessions[name]
                session.acknowledge(mid)
            case Published(topic=topic, payload=payload):
                parcel = Parcel(topic=topic, payload=payload, is_durable=False)
                wire = self._to_gateway if topic == f"receipts/v1/{GATEWAY_ID}" else self._to_hub
                wire.send(parcel, tick=self._tick)
            case Failed(text=text):
                raise TownError(f"a process broke by itself: {text}")

    def _note_death(self, role: str, dying: str) -> None:
        due = self._kill_of(role, life=self._lives[role] - 1)
        status = self._bury(role)
        if due is None or due.step != dying or os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            raise TownError(f"{role} ended by itself, status {status}, at {dying or 'no step'}")
        self.killed += 1
        self._lose(role)
        if self._plan.together:
            other = HUB if role == GATEWAY else GATEWAY
            if other in self._children:
                self._bury(other)
                self._lose(other)

    def _lose(self, role: str) -> None:
        """What a death costs: messages in flight, and receipts (the gateway has no session for them)."""
        if role == GATEWAY:
            for session in self._sessions.values():
                session.reconnect(self._chance, kept=1.0)
            self._to_hub.lose(kept=self._kept)
            self._to_gateway.lose(kept=0.0)
            self._rows_waiting = 1  # not known: surely not at rest
        else:
            self._hub_session.reconnect(self._chance, kept=self._kept)

    def _start(self, role: str) -> _Child:
        life, self._lives[role] = self._lives[role], self._lives[role] + 1
        order = Order(
            role=role,
            life=life,
            folder=self._folder,
            site=self._site,
            kill=self._kill_of(role, life=life),
            fault=self._plan.fault,
        )
        ours, theirs = Pipe()
        pid = os.fork()
        if pid == 0:
            ours.close()
            for other in self._children.values():
                other.line.close()  # else it would never see that the parent hung up
            live(theirs, order)
        theirs.close()
        child = self._children[role] = _Child(pid=pid, line=ours)
        return child

    def _kill_of(self, role: str, *, life: int) -> Kill | None:
        return next((kill for kill in self._plan.kills if kill.process == role and kill.life == life), None)

    def _bury(self, role: str) -> int:
        child = self._children.pop(role)
        os.kill(child.pid, signal.SIGKILL)
        child.line.close()
        return os.waitpid(child.pid, 0)[1]
