"""`trap_moved`: a trap was tilted, shaken or moved, whether or not it sprang.

Looks at `is_tilted` and `vibration` (1 = so) and at `trap_state` (2 = moved), channels included; each is a subject of
its own. An animal that touches a trap, a slope that slips, or somebody who carries it away. While a trap is sprung an
animal in it shakes it, too: this event does not say that it has not sprung. Hold times as in `ingest.lasting`. A reed
contact that frost holds fast says nothing at all: no rule can see it, only a round does.

Source: bad input 69 of the device notes (trap moved without spring).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from devices.quantities import label_value
from ingest.batch import Bools, Floats
from ingest.lasting import Lasting, LastingParams
from ingest.plugins import RuleSpec

_MOVED = label_value("trap_state", "moved")


class TrapMovedParams(LastingParams):
    """Told at once; over when nothing has moved for `clear_hold_s`."""

    hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 0
    clear_hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 1800


class TrapMoved(Lasting):
    """The rule at work; its subjects are channels that tell movements (`device/quantity`)."""

    quantities = frozenset({"is_tilted", "vibration", "trap_state"})

    def is_so(self, quantity: str, value: Floats) -> Bools:
        """Return which values (N,) say that it was moved."""
        moved: Bools = value == (_MOVED if quantity == "trap_state" else 1.0)
        return moved


RULE = RuleSpec(name="trap_moved", params=TrapMovedParams, timeline="observed", build=TrapMoved)
