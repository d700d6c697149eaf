"""Bad use ends with exit code 2 and one clear line; help says what, units and defaults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = (
    "demo",
    "up",
    "gateway",
    "ingest",
    "alerts",
    "api",
    "decode",
    "backtest",
    "doctor",
    "sim replay",
    "sim record",
)


def satomori(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "satomori", *arguments], capture_output=True, text=True, timeout=60.0, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("plough",), "No such command 'plough'."),
        (("decode",), "give either --device MODEL or --codec FILE.js"),
        (("decode", "--device", "nothing", "00"), "device model 'nothing' is not in the catalogue"),
        (("decode", "--device", "maxbotix_mb7374"), "give either HEX payloads or --stream FILE"),
        (("decode", "--device", "maxbotix_mb7374", "--stream", "gone.bin"), "capture file gone.bin does not exist"),
        (("ingest", "--site", "gone.toml"), "site file gone.toml does not exist; --site names the town's site.toml"),
        (("up", "--site", "gone.toml", "--port", "70000"), "Invalid value for '--port'"),
        (("sim", "replay"), "Missing option '--site'."),
        (("sim", "record", "--out", "x.jsonl"), "give either --topic (one or more) or --serial"),
    ],
)
def test_bad_use_is_one_clear_line_and_exit_2(arguments: tuple[str, ...], line: str) -> None:
    result = satomori(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("satomori: ")
    assert line in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_all_problems_of_a_site_are_listed_at_once_with_line_and_key(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        'version = 1\n[town]\nid = "t"\nname = "T"\n'
        '[[device]]\nid = "d"\nname = "D"\nmodel = "nothing"\nstation = "nowhere"\nheight = 3\n'
        '[[rule]]\nid = "r"\nkind = "threshold"\nquantity = "snow_depth"\nparams = { raise_at = "high" }\n',
        encoding="utf-8",
    )
    result = satomori("ingest", "--site", str(path))
    assert result.returncode == 2
    problems = {line.split(": ", 2)[1]: line for line in result.stderr.splitlines() if ": " in line}
    assert "line 10" in problems["device[0].height"]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_it_does(command: str) -> None:
    result = satomori(*command.split(), "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Usage: ")
    assert len(result.stdout.splitlines()[2].strip()) > 20


def test_decode_prints_one_object_a_payload() -> None:
    result = satomori("decode", "--device", "maxbotix_mb7374", "52313233340d", "52310d")
    assert result.returncode == 2
    good, bad = result.stdout.splitlines()
    assert good == '{"values": {"distance": 1.234}, "units": {"distance": "m"}, "seq": null, "observed_at": null}'
    assert bad.startswith('{"error": ')
