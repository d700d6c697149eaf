from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.campbell_sr50a_serial import DEVICE, StandIn, _SensorOptions
from devices.model import Decoded, DeviceSpec, Options, PermanentError, TransientError
from devices.polling import Instrument
from devices.wires.campbell import Packet, write_packet
from devices.wires.misbehaviour import Misbehaviour
from tests.devices.frames import frame
from tests.devices.wires.line import Line, line_to, scripted

WORKED = b"\x0233;1838;194;11011;2C\r\n\x03"
SAYS = Decoded(values={"distance": 1.838, "echo_quality": 194.0, "device_fault": 0.0})


def spec(**options: object) -> DeviceSpec:
    assert DEVICE.configure is not None
    return DEVICE.configure({"unit": "m", **options})


def values(*fields: str, **options: object) -> dict[str, float]:
    device = spec(**options)
    return dict(device.decode(frame(device, write_packet(Packet(address="33", fields=fields)))).values)


def test_the_worked_packet_of_the_manual() -> None:
    device = spec(unit="mm")
    assert device.decode(frame(device, WORKED)).values == SAYS.values
    assert device.encode(SAYS).payload == WORKED


@pytest.mark.parametrize(
    ("unit", "text", "distance_m"),
    [
        ("m", "1.838", 1.838),
        ("m", "10.001", 10.001),
        ("m", "0.000", math.nan),
        ("cm", "183.80", 1.838),
        ("cm", "1000.10", 10.001),
        ("cm", "000.00", math.nan),
        ("mm", "1838", 1.838),
        ("mm", "9999", 9.999),
        ("mm", "-999", math.nan),
        ("mm", "0000", math.nan),
        ("ft", "06.030", 1.837944),
        ("ft", "00.000", math.nan),
        ("in", "072.36", 1.837944),
        ("in", "000.00", math.nan),
    ],
)
def test_a_distance_is_read_in_the_unit_that_is_set(unit: str, text: str, distance_m: float) -> None:
    assert values(text, unit=unit)["distance"] == pytest.approx(distance_m, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ("m", "1838"),
        ("m", "183.80"),
        ("m", "-999"),
        ("m", "1.83"),
        ("m", "100.001"),
        ("mm", "1.838"),
        ("mm", "183"),
        ("mm", "18380"),
        ("mm", "-998"),
        ("cm", "1.838"),
        ("cm", "83.80"),
        ("ft", "6.030"),
        ("ft", "072.36"),
        ("in", "72.36"),
        ("in", "06.030"),
        ("m", "-1.838"),
        ("m", "+1.838"),
        ("m", "1.8.38"),
    ],
)
def test_a_distance_that_is_not_written_in_the_unit_is_refused(unit: str, text: str) -> None:
    with pytest.raises(PermanentError, match=f"as one in {unit}"):
        values(text, unit=unit)


@pytest.mark.bad_input(28)
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (("1.838",), {"distance": 1.838}),
        (("1.838", "194"), {"distance": 1.838, "echo_quality": 194.0}),
        (("1.838", "-10.25"), {"distance": 1.838, "air_temperature": -10.25}),
        (("1.838", "-999.00"), {"distance": 1.838, "air_temperature": math.nan}),
        (("1.838", "11011"), {"distance": 1.838, "device_fault": 0.0}),
        (("1.838", "01011"), {"distance": 1.838, "device_fault": 1.0}),
        (("1.838", "10111"), {"distance": 1.838, "device_fault": 2.0}),
        (("1.838", "00111"), {"distance": 1.838, "device_fault": 3.0}),
        (
            ("1.838", "194", "05.50", "11111"),
            {"distance": 1.838, "echo_quality": 194.0, "air_temperature": 5.5, "device_fault": 0.0},
        ),
        (("1.838", "0"), {"distance": math.nan, "echo_quality": 0.0}),
        (("0.000", "0", "-999.00", "11011"), None),
    ],
)
def test_three_to_six_fields_are_told_apart(fields: tuple[str, ...], expected: dict[str, float] | None) -> None:
    wanted = expected or {
        "distance": math.nan, "echo_quality": 0.0, "air_temperature": math.nan, "device_fault": 0.0,
    }  # fmt: skip
    assert values(*fields) == pytest.approx(wanted, nan_ok=True)


@pytest.mark.bad_input(28)
@pytest.mark.parametrize(
    "fields",
    [
        ("1.838", "194", "194"),
        ("1.838", "11011", "194"),
        ("1.838", "5.50", "194"),
        ("1.838", "1941"),
        ("1.838", "12011"),
        ("1.838", "5.5"),
        ("1.838", "194", "05.50", "11111", "11111"),
        ("1.838", "1.838"),
    ],
)
def test_fields_that_are_none_of_the_optional_ones_are_refused(fields: tuple[str, ...]) -> None:
    with pytest.raises(PermanentError, match="optional fields"):
        values(*fields)


@pytest.mark.bad_input(28)
def test_a_field_that_is_set_must_be_there_and_no_other() -> None:
    wanted = ["quality", "diagnostics"]
    assert values("1.838", "194", "11011", fields=wanted)["device_fault"] == 0
    for fields in [("1.838", "194"), ("1.838", "11011"), ("1.838",), ("1.838", "194", "5.50", "11011")]:
        with pytest.raises(PermanentError, match="quality, diagnostics"):
            values(*fields, fields=wanted)
    with pytest.raises(PermanentError, match="are not none"):
        values("1.838", "194", fields=[])


def test_another_address_is_refused_where_the_site_names_one() -> None:
    device = spec(output="auto", address="34")
    assert device.polling is None
    with pytest.raises(PermanentError, match="'33', not '34'"):
        device.decode(frame(device, write_packet(Packet(address="33", fields=("1.838",)))))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ["unit is needed"]),
        (
            {"unit": "yard", "fields": ["colour"], "output": "both", "x": 1},
            ["unit", "fields.0", "output", "x is unknown"],
        ),
        ({"unit": "m", "address": "3"}, ["address"]),
    ],
)
def test_every_wrong_option_is_named(options: Options, told: list[str]) -> None:
    assert DEVICE.configure is not None
    with pytest.raises(PermanentError) as caught:
        DEVICE.configure(options)
    assert all(part in str(caught.value) for part in [*told, "campbell_sr50a_serial"])


def stand_in(address: str = "", *, faults: Misbehaviour | None = None, **options: object) -> Instrument:
    wanted = _SensorOptions.model_validate({"unit": "mm", **options})
    return StandIn(address, wanted, faults) if faults is not None else StandIn(address, wanted)


def polled(line: Line, address: str = "", *, measurements: int = 1) -> list[bytes]:
    assert DEVICE.polling is not None
    return line.run(DEVICE.polling.session(address), measurements=measurements)


def test_a_sensor_is_asked_once_for_each_measurement() -> None:
    line = line_to(stand_in(), SAYS)
    assert polled(line, measurements=2) == [WORKED, WORKED]
    assert line.requests == [b"p33\r", b"p33\r"]
    assert line.rests_s == [None]


def test_two_sensors_on_a_line_answer_to_their_own_address() -> None:
    sensors = [stand_in("33"), stand_in("a7")]
    line = Line(answer=lambda request: [answer for sensor in sensors for answer in sensor.hear(request, SAYS)])
    assert polled(line, "a7")[0].startswith(b"\x02a7;1838")
    assert polled(line, "33") == [WORKED]


def test_the_catalogue_s_own_stand_in_is_understood() -> None:
    assert DEVICE.polling is not None
    (payload,) = polled(line_to(DEVICE.polling.instrument(""), SAYS))
    assert DEVICE.decode(frame(DEVICE, payload)).values == SAYS.values


@pytest.mark.parametrize(
    "answer",
    [WORKED, b"p33\r" + WORKED, b"\xff\x00" + WORKED, WORKED[:9] + WORKED, WORKED + b"junk"],
    ids=["clean", "echo", "noise", "a cut packet before", "more behind"],
)
def test_the_packet_is_found_in_what_is_heard(answer: bytes) -> None:
    assert polled(scripted({b"p33\r": [answer]})) == [WORKED]


@pytest.mark.bad_input(29, 30)
@pytest.mark.parametrize("damaged", [WORKED.replace(b"2C", b"2D"), WORKED[:-1], b"garbage", b""])
def test_a_damaged_answer_is_asked_for_again(damaged: bytes) -> None:
    line = scripted({b"p33\r": [damaged, WORKED]})
    assert polled(line) == [WORKED]
    assert len(line.requests) == 2


@pytest.mark.parametrize(
    ("faults", "error", "told"),
    [
        (Misbehaviour(is_silent=True), TransientError, "does not answer"),
        (Misbehaviour(has_wrong_checksum=True), TransientError, "checksum"),
        (Misbehaviour(cuts_bytes=2), TransientError, "no packet"),
        (Misbehaviour(answers_as="34"), PermanentError, "'34' answers instead"),
    ],
)
def test_after_three_tries_the_fault_is_told(faults: Misbehaviour, error: type[Exception], told: str) -> None:
    line = line_to(stand_in(faults=faults), SAYS)
    with pytest.raises(error, match=told):
        polled(line)
    assert len(line.requests) == 3


def test_a_probe_asks_once() -> None:
    assert DEVICE.polling is not None
    line = line_to(stand_in(), SAYS)
    assert line.run(DEVICE.polling.probe("")) == [WORKED]
    with pytest.raises(TransientError):
        scripted({}).run(DEVICE.polling.probe("33"))
    with pytest.raises(PermanentError, match="bus_address"):
        scripted({}).run(DEVICE.polling.probe("333"))


def test_the_stand_in_keeps_half_a_request() -> None:
    sensor = stand_in()
    assert sensor.hear(b"p3", SAYS) == []
    assert sensor.hear(b"3\rp34\r", SAYS) == [(1.0, WORKED)]


@pytest.mark.parametrize(
    ("said", "options"),
    [
        ({"echo_quality": 194.0}, {}),
        ({"distance": 1.0, "co2": 4.0}, {}),
        ({"distance": 1.0, "echo_quality": 1000.0}, {}),
        ({"distance": 1.0, "echo_quality": -1.0}, {}),
        ({"distance": 1.0, "device_fault": 4.0}, {}),
        ({"distance": 1.0, "air_temperature": 1000.0}, {}),
        ({"distance": 1.0, "air_temperature": 1.0}, {"fields": ["quality"]}),
        ({"distance": 100.0}, {}),
        ({"distance": 10.0}, {"unit": "mm"}),
        ({"distance": math.inf}, {}),
        ({"distance": -0.1}, {}),
    ],
)
def test_what_has_no_room_in_a_packet_is_refused(said: dict[str, float], options: dict[str, object]) -> None:
    with pytest.raises(PermanentError):
        spec(**options).encode(Decoded(values=said))


@given(
    unit=st.sampled_from(["m", "cm", "mm", "ft", "in"]),
    distance_m=st.floats(0.4, 9.9) | st.just(math.nan),
    air_temperature=st.floats(-40, 60) | st.just(math.nan),
)
def test_what_a_sensor_says_arrives(unit: str, distance_m: float, air_temperature: float) -> None:
    device = spec(unit=unit)
    said = {"distance": distance_m, "echo_quality": 200.0, "air_temperature": air_temperature, "device_fault": 2.0}
    arrived = device.decode(frame(device, device.encode(Decoded(values=said)).payload)).values
    assert arrived["distance"] == pytest.approx(distance_m, abs=0.0006, nan_ok=True)
    assert arrived["air_temperature"] == pytest.approx(air_temperature, abs=0.0051, nan_ok=True)
    assert (arrived["echo_quality"], arrived["device_fault"]) == (200, 2)
