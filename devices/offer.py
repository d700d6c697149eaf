"""What to say when a name does not exist: all there are of a few, else what looks like it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 12


def offer(name: str, known: Iterable[str]) -> str:
    """Return `there is: a, b` or `there are 90, nearest: abc`; `name` is what somebody wrote."""
    names = sorted(filter(None, known))
    if len(names) <= _SHOWN:
        return f"there is: {', '.join(names) or 'none is defined'}"
    near = get_close_matches(name, names, n=5, cutoff=0.4)
    return f"there are {len(names)}" + (f", nearest: {', '.join(near)}" if near else "")
