"""One gateway, its line and its hub, with a clock that moves only when told."""

from __future__ import annotations

from pathlib import Path

from devices.model import SECOND_NS, Reading
from devices.senml import encode_readings
from gateway.spool_types import Lane, NewRow
from gateway.uplink import UplinkLoop, UplinkOptions
from tests.gateway.hubs import FakeHub, FakeLink
from tests.gateway.sites import GATEWAY
from tests.gateway.spools import START_NS, abandon, numbers, open_spool

OPTIONS = UplinkOptions(publisher=GATEWAY)


def reading_row(at_s: float, *, count: int = 1) -> NewRow:
    at_ns = START_NS + int(at_s * SECOND_NS)
    readings = [
        Reading(
            device_id=f"snow-{i:02}", quantity="distance", value=1.0 + i, observed_ns=at_ns, received_ns=at_ns,
            gateway_id=GATEWAY,
        )
        for i in range(count)
    ]  # fmt: skip
    return NewRow(
        lane=Lane.SAMPLE, device_id="snow-00", received_ns=at_ns, records=count, body=encode_readings(readings)
    )


class Town:
    """One gateway, its line and its hub, with a clock that moves only when told."""

    def __init__(self, folder: Path, *, options: UplinkOptions = OPTIONS) -> None:
        self.folder = folder
        self.options = options
        self.now_s = 1_000.0
        self.hub = FakeHub()
        self.link = FakeLink(self.hub)
        self.spool = open_spool(folder)
        self.loop = UplinkLoop(self.spool, self.link, options)

    @property
    def now_ns(self) -> int:
        return START_NS + int(self.now_s * SECOND_NS)

    def add(self, count: int, *, age_s: float = 0.0) -> range:
        return self.spool.append([reading_row(self.now_s - age_s + i / 1_000) for i in range(count)])

    def step(self) -> int:
        return self.loop.step(now_s=self.now_s, now_ns=self.now_ns)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds

    def restart(self) -> None:
        abandon(self.spool)
        self.spool = open_spool(self.folder, now_ns=self.now_ns)
        self.loop = UplinkLoop(self.spool, self.link, self.options)

    def settle(self, *, rounds: int = 300) -> None:
        """Let a perfect line work until nothing waits."""
        for _ in range(rounds):
            self.step()
            self.link.carry()
            self.step()
            if not numbers(self.spool):
                return
            self.wait(0.3)
        raise AssertionError(f"{len(numbers(self.spool))} rows still wait")

    def books(self) -> dict[int, str]:
        return self.hub.epochs[self.spool.epoch].content
