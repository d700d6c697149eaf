"""Recorded rows go out as the devices would send them: paced by a clock, at a multiple of real time, or unpaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TextIO

from devices.clock import Clock, start_clock
from devices.model import PermanentError
from devices.site import Site
from firmware_sim.record import RawFrame, read_recording
from firmware_sim.rows import Uttering, find_input, iso_time, read_utterings
from firmware_sim.wires import Sent, Wires


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What to replay and how fast.

    `speed` None = unpaced. `clock` (when given) wins over `speed`: each row goes out when the town clock reaches its
    time. `ledger` takes one JSON line for every reading sent.
    """

    site: Site
    inputs: tuple[str, ...]
    speed: float | None = 1.0
    clock: Clock | None = None
    ledger: Path | None = None


def run_replay(options: ReplayOptions, stop: Event) -> int:
    """Send all inputs in order of time; return how many frames went out. Ends early when `stop` is set.

    Raises PermanentError for inputs that cannot be read or devices the site does not know, TransientError when a
    broker or a reader of a serial line is missing.
    """
    paths = [find_input(name) for name in options.inputs]
    recordings = [list(read_recording(path)) for path in paths if path.suffix == ".jsonl"]
    utterings = [u for path in paths if path.suffix != ".jsonl" for u in read_utterings(path)]
    utterings.sort(key=lambda u: (u.observed_ns, u.device_id))
    wires = Wires(site=options.site, stop=stop)
    ports = {frame.address for frames in recordings for frame in frames if frame.transport == "serial"}
    try:
        wires.open_lines(ports | wires.serial_ports({u.device_id for u in utterings}))
        sent = _send_utterings(utterings, wires, options)
        for frames in recordings:
            sent += _send_recording(frames, wires, options)
    finally:
        is_drained = wires.close()
    if not is_drained and not stop.is_set():
        raise PermanentError("not everything that was sent has been taken: a reader or the broker stopped reading")
    return sent


def _send_utterings(utterings: list[Uttering], wires: Wires, options: ReplayOptions) -> int:
    count = 0
    with _Ledger(options.ledger) as ledger:
        for uttering, now_ns in _paced(utterings, options, wires.stop):
            ledger.write(wires.say(uttering, sent_ns=now_ns), sent_ns=now_ns)
            count += 1
    return count


def _paced(utterings: list[Uttering], options: ReplayOptions, stop: Event) -> Iterator[tuple[Uttering, int]]:
    """Yield each uttering when its time has come, with the town time at that moment."""
    if not utterings:
        return
    first_ns = utterings[0].observed_ns
    clock = options.clock or start_clock(town_start_ns=first_ns, speed=options.speed or 1.0)
    is_paced = options.clock is not None or options.speed is not None
    for uttering in utterings:
        if is_paced:
            stop.wait(clock.real_seconds_until(uttering.observed_ns))
        if stop.is_set():
            return
        yield uttering, clock.now_ns() if is_paced else uttering.observed_ns


def _send_recording(frames: list[RawFrame], wires: Wires, options: ReplayOptions) -> int:
    clock = start_clock(town_start_ns=frames[0].received_ns, speed=options.speed or 1.0) if frames else Clock()
    for count, frame in enumerate(frames):
        if options.speed is not None:
            wires.stop.wait(clock.real_seconds_until(frame.received_ns))
        if wires.stop.is_set():
            return count
        if frame.transport == "serial":
            wires.send_raw_serial(frame.address, frame.payload)
        else:
            wires.send_raw_mqtt(topic=frame.address, payload=frame.payload, is_retained=frame.is_retained)
    return len(frames)


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
