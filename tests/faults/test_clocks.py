"""Clocks that jump: 1970 at boot and steps of a day, for the hub and for a gateway: no false alert, no reading lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.clock import Clock
from devices.model import Frame, QuarantineRow
from devices.site import Site
from devices.steady import SteadyClock
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Decoder, SerialArrival, Told
from ingest.pipeline import Pipeline
from ingest.run import IngestOptions, run_ingest
from tests.gateway.sites import GATEWAY, make_site, plugins
from tests.ingest.core_town import SECOND_NS, T0_NS, Record, device, reading, rule, town
from tests.ingest.town import IngestTown, publisher, record, running_broker
from tests.support import wait_until

DAY_S = 86_400
TURN_S = 20
INTERVAL_S = 300
SITE = town(
    device("air", more=f"expected_interval_s = {INTERVAL_S}\n"),
    rule("hush", "silent", params="intervals = 2.5, grace_s = 60"),
    rule("frost", "threshold", params='raise_at = -5.0, clear_at = -4.0, direction = "below"',
         more='quantity = "air_temperature"\n'),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeWall(Clock):
    """What the machine says: true time and what somebody added to it."""

    said: dict[str, float] = field(default_factory=lambda: {"true_s": 0.0, "off_s": 0.0})

    def now_ns(self) -> int:
        return T0_NS + round((self.said["true_s"] + self.said["off_s"]) * SECOND_NS)

    def steady_s(self) -> float:
        return self.said["true_s"]


class Hub:
    """The core of ingest with the clock it really has, turn by turn, as `ingest.run` drives them."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.wall = FakeWall()
        self.clock = SteadyClock(base=self.wall, is_asked=True, steady_s=self.wall.steady_s)
        self.record = Record()
        self.pipeline = Pipeline(site)

    def live(self, until_s: int, *, values: float = 1.0) -> None:
        """Let time pass; the gauge says something each five minutes, stamped by a clock that is right."""
        while (true_s := int(self.wall.said["true_s"])) < until_s:
            if self.clock.take_step():
                self.restart()
            said = [reading("air", "air_temperature", values, at_s=true_s)] if true_s % INTERVAL_S == 0 else []
            self.record.add(self.pipeline.process(said, now_ns=self.clock.now_ns()))
            self.wall.said["true_s"] += TURN_S

    def restart(self) -> None:
        self.pipeline = Pipeline(self.site, snapshot=self.record.state)
        self.pipeline.resume(self.clock.now_ns())

    def step(self, by_s: float) -> None:
        self.wall.said["off_s"] += by_s


@pytest.mark.parametrize("by_s", [DAY_S, -DAY_S, 7 * DAY_S, -3600, 1_000_000_000, -1_700_000_000])
def test_a_step_of_the_hubs_clock_that_is_undone_is_as_if_it_had_not_been(by_s: float) -> None:
    hub = Hub(SITE)
    hub.live(3 * 3600)
    hub.step(by_s)
    hub.live(3 * 3600 + 500)
    hub.step(-by_s)
    hub.live(6 * 3600)
    assert len(hub.record.values("air", "air_temperature")) == 6 * 3600 / INTERVAL_S
    assert (hub.record.told, hub.record.quarantine) == ([], [])


def test_silence_is_still_found_while_a_step_is_not_followed() -> None:
    hub = Hub(SITE)
    hub.live(3 * 3600)
    hub.step(-DAY_S)
    while hub.wall.said["true_s"] < 4 * 3600:  # nobody speaks
        hub.record.add(hub.pipeline.process([], now_ns=hub.clock.now_ns()))
        hub.wall.said["true_s"] += TURN_S
        if hub.record.told:
            break
    assert [event.rule_id for event in hub.record.told] == ["hush"]
    assert hub.wall.said["true_s"] < 3 * 3600 + 900


def test_a_box_that_boots_behind_is_set_right_without_a_false_alert() -> None:
    """It begins with the time of its last shutdown; five minutes later the network tells it the time."""
    hub = Hub(SITE)
    hub.step(-6 * 3600)
    hub.live(300)
    hub.step(6 * 3600)
    hub.live(3 * 3600)
    assert hub.record.told == []
    early = [row for row in hub.record.quarantine if row.reason == "future"]
    assert len(early) + len(hub.record.values("air", "air_temperature")) == 3 * 3600 / INTERVAL_S
    assert len(early) == 1  # named, and in the spool of its gateway for a day


def test_a_hub_that_began_ahead_withdraws_what_it_told_too_early() -> None:
    """Its clock was a day ahead from the start, so that everybody seemed silent, and is set right minutes later."""
    hub = Hub(SITE)
    hub.live(3600)
    hub.step(DAY_S)
    hub.clock = SteadyClock(base=hub.wall, is_asked=True, steady_s=hub.wall.steady_s)  # a new process
    hub.restart()
    began_s = 3600 + 540
    hub.live(began_s)
    assert [event[:3] for event in hub.record.events()] == []
    hub.record.add(hub.pipeline.process([], now_ns=hub.clock.now_ns() + 600 * SECOND_NS))
    assert [event[2] for event in hub.record.events()] == ["raised"]
    hub.step(-DAY_S)
    hub.live(2 * 3600)
    assert [event[2] for event in hub.record.events()] in ([], ["withdrawn"])
    assert len(hub.record.values("air", "air_temperature")) == 2 * 3600 / INTERVAL_S
    hub.wall.said["true_s"] += 900
    hub.record.add(hub.pipeline.process([], now_ns=hub.clock.now_ns()))
    assert [event[2] for event in hub.record.events()][-1] == "raised"  # true silence is found at once


@pytest.mark.lesson(43)
def test_a_hub_of_1970_waits_and_takes_everything_once_it_knows_the_time(tmp_path: Path) -> None:
    with running_broker(tmp_path) as port:
        town = IngestTown(tmp_path, port=port)
        town.start_ingest()
        town.wait_for_ingest()  # the broker knows ingest from now on
        town.close()
        wall = FakeWall(said={"true_s": 0.0, "off_s": -T0_NS / SECOND_NS})
        with publisher(port, client_id="device") as client:
            for seq in range(1, 20):
                assert client.publish("readings/v1/device", record("gauge-3", seq=seq, at_s=seq), qos=1)
            with ingest_in_thread(town, wall):
                Event().wait(1.5)
                assert town.stored_seqs()["gauge-3"] == []
                wall.said["off_s"] = 0.0
                wait_until(lambda: town.stored_seqs()["gauge-3"] == list(range(1, 20)), 60.0, what="all readings")
        assert town.reader.counters().get("quarantined", 0) == 0


@contextmanager
def ingest_in_thread(town: IngestTown, wall: FakeWall) -> Iterator[None]:
    from devices.site_file import load_site

    stop = Event()
    options = IngestOptions(site=load_site(town.site_path), data_dir=town.data_dir, clock=wall)
    thread = Thread(target=run_ingest, args=(options, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize("by_s", [DAY_S, -DAY_S])
def test_a_step_of_a_gateways_clock_does_not_misdate_what_it_reads(by_s: float) -> None:
    wall = FakeWall()
    clock = SteadyClock(base=wall, steady_s=wall.steady_s)
    decoder = Decoder(make_site(), plugins(), DeviceClocks(ClockLimits(), believed={}))
    told: list[float] = []
    for true_s in range(0, 3600, TURN_S):
        wall.said.update(true_s=true_s, off_s=by_s if 1800 <= true_s < 2300 else 0.0)
        for outcome in decoder.decode(serial(clock.now_ns())):
            assert not isinstance(outcome, QuarantineRow)
            if isinstance(outcome, Told):
                told += [(r.observed_ns - T0_NS) / SECOND_NS for r in outcome.readings if r.quantity == "distance"]
    assert told == [float(true_s) for true_s in range(0, 3600, TURN_S)]


def serial(now_ns: int) -> SerialArrival:
    frame = Frame(gateway_id=GATEWAY, transport="serial", address="port", payload=b"R1234\r", received_ns=now_ns)
    return SerialArrival(frame=frame, device_id="snow-01")
