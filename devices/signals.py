"""How a service is asked to stop: SIGTERM or SIGINT set an Event."""

from __future__ import annotations

import os
import signal
from threading import Event, Thread


def stop_on_signals() -> Event:
    """Return an Event that SIGTERM and SIGINT set. Call it once, in the main thread.

    A thread sets it, not the signal handler: a handler that comes while the main thread is inside `stop.wait` would
    wait for ever for the lock that the main thread holds.
    """
    stop = Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)

    def wait_for_a_byte() -> None:
        os.read(reader, 1)
        stop.set()

    Thread(target=wait_for_a_byte, name="signals", daemon=True).start()
    return stop
