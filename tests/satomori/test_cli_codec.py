"""`satomori decode` with models and codecs, and `satomori devices add-codec`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devices.codec_catalog import load_codecs
from devices.model import PermanentError
from satomori.cli_codec import add_codec
from tests.devices.codecs import EXAMPLE, FIELDS, THERMOMETER, head, put


def decode(*arguments: str) -> tuple[int, list[Any], str]:
    """Return the exit code, the objects printed and what stands on standard error."""
    command = [sys.executable, "-m", "satomori", "decode", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.fixture
def codec(tmp_path: Path) -> Path:
    return put(tmp_path / "given").codec


@pytest.mark.bad_input(58)
@pytest.mark.parametrize("text", ["06 00 01", "060001", "06:00:01", " 06 0001 ", "06 00 01\n"])
def test_hex_with_blanks_is_read(text: str) -> None:
    code, shown, _ = decode("--model", "milesight_em300_mcs", "--port", "85", text)
    assert code == 0
    assert shown == [
        {"values": {"contact_open": 1.0}, "units": {"contact_open": "1"}, "seq": None, "observed_at": None}
    ]  # fmt: skip


def test_a_codecs_own_output_is_printed(codec: Path) -> None:
    code, shown, _ = decode("--codec", str(codec), "--port", "7", "ff ce 32 01", "0", "00")
    assert code == 2
    good, bad, odd = shown
    assert good == {"data": EXAMPLE["data"] | {"sensor": {"temperature": -5, "humidity": 50}}}
    assert bad == {"error": "not hexadecimal: pairs of 0-9 and a-f are expected", "bytes": "0"}
    # cut: the temperature is a number all the same, the humidity is undefined
    assert odd["odd"] == {"sensor.humidity": "undefined"}
    assert odd["data"]["sensor"] == {"temperature": 0, "humidity": None}


def test_with_a_mapping_it_shows_what_is_published_and_what_is_not(codec: Path) -> None:
    mapping = str(codec.with_name("mapping.toml"))
    code, shown, _ = decode("--codec", str(codec), "--mapping", mapping, "--port", "7", "ffce3201", "00")
    assert code == 2
    assert shown[0]["values"] == {"air_temperature": -5.0, "contact_open": 1.0, "relative_humidity": 50.0}
    assert shown[0]["units"]["air_temperature"] == "Cel"
    assert shown[0]["unmapped"] == ["firmware"]
    assert "1 bytes, codec codec.js needs 4" in shown[1]["error"]


def test_a_model_of_the_sites_own_codecs_is_found(codec: Path) -> None:
    folder = str(codec.parents[1])
    code, shown, _ = decode("--device", "acme_th_js", "--codecs", folder, "ffce3200")
    assert code == 0
    assert shown[0]["values"]["air_temperature"] == -5.0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("00",), "give either --device MODEL or --codec FILE.js"),
        (("--device", "maxbotix_mb7374", "--codec", "x.js", "00"), "give either --device MODEL or --codec FILE.js"),
        (("--codec", "x.js", "00"), "a codec needs --port and HEX payloads"),
        (("--codec", "gone.js", "--port", "1", "00"), "codec gone.js cannot be read"),
        (("--device", "nothing", "--codecs", "gone", "00"), "codec folder gone does not exist"),
    ],
)
def test_bad_use_is_one_clear_line(arguments: tuple[str, ...], told: str) -> None:
    code, shown, error = decode(*arguments)
    assert (code, shown) == (2, [])
    assert told in error


def test_a_codec_is_checked_and_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = put(tmp_path / "given")
    folder = tmp_path / "codecs"
    add_codec(codec=files.codec, mapping=files.mapping, examples=files.examples, folder=folder)
    assert set(load_codecs(folder)) == {"acme_th_js"}
    said = capsys.readouterr().out
    assert "examples: 1 / 1" in said
    assert "not published: firmware\n" in said
    assert "sensor" not in said
    with pytest.raises(PermanentError, match="--replace"):
        add_codec(codec=files.codec, mapping=files.mapping, examples=files.examples, folder=folder)
    add_codec(codec=files.codec, mapping=files.mapping, examples=files.examples, folder=folder, replace=True)


def test_the_command_installs_a_codec_and_decode_finds_it(tmp_path: Path) -> None:
    files = put(tmp_path / "given")
    folder = str(tmp_path / "codecs")
    command = [
        sys.executable, "-m", "satomori", "devices", "add-codec", str(files.codec), "--mapping", str(files.mapping),
        "--examples", str(files.examples), "--folder", folder,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert 'model = "acme_th_js"' in done.stdout
    assert decode("--device", "acme_th_js", "--codecs", folder, "ffce3200")[0] == 0
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "--replace" in again.stderr


@pytest.mark.bad_input(55)
def test_a_codec_that_fails_is_not_installed(tmp_path: Path) -> None:
    files = put(tmp_path / "given", source=THERMOMETER.replace("temperature:", "temp:"))
    with pytest.raises(PermanentError, match="fails its own examples"):
        add_codec(codec=files.codec, mapping=files.mapping, examples=files.examples, folder=tmp_path / "codecs")
    assert not (tmp_path / "codecs").exists()


def test_override_installs_it_and_says_what_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = {**EXAMPLE, "data": {"firmware": "1.2"}}
    files = put(tmp_path / "given", mapping="override = true\n" + head() + FIELDS, examples=[EXAMPLE, wrong])
    add_codec(codec=files.codec, mapping=files.mapping, examples=files.examples, folder=tmp_path / "codecs")
    said = capsys.readouterr().out
    assert "examples: 1 / 2" in said
    assert "fails, used because of override: example 2 (ffce3201): data.door is ON, expected None" in said
