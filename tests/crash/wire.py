"""What the parent (broker, clock, judge) and its children (gateway, hub) say to each other over a socket pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TypeAlias

from devices.link import Message

GATEWAY = "gateway"
HUB = "hub"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """Where a child must end itself: its life 0, 1, …, the step's name, and which time (0, 1, …) it comes there."""

    process: str
    life: int = 0
    step: str
    occurrence: int

    def __str__(self) -> str:
        return f"{self.process} life {self.life}: {self.step} #{self.occurrence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Parent to child: do one round. `messages` by subscription; `receipts` are for the gateway."""

    now_s: float
    now_ns: int
    messages: Mapping[str, tuple[Message, ...]] = field(default_factory=dict)
    receipts: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """Child to broker: this message of that subscription is safe."""

    subscription: str
    mid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Child to broker."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The round is over; the steps that were passed in it, and how many spool rows wait for a receipt."""

    passed: tuple[str, ...]
    rows_waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dying:
    """The last word before SIGKILL: no part of the town, it only lets the parent check that the right step was hit."""

    step: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The child broke by itself: a traceback, or an error it logged."""

    text: str


Word = Acknowledged | Published | Done | Dying | Failed
ToChild: TypeAlias = "Connection[Step, Word]"
ToParent: TypeAlias = "Connection[Word, Step]"
