"""Hints through a named pipe: they wake at once, and whatever is wrong with the pipe breaks nothing."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devices.wake import Bell, Listener

LONG_S = 60.0
RING = "import sys; from pathlib import Path; from devices.wake import Bell; Bell(Path(sys.argv[1])).ring()"


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    return tmp_path / "alerts.wake"


@pytest.fixture
def listener(pipe: Path) -> Iterator[Listener]:
    listener = Listener(pipe)
    yield listener
    listener.close()


def test_another_process_wakes_who_waits(listener: Listener, pipe: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(listener.wait, LONG_S)
        subprocess.run([sys.executable, "-c", RING, str(pipe)], check=True, timeout=60)
        assert waiting.result(timeout=10)


def test_a_hint_before_the_waiting_is_not_lost_and_many_are_one(listener: Listener, pipe: Path) -> None:
    for _ in range(200_000):  # more than a pipe holds
        Bell(pipe).ring()
    assert listener.wait(LONG_S)
    assert not listener.wait(0.0)


def test_without_a_hint_the_time_ends_the_waiting(listener: Listener) -> None:
    assert not listener.wait(0.01)


def test_a_thread_of_the_process_ends_the_waiting(listener: Listener) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(listener.wait, LONG_S)
        listener.nudge()
        assert waiting.result(timeout=10)


def test_who_listens_may_be_started_anew(pipe: Path) -> None:
    bell, first = Bell(pipe), Listener(pipe)
    bell.ring()
    first.close()
    bell.ring()
    again = Listener(pipe)
    assert not again.wait(0.0)
    bell.ring()
    assert again.wait(LONG_S)
    again.close()


def a_file(path: Path) -> None:
    path.write_bytes(b"kept")


def a_link_to_a_file(path: Path) -> None:
    path.with_name("target").write_bytes(b"kept")
    path.symlink_to("target")


def a_pipe_that_nobody_reads(path: Path) -> None:
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("put", [a_file, a_link_to_a_file, a_pipe_that_nobody_reads, a_folder, lambda _path: None])
def test_ringing_harms_nothing(pipe: Path, put: Callable[[Path], None]) -> None:
    put(pipe)
    before = contents(pipe.parent)
    Bell(pipe).ring()
    Bell(pipe / "no" / "such").ring()
    assert contents(pipe.parent) == before


@pytest.mark.parametrize("put", [a_file, a_link_to_a_file, a_folder])
def test_without_a_pipe_there_are_still_nudges_and_the_time(pipe: Path, put: Callable[[Path], None]) -> None:
    put(pipe)
    before = contents(pipe.parent)
    listener = Listener(pipe)
    Bell(pipe).ring()
    assert not listener.wait(0.01)
    listener.nudge()
    assert listener.wait(LONG_S)
    listener.close()
    assert (listener.hears_others, contents(pipe.parent)) == (False, before)


def test_a_folder_that_is_not_there_is_no_failure(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "no" / "alerts.wake")
    assert not listener.wait(0.0)
    listener.close()


def test_a_late_nudge_writes_into_no_other_file(pipe: Path, tmp_path: Path) -> None:
    listener = Listener(pipe)
    listener.close()
    others = [(tmp_path / f"other{number}").open("wb", buffering=0) for number in range(4)]
    listener.nudge()
    for other in others:
        other.close()
    assert [(tmp_path / f"other{number}").read_bytes() for number in range(4)] == [b""] * 4


def test_an_event_loop_can_wait_for_it(listener: Listener, pipe: Path) -> None:
    async def play() -> bool:
        heard = asyncio.Event()
        asyncio.get_running_loop().add_reader(listener.fileno(), heard.set)
        Bell(pipe).ring()
        await asyncio.wait_for(heard.wait(), 10)
        listener.clear()
        return listener.wait(0.0)

    assert asyncio.run(play()) is False


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in sorted(folder.rglob("*"))}


def test_only_its_own_user_may_ring(pipe: Path, listener: Listener) -> None:
    assert listener.hears_others
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o600
