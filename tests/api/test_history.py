"""Charts come from InfluxDB only when the site says so, and from the journal whenever that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.history import open_history
from devices.site_file import parse_site
from ingest.journal_read import JournalReader
from ingest.store_model import HistoryQuery
from tests.ingest.journal_cases import T0_NS
from tests.ingest.stores.fault_server import Answer, fault_server
from tests.ingest.stores.test_influx import CSV
from tests.ingest.test_migrate import SITE, fill

QUERY = HistoryQuery(device_id="snow-1", quantity="snow_depth", from_ns=T0_NS, to_ns=T0_NS + 10**12, points=1)


@pytest.mark.parametrize(
    ("reads", "answer", "counts"),
    [
        (True, Answer(status=200, body=CSV, headers={"Content-Type": "text/csv"}), [3, 2]),
        (True, Answer(status=503), [30]),
        (True, Answer(status=400, body='{"message":"no Flux here"}'), [30]),
        (False, Answer(status=200, body=CSV), [30]),
    ],
)
def test_where_points_come_from(tmp_path: Path, reads: bool, answer: Answer, counts: list[int]) -> None:
    fill(tmp_path, 60)
    with fault_server() as server:
        server.query_answer = answer
        text = SITE.format(url=server.url).replace("timeout_s = 2", f"timeout_s = 2\nreads = {str(reads).lower()}")
        history = open_history(parse_site(text), JournalReader(tmp_path / "journal.db"))
        assert [row.count for row in history(QUERY)] == counts
        assert len(server.queries) == int(reads)


def test_a_wrong_store_does_not_take_the_charts_with_it(tmp_path: Path) -> None:
    fill(tmp_path, 60)
    site = parse_site('version = 1\n[town]\nid = "t"\nname = "t"\n[store.nosuch]\n')
    assert [row.count for row in open_history(site, JournalReader(tmp_path / "journal.db"))(QUERY)] == [30]
