"""A real server that takes InfluxDB's v2 write protocol: victoria-metrics, on a free port, with a folder of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support import free_port, wait_until

BINARY = shutil.which("victoria-metrics")
needs_victoria = pytest.mark.skipif(BINARY is None, reason="needs victoria-metrics (apt-get install victoria-metrics)")

Sample = tuple[str, str, int]
"""Device, quantity, observed milliseconds: this server rounds times to them."""


class Victoria:
    """The server; it can be killed and started again in the same folder."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert BINARY is not None
        self._process = subprocess.Popen(
            [
                BINARY,
                f"-httpListenAddr=127.0.0.1:{self.port}",
                f"-storageDataPath={self._folder}",
                "-retentionPeriod=100y",
                "-search.latencyOffset=0s",
                "-memory.allowedBytes=64MB",
                "-loggerLevel=ERROR",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._is_healthy, 30.0, what="victoria-metrics answers")

    def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def values(self, field: str = "value", *, measurement: str = "observation") -> dict[Sample, list[float]]:
        """Return every stored value of a field: more than one at a time means that something was written twice."""
        httpx.get(f"{self.url}/internal/force_flush", timeout=30.0)
        answer = httpx.get(
            f"{self.url}/api/v1/export", params={"match[]": f"{measurement}_{field}"}, timeout=60.0
        ).raise_for_status()
        found: dict[Sample, list[float]] = {}
        for line in answer.text.splitlines():
            row = json.loads(line)
            for time_ms, value in zip(row["timestamps"], row["values"], strict=True):
                found.setdefault((row["metric"]["device"], row["metric"]["quantity"], time_ms), []).append(value)
        return found

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=1.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False


@contextmanager
def victoria(folder: Path) -> Iterator[Victoria]:
    """Run the server for a while."""
    server = Victoria(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
