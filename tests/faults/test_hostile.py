"""Hostile payloads through a real broker: quarantined and counted, the good ones beside them stored, memory bounded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.link import Publisher
from devices.model import UplinkMessage
from devices.registry import load_uplinks
from tests.faults.hostile import BODIES
from tests.fuzz.targets.uplinks_f import MESSAGES
from tests.gateway.brokers import LiveHub, needs_mosquitto
from tests.gateway.brokers import town as town_of_gateway
from tests.gateway.sites import GATEWAY, MQTT_SOURCE, make_intake, plugins, site_text
from tests.gateway.spools import all_waiting, open_spool
from tests.gateway.test_decode import chirp, message
from tests.ingest.town import IngestTown, publisher, record, running_broker
from tests.support import wait_until

pytestmark = pytest.mark.services

MARK = "*mark*"
MARK_TEXT = b'"*mark*"'
MOST_GROWTH_BYTES = 160 * 2**20
OF_SPOOL = {"row": b"1", "floor": b"1", "epoch": b'"e"'}
FIELDS = ("v", "t", "seq", "n", *OF_SPOOL)
"""Fields of a SenML record into which each body is put."""
UNHARMED = 3
"""Row and floor of 2 to the 70, an epoch of a zero byte: beside a whole reading, which counts and gets no receipt."""


def hostile_messages() -> list[bytes]:
    """Every body as it is, and in the place of each field of a record; the large ones in that of the value only."""
    placed = [
        hostile_record(field, body)
        for body in BODIES.values()
        for field in (FIELDS if len(body) < 2**16 else ("v",))
        if body != b"null" or field not in OF_SPOOL  # null is the same as absent there
    ]
    return [*BODIES.values(), *placed]


def hostile_record(field: str, body: bytes) -> bytes:
    fields = {"n": b'"gauge-1/distance"', "u": b'"m"', "v": b"2.0", "t": b"1700000000"}
    fields |= OF_SPOOL if field in OF_SPOOL else {}
    fields[field] = body or b" "
    return b"[{%s}]" % b",".join(b'"%s":%s' % (key.encode(), value) for key, value in fields.items())


def memory_bytes(pid: int) -> int:
    """The most memory a process ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[IngestTown]:
    with running_broker(tmp_path) as port:
        town = IngestTown(tmp_path, port=port)
        yield town
        town.close()


def test_ingest_takes_the_good_ones_and_keeps_a_record_of_the_bad(town: IngestTown) -> None:
    pid = town.start_ingest()
    town.wait_for_ingest()
    before_bytes = memory_bytes(pid)
    bad = hostile_messages()
    with publisher(town.port, client_id="device") as device:
        for number, payload in enumerate(bad):
            assert device.publish("readings/v1/device", payload, qos=1)
            assert device.publish("readings/v1/device", record("gauge-3", seq=number, at_s=number), qos=1)
        wait_until(
            lambda: town.stored_seqs()["gauge-3"] == list(range(len(bad))), 60.0, what="the good readings stored"
        )
    counters = town.reader.counters()
    assert counters["quarantined"] == len(bad) - UNHARMED
    assert town.stored_seqs()["gauge-1"] == [None, 0]  # that reading, and the probe
    assert counters["starts"] == 1
    assert "step_failures" not in counters
    assert memory_bytes(pid) - before_bytes < MOST_GROWTH_BYTES


def leaves(value: Any) -> Iterator[Any]:
    """Give copies of a JSON value, in each of them another leaf replaced by a mark."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (value | {key: changed} for changed in leaves(inner))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from ([*value[:place], changed, *value[place + 1 :]] for changed in leaves(inner))
    else:
        yield MARK


def hostile_to(uplink: str) -> list[bytes]:
    """Every body as it is, and in the place of each leaf of a message as the network really sends it."""
    real = json.loads(MESSAGES[uplink][0])
    small = [body for body in BODIES.values() if len(body) < 2**16]
    return [
        *BODIES.values(),
        *(json.dumps(each).encode().replace(MARK_TEXT, b) for each in leaves(real) for b in small),
    ]


JSON_UPLINKS = sorted(name for name, messages in MESSAGES.items() if messages[0].startswith((b"{", b"[")))


TOPICS = {"shelly_gen2": "shelly-1/events/rpc", "tasmota": "tele/zb/SENSOR", "zigbee2mqtt": "zigbee2mqtt/door"}


@pytest.mark.parametrize("uplink", JSON_UPLINKS)
def test_no_envelope_of_a_network_breaks_the_gateway(tmp_path: Path, uplink: str) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(
        spool, known=replace(plugins(), uplinks={"under-test": load_uplinks()[uplink], **plugins().uplinks})
    )
    for payload in hostile_to(uplink):
        intake.commit(
            intake.prepare("under-test", [message(TOPICS.get(uplink, "a/b"), payload, uplink="under-test")], now_s=0.0)
        )
    intake.commit(intake.prepare("good", [chirp(fCnt=7)], now_s=0.0))
    counters = spool.state().counters
    rows = [row.body for row in all_waiting(spool)]
    assert b'"seq":7' in rows[-1].replace(b" ", b"")
    assert len(rows) <= 1 + 10 * 10  # some rows for each reason and device, the rest is counted
    assert counters["frames_quarantined"] - counters.get("quarantine_not_kept", 0) == len(rows) - 1
    spool.close()


@needs_mosquitto
def test_a_gateway_process_takes_the_good_ones_through_a_real_broker(tmp_path: Path) -> None:
    with town_of_gateway(tmp_path, "mosquitto") as (broker, hub, _line, network):
        site = tmp_path / "site.toml"
        source = MQTT_SOURCE.format(port=broker.port, uplink="chirpstack_v4")
        site.write_text(site_text(sources=source, broker_port=broker.port), encoding="utf-8")
        command = [sys.executable, "-m", "gateway", "--site", str(site), "--data", str(tmp_path), "--id", GATEWAY]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            try:
                said = send_until_heard(network, hub, seq=1)
                before_bytes = memory_bytes(process.pid)
                for payload in hostile_to("chirpstack_v4"):
                    assert network.publish(said.topic, payload)
                send_until_heard(network, hub, seq=2)
                assert memory_bytes(process.pid) - before_bytes < MOST_GROWTH_BYTES
            finally:
                process.terminate()


def send_until_heard(network: Publisher, hub: LiveHub, *, seq: int) -> UplinkMessage:
    """Send a good message until the hub has it: before the gateway listens, the broker keeps nothing for it."""
    good = chirp(fCnt=seq).message

    def is_heard() -> bool:
        network.publish(good.topic, good.payload)
        return f'"seq": {seq}' in hub.all_content()

    wait_until(is_heard, 60.0, what=f"good message {seq} at the hub")
    return good
