"""A folder has one service, and a disk that refuses is waited for."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

from devices.hold import hold, when_possible
from devices.model import PermanentError, TransientError


def test_a_second_one_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = hold(tmp_path / "x.lock", what="ingest")
    with pytest.raises(PermanentError, match="another ingest works in"):
        hold(tmp_path / "x.lock", what="ingest")
    first.close()
    hold(tmp_path / "x.lock", what="ingest").close()


def test_a_folder_that_is_not_there_is_worth_waiting_for(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="No such file"):
        hold(tmp_path / "absent" / "x.lock", what="ingest")


def test_faults_are_told_once_and_waited_for() -> None:
    told: list[str] = []
    tries = iter(["first", "second"])

    def attempt() -> str:
        if fault := next(tries, ""):
            raise TransientError(fault)
        return "done"

    assert when_possible(attempt, Event(), on_fault=lambda error: told.append(str(error))) == "done"
    assert told == ["first"]


def test_a_stop_ends_the_waiting() -> None:
    stop = Event()

    def attempt() -> str:
        stop.set()
        raise TransientError("no")

    assert when_possible(attempt, stop, on_fault=lambda _error: None) is None
