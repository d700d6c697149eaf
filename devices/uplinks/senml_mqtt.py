"""SenML of other people's devices (RFC 8428), JSON or CBOR, on a site's own topics or by HTTP push.

Source: https://www.rfc-editor.org/rfc/rfc8428

    bn + n      name: the address up to the last "/" or ":", behind it the field; without either the last level of the
                topic (or path) is the address
    bt + t      time; below 2^28 s it counts from the receipt
    u, bu       unit; v, bv, vb, vs value; vd, s and bs are no values of ours
    bver        above 10: refused

A model gets all records of one device and one instant as {"<field>": {"v": …, "u": …}}. A record whose name, time or
value is wrong becomes a message of its own that the model refuses, so the good ones beside it stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from devices.json_object import read_object
from devices.model import SECOND_NS, Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import MOST_BYTES
from devices.senml_records import MOST_VERSION, Record, RecordError, check_keys, nanoseconds, read_record, split_pack

_RELATIVE_BELOW_NS = 2**28 * SECOND_NS
_LATEST_NS = 2**62
_ADDRESS_CHARS = 100
_SEQ_MOST = 2**53

Key = tuple[str, int | None, int | None, bool]
"""Address, time, counter, whether it is backlog."""


@dataclass(slots=True)
class _Base:
    """The base fields in force."""

    name: str = ""
    time_ns: int | None = None
    unit: str = ""
    value: float = 0.0


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return an envelope for each device and instant of the pack; none for an emptied retained message.

    Raises PermanentError for what is no pack, and for base fields that spoil what follows.
    """
    if not message.payload:
        return ()
    try:
        records = split_pack(message.payload)
        return tuple(_envelopes(records, message))
    except RecordError as error:
        raise PermanentError(error.detail) from None


def _envelopes(records: list[bytes], message: UplinkMessage) -> Iterator[Envelope]:
    base, said = _Base(), dict[Key, dict[str, Any]]()
    for raw in records:
        record = read_record(raw)
        check_keys(raw, record)
        _apply(base, record)
        name = base.name + ("" if record.n is UNSET else record.n)
        if not _has_value(record, base):
            continue
        try:
            address, field = _split(name, message.topic)
            key = address, _time_ns(base, record, message.received_ns), _seq(record), record.resent is True
            value = _value(record, base)
        except RecordError as error:
            payload = json.dumps({"bad": error.detail}).encode()
            yield _envelope(message, (_address_of(name), None, None, False), payload)
            continue
        said.setdefault(key, {}).setdefault(field, value)
    for key, fields in said.items():
        yield _envelope(message, key, json.dumps(fields).encode())


def _envelope(message: UplinkMessage, key: Key, payload: bytes) -> Envelope:
    address, observed_ns, seq, is_resent = key
    frame = Frame(
        gateway_id=message.gateway_id, transport="mqtt", address=address, payload=payload,
        received_ns=message.received_ns,
    )  # fmt: skip
    return Envelope(frame=frame, seq=seq, observed_ns=observed_ns, is_retained=message.is_retained or is_resent)


def _apply(base: _Base, record: Record) -> None:
    if record.bver is not UNSET and record.bver > MOST_VERSION:
        raise RecordError("undecodable", f"SenML version {record.bver} is newer than {MOST_VERSION}")
    if record.bn is not UNSET:
        base.name = record.bn
    if record.bt is not UNSET:
        base.time_ns = nanoseconds(bytes(record.bt))
    if record.bu is not UNSET:
        base.unit = record.bu
    if record.bv is not UNSET:
        base.value = record.bv


def _has_value(record: Record, base: _Base) -> bool:
    has = any(part is not UNSET for part in (record.v, record.vs, record.vb, record.vd))
    return has or (bool(base.value) and record.n is not UNSET)


def _split(name: str, topic: str) -> tuple[str, str]:
    address, field = _address_of(name), name
    if address:
        field = name[len(address) + 1 :]
    else:
        address = topic.strip("/").rpartition("/")[2]
    if not field or not 0 < len(address) <= _ADDRESS_CHARS:
        raise RecordError("undecodable", f"name {name[:60]!r} gives no address and field")
    return address, field


def _address_of(name: str) -> str:
    return name[: max(name.rfind("/"), name.rfind(":"), 0)]


def _time_ns(base: _Base, record: Record, received_ns: int) -> int | None:
    if record.t is UNSET and base.time_ns is None:
        return None
    time_ns = (base.time_ns or 0) + (0 if record.t is UNSET else nanoseconds(bytes(record.t)))
    instant_ns = time_ns if abs(time_ns) >= _RELATIVE_BELOW_NS else received_ns + time_ns
    if not 0 <= instant_ns <= _LATEST_NS:
        raise RecordError("undecodable", f"time {instant_ns // SECOND_NS} s since 1970 is no time of this world")
    return instant_ns


def _seq(record: Record) -> int | None:
    if record.seq is UNSET:
        return None
    if not 0 <= record.seq <= _SEQ_MOST:
        raise RecordError("undecodable", f"seq {record.seq} is no counter")
    return record.seq


def _value(record: Record, base: _Base) -> dict[str, Any]:
    given = [part for part in (record.v, record.vb, record.vs) if part is not UNSET]
    if record.vd is not UNSET or len(given) > 1 or (given and isinstance(given[0], str | bool) and base.value):
        raise RecordError("undecodable", "a record needs one value, as a number, a truth or a text")
    value: Any = given[0] if given else 0.0
    if base.value:
        # as decimals, because 0.1 + 0.2 on the wire means 0.3
        value = float(Decimal(repr(base.value)) + Decimal(repr(value)))
    unit = base.unit if record.u is UNSET else record.u
    return {"v": value, "u": unit} if unit else {"v": value}


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and pack of a device, for the simulator. Raises PermanentError for what has no value."""
    frame = envelope.frame
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    records: list[dict[str, Any]] = []
    for field, part in said.items():
        if not isinstance(part, dict) or "v" not in part:
            raise PermanentError(f"field {field[:40]!r} has no value")
        value = part["v"]
        key = "vb" if isinstance(value, bool) else "vs" if isinstance(value, str) else "v"
        records.append({"n": field, key: value} | ({"u": part["u"]} if "u" in part else {}))
    if records:
        records[0] = {"bn": f"{frame.address}/"} | records[0]
        if envelope.observed_ns is not None:
            records[0]["bt"] = envelope.observed_ns / SECOND_NS
    return f"senml/{frame.address}", json.dumps(records).encode()


UPLINK = UplinkSpec(
    name="senml_mqtt",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
    is_pushed=True,
)
