"""From what a source received to readings or quarantine; never raises on bad bytes.

One frame (or one envelope of a network message) gives readings of one device, and quarantine rows for what in it
cannot be a reading. Nothing is dropped without being one or the other or counted by the caller.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from devices.model import (
    Decoded,
    DeviceSpec,
    Envelope,
    Frame,
    QuarantineRow,
    Reading,
    SatomoriError,
    UplinkMessage,
    UplinkSpec,
)
from devices.quantities import QUANTITIES
from devices.site import Device, Site
from gateway.clocks import DeviceClocks, DeviceTime, Stamp

RAW_MOST_BYTES = 4_096
MESSAGE_MOST_BYTES = 65_536
_DETAIL_MOST = 300

# Plugins raise PermanentError for bytes that are not theirs; the rest are plugin faults that bad bytes can provoke.
# They must not stop a source: the same message would come again and stop it again.
_PLUGIN_FAULTS = (
    SatomoriError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    struct.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialArrival:
    """A frame cut out of a serial line. `fault` is a quarantine reason when it was cut by force (`oversize` …).

    `is_first`: the first after opening or cutting, so its front may be missing.
    """

    frame: Frame
    device_id: str
    fault: str = ""
    is_first: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageArrival:
    """A message of a network broker; `uplink` names the envelope it comes in."""

    message: UplinkMessage
    uplink: str


Arrival = SerialArrival | MessageArrival


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one device said in one frame: at least one reading. `is_clock_refused`: its own time was not believed."""

    device_id: str
    received_ns: int
    readings: tuple[Reading, ...]
    is_clock_refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    """Counted and nothing else: `empty` (nothing that is a reading), `cut_front` (the torn frame after opening)."""

    reason: str


Outcome = Told | QuarantineRow | Discarded


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """The device models and network envelopes that exist, by name."""

    catalog: Mapping[str, DeviceSpec]
    uplinks: Mapping[str, UplinkSpec]


class Decoder:
    """Knows the site and the plugins; its only memory is which device clocks were right."""

    def __init__(self, site: Site, plugins: Plugins, clocks: DeviceClocks) -> None:
        self._by_id = site.devices_by_id()
        self._by_address = site.devices_by_address()
        self._plugins = plugins
        self._clocks = clocks

    def decode(self, arrival: Arrival) -> list[Outcome]:
        """Return what the arrival says. Never raises on bad bytes."""
        if isinstance(arrival, SerialArrival):
            return self._decode_serial(arrival)
        return self._decode_message(arrival)

    def take_believed(self) -> dict[str, int]:
        """Return the device clocks to be remembered, changed since the last call: last believed time by device id."""
        return self._clocks.take_changes()

    def _decode_serial(self, arrival: SerialArrival) -> list[Outcome]:
        frame = arrival.frame
        device = self._by_id.get(arrival.device_id)
        if device is None:
            return [_quarantine(frame, "", "unknown_device", f"device {arrival.device_id!r} is not in the site")]
        if arrival.fault:
            return [_quarantine(frame, device.id, arrival.fault, f"{len(frame.payload)} bytes cut out of the line")]
        outcomes = self._decode_frame(device, Envelope(frame=frame))
        if arrival.is_first and any(isinstance(outcome, QuarantineRow) for outcome in outcomes):
            return [Discarded(reason="cut_front")]
        return outcomes

    def _decode_message(self, arrival: MessageArrival) -> list[Outcome]:
        message = arrival.message
        frame = Frame(
            gateway_id=message.gateway_id,
            transport="mqtt",
            address=message.topic,
            payload=message.payload,
            received_ns=message.received_ns,
        )
        is_oversize = len(message.payload) > MESSAGE_MOST_BYTES
        where = f"{arrival.uplink}, topic {message.topic!r}"
        try:
            envelopes = self._plugins.uplinks[arrival.uplink].unwrap(message)
        except _PLUGIN_FAULTS as error:
            return [_quarantine(frame, "", "oversize" if is_oversize else _reason(error), f"{where}: {error}")]
        if envelopes and is_oversize:
            # only here: what carries no device data (a bridge's list of all its devices) may be as long as it likes
            detail = f"{where}: {len(message.payload)} bytes, limit {MESSAGE_MOST_BYTES}"
            return [_quarantine(frame, "", "oversize", detail)]
        outcomes: list[Outcome] = []
        for envelope in envelopes:
            outcomes += self._decode_envelope(envelope, is_retained=message.is_retained)
        return outcomes or [Discarded(reason="empty")]

    def _decode_envelope(self, envelope: Envelope, *, is_retained: bool) -> list[Outcome]:
        frame = envelope.frame
        device = self._by_address.get(frame.address.lower())
        if device is None:
            return [_quarantine(frame, "", "unknown_device", f"address {frame.address!r} is not in the site")]
        return self._decode_frame(device, envelope, is_retained=is_retained or envelope.is_retained)

    def _decode_frame(self, device: Device, envelope: Envelope, *, is_retained: bool = False) -> list[Outcome]:
        frame = envelope.frame
        try:
            said = self._plugins.catalog[device.model].decode(frame)
        except _PLUGIN_FAULTS as error:
            return [_quarantine(frame, device.id, _reason(error), f"{device.model}: {error}")]
        stamp = self._clocks.judge(
            device.id,
            DeviceTime(
                observed_ns=envelope.observed_ns if said.observed_ns is None else said.observed_ns,
                received_ns=frame.received_ns,
                is_declared=is_retained or said.is_history,
            ),
        )
        good, bad = _sorted_values({**envelope.values, **said.values})
        outcomes: list[Outcome] = [
            _quarantine(frame, device.id, reason, f"{device.model}: {quantity} = {value!r}")
            for quantity, value, reason in bad
        ]
        if good:
            outcomes.append(_told(device, _Said(envelope=envelope, decoded=said, stamp=stamp, values=good)))
        return outcomes or [Discarded(reason="empty")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    envelope: Envelope
    decoded: Decoded
    stamp: Stamp
    values: Mapping[str, float]


def _told(device: Device, said: _Said) -> Told:
    frame, stamp = said.envelope.frame, said.stamp
    seq = said.envelope.seq if said.decoded.seq is None else said.decoded.seq
    readings = tuple(
        Reading(
            device_id=device.id,
            quantity=quantity,
            value=value,
            observed_ns=stamp.observed_ns,
            received_ns=frame.received_ns,
            clock=stamp.clock,
            seq=seq,
            gateway_id=frame.gateway_id,
            resent=stamp.resent,
        )
        for quantity, value in said.values.items()
    )
    return Told(
        device_id=device.id, received_ns=frame.received_ns, readings=readings, is_clock_refused=stamp.is_refused
    )


def _sorted_values(values: Mapping[str, object]) -> tuple[dict[str, float], list[tuple[str, object, str]]]:
    """Part what can be a reading from what cannot (with the reason). NaN is a reading: the device says it is bad."""
    good: dict[str, float] = {}
    bad: list[tuple[str, object, str]] = []
    for quantity, value in values.items():
        if quantity not in QUANTITIES:
            bad.append((quantity, value, "unknown_quantity"))
        elif not isinstance(value, int | float):
            bad.append((quantity, value, "decoder_fault"))
        elif math.isinf(value):
            bad.append((quantity, value, "out_of_range"))
        else:
            good[quantity] = float(value)
    return good, bad


def _reason(error: Exception) -> str:
    return "undecodable" if isinstance(error, SatomoriError) else "decoder_fault"


def _quarantine(frame: Frame, device_id: str, reason: str, detail: str) -> QuarantineRow:
    return QuarantineRow(
        publisher=frame.gateway_id,
        device_id=device_id,
        reason=reason,
        detail=detail[:_DETAIL_MOST],
        raw=frame.payload[:RAW_MOST_BYTES],
        received_ns=frame.received_ns,
    )
