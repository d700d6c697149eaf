"""`satomori demo` without a terminal: says what comes up, replays, goes on serving, leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.satomori.towns import children_of, is_alive
from tests.support import wait_until


class Demo:
    """The demo as a process whose output goes into a file."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._log = folder / "demo.log"
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "satomori", "demo", *options]
            # the environment's TMPDIR is where the demo makes its own folder
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env={"TMPDIR": str(folder), "PATH": ""})

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def value_of(self, name: str) -> str:
        """What stands behind `name:` in what it said."""
        return next(line.split(": ", 1)[1].strip() for line in self.said().splitlines() if line.startswith(name))


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Demo]:
    demo = Demo(folder, *options)
    try:
        yield demo
    finally:
        demo.process.kill()
        demo.process.wait()


@pytest.mark.services
def test_demo_replays_goes_on_serving_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "--speed", "40000") as demo:
        wait_until(lambda: "Ctrl-C to stop" in demo.said(), 40.0, what=demo.said())
        assert demo.said().index("starting…") < demo.said().index("✓") < demo.said().index("ページ / page:")
        page, folder = demo.value_of("ページ / page"), Path(demo.value_of("記録 / files"))
        assert folder.parent == tmp_path
        assert httpx.get(page, timeout=10.0).status_code == 200
        wait_until(lambda: "The replay is over; the devices fall silent now." in demo.said(), 40.0, what=demo.said())
        assert "再生中 / replaying: 50 %" in demo.said()
        assert httpx.get(page + "health", timeout=10.0).json()["clock_speed"] == 40000.0
        assert "starting again" not in demo.said()
        children = children_of(demo.process.pid)
        demo.process.send_signal(signal.SIGTERM)
        assert demo.process.wait(8.0) == 0
        assert demo.said().endswith("終わりました。/ Stopped.\n")
        assert [pid for pid in children if is_alive(pid)] == []
        assert not folder.exists()


@pytest.mark.services
def test_a_folder_that_was_named_is_kept(tmp_path: Path) -> None:
    with running(tmp_path, "--data", str(tmp_path / "town")) as demo:
        wait_until((tmp_path / "town" / "journal.db").exists, 40.0)
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(8.0) == 0
    assert (tmp_path / "town" / "journal.db").exists()


def test_a_folder_with_a_town_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"")
    with running(tmp_path, "--data", str(tmp_path)) as demo:
        assert demo.process.wait(20.0) == 2
        assert f"satomori: data folder {tmp_path} holds a town already" in demo.said()
