"""Every arrival becomes readings, quarantine or a counted nothing; bad bytes never raise."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import SECOND_NS, Decoded, Frame, QuarantineRow, UplinkMessage
from gateway.decode import Arrival, Discarded, MessageArrival, Outcome, Plugins, SerialArrival, Told
from tests.gateway.sites import GATEWAY, NOW_NS, make_decoder, plugins


def serial(payload: bytes, *, fault: str = "", is_first: bool = False, device_id: str = "snow-01") -> SerialArrival:
    frame = Frame(gateway_id=GATEWAY, transport="serial", address="/dev/ttyS0", payload=payload, received_ns=NOW_NS)
    return SerialArrival(frame=frame, device_id=device_id, fault=fault, is_first=is_first)


def message(topic: str, payload: bytes, *, uplink: str, is_retained: bool = False) -> MessageArrival:
    return MessageArrival(
        message=UplinkMessage(
            gateway_id=GATEWAY, topic=topic, payload=payload, received_ns=NOW_NS, is_retained=is_retained
        ),
        uplink=uplink,
    )


def zigbee(fields: object, *, name: str = "living room", is_retained: bool = False) -> MessageArrival:
    payload = json.dumps(fields).encode()
    return message(f"zigbee2mqtt/{name}", payload, uplink="zigbee2mqtt", is_retained=is_retained)


def chirp(*, data: str = "AXVcA2c0AQRoZQYAAQ==", dev_eui: str = "24e124136b502217", **more: Any) -> MessageArrival:
    event = {
        "deviceInfo": {"devEui": dev_eui},
        "fCnt": 41,
        "fPort": 85,
        "data": data,
        "rxInfo": [{"rssi": -97, "snr": 7.5}],
        **more,
    }
    topic = f"application/1/device/{dev_eui}/event/up"
    return message(topic, json.dumps(event).encode(), uplink="chirpstack_v4")


def decode(arrival: Arrival, *, known: Plugins | None = None) -> list[Outcome]:
    return make_decoder(known=known).decode(arrival)


def told(arrival: Arrival) -> Told:
    (outcome,) = decode(arrival)
    assert isinstance(outcome, Told)
    return outcome


def values(outcome: Told) -> dict[str, float]:
    return {reading.quantity: reading.value for reading in outcome.readings}


def summary(outcome: Outcome) -> tuple[str, str]:
    if isinstance(outcome, QuarantineRow):
        return (outcome.reason, outcome.device_id)
    if isinstance(outcome, Discarded):
        return ("", outcome.reason)
    return ("told", outcome.device_id)


def test_a_serial_frame_is_dated_by_the_gateway() -> None:
    (reading,) = told(serial(b"R1234\r")).readings
    assert (reading.device_id, reading.quantity, reading.value) == ("snow-01", "distance", 1.234)
    assert (reading.observed_ns, reading.received_ns, reading.clock) == (NOW_NS, NOW_NS, "gateway")
    assert (reading.gateway_id, reading.seq, reading.resent) == (GATEWAY, None, False)


def test_no_target_is_a_reading_whose_value_is_bad() -> None:
    assert math.isnan(values(told(serial(b"R5000\r")))["distance"])


def test_a_lorawan_frame_brings_its_counter_and_the_link_figures() -> None:
    outcome = told(chirp())
    assert outcome.device_id == "trap-01"
    assert {reading.seq for reading in outcome.readings} == {41}
    assert {reading.clock for reading in outcome.readings} == {"gateway"}
    assert values(outcome).items() >= {"rssi": -97.0, "snr": 7.5, "battery_level": 92.0}.items()


def test_a_zigbee_state_is_dated_by_the_device_when_its_clock_is_right() -> None:
    at_ms = NOW_NS // 1_000_000 - 2_500
    outcome = told(zigbee({"occupancy": True, "linkquality": 51, "last_seen": at_ms}))
    assert outcome.device_id == "mo-01"
    assert {(r.clock, r.observed_ns, r.resent) for r in outcome.readings} == {("device", NOW_NS - 2_500_000_000, False)}
    assert values(outcome)["occupancy"] == 1.0


def test_a_zigbee_clock_of_1970_is_refused_and_said_so() -> None:
    outcome = told(zigbee({"occupancy": True, "last_seen": 5_000}))
    assert outcome.is_clock_refused
    assert {(r.clock, r.observed_ns) for r in outcome.readings} == {("gateway", NOW_NS)}


def test_a_retained_message_is_never_news() -> None:
    at_ms = (NOW_NS - 86_400 * SECOND_NS) // 1_000_000
    outcome = told(zigbee({"occupancy": True, "last_seen": at_ms}, is_retained=True))
    assert {(r.resent, r.observed_ns) for r in outcome.readings} == {(True, at_ms * 1_000_000)}


def test_what_the_device_declares_as_history_is_marked() -> None:
    known = plugins()
    spec = known.devices["snow-01"]
    said = Decoded(values={"distance": 2.0}, observed_ns=NOW_NS - 10**15, is_history=True, seq=7)
    spec = replace(spec, decode=lambda _frame: said)
    (outcome,) = decode(serial(b"x"), known=replace(known, devices={**known.devices, "snow-01": spec}))
    assert isinstance(outcome, Told)
    (reading,) = outcome.readings
    assert (reading.resent, reading.observed_ns, reading.seq) == (True, NOW_NS - 10**15, None)


BAD = [
    pytest.param(serial(b"R12\r"), [("undecodable", "snow-01")], id="short frame"),
    pytest.param(serial(b"R1234R1235\r"), [("undecodable", "snow-01")], id="joined frames"),
    pytest.param(serial(b"R0000\r"), [("undecodable", "snow-01")], id="zero"),
    pytest.param(serial(b"\xd2\xb1\xb2\xb3\xb4\x8d"), [("undecodable", "snow-01")], id="parity bits"),
    pytest.param(serial(bytes(64)), [("undecodable", "snow-01")], id="NUL bytes"),
    pytest.param(serial(b""), [("undecodable", "snow-01")], id="empty"),
    pytest.param(serial(b"x" * 300, fault="oversize"), [("oversize", "snow-01")], id="oversize run"),
    pytest.param(serial(b"R12", fault="incomplete"), [("incomplete", "snow-01")], id="incomplete"),
    pytest.param(serial(b"234\r", is_first=True), [("", "cut_front")], id="torn first frame"),
    pytest.param(serial(b"R1234\r", is_first=True), [("told", "snow-01")], id="whole first frame"),
    pytest.param(serial(b"R1234\r", device_id="gone"), [("unknown_device", "")], id="line of no device"),
    pytest.param(chirp(dev_eui="0011223344556677"), [("unknown_device", "")], id="foreign DevEUI"),
    pytest.param(chirp(dev_eui="24E124136B502217"), [("told", "trap-01")], id="DevEUI in capitals"),
    pytest.param(chirp(data="////"), [("undecodable", "trap-01")], id="wrong payload"),
    pytest.param(chirp(data="no base64!"), [("undecodable", "")], id="no base64"),
    pytest.param(chirp(fCnt="many"), [("undecodable", "")], id="counter is text"),
    pytest.param(chirp(data=""), [("", "empty")], id="keep-alive"),
    pytest.param(zigbee({"occupancy": True}, name="kitchen"), [("unknown_device", "")], id="foreign name"),
    pytest.param(zigbee({"occupancy": "perhaps"}), [("undecodable", "mo-01")], id="wrong type"),
    pytest.param(zigbee([1, 2]), [("undecodable", "mo-01")], id="a list"),
    pytest.param(zigbee({}, name="bridge/state"), [("", "empty")], id="bridge"),
    pytest.param(zigbee({"x": "y" * 70_000}, name="bridge/devices"), [("", "empty")], id="long bridge list"),
    pytest.param(zigbee({"x": "y" * 70_000}), [("oversize", "")], id="long state"),
    pytest.param(message("zigbee2mqtt/living room", b"[" * 9_000, uplink="zigbee2mqtt"), [("undecodable", "mo-01")],
                 id="deep nesting"),
    pytest.param(message("zigbee2mqtt/living room", b"\xff\xfe", uplink="zigbee2mqtt"), [("undecodable", "mo-01")],
                 id="no UTF-8"),
    pytest.param(message("elsewhere", b"{}", uplink="zigbee2mqtt"), [("undecodable", "")], id="foreign topic"),
]  # fmt: skip


@pytest.mark.parametrize(("arrival", "expected"), BAD)
def test_bad_input_is_quarantined_with_its_reason(arrival: Arrival, expected: list[tuple[str, str]]) -> None:
    outcomes = decode(arrival)
    assert [summary(outcome) for outcome in outcomes] == expected
    for row in outcomes:
        if isinstance(row, QuarantineRow):
            assert row.publisher == GATEWAY
            assert row.received_ns == NOW_NS
            assert row.detail
            assert len(row.raw) <= 4_096


@pytest.mark.parametrize("fault", [KeyError("x"), IndexError(), ZeroDivisionError(), TypeError("t"), RecursionError()])
def test_a_faulty_plugin_does_not_stop_the_source(fault: Exception) -> None:
    known = plugins()

    def fail(_frame: Frame) -> Decoded:
        raise fault

    spec = replace(known.devices["snow-01"], decode=fail)
    outcomes = decode(serial(b"R1234\r"), known=replace(known, devices={"snow-01": spec}))
    assert [summary(outcome) for outcome in outcomes] == [("decoder_fault", "snow-01")]


def test_bad_values_are_parted_from_good_ones() -> None:
    known = plugins()
    said = Decoded(values={"distance": 2.0, "rssi": -math.inf, "colour": 3.0})
    spec = replace(known.devices["snow-01"], decode=lambda _frame: said)
    outcomes = decode(serial(b"x"), known=replace(known, devices={"snow-01": spec}))
    assert [summary(outcome) for outcome in outcomes] == [
        ("out_of_range", "snow-01"),
        ("unknown_quantity", "snow-01"),
        ("told", "snow-01"),
    ]


@given(st.binary(max_size=200))
def test_any_serial_bytes_are_survived(payload: bytes) -> None:
    assert len(decode(serial(payload))) == 1


@given(
    st.sampled_from(["zigbee2mqtt", "chirpstack_v4"]),
    st.sampled_from(["zigbee2mqtt/living room", "application/1/device/24e124136b502217/event/up", "x"]),
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        ["data", "fCnt", "fPort", "deviceInfo", "devEui", "rxInfo", "occupancy", "last_seen"]
                    ),
                    inner,
                )
            ),
            max_leaves=10,
        ).map(lambda tree: json.dumps(tree).encode()),
    ),
)
def test_any_network_bytes_are_survived(uplink: str, topic: str, payload: bytes) -> None:
    assert len(decode(message(topic, payload, uplink=uplink))) >= 1
