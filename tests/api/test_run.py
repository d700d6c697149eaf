"""The process: says where it listens, stops when told, also with open streams, and says why it cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from api.run import ApiOptions, open_listener, run_api
from devices.model import PermanentError
from tests.api.world import World, small_site
from tests.support import free_port, listens, wait_until


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with open_listener("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(PermanentError, match=f"127.0.0.1 port {port}"):
            run_api(ApiOptions(site=small_site(), data_dir=tmp_path, port=port), threading.Event())


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PermanentError, match=r"203\.0\.113\.1"):
        open_listener("203.0.113.1", 0)


def test_it_stops_on_sigterm_with_open_streams(world: World) -> None:
    port = free_port()
    site = Path(__file__).with_name("town.toml")
    command = [sys.executable, "-m", "api", "--site", str(site), "--data", str(world.folder), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: _answers(port), 30, what="the page answers")
        with httpx.stream("GET", f"http://127.0.0.1:{port}/api/v1/stream", timeout=10) as answer:
            assert next(answer.iter_raw())
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        _, log = process.communicate()
    assert '"event": "listening"' in log
    assert "Traceback" not in log
    assert '"level": "error"' not in log


def test_bad_use_is_one_clear_line(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("version = 2", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "api", "--site", str(site)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("python -m api: ")


def _answers(port: int) -> bool:
    try:
        return listens(port) and httpx.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    except httpx.HTTPError:
        return False
