"""Milesight's TLV payload on LoRaWAN, FPort 85: channel, type, data; little-endian; repeated until the payload ends.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of each model: its table of channels, with examples)

    channel type  data
    01      75    battery %, u8 (every model)
    xx      67    temperature, s16 / 10 degC (signed: below zero is real)
    xx      68    relative humidity, u8 / 2 %
    xx      82    distance, u16 mm
    xx      00    a state, u8
    8x 9x Bx ..   the same reading with a device-side alarm behind it
    20      CE    a record of the past: epoch s u32, then what the model stores
    FF      ..    device information: power on (0B), reset (FE), serial number (16), versions

Channel numbers mean different things per model, so each model has its own table (`Tlv`). Behind a channel that is not
in the table nothing can be read, because its length is not known: what stands before it is kept and marked partial.
A channel that the payload cuts off spoils the payload. Numbers outside a channel's `limits` are the sensor's word for
"no reading" (3276.7 degC and the like) and become NaN.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from devices.lorawan import application_payload, frame_of
from devices.model import SECOND_NS, Decoded, Frame, PermanentError
from devices.payloads.tlv import Channel, Field, Values, number, read_only, silent, state, tagged, written

__all__ = ["Channel", "Field", "Values", "number", "read_only", "silent", "state"]

PORT = 85
SOURCE_URL = "https://github.com/Milesight-IoT/SensorDecoders"
_INFO = 0xFF
_POWER_ON, _RESET = 0x0B, 0xFE
_INFO_BYTES: Mapping[int, int] = MappingProxyType(
    {0x01: 1, 0x03: 2, 0x09: 2, 0x0A: 2, _POWER_ON: 1, 0x0F: 1, 0x16: 8, _RESET: 1, 0xFF: 2}
)
_HISTORY_TYPE = 0xCE
_EPOCH_BYTES = 4
_CLOCK_IS_SET_S = 1_420_070_400
"""2015-01-01, before any of these devices was sold: an earlier record was stored before the clock was set."""


def channel(head: str, *fields: Field, skip: int = 0, pad: int = 0) -> Channel:
    """Return a channel of numbers; `skip` bytes before and `pad` bytes behind them say nothing of a quantity."""
    codes = "".join(field.code for field in fields)
    return tagged(head, struct.Struct("<" + "x" * skip + codes + "x" * pad), fields)


def alarm(head: str, *fields: Field, pad: int) -> Channel:
    """Return a channel that repeats a reading with the device's own alarm behind it; the simulator never sends it."""
    plain = channel(head, *fields, pad=pad)
    return read_only(head, plain.size, plain.read)


BATTERY = number("battery_level", "B", (0, 100))
TEMPERATURE = number("air_temperature", "h", (-32_767, 32_766), per_unit=10)
INSIDE = number("device_temperature", "h", (-32_767, 32_766), per_unit=10)
"""Of a sealed housing in the open: in the sun it is no air temperature."""
PROBE = number("probe_temperature", "h", (-32_767, 32_766), per_unit=10)
HUMIDITY = number("relative_humidity", "B", (0, 200), per_unit=2)
DISTANCE = number("distance", "H", (1, 65_534), per_unit=1000)
"""0 lies within the blind zone of every head (30 mm and more) and 65,535 is no reading."""
IS_TILTED = state("is_tilted")
RADIANS = 180 / math.pi
"""Degrees in a radian: `per_unit` of an angle in whole degrees."""


def upright(values: Values) -> None:
    """A tilted sensor measures along a slope: its distance is none."""
    if values.get("is_tilted") == 1 and "distance" in values:
        values["distance"] = math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Tlv:
    """The payload of one model: its channels, its records of the past, and what the readings mean together."""

    name: str
    channels: tuple[Channel, ...]
    histories: tuple[Channel, ...] = ()
    settle: Callable[[Values], None] | None = None

    def decode(self, frame: Frame) -> Decoded:
        """Return the readings of a payload; records of the past as `earlier`, or as the whole when one stands alone.

        Raises PermanentError for another port, an empty or cut payload, a state that does not exist, and an unknown
        channel with nothing readable before it.
        """
        payload = application_payload(frame)
        if frame.port != PORT:
            raise PermanentError(f"FPort {frame.port} is not {PORT}")
        said = _Said()
        at = 0
        while at < len(payload):
            head = payload[at : at + 2]
            found = self._channel(head)
            if found is None:
                said.stop_at(head, self.name)
                break
            data = payload[at + 2 : at + 2 + found.size]
            if len(data) < found.size:
                raise PermanentError(f"channel {head.hex()} is cut: {len(data)} of {found.size} bytes")
            said.add(found, data)
            at += 2 + found.size
        if self.settle is not None:
            self.settle(said.values)
        return said.decoded()

    def _channel(self, head: bytes) -> Channel | None:
        if len(head) < 2:
            raise PermanentError(f"payload ends after channel {head.hex()}, its type is missing")
        for known in (*self.channels, *self.histories):
            if known.head == head:
                return known
        size = _INFO_BYTES.get(head[1]) if head[0] == _INFO else None
        return None if size is None else silent(head.hex(), size)

    def encode(self, decoded: Decoded) -> Frame:
        """Return the payload of what is given: readings, `has_restarted`, and `earlier` as records of the past.

        Raises PermanentError for a number the wire has no room for and for readings that go only together.
        """
        payload = bytes((_INFO, _POWER_ON, 0xFF)) if decoded.has_restarted else b""
        payload += self._record(decoded) if decoded.is_history else self._readings(decoded)
        payload += b"".join(self._record(one) for one in decoded.earlier)
        return frame_of(payload, port=PORT)

    def _readings(self, decoded: Decoded) -> bytes:
        return written(self.channels, decoded)

    def _record(self, decoded: Decoded) -> bytes:
        for known in self.histories:
            data = known.write(decoded)
            if data is not None and decoded.observed_ns is not None:
                return known.head + struct.pack("<I", decoded.observed_ns // SECOND_NS) + data[_EPOCH_BYTES:]
        raise PermanentError(f"a history record of {self.name} needs a time and what the model stores")


def history(*fields: Field, skip: int = 0, pad: int = 0) -> Channel:
    """Return a record of the past: its time, then numbers as in `channel`."""
    return history_of(channel("20ce", *fields, skip=skip, pad=pad))


def history_of(body: Channel) -> Channel:
    """Return a record of the past whose data behind the time is that of `body`."""

    def write(decoded: Decoded) -> bytes | None:
        data = body.write(decoded)
        return None if data is None else bytes(_EPOCH_BYTES) + data

    return Channel(
        head=body.head, size=_EPOCH_BYTES + body.size, read=lambda data: body.read(data[_EPOCH_BYTES:]), write=write
    )


class _Said:
    """What one payload has said so far."""

    def __init__(self) -> None:
        self.values: Values = {}
        self.records: list[Decoded] = []
        self.has_restarted = False
        self.is_partial = False

    def add(self, found: Channel, data: bytes) -> None:
        if found.head[1] == _HISTORY_TYPE:
            self._add_record(found, data)
            return
        if found.head in (bytes((_INFO, _POWER_ON)), bytes((_INFO, _RESET))):
            self.has_restarted = True
        self.values |= found.read(data)

    def _add_record(self, found: Channel, data: bytes) -> None:
        (epoch_s,) = struct.unpack_from("<I", data)
        values = found.read(data)
        if epoch_s < _CLOCK_IS_SET_S:
            self.is_partial = True
            return
        self.records.append(Decoded(values=values, observed_ns=epoch_s * SECOND_NS, is_history=True))

    def stop_at(self, head: bytes, name: str) -> None:
        if not (self.values or self.records or self.has_restarted):
            raise PermanentError(f"channel {head.hex()} is not one of {name}")
        self.is_partial = True

    def decoded(self) -> Decoded:
        if len(self.records) == 1 and not (self.values or self.has_restarted or self.is_partial):
            return self.records[0]
        return Decoded(
            values=self.values,
            earlier=tuple(self.records),
            has_restarted=self.has_restarted,
            is_partial=self.is_partial,
        )
