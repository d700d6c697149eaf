"""Backtest: five files, the same bytes however the input is cut, ordered or doubled."""

from __future__ import annotations

import csv
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.model import PermanentError
from devices.site import Site
from devices.site_file import parse_site
from satomori.backtest import BacktestOptions, run
from tests.satomori.test_cli import satomori
from tests.satomori.towns import SITE_TOML

FILES = ["alerts.jsonl", "deliveries.jsonl", "events.jsonl", "observations.csv", "summary.json"]
HEADER = "observed_at,device_id,quantity,value,seq\n"
DEPTHS = (1.0, 1.2, 1.45, 1.55, 1.6, 1.45, 1.35, 1.2, 1.7)


def rows() -> list[str]:
    """Ninety minutes: snow crosses 1.5 m twice, the trap springs, and a gauge says once that it has no reading."""
    found = [
        f"2026-01-20T0{n // 6}:{n % 6}0:00+00:00,snow-01,distance,{4.0 - depth:.3f},{n}\n"
        for n, depth in enumerate(DEPTHS)
    ]
    found.append("2026-01-20T01:29:00Z,snow-01,distance,nan,90\n")
    found += [f"2026-01-20T0{n}:30:00Z,trap-01,contact_open,{n},{n + 1}\n" for n in (0, 1)]
    return found


@pytest.fixture
def site() -> Site:
    return parse_site(SITE_TOML.format(broker_port=1883))


def write(path: Path, lines: list[str]) -> Path:
    text = (HEADER + "".join(lines)).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def outcome(site: Site, inputs: list[Path], out: Path, *, until: str = "") -> dict[str, bytes]:
    run(BacktestOptions(site=site, inputs=tuple(inputs), out_dir=out, until=until))
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def whole(folder: Path) -> list[Path]:
    return [write(folder / "all.csv", rows())]


def in_two(folder: Path) -> list[Path]:
    return [write(folder / "b.csv.gz", rows()[5:]), write(folder / "a.csv", rows()[:5])]


def shuffled(folder: Path) -> list[Path]:
    lines = rows()
    random.Random(7).shuffle(lines)
    return [write(folder / "all.csv", lines)]


def doubled(folder: Path) -> list[Path]:
    return [write(folder / "all.csv", [line for line in rows() for _ in (1, 2)]), write(folder / "2.csv", rows())]


def test_it_writes_what_would_have_been_concluded_and_told(site: Site, tmp_path: Path) -> None:
    files = outcome(site, whole(tmp_path), tmp_path / "out")
    assert list(files) == FILES
    observed = list(csv.DictReader(files["observations.csv"].decode().splitlines()))
    depths = [float(row["value"]) for row in observed if row["quantity"] == "snow_depth" and row["value"]]
    assert depths[: len(DEPTHS)] == pytest.approx(list(DEPTHS))
    assert {row["device_id"] for row in observed} == {"snow-01", "trap-01"}
    events = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    assert [(e["rule_id"], e["state"]) for e in events if e["rule_id"] != "device-silent"] == [
        ("deep", "raised"),
        ("deep", "cleared"),
        ("deep", "raised"),
        ("sprung", "raised"),
    ]
    deliveries = [json.loads(line) for line in files["deliveries.jsonl"].splitlines()]
    assert {(d["contact_id"], d["channel"]) for d in deliveries} == {("duty", "smtp")}
    summary = json.loads(files["summary.json"])
    assert summary["alerts_by_rule"] == {"deep": 2, "sprung": 1}
    assert summary["events_by_rule"] == {"deep.cleared": 1, "deep.raised": 2, "sprung.raised": 1}
    assert summary["deliveries_by_contact"] == {"duty": len(deliveries)}


@pytest.mark.parametrize("cut", [in_two, shuffled, doubled])
def test_the_same_bytes_however_the_input_is_cut(site: Site, tmp_path: Path, cut: Callable[[Path], list[Path]]) -> None:
    assert outcome(site, cut(tmp_path), tmp_path / "cut") == outcome(site, whole(tmp_path), tmp_path / "whole")


def test_another_value_is_another_outcome(site: Site, tmp_path: Path) -> None:
    lines = rows()
    lines[3] = lines[3].replace("2.450", "2.460")
    assert outcome(site, [write(tmp_path / "x.csv", lines)], tmp_path / "x") != outcome(
        site, whole(tmp_path), tmp_path / "y"
    )


def test_until_lets_the_clock_run_on(site: Site, tmp_path: Path) -> None:
    inputs = whole(tmp_path)
    until = "2026-01-20T09:00:00+09:00"  # before most of it
    early = json.loads(outcome(site, inputs, tmp_path / "early", until=until)["summary.json"])
    late = json.loads(outcome(site, inputs, tmp_path / "late", until="2026-01-22T00:00:00Z")["summary.json"])
    assert "device-silent.raised" not in early["events_by_rule"]
    assert late["events_by_rule"]["device-silent.raised"] >= 2


@pytest.mark.parametrize("until", ["tomorrow", "2026-01-20T00:00:00"])
def test_an_until_that_is_no_time_with_offset_is_named(site: Site, tmp_path: Path, until: str) -> None:
    with pytest.raises(PermanentError, match=f"--until: .*{until}"):
        outcome(site, whole(tmp_path), tmp_path / "out", until=until)
    assert not (tmp_path / "out").exists()


def test_a_missing_input_is_exit_2_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE_TOML.format(broker_port=1883), encoding="utf-8")
    out = tmp_path / "out"
    result = satomori("backtest", "--site", str(path), "--input", str(tmp_path / "gone.csv"), "--out", str(out))
    assert result.returncode == 2
    assert result.stderr == f"satomori: input file {tmp_path / 'gone.csv'} does not exist\n"
    assert not out.exists()


def test_the_command_prints_the_summary(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE_TOML.format(broker_port=1883), encoding="utf-8")
    data, out = whole(tmp_path)[0], tmp_path / "out"
    result = satomori("backtest", "--site", str(path), "--input", str(data), "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == json.loads((out / "summary.json").read_text(encoding="utf-8"))
