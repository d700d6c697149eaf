"""Kill points: every durable or outward step of a child has a name, and the child counts how often it came there."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from tests.crash.wire import Dying, Kill, ToParent


class Points:
    """Notes the steps that are passed; at the one that was ordered the process ends without a further instruction."""

    def __init__(self, line: ToParent, kill: Kill | None) -> None:
        self._line = line
        self._kill = kill
        self._times: Counter[str] = Counter()
        self._doing: list[str] = []
        self._passed: list[str] = []

    def reach(self, what: str) -> None:
        """Come to the step `what` of that which is being done."""
        step = f"{'/'.join(self._doing)}: {what}"
        kill = self._kill
        if kill is not None and kill.step == step and kill.occurrence == self._times[step]:
            self._line.send(Dying(step=step))
            os.kill(os.getpid(), signal.SIGKILL)
        self._times[step] += 1
        self._passed.append(step)

    def take_passed(self) -> tuple[str, ...]:
        """Return the steps passed since the last call."""
        passed, self._passed = self._passed, []
        return tuple(passed)

    @contextmanager
    def doing(self, name: str) -> Iterator[None]:
        """Name what is done inside."""
        self._doing.append(name)
        try:
            yield
        finally:
            self._doing.pop()

    def watch(self, owner: type, method: str, name: str) -> None:
        """Name what is done inside a method; its transactions become points (see `watch_commits`)."""
        original: Callable[..., Any] = getattr(owner, method)

        def watched(*args: Any, **kwargs: Any) -> Any:
            with self.doing(name):
                return original(*args, **kwargs)

        setattr(owner, method, watched)

    def surround(self, owner: type, method: str, name: str) -> None:
        """Make points of the moments before and after a method that writes nothing itself."""
        original: Callable[..., Any] = getattr(owner, method)

        def surrounded(*args: Any, **kwargs: Any) -> Any:
            with self.doing(name):
                self.reach("before")
                result = original(*args, **kwargs)
                self.reach("after")
                return result

        setattr(owner, method, surrounded)


def watch_commits(points: Points) -> None:
    """Make points of the moments just before and after the commit of every transaction."""

    class WatchedConnection(sqlite3.Connection):
        def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql != "COMMIT":
                return super().execute(sql, parameters)
            points.reach("before commit")
            cursor = super().execute(sql, parameters)
            points.reach("after commit")
            return cursor

    sqlite3.connect = partial(sqlite3.connect, factory=WatchedConnection)  # type: ignore[assignment]
