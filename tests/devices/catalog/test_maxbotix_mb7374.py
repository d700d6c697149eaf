from __future__ import annotations

import math
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.maxbotix_mb7374 import DEVICES
from devices.model import Decoded, DeviceSpec, Options, PermanentError
from tests.devices.frames import frame

MODELS = {spec.model: spec for spec in DEVICES}
HRXL = MODELS["maxbotix_mb7374"]
BANNER = (
    b"HRXL-MaxSonar-WRL\r",
    b"PN:MB7386\r",
    b"Copyright 2011-2013 MaxBotix Inc.\r",
    b"RoHS 1.8b090\r",
    b"0713 TempI\r",
)


def distance(payload: bytes, spec: DeviceSpec = HRXL) -> float:
    decoded = spec.decode(frame(spec, payload))
    assert set(decoded.values) == {"distance"}
    assert (decoded.seq, decoded.observed_ns, decoded.has_restarted) == (None, None, False)
    return decoded.values["distance"]


def configured(options: Options, spec: DeviceSpec = HRXL) -> DeviceSpec:
    assert spec.configure is not None
    return spec.configure(options)


def combined(payloads: Iterable[bytes], spec: DeviceSpec = HRXL) -> Decoded:
    assert spec.gathering is not None
    return spec.gathering.combine(tuple(spec.decode(frame(spec, payload)) for payload in payloads))


@pytest.mark.bad_input(3, 4, 13)
@pytest.mark.parametrize(
    ("model", "payload", "expected"),
    [
        ("mb7374", b"R1234\r", 1.234),
        ("mb7374", b"R0501\r", 0.501),
        ("mb7374", b"R4999\r", 4.999),
        ("mb7374", b"R1234 \r", 1.234),
        ("mb7374", b"\nR1234\r", 1.234),
        ("mb7374", b"R5000\r", math.nan),
        ("mb7374", b"R0500\r", math.nan),
        ("mb7374", b"R0300\r", math.nan),
        ("mb7369", b"R0301\r", 0.301),
        ("mb7369", b"R0300\r", math.nan),
        ("10m", b"R9998\r", 9.998),
        ("10m", b"R5000\r", 5.0),
        ("10m", b"R9999\r", math.nan),
        ("xl", b"R123\r", 1.23),
        ("xl", b"R765\r", math.nan),
        ("xl", b"R020\r", math.nan),
        ("hrusb", b"R0480 \r", 0.48),
        ("hrusb", b"R0480\r", 0.48),
        ("hrusb", b"R5000 \r", math.nan),
        ("proxsonar", b"R008 P1\r", 0.2032),
        ("proxsonar", b"R100 P0\r", 2.54),
        ("proxsonar", b"R006 P1\r", math.nan),
        ("proxsonar", b"R254 P0\r", math.nan),
        ("proxsonar", b"R255 P0\r", math.nan),
    ],
)
def test_a_frame_is_a_distance_or_no_reading(model: str, payload: bytes, expected: float) -> None:
    assert distance(payload, MODELS[f"maxbotix_{model}"]) == pytest.approx(expected, nan_ok=True, abs=0)


@pytest.mark.bad_input(2, 5, 8, 9, 13)
@pytest.mark.parametrize(
    "payload",
    [
        b"R12\r",
        b"R123\r",
        b"R12345\r",
        b"R1234R1235\r",
        b"R12R1234\r",
        b"R1234  \r",
        b" R1234\r",
        b"r1234\r",
        b"R-123\r",
        b"R12.4\r",
        b"R008 P1\r",
        b"R0000\r",
        b"R9999\r",
        b"R5001\r",
        b"R1234",
        b"RoHS \r",
        b"RoHS 1.8b090",
        b" \r",
        b"Copyright 2011-2013 MaxBotix Inc.0713 TempI\r",
        "R１２３４\r".encode(),
        b"\xad\xcd\xcf\xcf\xcb\xf2\r",
        b"\x00R1234\r",
        b"R1234\r\r",
        b"\xff" * 64,
        b"\r",
        b"",
    ],
)
def test_what_is_not_exactly_a_frame_is_refused(payload: bytes) -> None:
    with pytest.raises(PermanentError):
        distance(payload)


@pytest.mark.bad_input(13)
@pytest.mark.parametrize(
    ("model", "payload"),
    [
        ("xl", b"R1234\r"),
        ("xl", b"R000\r"),
        ("xl", b"R766\r"),
        ("proxsonar", b"R008\r"),
        ("proxsonar", b"R008 P2\r"),
        ("proxsonar", b"R256 P0\r"),
        ("10m", b"R0000\r"),
        ("10m", b"R99999\r"),
    ],
)
def test_the_frame_of_another_family_is_refused(model: str, payload: bytes) -> None:
    with pytest.raises(PermanentError):
        distance(payload, MODELS[f"maxbotix_{model}"])


@pytest.mark.bad_input(1)
@pytest.mark.parametrize("spec", DEVICES, ids=lambda spec: spec.model)
@pytest.mark.parametrize("line", [*BANNER, b"\nPN:MB7374\r", b"MaxBotix Inc.\r", b"RoHS 1.8b090  0713\r", b"TempI\r"])
def test_a_line_of_the_boot_banner_says_no_value(spec: DeviceSpec, line: bytes) -> None:
    assert spec.decode(frame(spec, line)) == Decoded(values={}, has_restarted=b"PN:" in line)


@pytest.mark.bad_input(1)
def test_a_boot_banner_is_one_start() -> None:
    assert sum(HRXL.decode(frame(HRXL, line)).has_restarted for line in BANNER) == 1


@pytest.mark.bad_input(14)
@pytest.mark.parametrize(
    ("buffer", "frames", "rest"),
    [
        (b"R1234\rR1235\rR12", [b"R1234\r", b"R1235\r"], b"R12"),
        (b"R1234\r\nR1235\r\n", [b"R1234\r", b"\nR1235\r"], b"\n"),
        (b"\r\r", [], b""),
        (b"", [], b""),
        (b"x" * 1_000_000, [], b"x" * 1_000_000),
    ],
    ids=["two and a half", "CR LF", "empty", "nothing", "no end"],
)
def test_a_line_is_cut_at_cr(buffer: bytes, frames: list[bytes], rest: bytes) -> None:
    assert HRXL.serial is not None
    began_s = time.monotonic()
    assert HRXL.serial.split(buffer) == (frames, rest)
    assert time.monotonic() - began_s < 1


def test_the_bound_of_a_frame_has_room_for_every_banner_line() -> None:
    assert HRXL.serial is not None
    assert max(map(len, BANNER)) <= HRXL.serial.max_frame_bytes <= 256


def test_the_baud_is_the_family_s_own() -> None:
    bauds = {spec.model: spec.serial.baud for spec in DEVICES if spec.serial is not None}
    assert bauds.pop("maxbotix_proxsonar") == 57_600
    assert len(bauds) == 5
    assert set(bauds.values()) == {9_600}


@pytest.mark.parametrize(
    ("model", "value", "payload"),
    [
        ("mb7374", 1.2344, b"R1234\r"),
        ("mb7374", math.nan, b"R5000\r"),
        ("mb7374", 7.0, b"R5000\r"),
        ("mb7374", math.inf, b"R5000\r"),
        ("mb7374", 0.2, b"R0500\r"),
        ("mb7374", 4.9999, b"R5000\r"),
        ("10m", 7.0, b"R7000\r"),
        ("xl", 1.234, b"R123\r"),
        ("hrusb", 0.48, b"R0480 \r"),
        ("proxsonar", 0.2032, b"R008 P0\r"),
    ],
)
def test_the_simulator_says_what_the_sensor_would(model: str, value: float, payload: bytes) -> None:
    assert MODELS[f"maxbotix_{model}"].encode(Decoded(values={"distance": value})).payload == payload


@pytest.mark.parametrize("values", [{"snr": 1.0}, {"distance": 1.0, "valid_samples": 20.0}, {"distance_spread": 0.01}])
def test_what_one_frame_cannot_say_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError, match="distance"):
        HRXL.encode(Decoded(values=values))


def test_the_frames_of_a_minute_are_one_reading() -> None:
    assert HRXL.gathering is not None
    assert HRXL.gathering.interval_s == 60
    minute = [b"R%04d\r" % (1230 + n % 9) for n in range(400)]
    assert combined(minute).values == {"distance": 1.234, "distance_spread": 0.008, "valid_samples": 400.0}


def mixed(*, valid: int, bad: int) -> list[bytes]:
    return [b"R1234\r"] * valid + [b"R5000\r"] * bad


@pytest.mark.bad_input(3, 4)
@pytest.mark.parametrize(
    ("payloads", "is_trusted"),
    [
        (mixed(valid=11, bad=0), True),
        (mixed(valid=10, bad=0), False),
        (mixed(valid=50, bad=50), True),
        (mixed(valid=50, bad=51), False),
        ([b"R5000\r"] * 400, False),
        ([b"R0500\r"] * 400, False),
    ],
    ids=["just enough", "too few", "half valid", "less than half", "no target for a minute", "icicle for a minute"],
)
def test_too_few_valid_frames_are_no_reading(payloads: list[bytes], is_trusted: bool) -> None:
    reading = combined(payloads).values
    assert math.isnan(reading["distance"]) != is_trusted
    assert reading["valid_samples"] == sum(payload == b"R1234\r" for payload in payloads)


@pytest.mark.bad_input(6, 12)
@pytest.mark.parametrize(
    ("payloads", "expected"),
    [
        ([b"R1000\r", b"R1030\r"] * 20, 1.015),
        ([b"R1000\r", b"R1031\r"] * 20, math.nan),
        ([b"R0950\r", b"R2200\r"] * 20, math.nan),
        ([b"R0950\r"] * 39 + [b"R2200\r"], 0.95),
        ([b"R0950\r"] * 30 + [b"R2200\r"] * 10, math.nan),
    ],
    ids=["just together", "too wide", "two sensors cross-talk", "one jump", "a quarter jumps"],
)
def test_frames_that_lie_apart_are_no_reading(payloads: list[bytes], expected: float) -> None:
    assert combined(payloads).values["distance"] == pytest.approx(expected, nan_ok=True)


@pytest.mark.bad_input(7)
def test_steps_of_10_mm_are_a_reading_on_the_step() -> None:
    assert combined([b"R1230\r", b"R1240\r", b"R1240\r"] * 10).values["distance"] == 1.24


@pytest.mark.bad_input(1, 11)
def test_the_first_two_seconds_after_a_start_do_not_count() -> None:
    reading = combined([*BANNER, *[b"R0900\r"] * 14, *[b"R1234\r"] * 20])
    assert reading == Decoded(
        values={"distance": 1.234, "distance_spread": 0.0, "valid_samples": 20.0}, has_restarted=True
    )
    assert combined(BANNER) == Decoded(values={}, has_restarted=True)


def test_a_site_may_take_every_frame() -> None:
    spec = configured({"frames_per_reading": 1})
    assert spec.gathering is None
    assert distance(b"R1234\r", spec) == 1.234


def test_a_site_may_say_when_it_trusts() -> None:
    spec = configured({"interval_s": 10.0, "most_spread_m": 0.1, "least_frames": 2})
    assert spec.gathering is not None
    assert spec.gathering.interval_s == 10
    assert combined([b"R1000\r", b"R1050\r"], spec).values["distance"] == 1.025
    assert combined([b"R1000\r"], configured({"least_frames": 1})).values == {"distance": 1.0, "valid_samples": 1.0}


def test_a_type_with_other_limits_is_an_option() -> None:
    spec = configured({"nearest_m": 0.25, "farthest_m": 9.99}, MODELS["maxbotix_xl"])
    assert distance(b"R998\r", spec) == 9.98
    assert math.isnan(distance(b"R999\r", spec))
    assert distance(b"R026\r", spec) == 0.26
    assert math.isnan(distance(b"R025\r", spec))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"frames_per_reading": 2, "intervall_s": 3}, ["frames_per_reading", "intervall_s"]),
        ({"frames_per_reading": 1, "least_frames": 3}, ["least_frames"]),
        ({"interval_s": "60"}, ["interval_s"]),
        ({"interval_s": math.nan, "most_spread_m": math.inf, "least_frames": 0}, ["interval_s", "spread", "least"]),
        ({"nearest_m": 6.0}, ["nearest_m", "6000", "5000"]),
        ({"farthest_m": 50.0}, ["farthest_m", "50000", "9999"]),
    ],
)
def test_every_wrong_option_is_named(options: Options, told: list[str]) -> None:
    with pytest.raises(PermanentError) as caught:
        configured(options)
    assert all(name in str(caught.value) for name in [*told, "maxbotix_mb7374"])


@given(lines=st.lists(st.sampled_from([*BANNER, b"R1234\r", b"R5000\r", b"R0900\r", b"R0000\r", b"R12\r"])))
def test_no_gathering_gives_a_distance_that_no_frame_said(lines: list[bytes]) -> None:
    decoded = []
    for line in lines:
        try:
            decoded.append(HRXL.decode(frame(HRXL, line)))
        except PermanentError:
            continue
    assert HRXL.gathering is not None
    said = HRXL.gathering.combine(tuple(decoded)).values.get("distance", math.nan)
    assert math.isnan(said) or 0.9 <= said <= 1.234
