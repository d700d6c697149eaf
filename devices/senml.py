"""Seam 2: SenML packs (RFC 8428), JSON or CBOR, to readings and back.

Times are exact: numbers are read digit by digit and become integer nanoseconds. A bad record goes to quarantine, the
good ones beside it stay; nothing that a publisher sent makes `decode_pack` raise. Extension fields (unknown ones are
ignored, as the RFC asks): `seq` frame counter, `resent` backlog, `received` when the gateway got it, `clock`,
`gateway`, `bad` the device itself calls the value bad, `row` spool row number; on the first record `epoch` and `floor`
of the spool.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from devices.model import SECOND_NS, PermanentError, QuarantineRow, Reading
from devices.quantities import quantity
from devices.senml_records import MOST_BYTES, RecordError, split_pack
from devices.senml_resolve import QUARANTINE_NAME, RAW_BYTES, RELATIVE_BELOW_NS, Resolver, quarantined, spool_of

_ENCODER = msgspec.json.Encoder()
_RECORDS = msgspec.json.Decoder(list[Raw])
_RESENT = b'"resent":true'


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One message of seam 2.

    `rows` are the spool rows it carries, good and bad ones alike (none for direct devices); `floor` is the lowest row
    that the publisher can still send (0 = not stated).
    """

    readings: tuple[Reading, ...] = ()
    quarantine: tuple[QuarantineRow, ...] = ()
    rows: tuple[int, ...] = ()
    epoch: str = ""
    floor: int = 0


def decode_pack(payload: bytes, *, publisher: str, arrived_ns: int) -> Pack:
    """Return what a seam 2 message says. Never raises on what is in `payload`.

    A message that cannot be read at all gives one quarantine row and no spool rows, so that a gateway sends it again.
    Times below 2^28 s, and absent ones, count from `arrived_ns`.
    """
    try:
        records = split_pack(payload)
    except RecordError as error:
        return Pack(quarantine=(quarantined(error, payload, publisher=publisher, received_ns=arrived_ns),))
    epoch, floor = spool_of(records[0])
    # our own encoder never repeats a key, so only what others wrote is looked at twice
    reader = Resolver(publisher=publisher, arrived_ns=arrived_ns, is_ours=bool(epoch))
    for raw in records:
        reader.take(raw)
    return Pack(
        readings=tuple(reader.readings),
        quarantine=tuple(reader.quarantine),
        rows=tuple(reader.rows) if epoch else (),
        epoch=epoch,
        floor=floor,
    )


def encode_readings(readings: Sequence[Reading]) -> bytes:
    """Return a SenML JSON array that `decode_pack` turns into the same readings, to the nanosecond.

    Used by direct devices, and as the stored form of one spool row. `received_ns` 0 is left out: the hub stamps it.
    Raises PermanentError naming the reading for an unknown quantity, an infinite value, and for times before July
    1978, which SenML would read as relative to now.
    """
    return _ENCODER.encode([_as_record(reading) for reading in readings])


def _as_record(reading: Reading) -> dict[str, Any]:
    name = f"{reading.device_id}/{reading.quantity}"
    meant = quantity(reading.quantity)
    record: dict[str, Any] = {"n": name, "u": meant.senml_unit, "t": _seconds(reading.observed_ns, name=name)}
    value = reading.value
    if math.isnan(value):
        record["bad"] = True
    elif math.isinf(value):
        raise PermanentError(f"{name}: value {value} is no number that JSON can hold")
    elif meant.labels:
        record["vs"] = meant.labels[int(value)]
        del record["u"]
    else:
        record["v"] = value
    if reading.received_ns:
        record["received"] = _seconds(reading.received_ns, name=name)
    if reading.clock == "gateway":
        record["clock"] = "gateway"
    if reading.seq is not None:
        record["seq"] = reading.seq
    if reading.gateway_id:
        record["gateway"] = reading.gateway_id
    if reading.resent:
        record["resent"] = True
    return record


def encode_quarantine(row: QuarantineRow) -> bytes:
    """Return the stored form of a spool row that carries quarantined bytes to the hub. Raises as `encode_readings`."""
    name = f"{row.device_id or row.publisher}/{QUARANTINE_NAME}"
    record = {
        "n": name,
        "vd": base64.urlsafe_b64encode(row.raw[:RAW_BYTES]).decode("ascii").rstrip("="),
        "reason": _utf8(row.reason),
        "detail": _utf8(row.detail),
        "t": _seconds(row.received_ns, name=name),
    }
    return _ENCODER.encode([record])


def _utf8(text: str) -> str:
    """Return the text without lone surrogates, which bad input may have smuggled in and JSON cannot carry."""
    return text.encode("utf-8", "replace").decode("utf-8")


def encode_rows(rows: Sequence[tuple[int, bytes]], *, epoch: str, floor: int, resent: bool) -> bytes:
    """Return one seam 2 message of spool rows `(number, stored form)`, with what the hub needs for its receipt.

    `resent` marks all of them as backlog. Without rows the message states the floor only. Raises PermanentError when
    the message would be longer than a hub takes (64 KiB), or a stored form is none of ours.
    """
    records = [_with_row(raw, number, resent=resent) for number, stored in rows for raw in _stored(number, stored)]
    front = f'{{"epoch":"{epoch}","floor":{floor}'.encode()
    records[:1] = [front + b"," + records[0][1:]] if records else [front + b"}"]
    message = b"[" + b",".join(records) + b"]"
    if len(message) > MOST_BYTES:
        raise PermanentError(f"message of {len(message)} bytes is longer than {MOST_BYTES}; send fewer rows at once")
    return message


def _stored(number: int, stored: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in _RECORDS.decode(stored)]
    except (msgspec.MsgspecError, ValueError) as error:
        raise PermanentError(f"spool row {number} is no SenML: {error}") from error


def _with_row(raw: bytes, number: int, *, resent: bool) -> bytes:
    # spliced, not decoded and encoded again: what was durable is what is sent
    mark = _RESENT + b"," if resent and _RESENT not in raw else b""
    return b'{"row":%d,' % number + mark + raw[1:]


def _seconds(instant_ns: int, *, name: str) -> Raw:
    if instant_ns < RELATIVE_BELOW_NS:
        raise PermanentError(f"{name}: time {instant_ns} ns is before July 1978, SenML has no form for it")
    return Raw(b"%d.%09d" % divmod(instant_ns, SECOND_NS))
