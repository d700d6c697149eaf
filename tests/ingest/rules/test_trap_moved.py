"""A trap that was tilted, shaken or moved."""

from __future__ import annotations

import pytest

from tests.ingest.core_town import QUIET, device, reading, rule, town
from tests.ingest.rules.cases import told

SITE = town(device("trap", station="woods"), QUIET, rule("moved", "trap_moved", params="clear_hold_s = 600"))


@pytest.mark.bad_input(69)
@pytest.mark.parametrize(("quantity", "moved"), [("is_tilted", 1.0), ("vibration", 1.0), ("trap_state", 2.0)])
def test_a_trap_that_moves_without_a_spring_is_told_at_once(quantity: str, moved: float) -> None:
    rows = [reading("trap", quantity, value, at_s=at_s) for at_s, value in ((0, 0.0), (100, moved), (400, 0.0))]

    assert told(SITE, *rows, until_s=900) == [(f"trap/{quantity}", "raised", 100)]
    assert told(SITE, *rows, until_s=1000) == [
        (f"trap/{quantity}", "raised", 100),
        (f"trap/{quantity}", "cleared", 400),
    ]


def test_what_shakes_again_and_again_is_one_event() -> None:
    rows = [reading("trap", "vibration", float(number % 2), at_s=60 * number) for number in range(9)]

    assert told(SITE, *rows, until_s=540) == [("trap/vibration", "raised", 60)]


@pytest.mark.parametrize(("quantity", "value"), [("trap_state", 1.0), ("contact_open", 1.0), ("is_tilted", 0.0)])
def test_a_spring_is_no_movement(quantity: str, value: float) -> None:
    site = town(
        device("trap", station="woods"), QUIET, rule("unasked", "trap_check", more='domain = "system"'),
        rule("moved", "trap_moved"),
    )  # fmt: skip

    assert told(site, reading("trap", quantity, value, at_s=0), until_s=900) == []
