"""Speaks to the rest as devices do: pseudo-terminals for serial lines, real MQTT clients for the rest."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time
import tty
from pathlib import Path
from threading import Event

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from devices.model import PermanentError, TransientError

_MOST_UNSENT = 500
_SETTLE_S = 0.3


class SerialSender:
    """A serial instrument on a pseudo-terminal, reachable at `link` as a symbolic link."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master = -1
        self._slave_path = ""

    def open(self) -> None:
        """Make the line. Raises PermanentError when `link` is something else than a link of ours."""
        if self._link.exists() and not self._link.is_symlink():
            raise PermanentError(f"{self._link} exists and is not a link; the simulator does not replace real ports")
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self._slave_path = os.ttyname(slave)
        os.close(slave)
        self._link.parent.mkdir(parents=True, exist_ok=True)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(self._slave_path)

    def wait_for_reader(self, *, timeout_s: float, stop: Event) -> bool:
        """Return True once a program has the line open; bytes sent before would be lost, as on a real line."""
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s and not stop.is_set():
            if not any(flags & select.POLLHUP for _, flags in poll.poll(0)):
                stop.wait(_SETTLE_S)  # an opener flushes the line first; what came before its flush is gone
                return True
            stop.wait(0.05)
        return False

    def send(self, payload: bytes) -> None:
        """Write all bytes; waits while the line is full. Raises TransientError when the line is gone."""
        try:
            while payload:
                payload = payload[os.write(self._master, payload) :]
        except OSError as error:
            raise TransientError(f"serial line {self._link.name} is gone: {error.strerror}") from error

    def unread_bytes(self) -> int:
        """Return how many bytes the reader has not taken yet."""
        slave = os.open(self._slave_path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            answer = fcntl.ioctl(slave, termios.FIONREAD, struct.pack("i", 0))
        finally:
            os.close(slave)
        return int(struct.unpack("i", answer)[0])

    def close(self) -> None:
        """Unplug: the reader sees the line vanish."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        if self._link.is_symlink():
            self._link.unlink()


class MqttSender:
    """One MQTT client, as a network server, a Zigbee bridge or a device of its own would be; QoS 1."""

    def __init__(self, *, host: str, port: int, client_id: str) -> None:
        self._where = f"{host}:{port}"
        self._address = (host, port)
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
        self._client.on_publish = self._published
        self._sent = 0  # written by the sending thread only
        self._acknowledged = 0  # written by paho's thread only
        self._freed = Event()

    def open(self) -> None:
        """Connect. Raises TransientError naming host and port when nothing answers."""
        try:
            self._client.connect(*self._address, keepalive=15)
        except OSError as error:
            raise TransientError(f"no MQTT broker answers on {self._where}: {error}") from error
        self._client.loop_start()

    def send(self, *, topic: str, payload: bytes, is_retained: bool = False) -> None:
        """Publish with QoS 1; waits while too much is unacknowledged. Raises TransientError after 30 s of that."""
        deadline_s = time.monotonic() + 30.0
        while self.unsent() >= _MOST_UNSENT:
            if time.monotonic() > deadline_s:
                raise TransientError(f"MQTT broker {self._where} acknowledges nothing")
            self._freed.clear()
            self._freed.wait(0.1)
        self._sent += 1
        self._client.publish(topic, payload, qos=1, retain=is_retained)

    def drain(self, *, timeout_s: float) -> bool:
        """Return True once the broker has acknowledged everything, False after `timeout_s`."""
        deadline_s = time.monotonic() + timeout_s
        while self.unsent() > 0 and time.monotonic() < deadline_s:
            self._freed.clear()
            self._freed.wait(0.05)
        return self.unsent() == 0

    def unsent(self) -> int:
        """Return how many messages the broker has not acknowledged yet."""
        return self._sent - self._acknowledged

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _published(
        self, _client: mqtt.Client, _userdata: object, _mid: int, _reason: ReasonCode, _properties: object
    ) -> None:
        self._acknowledged += 1
        self._freed.set()
