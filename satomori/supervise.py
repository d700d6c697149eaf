"""`satomori up`: each service a child process, restarted with back-off; nothing survives its supervisor.

A child that the supervisor lost by SIGKILL gets SIGTERM from the kernel (PDEATHSIG), so that no orphan keeps a spool
or a port. State is told in plain words through `tell`.
"""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

_PR_SET_PDEATHSIG = 1
_BACKOFF_FIRST_S = 0.5
_BACKOFF_MOST_S = 30.0
_STEADY_S = 30.0
_STOP_PATIENCE_S = 5.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One child process. `listens_on` is the loopback port that must answer before the next service starts."""

    name: str
    argv: tuple[str, ...]
    listens_on: int | None = None


@dataclass(slots=True, kw_only=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    next_start_s: float = 0.0
    backoff_s: float = _BACKOFF_FIRST_S
    restarts: int = 0


def _die_with_parent() -> Callable[[], None]:
    """Return a function for the child that asks the kernel for SIGTERM when the parent is gone (Linux only)."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up here: between fork and exec only plain calls are safe
    parent = os.getpid()

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent went between fork and prctl
            os._exit(1)

    return ask


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Starts `services` in order, keeps them running, stops them in reverse order.

    `log_dir` takes each child's output as `<name>.log`; None lets them write to the supervisor's own stderr.
    """

    services: Sequence[Service]
    log_dir: Path | None = None
    tell: Callable[[str], None] = print
    _children: list[_Child] = field(default_factory=list)

    def start(self, stop: Event | None = None) -> None:
        """Start every service; one that listens is waited for (at most 10 s) before the next begins.

        Ends early when `stop` is set.
        """
        stop = stop or Event()
        for service in self.services:
            if stop.is_set():
                return
            child = _Child(service=service)
            self._children.append(child)
            self._spawn(child)
            if service.listens_on is not None and not wait_for_port(service.listens_on, timeout_s=10.0, stop=stop):
                self.tell(f"{service.name}: does not answer on port {service.listens_on} yet; going on")

    def run(self, stop: Event) -> None:
        """Watch the children until `stop` is set, then stop them all."""
        try:
            while not stop.wait(_POLL_S):
                self.look()
        finally:
            self.stop()

    def look(self) -> None:
        """Notice children that ended and start again those whose back-off is over."""
        now_s = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._ended(child, now_s=now_s)
            if child.process is None and now_s >= child.next_start_s:
                child.restarts += 1
                self._spawn(child)

    def pids(self) -> dict[str, int]:
        """Return the process id of each running child by service name."""
        return {c.service.name: c.process.pid for c in self._children if c.process is not None}

    def is_running(self) -> bool:
        """Return True while any child lives."""
        return any(c.process is not None and c.process.poll() is None for c in self._children)

    def exit_codes(self) -> dict[str, int]:
        """Return the exit code of each child that has ended and was not started again, by service name."""
        found = {c.service.name: c.process.poll() for c in self._children if c.process is not None}
        return {name: code for name, code in found.items() if code is not None}

    def stop(self) -> None:
        """SIGTERM to all in reverse order, SIGKILL to those that are still there after 5 s."""
        running = [c.process for c in reversed(self._children) if c.process is not None]
        for process in running:
            process.terminate()
        deadline_s = time.monotonic() + _STOP_PATIENCE_S
        for process in running:
            try:
                process.wait(timeout=max(0.0, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._children.clear()

    def _spawn(self, child: _Child) -> None:
        child.started_s = time.monotonic()
        output = self._output(child.service.name)
        try:
            child.process = subprocess.Popen(
                child.service.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent(),  # safe: it takes no lock that another thread may hold
            )
        except OSError as error:
            self.tell(f"{child.service.name}: cannot start ({error.strerror}); trying again in {child.backoff_s:.0f} s")
            self._postpone(child, now_s=child.started_s)
        finally:
            if output is not None:
                os.close(output)

    def _output(self, name: str) -> int | None:
        if self.log_dir is None:
            return None
        self.log_dir.mkdir(parents=True, exist_ok=True)
        return os.open(self.log_dir / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)

    def _ended(self, child: _Child, *, now_s: float) -> None:
        code = child.process.returncode if child.process is not None else 0
        child.process = None
        if now_s - child.started_s > _STEADY_S:
            child.backoff_s = _BACKOFF_FIRST_S
        self.tell(f"{child.service.name}: ended (code {code}); starting again in about {child.backoff_s:.1f} s")
        self._postpone(child, now_s=now_s)

    @staticmethod
    def _postpone(child: _Child, *, now_s: float) -> None:
        # jitter keeps services that fell together from rising together
        child.next_start_s = now_s + child.backoff_s * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        child.backoff_s = min(_BACKOFF_MOST_S, child.backoff_s * 2)


def wait_for_port(port: int, *, timeout_s: float, stop: Event | None = None) -> bool:
    """Return True as soon as something listens on 127.0.0.1:`port`, False after `timeout_s` or when told to stop."""
    deadline_s = time.monotonic() + timeout_s
    pause = stop or Event()
    while time.monotonic() < deadline_s and not pause.is_set():
        with socket.socket() as probe:
            probe.settimeout(0.5)
            # a connection from the very port it goes to is one with itself: nobody listens there yet
            if probe.connect_ex(("127.0.0.1", port)) == 0 and probe.getsockname() != probe.getpeername():
                return True
        pause.wait(_POLL_S / 2)
    return False


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
