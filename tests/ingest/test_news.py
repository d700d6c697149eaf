"""Who is woken after a commit: the page for anything new, the alert service for events only."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from devices.wake import ALERTS_WAKE, API_WAKE, Listener
from ingest.journal import JournalBatch
from ingest.news import Bells
from tests.ingest.journal_cases import batch, event, reading


@pytest.mark.parametrize(
    ("told", "wakes_alerts", "wakes_page"),
    [
        pytest.param(batch(), False, False, id="a heartbeat"),
        pytest.param(batch([reading()]), False, True, id="a reading"),
        pytest.param(batch(events=(event("e1"),)), True, True, id="an event of a tick"),
        pytest.param(batch([reading()], events=(event("e1"),)), True, True, id="both"),
    ],
)
def test_who_is_woken(tmp_path: Path, told: JournalBatch, wakes_alerts: bool, wakes_page: bool) -> None:
    with closing(Listener(tmp_path / ALERTS_WAKE)) as alerts, closing(Listener(tmp_path / API_WAKE)) as page:
        Bells(tmp_path).tell(told)
        assert (alerts.wait(0.0), page.wait(0.0)) == (wakes_alerts, wakes_page)


def test_nobody_listening_is_no_failure(tmp_path: Path) -> None:
    Bells(tmp_path).tell(batch([reading()], events=(event("e1"),)))
    assert list(tmp_path.iterdir()) == []
