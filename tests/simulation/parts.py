"""What all parts of the simulated town share: processes that can die, what has truly happened, the town's setting."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

from devices.model import SECOND_NS, Reading

START_NS = 1_767_225_600 * SECOND_NS
START_S = 1_000.0
AGE_S = 3_600
"""`max_alert_age_s` of the simulated site: what began longer ago when it became known is history."""
DAY_S = 25 * 3_600.0

SpoolKey = tuple[str, str]
Name = tuple[str, int]
"""Identity of a reading: device, and its frame counter or else its observed time."""


class Crash(BaseException):
    """The process that is at work loses its memory here."""


class Violation(Exception):  # noqa: N818 - it is a finding, not an error of the simulation
    """The town did what may never happen."""


class Process:
    """One that may die. `fuse`: how many durable or outward steps it still takes before it does; -1 = no end set."""

    def __init__(self) -> None:
        self.fuse = -1

    def point(self) -> None:
        """Come to a durable or outward step: a moment to die in."""
        if self.fuse >= 0:
            self.fuse -= 1
            if self.fuse < 0:
                raise Crash


@dataclass(frozen=True, slots=True)
class Body:
    """A spool row's content: one reading, as it is sent live and as it is sent again, and who it is."""

    name: Name
    reading: Reading
    resent: Reading
    is_event: bool


class Packet(NamedTuple):
    """A message of seam 2, not serialised."""

    epoch: str
    floor: int
    rows: tuple[int, ...]
    bodies: tuple[Body, ...]
    is_resent: bool


def make_body(device_id: str, *, value: float, observed_ns: int, received_ns: int, seq: int | None) -> Body:
    """Return what one frame of a device becomes in a spool."""
    clock = "gateway" if seq is not None else "device"
    fields = {"device_id": device_id, "quantity": "snow_depth", "value": value, "observed_ns": observed_ns}
    reading = Reading(**fields, received_ns=received_ns, seq=seq, clock=clock)  # type: ignore[arg-type]
    again = Reading(**fields, received_ns=received_ns, seq=seq, clock=clock, resent=True)  # type: ignore[arg-type]
    name = (device_id, observed_ns if seq is None else seq)
    return Body(name=name, reading=reading, resent=again, is_event=value >= 2.0)


@dataclass(slots=True, kw_only=True)
class Setting:
    """What kind of town and weather a schedule has; drawn from its seed."""

    gateways: int
    steps: int
    lost: float
    copied: float
    delayed: float
    spool_rows: int
    most_records: int
    is_persistent: bool
    patience: float
    troubles: tuple[str, ...]


TROUBLES = (
    ("crash_gateway",), ("crash_hub",), ("crash_alerts",), ("crash_broker",), ("lose_session",), ("cut_line",),
    ("replace_card",), ("backup", "restore"), ("fail_disk",), ("pass_hours",), ("pass_day",),
    ("break_rules",), ("poison",), ("damage_journal",), ("damage_alerts",),
)  # fmt: skip


def draw_setting(chance: random.Random) -> Setting:
    """Draw a town. Each trouble is left out of half of the schedules, so that the others are seen undisturbed."""
    is_stormy = chance.random() < 0.6
    return Setting(
        gateways=chance.choice((1, 1, 2)),
        steps=chance.choice((20, 30, 45)),
        lost=0.2 * is_stormy,
        copied=0.2 * is_stormy,
        delayed=0.35 * is_stormy,
        spool_rows=chance.choice((4, 6, 1_000, 1_000)),
        most_records=chance.choice((2, 3, 8)),
        is_persistent=chance.random() < 0.5,
        patience=chance.choice((0.3, 1.0)),
        troubles=tuple(name for names in TROUBLES if chance.random() < 0.5 for name in names),
    )


@dataclass(slots=True)
class Truth:
    """What has truly happened, known to nobody inside the town.

    `acknowledged`: readings whose source was told that they are safe. `carriers`: in which spool rows a reading was.
    `committed`: rows that were durable in the hub at any time; `gone`: rows that a spool no longer has, and why.
    `heard_ns`: the newest receive time of a device that went out as news. `excused`: readings that a
    direct device or a restored hub may lose by the contract.
    """

    acknowledged: dict[Name, str] = field(default_factory=dict)
    carriers: dict[Name, list[tuple[SpoolKey, int]]] = field(default_factory=dict)
    committed: dict[SpoolKey, set[int]] = field(default_factory=dict)
    gone: dict[SpoolKey, dict[int, str]] = field(default_factory=dict)
    lost_cards: set[SpoolKey] = field(default_factory=set)
    excused: set[Name] = field(default_factory=set)
    heard_ns: dict[str, int] = field(default_factory=dict)
    restores: int = 0

    def lose_hub(self) -> None:
        """The hub is back at an earlier state: what direct devices gave it since may be gone."""
        self.restores += 1
        self.excused.update(name for name, by in self.acknowledged.items() if by == "direct")
