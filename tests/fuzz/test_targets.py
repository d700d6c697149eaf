"""Every parser on a few hundred bad inputs; `python -m tests.fuzz.run` does the same with a million."""

from __future__ import annotations

import pytest

from devices.model import PermanentError
from tests.fuzz.harness import Target, collect, run_chunk
from tests.fuzz.run import main

FEW = 300
FOUND, BROKEN = collect()


def test_every_target_file_can_be_used() -> None:
    assert BROKEN == []


@pytest.mark.parametrize("name", FOUND)
def test_the_seeds_of_a_target_do_nothing_wrong(name: str) -> None:
    for seed in FOUND[name].seeds:
        try:
            FOUND[name].call(seed)
        except FOUND[name].errors:
            continue


@pytest.mark.parametrize("name", FOUND)
def test_a_target_survives_bad_inputs(name: str) -> None:
    assert run_chunk(FOUND[name], seed=1, start=0, count=FEW).failures == ()


def test_the_same_seed_gives_the_same_inputs() -> None:
    fed: list[list[bytes]] = [[], []]
    for inputs in fed:
        run_chunk(Target(name="t", call=inputs.append, seeds=(b"R1234\r", b'{"a":[1,2]}')), seed=7, start=0, count=200)
    assert fed[0] == fed[1]
    assert len(set(fed[0])) > 100


def _fails_on_long(payload: bytes) -> None:
    if len(payload) > 3:
        raise ValueError("long")
    raise PermanentError("short")


def test_another_exception_than_permanent_error_is_a_failure() -> None:
    result = run_chunk(Target(name="t", call=_fails_on_long, seeds=(b"R1234\r",)), seed=1, start=0, count=500)
    (failure,) = result.failures
    assert failure.what.startswith("ValueError at test_targets.py:")
    assert len(failure.payload) == 4
    assert result.counts[failure.what] > 100


def test_a_repaired_checksum_reaches_the_code_behind_it() -> None:
    reached: list[bytes] = []

    def call(payload: bytes) -> None:
        if payload[-1:] != bytes([sum(payload[:-1]) & 0xFF]):
            raise PermanentError("checksum")
        reached.append(payload)

    def repair(payload: bytes) -> bytes:
        return payload[:-1] + bytes([sum(payload[:-1]) & 0xFF])

    run_chunk(Target(name="t", call=call, seeds=(b"abc\x26",), repair=repair), seed=1, start=0, count=400)
    assert len(reached) > 150


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "senml", "--count", "50"]) == 0
    out = capsys.readouterr().out
    assert "senml: 50 inputs" in out
    assert main(["--only", "senml", "--hex", "5b5d"]) == 0
