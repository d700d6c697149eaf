"""Troubles of a simulated line by the clock: `unplug:5@10` = ten seconds after the start, for five seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from devices.model import PermanentError

Kind = Literal["unplug", "rename", "garbage", "silence", "echo", "wrong"]
"""unplug: the port is gone. rename: the same, and it comes back under another name (`LINK.1`, `LINK.2` …). garbage:
bytes without meaning instead of anything else. silence: hears, does not speak. echo: what is sent comes back before
the answer. wrong: one bit of everything it says is wrong."""

_FORM = re.compile(r"([a-z]+):([0-9]+(?:\.[0-9]+)?)@([0-9]+(?:\.[0-9]+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTrouble:
    """What is wrong from `start_s` on for `seconds`, counted from the start of the simulation."""

    kind: Kind
    start_s: float
    seconds: float

    def is_on(self, now_s: float) -> bool:
        """Whether it is so at `now_s`."""
        return self.start_s <= now_s < self.start_s + self.seconds


def parse_trouble(text: str) -> LineTrouble:
    """Return the trouble written as `kind:seconds@start`. Raises PermanentError naming the text and the kinds."""
    match = _FORM.fullmatch(text)
    kinds: tuple[Kind, ...] = get_args(Kind)
    for kind in kinds:
        if match is not None and match[1] == kind:
            return LineTrouble(kind=kind, seconds=float(match[2]), start_s=float(match[3]))
    raise PermanentError(f"fault {text!r} is not KIND:SECONDS@START with one of {', '.join(kinds)}")


def kinds_on(troubles: Iterable[LineTrouble], now_s: float) -> frozenset[Kind]:
    """Return what is wrong at `now_s`."""
    return frozenset(trouble.kind for trouble in troubles if trouble.is_on(now_s))
