"""Every counter that the code can add to has a name people understand, is in /metrics, and is shown when not zero."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.counted import FORWARD, INGEST, THROUGHPUT, failed_counted, forward_counted, gateway_counted, ingest_counted
from devices.quantities import QUANTITIES
from gateway.pulse import COUNTED
from ingest.journal_read import LatestRow
from tests.api.world import World

ROOT = Path(__file__).parents[2]
JOURNAL = ("journal.py", "journal_fold.py", "journal_upkeep.py", "consume.py", "run.py", "journal_open.py")


def names_in(path: Path) -> Iterator[str]:
    """The names that this file adds to counters, as far as they stand there in words."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("add_counters", "add_counts"):
                yield from (name for one in node.args if isinstance(one, ast.Dict) for name in _words(one.keys))
            elif called in ("count", "_count"):
                yield from _words(node.args[:1])
            elif called == "Counter" or (called == "update" and _is_counts(getattr(node.func, "value", node))):
                yield from (word.arg for word in node.keywords if word.arg)
        elif isinstance(node, ast.Subscript) and _is_counts(node.value) and isinstance(node.ctx, ast.Store):
            yield from _words([node.slice])


def _is_counts(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "counts"


def _words(nodes: list[ast.expr] | list[ast.expr | None]) -> Iterator[str]:
    yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def found(folder: str, *names: str) -> set[str]:
    paths = [ROOT / folder / name for name in names] or sorted((ROOT / folder).rglob("*.py"))
    return {name for path in paths for name in names_in(path)}


def test_every_counter_of_the_intake_has_a_meaning() -> None:
    in_code = {name for name in found("ingest", *JOURNAL) if not name.startswith("quarantined.")}
    assert len(in_code) > 15
    assert in_code - INGEST.keys() == set()


def test_every_counter_of_forwarding_has_a_meaning() -> None:
    in_code = found("ingest", "forwarder.py", "forward_book.py")
    assert {"refused", "too_old"} <= in_code
    assert in_code - FORWARD.keys() == set()


def test_every_counter_of_a_gateway_is_told_with_its_pulse() -> None:
    in_code = found("gateway")
    assert len(in_code) > 6
    assert in_code - COUNTED.keys() == set()


@pytest.mark.parametrize("quantity", sorted(set(COUNTED.values())))
def test_what_a_gateway_counts_is_a_quantity(quantity: str) -> None:
    assert QUANTITIES[quantity].kind == "counter"


def row(quantity: str, value: float, *, device_id: str = "gw-01") -> LatestRow:
    return LatestRow(
        device_id=device_id, quantity=quantity, value=value, flag=1, observed_ns=1, received_ns=1, heard_ns=1,
        commit_no=1,
    )  # fmt: skip


def test_counters_of_all_sources() -> None:
    rows = [row("rows_dropped", 3.0), row("spool_rows", 7.0), row("count", 9.0, device_id="trap-01")]
    (gateway,) = gateway_counted(rows, frozenset({"gw-01"}))
    assert (gateway.source, gateway.name, gateway.texts, gateway.value) == (
        "gateway:gw-01", "rows_dropped", ("捨てた件数", "Rows dropped"), 3,
    )  # fmt: skip
    (store,) = forward_counted({("influx", "too_old"): 4})
    assert (store.source, store.texts[1], store.value) == ("store:influx", "Points older than the store keeps", 4)
    (failed,) = failed_counted({("mail", "failed"): 2, ("mail", "accepted"): 9, ("line", "failed"): 1})
    assert (failed.source, failed.value) == ("alerts", 3)
    ingest = ingest_counted({"conflicts": 1, "quarantined.future": 2, "new_one": 1})
    named = [(one.name, one.texts[1]) for one in ingest if one.value]
    assert named == [("conflicts", INGEST["conflicts"][1]), ("new_one", "new_one")]


def test_what_is_counted_is_on_the_page_and_in_metrics(world: World, client: TestClient) -> None:
    world.journal.quarantine("wrong_unit", raw=b"", received_ns=world.now_ns())
    counted = {one["name"]: one for one in client.get("/api/v1/quarantine").json()["counted"]}
    assert not THROUGHPUT & counted.keys()
    assert all(one["count"] > 0 for one in counted.values())
    lines = client.get("/metrics").text.splitlines()
    assert "# HELP satomori_ingest_conflicts_total Other values under the name of a reading" in lines
    assert "satomori_ingest_quarantined_total 1.0" in lines
