"""One question on an open serial line: the silence before it, the request, and what comes until it is all answered."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from threading import Event

import serial

from devices.polling import Ask

_MOST_BYTES = 65_536
_READ_MOST_BYTES = 4_096
_BITS_PER_BYTE = 11
_BREAK_S = 0.015
_MARK_S = 0.010
_QUIET_PATIENCE_S = 1.0
_LOOK_S = 0.1


class Asker:
    """Holds an open port and what came on it unasked. `tend` is called while an answer is waited for."""

    def __init__(self, port: serial.Serial, stop: Event, *, tend: Callable[[], None]) -> None:
        self._port = port
        self._stop = stop
        self._tend = tend
        self._unread = b""

    def ask(self, ask: Ask) -> bytes:
        """Return the answer to `ask`, or what came of it when its time was over. Raises OSError when the line is gone.

        Empty also when `stop` was set.
        """
        if ask.request:
            self._wait_for_quiet(ask)
            self._send(ask)
        deadline_s = time.monotonic() + ask.wait_s + len(ask.request) * _BITS_PER_BYTE / self._port.baudrate
        is_over = False
        while not self._stop.is_set():
            size = ask.length(self._unread)
            if size or is_over:
                size = size or len(self._unread)
                answer, self._unread = self._unread[:size], self._unread[size:]
                return answer
            # what came while the disk was busy still counts: the line is read once more after the deadline
            is_over = time.monotonic() >= deadline_s or len(self._unread) >= _MOST_BYTES
            self._read(wait_s=0.0 if is_over else deadline_s - time.monotonic())
            self._tend()
        return b""

    def check(self) -> None:
        """Look at an idle line. Raises OSError when it is gone."""
        _ = self._port.in_waiting

    def _wait_for_quiet(self, ask: Ask) -> None:
        """Drop what comes; somebody who never stops talking does not keep us from asking."""
        patience_s = time.monotonic() + ask.quiet_s + _QUIET_PATIENCE_S
        quiet_until_s = time.monotonic() + ask.quiet_s
        while not self._stop.is_set() and (now_s := time.monotonic()) < min(quiet_until_s, patience_s):
            if self._read(wait_s=quiet_until_s - now_s):
                quiet_until_s = time.monotonic() + ask.quiet_s

    def _send(self, ask: Ask) -> None:
        if not ask.keeps_unread:
            self._port.reset_input_buffer()
            self._unread = b""
        if ask.has_break:
            self._port.break_condition = True
            self._stop.wait(_BREAK_S)
            self._port.break_condition = False
            self._stop.wait(_MARK_S)
        self._port.write(ask.request)

    def _read(self, *, wait_s: float) -> int:
        """Take what is there, waiting a moment for the first byte; return how many bytes came."""
        ready, _, _ = select.select([self._port], [], [], min(_LOOK_S, max(0.0, wait_s)))
        if not ready:
            return 0
        # ready without a byte: the line is gone, and reading says so
        data: bytes = self._port.read(max(1, min(_READ_MOST_BYTES, self._port.in_waiting)))
        self._unread += data
        return len(data)
