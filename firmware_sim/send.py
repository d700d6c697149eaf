"""Speaks to the rest as devices do: pseudo-terminals for serial lines, real MQTT clients for the rest.

Every wait ends when `stop` is set; what was handed over by then still gets a moment to leave.
"""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from devices.model import TransientError
from firmware_sim.ptys import open_pty

_MOST_UNSENT = 500
_SETTLE_S = 0.3
_CONNECT_TIMEOUT_S = 10.0
_STOPPED_S = 0.3
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long the other side is waited for: `seconds`, or a moment once `stop` is set."""

    stop: Event
    seconds: float = 30.0

    def wait_while(self, is_so: Callable[[], bool]) -> bool:
        """Return True once `is_so()` is over, False when patience is."""
        pause = Event()
        began_s = time.monotonic()
        stopped_s: float | None = None
        while is_so():
            now_s = time.monotonic()
            if self.stop.is_set() and stopped_s is None:
                stopped_s = now_s
            if now_s - began_s >= self.seconds or (stopped_s is not None and now_s - stopped_s >= _STOPPED_S):
                return False
            pause.wait(_LOOK_S / 10)
        return True


class SerialSender:
    """A serial instrument on a pseudo-terminal, reachable at `link` as a symbolic link."""

    def __init__(self, link: Path, patience: Patience) -> None:
        self._link = link
        self._patience = patience
        self._master = -1
        self._slave_path = ""

    def open(self) -> None:
        """Make the line. Raises PermanentError when `link` is something else than a link of ours, or has no place."""
        self._master, self._slave_path = open_pty(self._link)

    def wait_for_reader(self, *, deadline_s: float) -> bool:
        """Return True once a program has the line open; bytes sent before would be lost, as on a real line.

        False at `deadline_s` of the monotonic clock, or when told to stop.
        """
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        while not self._patience.stop.is_set():
            if not any(flags & select.POLLHUP for _, flags in poll.poll(0)):
                self._patience.stop.wait(
                    _SETTLE_S
                )  # an opener flushes the line first; what came before its flush is gone
                return True
            if time.monotonic() >= deadline_s:
                return False
            self._patience.stop.wait(_LOOK_S)
        return False

    def send(self, payload: bytes) -> bool:
        """Write all bytes, waiting while the line is full; False when told to stop before the last one.

        Raises TransientError when the line is gone or stays full.
        """
        deadline_s = time.monotonic() + self._patience.seconds
        while payload:
            try:
                payload = payload[os.write(self._master, payload) :]
                deadline_s = time.monotonic() + self._patience.seconds
            except BlockingIOError:
                if self._patience.stop.wait(_LOOK_S / 10):
                    return False
                if time.monotonic() >= deadline_s:
                    raise TransientError(f"nobody reads the serial line {self._link.name}") from None
            except OSError as error:
                raise TransientError(f"serial line {self._link.name} is gone: {error.strerror}") from error
        return True

    def drain(self) -> bool:
        """Return True once the reader has taken everything, False when it does not."""
        is_empty = self._patience.wait_while(lambda: self.unread_bytes() > 0)
        # the kernel hands bytes over in the background: what was just written may not be counted yet
        self._patience.stop.wait(_SETTLE_S)
        return is_empty and self._patience.wait_while(lambda: self.unread_bytes() > 0)

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
            self._link.unlink(missing_ok=True)


class MqttSender:
    """One MQTT client, as a network server, a Zigbee bridge or a device of its own would be; QoS 1."""

    def __init__(self, *, host: str, port: int, client_id: str, patience: Patience) -> None:
        self._where = f"{host}:{port}"
        self._address = (host, port)
        self._patience = patience
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True)
        self._client.on_connect = self._answered
        self._client.on_publish = self._published
        self._client.reconnect_delay_set(min_delay=1, max_delay=2)
        self._sent = 0  # written by the sending thread only
        self._acknowledged = 0  # written by paho's thread only
        self._accepted = Event()
        self._refusal = ""

    def open(self) -> None:
        """Connect. Raises TransientError naming host and port when no broker answers or it does not let us in."""
        try:
            self._client.connect(*self._address, keepalive=15)
        except OSError as error:
            raise TransientError(f"no MQTT broker answers on {self._where}: {error}") from error
        self._client.loop_start()
        deadline_s = time.monotonic() + min(_CONNECT_TIMEOUT_S, self._patience.seconds)
        while not self._accepted.wait(_LOOK_S) and not self._patience.stop.is_set():
            if self._refusal or time.monotonic() >= deadline_s:
                self._client.loop_stop()
                raise TransientError(f"MQTT broker {self._where} does not let us in: {self._refusal or 'no answer'}")

    def send(self, *, topic: str, payload: bytes, is_retained: bool = False) -> bool:
        """Publish with QoS 1, waiting while too much is unacknowledged; False when told to stop before.

        Raises TransientError when the broker acknowledges nothing for too long. What was handed over goes out again
        after a lost connection, as with a real client.
        """
        if self.unsent() >= _MOST_UNSENT and not self._wait_for_fewer_than(_MOST_UNSENT):
            if self._patience.stop.is_set():
                return False
            raise TransientError(f"MQTT broker {self._where} acknowledges nothing")
        self._sent += 1
        self._client.publish(topic, payload, qos=1, retain=is_retained)
        return True

    def drain(self) -> bool:
        """Return True once the broker has acknowledged everything, False when it does not."""
        return self._wait_for_fewer_than(1)

    def unsent(self) -> int:
        """Return how many messages the broker has not acknowledged yet."""
        return self._sent - self._acknowledged

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _wait_for_fewer_than(self, count: int) -> bool:
        return self._patience.wait_while(lambda: self.unsent() >= count)

    def _answered(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
        else:
            self._accepted.set()

    def _published(
        self, _client: mqtt.Client, _userdata: object, _mid: int, _reason: ReasonCode, _properties: object
    ) -> None:
        self._acknowledged += 1
