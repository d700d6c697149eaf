"""What happens to messages of seam 2 that are wrong: one quarantine row a bad record, the good ones stay."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.senml import Pack, decode_pack

T0_S = 1_700_000_000
T0_NS = T0_S * 10**9
ARRIVED_NS = T0_NS + 3_600 * 10**9


def decode(records: Any, *, publisher: str = "dev-1") -> Pack:
    payload = records if isinstance(records, bytes) else json.dumps(records).encode()
    return decode_pack(payload, publisher=publisher, arrived_ns=ARRIVED_NS)


def reason(records: Any) -> str:
    pack = decode(records)
    assert pack.readings == ()
    (row,) = pack.quarantine
    return row.reason


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([{"n": "d/distance", "v": 1, "u": "Cel"}], "wrong_unit"),
        ([{"n": "d/distance", "v": 1, "u": "furlong"}], "wrong_unit"),
        ([{"bu": "V", "n": "d/distance", "v": 1}], "wrong_unit"),
        ([{"n": "d/charm", "v": 1}], "unknown_quantity"),
        ([{"n": "d/quarantine", "v": 1}], "unknown_quantity"),
        ([{"n": "d/distance", "v": -0.001}], "out_of_range"),
        ([{"n": "d/distance", "v": 100_001, "u": "mm"}], "out_of_range"),
        ([{"n": "d/distance", "v": 1e308, "u": "km"}], "out_of_range"),
        ([{"n": "d/air_temperature", "v": 650.36}], "out_of_range"),
        ([{"n": "d/occupancy", "v": 0.5}], "out_of_range"),
        ([{"n": "d/distance", "vb": True}], "undecodable"),
        ([{"n": "d/distance", "vs": "1.5"}], "undecodable"),
        ([{"n": "d/distance", "v": "1.5"}], "undecodable"),
        ([{"n": "d/distance", "v": "１２"}], "undecodable"),
        ([{"n": "d/distance", "v": None}], "undecodable"),
        ([{"n": "d/distance", "v": True}], "undecodable"),
        ([{"n": "d/distance"}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "vb": True}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "t": "5"}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "t": None}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "seq": -1}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "seq": 1.5}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "seq": True}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "seq": 2**63}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "clock": "sun"}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "resent": "yes"}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "calibrate_": 3}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "bver": 11}], "undecodable"),
        ([{"n": "distance", "v": 1}], "undecodable"),
        ([{"n": "/distance", "v": 1}], "undecodable"),
        ([{"n": "d/", "v": 1}], "unknown_quantity"),
        ([{"n": "d\n/distance", "v": 1}], "undecodable"),
        ([{"n": "雪/distance", "v": 1}], "undecodable"),
        ([{"n": "d" * 101 + "/distance", "v": 1}], "undecodable"),
        ([{"v": 1}], "undecodable"),
        ([{"n": "d/distance", "v": 1, "t": 1e10}], "future"),
        ([{"n": "d/distance", "v": 1, "t": 1e300}], "future"),
        ([{"n": "d/distance", "v": 1, "t": -1e10}], "before_2015"),
        ([5], "undecodable"),
        (b'[{"n":"d/distance","v":1,"v":2}]', "undecodable"),
        (b'[{"n":"d/distance","v":1e400}]', "undecodable"),
        (b'[{"n":"d/distance","v":1,"t":1e99999999999999999999}]', "undecodable"),
        (b'[{"n":"d/distance\xff","v":1}]', "undecodable"),
        ([{"n": "d/quarantine", "vd": "a", "t": T0_S}], "undecodable"),
    ],
)
def test_a_bad_record_is_quarantined_with_its_reason(records: Any, expected: str) -> None:
    assert reason(records) == expected


def test_a_bad_record_names_its_device_and_keeps_its_bytes() -> None:
    payload = b'[{"bn":"snow-01/","n":"distance", "v":"high"}]'
    (row,) = decode(payload, publisher="gw-01").quarantine
    assert (row.publisher, row.device_id, row.received_ns) == ("gw-01", "snow-01", ARRIVED_NS)
    assert row.raw == payload[1:-1]
    assert "$.v" in row.detail


def test_good_records_beside_a_bad_one_stay_and_keep_the_base() -> None:
    pack = decode(
        [{"bn": "a/", "bt": T0_S, "n": "distance", "v": "x"}, {"n": "distance", "v": 2}, {"n": "distance", "v": -9}]
    )
    assert [(r.device_id, r.value, r.observed_ns) for r in pack.readings] == [("a", 2.0, T0_NS)]
    assert [row.reason for row in pack.quarantine] == ["undecodable", "out_of_range"]


@pytest.mark.parametrize("broken", [{"bt": "late"}, {"bn": 5}, {"bu": None}, {"bver": 11}])
def test_behind_broken_base_fields_nothing_is_believed(broken: dict[str, Any]) -> None:
    pack = decode([{"n": "a/distance", "v": 1}, broken, {"n": "a/distance", "v": 2, "t": T0_S}])
    assert [r.value for r in pack.readings] == [1.0]
    assert [row.reason for row in pack.quarantine] == ["undecodable"] * 2


def test_bad_rows_of_a_gateway_count_as_received() -> None:
    records = [
        {"epoch": "0a", "floor": 1, "row": 1, "n": "a/distance", "v": 1},
        {"row": 2, "n": "a/distance", "v": "x"},
        {"row": 3, "n": "a/charm", "v": 1},
        {"row": 4, "bt": "late"},
        {"row": 5, "bn": 5},
        {"row": 6, "n": "a/distance", "v": 1},
        {"row": 6, "n": "a/snow_depth", "v": 1},
    ]
    pack = decode(records)
    assert pack.rows == (1, 2, 3, 4, 5, 6)
    assert len(pack.readings) == 1
    assert len(pack.quarantine) == 6


@pytest.mark.parametrize("extra", [{}, {"epoch": ""}, {"epoch": 5}, {"epoch": "../x"}, {"epoch": "0" * 65}])
def test_without_an_epoch_there_are_no_rows(extra: dict[str, Any]) -> None:
    pack = decode([{"row": 1, "n": "a/distance", "v": 1, **extra}])
    assert (pack.rows, pack.epoch) == ((), "")


@pytest.mark.parametrize("number", [0, -1, 2**63, True, 1.5, "7"])
def test_rows_and_floors_are_counting_numbers(number: object) -> None:
    pack = decode([{"epoch": "0a", "floor": number, "n": "a/distance", "v": 1}, {"row": number, "n": "a/rssi", "v": 1}])
    assert pack.rows == ()
    assert pack.floor == 0


@pytest.mark.parametrize(
    "payload",
    [
        cbor2.dumps([{0: "d/distance", 2: 1}]) + b"\x00",
        cbor2.dumps([{0: "d/distance", 2: 1}])[:-1],
        b"\x81\xa3\x00\x6ad/distance\x02\x01\x02\x05",
        cbor2.dumps([{0: "d/distance", "n": "e/distance", 2: 1}]),
        cbor2.dumps([{0: "d/distance", 2: math.nan}]),
        cbor2.dumps([{0: "d/distance", 2: Decimal("NaN")}]),
        cbor2.dumps([{0: "d/distance", 2: 2**70}]),
        cbor2.dumps([{0: "d/distance", 2: [1]}]),
        cbor2.dumps([[0, "d/distance"]]),
        cbor2.dumps({0: "d/distance", 2: 1}),
        bytes.fromhex("81d81c81d81d00"),
        bytes.fromhex("9b00000000ffffffff"),
        cbor2.dumps([{0: "d/distance", 2: 1, "x": re.compile("(a+)+$")}]),
        b"\x81" * 10_000 + b"\x00",
    ],
)
def test_bad_cbor_is_quarantined(payload: bytes) -> None:
    assert reason(payload) == "undecodable"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "undecodable"),
        (b"hello", "undecodable"),
        (b"{}", "undecodable"),
        (b"[]", "undecodable"),
        (b"[", "undecodable"),
        (b'[{"n":"d/distance","v":1},]', "undecodable"),
        (b'[{"n":"d/distance","v":NaN}]', "undecodable"),
        (b'\xef\xbb\xbf[{"n":"d/distance","v":1}]', "undecodable"),
        ('[{"n":"d/distance","v":1}]'.encode("utf-16"), "undecodable"),
        ('[{"n":"d/distance","v":1}]'.encode("utf-16-le"), "undecodable"),
        ('[{"n":"雪/distance","v":1}]'.encode("shift_jis"), "undecodable"),
        (b"[" * 10_000 + b"]" * 10_000, "undecodable"),
        (b'[{"n":"d/distance","v":' + b"[" * 10_000 + b"]" * 10_000 + b"}]", "undecodable"),
        (b'[{"n":"d/distance","v":1,"seq":' + b"9" * 10_000 + b"}]", "undecodable"),
        (b'[{"n":"d/distance","v":1,"t":' + b"9" * 10_000 + b"}]", "undecodable"),
        (b"[" + b" " * 65_536 + b"]", "oversize"),
        (b"[" + b",".join([b"{}"] * 5_001) + b"]", "oversize"),
        (b"\xff\x00\xff", "undecodable"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_hostile_message_is_one_quarantine_row(payload: bytes, expected: str) -> None:
    pack = decode(payload)
    assert pack.readings == ()
    assert [row.reason for row in pack.quarantine] == [expected]
    assert len(pack.quarantine[0].raw) <= 4_096
    assert len(pack.quarantine[0].detail) < 300


KEYS = ["bn", "bt", "bu", "bv", "bver", "n", "u", "v", "vs", "vb", "vd", "t", "seq", "resent", "received", "clock"]
KEYS += ["gateway", "bad", "reason", "detail", "row", "epoch", "floor", "x", "x_"]
numbers = st.integers() | st.floats() | st.integers(-(2**70), 2**70) | st.decimals(allow_nan=True)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=8)
texts = st.sampled_from(["d/distance", "d/", "distance", "d/occupancy", "d/quarantine", "Cel", "m", "mm", "0a1b", ""])
inner_keys = st.text(max_size=3) | st.integers(-3, 3)
values = st.recursive(
    leaves | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(inner_keys, inner, max_size=2),
    max_leaves=4,
)
records = st.dictionaries(st.sampled_from(KEYS), values, max_size=8)


def check(payload: bytes) -> None:
    """Whatever came: no crash, every reading within its limits, nothing kept without bound."""
    pack = decode(payload)
    assert all(math.isnan(r.value) or math.isfinite(r.value) for r in pack.readings)
    assert all(0 <= r.observed_ns < 2**63 and r.received_ns <= ARRIVED_NS for r in pack.readings)
    assert all(len(row.raw) <= 4_096 and len(row.detail) <= 400 for row in pack.quarantine)
    assert all(0 < row < 2**63 for row in pack.rows)


@given(payload=st.binary(max_size=200))
def test_any_bytes_are_survived(payload: bytes) -> None:
    check(payload)


@given(payload=st.binary(max_size=200))
def test_any_bytes_in_an_array_are_survived(payload: bytes) -> None:
    check(b"[" + payload + b"]")
    check(b"\x81" + payload)


def as_json(value: object) -> str:
    return json.dumps(value, default=str, skipkeys=True)


@given(pack=st.lists(records, max_size=4))
def test_any_records_in_json_are_survived(pack: list[dict[str, object]]) -> None:
    check(as_json(pack).encode())


labels = st.integers(-8, 10) | st.sampled_from(KEYS) | st.booleans() | st.binary(max_size=2)


@given(pack=st.lists(st.dictionaries(labels, values, max_size=8), max_size=4))
def test_any_records_in_cbor_are_survived(pack: list[dict[object, object]]) -> None:
    check(cbor2.dumps(pack))


@given(cut=st.integers(0, 200), flips=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 7)), max_size=3))
def test_damaged_messages_are_survived(cut: int, flips: list[tuple[int, int]]) -> None:
    payload = bytearray(b'[{"bn":"snow-01/","bt":1700000000.123456789,"n":"distance","u":"m","v":1.234,"seq":4},')
    payload += b'{"n":"occupancy","vb":true,"t":-0.5,"received":1700000001,"clock":"gateway","row":3,"bad":false}]'
    for at, bit in flips:
        payload[at % len(payload)] ^= 1 << bit
    check(bytes(payload[: len(payload) - cut]) if cut < len(payload) else bytes(payload))
