"""One run: three towns hear the same script, two of them are killed again and again, then all are compared.

What must hold at the end, of each killed town (`findings`):

- every reading that was sent and acknowledged is in the journal exactly once, by identity (device, quantity, observed
  time, frame counter), with the value and flag of the undisturbed town. Acknowledged means: PUBACKed by a durable
  broker (see `sender` for when that counts), or spooled by the gateway; the hub's broker of VOLATILE keeps nothing;
- what the gateway itself dates (a serial gauge, its own figures) is in the journal as it is in the spool;
- the store that speaks InfluxDB's protocol holds the same points with the same values;
- events are those of the undisturbed town, to the nanosecond (of silences, which ask when something was heard, each
  pause is told once); so is the quarantine;
- nothing waits in the spool, nobody logged an error, the journal counts no damage, every service came back by itself.

Messages of the killed towns come late (up to 2 s, so out of order) and some of them twice; the undisturbed town hears
each once and in order.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devices.clock import Clock
from tests.crash.real.findings import compare
from tests.crash.real.kills import Killer, NotBackError, Point, share, until
from tests.crash.real.script import MS_NS, NETWORK, RIVERS, Script, Spoken
from tests.crash.real.sender import Sender
from tests.crash.real.services import GATEWAY, INGEST
from tests.crash.real.town import CALM, DURABLE, VOLATILE, Town, Towns
from tests.ingest.stores.victoria import Victoria, victoria

_TICK_S = 0.05
_LATE_MOST_S = 2.0
_FRAME_EVERY = 4
_IS_LATE, _IS_TWICE = 0.3, 0.15
_REST_WITHIN_S = 90.0
_LOST_AFTER_S = 30.0
_FAULT_LOST_AFTER_S = 8.0
_UP_WITHIN_S = 60.0
_LEAD_S = 1.0
_MEMORY_DISK = Path("/dev/shm")
"""A kill does not reach the page cache, so a disk of memory shows the same and costs no time for its syncs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`points` kills in all; `fault`: one of `faults`, planted in the killed towns. `keep`: leave the folder there."""

    points: int
    seed: int = 1
    fault: str = ""
    keep: bool = False


@dataclass(slots=True, kw_only=True)
class Report:
    """What came of a run. `wrong` says what does not hold."""

    points: list[Point] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    said: int = 0
    sent: int = 0
    seconds: float = 0.0


class Nursery:
    """Our end of `tests.crash.real.nursery`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.ended: list[str] = []
        self.lives: dict[str, int] = {}
        self.is_ready = asyncio.Event()

    async def hear(self) -> None:
        """Take news until the nursery ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            news = json.loads(line)
            if news["said"] == "ready":
                self.is_ready.set()
            elif news["said"] == "started":
                self.lives[news["name"]] = news["life"]
            elif not news["was_killed"]:
                self.ended.append(f"{news['name']} ended by itself with code {news['code']}")

    async def start(self, town: Town, roles: Sequence[str] = ()) -> None:
        """Start all services of a town, or some, and keep them running."""
        for job in town.jobs:
            if not roles or job.role in roles:
                await self._order(do="start", job=asdict(job))

    async def kill(self, names: Sequence[str]) -> None:
        """SIGKILL to all of these."""
        await self._order(do="kill", names=list(names))

    async def end(self, names: Sequence[str]) -> None:
        """SIGKILL to all of these, for good."""
        await self._order(do="end", names=list(names))

    async def _order(self, **order: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        await self._process.stdin.drain()


@asynccontextmanager
async def nursery() -> AsyncIterator[Nursery]:
    """Run the nursery; in the end all its children are gone."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crash.real.nursery",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    ours = Nursery(process)
    hearing = asyncio.create_task(ours.hear())
    try:
        yield ours
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await hearing


class Load:
    """Speaks the script to every town."""

    def __init__(self, towns: Sequence[Town], script: Script, *, seed: int) -> None:
        self._script = script
        self._towns = towns
        self._chances = {town.kind: random.Random(f"{seed} {town.kind}") for town in towns}
        self._late: list[tuple[float, Sender, Spoken]] = []
        self.senders = {town.kind: _senders(town) for town in towns}
        self._rounds = 0
        self.is_over = False

    async def run(self) -> None:
        """Speak until `is_over`, then until all is acknowledged."""
        clock = Clock()
        while not self.is_over or self._late:
            if not self.is_over:
                for spoken in self._script.due(clock.now_ns()):
                    self._say(spoken)
                self._speak_on_lines()
            self._say_late()
            await asyncio.sleep(_TICK_S)
        senders = [sender for some in self.senders.values() for sender in some.values()]
        await until(lambda: all(sender.is_idle for sender in senders))

    def _speak_on_lines(self) -> None:
        """A frame of the serial gauges, each few rounds; one that nobody reads is gone, as on a real line."""
        self._rounds += 1
        if self._rounds % _FRAME_EVERY:
            return
        for town in self._towns:
            if town.line.is_open():
                town.line.send(b"R%04d\r" % (501 + self._rounds % 4_000))

    def _say(self, spoken: Spoken) -> None:
        for town in self._towns:
            sender, chance = self.senders[town.kind].get(spoken.sender), self._chances[town.kind]
            if sender is None:
                continue
            if town.kind == CALM or spoken.name is None:
                sender.put(spoken.topic, spoken.payload)
                continue
            for _ in range(1 + (chance.random() < _IS_TWICE)):
                late_s = chance.uniform(0.0, _LATE_MOST_S) if chance.random() < _IS_LATE else 0.0
                self._late.append((time.monotonic() + late_s, sender, spoken))

    def _say_late(self) -> None:
        now_s = time.monotonic()
        due = [item for item in self._late if item[0] <= now_s]
        self._late = [item for item in self._late if item[0] > now_s]
        for _, sender, spoken in due:
            sender.put(spoken.topic, spoken.payload)


def _senders(town: Town) -> dict[str, Sender]:
    senders = {NETWORK: Sender(town.field_port, "network-server")}
    if town.hears_direct:
        senders |= {device_id: Sender(town.hub_port, device_id) for device_id in RIVERS}
    return senders


async def run(plan: Plan, tell: Callable[[Point], None] = lambda _: None) -> Report:
    """Do a whole run."""
    began_s = time.monotonic()
    report = Report()
    disk = _MEMORY_DISK if os.access(_MEMORY_DISK, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="satomori-kills-", dir=disk, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with victoria(folder / "store") as store:
            towns = {
                kind: Town(
                    kind=kind, folder=folder / kind, store_url="" if kind == CALM else store.url,
                    fault="" if kind == CALM else plan.fault,
                )
                for kind in (CALM, DURABLE, VOLATILE)
            }  # fmt: skip
            try:
                await _play(plan, towns, store, report, tell)
            finally:
                for town in towns.values():
                    town.close()
        if plan.keep:
            shutil.copytree(folder, f"{folder}.kept")
    report.seconds = time.monotonic() - began_s
    return report


async def _play(plan: Plan, towns: Towns, store: Victoria, report: Report, tell: Callable[[Point], None]) -> None:
    async with nursery() as keeper:
        async with asyncio.timeout(_UP_WITHIN_S):
            await keeper.is_ready.wait()
        for town in towns.values():
            await keeper.start(town)
        async with asyncio.timeout(_UP_WITHIN_S):
            await until(lambda: all(town.is_connected() for town in towns.values()))
        script = Script(start_ns=Clock().now_ns() // MS_NS * MS_NS, seed=plan.seed)
        load = Load(list(towns.values()), script, seed=plan.seed)
        senders = [asyncio.create_task(s.run()) for some in load.senders.values() for s in some.values()]
        speaking = asyncio.create_task(load.run())
        await asyncio.sleep(_LEAD_S)
        try:
            await _kill(plan, towns, keeper, report, tell)
            load.is_over = True
            async with asyncio.timeout(_REST_WITHIN_S):
                await speaking
                await _rest(towns, script, keeper, lost_after_s=_FAULT_LOST_AFTER_S if plan.fault else _LOST_AFTER_S)
        except NotBackError as error:
            report.wrong.append(str(error))
        except TimeoutError:
            report.wrong.append(f"the towns do not come to rest within {_REST_WITHIN_S:.0f} s")
        report.wrong += keeper.ended
        for task in (speaking, *senders):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    report.said = len(script.said)
    report.sent = sum(s.sent for some in load.senders.values() for s in some.values())
    report.wrong += compare(towns, script, store)


async def _kill(plan: Plan, towns: Towns, keeper: Nursery, report: Report, tell: Callable[[Point], None]) -> None:
    killers = [
        Killer(town=towns[kind], points=points, seed=plan.seed, kill=keeper.kill, done=[], tell=tell)
        for kind, points in share(plan.points).items()
    ]
    tasks = [asyncio.create_task(killer.run()) for killer in killers]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        report.points += [point for killer in killers for point in killer.done]


async def _rest(towns: Towns, script: Script, keeper: Nursery, *, lost_after_s: float) -> None:
    """End every town when it has done all it has to; what is lost for good is waited for a while, then it is told."""
    with suppress(TimeoutError):
        async with asyncio.timeout(lost_after_s):
            await until(lambda: all(_is_heard(town, script) for town in towns.values()), every_s=0.5)
    for town in towns.values():
        await _end_gateway(town, keeper)
    for town in towns.values():
        await keeper.end([town.job(INGEST)])
    await until(lambda: all(town.is_forwarded() for town in towns.values()))


def _is_heard(town: Town, script: Script) -> bool:
    counts = town.reader.observation_counts()
    said = Counter(name[:2] for name in script.said if town.hears_direct or name[0] not in RIVERS)
    return all(counts.get(series, 0) >= n for series, n in said.items()) and town.rows_waiting() == 0


async def _end_gateway(town: Town, keeper: Nursery) -> None:
    """End it when nothing waits; its pulse may put in a row at the last moment, then it goes on."""
    while True:
        await until(lambda: not town.rows_waiting())
        await keeper.end([town.job(GATEWAY)])
        await asyncio.sleep(_TICK_S)
        if not town.rows_waiting():
            return
        await keeper.start(town, roles=(GATEWAY,))
        await asyncio.sleep(_LEAD_S)
