"""SenML records to readings: base fields, names, units, times and limits (RFC 8428 section 4)."""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import UNSET

from devices.model import SECOND_NS, PermanentError, Quantity, QuarantineRow, Reading
from devices.quantities import QUANTITIES
from devices.senml_records import (
    MOST_VERSION,
    Head,
    Record,
    RecordError,
    Text,
    check_keys,
    nanoseconds,
    read_head,
    read_record,
)
from devices.units import convert

RAW_BYTES = 4_096
QUARANTINE_NAME = "quarantine"
RELATIVE_BELOW_NS = 2**28 * SECOND_NS  # RFC 8428 section 4.5.3: smaller times are relative to now

_LATEST_NS = 2**63 - 1
MOST_NUMBER = 2**63 - 1
EPOCH = re.compile(r"[0-9A-Za-z]{1,64}")
_DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
ID_CHARS = 100
_REASON_CHARS = 40
_DETAIL_CHARS = 400
_NAMES = 65_536


def spool_of(first: bytes) -> tuple[str, int]:
    """Return epoch and floor that the first record states, empty and 0 where it does not."""
    if b"epoch" not in first and b"\\" not in first:
        return "", 0
    try:
        head = read_head(first)
    except RecordError:
        return "", 0
    epoch = head.epoch if head.epoch is not UNSET and EPOCH.fullmatch(head.epoch) else ""
    return epoch, head.floor if head.floor is not UNSET and 0 < head.floor <= MOST_NUMBER else 0


class Resolver:
    """Resolves the records of one message in their order; base fields hold until another record changes them."""

    def __init__(self, *, publisher: str, arrived_ns: int, is_ours: bool) -> None:
        self.readings: list[Reading] = []
        self.quarantine: list[QuarantineRow] = []
        self.rows: dict[int, None] = {}
        self._publisher = publisher
        self._arrived_ns = arrived_ns
        self._is_ours = is_ours
        self._bn = ""
        self._bt_ns: int | None = None
        self._bu = ""
        self._bv = 0.0
        self._fault = ""
        self._name = ""

    def take(self, raw: bytes) -> None:
        """Add what the record says to `readings` or `quarantine`, and its number to `rows`."""
        self._name = ""
        try:
            record = self._read(raw)
            name = self._name
            if name.endswith("/" + QUARANTINE_NAME) and record.vd is not UNSET:
                self.quarantine.append(self._carried(record, name))
            elif record.n is not UNSET or _carries_value(record):
                self.readings.append(self._reading(record, name))
        except RecordError as error:
            row = quarantined(error, raw, publisher=self._publisher, received_ns=self._arrived_ns)
            self.quarantine.append(replace(row, device_id=self._name.rpartition("/")[0][:ID_CHARS]))

    def _read(self, raw: bytes) -> Record:
        """Return the record, its base fields and row already noted, also when the rest of it is bad."""
        try:
            record = read_record(raw)
        except RecordError:
            self._note(raw, None)
            raise
        self._note(raw, record)
        if not self._is_ours:
            check_keys(raw, record)
        return record

    def _note(self, raw: bytes, head: Head | None) -> None:
        """Apply the base fields. When they cannot be read, no later record can be trusted: its time may be another."""
        try:
            if self._fault:
                raise RecordError("undecodable", self._fault)
            head = read_head(raw) if head is None else head
            self._apply(head)
        except RecordError as error:
            self._fault = self._fault or f"base fields of an earlier record: {error.detail}"
            head = head or _row_only(raw)
            raise
        finally:
            if head is not None and head.row is not UNSET and 0 < head.row <= MOST_NUMBER:
                self.rows[head.row] = None

    def _apply(self, head: Head) -> None:
        if head.bver is not UNSET and head.bver > MOST_VERSION:
            raise RecordError("undecodable", f"SenML version {head.bver} is newer than {MOST_VERSION}")
        if head.bn is not UNSET:
            self._bn = head.bn
        if head.bt is not UNSET:
            self._bt_ns = nanoseconds(bytes(head.bt))
        if head.bu is not UNSET:
            self._bu = head.bu
        if head.bv is not UNSET:
            self._bv = head.bv
        self._name = self._bn + ("" if head.n is UNSET else head.n)

    def _reading(self, record: Record, name: str) -> Reading:
        device_id, meant = resolve_name(name)
        received_ns = self._arrived_ns
        if record.received is not UNSET:
            # never later than it came: a gateway with a fast clock must not look alive for longer than it is
            received_ns = min(received_ns, self._instant_ns(nanoseconds(bytes(record.received))))
        has_time = record.t is not UNSET or self._bt_ns is not None
        return Reading(
            device_id=device_id,
            quantity=meant.key,
            value=self._value(record, meant, name),
            observed_ns=self._observed_ns(record),
            received_ns=received_ns,
            clock=("device" if has_time else "gateway") if record.clock is UNSET else record.clock,
            seq=_counter(record),
            gateway_id="" if record.gateway is UNSET else record.gateway[:ID_CHARS],
            resent=record.resent is True,
        )

    def _value(self, record: Record, meant: Quantity, name: str) -> float:
        if record.bad is True:
            return math.nan
        value = self._given(record, meant, name)
        unit = self._bu if record.u is UNSET else record.u
        if unit and unit != meant.senml_unit and record.vs is UNSET and record.vb is UNSET:
            try:
                value = convert(value, unit=unit, wanted=meant.senml_unit)
            except PermanentError as error:
                raise RecordError("wrong_unit", f"{name}: {error}") from None
        if not meant.lo <= value <= meant.hi:
            limits = f"{meant.lo:g}..{meant.hi:g} {meant.unit}"
            raise RecordError("out_of_range", f"{name}: {value:g} is outside {limits}")
        if meant.kind in ("state", "event") and not value.is_integer():
            raise RecordError("out_of_range", f"{name}: {value:g} is no {meant.kind}, those are whole numbers")
        return value

    def _given(self, record: Record, meant: Quantity, name: str) -> float:
        """Return the one value of the record in the unit it was given in."""
        count = 4 - (record.v, record.vb, record.vs, record.vd).count(UNSET)
        if count == 1 and record.v is not UNSET and not self._bv:
            return record.v
        if count > 1 or (count == 0 and not self._bv):
            raise RecordError("undecodable", f"{name}: a record needs one value, this one has {count}")
        if record.vb is not UNSET and meant.kind == "state":
            return float(record.vb)
        if record.vs is not UNSET and record.vs in meant.labels:
            return float(meant.labels.index(record.vs))
        if record.v is UNSET and count:
            raise RecordError("undecodable", f"{name}: {meant.kind} {meant.key} has no such value")
        value = 0.0 if record.v is UNSET else record.v
        # as decimals, because 0.1 + 0.2 on the wire means 0.3
        return float(Decimal(repr(self._bv)) + Decimal(repr(value))) if self._bv else value

    def _observed_ns(self, record: Record) -> int:
        offset_ns = 0 if record.t is UNSET else nanoseconds(bytes(record.t))
        return self._instant_ns((self._bt_ns or 0) + offset_ns)

    def _instant_ns(self, time_ns: int) -> int:
        instant_ns = time_ns if abs(time_ns) >= RELATIVE_BELOW_NS else self._arrived_ns + time_ns
        if not 0 <= instant_ns <= _LATEST_NS:
            reason = "before_2015" if instant_ns < 0 else "future"
            raise RecordError(reason, f"time {instant_ns // SECOND_NS} s since 1970 is no time of this world")
        return instant_ns

    def _carried(self, record: Record, name: str) -> QuarantineRow:
        """Return the row that a gateway quarantined and sent along its spool."""
        device_id = name.rpartition("/")[0][:ID_CHARS]
        return QuarantineRow(
            publisher=self._publisher,
            device_id="" if device_id == self._publisher else device_id,
            reason=(record.reason or "undecodable")[:_REASON_CHARS],
            detail=(record.detail or "")[:_DETAIL_CHARS],
            raw=_bytes_of(record.vd)[:RAW_BYTES],
            received_ns=self._observed_ns(record),
        )


@lru_cache(maxsize=_NAMES)
def resolve_name(name: str) -> tuple[str, Quantity]:
    """Return device and quantity of a name. Raises RecordError for what is none."""
    device_id, _, key = name.rpartition("/")
    if not _DEVICE_ID.fullmatch(device_id):
        raise RecordError("undecodable", f"name {name[:60]!r} is not <device_id>/<quantity>")
    meant = QUANTITIES.get(key)
    if meant is None:
        raise RecordError("unknown_quantity", f"quantity {key[:40]!r} is not in the table")
    return device_id, meant


def _carries_value(record: Record) -> bool:
    """Tell a record with a value from one that only sets base fields (or only states the floor of a spool)."""
    return any(v is not UNSET for v in (record.v, record.vs, record.vb, record.vd, record.bad))


def _row_only(raw: bytes) -> Head | None:
    """Return a head with nothing but the row number, when that much can be read."""
    try:
        return Head(row=_ROW.decode(raw).row)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


class _Row(msgspec.Struct):
    row: int


_ROW = msgspec.json.Decoder(_Row)


def _counter(record: Record) -> int | None:
    if record.seq is UNSET:
        return None
    if not 0 <= record.seq <= MOST_NUMBER:
        raise RecordError("undecodable", f"seq is not between 0 and {MOST_NUMBER}")
    return record.seq


def _bytes_of(text: Text) -> bytes:
    try:
        plain = str(text).rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise RecordError("undecodable", "vd is not base64url") from None


def quarantined(error: RecordError, raw: bytes, *, publisher: str, received_ns: int) -> QuarantineRow:
    """Return the quarantine row of bytes that could not become readings."""
    return QuarantineRow(
        publisher=publisher, device_id="", reason=error.reason, detail=error.detail, raw=raw[:RAW_BYTES],
        received_ns=received_ns,
    )  # fmt: skip
