"""Recorded rows go out as the devices would send them: paced by a clock, at a multiple of real time, or unpaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TextIO

from devices.clock import Clock, start_clock
from devices.site import Site
from firmware_sim.record import RawFrame, read_recording
from firmware_sim.rows import Uttering, find_input, iso_time, read_utterings
from firmware_sim.send import Patience
from firmware_sim.wires import Sent, Wires

_LOOK_S = 1.0  # the clock may begin to run meanwhile, or be set


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What to replay and how fast.

    `speed` None = unpaced. `clock` (when given) wins over `speed`: each row goes out when the town clock reaches its
    time. `ledger` takes one JSON line for every reading sent. `patience_s` is how long a missing reader or broker is
    waited for.
    """

    site: Site
    inputs: tuple[str, ...]
    speed: float | None = 1.0
    clock: Clock | None = None
    ledger: Path | None = None
    patience_s: float = 30.0


Item = Uttering | RawFrame


def run_replay(options: ReplayOptions, stop: Event) -> int:
    """Send all inputs in order of time; return how many frames went out. Ends early when `stop` is set.

    Rows of a recording go out as the bytes they are; the ledger is about readings and does not know them.
    Raises PermanentError for inputs that cannot be read or devices the site does not know (before anything is sent),
    TransientError when a broker or a reader of a serial line is missing or stops taking.
    """
    items = _read_all(options.inputs)
    wires = Wires(site=options.site, patience=Patience(stop=stop, seconds=options.patience_s))
    said: dict[str, set[str]] = {}
    for uttering in (item for item in items if isinstance(item, Uttering)):
        said.setdefault(uttering.device_id, set()).update(uttering.values)
    wires.check(said)
    recorded = {item.address for item in items if isinstance(item, RawFrame) and item.transport == "serial"}
    try:
        wires.open_lines(recorded | wires.serial_ports(said.keys()))
        count = _send_all(items, wires, options)
        wires.drain()
    finally:
        wires.close()
    return count


def _read_all(inputs: tuple[str, ...]) -> list[Item]:
    """Return everything to send, in order of time; what stands in one file at one instant keeps its order."""
    items: list[Item] = []
    for path in map(find_input, inputs):
        items += read_recording(path) if path.suffix == ".jsonl" else read_utterings(path)
    return sorted(items, key=_due_ns)


def _due_ns(item: Item) -> int:
    return item.observed_ns if isinstance(item, Uttering) else item.received_ns


def _send_all(items: list[Item], wires: Wires, options: ReplayOptions) -> int:
    count = 0
    with _Ledger(options.ledger) as ledger:
        for item, now_ns in _paced(items, options, wires.patience.stop):
            if isinstance(item, RawFrame):
                is_sent = _send_raw(item, wires)
            else:
                sent = wires.say(item, sent_ns=now_ns)
                is_sent = sent is not None
                if sent is not None:
                    ledger.write(sent, sent_ns=now_ns)
            if not is_sent:
                break
            count += 1
    return count


def _send_raw(frame: RawFrame, wires: Wires) -> bool:
    if frame.transport == "serial":
        return wires.send_raw_serial(frame.address, frame.payload)
    return wires.send_raw_mqtt(topic=frame.address, payload=frame.payload, is_retained=frame.is_retained)


def _paced(items: list[Item], options: ReplayOptions, stop: Event) -> Iterator[tuple[Item, int]]:
    """Yield each item when its time has come, with the town time at that moment (unpaced: its own time)."""
    clock = options.clock
    if clock is None and options.speed is not None and items:
        clock = start_clock(town_start_ns=_due_ns(items[0]), speed=options.speed)
    for item in items:
        while clock is not None and (left_s := clock.real_seconds_until(_due_ns(item))) > 0 and not stop.is_set():
            stop.wait(min(left_s, _LOOK_S))
        if stop.is_set():
            return
        yield item, clock.now_ns() if clock is not None else _due_ns(item)


class _Ledger:
    """One JSON line for every reading sent, flushed at once, so that a killed replay still says what it sent."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._count = 0

    def __enter__(self) -> _Ledger:
        if self._path is not None:
            self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, sent: Sent, *, sent_ns: int) -> None:
        if self._file is None:
            return
        for quantity, value in sorted(sent.values.items()):
            self._count += 1
            line = {
                "n": self._count,
                "device_id": sent.device_id,
                "quantity": quantity,
                "value": None if value != value else value,  # NaN has no JSON form
                "seq": sent.seq,
                "observed_at": None if sent.observed_ns is None else iso_time(sent.observed_ns),
                "sent_at": iso_time(sent_ns),
            }
            self._file.write(json.dumps(line) + "\n")
        self._file.flush()
