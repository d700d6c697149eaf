"""A line that is unplugged, comes back under another name, babbles or falls silent: back by itself, told as a fault.

Real pseudo-terminals, real sources. Each test measures how long after the line was good again a reading of it is in
the spool; the promise is 10 s. `python -m tests.gateway.test_line_recovery` prints the figures with the real limits
(a minute of garbage included).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from devices.model import Decoded, DeviceSpec
from devices.registry import load_catalog
from firmware_sim.instruments import Answering, Speaking, Voice, fitted
from gateway.line_watch import WatchLimits
from gateway.source_parts import Runs
from gateway.sources.polled import PolledDevice, PolledOptions, PolledSource
from gateway.sources.serial_port import SerialOptions, SerialSource
from tests.gateway.lines import GATEWAY, REAL_TIME, Heard, Sim, intake_of, running, toy_spec
from tests.gateway.spools import open_spool
from tests.support import wait_until

PROMISE_S = 10.0
QUICK = WatchLimits(silent_s=1.5, garbage_s=1.5, lost_s=0.5)
QUICK_ASKED = WatchLimits(garbage_s=1.5, lost_s=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """One instrument on one simulated line, and how it is read. `port` matches other names of the line, too."""

    heard: Heard
    voice: Answering | Speaking
    source: Runs
    link: Path

    def says(self, distance_m: float) -> None:
        self.voice.says = Decoded(values={**self.voice.says.values, "distance": distance_m})

    def has(self, distance_m: float) -> bool:
        return distance_m in self.heard.values("g", "distance")

    def faults(self) -> list[str]:
        return self.heard.faults("g")


def speaking_rig(folder: Path, limits: WatchLimits = QUICK) -> Rig:
    """A MaxBotix gauge, each frame a reading."""
    spec = fitted(load_catalog()["maxbotix_mb7374"], {"frames_per_reading": 1})
    heard = Heard(open_spool(folder))
    assert spec.serial is not None
    options = SerialOptions(
        name="serial-0", gateway_id=GATEWAY, port=f"{folder}/tty*", device_id="g", line=spec.serial, baud=9600,
        limits=limits,
    )  # fmt: skip
    source = SerialSource(options, intake_of(heard.spool, {"g": spec}), now_ns=REAL_TIME.now_ns)
    voice = Speaking(spec, Decoded(values={"distance": 1.0}), every_s=0.15)
    return Rig(heard=heard, voice=voice, source=source, link=folder / "ttyUSB0")


def asked_rig(folder: Path, limits: WatchLimits = QUICK_ASKED) -> Rig:
    """A polled toy that is asked twice a second."""
    return _asked(folder, toy_spec(interval_s=0.5), limits)


def sdi12_rig(folder: Path, limits: WatchLimits = QUICK_ASKED, *, interval_s: float = 600.0) -> Rig:
    """A Campbell SR50A on an SDI-12 adapter, asked every ten minutes: after a fault nobody waits for the next round."""
    spec = load_catalog()["campbell_sr50a_sdi12"]
    assert spec.polling is not None
    return _asked(folder, replace(spec, polling=replace(spec.polling, interval_s=interval_s)), limits)


def _asked(folder: Path, spec: DeviceSpec, limits: WatchLimits) -> Rig:
    heard = Heard(open_spool(folder))
    assert spec.serial is not None
    assert spec.polling is not None
    options = PolledOptions(
        name="serial-0", gateway_id=GATEWAY, port=f"{folder}/tty*", line=spec.serial, baud=9600,
        devices=(PolledDevice(device_id="g", polling=spec.polling),), limits=limits,
    )  # fmt: skip
    source = PolledSource(options, intake_of(heard.spool, {"g": spec}), clock=REAL_TIME)
    says = Decoded(values={"distance": 1.0, "echo_quality": 194.0})
    voice = Answering(spec.polling.instrument(""), says)
    return Rig(heard=heard, voice=voice, source=source, link=folder / "ttyUSB0")


def recovery_s(rig: Rig, *, kind: str, fault: str, lasts_s: float = 0.0) -> float:
    """Break the line, wait until the fault is told, mend it; return the seconds until a reading of it is on disk."""
    voices: list[Voice] = [rig.voice]
    with Sim(rig.link, voices) as sim, running(rig.source):
        wait_until(lambda: rig.has(1.0), 20.0, what="first reading")
        sim.break_as(kind)
        broken_s = time.monotonic()
        wait_until(lambda: rig.faults()[-1:] == [fault], 90.0, what=f"fault {fault}")
        wait_until(lambda: time.monotonic() - broken_s >= lasts_s, lasts_s + 1.0)
        rig.says(2.0)
        sim.mend()
        mended_s = time.monotonic()
        wait_until(lambda: rig.has(2.0), 2 * PROMISE_S, what="reading after the trouble")
        seconds = time.monotonic() - mended_s
        wait_until(lambda: rig.faults()[-1:] == ["none"], what="fault is over")
    return seconds


TROUBLES = [
    pytest.param("unplug", "lost", marks=pytest.mark.bad_input(10)),
    pytest.param("rename", "lost", marks=pytest.mark.bad_input(10)),
    pytest.param("silence", "no_answer", marks=pytest.mark.bad_input(15)),
]


@pytest.mark.parametrize(("kind", "fault"), [*TROUBLES, ("garbage", "garbage")])
@pytest.mark.lesson(65)
def test_an_instrument_that_speaks_is_back_within_ten_seconds(tmp_path: Path, kind: str, fault: str) -> None:
    rig = speaking_rig(tmp_path)
    assert recovery_s(rig, kind=kind, fault=fault) < PROMISE_S
    assert rig.faults() == [fault, "none"]
    assert set(rig.heard.values("g", "distance")) <= {1.0, 2.0}


@pytest.mark.parametrize(("kind", "fault"), TROUBLES)
def test_an_instrument_that_is_asked_is_back_within_ten_seconds(tmp_path: Path, kind: str, fault: str) -> None:
    rig = asked_rig(tmp_path)
    assert recovery_s(rig, kind=kind, fault=fault) < PROMISE_S
    assert rig.faults() == [fault, "none"]
    assert set(rig.heard.values("g", "distance")) == {1.0, 2.0}


def test_an_sdi12_gauge_is_back_within_ten_seconds_though_its_next_round_is_far(tmp_path: Path) -> None:
    rig = sdi12_rig(tmp_path)
    assert recovery_s(rig, kind="rename", fault="lost") < PROMISE_S
    assert rig.faults() == ["lost", "none"]


@pytest.mark.bad_input(10)
@pytest.mark.parametrize(
    ("run", "reason"),
    [
        pytest.param(b"\0" * 400, "oversize", id="NUL"),
        pytest.param(b"\xff" * 400, "oversize", id="0xFF"),
        pytest.param(b"\xb4\x9a\xcd\r", "undecodable", id="wrong polarity", marks=pytest.mark.bad_input(8)),
        pytest.param(b"X1234\r", "undecodable", id="another instrument"),
    ],
)
@pytest.mark.lesson(65)
def test_bytes_that_are_no_frames_are_a_fault_and_no_data(tmp_path: Path, run: bytes, reason: str) -> None:
    class Runs:
        def hear(self, data: bytes, *, now_s: float) -> None: ...

        def take_due(self, *, now_s: float) -> list[bytes]:
            return [run]

    rig = speaking_rig(tmp_path)
    with Sim(rig.link, [Runs()]), running(rig.source):
        wait_until(lambda: rig.faults() == ["garbage"], 20.0)
    assert rig.heard.values("g", "distance") == []
    assert set(rig.heard.reasons()) == {reason}
    assert len(rig.heard.reasons()) <= 10


def test_a_line_under_a_new_name_is_found_though_the_old_one_does_not_go(tmp_path: Path) -> None:
    """The old port stays open and silent (an adapter that hangs); the name leads to the new one by then."""
    rig = speaking_rig(tmp_path, WatchLimits(silent_s=60.0))
    with Sim(rig.link, [rig.voice]) as old, running(rig.source):
        wait_until(lambda: rig.has(1.0), 20.0)
        old.break_as("silence")
        rig.link.rename(tmp_path / "gone")
        new = Speaking(fitted(load_catalog()["maxbotix_mb7374"], {}), Decoded(values={"distance": 2.0}), every_s=0.1)
        with Sim(rig.link, [new]):
            began_s = time.monotonic()
            wait_until(lambda: rig.has(2.0), 2 * PROMISE_S)
            assert time.monotonic() - began_s < PROMISE_S


def measure() -> None:
    """Print recovery times with the limits of the product; garbage lasts a minute."""
    rigs: list[tuple[str, Callable[[Path], Rig]]] = [
        ("speaking", lambda folder: speaking_rig(folder, WatchLimits(silent_s=10.0))),
        ("asked", lambda folder: asked_rig(folder, WatchLimits())),
        ("SDI-12", lambda folder: sdi12_rig(folder, WatchLimits(), interval_s=5.0)),
    ]
    for name, make in rigs:
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        for kind, fault in (("unplug", "lost"), ("rename", "lost"), ("silence", "no_answer"), ("garbage", "garbage")):
            lasts_s = 60.0 if kind == "garbage" else 15.0
            with tempfile.TemporaryDirectory() as folder:
                seconds = recovery_s(make(Path(folder)), kind=kind, fault=fault, lasts_s=lasts_s)
            sys.stdout.write(f"{name:10} {kind:8} {lasts_s:4.0f} s, told as {fault:10} back after {seconds:5.2f} s\n")
            sys.stdout.flush()


if __name__ == "__main__":
    measure()
