"""Live traffic into a file that `sim replay` sends again: raw bytes with their times, one JSON object a line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event
from typing import Any, Literal, TextIO

import paho.mqtt.client as mqtt
import serial
from paho.mqtt.enums import CallbackAPIVersion

from devices.clock import Clock
from devices.model import PermanentError, TransientError
from firmware_sim.rows import instant_ns, iso_time

_QUEUE_MOST = 10_000
_CHUNK_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """Bytes as they came. `address` is the MQTT topic, or the path of the serial port."""

    received_ns: int
    transport: Literal["mqtt", "serial"]
    address: str
    payload: bytes
    is_retained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What to record: `topics` of a broker, or `serial_port` at `baud`. `seconds` 0 = until stopped."""

    out: Path
    host: str = "127.0.0.1"
    port_number: int = 1883
    topics: tuple[str, ...] = ()
    serial_port: str = ""
    baud: int = 9600
    seconds: float = 0.0


def run_record(options: RecordOptions, stop: Event) -> int:
    """Record until `stop` is set or the time is over; return how many frames were written.

    Raises PermanentError when neither topics nor a serial port are given, TransientError when the source is away.
    """
    if bool(options.topics) == bool(options.serial_port):
        raise PermanentError("give either --topic (one or more) or --serial")
    until_s = time.monotonic() + options.seconds if options.seconds else None

    def is_over() -> bool:
        return stop.is_set() or (until_s is not None and time.monotonic() >= until_s)

    source = _record_serial if options.serial_port else _record_mqtt
    with options.out.open("w", encoding="utf-8") as file:
        count = 0
        for frame in source(options, is_over):
            _write(file, frame)
            count += 1
        file.flush()
        os.fsync(file.fileno())
    return count


def read_recording(path: Path) -> Iterator[RawFrame]:
    """Yield the frames of a recording. Raises PermanentError naming file and line of a line that is not one."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
                yield RawFrame(
                    received_ns=instant_ns(row["received_at"]),
                    transport=row["transport"],
                    address=row["address"],
                    payload=bytes.fromhex(row["payload_hex"]),
                    is_retained=bool(row.get("retained", False)),
                )
            except (ValueError, KeyError, TypeError) as error:
                raise PermanentError(f"{path.name} line {number} is no recorded frame: {error}") from error


def _write(file: TextIO, frame: RawFrame) -> None:
    row = {
        "received_at": iso_time(frame.received_ns),
        "transport": frame.transport,
        "address": frame.address,
        "payload_hex": frame.payload.hex(),
    }
    file.write(json.dumps(row | ({"retained": True} if frame.is_retained else {})) + "\n")


def _record_mqtt(options: RecordOptions, is_over: Callable[[], bool]) -> Iterator[RawFrame]:
    clock = Clock()
    frames: Queue[RawFrame] = Queue(maxsize=_QUEUE_MOST)
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sim-record-{os.getpid()}")

    def connected(*_: Any) -> None:
        client.subscribe([(topic, 1) for topic in options.topics])

    def arrived(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        frame = RawFrame(
            received_ns=clock.now_ns(), transport="mqtt", address=message.topic,
            payload=bytes(message.payload), is_retained=message.retain,
        )  # fmt: skip
        try:
            frames.put_nowait(frame)
        except Full:  # an exception must not leave a paho callback: it would kill the network thread
            client.disconnect()

    client.on_connect = connected
    client.on_message = arrived
    try:
        client.connect(options.host, options.port_number, keepalive=15)
    except OSError as error:
        raise TransientError(f"no MQTT broker answers on {options.host}:{options.port_number}: {error}") from error
    client.loop_start()
    try:
        while not is_over():
            try:
                yield frames.get(timeout=0.1)
            except Empty:
                continue
    finally:
        client.disconnect()
        client.loop_stop()
    while not frames.empty():
        yield frames.get_nowait()


def _record_serial(options: RecordOptions, is_over: Callable[[], bool]) -> Iterator[RawFrame]:
    clock = Clock()
    try:
        line = serial.Serial(options.serial_port, options.baud, timeout=0.1)
    except serial.SerialException as error:
        raise TransientError(f"serial port {options.serial_port} cannot be opened: {error}") from error
    with line:
        while not is_over():
            payload = line.read(_CHUNK_BYTES)
            if payload:
                yield RawFrame(
                    received_ns=clock.now_ns(), transport="serial", address=options.serial_port, payload=payload
                )
