"""Live traffic into a file that `sim replay` sends again: raw bytes with their times, one JSON object a line."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Event
from typing import Any, Literal, TextIO

import paho.mqtt.client as mqtt
import serial
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from devices.clock import Clock
from devices.model import PermanentError, TransientError
from firmware_sim.rows import instant_ns, iso_time

_QUEUE_MOST = 10_000
_CHUNK_BYTES = 4096
_LOOK_S = 0.1
_SUBSCRIBE_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFrame:
    """Bytes as they came. `address` is the MQTT topic, or the path of the serial port."""

    received_ns: int
    transport: Literal["mqtt", "serial"]
    address: str
    payload: bytes
    is_retained: bool = False


NextFrame = Callable[[], RawFrame | None]


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

    count = 0
    listening = _listen_serial(options) if options.serial_port else _listen_mqtt(options)
    # the file comes after the source: one that is away must not cost an older recording of that name
    with listening as next_frame, _opened(options.out) as file:
        while not is_over():
            frame = next_frame()
            if frame is not None:
                write_frame(file, frame)
                count += 1
        os.fsync(file.fileno())
    return count


def _opened(path: Path) -> TextIO:
    try:
        return path.open("w", encoding="utf-8", buffering=1)  # a recording that is killed keeps what it has
    except OSError as error:
        raise PermanentError(f"recording {path} cannot be written: {error.strerror}") from error


def read_recording(path: Path) -> Iterator[RawFrame]:
    """Yield the frames of a recording. Raises PermanentError naming file and line of a line that is not one."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield _as_frame(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise PermanentError(f"{path.name} line {number} is no recorded frame: {error!r}") from error


def _as_frame(row: Mapping[str, Any]) -> RawFrame:
    transport = row["transport"]
    if transport not in ("mqtt", "serial"):
        raise ValueError(f"transport {transport!r} is neither mqtt nor serial")
    return RawFrame(
        received_ns=instant_ns(row["received_at"]),
        transport=transport,
        address=row["address"],
        payload=bytes.fromhex(row["payload_hex"]),
        is_retained=bool(row.get("retained", False)),
    )


def write_frame(file: TextIO, frame: RawFrame) -> None:
    """Append a frame as one line."""
    row = {
        "received_at": iso_time(frame.received_ns),
        "transport": frame.transport,
        "address": frame.address,
        "payload_hex": frame.payload.hex(),
    }
    file.write(json.dumps(row | ({"retained": True} if frame.is_retained else {})) + "\n")


class _Inbox:
    """paho's callbacks and what they leave behind. Nothing may leave a callback: it would kill the network thread."""

    def __init__(self, topics: tuple[str, ...]) -> None:
        self.subscribed = Event()
        self._topics = topics
        self._clock = Clock()
        self._frames: Queue[RawFrame] = Queue(maxsize=_QUEUE_MOST)
        self._fault = ""

    def connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(topic, 1) for topic in self._topics])

    def granted(self, _client: mqtt.Client, _user: object, _mid: int, reasons: list[ReasonCode], _: object) -> None:
        for reason in reasons:
            if reason.is_failure:
                self._fault = f"the broker refuses a topic: {reason}"
        self.subscribed.set()

    def arrived(self, _client: mqtt.Client, _user: object, message: mqtt.MQTTMessage) -> None:
        frame = RawFrame(
            received_ns=self._clock.now_ns(), transport="mqtt", address=message.topic,
            payload=bytes(message.payload), is_retained=message.retain,
        )  # fmt: skip
        try:
            self._frames.put_nowait(frame)
        except Full:
            self._fault = f"the disk does not keep up: {_QUEUE_MOST} messages wait"

    def lost(self, *_: object) -> None:
        self._fault = "the connection to the broker was lost; what came meanwhile is not in the recording"

    def next_frame(self) -> RawFrame | None:
        """Return the next message, None after a short while without one.

        Raises TransientError once there is a gap: a recording that hides one is worse than none.
        """
        try:
            return self._frames.get(timeout=_LOOK_S)
        except Empty:
            if self._fault:
                raise TransientError(self._fault) from None
            return None


@contextmanager
def _listen_mqtt(options: RecordOptions) -> Iterator[NextFrame]:
    """Subscribe, and give what waits for the next message."""
    inbox = _Inbox(options.topics)
    where = f"{options.host}:{options.port_number}"
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"sim-record-{os.getpid()}")
    client.on_connect, client.on_subscribe, client.on_message = inbox.connected, inbox.granted, inbox.arrived
    try:
        client.connect(options.host, options.port_number, keepalive=15)
    except OSError as error:
        raise TransientError(f"no MQTT broker answers on {where}: {error}") from error
    client.on_disconnect = inbox.lost
    client.loop_start()
    try:
        if not inbox.subscribed.wait(_SUBSCRIBE_TIMEOUT_S):
            raise TransientError(f"the broker on {where} does not let us subscribe")
        yield inbox.next_frame
    finally:
        client.on_disconnect = None
        client.disconnect()
        client.loop_stop()


@contextmanager
def _listen_serial(options: RecordOptions) -> Iterator[NextFrame]:
    """Open the port, and give what waits for the next bytes (None after a short while without one)."""
    clock = Clock()

    def next_frame() -> RawFrame | None:
        try:
            payload = line.read(1)
            payload += line.read(min(_CHUNK_BYTES, line.in_waiting))
        except OSError as error:  # SerialException is one
            raise TransientError(f"serial port {options.serial_port} is gone: {error}") from error
        if not payload:
            return None
        return RawFrame(received_ns=clock.now_ns(), transport="serial", address=options.serial_port, payload=payload)

    try:
        line = serial.Serial(options.serial_port, options.baud, timeout=_LOOK_S)
    except (OSError, ValueError) as error:
        raise TransientError(f"serial port {options.serial_port} cannot be opened: {error}") from error
    with line:
        yield next_frame
