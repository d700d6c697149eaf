"""Subjects by unit."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.belonging import Belonging


@pytest.mark.parametrize(
    ("unit", "asked", "places"),
    [
        ([], [0, 5], []),
        ([3, 1], [], []),
        ([3, 1], [1, 2, 3], [1, 0]),
        ([3, 1], [0, 4, 900], []),
        ([2, 0, 2, 1, 2], [2], [0, 2, 4]),
        ([2, 0, 2, 1, 2], [2, 0, 7, 1], [0, 2, 4, 1, 3]),
        ([0, 0], [1], []),
    ],
)
def test_places_of_units(unit: list[int], asked: list[int], places: list[int]) -> None:
    belonging = Belonging()
    belonging.learn(np.array(unit, dtype=np.int32))
    assert belonging.places(np.array(asked, dtype=np.int64)).tolist() == places


def test_what_is_learned_anew_replaces_the_old() -> None:
    belonging = Belonging()
    belonging.learn(np.array([0], dtype=np.int32))
    belonging.learn(np.array([0, 70_000, 0], dtype=np.int32))
    assert belonging.places(np.array([0, 70_000])).tolist() == [0, 2, 1]
