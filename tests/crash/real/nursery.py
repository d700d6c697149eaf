"""The services' parent: starts each by a fork, and again as soon as it ended, however it ended.

`python -m tests.crash.real.nursery`: orders and news are JSON lines on stdin and stdout. It has imported everything, so
that a service is there in milliseconds; what it forks is the service's own `run_*` with sockets, files and threads as
ever. The product's supervisor does the same with a back-off that grows up to 30 s, which no loop of kills could wait
for; it has tests of its own.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import random
import selectors
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from devices.clock import Clock
from devices.registry import load_catalog, load_uplinks
from devices.site_file import parse_site
from ingest.pipeline import Pipeline
from ingest.store_check import check_stores
from tests.crash.real.script import site_toml
from tests.crash.real.services import Job, serve

_PR_SET_PDEATHSIG = 1
_PAUSE_MOST_S = 0.1
_OUT, _ERR = 1, 2


@dataclass(slots=True, kw_only=True)
class _Child:
    job: Job
    pid: int = 0
    life: int = 0
    start_s: float = 0.0
    was_killed: bool = False
    is_over: bool = False

    @property
    def is_due(self) -> bool:
        """Whether it does not run and should."""
        return not self.pid and not self.is_over


class Nursery:
    """One thread; the parent of every service of every town."""

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}
        self._chance = random.Random(0)
        self._wake_in, self._wake_out = os.pipe2(os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_out)
        self._prctl = ctypes.CDLL(None).prctl

    def run(self) -> None:
        """Obey until stdin ends; then kill all."""
        pick = selectors.DefaultSelector()
        pick.register(0, selectors.EVENT_READ)
        pick.register(self._wake_in, selectors.EVENT_READ)
        self._say(said="ready")
        rest = b""
        while True:
            for key, _ in pick.select(self._patience_s()):
                data = os.read(key.fd, 65_536)
                if key.fd == 0:
                    if not data:
                        return self._end()
                    *lines, rest = (rest + data).split(b"\n")
                    for line in lines:
                        self._obey(json.loads(line))
            self._reap()
            self._start_due()

    def _patience_s(self) -> float | None:
        due = [child.start_s for child in self._children.values() if child.is_due]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _obey(self, order: dict[str, Any]) -> None:
        if order["do"] == "start":
            job = Job(**order["job"])
            self._children[job.name] = _Child(job=job)
            return
        for name in order["names"]:
            child = self._children[name]
            child.is_over |= order["do"] == "end"
            if child.pid:
                child.was_killed = True
                os.kill(child.pid, signal.SIGKILL)

    def _reap(self) -> None:
        for child in self._children.values():
            if not child.pid:
                continue
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self._say(said="ended", name=child.job.name, code=code, was_killed=child.was_killed)
                child.pid, child.was_killed = 0, False
                child.start_s = time.monotonic() + self._chance.uniform(0.0, _PAUSE_MOST_S)

    def _start_due(self) -> None:
        now_s = time.monotonic()
        for child in self._children.values():
            if child.is_due and child.start_s <= now_s:
                child.life += 1
                child.pid = os.fork()
                if not child.pid:
                    self._be(child.job)
                self._say(said="started", name=child.job.name, life=child.life)

    def _be(self, job: Job) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            log = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            empty = os.open(os.devnull, os.O_RDONLY)
            for target, source in ((0, empty), (_OUT, log), (_ERR, log)):
                os.dup2(source, target)
            os.closerange(3, 64)
            if job.argv:
                os.execv(job.argv[0], job.argv)
            serve(job)
            code = 0
        except BaseException:  # noqa: BLE001 - it stands in the log, and the code tells
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _end(self) -> None:
        for child in self._children.values():
            if child.pid:
                os.kill(child.pid, signal.SIGKILL)
                os.waitpid(child.pid, 0)

    @staticmethod
    def _say(**news: object) -> None:
        sys.stdout.write(json.dumps(news) + "\n")
        sys.stdout.flush()


def preload() -> None:
    """Import and warm up what every service needs."""
    load_catalog()
    load_uplinks()
    text = site_toml(hub_port=1, field_port=1, line=Path("none"), store=("http://127.0.0.1:1", "none"))
    Pipeline(parse_site(text, checks=(check_stores,))).process((), now_ns=Clock().now_ns())
    import influxdb_client  # noqa: F401

    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    preload()
    Nursery().run()
