"""SIGKILL of gateway, hub, forwarder and broker while devices speak: nothing is lost, nothing counts twice.

The long form, 1,000 kills: `python -m tests.crash.real --points 1000`; with `--fault all` every planted fault.
"""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from satomori.broker import find_mosquitto
from tests.crash.real.kills import KINDS
from tests.crash.real.run import Plan, run
from tests.crash.real.town import DURABLE, VOLATILE
from tests.ingest.stores.victoria import needs_victoria

pytestmark = [
    pytest.mark.crash,
    pytest.mark.services,
    pytest.mark.timeout(300),
    pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed"),
    needs_victoria,
]

POINTS = 108
FAULT_POINTS = 24


def test_killed_again_and_again_two_towns_end_like_the_one_that_nobody_disturbed() -> None:
    report = asyncio.run(run(Plan(points=POINTS, seed=20)))
    assert report.wrong == []
    kinds = Counter((point.town, point.kind) for point in report.points)
    assert kinds.total() == POINTS
    assert len(kinds) == len(KINDS) * len((DURABLE, VOLATILE))
    # several copies of most messages, and enough of them that every kill had something to lose
    assert report.said > 3 * POINTS
    assert report.sent > 3 * report.said


@pytest.mark.parametrize(
    ("fault", "sign"),
    [
        ("hub_acknowledges_before_commit", "sent and not there"),
        ("forwarder_notes_before_write", "not in the store"),
    ],
)
def test_a_planted_fault_is_found(fault: str, sign: str) -> None:
    report = asyncio.run(run(Plan(points=FAULT_POINTS, seed=20, fault=fault)))
    assert any(sign in text for text in report.wrong)
