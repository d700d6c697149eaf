"""The demo judged by itself, end to end: all three domains, real transports, a mailbox, 0 lost, 0 twice."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from satomori.demo_counts import DOMAINS, WANTED_ALERTS

NAMES = [
    "ready",
    "replayed",
    *(f"{domain}.{what}" for domain in DOMAINS for what in ("readings_sent", "readings_stored", "lost", "twice")),
    *(f"{name}.{what}" for name in WANTED_ALERTS for what in ("alerts", "alerts_mailed")),
    "mails",
    "quarantine",
    "page",
    "api",
    "broker",
    "seconds",
    "demo-check",
]


@pytest.mark.services
@pytest.mark.timeout(150)
def test_demo_check(tmp_path: Path) -> None:
    began_s = time.monotonic()
    result = subprocess.run(
        [sys.executable, "-m", "satomori", "demo", "--check", "--data", str(tmp_path / "town")],
        capture_output=True,
        text=True,
        timeout=140.0,
        check=False,
    )
    seconds = time.monotonic() - began_s
    lines = dict(line.split(": ", 1) for line in result.stdout.splitlines())
    assert list(lines) == NAMES, result.stderr
    assert lines["demo-check"] == "ok", result.stderr
    assert result.returncode == 0
    for domain in DOMAINS:
        assert int(lines[f"{domain}.readings_sent"]) == int(lines[f"{domain}.readings_stored"]) > 0
        assert (lines[f"{domain}.lost"], lines[f"{domain}.twice"]) == ("0", "0")
    assert lines["broker"] == "mosquitto"
    assert seconds < 60.0
