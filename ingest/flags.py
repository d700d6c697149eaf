"""Quality flags of an observation, as QARTOD and ioos_qc number them, and which one wins.

Source: QARTOD flag scheme (1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

GOOD: Final = 1
UNKNOWN: Final = 2
SUSPECT: Final = 3
BAD: Final = 4
MISSING: Final = 9

NAMES: Final = {GOOD: "good", UNKNOWN: "unknown", SUSPECT: "suspect", BAD: "bad", MISSING: "missing"}

# precedence: a missing value was never there to be bad; a bad one is worse than a suspect one; a judgement beats none
_RANK: Final = np.array([0, 1, 0, 2, 3, 0, 0, 0, 0, 4], dtype=np.uint8)

Flags = np.ndarray[Any, np.dtype[np.uint8]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]


def worst(first: Flags, second: Flags) -> Flags:
    """Return the worse of two flag arrays of one shape (N,), uint8: MISSING > BAD > SUSPECT > GOOD > UNKNOWN."""
    return np.where(_RANK[second] > _RANK[first], second, first)


def are_usable(flag: Flags) -> Bools:
    """Return from which flags (N,) a rule may conclude: GOOD or not evaluated."""
    usable: Bools = flag <= UNKNOWN
    return usable
