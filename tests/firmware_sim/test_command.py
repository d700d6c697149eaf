"""`satomori sim` as a process: SIGTERM ends it within two seconds whatever it is waiting for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
import serial

from firmware_sim.record import read_recording
from tests.firmware_sim.town import ROWS, LineReader, Listener, Town, stop_with_signal, wait_for_lines, wait_until_still
from tests.support import wait_until


def long_rows(device_and_quantity: str) -> str:
    return "".join(f"{10**18 + n},{device_and_quantity},1.5,\n" for n in range(30_000))


def sim(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "satomori", "sim", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def replay(town: Town, *arguments: str) -> subprocess.Popen[str]:
    return sim("replay", "--site", str(town.site_path), "--ledger", str(town.ledger), *arguments)


def ends(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=40.0)
    return process.returncode, out, err


def test_replay_says_how_many_frames_it_sent(town: Town) -> None:
    with LineReader(town.line):
        code, out, err = ends(replay(town, "--input", town.write_rows(), "--unpaced"))
    assert (code, out, err) == (0, "frames sent: 9\n", "")


def test_a_broker_that_is_away_is_one_clear_line(town: Town) -> None:
    town.broker.kill()
    rows = town.write_rows("2026-01-20T00:00:00Z,temp-01,air_temperature,1,\n")
    code, out, err = ends(replay(town, "--input", rows, "--unpaced"))
    assert code == 2
    assert out == ""
    assert err.startswith(f"satomori: no MQTT broker answers on 127.0.0.1:{town.broker.port}")
    assert err.count("\n") == 1


def waits_for_a_reader(town: Town) -> subprocess.Popen[str]:
    process = replay(town, "--input", town.write_rows())
    wait_until(town.line.is_symlink, 20.0)
    return process


def waits_for_its_time(town: Town) -> subprocess.Popen[str]:
    process = replay(town, "--input", town.write_rows(ROWS.replace("snow-01,distance", "temp-01,air_temperature")))
    wait_for_lines(town.ledger, at_least=1)
    return process


def waits_for_the_broker(town: Town) -> subprocess.Popen[str]:
    process = replay(town, "--input", town.write_rows(long_rows("temp-01,air_temperature")), "--unpaced")
    wait_for_lines(town.ledger, at_least=100)
    town.broker.freeze()
    wait_until_still(town.ledger)
    return process


@pytest.mark.parametrize("state", [waits_for_a_reader, waits_for_its_time, waits_for_the_broker])
def test_sigterm_ends_a_replay_that_waits(town: Town, state: Callable[[Town], subprocess.Popen[str]]) -> None:
    process = state(town)
    assert stop_with_signal(process) < 2.0
    code, out, err = ends(process)
    assert (code, err) == (0, "")
    assert out.startswith("frames sent: ")
    assert not town.line.is_symlink()


def test_sigterm_ends_a_replay_whose_line_is_full(town: Town) -> None:
    process = replay(town, "--input", town.write_rows(long_rows("snow-01,distance")), "--unpaced")
    wait_until(town.line.exists, 20.0)
    with serial.Serial(str(town.line), 9600):
        wait_until_still(town.ledger)
        assert stop_with_signal(process) < 2.0
    assert ends(process)[0] == 0


def test_sigterm_ends_a_recording_and_keeps_it(town: Town) -> None:
    out = town.folder / "r.jsonl"
    process = sim("record", "--out", str(out), "--port-number", str(town.broker.port), "--topic", "#")
    wait_until(out.exists, 20.0)
    rows = town.write_rows("2026-01-20T00:00:00Z,temp-01,air_temperature,1,\n")
    assert ends(replay(town, "--input", rows, "--unpaced"))[0] == 0
    wait_for_lines(out, at_least=1)
    assert stop_with_signal(process) < 2.0
    assert ends(process) == (0, "frames recorded: 1\n", "")
    assert [frame.address for frame in read_recording(out)] == ["readings/v1/temp-01"]


def test_a_recording_is_an_input_of_replay(town: Town) -> None:
    out = town.folder / "r.jsonl"
    process = sim(
        "record", "--out", str(out), "--port-number", str(town.broker.port), "--topic", "#", "--seconds", "60"
    )
    wait_until(out.exists, 20.0)
    rows = town.write_rows("2026-01-20T00:00:00Z,pir-01,occupancy,1,\n2026-01-20T00:00:00Z,snow-02,distance,2,5\n")
    assert ends(replay(town, "--input", rows, "--unpaced"))[0] == 0
    wait_for_lines(out, at_least=2)
    stop_with_signal(process)
    ends(process)
    with Listener(town.broker.port) as listener:
        assert ends(replay(town, "--input", str(out), "--unpaced"))[:2] == (0, "frames sent: 2\n")
        wait_until(lambda: len(listener.messages) == 2)
    assert sorted(listener.contents()) == sorted((f.address, f.payload) for f in read_recording(out))
