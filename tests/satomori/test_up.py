"""`satomori up`: the whole town on one box, and nothing of it left afterwards."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from satomori.supervise import wait_for_port
from tests.satomori.towns import SITE_TOML, children_of, is_alive
from tests.support import free_port, wait_until

NAMES = {"broker", "ingest", "alerts", "api", "gw-01", "gw-02"}


class Up:
    """`satomori up` as a process; `say` is what it printed."""

    def __init__(self, folder: Path, *options: str, port: int = 0, broker_port: int = 0) -> None:
        self.port, self.broker_port = port or free_port(), broker_port or free_port()
        self.folder = folder
        site = folder / "site.toml"
        site.write_text(SITE_TOML.format(broker_port=self.broker_port), encoding="utf-8")
        self.log = (folder / "up.log").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "satomori",
                "up",
                "--site",
                str(site),
                "--data",
                str(folder / "data"),
                "--port",
                str(self.port),
                *options,
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def health(self) -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2.0).json()["status"])
        except (httpx.HTTPError, KeyError, ValueError):
            return ""

    def said(self) -> str:
        return (self.folder / "up.log").read_text(encoding="utf-8")

    def wait_until_well(self) -> None:
        """Wait for the page. Not by asking its port at once: a connection with oneself would take the port away."""
        wait_until(lambda: "is running" in self.said() or self.process.poll() is not None, 40.0, what=self.report)
        wait_until(lambda: self.health() == "ok", 40.0, what=self.report)

    def report(self) -> str:
        """What it printed, how it is, and the end of each service's log: for a failure."""
        logs = [f"{p.name}: {p.read_text(encoding='utf-8')[-1500:]}" for p in (self.folder / "data").rglob("*.log")]
        try:
            health = httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=2.0).text
        except httpx.HTTPError as error:
            health = repr(error)
        return "\n".join([self.said(), f"exit code {self.process.poll()}", health, *logs])

    def signal(self, number: int) -> float:
        """Send it; return the seconds until the process had ended."""
        began_s = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(20.0)
        return time.monotonic() - began_s


@contextmanager
def running(folder: Path, *options: str, **ports: int) -> Iterator[Up]:
    up = Up(folder, *options, **ports)
    try:
        yield up
    finally:
        children = children_of(up.process.pid)
        up.process.kill()
        up.process.wait()
        for pid in filter(is_alive, children):
            os.kill(pid, signal.SIGKILL)
        up.log.close()


@pytest.mark.services
def test_up_serves_and_sigterm_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        up.wait_until_well()
        assert f"里守りが動いています / Satomori is running: http://127.0.0.1:{up.port}/" in up.said()
        children = children_of(up.process.pid)
        assert len(children) == len(NAMES)
        assert up.signal(signal.SIGTERM) < 6.0
        assert up.process.returncode == 0
        assert [pid for pid in children if is_alive(pid)] == []
        assert "Traceback" not in up.said()


@pytest.mark.services
def test_a_killed_supervisor_takes_its_children_with_it(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        up.wait_until_well()
        children = children_of(up.process.pid)
        up.signal(signal.SIGKILL)
        wait_until(lambda: [pid for pid in children if is_alive(pid)] == [], 10.0)


@pytest.mark.parametrize(
    ("taken", "said"),
    [("port", "port {} on 127.0.0.1 is taken; give the page another: --port N"), ("broker_port", "with --no-broker")],
)
def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path, taken: str, said: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with running(tmp_path, **{taken: port}) as up:
            assert up.process.wait(20.0) == 2
            assert said.format(port) in up.said()
            assert up.said().startswith("satomori: ")
            assert up.said().count("\n") == 1


@pytest.mark.services
def test_sigterm_while_starting_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as up:
        wait_until(lambda: len(children_of(up.process.pid)) >= 1, 20.0)
        children = children_of(up.process.pid)
        assert up.signal(signal.SIGTERM) < 6.0
        assert up.process.returncode == 0
        assert [pid for pid in children if is_alive(pid)] == []


@pytest.mark.services
def test_without_a_broker_of_its_own_it_uses_the_one_there(tmp_path: Path) -> None:
    with running(tmp_path, "--no-broker") as up:
        wait_until(lambda: len(children_of(up.process.pid)) == len(NAMES) - 1, 20.0)
        assert wait_for_port(up.port, timeout_s=20.0)
        assert not wait_for_port(up.broker_port, timeout_s=0.2)
        assert up.signal(signal.SIGTERM) < 6.0
