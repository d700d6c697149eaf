"""Serial instruments on a pseudo-terminal: they answer polls or speak by themselves, with the troubles of real lines.

The stand-in of a polled model is the catalogue's own (`Polling.instrument`); a free-running one says what its `encode`
makes of the values, again and again. Bytes go by without a pace: a pseudo-terminal has no baud.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Protocol

from devices.fitting import fit_device
from devices.model import Decoded, DeviceSpec, Options, PermanentError
from devices.polling import Instrument
from devices.site import Device
from firmware_sim.line_faults import Kind, LineTrouble, kinds_on
from firmware_sim.ptys import Plug

_STEP_S = 0.01
_GARBAGE_EVERY_S = 0.05
_GARBAGE_MOST_BYTES = 24
_SEED = 37
_MANY_FRAMES_EVERY_S = 0.15
_FRAME_EVERY_MOST_S = 10.0


class Voice(Protocol):
    """Something on a line. Times are seconds since the start of the simulation."""

    def hear(self, data: bytes, *, now_s: float) -> None: ...
    def take_due(self, *, now_s: float) -> list[bytes]: ...


class Answering:
    """A polled instrument. `says` may be changed while it runs."""

    def __init__(self, instrument: Instrument, says: Decoded) -> None:
        self.says = says
        self.asked = 0
        self._instrument = instrument
        self._pending: list[tuple[float, bytes]] = []

    def hear(self, data: bytes, *, now_s: float) -> None:
        """Take bytes from the line; the answers become due as the instrument itself wants."""
        answers = self._instrument.hear(data, self.says)
        self.asked += bool(answers)
        self._pending += [(now_s + delay_s, payload) for delay_s, payload in answers]

    def take_due(self, *, now_s: float) -> list[bytes]:
        """Return what it says by now."""
        due = [payload for due_s, payload in self._pending if due_s <= now_s]
        self._pending = [each for each in self._pending if each[0] > now_s]
        return due


class Speaking:
    """An instrument that speaks unasked every `every_s`. `says` may be changed while it runs."""

    def __init__(self, spec: DeviceSpec, says: Decoded, *, every_s: float) -> None:
        self.says = says
        self._spec = spec
        self._every_s = every_s
        self._due_s = 0.0

    def hear(self, data: bytes, *, now_s: float) -> None:
        """Do nothing: it does not listen."""

    def take_due(self, *, now_s: float) -> list[bytes]:
        """Return the frame that is due; frames that were missed are not made up for."""
        if now_s < self._due_s:
            return []
        self._due_s = max(self._due_s + self._every_s, now_s)
        return [self._spec.encode(self.says).payload]


class SimulatedLine:
    """A line with voices on it; `step` is one look at it, `run` goes on until it is told to stop."""

    def __init__(self, link: Path, voices: Sequence[Voice], troubles: Sequence[LineTrouble] = ()) -> None:
        self._link = link
        self._voices = voices
        self._troubles = troubles
        self._plug = Plug()
        self._names = 0
        self._is_in = False
        self._garbage_s = 0.0
        self._chance = random.Random(_SEED)

    def run(self, stop: Event) -> None:
        """Serve the line until `stop` is set. Raises PermanentError when its link cannot be made."""
        began_s = time.monotonic()
        try:
            while not stop.is_set():
                self.step(now_s=time.monotonic() - began_s)
                stop.wait(_STEP_S)
        finally:
            self._plug.unplug()

    def step(self, *, now_s: float) -> None:
        """Hear and say what is due at `now_s` seconds after the start."""
        troubles = kinds_on(self._troubles, now_s)
        self._plug_as(troubles)
        heard = self._plug.read()
        if heard and "garbage" not in troubles:
            if "echo" in troubles:
                self._plug.write(heard)
            for voice in self._voices:
                voice.hear(heard, now_s=now_s)
        if "garbage" in troubles:
            self._babble(now_s)
        for voice in self._voices:
            for payload in voice.take_due(now_s=now_s):
                self._say(payload, troubles)

    def _plug_as(self, troubles: frozenset[Kind]) -> None:
        is_out = bool(troubles & {"unplug", "rename"})
        if is_out and self._is_in:
            self._plug.unplug()
            self._names += "rename" in troubles
        elif not is_out and not self._is_in:
            name = f"{self._link.name}.{self._names}" if self._names else self._link.name
            self._plug.plug_in(self._link.with_name(name))
        self._is_in = not is_out

    def _babble(self, now_s: float) -> None:
        if now_s >= self._garbage_s:
            self._garbage_s = now_s + _GARBAGE_EVERY_S
            self._plug.write(self._chance.randbytes(self._chance.randrange(1, _GARBAGE_MOST_BYTES)))

    def _say(self, payload: bytes, troubles: frozenset[Kind]) -> None:
        if troubles & {"silence", "garbage"} or not payload:
            return
        if "wrong" in troubles:
            at = self._chance.randrange(len(payload))
            flipped = payload[at] ^ (1 << self._chance.randrange(7))
            payload = payload[:at] + bytes([flipped]) + payload[at + 1 :]
        self._plug.write(payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentOptions:
    """Which model stands at `link` and what it measures. `every_s` is the cadence of one that speaks unasked."""

    link: Path
    spec: DeviceSpec
    values: dict[str, float]
    address: str = ""
    every_s: float | None = None
    troubles: tuple[LineTrouble, ...] = field(default=())


def fitted(spec: DeviceSpec, options: Options) -> DeviceSpec:
    """Return `spec` with the options of a site's device. Raises PermanentError naming every wrong one."""
    device = Device(id="sim", name="sim", model=spec.model, station="sim", options=dict(options))
    return fit_device(spec, device)


def voice_of(options: InstrumentOptions) -> Voice:
    """Return the instrument. Raises PermanentError for a model without a serial line, or values it cannot say."""
    spec = options.spec
    if spec.serial is None:
        raise PermanentError(f"model {spec.model!r} does not speak on a serial line")
    says = Decoded(values=options.values)
    if options.values or spec.polling is None:
        spec.encode(says)
    if spec.polling is not None:
        return Answering(spec.polling.instrument(options.address), says)
    return Speaking(spec, says, every_s=options.every_s or cadence_s(spec))


def cadence_s(spec: DeviceSpec) -> float:
    """Return how often a model that speaks unasked does so here: many frames a reading, or one that is not far off."""
    return _MANY_FRAMES_EVERY_S if spec.gathering is not None else min(_FRAME_EVERY_MOST_S, spec.expected_interval_s)


def run_instrument(options: InstrumentOptions, stop: Event) -> None:
    """Stand in for the instrument until `stop` is set. Raises PermanentError as `voice_of` and the line do."""
    SimulatedLine(options.link, [voice_of(options)], options.troubles).run(stop)
