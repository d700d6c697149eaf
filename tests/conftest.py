"""Fixtures of every test: log calls are checked, ports are free."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from tests import support

ROOMS = ("satomori", "api", "alerts", "gateway", "ingest", "firmware_sim", "devices")


@pytest.fixture(autouse=True)
def log_calls_can_be_formatted() -> Iterator[None]:
    """Fail a test in which a log call had a format string its arguments do not fit.

    `logging` swallows such errors, so they would show only as a lost line in production. Every level of our own
    loggers is switched on, because a broken debug line is found by nobody else.
    """
    broken: list[str] = []
    make_record = logging.getLogRecordFactory()

    def checked_record(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        try:
            record.getMessage()
        except (TypeError, ValueError, KeyError) as error:
            broken.append(f"{record.name}:{record.lineno}: {record.msg!r} % {record.args!r}: {error}")
        return record

    levels = {room: logging.getLogger(room).level for room in ROOMS}
    logging.setLogRecordFactory(checked_record)
    for room in ROOMS:
        logging.getLogger(room).setLevel(logging.DEBUG)
    yield
    logging.setLogRecordFactory(make_record)
    for room, level in levels.items():
        logging.getLogger(room).setLevel(level)
    assert not broken, "log calls with a broken format string:\n" + "\n".join(broken)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Give a function that finds a free loopback port each time it is called."""
    return support.free_port
