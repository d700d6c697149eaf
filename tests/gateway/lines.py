"""Simulated instruments on real pseudo-terminals, real sources on them, and what came into the spool."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from devices.clock import Clock, start_clock
from devices.model import SECOND_NS, Decoded, DeviceSpec, Frame, PermanentError, SerialLine, TransientError
from devices.polling import Ask, Got, Instrument, Polling, Rest, Session
from devices.registry import load_uplinks
from devices.site_file import parse_site
from devices.wires.unsplit import unsplit
from firmware_sim.instruments import SimulatedLine, Voice
from firmware_sim.line_faults import LineTrouble
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Decoder, Plugins
from gateway.intake import Intake
from gateway.source_parts import Runs
from gateway.spool import Spool
from tests.gateway.spools import all_waiting

GATEWAY = "gw-01"


@contextmanager
def running(source: Runs) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=source.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5.0)
        assert not thread.is_alive()


class Sim:
    """A simulated line in its own thread; `break_as` and `mend` change what is wrong with it from now on."""

    def __init__(self, link: Path, voices: Sequence[Voice]) -> None:
        self._troubles: list[LineTrouble] = []
        self._line = SimulatedLine(link, voices, self._troubles)
        self._stop = Event()
        self._thread = Thread(target=self._run)
        self._began_s = time.monotonic()

    def __enter__(self) -> Sim:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5.0)

    def break_as(self, kind: str) -> None:
        trouble = LineTrouble(kind=kind, start_s=0.0, seconds=math.inf)  # type: ignore[arg-type]
        self._troubles[:] = [trouble]

    def mend(self) -> None:
        self._troubles.clear()

    def _run(self) -> None:
        self._line.run(self._stop)


@dataclass(slots=True)
class Heard:
    """What is in a spool, by device and quantity."""

    spool: Spool

    def values(self, device_id: str, quantity: str) -> list[float]:
        return [r["v"] for r in self._records() if r.get("n") == f"{device_id}/{quantity}" and "v" in r]

    def faults(self, device_id: str, quantity: str = "line_fault") -> list[str]:
        return [r["vs"] for r in self._records() if r.get("n") == f"{device_id}/{quantity}"]

    def reasons(self) -> list[str]:
        return [r["reason"] for r in self._records() if "reason" in r]

    def _records(self) -> list[dict[str, Any]]:
        return [record for stored in all_waiting(self.spool) for record in json.loads(stored.body)]


def town_of(device_models: dict[str, str]) -> str:
    devices = "".join(
        f'[[device]]\nid = "{name}"\nname = "{name}"\nmodel = "{model}"\nstation = "pass"\n'
        for name, model in device_models.items()
    )
    return (
        'version = 1\n[town]\nid = "t"\nname = "t"\n[[station]]\nid = "pass"\nname = "p"\ndomain = "snow"\n'
        f'[[gateway]]\nid = "{GATEWAY}"\nname = "g"\n{devices}'
    )


def intake_of(spool: Spool, specs: dict[str, DeviceSpec]) -> Intake:
    """Return an intake that knows these devices; in the site they are of some model that exists."""
    site = parse_site(town_of(dict.fromkeys(specs, "senml")))
    plugins = Plugins(devices=specs, uplinks=load_uplinks())
    return Intake(Decoder(site, plugins, DeviceClocks(ClockLimits(), believed={})), spool, wake=lambda: None)


# -- a tiny polled instrument: "a?" asks, "a=1.234\n" answers; "a#" asks who it is, "a#toy\n" answers


def toy_length(buffer: bytes) -> int:
    return buffer.find(b"\n") + 1


@dataclass
class ToyInstrument:
    """Answers its own address only. `kind` is what it says it is."""

    address: str = "a"
    kind: str = "toy"
    delay_s: float = 0.0

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        answers = {
            f"{self.address}?".encode(): f"{self.address}={says.values.get('distance', math.nan):.3f}\n",
            f"{self.address}#".encode(): f"{self.address}#{self.kind}\n",
        }
        return [(self.delay_s, text.encode()) for request, text in answers.items() if request in data]


def toy_session(address: str) -> Session:
    address = address or "a"
    ident = yield Ask(request=f"{address}#".encode(), wait_s=0.3, length=toy_length)
    if not ident.endswith(b"\n"):
        raise TransientError(f"{address} does not answer")
    if ident != f"{address}#toy\n".encode():
        raise PermanentError(f"{ident!r} is no toy")
    while True:
        answer = yield Ask(request=f"{address}?".encode(), wait_s=0.3, length=toy_length)
        if not answer.endswith(b"\n"):
            raise TransientError(f"{address} does not answer")
        yield Got(payload=answer)
        yield Rest()


def toy_probe(address: str) -> Session:
    ident = yield Ask(request=f"{address or 'a'}#".encode(), wait_s=0.2, length=toy_length)
    if not ident.endswith(b"#toy\n"):
        raise TransientError("no toy")
    yield Got(payload=ident)


def toy_decode(frame: Frame) -> Decoded:
    address, _, text = frame.payload.decode("ascii", "replace").partition("=")
    try:
        return Decoded(values={"distance": float(text)})
    except ValueError:
        raise PermanentError(f"{address!r} and {text!r} are no toy's answer") from None


def toy_encode(decoded: Decoded) -> Frame:
    payload = b"a=%.3f\n" % decoded.values["distance"]
    return Frame(gateway_id="", transport="serial", address="", payload=payload, received_ns=0)


def toy_spec(*, interval_s: float = 1.0, session: Callable[[str], Session] = toy_session) -> DeviceSpec:
    def instrument(address: str) -> Instrument:
        return ToyInstrument(address or "a")

    return DeviceSpec(
        model="toy",
        vendor="nobody",
        source_url="https://example.com",
        quantities=("distance",),
        expected_interval_s=60,
        transport="serial",
        decode=toy_decode,
        encode=toy_encode,
        serial=SerialLine(baud=9600, split=unsplit),
        polling=Polling(interval_s=interval_s, session=session, instrument=instrument, probe=toy_probe),
    )


REAL_TIME = Clock()


def fast_clock(speed: float) -> Clock:
    return start_clock(town_start_ns=1_700_000_000 * SECOND_NS, speed=speed)
