from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Envelope, PermanentError
from devices.uplinks.plain_json import UPLINK, configure
from tests.devices.frames import message, shared_vectors

BODY: dict[str, Any] = {"id": "p-7", "n": 12, "at": "2024-01-15 08:30:00", "temp": -3.5, "dev": {"no": 77}}
JST_0830_NS = 1_705_275_000 * 10**9


def unwrap(body: Any, *, topic: str = "farm/p-1/env", **options: Any) -> tuple[Envelope, ...]:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return configure(options).unwrap(message(topic, payload))


def one(body: Any, *, topic: str = "farm/p-1/env", **options: Any) -> Envelope:
    (envelope,) = unwrap(body, topic=topic, **options)
    return envelope


@pytest.mark.parametrize(
    ("options", "address", "topic"),
    [
        ({}, "env", ""),
        ({"address_level": 2}, "p-1", "env"),
        ({"address_level": -2}, "p-1", "env"),
        ({"address_level": 1}, "farm", "p-1/env"),
        ({"address_field": "id"}, "p-7", "farm/p-1/env"),
        ({"address_field": "dev.no"}, "77", "farm/p-1/env"),
        ({"address_field": ["dev", "no"]}, "77", "farm/p-1/env"),
    ],
)
def test_the_address(options: dict[str, Any], address: str, topic: str) -> None:
    frame = one(BODY, **options).frame
    assert (frame.address, frame.topic, frame.transport) == (address, topic, "mqtt")
    assert json.loads(frame.payload) == BODY


@pytest.mark.parametrize(
    "options", [{"address_level": 4}, {"address_level": -4}, {"address_field": "no"}, {"address_field": "dev"}]
)
def test_without_an_address_it_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="address"):
        unwrap(BODY, **options)


@pytest.mark.parametrize(
    ("at", "options", "observed_ns"),
    [
        ("2024-01-15 08:30:00", {}, JST_0830_NS),
        ("2024-01-15T08:30:00+09:00", {}, JST_0830_NS),
        ("2024-01-14T23:30:00Z", {}, JST_0830_NS),
        ("2024-01-14T23:30:00", {"timezone": "UTC"}, JST_0830_NS),
        ("24/01/15 08-30", {"time_format": "%y/%m/%d %H-%M"}, JST_0830_NS),
        (1_705_275_000, {"time_format": "unix_s"}, JST_0830_NS),
        ("1705275000", {"time_format": "unix_s"}, JST_0830_NS),
        (1_705_275_000_000, {"time_format": "unix_ms"}, JST_0830_NS),
        (0, {"time_format": "unix_s"}, None),
        (1e300, {"time_format": "unix_s"}, None),
        ("noon", {}, None),
        (None, {}, None),
        ("0001-01-01T00:00:00", {}, None),
        ("9999-12-31T23:59:59-23:59", {}, None),
        ("２０２４-01-15 08:30:00", {}, None),
    ],
)
def test_the_time(at: Any, options: dict[str, Any], observed_ns: int | None) -> None:
    assert one(BODY | {"at": at}, time_field="at", **options).observed_ns == observed_ns


def test_without_a_time_field_there_is_no_time_and_without_a_counter_none() -> None:
    assert (one(BODY).observed_ns, one(BODY).seq) == (None, None)
    assert one(BODY, seq_field="n").seq == 12
    assert one(BODY | {"n": "13"}, seq_field="n").seq == 13
    with pytest.raises(PermanentError, match="n '-1'"):
        one(BODY | {"n": -1}, seq_field="n")


def test_a_list_is_a_message_for_each_record() -> None:
    found = unwrap({"data": [{"id": "a", "t": 1}, {"id": "b", "t": 2}]}, list_field="data", address_field="id")
    assert [(e.frame.address, json.loads(e.frame.payload)["t"]) for e in found] == [("a", 1), ("b", 2)]


@pytest.mark.parametrize("data", [None, {}, "x", [1], [{"id": "a"}] * 1_001])
def test_what_is_no_list_of_records_is_refused(data: Any) -> None:
    with pytest.raises(PermanentError, match="data"):
        unwrap({"data": data}, list_field="data", address_field="id")


@pytest.mark.bad_input(84)
def test_sparkplug_is_refused_by_name() -> None:
    with pytest.raises(PermanentError, match="Sparkplug B"):
        UPLINK.unwrap(message("spBv1.0/farm/DDATA/edge/pump", b"\x08\x9c\xae\xed\xb5\x1a"))


@pytest.mark.bad_input(85)
def test_an_emptied_retained_message_gives_nothing_and_a_retained_one_is_history() -> None:
    assert UPLINK.unwrap(message("farm/p-1", b"", is_retained=True)) == ()
    (envelope,) = UPLINK.unwrap(message("farm/p-1", json.dumps(BODY).encode(), is_retained=True))
    assert envelope.is_retained


@pytest.mark.bad_input(85)
def test_a_huge_message_is_refused() -> None:
    with pytest.raises(PermanentError, match="longer"):
        UPLINK.unwrap(message("farm/p-1", b'{"x": "' + b"x" * 10_000_000 + b'"}'))


@pytest.mark.bad_input(58)
@pytest.mark.parametrize(("text", "form"), [("01 75 5c", "hex"), ("01755C", "hex"), ("AXVc", "base64"), ("AXVc", None)])
def test_a_payload_in_bytes_for_a_model_that_reads_bytes(text: str, form: str | None) -> None:
    options = {"payload_field": "d", "address_field": "id", **({"payload_format": form} if form else {})}
    frame = one({"id": "a", "d": text}, **options).frame
    assert (frame.payload, frame.transport) == (b"\x01\x75\x5c", "lorawan")


@pytest.mark.parametrize("text", ["0175 5", "0x01", "zz", 5, None, "01  75"])
def test_a_payload_that_is_no_hex_is_refused(text: Any) -> None:
    with pytest.raises(PermanentError):
        unwrap({"id": "a", "d": text}, payload_field="d", payload_format="hex", address_field="id")


def test_every_wrong_option_is_named() -> None:
    with pytest.raises(PermanentError, match=r"address_level.*timezone.*payload_format.*colour"):
        configure({"address_level": 0, "payload_format": "x", "timezone": "Mars", "colour": 1})


def test_captures_of_a_lorawan_gateway_that_posts_json() -> None:
    options = {
        "address_field": "devEUI", "payload_field": "data", "port_field": "fPort", "seq_field": "fCnt",
        "time_field": "time", "rssi_field": "rxInfo.0.rssi", "snr_field": "rxInfo.0.loRaSNR",
    }  # fmt: skip
    records = [r for r in shared_vectors("mqtt_lorawan/network_server_uplinks.jsonl.gz") if r["platform"] == "HTTP"]
    assert len(records) >= 10
    for record in records:
        envelope = one(record["message"], **options)
        assert envelope.frame.port == record["message"]["fPort"]
        assert envelope.seq == record["message"]["fCnt"]
        assert envelope.frame.payload
        assert set(envelope.values) == {"rssi", "snr"}
        assert envelope.observed_ns is None  # "2020-0327T12:39:05.547336Z" is no time


@given(payload=st.binary(max_size=80), topic=st.text(max_size=20))
def test_any_bytes_are_unwrapped_or_refused(payload: bytes, topic: str) -> None:
    with suppress(PermanentError):
        UPLINK.unwrap(message(topic, payload))
