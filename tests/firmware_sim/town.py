"""A town to simulate: its site, a real mosquitto, a reader of the serial line, a listener on the broker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import paho.mqtt.client as mqtt
import serial
from paho.mqtt.enums import CallbackAPIVersion

from devices.model import DeviceSpec, Frame, Reading, UplinkMessage
from devices.registry import load_catalog, load_uplinks
from devices.senml import decode_pack
from devices.site import Site
from devices.site_file import parse_site
from satomori.broker import find_mosquitto, prepare_broker
from satomori.supervise import wait_for_port
from tests.support import free_port, wait_until

SITE_TOML = """
version = 1
[town]
id = "test"
name = "テスト村"
[broker]
port = {port}
[[station]]
id = "pass"
name = "峠"
domain = "snow"
[[gateway]]
id = "gw-01"
name = "役場"
source = [
  {{ kind = "serial", port = "{line}", device = "snow-01" }},
  {{ kind = "mqtt", port_number = {port}, uplink = "chirpstack_v4" }},
  {{ kind = "mqtt", port_number = {port}, uplink = "zigbee2mqtt" }},
]
[[device]]
id = "snow-01"
name = "積雪計"
model = "maxbotix_mb7374"
options = {{ frames_per_reading = 1 }}
station = "pass"
mount_height_m = 4.0
[[device]]
id = "temp-01"
name = "気温計"
model = "senml"
station = "pass"
[[device]]
id = "snow-02"
name = "積雪計 2"
model = "decentlab_dl_mbx"
station = "pass"
address = "70b3d57050000102"
[[device]]
id = "pir-01"
name = "人感"
model = "aqara_rtcgq11lm"
station = "pass"
address = "living room"
"""

HEADER = "observed_at,device_id,quantity,value,seq\n"

# two minutes in which every kind of transport speaks; out of order on purpose
ROWS = """\
2026-01-20T00:01:00Z,snow-01,distance,2.510,
2026-01-20T00:00:00Z,snow-01,distance,2.5004,
2026-01-20T00:02:00Z,snow-01,distance,nan,
2026-01-20T00:00:10Z,temp-01,air_temperature,-3.25,
2026-01-20T00:01:10Z,temp-01,air_temperature,-3.5,
2026-01-20T00:00:20Z,snow-02,distance,1.234,7
2026-01-20T00:00:20Z,snow-02,battery_voltage,3.1,7
2026-01-20T00:00:20Z,snow-02,rssi,-110,7
2026-01-20T00:01:20Z,snow-02,distance,1.235,8
2026-01-20T00:00:30.250000Z,pir-01,occupancy,1,
2026-01-20T00:01:30.500000Z,pir-01,occupancy,0,
"""


class Broker:
    """A real mosquitto on loopback."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        mosquitto = find_mosquitto()
        assert mosquitto is not None, "mosquitto is not installed"
        self._argv = prepare_broker(data_dir=folder, port=self.port, mosquitto=mosquitto).argv
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_for_port(self.port, timeout_s=10.0)

    def freeze(self) -> None:
        """Keep the connections and answer nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10.0)
            self._process = None


class LineReader:
    """Reads a serial line as a gateway does: waits for the port to appear, opens it, takes all bytes."""

    def __init__(self, port: Path) -> None:
        self.got = b""
        self._port = port
        self._stop = Event()
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> LineReader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        while not self._port.exists():
            if self._stop.wait(0.01):
                return
        with serial.Serial(str(self._port), 9600, timeout=0.05) as line:
            while not self._stop.is_set():
                try:
                    self.got += line.read(1)  # a longer read forgets what it has when the line is unplugged
                    self.got += line.read(line.in_waiting)
                except OSError:
                    return


class Listener:
    """Subscribes to everything and keeps (topic, payload, when) in order of arrival."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, bytes, float]] = []
        self._subscribed = Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="listener")
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._arrived
        self._client.connect("127.0.0.1", port)

    def __enter__(self) -> Listener:
        self._client.loop_start()
        assert self._subscribed.wait(10.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def contents(self) -> list[tuple[str, bytes]]:
        return [(topic, payload) for topic, payload, _ in self.messages]

    def _arrived(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        self.messages.append((message.topic, bytes(message.payload), time.monotonic()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """`rows` is a long-form file with `ROWS`."""

    folder: Path
    broker: Broker
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        text = SITE_TOML.format(port=self.broker.port, line=self.line)
        self.site_path.write_text(text, encoding="utf-8")
        object.__setattr__(self, "site", parse_site(text))

    @property
    def site_path(self) -> Path:
        return self.folder / "site.toml"

    @property
    def line(self) -> Path:
        return self.folder / "serial" / "snow-01"

    @property
    def ledger(self) -> Path:
        return self.folder / "sent.jsonl"

    def write_rows(self, rows: str = ROWS, *, name: str = "rows.csv") -> str:
        path = self.folder / name
        path.write_text(HEADER + rows, encoding="utf-8")
        return str(path)

    def sent(self) -> list[dict[str, Any]]:
        """The ledger, empty before it is there."""
        if not self.ledger.exists():
            return []
        return [json.loads(line) for line in self.ledger.read_text(encoding="utf-8").splitlines()]


Heard = tuple[str, str, float | None, int | None]


def hear_line(data: bytes) -> list[Heard]:
    """What the gauge on the line said: (device, quantity, value, seq), None for a value that the device calls bad."""
    line = load_catalog()["maxbotix_mb7374"].serial
    assert line is not None
    frames, rest = line.split(data)
    assert rest == b""
    return [h for raw in frames for h in _heard("snow-01", load_catalog()["maxbotix_mb7374"], raw, None)]


def hear_messages(messages: Sequence[tuple[str, bytes]], site: Site) -> list[Heard]:
    """What the MQTT devices said, in order of arrival, link quality included."""
    heard: list[Heard] = []
    for topic, payload in messages:
        if topic.startswith("readings/v1/"):
            pack = decode_pack(payload, publisher=topic.rsplit("/", 1)[1], arrived_ns=2**60)
            heard += [_as_heard(reading) for reading in pack.readings]
            continue
        uplink = load_uplinks()["chirpstack_v4" if topic.startswith("application/") else "zigbee2mqtt"]
        message = UplinkMessage(gateway_id="gw-01", topic=topic, payload=payload, received_ns=0)
        for envelope in uplink.unwrap(message):
            device = site.devices_by_address()[envelope.frame.address.lower()]
            spec = load_catalog()[device.model]
            heard += _heard(device.id, spec, envelope.frame.payload, envelope.seq)
            heard += [(device.id, key, value, envelope.seq) for key, value in sorted(envelope.values.items())]
    return heard


def _heard(device_id: str, spec: DeviceSpec, raw: bytes, seq: int | None) -> list[Heard]:
    frame = Frame(
        gateway_id="gw-01", transport=spec.transport, address="", payload=raw, received_ns=0, port=spec.default_port
    )
    values = sorted(spec.decode(frame).values.items())
    return [(device_id, key, None if value != value else value, seq) for key, value in values]


def _as_heard(reading: Reading) -> Heard:
    return (reading.device_id, reading.quantity, reading.value, reading.seq)


def stop_with_signal(process: subprocess.Popen[str]) -> float:
    """Send SIGTERM and return how many seconds the process took to end."""
    began_s = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    process.wait(20.0)
    return time.monotonic() - began_s


def wait_for_lines(path: Path, *, at_least: int) -> None:
    """Wait until a growing text file has that many lines."""
    wait_until(lambda: path.exists() and path.read_bytes().count(b"\n") >= at_least, 20.0, what=path.name)


def wait_until_still(path: Path) -> None:
    """Wait until a file has content and has not grown for half a second."""
    sizes: list[tuple[float, int]] = []

    def is_still() -> bool:
        sizes.append((time.monotonic(), path.stat().st_size if path.exists() else 0))
        since = [at_s for at_s, size in sizes if size == sizes[-1][1]]
        return sizes[-1][1] > 0 and since[-1] - since[0] > 0.5

    wait_until(is_still, 20.0, what=path.name)
