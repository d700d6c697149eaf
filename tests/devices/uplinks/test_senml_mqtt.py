"""Packs: the examples of RFC 8428 section 5, and variations of them."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import SECOND_NS, Envelope, PermanentError
from devices.uplinks.senml_mqtt import UPLINK
from tests.devices.frames import RECEIVED_NS, message

BASE = "urn:dev:ow:10e2073a0108006:"
ADDRESS = BASE[:-1]


def unwrap(pack: Any, *, topic: str = "site/7") -> tuple[Envelope, ...]:
    payload = pack if isinstance(pack, bytes) else json.dumps(pack).encode()
    return UPLINK.unwrap(message(topic, payload))


def told(pack: Any, *, topic: str = "site/7") -> list[tuple[str, int | None, dict[str, Any]]]:
    return [(e.frame.address, e.observed_ns, json.loads(e.frame.payload)) for e in unwrap(pack, topic=topic)]


def test_one_value() -> None:
    pack = [{"n": "urn:dev:ow:10e2073a01080063", "u": "Cel", "v": 23.1}]
    assert told(pack) == [("urn:dev:ow", None, {"10e2073a01080063": {"v": 23.1, "u": "Cel"}})]


def test_values_of_one_instant_are_one_frame() -> None:
    pack = [
        {"bn": BASE, "bt": 1.276020076001e9, "bu": "A", "bver": 5, "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -1, "v": 1.3},
        {"n": "current", "v": 1.7},
    ]
    at_ns = 1_276_020_076_001_000_000
    assert told(pack) == [
        (ADDRESS, at_ns, {"voltage": {"v": 120.1, "u": "V"}, "current": {"v": 1.7, "u": "A"}}),
        (ADDRESS, at_ns - SECOND_NS, {"current": {"v": 1.3, "u": "A"}}),
    ]


@pytest.mark.bad_input(82)
def test_a_relative_time_counts_from_the_receipt() -> None:
    pack = [{"bn": BASE, "n": "temp", "v": 1, "t": -300}, {"n": "temp", "v": 2, "t": 0}]
    assert [at_ns for _, at_ns, _ in told(pack)] == [RECEIVED_NS - 300 * SECOND_NS, RECEIVED_NS]


@pytest.mark.bad_input(82)
def test_a_base_time_in_the_future_is_handed_on_and_one_of_no_world_refused() -> None:
    ((_, at_ns, _),) = told([{"bn": BASE, "n": "temp", "v": 1, "bt": 1_800_000_000}])
    assert at_ns == 1_800_000_000 * SECOND_NS  # the gateway's clock judges it: more than five minutes ahead is refused
    ((_, none_ns, said),) = told([{"bn": BASE, "n": "temp", "v": 1, "bt": 9_000_000_000, "t": 9_000_000_000}])
    assert none_ns is None
    assert "bad" in said


@pytest.mark.bad_input(82)
def test_units_may_be_missing_and_a_base_sum_is_no_value() -> None:
    assert told([{"bn": BASE, "n": "temp", "v": 5, "bs": 100}]) == [(ADDRESS, None, {"temp": {"v": 5}})]
    assert told([{"bn": BASE, "n": "temp", "s": 5}]) == []


@pytest.mark.bad_input(82)
def test_data_in_base64_is_no_value_and_does_not_spoil_its_neighbours() -> None:
    pack = [{"bn": BASE, "n": "picture", "vd": "aGkgCg"}, {"n": "temp", "v": 5}]
    bad, good = told(pack)
    assert "one value" in bad[2]["bad"]
    assert good == (ADDRESS, None, {"temp": {"v": 5.0}})


def test_base_values_are_added_as_decimals() -> None:
    assert told([{"bn": BASE, "bv": 0.1, "n": "temp", "v": 0.2}, {"n": "other"}]) == [
        (ADDRESS, None, {"temp": {"v": 0.3}, "other": {"v": 0.1}})
    ]


def test_truths_and_texts() -> None:
    pack = [{"bn": "trap-1/", "n": "door", "vb": True}, {"n": "button", "vs": "double"}]
    assert told(pack) == [("trap-1", None, {"door": {"v": True}, "button": {"v": "double"}})]


def test_a_name_without_device_takes_it_from_the_topic() -> None:
    assert told([{"n": "temp", "v": 5}], topic="site/trap-9") == [("trap-9", None, {"temp": {"v": 5.0}})]


def test_a_pack_in_cbor() -> None:
    pack = cbor2.dumps([{-2: BASE, -3: 1_276_020_076, 0: "temp", 1: "Cel", 2: -5.5}])
    assert told(pack) == [(ADDRESS, 1_276_020_076 * SECOND_NS, {"temp": {"v": -5.5, "u": "Cel"}})]


def test_backlog_is_history_and_a_counter_is_kept() -> None:
    ((envelope),) = unwrap([{"bn": "a/", "n": "temp", "v": 5, "seq": 7, "resent": True}])
    assert (envelope.seq, envelope.is_retained) == (7, True)


@pytest.mark.bad_input(81, 82)
@pytest.mark.parametrize(
    "pack",
    [
        b"[]",
        b"{}",
        b'[{"n": "a/t", "v": NaN}]',
        b'[{"n": "a/t", "v": 1, "v": 2}]',
        b'[{"n": "a/t", "v": 1,}]',
        b'[{"n": "a/t", "v": 1e400}]',
        b'[{"n": "a/t", "v": "1"}]',
        b"[" * 10_000,
        '[{"n": "a/t", "v": 1}]'.encode("utf-16"),
        [{"bver": 11, "n": "a/t", "v": 1}],
        [{"n": "a/t", "v": 1, "must_": 1}],
        [1],
        base64.b64encode(b"x"),
        b"\x81\xff",
    ],
)
def test_what_is_no_pack_is_refused(pack: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap(pack)


@pytest.mark.parametrize("payload", [b'{"t": true}', b'{"t": {}}', b"x", b"[]"])
def test_what_is_no_fields_is_not_wrapped(payload: bytes) -> None:
    ((sent),) = unwrap([{"bn": "a/", "n": "temp", "v": 5}])
    with pytest.raises(PermanentError):
        UPLINK.wrap(replace(sent, frame=replace(sent.frame, payload=payload)))


@pytest.mark.bad_input(85)
def test_an_emptied_retained_message_gives_nothing() -> None:
    assert unwrap(b"") == ()


@given(payload=st.binary(max_size=80), topic=st.text(max_size=20))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes, topic: str) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message(topic, payload))
