"""From what a source received to readings or quarantine; never raises on bad bytes.

One frame (or one envelope of a network message) gives readings of one device, and quarantine rows for what in it
cannot be a reading. Nothing is dropped without being one or the other or counted by the caller.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace

from devices.fitting import fit_devices, fit_uplink
from devices.model import (
    SECOND_NS,
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
from devices.registry import load_uplinks
from devices.site import Device, Gateway, Site, Source
from gateway.cached_state import CachedStates
from gateway.clocks import DeviceClocks, DeviceTime, Stamp
from gateway.gather import Gatherer

RAW_MOST_BYTES = 4_096
MESSAGE_MOST_BYTES = 65_536
_DETAIL_MOST = 300
_OLD_NS = 300 * SECOND_NS
_OWN_TOPICS = ("readings/v1/", "receipts/v1/")

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
    """A message of a network; `uplink` names the envelope it comes in (see `Plugins.uplinks`).

    `allowed`: the devices that its sender may speak for; empty = all.
    """

    message: UplinkMessage
    uplink: str
    allowed: frozenset[str] = frozenset()


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
    """Counted and nothing else.

    `empty`: nothing that is a reading; `cut_front`: the torn frame after opening; `repeat`: the same telegram by
    another way; `own`: our own messages on seam 2, which a subscription to everything (`#`) brings back.
    """

    reason: str


Outcome = Told | QuarantineRow | Discarded


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """What reads bytes: `devices` by device id, `uplinks` by name, or by source where the site gives it options."""

    devices: Mapping[str, DeviceSpec]
    uplinks: Mapping[str, UplinkSpec]


def plugins_of(site: Site, gateway: Gateway) -> Plugins:
    """Return the plugins as the site and the sources of `gateway` want them. Raises PermanentError."""
    fitted = {uplink_key(n, source): fit_uplink(source) for n, source in enumerate(gateway.source) if source.uplink}
    return Plugins(devices=fit_devices(site), uplinks={**load_uplinks(), **fitted})


def uplink_key(number: int, source: Source) -> str:
    """Return under which name the uplink of a gateway's source stands in `Plugins.uplinks`."""
    return f"{source.uplink}#{number}" if source.options else source.uplink


class Decoder:
    """Knows the site and the plugins; remembers which device clocks were right and what has just been heard."""

    def __init__(self, site: Site, plugins: Plugins, clocks: DeviceClocks) -> None:
        self._by_id = site.devices_by_id()
        self._by_address = site.devices_by_address()
        self._plugins = plugins
        self._clocks = clocks
        self._repeats = Repeats()
        self._gatherer = Gatherer()
        self._gathered_by: dict[str, str] = {}
        self._cached = CachedStates({})

    def recall_states(self, remembered: Mapping[str, str]) -> None:
        """Take up what networks that repeat a device's state said last (`take_states` of the life before)."""
        self._cached = CachedStates(remembered)

    def take_states(self) -> dict[str, str]:
        """Return the repeated states to be remembered, changed since the last call, by device id."""
        return self._cached.take_changes()

    def decode(self, arrival: Arrival) -> list[Outcome]:
        """Return what the arrival says. Never raises on bad bytes."""
        if isinstance(arrival, SerialArrival):
            return self._decode_serial(arrival)
        return self._decode_message(arrival)

    def gathered(self, *, now_ns: int, is_end: bool = False) -> list[Outcome]:
        """Return the readings of the times of gathering that are over; with `is_end` what there is so far, too."""
        outcomes: list[Outcome] = []
        for found in self._gatherer.flush() if is_end else self._gatherer.due(now_ns):
            device = self._by_id[found.device_id]
            frame = Frame(
                gateway_id=self._gathered_by[device.id],
                transport="serial",
                address=device.id,
                payload=b"",
                received_ns=found.received_ns,
            )
            try:
                said = found.combined()
            except _PLUGIN_FAULTS as error:
                outcomes.append(_quarantine(frame, device.id, _reason(error), f"{device.model}: {error}"))
                continue
            outcomes += self._outcomes(device, Envelope(frame=frame), said)
        return outcomes

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
        outcomes = self._decode_frame(device, Envelope(frame=frame), is_gathered=True)
        if arrival.is_first and any(isinstance(outcome, QuarantineRow) for outcome in outcomes):
            return [Discarded(reason="cut_front")]
        return outcomes

    def _decode_message(self, arrival: MessageArrival) -> list[Outcome]:
        message = arrival.message
        if message.topic.startswith(_OWN_TOPICS):
            return [Discarded(reason="own")]  # what we could not read would go round for ever
        frame = Frame(
            gateway_id=message.gateway_id,
            transport="mqtt",
            address=message.topic,
            payload=message.payload,
            received_ns=message.received_ns,
        )
        is_oversize = len(message.payload) > MESSAGE_MOST_BYTES
        where = f"{arrival.uplink}, topic {message.topic!r}"
        uplink = self._plugins.uplinks[arrival.uplink]
        try:
            envelopes = uplink.unwrap(message)
        except _PLUGIN_FAULTS as error:
            return [_quarantine(frame, "", "oversize" if is_oversize else _reason(error), f"{where}: {error}")]
        if envelopes and is_oversize:
            # only here: what carries no device data (a bridge's list of all its devices) may be as long as it likes
            detail = f"{where}: {len(message.payload)} bytes, limit {MESSAGE_MOST_BYTES}"
            return [_quarantine(frame, "", "oversize", detail)]
        outcomes: list[Outcome] = []
        for envelope in envelopes:
            if self._repeats.is_repeat(envelope.frame, within_s=uplink.repeats_within_s):
                outcomes.append(Discarded(reason="repeat"))
            else:
                outcomes += self._decode_envelope(_dated(envelope, message), arrival.allowed)
        return outcomes or [Discarded(reason="empty")]

    def _decode_envelope(self, envelope: Envelope, allowed: frozenset[str]) -> list[Outcome]:
        frame = envelope.frame
        device = self._by_address.get(frame.address.lower())
        if device is None:
            return [_quarantine(frame, "", "unknown_device", f"address {frame.address!r} is not in the site")]
        if allowed and device.id not in allowed:
            return [_quarantine(frame, device.id, "not_allowed", "its sender may not speak for this device")]
        if envelope.is_status:
            return self._outcomes(device, envelope, Decoded(values={}))
        return self._decode_frame(device, envelope)

    def _decode_frame(self, device: Device, envelope: Envelope, *, is_gathered: bool = False) -> list[Outcome]:
        frame = envelope.frame
        try:
            spec = self._plugins.devices[device.id]
            said = spec.decode(frame)
        except _PLUGIN_FAULTS as error:
            return [_quarantine(frame, device.id, _reason(error), f"{device.model}: {error}")]
        if spec.gathering is not None and is_gathered:
            self._gathered_by[device.id] = frame.gateway_id
            self._gatherer.add(device.id, spec.gathering, said, frame.received_ns)
            return []
        if envelope.is_cached:
            seen_ns = envelope.observed_ns if said.observed_ns is None else said.observed_ns
            news = self._cached.news(device.id, said.values, observed_ns=seen_ns)
            said = replace(said, values=news)
        return self._outcomes(device, envelope, said)

    def _outcomes(self, device: Device, envelope: Envelope, said: Decoded) -> list[Outcome]:
        values = {**envelope.values, **said.values}
        if said.has_restarted or envelope.has_restarted:
            values["restarted"] = 1.0
        outcomes: list[Outcome] = []
        if values:
            outcomes += self._instant(device, envelope, replace(said, values=values))
        for earlier in said.earlier:
            # what the network says of this message (its counter, its radio) says nothing of what was stored before
            stored = replace(envelope, seq=None, observed_ns=None, values={})
            outcomes += self._instant(device, stored, earlier)
        return outcomes or [Discarded(reason="empty")]

    def _instant(self, device: Device, envelope: Envelope, said: Decoded) -> list[Outcome]:
        frame = envelope.frame
        stamp = self._clocks.judge(device.id, _device_time(envelope, said))
        good, bad = _sorted_values(said.values)
        outcomes: list[Outcome] = [
            _quarantine(frame, device.id, reason, f"{device.model}: {quantity} = {value!r}")
            for quantity, value, reason in bad
        ]
        if good:
            outcomes.append(_told(device, _Said(envelope=envelope, decoded=said, stamp=stamp, values=good)))
        return outcomes


class Repeats:
    """What was heard a moment ago from each address: a telegram that a repeater sent again is one, not two.

    Bounded: only addresses heard within the last few seconds are kept.
    """

    _KEEP_NS = 10 * SECOND_NS
    _MOST = 4_096

    def __init__(self) -> None:
        self._heard: dict[tuple[str, bytes], int] = {}

    def is_repeat(self, frame: Frame, *, within_s: float) -> bool:
        """Return whether the same bytes came from this address within `within_s` (0 = never); remembers them."""
        if within_s <= 0:
            return False
        key = frame.address.lower(), frame.payload
        last_ns = self._heard.get(key)
        if last_ns is not None and 0 <= frame.received_ns - last_ns < within_s * SECOND_NS:
            return True
        if len(self._heard) >= self._MOST:
            self._heard = {k: ns for k, ns in self._heard.items() if frame.received_ns - ns < self._KEEP_NS}
        if len(self._heard) < self._MOST:
            self._heard[key] = frame.received_ns
        return False


def _dated(envelope: Envelope, message: UplinkMessage) -> Envelope:
    return replace(envelope, is_retained=envelope.is_retained or message.is_retained)


def _device_time(envelope: Envelope, said: Decoded) -> DeviceTime:
    """Return when it was so by the device: its own time, or the network's less the age that it declares."""
    received_ns = envelope.frame.received_ns
    observed_ns = envelope.observed_ns if said.observed_ns is None else said.observed_ns
    age_ns = round(said.age_s * SECOND_NS)
    if age_ns > 0 and said.observed_ns is None:
        observed_ns = (received_ns if observed_ns is None else observed_ns) - age_ns
    is_declared = envelope.is_retained or said.is_history or age_ns > _OLD_NS
    return DeviceTime(observed_ns=observed_ns, received_ns=received_ns, is_declared=is_declared)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    envelope: Envelope
    decoded: Decoded
    stamp: Stamp
    values: Mapping[str, float]


def _told(device: Device, said: _Said) -> Told:
    frame, stamp = said.envelope.frame, said.stamp
    seq = said.envelope.seq if said.decoded.seq is None else said.decoded.seq
    if said.decoded.is_history and said.decoded.observed_ns is not None:
        seq = None  # a stored record comes again under other counters; its own time tells it apart for ever
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
