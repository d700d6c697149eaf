"""The text of a SenML pack, JSON or CBOR, cut into records; knows nothing of quantities.

JSON is read with msgspec, record by record, so that a bad one keeps its own bytes and does not spoil the others. CBOR
(RFC 8428 section 6) is first written as the same JSON, number by number and exact, so that there is one way to read.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from io import BytesIO
from types import MappingProxyType
from typing import Any, Literal

import cbor2
import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from devices.model import SECOND_NS

MOST_BYTES = 65_536
MOST_RECORDS = 5_000
MOST_VERSION = 10

_CBOR_LABELS: Mapping[int, str] = MappingProxyType(
    dict(enumerate(("n", "u", "v", "vs", "vb", "s", "t", "ut", "vd")))
    | {-1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs"}
)
_TIMES = frozenset({"bt", "t", "received"})
_CBOR_DEPTH = 8
# dates, references, rationals, regular expressions, mails, UUIDs, sets, addresses …: no SenML field has these, and what
# is not decoded cannot harm; big integers, decimal fractions and big floats (tags 2 to 5) stay
_CBOR_FOREIGN_TAGS = (0, 1, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799)
_PLAIN_SECONDS = re.compile(rb"(-?)(\d{1,11})(?:\.(\d{1,9}))?")
_MOST_EXPONENT = 11
_NANO_DIGITS = 9
_PLAIN_BYTES = 1_024

Text = str | UnsetType
Number = float | UnsetType
Whole = int | UnsetType
Flag = bool | UnsetType
Seconds = Raw | UnsetType
"""The bytes of a JSON number, read by `nanoseconds`: a float has no room for nanoseconds."""


class RecordError(Exception):
    """Something that cannot become a reading: `reason` key and `detail` text of its quarantine row."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Head(Struct, frozen=True, gc=False):
    """What of a record matters even when the rest of it is bad: base fields, row, epoch, floor."""

    bn: Text = UNSET
    bt: Seconds = UNSET
    bu: Text = UNSET
    bv: Number = UNSET
    bver: Whole = UNSET
    n: Text = UNSET
    row: Whole = UNSET
    epoch: Text = UNSET
    floor: Whole = UNSET


class Record(Head, frozen=True, gc=False):
    """A SenML record with our extension fields; see `devices.senml`."""

    u: Text = UNSET
    v: Number = UNSET
    vs: Text = UNSET
    vb: Flag = UNSET
    vd: Text = UNSET
    t: Seconds = UNSET
    seq: Whole = UNSET
    resent: Flag = UNSET
    received: Seconds = UNSET
    clock: Literal["device", "gateway"] | UnsetType = UNSET
    gateway: Text = UNSET
    bad: Flag = UNSET
    reason: Text = UNSET
    detail: Text = UNSET


_PACK = msgspec.json.Decoder(list[Raw])
_RECORD = msgspec.json.Decoder(Record)
_HEAD = msgspec.json.Decoder(Head)
_ENCODER = msgspec.json.Encoder()
_FAULTS = (msgspec.MsgspecError, ValueError, RecursionError)


def split_pack(payload: bytes) -> list[bytes]:
    """Return the records of a message, each as the bytes of one JSON object (or of whatever stands in its place).

    Raises RecordError `undecodable` for what is no array, `oversize` above 64 KiB or 5,000 records.
    """
    if len(payload) > MOST_BYTES:
        raise RecordError("oversize", f"message of {len(payload)} bytes is longer than {MOST_BYTES}")
    if not payload:
        raise RecordError("undecodable", "message is empty")
    try:
        records = _split_cbor(payload) if 0x80 <= payload[0] <= 0x9F else [bytes(raw) for raw in _PACK.decode(payload)]
    except (*_FAULTS, cbor2.CBORError) as error:
        raise RecordError("undecodable", f"message is no SenML: {str(error)[:120]}") from None
    if not records:
        raise RecordError("undecodable", "message carries no records")
    if len(records) > MOST_RECORDS:
        raise RecordError("oversize", f"message of {len(records)} records has more than {MOST_RECORDS}")
    return records


def read_record(raw: bytes) -> Record:
    """Return the record. Raises RecordError when a field that we know has another type, or bytes are no JSON."""
    try:
        return _RECORD.decode(raw)
    except _FAULTS as error:
        raise RecordError("undecodable", f"record cannot be read: {str(error)[:120]}") from None


def read_head(raw: bytes) -> Head:
    """Return the head of a record whose rest may be bad. Raises RecordError when the head is bad as well."""
    try:
        return _HEAD.decode(raw)
    except _FAULTS as error:
        raise RecordError("undecodable", f"base fields cannot be read: {str(error)[:120]}") from None


def check_keys(raw: bytes, record: Record) -> None:
    """Raise RecordError when a key stands twice in `raw`, or a field must be understood and is not in `record`.

    RFC 8428 section 4.4: a label that ends with `_` must be understood, and we understand none.
    """
    # without escapes no text holds a quote; as many quotes as in what was understood: no key is left over
    is_plain = len(raw) <= _PLAIN_BYTES and b"\\" not in raw
    if is_plain and raw.count(b'"') == _ENCODER.encode(record).count(b'"'):
        return
    try:
        json.loads(raw, object_pairs_hook=_check_pairs)
    except (ValueError, RecursionError) as error:
        raise RecordError("undecodable", f"record cannot be read: {str(error)[:120]}") from None


def _check_pairs(pairs: list[tuple[str, Any]]) -> None:
    keys = {key for key, _ in pairs}
    if len(keys) != len(pairs):
        raise ValueError("a key stands twice")
    for key in keys:
        if key.endswith("_"):
            raise ValueError(f"field {key[:20]!r} must be understood and is not known")


def nanoseconds(number: bytes) -> int:
    """Return seconds, written as a JSON number, in integer nanoseconds; digits below are rounded half to even.

    Raises RecordError for what is no number or beyond 10^11 s.
    """
    whole, _, rest = number.partition(b".")
    # what our own gateways write, by far the most frequent form
    if len(rest) == _NANO_DIGITS and len(whole) <= _MOST_EXPONENT and whole.isdigit() and rest.isdigit():
        return int(whole + rest)
    plain = _PLAIN_SECONDS.fullmatch(number)
    if plain is not None:
        instant_ns = int(plain[2]) * SECOND_NS + int((plain[3] or b"0").ljust(_NANO_DIGITS, b"0"))
        return -instant_ns if plain[1] else instant_ns
    text = number.strip().decode("ascii", "replace")
    try:
        seconds = Decimal(text) if text[:1] in "-0123456789" else None
    except InvalidOperation:
        seconds = None
    if seconds is None:
        raise RecordError("undecodable", f"time {text[:40]} is no number")
    if seconds.adjusted() >= _MOST_EXPONENT and seconds != 0:
        sign = "future" if seconds > 0 else "before_2015"
        raise RecordError(sign, f"time {text[:40]} s is no time of this world")
    return int((seconds * SECOND_NS).to_integral_value())


def _split_cbor(payload: bytes) -> list[bytes]:
    stream = BytesIO(payload)
    decoder = cbor2.CBORDecoder(
        stream,
        read_size=1,
        max_depth=_CBOR_DEPTH,
        allow_duplicate_keys=False,
        semantic_decoders=dict.fromkeys(_CBOR_FOREIGN_TAGS, _refuse_tag),
    )
    pack = decoder.decode()
    if stream.tell() != len(payload):
        raise ValueError(f"{len(payload) - stream.tell()} bytes follow the pack")
    if not isinstance(pack, list):
        raise ValueError("a CBOR pack is an array")
    return [_as_json(record) for record in pack]


def _refuse_tag(_decoder: cbor2.CBORDecoder, *_more: object) -> object:
    raise ValueError("a tag that no SenML field has")


def _as_json(record: object) -> bytes:
    if not isinstance(record, dict):
        return b"null"
    fields: dict[str, object] = {}
    for key, value in record.items():
        name = _CBOR_LABELS.get(key) if isinstance(key, int) and not isinstance(key, bool) else key
        if not isinstance(name, str):
            continue
        if name in fields:
            raise ValueError(f"field {name[:20]!r} stands twice, as a label and as a text")
        fields[name] = _scalar(value, is_time=name in _TIMES)
    try:
        return _ENCODER.encode(fields)
    except UnicodeEncodeError:
        return b"null"


def _scalar(value: object, *, is_time: bool) -> object:
    """Return the value as JSON writes it; null, which no field accepts, for what JSON has no form for."""
    match value:
        case bool() | str():
            return value
        case int() if abs(value) < 2**63:
            return value
        case float() if value - value == 0:
            # a double has no nanoseconds at today's times; microseconds are what the sender meant
            return Raw(b"%.6f" % value) if is_time and abs(value) < 10**_MOST_EXPONENT else value
        case Decimal() if value.is_finite():
            return Raw(str(value).encode())
        case bytes():
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")
    return None
