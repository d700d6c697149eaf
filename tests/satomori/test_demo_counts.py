"""The demo's judge must see what is lost, what is there twice, and what is not what was sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from satomori.demo_counts import compare, identities, sent_readings

Rows = list[dict[str, Any]]
DOMAIN_OF = {"snow-01": "snow", "snow-02": "snow", "trap-01": "wildlife", "pir-01": "watch"}


def row(device_id: str, value: float | None, *, seq: int | None = None, at: str | None = None) -> dict[str, Any]:
    return {"device_id": device_id, "quantity": "q", "value": value, "seq": seq, "observed_at": at}


def sent() -> Rows:
    """By place on a serial line, by frame counter, by device time."""
    return [
        row("snow-01", 2.5),
        row("snow-01", 2.6),
        row("snow-01", 2.6),
        row("snow-01", None),
        row("snow-02", 1.1, seq=1),
        row("snow-02", 1.1, seq=2),
        row("trap-01", 0.0, seq=1),
        row("trap-01", 1.0, seq=2),
        row("pir-01", 1.0, at="2026-01-20T00:00:00Z"),
        row("pir-01", 0.0, at="2026-01-20T00:01:00Z"),
    ]


def without(number: int) -> Callable[[Rows], Rows]:
    return lambda rows: rows[:number] + rows[number + 1 :]


def doubled(number: int) -> Callable[[Rows], Rows]:
    return lambda rows: rows[: number + 1] + rows[number:]


def swapped(first: int, second: int) -> Callable[[Rows], Rows]:
    def swap(rows: Rows) -> Rows:
        rows[first], rows[second] = rows[second], rows[first]
        return rows

    return swap


def changed(number: int, **what: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [*rows[:number], {**rows[number], **what}, *rows[number + 1 :]]


@pytest.mark.parametrize(
    ("damage", "wrong"),
    [
        pytest.param(lambda rows: rows, {}, id="all is well"),
        pytest.param(lambda rows: rows[4:] + rows[:4], {}, id="another order of devices"),
        pytest.param(swapped(4, 5), {}, id="counted frames in another order"),
        pytest.param(swapped(8, 9), {}, id="timed readings in another order"),
        pytest.param(changed(0, value=2.5 + 1e-12), {}, id="noise below nine digits"),
        pytest.param(without(5), {"snow.lost": 1}, id="a counted frame lost"),
        pytest.param(without(8), {"watch.lost": 1}, id="a timed reading lost"),
        pytest.param(without(3), {"snow.lost": 1}, id="the last of a line lost"),
        pytest.param(without(2), {"snow.lost": 2, "snow.twice": 1}, id="one within a line lost"),
        pytest.param(lambda rows: [], {"snow.lost": 6, "wildlife.lost": 2, "watch.lost": 2}, id="nothing came"),
        pytest.param(doubled(5), {"snow.twice": 1}, id="a counted frame twice"),
        pytest.param(doubled(9), {"watch.twice": 1}, id="a timed reading twice"),
        pytest.param(doubled(3), {"snow.twice": 1}, id="the last of a line twice"),
        pytest.param(swapped(0, 1), {"snow.lost": 2, "snow.twice": 2}, id="two of a line swapped"),
        pytest.param(changed(7, value=0.0), {"wildlife.lost": 1, "wildlife.twice": 1}, id="another value"),
        pytest.param(changed(3, value=5.0), {"snow.lost": 1, "snow.twice": 1}, id="no reading became a value"),
        pytest.param(changed(6, seq=3), {"wildlife.lost": 1, "wildlife.twice": 1}, id="another frame counter"),
        pytest.param(changed(0, quantity="p"), {"snow.lost": 3, "snow.twice": 3}, id="another quantity"),
    ],
)
def test_damage_is_counted(damage: Callable[[Rows], Rows], wrong: dict[str, int]) -> None:
    counts = list(compare(sent(), damage(sent()), domain_of=DOMAIN_OF))
    found = {c.name: c.value for c in counts if c.name.endswith((".lost", ".twice")) and not c.is_right}
    assert found == wrong


def test_a_domain_that_sent_nothing_is_wrong() -> None:
    rows = [r for r in sent() if r["device_id"] != "pir-01"]
    wrong = {c.name for c in compare(rows, rows, domain_of=DOMAIN_OF) if not c.is_right}
    assert wrong == {"watch.readings_sent"}


def test_a_value_that_is_not_a_number_is_one_identity() -> None:
    assert identities([row("snow-01", float("nan"))]) == identities([row("snow-01", None)])


def test_a_line_of_the_ledger_that_is_half_written_is_not_there_yet(tmp_path: Path) -> None:
    ledger = tmp_path / "sent.jsonl"
    assert sent_readings(ledger) == []
    ledger.write_text(json.dumps({"n": 1}) + "\n" + '{"n": 2, "dev', encoding="utf-8")
    assert sent_readings(ledger) == [{"n": 1}]
