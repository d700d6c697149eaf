"""Logs as another program reads them: a process of its own, its stderr line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from typing import Any


def logged(code: str, *, level: str = "INFO") -> list[dict[str, Any]]:
    """Run `code` after `setup_logging`; return what stands on stderr."""
    program = (
        "import logging\nfrom devices.logs import setup_logging\n"
        f"setup_logging(service='ingest', level={level!r})\nlog = logging.getLogger('ingest.run')\n{code}\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == ""
    return [json.loads(line) for line in run.stderr.splitlines()]


def test_a_record_is_one_json_line_with_its_fields() -> None:
    (line,) = logged("log.warning('link_lost', extra={'client_id': '雪', 'takeovers': 2})")
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {
        "level": "warning", "service": "ingest", "event": "link_lost", "client_id": "雪", "takeovers": 2,
    }  # fmt: skip


def test_a_line_break_in_a_field_starts_no_new_line() -> None:
    (line,) = logged(r"log.info('x', extra={'detail': 'a\nb', 'other': object()})")
    assert line["detail"] == "a\nb"


def test_a_traceback_stays_in_its_line() -> None:
    (line,) = logged("try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('step_failed')")
    assert line["event"] == "step_failed"
    assert line["traceback"].endswith("ZeroDivisionError: division by zero")


def test_our_level_is_ours_and_libraries_speak_from_warning_on() -> None:
    code = "log.debug('d')\nlog.info('i')\nlogging.getLogger('paho').info('p')\nlogging.getLogger('paho').warning('w')"
    assert [line["event"] for line in logged(code)] == ["i", "w"]
    assert [line["event"] for line in logged(code, level="DEBUG")] == ["d", "i", "w"]
    assert [line["event"] for line in logged(code, level="ERROR")] == ["w"]


def test_setting_up_twice_logs_once() -> None:
    assert len(logged("setup_logging(service='api')\nlog.info('once')")) == 1


def test_numbers_that_json_does_not_know_stay_readable() -> None:
    (line,) = logged("log.info('x', extra={'value': float('nan')})")
    assert line["value"] == "nan"
