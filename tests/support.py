"""What tests of every room share: waiting with a deadline, and ports nobody holds."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

POLL_S = 0.01

T = TypeVar("T")


def wait_until(predicate: Callable[[], T], timeout_s: float = 10.0, *, what: str | Callable[[], str] = "") -> T:
    """Call `predicate` until it answers something true and return that; fail the test after `timeout_s`.

    Polls every 10 ms on the monotonic clock. `what` names the thing waited for in the failure; as a function it is
    asked only then.
    """
    never = threading.Event()
    deadline_s = time.monotonic() + timeout_s
    while not (answer := predicate()):
        if time.monotonic() >= deadline_s:
            said = what() if callable(what) else what
            _fail_after(deadline_s, timeout_s=timeout_s, what=said or _name(predicate), answer=answer)
        never.wait(POLL_S)
    return answer


async def wait_until_async(predicate: Callable[[], T], timeout_s: float = 10.0, *, what: str = "") -> T:
    """Do as `wait_until` does, without blocking the event loop."""
    deadline_s = time.monotonic() + timeout_s
    while not (answer := predicate()):
        _fail_after(deadline_s, timeout_s=timeout_s, what=what or _name(predicate), answer=answer)
        await asyncio.sleep(POLL_S)
    return answer


def free_port() -> int:
    """Give a TCP port of loopback that nobody listened on a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Return whether somebody else listens on `port` of loopback.

    Who knocks at a free port of the range from which outgoing connections take theirs can end up connected with
    himself; that connection would even take the port away from the server that is about to start.
    """
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0 and knock.getsockname() != knock.getpeername()


def _name(predicate: Callable[[], object]) -> str:
    return getattr(predicate, "__qualname__", repr(predicate))


def _fail_after(deadline_s: float, *, timeout_s: float, what: str, answer: object) -> None:
    if time.monotonic() >= deadline_s:
        raise AssertionError(f"{what}: still {answer!r} after {timeout_s} s")
