"""Seam 2: SenML packs (RFC 8428), JSON or CBOR, to readings and back.

Times are exact: numbers are read as decimals and become integer nanoseconds. A bad record goes to quarantine, the good
ones beside it stay; nothing that a publisher sent makes this raise. Extension fields (unknown ones are ignored, as
the RFC asks): `seq` frame counter, `resent` backlog, `received` when the gateway got it, `clock`, `gateway`, `bad` the
device itself calls the value bad, `row` spool row number; on the first record `epoch` and `floor` of the spool.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import cbor2
import msgspec

from devices.model import SECOND_NS, PermanentError, QuarantineRow, Reading
from devices.quantities import QUANTITIES
from devices.units import convert

MOST_BYTES = 65_536
MOST_RECORDS = 5_000
RAW_BYTES = 4_096
QUARANTINE_NAME = "quarantine"

_RELATIVE_BELOW_S = 2**28  # RFC 8428 section 4.5.3: smaller times are relative to now
_LATEST_S = 2**33
_CBOR_LABELS = {-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs", 0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb"}
_CBOR_LABELS |= {5: "s", 6: "t", 7: "ut", 8: "vd"}
_DECODER = msgspec.json.Decoder(list[dict[str, Any]], float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_ID_MOST = 100

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One message of seam 2. `rows` are the spool rows it carries (none for direct devices), `floor` the lowest row
    that the publisher can still send (0 = not stated)."""

    readings: tuple[Reading, ...] = ()
    quarantine: tuple[QuarantineRow, ...] = ()
    rows: tuple[int, ...] = ()
    epoch: str = ""
    floor: int = 0


class _BadRecordError(Exception):
    """A record that cannot become a reading: `reason` key and `detail` text of its quarantine row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(slots=True)
class _Base:
    """Base values in force; they hold until another record changes them (RFC 8428 section 4.1)."""

    bn: str = ""
    bt: Decimal = Decimal(0)
    bu: str = ""
    bv: Decimal | None = None


def decode_pack(payload: bytes, *, publisher: str, arrived_ns: int) -> Pack:
    """Return what a seam 2 message says. Never raises on what is in `payload`.

    A message that cannot be read at all gives one quarantine row and no spool rows, so that a gateway sends it again.
    """
    try:
        records = _records(payload)
    except _BadRecordError as error:
        return Pack(quarantine=(_quarantined(error, payload, publisher=publisher, arrived_ns=arrived_ns),))
    base = _Base()
    readings: list[Reading] = []
    quarantine: list[QuarantineRow] = []
    rows: dict[int, None] = {}
    for record in records:
        row = record.get("row")
        if isinstance(row, int) and not isinstance(row, bool) and row > 0:
            rows[row] = None
        try:
            _resolve(record, base)
            if _is_quarantine(record):
                quarantine.append(_carried(record, base, publisher=publisher, arrived_ns=arrived_ns))
            else:
                readings.append(_reading(record, base, arrived_ns=arrived_ns))
        except _BadRecordError as error:
            raw = json.dumps(record, default=str, ensure_ascii=False).encode(errors="replace")
            bad = _quarantined(error, raw, publisher=publisher, arrived_ns=arrived_ns)
            quarantine.append(replace(bad, device_id=_device_hint(record, base)))
    first = records[0] if records else {}
    epoch, floor = first.get("epoch"), first.get("floor")
    return Pack(
        readings=tuple(readings),
        quarantine=tuple(quarantine),
        rows=tuple(rows) if isinstance(epoch, str) else (),
        epoch=epoch[:64] if isinstance(epoch, str) else "",
        floor=floor if isinstance(floor, int) and not isinstance(floor, bool) and floor > 0 else 0,
    )


def _records(payload: bytes) -> list[dict[str, Any]]:
    if len(payload) > MOST_BYTES:
        raise _BadRecordError("oversize", f"message of {len(payload)} bytes is longer than {MOST_BYTES}")
    if not payload:
        raise _BadRecordError("undecodable", "message is empty")
    try:
        records = _cbor(payload) if payload[0] >= 0x80 else _DECODER.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError, InvalidOperation, cbor2.CBORDecodeError) as error:
        raise _BadRecordError("undecodable", f"message is no SenML: {str(error)[:120]}") from None
    if len(records) > MOST_RECORDS:
        raise _BadRecordError("oversize", f"message of {len(records)} records has more than {MOST_RECORDS}")
    return records


def _cbor(payload: bytes) -> list[dict[str, Any]]:
    pack = cbor2.loads(payload)
    if not isinstance(pack, list) or not all(isinstance(record, dict) for record in pack):
        raise ValueError("a CBOR pack is an array of maps")
    return [{_label(key): value for key, value in record.items()} for record in pack]


def _label(key: object) -> str:
    return _CBOR_LABELS.get(key, str(key)) if isinstance(key, int) else str(key)


def _resolve(record: Record, base: _Base) -> None:
    for key in record:
        if key.endswith("_"):  # RFC 8428 section 4.4: must be understood, and we understand none
            raise _BadRecordError("undecodable", f"field {key[:20]!r} must be understood and is not known")
    if "bn" in record:
        base.bn = _text(record["bn"], name="bn")
    if "bu" in record:
        base.bu = _text(record["bu"], name="bu")
    if "bt" in record:
        base.bt = _number(record["bt"], name="bt")
    if "bv" in record:
        base.bv = _number(record["bv"], name="bv")


def _is_quarantine(record: Record) -> bool:
    name = record.get("n", "")
    return "vd" in record and isinstance(name, str) and name.rpartition("/")[2] == QUARANTINE_NAME


def _reading(record: Record, base: _Base, *, arrived_ns: int) -> Reading:
    device_id, key = _name(record, base)
    quantity = QUANTITIES.get(key)
    if quantity is None:
        raise _BadRecordError("unknown_quantity", f"quantity {key[:40]!r} is not in the table")
    value = _value(record, base, labels=quantity.labels)
    unit = _text(record.get("u", base.bu), name="u") or quantity.senml_unit
    try:
        value = convert(value, unit=unit, wanted=quantity.senml_unit)
    except PermanentError as error:
        raise _BadRecordError("wrong_unit", f"{device_id}/{key}: {error}") from None
    if not math.isnan(value) and not quantity.lo <= value <= quantity.hi:
        limits = f"{quantity.lo:g}..{quantity.hi:g} {quantity.unit}"
        raise _BadRecordError("out_of_range", f"{device_id}/{key}: {value:g} is outside {limits}")
    has_time = "t" in record or base.bt != 0
    return Reading(
        device_id=device_id,
        quantity=key,
        value=value,
        observed_ns=_instant_ns(base.bt + _number(record.get("t", 0), name="t"), arrived_ns=arrived_ns),
        received_ns=min(arrived_ns, _received_ns(record, arrived_ns=arrived_ns)),
        clock="gateway" if record.get("clock", "" if has_time else "gateway") == "gateway" else "device",
        seq=_counter(record.get("seq")),
        gateway_id=_text(record.get("gateway", ""), name="gateway")[:_ID_MOST],
        resent=record.get("resent") is True,
    )


def _name(record: Record, base: _Base) -> tuple[str, str]:
    name = base.bn + _text(record.get("n", ""), name="n")
    device_id, _, key = name.rpartition("/")
    if not device_id or not key or len(device_id) > _ID_MOST:
        raise _BadRecordError("undecodable", f"name {name[:60]!r} is not <device_id>/<quantity>")
    return device_id, key


def _device_hint(record: Record, base: _Base) -> str:
    try:
        return _name(record, base)[0]
    except _BadRecordError:
        return ""


def _value(record: Record, base: _Base, *, labels: tuple[str, ...]) -> float:
    if record.get("bad") is True:
        return math.nan
    given = [key for key in ("v", "vb", "vs", "vd") if key in record]
    if len(given) != 1 and not (not given and base.bv is not None):
        raise _BadRecordError("undecodable", f"a record needs one value, this one has {len(given)}")
    if not given or given == ["v"]:
        number = float((base.bv or Decimal(0)) + _number(record.get("v", 0), name="v"))
        if not math.isfinite(number):
            raise _BadRecordError("out_of_range", "v is too large for a number")
        return number
    if given == ["vb"] and isinstance(record["vb"], bool):
        return float(record["vb"])
    if given == ["vs"] and record["vs"] in labels:
        return float(labels.index(record["vs"]))
    raise _BadRecordError("undecodable", f"{given[0]} {str(record[given[0]])[:40]!r} is no value of this quantity")


def _number(value: Any, *, name: str) -> Decimal:
    if isinstance(value, float) and math.isfinite(value):
        return Decimal(repr(value))
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        number = Decimal(value)
        if number.is_finite():
            return number
    raise _BadRecordError("undecodable", f"{name} {str(value)[:40]!r} is no number")


def _text(value: Any, *, name: str) -> str:
    if not isinstance(value, str):
        raise _BadRecordError("undecodable", f"{name} {str(value)[:40]!r} is no text")
    return value


def _counter(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise _BadRecordError("undecodable", f"seq {str(value)[:40]!r} is no counter")
    return value


def _instant_ns(time_s: Decimal, *, arrived_ns: int) -> int:
    if abs(time_s) >= _LATEST_S:
        raise _BadRecordError(
            "future" if time_s > 0 else "before_2015", f"time {time_s:.3e} s is no time of this world"
        )
    instant_ns = int((time_s * SECOND_NS).to_integral_value())
    return arrived_ns + instant_ns if abs(time_s) < _RELATIVE_BELOW_S else instant_ns


def _received_ns(record: Record, *, arrived_ns: int) -> int:
    received = record.get("received")
    if received is None:
        return arrived_ns
    return _instant_ns(_number(received, name="received"), arrived_ns=arrived_ns)


def _quarantined(error: _BadRecordError, raw: bytes, *, publisher: str, arrived_ns: int) -> QuarantineRow:
    return QuarantineRow(
        publisher=publisher, device_id="", reason=error.reason, detail=error.detail, raw=raw[:RAW_BYTES],
        received_ns=arrived_ns,
    )  # fmt: skip


def _carried(record: Record, base: _Base, *, publisher: str, arrived_ns: int) -> QuarantineRow:
    """Return the row that a gateway quarantined and sent along its spool."""
    device_id, _ = _name(record, base)
    try:
        data = _text(record["vd"], name="vd")
        raw = base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        raise _BadRecordError("undecodable", "vd is not base64url") from None
    return QuarantineRow(
        publisher=publisher,
        device_id=device_id,
        reason=_text(record.get("reason", "undecodable"), name="reason")[:40],
        detail=_text(record.get("detail", ""), name="detail")[:400],
        raw=raw[:RAW_BYTES],
        received_ns=_instant_ns(base.bt + _number(record.get("t", 0), name="t"), arrived_ns=arrived_ns),
    )


def encode_readings(readings: Sequence[Reading]) -> bytes:
    """Return a SenML JSON array that `decode_pack` turns into the same readings, to the nanosecond.

    Used by direct devices, and as the stored form of one spool row.
    """
    return _ENCODER.encode([_as_record(reading) for reading in readings])


def _as_record(reading: Reading) -> dict[str, Any]:
    record: dict[str, Any] = {
        "n": f"{reading.device_id}/{reading.quantity}",
        "u": QUANTITIES[reading.quantity].senml_unit,
        "t": _seconds(reading.observed_ns),
    }
    if math.isnan(reading.value):
        record["bad"] = True
    else:
        record["v"] = reading.value
    if reading.received_ns != reading.observed_ns:
        record["received"] = _seconds(reading.received_ns)
    if reading.clock == "gateway":
        record["clock"] = "gateway"
        record.setdefault("received", _seconds(reading.received_ns))
    if reading.seq is not None:
        record["seq"] = reading.seq
    if reading.gateway_id:
        record["gateway"] = reading.gateway_id
    if reading.resent:
        record["resent"] = True
    return record


def encode_quarantine(row: QuarantineRow) -> bytes:
    """Return the stored form of a spool row that carries quarantined bytes to the hub."""
    record = {
        "n": f"{row.device_id or row.publisher}/{QUARANTINE_NAME}",
        "vd": base64.urlsafe_b64encode(row.raw[:RAW_BYTES]).decode("ascii").rstrip("="),
        "reason": row.reason,
        "detail": row.detail,
        "t": _seconds(row.received_ns),
    }
    return _ENCODER.encode([record])


def encode_rows(rows: Sequence[tuple[int, bytes]], *, epoch: str, floor: int, resent: bool) -> bytes:
    """Return one seam 2 message of spool rows `(number, stored form)`, with what the hub needs for its receipt."""
    records: list[dict[str, Any]] = []
    for number, stored in rows:
        for record in _DECODER.decode(stored):
            record["row"] = number
            if resent:
                record["resent"] = True
            records.append(record)
    if records:
        records[0] |= {"epoch": epoch, "floor": floor}
    return _ENCODER.encode(records)


def _seconds(instant_ns: int) -> Decimal:
    return Decimal(instant_ns).scaleb(-9)
