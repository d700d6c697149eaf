"""`satomori devices` and `satomori sim instrument`: what a person with a laptop in the snow sees."""

from __future__ import annotations

import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.model import DeviceSpec
from devices.registry import load_catalog, load_uplinks
from devices.site_file import parse_site
from satomori.device_help import (
    Place,
    interval_text,
    notes_of,
    options_of,
    site_lines,
    stick_lines,
    toml_value,
    unit_of,
)
from tests.support import wait_until

SITE_HEAD = """version = 1
[town]
id = "t"
name = "町"
[[station]]
id = "station-01"
name = "峠"
domain = "snow"
[[gateway]]
id = "gw-01"
name = "役場"
"""
CATALOG = load_catalog()


def satomori(*arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "satomori", *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )


@contextmanager
def instrument(link: Path, *arguments: str) -> Iterator[None]:
    command = [sys.executable, "-m", "satomori", "sim", "instrument", *arguments, "--port", str(link)]
    child = subprocess.Popen(command)
    try:
        wait_until(link.exists, 30.0)
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        assert child.wait(10.0) == 0


@pytest.mark.parametrize("spec", CATALOG.values(), ids=CATALOG.keys())
def test_the_lines_for_every_model_load_as_they_are(spec: DeviceSpec) -> None:
    site = parse_site(SITE_HEAD + site_lines(spec))
    assert site.device[0].model == spec.model
    assert len(site.gateway[0].source) == (0 if spec.model == "senml" else 1)


@pytest.mark.parametrize("spec", CATALOG.values(), ids=CATALOG.keys())
def test_everything_shown_of_every_model_has_words(spec: DeviceSpec) -> None:
    assert interval_text(spec)
    assert notes_of(spec)
    for key in spec.quantities:
        assert unit_of(key) is not None
    for row in options_of(spec)[0]:
        assert row.key
        assert row.kind


def test_where_an_instrument_was_found_stands_in_its_lines() -> None:
    place = Place(port="/dev/ttyUSB3", address="4", baud=1200, parity="E")
    site = parse_site(SITE_HEAD + site_lines(CATALOG["campbell_sr50a_sdi12"], place))
    source = site.gateway[0].source[0]
    assert (source.port, source.baud, source.parity, site.device[0].bus_address) == ("/dev/ttyUSB3", 1200, "E", "4")


def test_options_are_told_with_their_defaults() -> None:
    rows, about = options_of(CATALOG["campbell_sr50a_sdi12"])
    assert {row.key for row in rows} >= {"measurement", "adapter"}
    assert any("prompt" in text for text in about)
    [unit] = [row for row in options_of(CATALOG["campbell_sr50a_serial"])[0] if row.key == "unit"]
    assert unit.default == ""
    assert '"mm"' in unit.kind


def test_a_radio_stick_found_gives_lines_that_load() -> None:
    uplink = load_uplinks()["enocean_esp3"]
    site = parse_site(SITE_HEAD + "\n".join(stick_lines(uplink, Place(port="/dev/ttyUSB0", baud=57_600))))
    assert site.gateway[0].source[0].uplink == "enocean_esp3"


@pytest.mark.parametrize(
    "value", [1, 1.5, True, 'a "b"', ["x", 2], {"a": 1, "b c": [{"d": False}]}, {}, [], "町\n", -0.25]
)
def test_a_value_is_written_as_toml_reads_it(value: object) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value


def test_list_names_models_with_what_they_measure() -> None:
    result = satomori("devices", "list", "積雪深")
    assert result.returncode == 0
    assert "lufft_shm31_umb" in result.stdout
    assert "milesight_ws101" not in result.stdout
    assert "積雪深" in result.stdout


def test_show_tells_all_of_a_model() -> None:
    result = satomori("devices", "show", "campbell_sr50a_serial")
    assert result.returncode == 0
    for text in ("9600 baud, 8N1", "https://", "距離 / Distance", "[[gateway.source]]", 'unit = "m"', "STX"):
        assert text in result.stdout


def test_show_of_an_unknown_model_is_one_clear_line() -> None:
    result = satomori("devices", "show", "nothing")
    assert result.returncode == 2
    assert "device model 'nothing' is not in the catalogue" in result.stderr


def test_identify_finds_a_simulated_instrument_and_its_lines_load(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    with instrument(link, "maxbotix_mb7374", "--value", "distance=1.5", "--every-s", "0.1"):
        result = satomori("devices", "identify", "--port", str(link))
    assert result.returncode == 0
    assert "frames understood" in result.stdout
    site = parse_site(SITE_HEAD + result.stdout)
    assert site.gateway[0].source[0].port == str(link)
    assert site.device[0].model.startswith("maxbotix_")


def test_identify_without_anybody_there_exits_1_and_says_what_to_check(tmp_path: Path) -> None:
    link = tmp_path / "tty"
    with instrument(link, "maxbotix_mb7374", "--value", "distance=1.5", "--fault", "silence:1000@0"):
        result = satomori("devices", "identify", "--port", str(link), "--timeout-s", "4")
    assert result.returncode == 1
    assert "応答がありません" in result.stdout


def test_identify_of_no_port_is_one_clear_line(tmp_path: Path) -> None:
    result = satomori("devices", "identify", "--port", str(tmp_path / "gone"))
    assert result.returncode == 2
    assert "does not exist" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("maxbotix_mb7374", "--value", "distance"), "'distance' is not KEY=VALUE"),
        (("maxbotix_mb7374", "--value", "distance=far"), "distance='far' is not a number"),
        (("maxbotix_mb7374", "--value", "distance=1", "--fault", "fire:1@2"), "KIND:SECONDS@START"),
        (("milesight_em300_mcs",), "does not speak on a serial line"),
        (("nothing",), "not in the catalogue"),
    ],
)
def test_a_simulated_instrument_that_cannot_be_is_one_clear_line(
    tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    result = satomori("sim", "instrument", *arguments, "--port", str(tmp_path / "tty"))
    assert result.returncode == 2
    assert line in result.stderr
    assert not (tmp_path / "tty").exists()
