"""Replay cases: a site, recorded rows, and the events that must follow. A new case is a folder, no code.

`events.csv` of a case holds what must come out: rule_id,subject,state,observed_at,value. Each case is also run with its
rows doubled and shuffled into two files: the events must be the same to the byte.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pytest

from devices.site import Site
from devices.site_file import parse_site
from ingest.backtest import event_as_json, run_backtest
from ingest.recording import instant_ns
from ingest.setup import check_rules

HERE = Path(__file__).parent
TOWN = (HERE / "town.toml").read_text(encoding="utf-8")
CASES = sorted(folder.name for folder in HERE.iterdir() if (folder / "input.csv").is_file())

Row = tuple[str, str, str, str, str]


def site_of(case: str) -> Site:
    own = (HERE / case / "site.toml").read_text(encoding="utf-8")
    return parse_site(f"{TOWN}\n{own}", checks=(check_rules,))


def until_of(case: str) -> int | None:
    path = HERE / case / "until.txt"
    return instant_ns(path.read_text(encoding="utf-8").strip()) if path.exists() else None


def events_of(case: str, inputs: list[Path]) -> list[Row]:
    site = site_of(case)
    result = run_backtest(site, inputs, until_ns=until_of(case))
    rows = [event_as_json(event, site) for event in result.events]
    return [
        (r["rule_id"], r["subject"], r["state"], r["observed_at"], "" if r["value"] is None else repr(r["value"]))
        for r in rows
    ]


def wanted(case: str) -> list[Row]:
    with (HERE / case / "events.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["rule_id", "subject", "state", "observed_at", "value"]
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


@pytest.mark.parametrize("case", CASES)
def test_events_are_the_golden_ones(case: str) -> None:
    assert events_of(case, [HERE / case / "input.csv"]) == wanted(case)


@pytest.mark.parametrize("case", CASES)
def test_doubled_and_shuffled_into_two_files_changes_nothing(case: str, tmp_path: Path) -> None:
    header, *rows = (HERE / case / "input.csv").read_text(encoding="utf-8").splitlines()
    rows = rows * 2
    random.Random(case).shuffle(rows)
    inputs = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for path, part in zip(inputs, (rows[::2], rows[1::2]), strict=True):
        path.write_text("\n".join([header, *part]) + "\n", encoding="utf-8")
    assert events_of(case, inputs) == wanted(case)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 12
