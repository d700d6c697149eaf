"""The supervisor: restarts what ends, stops what runs, leaves no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from satomori.supervise import Service, Supervisor, free_port, wait_for_port
from tests.satomori.towns import is_alive
from tests.support import wait_until

SLEEPER = (sys.executable, "-c", "import threading; threading.Event().wait()")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    " threading.Event().wait()",
)


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    told: list[str] = []
    supervisor = Supervisor(services=[Service(name="one", argv=SLEEPER)], log_dir=tmp_path, tell=told.append)
    supervisor.start()
    try:
        first = supervisor.pids()["one"]
        os.kill(first, signal.SIGKILL)

        def has_new_child() -> bool:
            supervisor.look()
            return supervisor.pids().get("one", first) != first

        wait_until(has_new_child, timeout_s=10.0)
        assert is_alive(supervisor.pids()["one"])
        assert told == ["one: ended (code -9); starting again in about 0.5 s"]
    finally:
        supervisor.stop()


def test_back_off_grows_while_a_child_keeps_failing(tmp_path: Path) -> None:
    told: list[str] = []
    failing = Service(name="bad", argv=(sys.executable, "-c", "raise SystemExit(3)"))
    supervisor = Supervisor(services=[failing], log_dir=tmp_path, tell=told.append)
    supervisor.start()

    def has_failed_twice() -> bool:
        supervisor.look()
        return len(told) >= 2

    wait_until(has_failed_twice, timeout_s=10.0)
    supervisor.stop()
    assert told == [f"bad: ended (code 3); starting again in about {pause} s" for pause in ("0.5", "1.0")]


def test_stop_ends_even_a_child_that_ignores_sigterm(tmp_path: Path) -> None:
    supervisor = Supervisor(services=[Service(name="deaf", argv=STUBBORN)], log_dir=tmp_path, tell=lambda _: None)
    supervisor.start()
    wait_until(lambda: (tmp_path / "deaf.log").read_text(encoding="ascii") == "up\n", timeout_s=10.0)
    pid = supervisor.pids()["deaf"]
    supervisor.stop()
    assert not is_alive(pid)


def test_a_missing_program_is_told_and_does_not_stop_the_others(tmp_path: Path) -> None:
    told: list[str] = []
    services = [Service(name="gone", argv=(str(tmp_path / "no-such-program"),)), Service(name="good", argv=SLEEPER)]
    supervisor = Supervisor(services=services, log_dir=tmp_path, tell=told.append)
    supervisor.start()
    try:
        assert list(supervisor.pids()) == ["good"]
        assert told[0].startswith("gone: cannot start (No such file or directory)")
    finally:
        supervisor.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux only")
def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    program = (
        "import sys, threading\n"
        "from pathlib import Path\n"
        "from satomori.supervise import Service, Supervisor\n"
        f"s = Supervisor(services=[Service(name='c', argv={SLEEPER!r})], log_dir=Path({str(tmp_path)!r}))\n"
        "s.start(); print(s.pids()['c'], flush=True); threading.Event().wait()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not is_alive(child), timeout_s=10.0)


def test_wait_for_port_gives_up() -> None:
    assert not wait_for_port(free_port(), timeout_s=0.2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_stop_even_in_the_middle_of_a_wait(number: int) -> None:
    # `wait(0)` in a hot loop: nearly every signal comes while the main thread is inside the Event
    program = (
        "from devices.signals import stop_on_signals\n"
        "stop = stop_on_signals(); print('up', flush=True)\n"
        "while not stop.wait(0): pass\n"
    )
    for _ in range(4):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        try:
            assert process.wait(5.0) == 0
        finally:
            process.kill()
            process.stdout.close()


def test_start_ends_early_when_told_to_stop(tmp_path: Path) -> None:
    stop = Event()
    stop.set()
    supervisor = Supervisor(services=[Service(name="one", argv=SLEEPER)], log_dir=tmp_path)
    supervisor.start(stop)
    assert supervisor.pids() == {}


def test_exit_codes_of_those_that_ended(tmp_path: Path) -> None:
    services = [
        Service(name="bad", argv=(sys.executable, "-c", "raise SystemExit(3)")),
        Service(name="good", argv=SLEEPER),
    ]
    supervisor = Supervisor(services=services, log_dir=tmp_path)
    supervisor.start()
    try:
        assert wait_until(supervisor.exit_codes) == {"bad": 3}
        assert supervisor.is_running()
    finally:
        supervisor.stop()
