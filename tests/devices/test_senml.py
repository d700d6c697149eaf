"""Seam 2 there and back, and what RFC 8428 and our extension fields mean."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError, QuarantineRow, Reading
from devices.quantities import QUANTITIES
from devices.senml import Pack, decode_pack, encode_quarantine, encode_readings, encode_rows

T0_S = 1_700_000_000
T0_NS = T0_S * 10**9
ARRIVED_NS = T0_NS + 3_600 * 10**9
RELATIVE_BELOW_NS = 2**28 * 10**9

READING = Reading(
    device_id="snow-01", quantity="distance", value=1.234, observed_ns=T0_NS + 123_456_789,
    received_ns=T0_NS + 987_654_321, clock="gateway", seq=7, gateway_id="gw-01",
)  # fmt: skip


def decode(records: Any, *, publisher: str = "dev-1") -> Pack:
    payload = records if isinstance(records, bytes) else json.dumps(records).encode()
    return decode_pack(payload, publisher=publisher, arrived_ns=ARRIVED_NS)


def only(records: Any) -> Reading:
    pack = decode(records)
    assert pack.quarantine == ()
    (reading,) = pack.readings
    return reading


times_ns = st.integers(RELATIVE_BELOW_NS, ARRIVED_NS)


@st.composite
def some_readings(draw: st.DrawFn) -> Reading:
    quantity = QUANTITIES[draw(st.sampled_from(sorted(QUANTITIES)))]
    if quantity.kind in ("state", "event"):
        value: float = draw(st.sampled_from([quantity.lo, quantity.hi]))
    else:
        value = draw(st.floats(quantity.lo, quantity.hi) | st.just(math.nan))
    return Reading(
        device_id=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}", fullmatch=True)),
        quantity=quantity.key,
        value=value,
        observed_ns=draw(st.integers(RELATIVE_BELOW_NS, 2**63 - 1)),
        received_ns=draw(times_ns),
        clock=draw(st.sampled_from(["device", "gateway"])),
        seq=draw(st.none() | st.integers(0, 2**63 - 1)),
        gateway_id=draw(st.sampled_from(["", "gw-01", 'gw"\\\u96ea'])),
        resent=draw(st.booleans()),
    )


def is_same(left: Reading, right: Reading) -> bool:
    """Equal, and NaN equals NaN."""
    if math.isnan(left.value) and math.isnan(right.value):
        return replace(left, value=0.0) == replace(right, value=0.0)
    return left == right


@given(readings=st.lists(some_readings(), min_size=1, max_size=20))
def test_readings_come_back_exactly(readings: list[Reading]) -> None:
    pack = decode(encode_readings(readings))
    assert pack.quarantine == ()
    assert len(pack.readings) == len(readings)
    assert all(map(is_same, pack.readings, readings))


@given(rows=st.lists(st.lists(some_readings(), min_size=1, max_size=4), min_size=1, max_size=8), resent=st.booleans())
def test_spool_rows_come_back_exactly_with_their_numbers(rows: list[list[Reading]], resent: bool) -> None:
    stored = [(number, encode_readings(readings)) for number, readings in enumerate(rows, start=41)]
    pack = decode(encode_rows(stored, epoch="0a1b", floor=3, resent=resent), publisher="gw-01")
    sent = [replace(reading, resent=reading.resent or resent) for readings in rows for reading in readings]
    assert (pack.epoch, pack.floor, pack.rows) == ("0a1b", 3, tuple(number for number, _ in stored))
    assert pack.quarantine == ()
    assert all(map(is_same, pack.readings, sent))


@given(row=st.binary(max_size=6_000), reason_=st.text(max_size=40), detail=st.text(max_size=400), at_ns=times_ns)
def test_quarantined_bytes_travel_to_the_hub(row: bytes, reason_: str, detail: str, at_ns: int) -> None:
    sent = QuarantineRow(
        publisher="gw-01", device_id="snow-01", reason=reason_, detail=detail, raw=row, received_ns=at_ns
    )  # fmt: skip
    message = encode_rows([(5, encode_quarantine(sent))], epoch="ff", floor=1, resent=False)
    pack = decode(message, publisher="gw-01")
    assert pack.readings == ()
    assert pack.rows == (5,)
    assert pack.quarantine == (replace(sent, raw=row[:4_096], reason=reason_ or "undecodable"),)


def test_a_quarantined_row_of_no_device_names_none() -> None:
    sent = QuarantineRow(publisher="gw-01", device_id="", reason="oversize", detail="", raw=b"x", received_ns=T0_NS)
    assert decode(encode_quarantine(sent), publisher="gw-01").quarantine == (sent,)


def test_a_message_may_state_the_floor_alone() -> None:
    pack = decode(encode_rows([], epoch="0a1b", floor=9, resent=False))
    assert pack == Pack(epoch="0a1b", floor=9)


def test_a_message_of_ours_reads_as_plain_senml() -> None:
    first, second = json.loads(
        encode_rows(
            [(1, encode_readings([READING, replace(READING, value=math.nan)]))], epoch="0a", floor=1, resent=True
        ),
        parse_float=Decimal,
    )
    assert first == {
        "epoch": "0a", "floor": 1, "row": 1, "resent": True, "n": "snow-01/distance", "u": "m",
        "t": Decimal("1700000000.123456789"), "v": Decimal("1.234"), "received": Decimal("1700000000.987654321"),
        "clock": "gateway", "seq": 7, "gateway": "gw-01",
    }  # fmt: skip
    assert second["bad"] is True
    assert "v" not in second


def test_backlog_that_was_marked_already_is_marked_once() -> None:
    stored = encode_readings([READING, replace(READING, resent=True)])
    message = encode_rows([(1, stored)], epoch="0a", floor=1, resent=True)
    assert message.count(b'"resent":true') == 2


def test_quarantined_bytes_are_cut_and_their_text_is_text() -> None:
    sent = QuarantineRow(
        publisher="gw-01", device_id="d", reason="x", detail="bad \ud800", raw=bytes(9_000), received_ns=T0_NS
    )  # fmt: skip
    stored = encode_quarantine(sent)
    assert len(stored) < 6_000
    assert decode(stored, publisher="gw-01").quarantine[0].detail == "bad ?"


def test_a_message_longer_than_a_hub_takes_is_not_made() -> None:
    stored = encode_readings([READING])
    with pytest.raises(PermanentError, match="65536"):
        encode_rows([(number, stored) for number in range(1, 1_000)], epoch="0a", floor=1, resent=True)


@pytest.mark.parametrize("stored", [b"", b"{}", b"\xff"])
def test_a_damaged_spool_row_is_named(stored: bytes) -> None:
    with pytest.raises(PermanentError, match="spool row 12"):
        encode_rows([(12, stored)], epoch="0a", floor=1, resent=False)


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        (replace(READING, quantity="charm"), "quantity 'charm'"),
        (replace(READING, value=math.inf), "value inf"),
        (replace(READING, observed_ns=RELATIVE_BELOW_NS - 1), "before July 1978"),
        (replace(READING, received_ns=5), "before July 1978"),
    ],
)
def test_what_senml_has_no_form_for_is_refused(reading: Reading, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        encode_readings([reading])


def test_an_unknown_receive_time_is_stamped_by_the_hub() -> None:
    direct = replace(READING, received_ns=0, clock="device", gateway_id="")
    assert only(encode_readings([direct])) == replace(direct, received_ns=ARRIVED_NS)


def test_a_minimal_record_is_of_now() -> None:
    assert only([{"n": "dev-1/air_temperature", "v": -12.5}]) == Reading(
        device_id="dev-1", quantity="air_temperature", value=-12.5, observed_ns=ARRIVED_NS, received_ns=ARRIVED_NS,
    )  # fmt: skip


def test_base_fields_hold_until_changed() -> None:
    pack = decode(
        [
            {"bn": "urn:dev:ow:10e2073a0108006:/", "bt": T0_S, "bu": "K", "n": "air_temperature", "v": 273.15},
            {"n": "air_temperature", "t": 60, "v": 274.15},
            {"n": "device_temperature", "t": -1.5, "u": "Cel", "v": 20},
            {"bn": "b/", "bt": T0_S + 100, "bu": "cm"},
            {"n": "distance", "v": 250},
        ]
    )
    assert pack.quarantine == ()
    assert [(r.device_id, r.quantity, r.value, r.observed_ns - T0_NS) for r in pack.readings] == [
        ("urn:dev:ow:10e2073a0108006:", "air_temperature", 0.0, 0),
        ("urn:dev:ow:10e2073a0108006:", "air_temperature", 1.0, 60 * 10**9),
        ("urn:dev:ow:10e2073a0108006:", "device_temperature", 20.0, -1_500_000_000),
        ("b", "distance", 2.5, 100 * 10**9),
    ]


@pytest.mark.parametrize(
    ("record", "expected"),
    [({"bv": 0.1, "v": 0.2}, 0.3), ({"bv": 2, "v": -0.5}, 1.5), ({"bv": 1.5}, 1.5), ({"bv": 0, "v": 2}, 2.0)],
)
def test_base_value_is_added_as_decimals(record: dict[str, float], expected: float) -> None:
    assert only([{"n": "d/distance", **record}]).value == expected


def test_the_name_is_cut_at_its_last_slash() -> None:
    assert only([{"n": "site-1/line/distance", "v": 1}]).device_id == "site-1/line"


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        ("1700000000", T0_NS),
        ("1700000000.000000001", T0_NS + 1),
        ("1.7000000000000000005e9", T0_NS),
        ("1.700000000123456789E9", T0_NS + 123_456_789),
        ("1700000000.9999999999", T0_NS + 10**9),
        ("-60", ARRIVED_NS - 60 * 10**9),
        ("0", ARRIVED_NS),
        ("-0.000000001", ARRIVED_NS - 1),
        ("268435455.999999999", ARRIVED_NS + 2**28 * 10**9 - 1),
        ("268435456", 2**28 * 10**9),
    ],
)
def test_times_are_exact(text: str, expected_ns: int) -> None:
    assert only(b'[{"n":"d/distance","v":1,"t":%s}]' % text.encode()).observed_ns == expected_ns


@pytest.mark.parametrize(
    ("fields", "clock"),
    [
        ({}, "gateway"),
        ({"t": -5}, "device"),
        ({"bt": T0_S}, "device"),
        ({"t": T0_S, "clock": "gateway"}, "gateway"),
        ({"clock": "device"}, "device"),
    ],
)
def test_whose_clock_it_was(fields: dict[str, Any], clock: str) -> None:
    assert only([{"n": "d/distance", "v": 1, **fields}]).clock == clock


@pytest.mark.parametrize(
    ("received", "expected_ns"),
    [(T0_S, T0_NS), (T0_S + 7_200, ARRIVED_NS), (-5, ARRIVED_NS - 5 * 10**9)],
    ids=["earlier", "a fast gateway clock counts as arrival", "relative"],
)
def test_received_is_never_later_than_arrival(received: float, expected_ns: int) -> None:
    assert only([{"n": "d/distance", "v": 1, "t": T0_S, "received": received}]).received_ns == expected_ns


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("d/occupancy", {"vb": True}, 1.0),
        ("d/contact_open", {"vb": False}, 0.0),
        ("d/contact_open", {"v": 1, "u": "/"}, 1.0),
        ("d/relative_humidity", {"v": 0.5, "u": "/"}, 50.0),
        ("d/rssi", {"v": -137, "u": "dBW"}, -107.0),
        ("d/battery_voltage", {"v": 2993, "u": "mV"}, 2.993),
        ("d/air_temperature", {"v": -0.1, "u": ""}, -0.1),
        ("d/air_temperature", {"v": -0.1, "bad": False}, -0.1),
    ],
)
def test_values_in_other_forms(name: str, fields: dict[str, Any], expected: float) -> None:
    assert only([{"n": name, **fields}]).value == expected


def test_unknown_fields_and_sums_are_ignored() -> None:
    assert only([{"n": "d/distance", "v": 1, "s": 5, "bs": 1, "ut": 60, "bver": 10, "x": [1, {}]}]).value == 1.0


def test_cbor_says_the_same_as_json() -> None:
    pack = [
        {
            -1: 10, -2: "dev-1/", -3: Decimal("1700000000.123456789"), -4: "cm", 0: "distance", 2: 250,
            "seq": 4, "resent": True, "received": Decimal("1700000001"), "gateway": "gw",
        },
        {0: "contact_open", 4: True, 6: 1},
        {0: "air_temperature", 1: "K", 2: Decimal("273.15"), 6: 1.5},
        {0: "quarantine", 8: b"\x00\xff", "reason": "oversize", "detail": "too long"},
    ]  # fmt: skip
    found = decode(cbor2.dumps(pack))
    assert [(r.quantity, r.value, r.observed_ns - T0_NS, r.seq, r.resent) for r in found.readings] == [
        ("distance", 2.5, 123_456_789, 4, True),
        ("contact_open", 1.0, 1_123_456_789, None, False),
        ("air_temperature", 0.0, 1_623_456_789, None, False),
    ]
    assert found.readings[0].received_ns == T0_NS + 10**9
    assert [(row.reason, row.detail, row.raw) for row in found.quarantine] == [("oversize", "too long", b"\x00\xff")]


def test_a_time_as_a_cbor_float_is_good_to_the_microsecond() -> None:
    found = only(cbor2.dumps([{0: "d/distance", 2: 1.5, 6: 1_700_000_000.123456}]))
    assert found.observed_ns == T0_NS + 123_456_000
