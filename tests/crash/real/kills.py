"""Who is killed when: kinds of kill in turn, moments by chance, each as soon as the last has been survived.

A point is one moment at which one or more processes of a town get SIGKILL. The next one comes when a row that was
spooled after it is in the journal (so every process on the way has come back), or, one in `_HASTE`, already while the
town recovers.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.crash.real.services import BROKER, FIELD, FORWARD, GATEWAY, INGEST
from tests.crash.real.town import DURABLE, VOLATILE, Kind, Town

KINDS: tuple[tuple[str, ...], ...] = (
    (GATEWAY,),
    (INGEST,),
    (BROKER,),
    (FORWARD,),
    (GATEWAY, INGEST),
    (GATEWAY, BROKER),
    (INGEST, BROKER),
    (INGEST, FORWARD),
    (GATEWAY, INGEST, BROKER, FORWARD, FIELD),
)
_HASTE = 4
_MOST_WAIT_S = 0.6
_HASTY_WAIT_S = 0.15
_POLL_S = 0.02
BACK_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One kill that was done. `back_s`: until a row spooled after it was in the journal; None = nobody waited."""

    town: str
    kind: str
    back_s: float | None


class NotBackError(Exception):
    """A town did not come back by itself."""


@dataclass(slots=True, kw_only=True)
class Killer:
    """Kills the services of one town until it has done `points`; `kill` is the nursery's."""

    town: Town
    points: int
    seed: int
    kill: Callable[[Sequence[str]], Awaitable[None]]
    done: list[Point] = field(default_factory=list)
    tell: Callable[[Point], None] = lambda _: None

    async def run(self) -> None:
        """Kill. Raises NotBackError when the town does not come back within a minute."""
        chance = random.Random(f"{self.seed} {self.town.kind}")
        kinds: list[tuple[str, ...]] = []
        while len(self.done) < self.points:
            if not kinds:
                kinds = chance.sample(KINDS, len(KINDS))
            victims = self._present(kinds.pop())
            is_hasty = chance.randrange(_HASTE) == 0
            await asyncio.sleep(chance.uniform(0.0, _HASTY_WAIT_S if is_hasty else _MOST_WAIT_S))
            began_s = time.monotonic()
            await self.kill([self.town.job(role) for role in victims])
            back_s = None if is_hasty else await self._back(began_s)
            kind = "all" if len(victims) > 2 else "+".join(victims)
            point = Point(town=self.town.kind, kind=kind, back_s=back_s)
            self.done.append(point)
            self.tell(point)
        await self._back(time.monotonic())

    def _present(self, roles: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(role for role in roles if role != FIELD or self.town.kind == VOLATILE)

    async def _back(self, began_s: float) -> float:
        """Wait until a row spooled from now on, and a commit from now on, is in the journal and in the store."""
        town, newest, commit_no = self.town, self.town.newest_row(), self.town.reader.commit_no()
        forwarded_no = town.forwarded_no()

        def is_back() -> bool:
            is_stored = town.watermark() > newest and town.reader.commit_no() > commit_no
            return is_stored and town.forwarded_no() > forwarded_no

        try:
            async with asyncio.timeout(BACK_WITHIN_S):
                await until(is_back, every_s=_POLL_S)
        except TimeoutError:
            raise NotBackError(
                f"{town.kind}: not back after {BACK_WITHIN_S:.0f} s: spool row {newest} then and"
                f" {town.newest_row()} now, watermark {town.watermark()}, store at {town.forwarded_no()}"
            ) from None
        return time.monotonic() - began_s


async def until(is_so: Callable[[], bool], *, every_s: float = 0.05) -> None:
    """Return once it is so; bound it with `asyncio.timeout`."""
    while True:
        if is_so():
            return
        await asyncio.sleep(every_s)


def share(points: int) -> dict[Kind, int]:
    """Return how many points each killed town gets."""
    return {DURABLE: points - points // 2, VOLATILE: points // 2}
