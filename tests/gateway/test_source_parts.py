"""From the site's sources to what serves them: lines, buses, sticks, and how each is watched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest

from devices.clock import Clock
from devices.model import Decoded, Envelope, Frame, PermanentError
from devices.registry import load_catalog, load_uplinks
from devices.site import Site
from devices.site_file import parse_site
from firmware_sim.instruments import Answering, Speaking
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Decoder, plugins_of
from gateway.intake import Intake
from gateway.run import GatewayOptions, make_bench
from gateway.source_parts import SourceMaker
from gateway.sources.polled import PolledSource
from gateway.sources.serial_port import SerialSource
from tests.gateway.lines import GATEWAY, REAL_TIME, Heard, Sim, fast_clock, running
from tests.gateway.spools import open_spool
from tests.support import wait_until

HEAD = """version = 1
[town]
id = "t"
name = "町"
[[station]]
id = "pass"
name = "峠"
domain = "snow"
[[gateway]]
id = "gw-01"
name = "役場"
"""


def device(name: str, model: str, more: str = "") -> str:
    return f'[[device]]\nid = "{name}"\nname = "{name}"\nmodel = "{model}"\nstation = "pass"\n{more}\n'


def source(port: Path | str, more: str) -> str:
    return f'[[gateway.source]]\nkind = "serial"\nport = "{port}"\n{more}\n'


def maker_of(site: Site, heard: Heard, *, clock: Clock = REAL_TIME) -> SourceMaker:
    gateway = site.gateway[0]
    plugins = plugins_of(site, gateway)
    intake = Intake(
        Decoder(site, plugins, DeviceClocks(ClockLimits(), believed={})), heard.spool, wake=lambda: None
    )  # fmt: skip
    return SourceMaker(site=site, gateway=gateway, clock=clock, plugins=plugins, intake=intake)


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    return Heard(open_spool(tmp_path))


def test_two_polled_instruments_share_a_line(tmp_path: Path, heard: Heard) -> None:
    site = parse_site(
        HEAD
        + source(tmp_path / "tty", 'devices = ["a", "b"]')
        + device("a", "campbell_sr50a_sdi12", 'bus_address = "1"')
        + device("b", "campbell_sr50a_sdi12", 'bus_address = "2"\noptions = { measurement = "M" }')
    )
    polling = load_catalog()["campbell_sr50a_sdi12"].polling
    assert polling is not None
    voices = [
        Answering(polling.instrument(address), Decoded(values={"distance": metres, "echo_quality": 180.0}))
        for address, metres in (("1", 1.0), ("2", 2.0))
    ]
    made = maker_of(site, heard).make(0)
    assert isinstance(made, PolledSource)
    with Sim(tmp_path / "tty", voices), running(made):
        wait_until(lambda: heard.values("a", "distance") == [1.0], 20.0)
        wait_until(lambda: heard.values("b", "distance") == [2.0], 20.0)
    assert heard.values("a", "echo_quality") == [180.0]
    assert heard.values("b", "echo_quality") == []


def test_an_enocean_stick_is_heard_and_its_fault_is_the_gateways(tmp_path: Path, heard: Heard) -> None:
    site = parse_site(
        HEAD
        + source(tmp_path / "tty", 'uplink = "enocean_esp3"')
        + device("door", "enocean_d5_00_01", 'address = "0181B744"')
    )
    uplink, spec = load_uplinks()["enocean_esp3"], load_catalog()["enocean_d5_00_01"]
    frame = spec.encode(Decoded(values={"contact_open": 1.0}))
    heard_frame = Frame(
        gateway_id="", transport="enocean", address="0181b744", payload=frame.payload, received_ns=0, port=frame.port
    )  # fmt: skip
    _, packet = uplink.wrap(Envelope(frame=heard_frame))

    class Stick:
        def __init__(self) -> None:
            self.due_s = 0.0

        def hear(self, data: bytes, *, now_s: float) -> None: ...

        def take_due(self, *, now_s: float) -> list[bytes]:
            if now_s < self.due_s:
                return []
            self.due_s = now_s + 1.0
            return [packet]

    made = maker_of(site, heard).make(0)
    assert isinstance(made, SerialSource)
    with Sim(tmp_path / "tty", [Stick()]) as sim, running(made):
        wait_until(lambda: heard.values("door", "contact_open") or heard.faults("door", "contact_open"), 20.0)
        sim.break_as("unplug")
        wait_until(lambda: heard.faults(GATEWAY) == ["lost"], 20.0)
        sim.mend()
        wait_until(lambda: heard.faults(GATEWAY) == ["lost", "none"], 20.0)
    assert heard.faults("door") == []


def test_the_second_stick_has_a_channel_of_its_own(tmp_path: Path, heard: Heard) -> None:
    site = parse_site(
        HEAD + source(tmp_path / "a", 'uplink = "enocean_esp3"') + source(tmp_path / "b", 'uplink = "enocean_esp3"')
    )
    maker = maker_of(site, heard)
    sources = [maker.make(number) for number in (0, 1)]
    with running(sources[0]), running(sources[1]):
        wait_until(lambda: heard.faults(GATEWAY) == ["lost"], 20.0)
        wait_until(lambda: heard.faults(GATEWAY, "line_fault.2") == ["lost"], 20.0)


def test_instruments_of_different_settings_cannot_share_a_line_unless_the_source_decides(
    tmp_path: Path, heard: Heard
) -> None:
    devices = device("a", "campbell_sr50a_sdi12", 'bus_address = "1"') + device(
        "b", "lufft_shm31_umb", 'bus_address = "B001"'
    )
    site = parse_site(HEAD + source("/dev/x", 'devices = ["a", "b"]') + devices)
    with pytest.raises(PermanentError, match=r"different settings \(9600 8N1, 19200 8N1\)"):
        maker_of(site, heard).make(0)
    site = parse_site(HEAD + source("/dev/x", 'devices = ["a", "b"]\nbaud = 9600') + devices)
    assert isinstance(maker_of(site, heard).make(0), PolledSource)


@pytest.mark.parametrize(
    ("speed", "options", "silent_s"),
    [
        (1.0, "", 180.0),
        (1.0, "options = { frames_per_reading = 1 }\nexpected_interval_s = 60", 180.0),
        (1.0, "options = { interval_s = 2 }", 10.0),
        (600.0, "", 10.0),
    ],
)
def test_how_long_a_line_may_be_silent_goes_by_the_interval_of_its_readings(
    heard: Heard, speed: float, options: str, silent_s: float
) -> None:
    site = parse_site(HEAD + source("/dev/x", 'device = "a"') + device("a", "maxbotix_mb7374", options))
    made = maker_of(site, heard, clock=fast_clock(speed)).make(0)
    assert isinstance(made, SerialSource)
    assert made._options.limits.silent_s == silent_s


def wait_for(condition: Callable[[], bool]) -> None:
    wait_until(condition, 20.0)


def test_frames_are_gathered_into_one_reading_and_the_rest_leaves_when_the_gateway_stops(tmp_path: Path) -> None:
    site = parse_site(
        HEAD + source(tmp_path / "tty", 'device = "a"') + device("a", "maxbotix_mb7374", "options = { interval_s = 2 }")
    )
    heard = Heard(open_spool(tmp_path))
    bench = make_bench(
        site.gateway[0], GatewayOptions(site=site, gateway_id=GATEWAY, data_dir=tmp_path), heard.spool
    )  # fmt: skip
    parts = {part.name: part for part in bench.parts()}
    voice = Speaking(load_catalog()["maxbotix_mb7374"], Decoded(values={"distance": 1.5}), every_s=0.05)

    class Both:
        def run(self, stop: Event) -> None:
            from threading import Thread

            pulse = Thread(target=parts["pulse"].run, args=(stop,))
            pulse.start()
            parts["serial-0"].run(stop)
            pulse.join()

    with Sim(tmp_path / "tty", [voice]), running(Both()):
        wait_for(lambda: len(heard.values("a", "distance")) == 2)
    assert heard.values("a", "distance") == [1.5, 1.5]
    assert all(count >= 11 for count in heard.values("a", "valid_samples"))
    bench.put_gathered(is_end=True)
    assert len(heard.values("a", "valid_samples")) == 3
