"""The gateway's process as a whole, with a real broker, a real serial line and a hub that listens."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.clock import Clock
from devices.link import Publisher
from devices.model import SECOND_NS, PermanentError
from devices.steady import SANE_FROM_NS, wait_for_clock
from gateway.run import (
    GatewayOptions,
    Part,
    clock_limits,
    keep_running,
    open_spool,
    run_gateway,
)
from tests.gateway.brokers import Broker, Kind, LiveHub, needs_mosquitto, town
from tests.gateway.ptys import Line
from tests.gateway.sites import GATEWAY, MQTT_SOURCE, SERIAL_SOURCE, make_site, site_text, spool_path
from tests.gateway.test_decode import chirp
from tests.support import wait_until


@contextmanager
def running(options: GatewayOptions) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=run_gateway, args=(options, stop))
    thread.start()
    try:
        yield
    finally:
        began_s = time.monotonic()
        stop.set()
        thread.join(10)
        assert time.monotonic() - began_s < 2.5


def sources(line: Line, broker: Broker) -> str:
    return SERIAL_SOURCE.format(port=line.port) + MQTT_SOURCE.format(port=broker.port, uplink="chirpstack_v4")


def publish(network: Publisher, seq: int) -> None:
    arrival = chirp(fCnt=seq)
    wait_until(lambda: network.publish(arrival.message.topic, arrival.message.payload), 20.0)


def heard(line: Line, hub: LiveHub, value_mm: int) -> None:
    def tried() -> bool:
        line.send(b"R%04d\r" % value_mm)
        return f'"v": {value_mm / 1000}' in hub.all_content()

    wait_until(tried, 30.0, what=f"hub has {value_mm}")


@pytest.mark.services
@pytest.mark.parametrize("kind", [pytest.param("mosquitto", marks=needs_mosquitto), "amqtt"])
def test_readings_of_all_sources_and_the_pulse_reach_the_hub(tmp_path: Path, kind: Kind) -> None:
    with town(tmp_path, kind) as (broker, hub, line, network):
        site = make_site(sources=sources(line, broker), broker_port=broker.port)
        with running(GatewayOptions(site=site, gateway_id=GATEWAY, data_dir=tmp_path)):
            wait_until(lambda: f"{GATEWAY}/spool_rows" in hub.all_content(), 30.0, what="pulse")
            heard(line, hub, 1_234)
            publish(network, 77)
            wait_until(lambda: '"seq": 77' in hub.all_content(), 30.0, what="LoRaWAN reading")
            wait_until(lambda: waiting_rows(tmp_path) == 0, 30.0, what="all receipts")


def waiting_rows(folder: Path) -> int:
    db = sqlite3.connect(f"file:{spool_path(folder)}?mode=ro", uri=True)
    try:
        return int(db.execute("SELECT count(*) FROM rows WHERE done_ns IS NULL").fetchone()[0])
    finally:
        db.close()


@pytest.mark.services
@needs_mosquitto
@pytest.mark.lesson(9, 10)
def test_a_broker_that_forgets_everything_costs_nothing(tmp_path: Path) -> None:
    with town(tmp_path, "mosquitto") as (broker, hub, line, _network):
        site = make_site(sources=SERIAL_SOURCE.format(port=line.port), broker_port=broker.port)
        with running(GatewayOptions(site=site, gateway_id=GATEWAY, data_dir=tmp_path)):
            heard(line, hub, 1_999)
            for round_no in range(3):
                line.send(b"".join(b"R%04d\r" % (2_000 + round_no * 100 + i) for i in range(100)))
                broker.kill()
                line.send(b"".join(b"R%04d\r" % (3_000 + round_no * 100 + i) for i in range(100)))
                broker.start()
            sent = {f'"v": {(base + i) / 1000}' for base in (2_000, 3_000) for i in range(300)}
            wait_until(lambda: all(text in hub.all_content() for text in sent), 60.0, what="all readings")


def test_a_part_that_fails_is_logged_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    stop, calls = Event(), []

    def fail(_stop: Event) -> None:
        calls.append("fail")
        if len(calls) == 2:
            stop.set()
        raise RuntimeError("boom")

    others: list[str] = []
    keep_running([Part(name="bad", run=fail), Part(name="good", run=lambda s: others.append(str(s.wait())))], stop)
    assert calls == ["fail", "fail"]
    assert others == ["True"]
    failures = [record for record in caplog.records if record.message == "part_failed"]
    assert len(failures) == 2
    assert failures[0].exc_info is not None


def test_an_unknown_gateway_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="gw-01"):
        run_gateway(GatewayOptions(site=make_site(), gateway_id="gw-99", data_dir=tmp_path), Event())


def test_a_disk_that_is_not_there_yet_is_waited_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site = make_site()
    folder = tmp_path / "later"
    options = GatewayOptions(site=site, gateway_id=GATEWAY, data_dir=folder)
    found = []
    thread = Thread(target=lambda: found.append(open_spool(site.gateway[0], options, Event())))
    thread.start()
    wait_until(lambda: "spool_unavailable" in [r.message for r in caplog.records])
    folder.mkdir()
    thread.join(10)
    assert found[0] is not None
    found[0].close()
    assert [r.message for r in caplog.records] == ["spool_unavailable", "spool_available"]


@pytest.mark.bad_input(88)
@pytest.mark.lesson(43)
def test_nothing_is_read_before_the_clock_is_set(caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    boot = Clock(real_start_ns=time.monotonic_ns(), town_start_ns=0, speed=1e-9)
    stop.set()
    assert not wait_for_clock(boot, stop)
    assert [r.message for r in caplog.records] == ["clock_not_set"]
    set_soon = Clock(town_start_ns=SANE_FROM_NS)
    assert wait_for_clock(set_soon, Event())


def test_a_stop_ends_the_waiting_for_the_disk(tmp_path: Path) -> None:
    site = make_site()
    stop = Event()
    stop.set()
    options = GatewayOptions(site=site, gateway_id=GATEWAY, data_dir=tmp_path / "missing")
    assert open_spool(site.gateway[0], options, stop) is None


def test_a_fast_town_clock_stretches_the_tolerance_for_old_times_only() -> None:
    real = clock_limits(Clock())
    fast = clock_limits(Clock(speed=3_600.0))
    assert real.behind_ns == 300 * SECOND_NS
    assert fast.behind_ns - real.behind_ns == 30 * 3_600 * SECOND_NS
    assert fast.ahead_ns == real.ahead_ns


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        pytest.param(["--id", "gw-99"], 2, "gateway: gateway 'gw-99' is not in the site; it has gw-01", id="gateway"),
        pytest.param(["--id", "gw-01", "--clock", "x"], 2, "gateway: clock 'x' is not", id="clock"),
    ],
)
def test_bad_use_ends_with_one_clear_line(tmp_path: Path, arguments: list[str], code: int, line: str) -> None:
    (tmp_path / "site.toml").write_text(site_text())
    command = [sys.executable, "-m", "gateway", "--site", str(tmp_path / "site.toml"), "--data", str(tmp_path)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert done.stderr.strip().startswith(line)
    assert "Traceback" not in done.stderr


def test_logs_carry_no_payload(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(site_text(broker_port=9))
    command = [sys.executable, "-m", "gateway", "--site", str(tmp_path / "site.toml"), "--data", str(tmp_path)]
    process = subprocess.Popen([*command, "--id", GATEWAY], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    first = json.loads(process.stderr.readline())
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0
    assert (first["event"], first["gateway_id"], first["newest"]) == ("gateway_started", GATEWAY, 0)
