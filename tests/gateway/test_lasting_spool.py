"""What waits in the spool gets to the hub: whatever was set anew, however long it took, whoever was away at first."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.site import Gateway
from devices.site_file import parse_site
from gateway.run import GatewayOptions, open_spool, run_gateway
from gateway.spool import Spool
from gateway.uplink import UplinkLoop
from tests.gateway.brokers import Broker, LiveHub, needs_mosquitto
from tests.gateway.ptys import Line
from tests.gateway.sites import GATEWAY, SERIAL_SOURCE, make_site, site_text, spool_path
from tests.gateway.spools import all_waiting, row
from tests.gateway.towns import OPTIONS, Town
from tests.support import wait_until


def changed(gateway: Gateway, **settings: object) -> Gateway:
    return gateway.model_copy(update=settings)


def opened(gateway: Gateway, folder: Path) -> Spool:
    spool = open_spool(gateway, GatewayOptions(site=make_site(), gateway_id=GATEWAY, data_dir=folder), Event())
    assert spool is not None
    return spool


@pytest.mark.lesson(2)
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"spool_max_mib": 64}, id="larger"),
        pytest.param({"spool_max_mib": 1}, id="smaller"),
        pytest.param({"heartbeat_interval_s": 5, "name": "分庁舎", "source": ()}, id="all else"),
    ],
)
def test_other_settings_leave_the_spool_as_it_is(tmp_path: Path, settings: dict[str, object]) -> None:
    gateway = make_site().gateway[0]
    spool = opened(gateway, tmp_path)
    spool.append([row(i, body=b'[{"n": "snow-01/distance"}]') for i in range(100)])
    epoch, before = spool.epoch, all_waiting(spool)
    spool.close()
    again = opened(changed(gateway, **settings), tmp_path)
    assert (again.epoch, all_waiting(again)) == (epoch, before)
    assert list(again.append([row(200)])) == [101]
    again.close()


@pytest.mark.lesson(2)
def test_rows_of_a_device_that_left_the_site_still_reach_the_hub(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.add(3)
    text = site_text()
    gateway = parse_site(text[: text.index("[[device]]")]).gateway[0]
    town.spool.close()
    town.spool = opened(gateway.model_copy(update={"id": "gw"}), tmp_path)
    town.loop = UplinkLoop(town.spool, town.link, replace(OPTIONS))
    town.settle()
    assert sorted(town.books()) == [1, 2, 3]


@pytest.mark.lesson(7, 12)
def test_three_hours_at_one_a_second_arrive_to_the_last_row_and_once(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.link.is_connected = False
    for _ in range(180):
        town.add(60)
        town.step()
        town.wait(60)
    town.link.reconnect()
    town.settle()
    assert sorted(town.books()) == list(range(1, 10_801))
    assert town.hub.copies == 0
    assert len(town.link.sent) > 20


def is_read(line: Line, folder: Path) -> bool:
    """Say something; tell whether the gateway has heard it (what comes before the port is flushed is no frame yet)."""
    line.send(b"R0900\r")
    path = spool_path(folder)
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db, suppress(sqlite3.OperationalError):
        return db.execute("SELECT 1 FROM rows WHERE device_id = 'snow-01' LIMIT 1").fetchone() is not None
    return False


@pytest.mark.lesson(15)
@pytest.mark.services
@needs_mosquitto
def test_a_broker_that_comes_up_after_the_gateway_gets_what_was_read_before(tmp_path: Path) -> None:
    broker, line = Broker(tmp_path, "mosquitto"), Line(tmp_path)
    site = make_site(sources=SERIAL_SOURCE.format(port=line.port), broker_port=broker.port)
    hub, stop = LiveHub(broker.port), Event()
    options = GatewayOptions(site=site, gateway_id=GATEWAY, data_dir=tmp_path)
    gateway = Thread(target=run_gateway, args=(options, stop))
    gateway.start()
    try:
        wait_until(lambda: is_read(line, tmp_path), 30.0, what="the line is read")
        line.send(b"".join(b"R%04d\r" % value_mm for value_mm in range(1_000, 1_100)))
        broker.start()
        hub.start()
        wait_until(lambda: all(f'"v": {mm / 1000}' in hub.all_content() for mm in range(1_000, 1_100)), 30.0)
    finally:
        stop.set()
        gateway.join(10)
        hub.stop()
        broker.kill()
        line.close()
