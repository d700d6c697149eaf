"""A wrong name is answered with what there is."""

from __future__ import annotations

import pytest

from devices.offer import offer

MANY = [f"maker_model_{n}" for n in range(40)]


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("x", [], "there is: none is defined"),
        ("x", ["b", "", "a"], "there is: a, b"),
        ("maker_modell_7", MANY, "there are 40, nearest: maker_model_7"),
        ("zzz", MANY, "there are 40"),
    ],
)
def test_what_there_is(name: str, known: list[str], said: str) -> None:
    assert offer(name, known).startswith(said)
