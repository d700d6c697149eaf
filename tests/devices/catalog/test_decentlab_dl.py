"""Vectors: Decentlab's examples as they stand in TheThingsNetwork/lorawan-devices (Apache-2.0) and
chirpstack/chirpstack-device-profiles (MIT, (c) 2025 Orne Brocaar); the rest is made from the makers' word tables."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.decentlab_dl import DEVICES
from devices.model import Decoded, DeviceSpec, PermanentError
from devices.quantities import quantity
from tests.devices.frames import frame

BY_MODEL = {spec.model: spec for spec in DEVICES}


@pytest.mark.parametrize(
    ("model", "payload", "expected"),
    [
        (
            "decentlab_dl_alb",
            "0252850003809980220bd3",
            {"irradiance": 15.3, "irradiance.2": 3.4, "albedo": 2 / 9, "battery_voltage": 3.027},
        ),
        (
            "decentlab_dl_atm22",
            "0208c900038009812b8014810880027fe8800880040bf5",
            {
                "wind_speed": 0.09,
                "wind_direction": math.radians(29.9),
                "wind_gust": 0.2,
                "air_temperature": 26.4,
                "tilt": math.radians(0.2),
                "tilt.2": math.radians(-2.4),
                "wind_north": 0.08,
                "wind_east": 0.04,
                "battery_voltage": 3.061,
            },
        ),
        (
            "decentlab_dl_isf",
            "023d0100030c290bab0c3e79707a1d78437991490845997e4cacdeaa6e00000000457e415a0b59",
            {
                "sap_flow": -0.192e-3 / 3600,
                "heat_velocity": -2.208e-2 / 3600,
                "heat_velocity.2": 0.144e-2 / 3600,
                "probe_temperature": -4.36,
                "voltage": 11.486,
                "voltage.2": 10.862,
                "device_fault": 0.0,
                "battery_voltage": 2.905,
            },
        ),
        ("decentlab_dl_pyr", "020291000380690c60", {"irradiance": 48.065185546875, "battery_voltage": 3.168}),
        (
            "decentlab_dl_pr21",
            "02016700034e8060170c7f",
            {"pressure": 24609.375, "probe_temperature": 25.671875, "battery_voltage": 3.199},
        ),
        (
            "decentlab_dl_rhc",
            "0202e00003a9fd01341ca285f30c60",
            {"relative_humidity": 73.3, "air_temperature": 15.23, "battery_voltage": 3.168},
        ),
        (
            "decentlab_dl_tbrg",
            "0202f8000300040258409a00000c54",
            {
                "precipitation": 0.0004,
                "measurement_interval": 600.0,
                "precipitation_total": 1.6538,
                "battery_voltage": 3.156,
            },
        ),
        ("decentlab_dl_isd", "0256e100030b520c52", {"diameter": 0.002898, "battery_voltage": 3.154}),
        (
            "decentlab_dl_rad",
            "02586b0003074c88b68a8c00000b93",
            {"distance": 1.868, "device_temperature": 22.3, "echo_strength": 27.0, "device_fault": 0.0,
             "battery_voltage": 2.963},
        ),
        ("decentlab_dl_sht35", "02030e00020c60", {"battery_voltage": 3.168}),
        ("decentlab_dl_sht35", "02030e00014a3d9ac4", {"air_temperature": 5.7496, "relative_humidity": 60.4547}),
        ("decentlab_dl_ilt", "0256d200017c18", {"target_temperature": -10.0}),
        ("decentlab_dl_ds18", "02000100017f60", {"probe_temperature": -10.0}),
        ("decentlab_dl_itst", "0200010001032003e8", {"target_temperature": -20.0, "device_temperature": 0.0}),
        ("decentlab_dl_ctd10", "020001000181f47fce03e80000", {
            "water_level": 0.5, "probe_temperature": -5.0, "conductivity": 0.1,
        }),
        ("decentlab_dl_trs12", "0200010001520880 0a03e8".replace(" ", ""), {
            "soil_moisture": 21_000 * 0.003879 - 69.56, "soil_temperature": 1.0, "conductivity": 0.1,
        }),
        ("decentlab_dl_sht21", "02000100014000a000", {"air_temperature": -2.92, "relative_humidity": 72.125}),
        ("decentlab_dl_pr36ctd", "0200010001c0007b008300ac00", {
            "pressure": 200_000.0, "device_temperature": -5.0, "probe_temperature": 3.0, "conductivity": 1.1,
        }),
        ("decentlab_dl_iam", "020001007f0b926a51800063380102000184000000000000050114", {
            "battery_voltage": 2.962, "air_temperature": 27.6783, "relative_humidity": 50.0008, "pressure": 50800.0,
            "co2": 1024.0, "device_fault": 0.0, "motion_count": 5.0, "tvoc": 0.276,
        }),
        ("decentlab_dl_lp8p", "020001000c" + "8190" + "0000" * 4 + "0000" * 3 + "0c25", {
            "co2": 400.0, "device_fault": 0.0, "battery_voltage": 3.109,
        }),
        ("decentlab_dl_pm", "020001000b0c25" + "0025002500270028" + "0000" * 6 + "bd10", {
            "battery_voltage": 3.109, "pm1": 3.7, "pm2_5": 3.7, "pm10": 4.0, "pressure": 96_800.0,
        }),
        ("decentlab_dl_cws", "0200010001" + "7c18" + "7e0c" + "9d4c" + "7c18" + "802d" + "7f9c", {
            "target_temperature": -10.0, "air_temperature": -5.0, "relative_humidity": 75.0, "tilt": math.pi / 4,
            "device_temperature": -1.0,
        }),
    ],
)  # fmt: skip
def test_the_words_mean_what_the_maker_says(model: str, payload: str, expected: dict[str, float]) -> None:
    values = BY_MODEL[model].decode(frame(BY_MODEL[model], payload)).values
    assert set(values) == set(expected)
    assert values == pytest.approx(expected, rel=1e-4)


@pytest.mark.bad_input(52)
@pytest.mark.parametrize("word", ["8550", "7810"], ids=["85", "-127"])
def test_a_dead_probe_is_no_temperature(word: str) -> None:
    spec = BY_MODEL["decentlab_dl_ds18"]
    assert math.isnan(spec.decode(frame(spec, f"0200010001{word}")).values["probe_temperature"])


@pytest.mark.parametrize(
    ("model", "key", "channels"),
    [("smtp", "soil_temperature", 8), ("tp", "probe_temperature", 16), ("cws2", "air_temperature", 2)],
)
def test_depths_and_shields_are_channels(model: str, key: str, channels: int) -> None:
    spec = BY_MODEL[f"decentlab_dl_{model}"]
    values = spec.decode(frame(spec, whole_payload(spec))).values
    assert {key, *(f"{key}.{n}" for n in range(2, channels + 1))} == {one for one in values if one.startswith(key)}


@pytest.mark.bad_input(52)
def test_a_radar_that_reports_a_fault_gives_no_distance() -> None:
    spec = BY_MODEL["decentlab_dl_rad"]
    values = spec.decode(frame(spec, "02586b0001074c88b68a8c0002")).values
    assert math.isnan(values["distance"])
    assert values["device_fault"] == 2.0


@pytest.mark.parametrize("model", ["iam", "lp8p"])
def test_a_co2_sensor_that_reports_a_fault_gives_no_value(model: str) -> None:
    spec = BY_MODEL[f"decentlab_dl_{model}"]
    block = "0010" + "819000020000" if model == "iam" else "0004" + "8190" + "0000" * 4 + "0002" + "0000" * 2
    values = spec.decode(frame(spec, f"020001{block}")).values
    assert math.isnan(values["co2"])
    assert values["device_fault"] == 2.0


def test_a_laser_without_a_sample_gives_no_distance() -> None:
    spec = BY_MODEL["decentlab_dl_lid"]
    words = "0456" * 9
    assert spec.decode(frame(spec, f"0200010001{words}00050400")).values == {"distance": 1.11, "valid_samples": 5.0}
    assert math.isnan(spec.decode(frame(spec, f"0200010001{words}00000400")).values["distance"])


@pytest.mark.parametrize("words", ["80008000", "7ff67ff6", "80057ff6"], ids=["dark", "both below 0", "one below 0"])
def test_without_light_there_is_no_albedo(words: str) -> None:
    spec = BY_MODEL["decentlab_dl_alb"]
    assert math.isnan(spec.decode(frame(spec, f"0252850001{words}")).values["albedo"])


@pytest.mark.parametrize("model", BY_MODEL)
@pytest.mark.parametrize("payload", ["0100010000", "0200010004", "020001", "02000100030bb1", "02000100020bb100"])
def test_another_version_flag_or_length_is_refused(model: str, payload: str) -> None:
    with pytest.raises(PermanentError):
        BY_MODEL[model].decode(frame(BY_MODEL[model], payload))


@pytest.mark.parametrize(
    ("model", "options", "payload", "pressure"),
    [
        ("decentlab_dl_pr21", {"pmin_bar": 0.0, "pmax_bar": 3.0}, "02016700014e806017", 33_984.375),
        ("decentlab_dl_pr26", {}, "02016700014e806017", 11_328.125),
        ("decentlab_dl_pr36", {"kp": 16384.0}, "0201670001c0009900", 100_000.0),
    ],
)
def test_the_numbers_of_the_label_are_options(
    model: str, options: dict[str, float], payload: str, pressure: float
) -> None:
    configure = BY_MODEL[model].configure
    assert configure is not None
    spec = configure(options)
    assert spec.decode(frame(spec, payload)).values["pressure"] == pytest.approx(pressure)


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("decentlab_dl_pr21", {"pmin": 0.0, "pmax_bar": "x"}, r"pmax_bar.*pmin is unknown"),
        ("decentlab_dl_pr21", {"pmin_bar": 2.0, "pmax_bar": 1.0}, "must be above"),
        ("decentlab_dl_pr36", {"kp": 0.0}, "kp"),
        ("decentlab_dl_dlr2_004", {"shunt_ohm": math.inf}, "shunt_ohm"),
        ("decentlab_dl_tbrg", {"resolution_mm": -0.1}, "resolution_mm"),
    ],
)
def test_a_wrong_option_is_named(model: str, options: dict[str, object], words: str) -> None:
    configure = BY_MODEL[model].configure
    assert configure is not None
    with pytest.raises(PermanentError, match=words):
        configure(options)


def whole_payload(spec: DeviceSpec) -> bytes:
    """Return a payload of the model with every block and all words 0x8000: found by what the model accepts."""
    for flags in (0x7F, 0x0F, 7, 3):
        for words in range(1, 20):
            payload = b"\x02\x00\x01" + bytes((0, flags)) + b"\x80\x00" * words
            with suppress(PermanentError):
                spec.decode(frame(spec, payload))
                return payload
    raise AssertionError(spec.model)


def full_values(spec: DeviceSpec) -> dict[str, float]:
    """Values of every quantity that the model puts on the wire, within what all of them have room for."""
    middle = {"pressure": 90_000.0, "sap_flow": 1e-5, "heat_velocity": 1e-5, "vapor_pressure": 900.0, "tilt": 0.1}
    middle |= {"diameter": 0.01, "precipitation": 0.001, "precipitation_total": 1.5, "valid_samples": 3.0}
    middle |= {"wind_direction": 3.0, "heading": 1.0, "lightning_distance": 4000.0, "conductivity": 0.002}
    middle |= {"battery_voltage": 3.0, "distance": 2.0, "device_fault": 0.0, "current": 0.02, "voltage": 11.0}
    keys = set(spec.decode(frame(spec, whole_payload(spec))).values) - {"albedo"}
    return {key: middle.get(key.split(".")[0], 12.0) for key in keys}


@pytest.mark.parametrize("model", BY_MODEL)
def test_whole_blocks_arrive_as_they_were_said(model: str) -> None:
    spec = BY_MODEL[model]
    said = full_values(spec)
    arrived = spec.decode(spec.encode(Decoded(values=said))).values
    for key, value in said.items():
        step = spec.resolutions.get(key.split(".")[0], quantity(key).resolution)
        assert arrived[key] == pytest.approx(value, abs=step)


@pytest.mark.parametrize(
    ("model", "values", "words"),
    [
        ("decentlab_dl_atm22", {"wind_speed": 1.0}, "wind_direction is missing"),
        ("decentlab_dl_sht35", {"air_temperature": 200.0, "relative_humidity": 1.0}, "air_temperature 200"),
        ("decentlab_dl_alb", {"irradiance": 10.0, "irradiance.2": 5.0, "albedo": 0.9}, "albedo 0.9"),
        (
            "decentlab_dl_rad",
            {"distance": math.nan, "device_temperature": 0.0, "echo_strength": 20.0, "device_fault": 0.0},
            "contradict",
        ),
        ("decentlab_dl_ds18", {"probe_temperature": 85.0}, "dead sensor"),
        ("decentlab_dl_ifd", {"diameter": 0.7}, "diameter 0.7"),
    ],
)
def test_what_the_wire_cannot_say_is_refused_by_name(model: str, values: dict[str, float], words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        BY_MODEL[model].encode(Decoded(values=values))


@pytest.mark.parametrize("model", BY_MODEL)
@given(payload=st.binary(max_size=45))
def test_any_bytes_are_decoded_or_refused(model: str, payload: bytes) -> None:
    spec = BY_MODEL[model]
    try:
        decoded = spec.decode(frame(spec, b"\x02\x00\x01\x00\x03" + payload))
    except PermanentError:
        return
    assert {key.split(".")[0] for key in decoded.values} <= set(spec.quantities)
