"""The guards of the test suite itself bite."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from tests.support import wait_until, wait_until_async


def test_wait_until_returns_the_first_true_answer() -> None:
    numbers = count()
    assert wait_until(lambda: next(numbers) >= 3 and "done", 5.0) == "done"


def test_wait_until_fails_after_its_deadline_and_names_the_thing() -> None:
    with pytest.raises(AssertionError, match=r"the mail: still \[\] after 0.05 s"):
        wait_until(list[str], 0.05, what="the mail")


def test_wait_until_async_lets_the_loop_run() -> None:
    async def wait_for_task() -> bool:
        task = asyncio.create_task(asyncio.sleep(0.02))
        return await wait_until_async(task.done, 5.0)

    assert asyncio.run(wait_for_task())


def test_free_port_can_be_bound(free_port: Callable[[], int]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))


def test_a_broken_log_call_in_a_thread_fails_its_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    pytester.makeconftest("from tests.conftest import log_calls_can_be_formatted")
    pytester.makepyfile(
        """
        import logging
        import threading

        def test_broken():
            broken = threading.Thread(target=logging.getLogger("ingest.journal").debug, args=("%d rows", "three"))
            broken.start()
            broken.join()

        def test_sound():
            logging.getLogger("ingest.journal").debug("rows_stored", extra={"rows": 3})
        """
    )
    # In a process of its own: in this one the guard of this very test would catch the call too.
    outcome = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    outcome.assert_outcomes(passed=2, errors=1)
    outcome.stdout.fnmatch_lines(["*log calls with a broken format string*"])
