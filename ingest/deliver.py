"""How points reach a store that may refuse some of them: halve what is refused until the bad point stands alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ingest.store_model import Points, PointsRefusedError, Written

REFUSED_IN_A_ROW = 32
"""So many single points refused and none taken means that the store refuses everything, not that points are bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A point the store refused when it was sent alone: its place among the points, and the store's words."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of some points. `is_complete` False: given up, because the store seems to refuse everything."""

    accepted: int
    too_old: int
    refused: tuple[Refused, ...]
    is_complete: bool = True


def deliver(points: Points, write: Callable[[Points], Written]) -> Delivery:
    """Write all points that `write` takes, and name the others.

    What `write` raises besides PointsRefusedError goes through; then nothing is known, and all is sent again.
    """
    first_pass = _halve(points, write)
    if not first_pass.refused or not first_pass.accepted + first_pass.too_old:
        return first_pass
    # a store that was set right meanwhile now takes what it refused before: nothing goes aside for one no alone
    accepted, too_old = first_pass.accepted, first_pass.too_old
    refused: list[Refused] = []
    for doubtful in first_pass.refused:
        again = _halve(points.cut(doubtful.index, doubtful.index + 1), write)
        accepted, too_old = accepted + again.accepted, too_old + again.too_old
        refused += [doubtful] * len(again.refused)
    return Delivery(accepted=accepted, too_old=too_old, refused=tuple(refused))


def _halve(points: Points, write: Callable[[Points], Written]) -> Delivery:
    accepted, too_old = 0, 0
    refused: list[Refused] = []
    spans = [(0, len(points))] if len(points) else []
    while spans:
        first, last = spans.pop()
        try:
            written = write(points.cut(first, last))
        except PointsRefusedError as error:
            if last - first > 1:
                middle = (first + last) // 2
                spans += [(middle, last), (first, middle)]
                continue
            refused.append(Refused(index=first, reason=str(error)))
        else:
            accepted, too_old = accepted + written.accepted, too_old + written.too_old
        if spans and len(refused) >= REFUSED_IN_A_ROW and not accepted + too_old:
            return Delivery(accepted=0, too_old=0, refused=tuple(refused), is_complete=False)
    return Delivery(accepted=accepted, too_old=too_old, refused=tuple(refused))
