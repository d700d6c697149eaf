"""The fast way of reading messages gives what the careful one gives, whatever is in them."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.link_model import AckToken, Message
from devices.model import Reading
from devices.senml import encode_quarantine, encode_readings, encode_rows
from ingest.packs import GROUP_BYTES, GROUP_MESSAGES, CarefulReader, FastReader, Taken, pop_group
from ingest.rows import Rows
from tests.devices.test_senml import some_readings
from tests.ingest.journal_cases import SECOND_NS, T0_NS, reading

ARRIVED_NS = T0_NS + 3_600 * SECOND_NS
PLAIN = b'[{"n":"d/air_temperature","u":"Cel","t":1768867200.123456789,"v":2.5}]'


def message(payload: bytes, *, topic: str = "readings/v1/gw", is_retained: bool = False) -> Message:
    return Message(topic=topic, payload=payload, is_retained=is_retained, ack_token=AckToken(1, 1, 1))


def told(readings: Sequence[Reading]) -> list[tuple[Any, ...]]:
    """Return readings in a form in which NaN is like NaN, and -0.0 is not 0.0."""
    return [
        (r.device_id, r.quantity, repr(r.value), r.observed_ns, r.received_ns, r.clock, r.seq, r.gateway_id, r.resent)
        for r in readings
    ]


def same(messages: Sequence[Message], *, reader: FastReader | None = None) -> Taken:
    """Read in both ways, compare, return what the fast way gave."""
    fast = (reader or FastReader(devices=1)).read(messages, arrived_ns=ARRIVED_NS)
    careful = CarefulReader().read(messages, arrived_ns=ARRIVED_NS)
    assert told(fast.readings) == told(careful.readings)
    assert fast.quarantine == careful.quarantine
    assert sorted(fast.receipts, key=repr) == sorted(careful.receipts, key=repr)
    return fast


def among_others(*payloads: bytes) -> list[Message]:
    """Return messages of which so many are plain that the fast way is taken."""
    plain = [message(PLAIN)] * 10
    return [*plain, *(message(payload) for payload in payloads), *plain]


def records(**fields: Any) -> bytes:
    return json.dumps([{"n": "d/air_temperature", "v": 1.5, "t": 1_768_867_200.25} | fields]).encode()


NS = "1768867200."
ODD = {
    "no array": b'{"n":"d/air_temperature","v":1}',
    "empty": b"",
    "empty array": b"[]",
    "empty record": b"[{}]",
    "null": b"[null]",
    "nested": b'[{"n":"d/air_temperature","v":1,"x":{"t":5}}]',
    "nested time": b'[{"n":"d/air_temperature","v":1,"t":{"t":1768867200.5}}]',
    "deep": b"[{" + b'"x":[' * 500,
    "a brace in a name": b'[{"n":"d{/air_temperature","v":1}]',
    "two that make one": b'[{"n":"d/a}]',
    "the other half": b'[{x","v":1}]',
    "two arrays": b'[{"n":"d/air_temperature","v":1}],[{"n":"d/air_temperature","v":2}]',
    "half a pack": b'[{"n":"d/air_temperature","v":1},{"n":"d/air_temperature","v"}]',
    "escapes": b'[{"n":"d\\u002fair_temperature","v":1,"t":1768867200}]',
    "an escaped key": b'[{"n":"d/air_temperature","v":1,"\\u0074":1768867200}]',
    "no UTF-8": b'[{"n":"d\xff/air_temperature","v":1}]',
    "no UTF-8 in what is skipped": b'[{"n":"d/air_temperature","v":1,"t":"\xff"}]',
    "two values": b'[{"n":"d/air_temperature","v":1,"v":2}]',
    "two times": b'[{"n":"d/air_temperature","v":1,"t":1768867200.0,"t":1768867201.0}]',
    "two times here, none there": b'[{"n":"d/air_temperature","v":1,"t":1768867200.0,"t":1768867201.0},'
    b'{"n":"d/air_temperature","v":1}]',
    "a time before the record": b'[{"t":1768867200.0,"n":"d/air_temperature","v":1}]',
    "base fields": b'[{"bn":"d/","bt":1768867200,"n":"air_temperature","v":1},{"n":"wind_speed","v":2}]',
    "must be understood": b'[{"n":"d/air_temperature","v":1,"x_":1}]',
    "an unknown field": b'[{"n":"d/air_temperature","v":1,"s":4}]',
    "a field that ends like received": b'[{"n":"d/air_temperature","v":1,"returned":1768867200.5}]',
    "another that does": b'[{"n":"d/air_temperature","v":1,"speed":1768867200.5}]',
    "an unknown quantity": b'[{"n":"d/wisdom","v":1}]',
    "a name without a device": b'[{"n":"air_temperature","v":1}]',
    "another unit": records(u="F", v=50),
    "an unknown unit": records(u="furlong"),
    "an empty unit": records(u=""),
    "out of range": records(v=4_000),
    "too large a number": b'[{"n":"d/air_temperature","v":1e400}]',
    "a text for a value": records(v="1"),
    "a null value": records(v=None),
    "no value": b'[{"n":"d/air_temperature"}]',
    "bad": b'[{"n":"d/air_temperature","bad":true}]',
    "bad with a value": records(bad=True, v=4_000),
    "not bad": records(bad=False),
    "bad of nobody": b'[{"n":"d/wisdom","bad":true}]',
    "a label": b'[{"n":"d/trap_state","vs":"sprung"}]',
    "no label of it": b'[{"n":"d/trap_state","vs":"nonsense"}]',
    "an empty label": b'[{"n":"d/trap_state","vs":""}]',
    "label and value": b'[{"n":"d/trap_state","vs":"sprung","v":1}]',
    "a label of a number": records(vs="sprung"),
    "half a state": b'[{"n":"d/trap_state","v":0.5}]',
    "a truth": b'[{"n":"d/battery_low","vb":true}]',
    "a counter": records(seq=2**63 - 1),
    "a counter that is too large": records(seq=2**63),
    "a huge counter": records(seq=10**30),
    "a counter below zero": records(seq=-1),
    "a lower one": records(seq=-2),
    "a broken counter": records(seq=1.5),
    "resent": records(resent=True),
    "not resent": records(resent=False),
    "the gateway's clock": records(clock="gateway"),
    "the device's clock": b'[{"n":"d/air_temperature","v":1,"clock":"device"}]',
    "another clock": records(clock="sun"),
    "an empty clock": records(clock=""),
    "a gateway": records(gateway="gw-1"),
    "a long gateway": records(gateway="g" * 101),
    "an empty gateway": records(gateway=""),
    "received": records(received=1_768_867_300.5),
    "received later than now": records(received=4e9),
    "received as text": records(received="now"),
    "a spool": b'[{"row":4,"epoch":"ab","floor":2,"n":"d/air_temperature","v":1},{"row":4,"n":"d/wind_speed","v":1}]',
    "a spool with a fault": b'[{"row":4,"epoch":"ab","floor":2,"n":"d/air_temperature","v":1},{"row":5,"n":"d/x"}]',
    "a floor alone": b'[{"epoch":"ab","floor":2}]',
    "an odd epoch": b'[{"row":4,"epoch":"a b","n":"d/air_temperature","v":1}]',
    "a late epoch": b'[{"row":4,"n":"d/air_temperature","v":1},{"row":5,"epoch":"ab","n":"d/wind_speed","v":1}]',
    "floor zero": b'[{"row":4,"epoch":"ab","floor":0,"n":"d/air_temperature","v":1}]',
    "a floor below": b'[{"row":4,"epoch":"ab","floor":-7,"n":"d/air_temperature","v":1}]',
    "a huge floor": b'[{"row":4,"epoch":"ab","floor":99999999999999999999,"n":"d/air_temperature","v":1}]',
    "row zero": b'[{"row":0,"epoch":"ab","n":"d/air_temperature","v":1}]',
    "a row below": b'[{"row":-1,"epoch":"ab","n":"d/air_temperature","v":1}]',
    "a huge row": b'[{"row":99999999999999999999,"epoch":"ab","n":"d/air_temperature","v":1}]',
    "space around": b' [{"n":"d/air_temperature","v":1}] ',
    "space between": b'[{ "n" : "d/air_temperature" , "v" : 1 , "t" : 1768867200.5 }]',
    "the name of a unit nobody has": b'[{"n":"d/wind_speed","u":"","v":1}]',
    "oversize": b'[{"n":"d/air_temperature","v":1}' + b',{"n":"d/air_temperature","v":1}' * 3_000 + b"]",
    "CBOR": b"\x81\xa2\x00\x71d/air_temperature\x02\x01",
}


@pytest.mark.parametrize("payload", ODD.values(), ids=ODD.keys())
def test_what_is_odd_is_read_with_care_and_the_rest_beside_it(payload: bytes) -> None:
    same(among_others(payload))
    same(among_others(payload, PLAIN, payload))


def test_broken_messages_do_not_add_up_to_a_sound_one() -> None:
    taken = same(among_others(ODD["two that make one"], ODD["the other half"]))
    assert len(taken.quarantine) == 2


@pytest.mark.parametrize(
    "text",
    [
        "1768867200", "1768867200.1", "1768867200.12345678", "1768867200.123456789", "1768867200.1234567890",
        "1768867200.1234567895", "1768867200.1234567885", "1768867200.999999999", "1.768867200123456789e9",
        "1768867200.5e0", "17688672000.5e-1", "268435456.0", "268435455.999999999", "0268435456.0", "-1768867200.5",
        "-5", "0", "5.25", "0000000005.123456789", "9223372036.854775807", "9223372036.854775808",
        "9223372035.999999999",
        "9999999999.123456789", "1e11", "1e400", "176886720.123456789", "17688672001.123456789", "1768867200.",
        "1768867200.12345678 ", "1768867200.123456789 ", "+1768867200.123456789", "1768867200,123456789",
        '"1768867200.5"', "null", "true", "[1768867200.123456789]", "1768867200.12345678x",
        "1768867200.123456789123456789", "NaN",
    ],
)  # fmt: skip
@pytest.mark.parametrize("field", ["t", "received"])
def test_times_are_exact_to_the_nanosecond(field: str, text: str) -> None:
    same(among_others(f'[{{"n":"d/air_temperature","v":1,"{field}":{text}}}]'.encode()))
    same(among_others(f'[{{"n":"d/air_temperature","{field}":{text},"v":1}}]'.encode()))


def test_the_common_form_takes_the_fast_way() -> None:
    taken = same([message(PLAIN, topic="readings/v1/d")] * 40)
    assert isinstance(taken.readings, Rows)
    assert {r.observed_ns for r in taken.readings} == {1_768_867_200_123_456_789}


def test_order_of_arrival_is_kept_among_fast_and_careful_ones() -> None:
    payloads = [records(seq=number, **({"x": 1} if number % 7 == 3 else {})) for number in range(60)]
    taken = same([message(payload) for payload in payloads])
    assert [r.seq for r in taken.readings] == list(range(60))


def test_retained_messages_are_history() -> None:
    taken = same([message(PLAIN, is_retained=number % 2 == 0) for number in range(40)])
    assert [r.resent for r in taken.readings] == [True, False] * 20


@pytest.mark.parametrize("topic", ["readings/v1", "readings/v1/", "readings/v1/" + "x" * 101, "", "other/x"])
def test_a_bad_topic_spoils_its_own_message_only(topic: str) -> None:
    same([*among_others(), message(PLAIN, topic=topic)])


def test_names_that_are_met_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.packs._MOST_NAMES", 30)
    reader = FastReader(devices=0)
    for number in range(10):
        strangers = [b'[{"n":"d%d/air_temperature","v":1}]' % (number * 20 + place) for place in range(20)]
        same([message(payload) for payload in strangers], reader=reader)
        assert len(reader._book) <= 50


def test_a_group_is_bounded_in_number_and_bytes() -> None:
    waiting = deque([message(b"x")] * (GROUP_MESSAGES + 5))
    assert len(pop_group(waiting)) == GROUP_MESSAGES
    assert len(pop_group(waiting, most=1)) == 1
    waiting = deque([message(b"x" * 60_000)] * 20)
    assert len(pop_group(waiting)) == -(-GROUP_BYTES // 60_000)
    assert len(waiting) == 20 - -(-GROUP_BYTES // 60_000)


def spelled(value: Any) -> st.SearchStrategy[bytes]:
    return st.sampled_from([json.dumps(value).encode(), json.dumps(value, separators=(",", ":")).encode()])


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=5),
    st.sampled_from([1_768_867_200.5, 1_768_867_200, 0, 1, "Cel", "device", "gateway", "ab", "sprung"]),
    st.sampled_from(["d/air_temperature", "d/", "air_temperature"]),
)  # fmt: skip
names = st.sampled_from([
    "n", "n", "v", "v", "t", "t", "u", "vs", "vb", "vd", "bn", "bt", "bu", "bv", "seq", "resent", "received", "clock",
    "gateway", "bad", "row", "epoch", "floor", "reason", "x", "x_", "speed",
])  # fmt: skip
sound = st.fixed_dictionaries(
    {
        "n": st.sampled_from(["d/air_temperature", "d/wind_speed", "e:1/trap_state", "f/count", "g/air_temperature.2"]),
        "v": st.sampled_from([0, 1, 1.5, -3.25, 2]),
    },
    optional={
        "t": st.sampled_from([1_768_867_200, 1_768_867_200.5, 1_768_867_201.123457]),
        "u": st.sampled_from(["Cel", "m/s", "/", "count"]),
        "seq": st.integers(0, 9), "resent": st.just(True), "gateway": st.just("gw"), "row": st.integers(1, 9),
        "epoch": st.just("ab"), "floor": st.integers(1, 3), "clock": st.sampled_from(["device", "gateway"]),
        "received": st.just(1_768_867_200.75),
    },
)  # fmt: skip
wild = st.dictionaries(names, scalars, max_size=6)
mixed = st.builds(lambda one, other: one | other, sound, st.dictionaries(names, scalars, max_size=1))
packs = st.lists(st.one_of(sound, sound, mixed, wild), min_size=1, max_size=4).flatmap(spelled)
ours = st.lists(some_readings(), min_size=1, max_size=3).map(lambda readings: encode_readings(readings))
spools = st.builds(
    lambda stored, floor, resent: encode_rows(list(enumerate(stored, floor)), epoch="ab", floor=floor, resent=resent),
    st.lists(ours, min_size=1, max_size=3), st.integers(1, 9), st.booleans(),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    payload = bytearray(draw(st.one_of(packs, ours)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(payload) - 1))
        payload[place : place + draw(st.integers(0, 3))] = draw(
            st.sampled_from([b"", b'"', b"{", b"}", b",", b":", b"0"])
        )
        if not payload:
            break
    return bytes(payload)


@settings(deadline=None, max_examples=400)
@given(
    payloads=st.lists(st.one_of(packs, ours, ours, spools, damaged(), st.binary(max_size=30)), max_size=8),
    retained=st.sets(st.integers(0, 8)),
)
def test_any_mixture_is_read_alike(payloads: list[bytes], retained: set[int]) -> None:
    filled = [message(payload, is_retained=number in retained) for number, payload in enumerate(payloads)]
    same([*filled, *among_others()])
    same(filled)


def test_what_a_gateway_put_into_quarantine_is_carried_along() -> None:
    from devices.model import QuarantineRow

    row = QuarantineRow(
        publisher="gw", device_id="d", reason="undecodable", detail="x", raw=b"\x00\xff", received_ns=T0_NS
    )
    stored = [(7, encode_readings([reading()])), (8, encode_quarantine(row)), (9, encode_readings([reading(at_s=1)]))]
    taken = same(among_others(encode_rows(stored, epoch="ab", floor=7, resent=False)))
    assert [r.rows for r in taken.receipts] == [(7, 8, 9)]
    assert len(taken.quarantine) == 1
    assert not any(math.isnan(r.value) for r in taken.readings)
