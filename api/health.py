"""How the system itself is, for people: each part ok, late, unknown or fault, since when, and what to do.

The heartbeats of ingest and alerts are written in town time but judged in real seconds: a demo runs the town clock
thousands of times faster, and a service that stops must be seen as fast there as anywhere. Gateways are listed and
judged too, but do not decide the HTTP status: one box without power would otherwise hide that the hub itself is down.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from api.schemas import HealthOut, PartKey, PartOut
from api.times import iso, iso_or_none
from devices.clock import Clock
from devices.model import SECOND_NS, TransientError
from devices.site import Gateway
from ingest.forward_book import StoreStatus

LATE_REAL_S = 10.0
UNKNOWN_REAL_S = 60.0
GATEWAY_MISSED = 3
DISK_LEAST_BYTES = 64 * 1024 * 1024
_ORDER: tuple[PartKey, ...] = ("ok", "late", "unknown", "fault")

Advice = tuple[str, str]
_RESTART: Advice = (
    "動いていません。本体の電源と「satomori up」を確認し、直らなければ再起動してください。",
    "Not running. Check the machine and `satomori up`; restart it if this stays.",
)
_WAIT: Advice = (
    "少し待ってください。続くときは本体の負荷を確認してください。",
    "Wait a little; if it stays, look at the load.",
)
_CLOCKS: Advice = (
    "時計が合っていません。すべてのサービスを同じ --clock で起動してください。",
    "The clocks differ. Start all services with the same --clock.",
)
_UNREADABLE: Advice = (
    "記録を読めません。ディスクを確認してください。",
    "The file cannot be read. Look at the disk.",
)
_DISK: Advice = (
    "保存場所の空きがほとんどありません。不要なファイルを消してください。",
    "Almost no disk space left. Make room.",
)
_STORE: Advice = (
    "写し先（InfluxDB）が受け取りません。記録は本体に残り、直れば送られます（`satomori store status`）。",
    "The store takes nothing now. Nothing is lost: all is sent once it is well. See `satomori store status`.",
)
_GATEWAY: Advice = (
    "届いていません。ゲートウェイの電源と回線を確認してください。",
    "Nothing heard. Check the gateway's power and its network.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Town time and how fast it runs against real time."""

    now_ns: int
    speed: float = 1.0

    def real_age_s(self, time_ns: int) -> float:
        """Return how many real seconds ago `time_ns` was; negative when it is ahead."""
        return (self.now_ns - time_ns) / SECOND_NS / self.speed


def moment(clock: Clock) -> Moment:
    """Return what the clock shows now."""
    return Moment(now_ns=clock.now_ns(), speed=clock.speed)


def heartbeat_part(part: Literal["ingest", "alerts"], read_ns: Callable[[], int], at: Moment) -> PartOut:
    """Return the state of a service by the heartbeat that `read_ns` finds; 0 = none was ever written."""
    try:
        heartbeat_ns = read_ns()
    except TransientError:
        return _part(part, "fault", advice=_UNREADABLE)
    if heartbeat_ns == 0:
        return _part(part, "unknown", advice=_RESTART)
    age_s = at.real_age_s(heartbeat_ns)
    if age_s < -UNKNOWN_REAL_S:
        return _part(part, "fault", since_ns=heartbeat_ns, advice=_CLOCKS)
    if age_s > UNKNOWN_REAL_S:
        return _part(part, "unknown", since_ns=heartbeat_ns, advice=_RESTART)
    state: PartKey = "late" if age_s > LATE_REAL_S else "ok"
    return _part(part, state, since_ns=heartbeat_ns, advice=_WAIT if state == "late" else ("", ""))


def disk_part(folder: Path) -> PartOut:
    """Return whether the data folder still has room."""
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return _part("disk", "fault", advice=_UNREADABLE)
    return _part("disk", "fault", advice=_DISK) if free_bytes < DISK_LEAST_BYTES else _part("disk", "ok")


def gateway_part(gateway: Gateway, heard_ns: int, at: Moment) -> PartOut:
    """Return the state of a gateway by its pulse: three missed heartbeats (and 10 real seconds) are unknown."""
    state: PartKey = "ok"
    missed_s = (at.now_ns - heard_ns) / SECOND_NS / gateway.heartbeat_interval_s
    if heard_ns == 0 or (missed_s > GATEWAY_MISSED and at.real_age_s(heard_ns) > LATE_REAL_S):
        state = "unknown"
    return PartOut(
        part=f"gateway:{gateway.id}",
        name_ja=gateway.name,
        name_en=gateway.name,
        state=state,
        since_at=iso_or_none(heard_ns),
        what_to_do_ja="" if state == "ok" else _GATEWAY[0],
        what_to_do_en="" if state == "ok" else _GATEWAY[1],
    )


def store_parts(names: Iterable[str], read: Callable[[], list[StoreStatus]], at: Moment) -> list[PartOut]:
    """Return the state of the forwarding to each store: late while it is away, for nothing else waits for it."""
    try:
        found = {status.store: status for status in read()}
    except TransientError:
        return [_store_part(name, "fault", advice=_UNREADABLE) for name in names]
    return [_store_state(name, found.get(name), at) for name in names]


def _store_state(name: str, status: StoreStatus | None, at: Moment) -> PartOut:
    if status is None:
        return _store_part(name, "unknown", advice=_RESTART)
    if at.real_age_s(status.heartbeat_ns) > UNKNOWN_REAL_S:
        return _store_part(name, "unknown", since_ns=status.heartbeat_ns, advice=_RESTART)
    if status.state in ("away", "refusing"):
        return _store_part(name, "late", since_ns=status.since_ns, advice=_STORE)
    return _store_part(name, "ok", since_ns=status.heartbeat_ns)


def _store_part(name: str, state: PartKey, *, since_ns: int = 0, advice: Advice = ("", "")) -> PartOut:
    part = _part("store", state, since_ns=since_ns, advice=advice)
    return part.model_copy(update={"part": f"store:{name}"})


def health_out(parts: list[PartOut], gateways: list[PartOut], at: Moment) -> HealthOut:
    """Return the whole; its status is that of the worst part, gateways not counted."""
    return HealthOut(
        status=_worst(part.state for part in parts),
        now_at=iso(at.now_ns),
        clock_speed=at.speed,
        parts=parts,
        gateways=gateways,
    )


def _worst(states: Iterable[PartKey]) -> PartKey:
    return max(states, key=_ORDER.index, default="unknown")


_NAMES: dict[str, tuple[str, str]] = {
    "ingest": ("取り込み", "Intake"),
    "alerts": ("通知", "Alerting"),
    "disk": ("保存場所", "Storage"),
    "store": ("記録の写し", "Copy of the history"),
}


def _part(part: str, state: PartKey, *, since_ns: int = 0, advice: Advice = ("", "")) -> PartOut:
    name_ja, name_en = _NAMES[part]
    return PartOut(
        part=part,
        name_ja=name_ja,
        name_en=name_en,
        state=state,
        since_at=iso_or_none(since_ns),
        what_to_do_ja=advice[0],
        what_to_do_en=advice[1],
    )
