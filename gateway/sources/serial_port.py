"""A serial instrument that speaks by itself, or a radio stick: opened, read, cut into frames, taken into the spool.

It is opened again when it was unplugged, also under another name. Reading never waits for the disk. What is wrong
with the line is told as `line_fault` of the instrument (of the gateway for a stick), never as data.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

import serial

from devices.model import Frame, SerialLine, UplinkMessage
from gateway.decode import Arrival, MessageArrival, SerialArrival
from gateway.intake import Intake
from gateway.line_watch import WatchLimits
from gateway.sources.framing import Cut, Framer
from gateway.sources.kept_line import KeptLine, KeptOptions
from gateway.sources.ports import PortSettings
from gateway.sources.stamps import Stamps

_READ_MOST_BYTES = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialOptions:
    """One line of a gateway. `port` is a path or a glob; `queue_most` bounds the frames held while the disk refuses.

    Either `device_id` (the instrument on the line) or `uplink` (a radio stick: its frames are messages of that
    network). `fault_quantity` is the channel of `line_fault`: a gateway may have several sticks.
    """

    name: str
    gateway_id: str
    port: str
    line: SerialLine
    baud: int
    device_id: str = ""
    uplink: str = ""
    queue_most: int = 2_000
    limits: WatchLimits = field(default_factory=WatchLimits)
    fault_quantity: str = "line_fault"


class SerialSource:
    """`run` serves the line until it is told to stop. Times: `now_ns` is the town's, deadlines are monotonic."""

    def __init__(self, options: SerialOptions, intake: Intake, *, now_ns: Callable[[], int]) -> None:
        self._options = options
        self._subject = options.device_id or options.gateway_id
        self._intake = intake
        self._now_ns = now_ns
        self._stamps = Stamps()
        kept = KeptOptions(
            name=options.name,
            gateway_id=options.gateway_id,
            settings=PortSettings(port=options.port, line=options.line, baud=options.baud),
            subjects=(self._subject,),
            limits=options.limits,
            fault_quantity=options.fault_quantity,
            queue_most=options.queue_most,
        )
        self._line = KeptLine(kept, intake, now_ns=now_ns)

    def run(self, stop: Event) -> None:
        """Read until `stop` is set; a line that is gone is opened again with growing pauses."""
        self._line.run(self._listen, stop)

    def take(self, cuts: list[Cut]) -> None:
        """Stamp and queue frames; beyond the bound the oldest are dropped and counted."""
        for cut in cuts:
            self._line.add(self._arrival(cut))

    def flush(self, *, now_s: float) -> bool:
        """Put what is queued into the spool; True when nothing is left. While the disk refuses, try twice a second."""
        return self._line.flush(now_s=now_s)

    def _listen(self, port: serial.Serial, stop: Event) -> None:
        # bytes from before belong to frames whose front is gone: pyserial's open has flushed them
        framer = Framer(self._options.line, baud=self._options.baud)
        watch = self._line.watch
        while not stop.is_set():
            data = port.read(1)
            if data:
                data += port.read(min(_READ_MOST_BYTES, port.in_waiting))
            now_s = time.monotonic()
            if data:
                watch.heard(now_s=now_s)
            self.take(framer.feed(data, now_s=now_s))
            if cut_bytes := framer.take_cut_bytes():
                self._intake.count("serial_bytes_cut", cut_bytes)
                watch.bad(self._subject, now_s=now_s)
            self._line.tend(now_s=now_s)
            if not data and self._line.is_to_reopen(now_s=now_s):
                return

    def _arrival(self, cut: Cut) -> Arrival:
        options = self._options
        received_ns = self._stamps.stamp(self._now_ns())
        if options.uplink:
            return MessageArrival(message=self._message(cut, received_ns), uplink=options.uplink)
        frame = Frame(
            gateway_id=options.gateway_id,
            transport="serial",
            address=options.port,
            payload=cut.payload,
            received_ns=received_ns,
        )
        return SerialArrival(frame=frame, device_id=options.device_id, fault=cut.fault, is_first=cut.is_first)

    def _message(self, cut: Cut, received_ns: int) -> UplinkMessage:
        gateway_id = self._options.gateway_id
        return UplinkMessage(gateway_id=gateway_id, topic="", payload=cut.payload, received_ns=received_ns)
