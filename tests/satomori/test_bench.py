"""`satomori bench --quick`: every figure can be measured, is printed in one form, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest

from devices.senml import decode_pack
from ingest.bench_core import Core, ScalarLoop, core_against_loop
from satomori.bench.figures import FIGURES
from satomori.bench.model import Bench, Goal, Measure, percentile
from satomori.bench.runner import Report, closing_line
from satomori.bench.speaker import readings
from tests.support import wait_until

CHEAP = ("core_ratio", "core_vs_loop_ratio", "core_single_us", "decode_ratio", "journal_ratio", "latest_1000_ms")
SERVICES = {
    "sse_1000_p99_ms": ["sse_1000_p99_ms"],
    "drain_live_delay_ms": ["drain_live_delay_ms"],
    "alert_latency_ms": ["alert_latency_ms_10_p50", "alert_latency_ms_10_p99"],
}
LINE = re.compile(r"^([a-z0-9_]+): (-?[0-9.e+-]+)( .*)?$")


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "satomori", "bench", *arguments],
        capture_output=True, text=True, timeout=100.0, check=False, env={**os.environ, "TMPDIR": str(folder)},
    )  # fmt: skip


def test_cheap_figures_are_printed_in_one_form_and_nothing_is_left(tmp_path: Path) -> None:
    found = bench(tmp_path, "--quick", *CHEAP)
    assert found.returncode == 0, found.stderr
    machine, *lines, closing = found.stdout.splitlines()
    assert "cores" in machine
    assert "load" in machine
    assert closing.startswith("goals missed: ")
    names = [match[1] for line in lines if (match := LINE.match(line))]
    assert len(names) == len(lines)
    assert set(CHEAP) <= set(names)
    assert all("goal" in line for line in lines)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.services
@pytest.mark.parametrize(("figure", "lines"), SERVICES.items())
def test_figures_of_real_services_are_printed_and_nothing_is_left(
    tmp_path: Path, figure: str, lines: Sequence[str]
) -> None:
    found = bench(tmp_path, "--quick", figure)
    assert found.returncode == 0, found.stderr
    assert [match[1] for line in found.stdout.splitlines() if (match := LINE.match(line))] == lines
    assert list(tmp_path.iterdir()) == []


def test_the_other_devices_repeat_no_reading_and_raise_no_event() -> None:
    said = list(islice(readings(7), 700))
    decoded = [decode_pack(payload, publisher="p", arrived_ns=0).readings[0] for _, payload in said]
    assert len({(reading.device_id, reading.observed_ns) for reading in decoded}) == 700
    assert min(reading.value for reading in decoded) > -9.0


def test_the_file_has_what_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    assert bench(tmp_path, "--quick", "decode_ratio", "--json", str(path)).returncode == 0
    report = json.loads(path.read_text(encoding="utf-8"))
    assert [figure["name"] for figure in report["figures"]] == ["decode_ratio"]
    assert report["skipped"] == {}
    assert set(report["figures"][0]) == {"name", "value", "unit", "reference", "goal", "missed"}


def test_an_unknown_name_is_one_clear_line() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "satomori", "bench", "speed"], capture_output=True, text=True, timeout=60.0, check=False
    )
    assert found.returncode == 2
    assert found.stderr.startswith("satomori: figure 'speed' is unknown; there are core_ratio, ")
    assert found.stderr.count("\n") == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ending_it_early_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "satomori", "bench", "core_ratio"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    try:
        wait_until(lambda: list(tmp_path.iterdir()), 30.0, what="the bench at work")
        process.send_signal(how)
        assert process.wait(timeout=30.0) == 130
        assert list(tmp_path.iterdir()) == []
    finally:
        process.kill()
        process.wait()


def test_core_and_scalar_loop_say_the_same() -> None:
    found = core_against_loop(series=400, batch=900, rounds=4)
    assert len(found.reference_s) == len(found.subject_s) == 4


def test_a_loop_that_says_something_else_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScalarLoop, "_judge", lambda *_: None)
    with pytest.raises(Exception, match="do not say the same"):
        core_against_loop(series=400, batch=900, rounds=1)


def test_the_load_has_copies_bad_values_and_events() -> None:
    core = Core(400)
    outcomes = [core.take(core.load.batch(1_000)) for _ in range(4)]
    assert sum(outcome.duplicates for outcome in outcomes) > 0
    assert sum(len(outcome.events) for outcome in outcomes) > 0
    assert {1, 4, 9} <= {flag for outcome in outcomes for flag in outcome.observations.flag.tolist()}


def test_processes_and_folder_end_with_the_bench() -> None:
    with Bench() as place:
        folder = place.folder
        process = place.start([sys.executable, "-c", "import signal; signal.pause()"], name="idle")
        assert process.poll() is None
    assert process.poll() is not None
    assert not folder.exists()


@pytest.mark.parametrize(
    ("value", "goal", "text"),
    [
        (8.0, Goal(limit=8), "x: 8 s (reference r; goal <= 8, met)"),
        (8.1, Goal(limit=8), "x: 8.1 s (reference r; goal <= 8, MISSED)"),
        (4.0, Goal(limit=4, is_most=False), "x: 4 s (reference r; goal >= 4, met)"),
        (3.9, Goal(limit=4, is_most=False), "x: 3.9 s (reference r; goal >= 4, MISSED)"),
        (1.0, None, "x: 1 s (reference r)"),
    ],
)
def test_a_line_says_value_reference_and_goal(value: float, goal: Goal | None, text: str) -> None:
    measure = Measure(name="x", value=value, unit="s", reference="r", goal=goal)
    assert measure.as_text() == text
    assert closing_line(Report(measures=[measure])) == f"goals missed: {'x' if 'MISSED' in text else 'none'}"


def test_percentile_is_the_nearest_rank() -> None:
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile(list(range(100)), 99) == 99


def test_every_figure_says_what_it_is() -> None:
    assert all(function.__doc__ for function in FIGURES.values())
