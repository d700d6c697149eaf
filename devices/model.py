"""Core types of Satomori: what a device sends and what becomes of it.

All `_ns` fields are integer nanoseconds since 1970-01-01T00:00Z. The types are frozen, slotted and keyword-only;
each one that reaches a log hands over its own fields by `log_fields()` (ids and numbers only, never payloads).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from devices.polling import Polling

LogFields = dict[str, str | int | float | bool | None]
Clock = Literal["device", "gateway"]
Kind = Literal["gauge", "state", "event", "counter", "position"]
Transport = Literal["serial", "mqtt", "http", "lorawan", "enocean"]

SECOND_NS = 1_000_000_000


class SatomoriError(Exception):
    """Base of all errors that Satomori raises on purpose."""


class TransientError(SatomoriError):
    """Worth trying again later without a change: network away, disk busy, provider answering 5xx."""


class PermanentError(SatomoriError):
    """Trying the same again cannot help: bytes that do not decode, a setting that is wrong, a 4xx answer."""


class Severity(IntEnum):
    """How urgent an event is. The order is the meaning: a higher number is more urgent."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2
    LIFE = 3

    @property
    def key(self) -> str:
        """Name used in TOML, JSON and columns: `info`, `warning`, `critical`, `life`."""
        return self.name.lower()

    @classmethod
    def from_key(cls, key: str) -> Severity:
        """Return the severity called `key`.

        Raises PermanentError naming the allowed words when `key` is none of them.
        """
        try:
            return cls[key.upper()]
        except KeyError:
            allowed = ", ".join(s.key for s in cls)
            raise PermanentError(f"severity {key!r} is unknown; use one of {allowed}") from None


class EventState(Enum):
    """An event row says that something began, ended, or (after late data) had never been so."""

    RAISED = "raised"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """An observed property: its unit (UCUM), kind, physical limits and resolution, all in that unit.

    `senml_unit` is the unit symbol on seam 2 (RFC 8428, RFC 8798). `labels` names the values 0, 1, 2 … of an
    enumeration; empty for plain numbers. `title_ja` and `title_en` are what people read. `is_hearsay`: said by a
    gateway or a network about the device, not by the device: it is no sign of the device's life.
    """

    key: str
    unit: str
    senml_unit: str
    kind: Kind
    lo: float
    hi: float
    resolution: float
    title_ja: str
    title_en: str
    labels: tuple[str, ...] = ()
    is_hearsay: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Undecoded bytes as they came in, with where and when. Can be stored and replayed.

    `address` is the device's address on its transport (port name, DevEUI in lower-case hex, Zigbee friendly name).
    `port` is the LoRaWAN FPort, None elsewhere. `topic` is the part of an MQTT topic below the device, or the path of
    a push, where a network says with it what the payload is; empty elsewhere.
    """

    gateway_id: str
    transport: Transport
    address: str
    payload: bytes
    received_ns: int
    port: int | None = None
    topic: str = ""

    def log_fields(self) -> LogFields:
        """Return the fields that may be logged; the payload is not one of them."""
        return {
            "gateway_id": self.gateway_id,
            "transport": self.transport,
            "address": self.address,
            "port": self.port,
            "payload_bytes": len(self.payload),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """What one payload says. Knows nothing of sites.

    `values` maps quantity key to a value in the quantity's own unit; NaN = the device itself says the value is bad;
    a quantity that the payload does not carry is absent. `seq` is the device's frame counter, None when it has none.
    `observed_ns` is the device's own clock, None when it has none. `age_s`: the values are that old when the frame is
    sent (a device without a clock that says how long ago). `is_history` marks records the device stored earlier and
    declares historical. `earlier` are further instants that the same payload carries, each with its own
    `observed_ns` or `age_s`; `values` may be empty then. `has_restarted`: the device says that it has just started, so
    its counters begin again. `is_partial`: something behind what was read is not known, because its length is not.
    """

    values: Mapping[str, float]
    seq: int | None = None
    observed_ns: int | None = None
    age_s: float = 0.0
    is_history: bool = False
    earlier: tuple[Decoded, ...] = ()
    has_restarted: bool = False
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a network envelope holds: the device's frame and what the network knows about it.

    `values` are link-level readings (rssi, snr, online) in quantity units. `is_retained` marks an MQTT retained
    message: history, never fresh. `is_status`: the network speaks about the device (availability); there is no
    payload to decode, only `values`. `has_restarted`: the network says that the device has just joined anew.
    `is_cached`: the payload is all that the network knows of the device, so it says again what was said before.
    `observed_ns` is when the network got it, by the network's clock.
    """

    frame: Frame
    seq: int | None = None
    observed_ns: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    is_retained: bool = False
    is_status: bool = False
    has_restarted: bool = False
    is_cached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one quantity of one device.

    `observed_ns`: when it was so (device clock when trusted, else the gateway's receive time; `clock` says which).
    `received_ns`: when the gateway (or, for direct devices, the hub) got it. `value` NaN: the device says it is bad.
    `resent`: backlog, retained or declared history; completes the record, is never news.
    """

    device_id: str
    quantity: str
    value: float
    observed_ns: int
    received_ns: int
    clock: Clock = "gateway"
    seq: int | None = None
    gateway_id: str = ""
    resent: bool = False

    def log_fields(self) -> LogFields:
        """Return the fields that may be logged (no value: a motion value is personal data)."""
        return {
            "device_id": self.device_id,
            "quantity": self.quantity,
            "observed_ns": self.observed_ns,
            "seq": self.seq,
            "resent": self.resent,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """Input that could not become a reading: kept, counted and shown, never dropped in silence.

    `reason` is a short key such as `undecodable`, `wrong_unit`, `out_of_range`, `future`, `unknown_device`,
    `oversize`; `detail` names the thing, the value and the limit. `raw` is at most 4 KiB of the bytes.
    """

    publisher: str
    device_id: str
    reason: str
    detail: str
    raw: bytes
    received_ns: int

    def log_fields(self) -> LogFields:
        """Return the fields that may be logged."""
        return {"publisher": self.publisher, "device_id": self.device_id, "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something began or ended for a subject, by a rule.

    `event_id` = hash of rule, subject and episode start, so that a replay writes the same row; raise and clear of one
    episode share it. `subject` is a device, home or gateway id. `value` and `limit` are in the quantity's unit; NaN
    where the rule compares no number.
    """

    event_id: str
    rule_id: str
    subject: str
    device_id: str
    quantity: str
    state: EventState
    severity: Severity
    observed_ns: int
    detected_ns: int
    value: float
    limit: float

    def log_fields(self) -> LogFields:
        """Return the fields that may be logged."""
        return {
            "event_id": self.event_id,
            "rule_id": self.rule_id,
            "subject": self.subject,
            "state": self.state.value,
            "observed_ns": self.observed_ns,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialLine:
    """How an instrument talks on a serial line and how its bytes are cut into frames.

    `split(buffer)` returns the complete frames at the front of `buffer` and the unfinished rest. It never raises;
    what is not a frame stays inside a returned frame and fails in `decode`. `max_frame_bytes` bounds the rest: a
    longer run without a frame end is cut there and quarantined. `split` is not used for polled instruments.
    """

    baud: int
    split: Callable[[bytes], tuple[list[bytes], bytes]]
    bytesize: int = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: int = 1
    max_frame_bytes: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathering:
    """A free-running instrument sends many frames; together they make one reading.

    What was decoded within `interval_s` (by receipt) is given to `combine` when it is at least one frame; it returns
    the one `Decoded` of that time, NaN where the frames together say that there is no trustworthy value.
    """

    interval_s: float
    combine: Callable[[tuple[Decoded, ...]], Decoded]


Options = Mapping[str, Any]
"""A table of `site.toml` that only the plugin understands; it is checked by the plugin's `configure`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSpec:
    """One model of the catalogue.

    `decode` raises PermanentError on bytes that are not the device's. `encode` is its inverse for the simulator: from
    a `Decoded` to the `Frame` payload and port. `quantities` are the keys `decode` may give (without a channel: see
    `devices.quantities`). `expected_interval_s` feeds the silence rule. `distance_compensated` says whether a distance
    already carries the air-temperature correction. `default_port` is the LoRaWAN FPort the model usually sends on,
    None where the port says nothing or there is none. `resolutions`: steps on the wire where they are coarser than the
    quantity's own (in its unit).

    `gathering` makes one reading of many frames. `polling` is the dialogue of an instrument that speaks only when it
    is asked. `configure(options)` returns this spec as the site's `device.options` want it, and raises PermanentError
    naming every option that is wrong; it is called with an empty table too. None = the model has no options.
    `example_options` are some that work, for a model that needs them: `satomori devices show` prints them.
    """

    model: str
    vendor: str
    source_url: str
    quantities: tuple[str, ...]
    expected_interval_s: int
    transport: Transport
    decode: Callable[[Frame], Decoded]
    encode: Callable[[Decoded], Frame]
    serial: SerialLine | None = None
    distance_compensated: bool = True
    default_port: int | None = None
    resolutions: Mapping[str, float] = field(default_factory=dict)
    gathering: Gathering | None = None
    polling: Polling | None = None
    configure: Callable[[Options], DeviceSpec] | None = None
    example_options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkSpec:
    """One network envelope.

    `topics` are MQTT subscriptions (empty: not by MQTT); `serial` is the line of a radio stick whose frames are the
    messages (UplinkMessage.topic is empty then); `is_pushed`: may come by HTTP push. `carries` is the transport of
    the frames inside. `unwrap(message)` gives the envelopes inside, none for messages that carry no device data, and
    raises PermanentError for bytes it cannot read. `wrap(envelope)` is the inverse for the simulator: it returns topic
    and payload. `repeats_within_s`: the same bytes from the same device within that time are one telegram that came
    twice (repeaters); 0 = equal bytes are two. `configure(options)` returns this spec as `source.options` want it;
    `example_options` as for a device.
    """

    name: str
    topics: tuple[str, ...]
    unwrap: Callable[[UplinkMessage], tuple[Envelope, ...]]
    wrap: Callable[[Envelope], tuple[str, bytes]]
    carries: Transport = "lorawan"
    serial: SerialLine | None = None
    is_pushed: bool = False
    repeats_within_s: float = 0.0
    configure: Callable[[Options], UplinkSpec] | None = None
    example_options: Options = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkMessage:
    """A message as the broker (or the pushing server, or the radio stick) delivered it to the gateway.

    Of a push, `topic` is the path below the source's own and `payload` the body; a GET's query is a JSON object there.
    """

    gateway_id: str
    topic: str
    payload: bytes
    received_ns: int
    is_retained: bool = False
