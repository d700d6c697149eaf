"""A disk that refuses for a moment, at any write, truncation or sync: nothing told is missing, trying again suffices.

No root and no small disk is needed: the layer in SQLite's VFS says no in the disk's place.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from devices.model import TransientError
from gateway.spool import Spool
from ingest.journal import JournalWriter
from tests.gateway.spools import START_NS, abandon, open_spool
from tests.ingest.journal_cases import T0_NS, dump
from tests.power import test_journal, test_spool
from tests.power.cutting import SEED, assert_nothing_set_aside, assert_whole, small_disk
from tests.power.recorder import Recorder, load_sqlite

T = TypeVar("T")

PLACES = 25
LASTS = 3
"""So many operations in a row are refused."""
CODES = {"disk full": 13, "write fails": 778, "sync fails": 1034, "read-only": 8}
STEPS = 24


class Refuser(Recorder):
    """Refuses the operations from number `first` on, `LASTS` of them; counts all."""

    first = 10**9
    code = 0
    count = 0

    def _is_refused(self) -> bool:
        self.count += 1
        return self.first <= self.count < self.first + LASTS

    def _on_write(self, file: int, content: int, size: int, offset: int) -> int:
        return self.code if self._is_refused() else super()._on_write(file, content, size, offset)

    def _on_truncate(self, file: int, size: int) -> int:
        return self.code if self._is_refused() else super()._on_truncate(file, size)

    def _on_sync(self, file: int, flags: int) -> int:
        return self.code if self._is_refused() else super()._on_sync(file, flags)


Work = Callable[[Path], None]


def refuse(work: Work, check: Work, *, code: int) -> int:
    """Do the work again and again, refused elsewhere each time; return how many operations it takes undisturbed."""
    library = load_sqlite()
    if library is None:
        pytest.skip("the SQLite inside this Python cannot be reached from outside")
    chance, places = random.Random(f"{SEED}/{code}"), [10**9]
    for number in range(PLACES + 1):
        with small_disk() as folder:
            refuser = Refuser(library, folder)
            refuser.first, refuser.code = places[number], code
            with refuser.watching():
                work(folder)
            check(folder)
        if number == 0:
            places += sorted(chance.sample(range(1, refuser.count), PLACES))
    return len(places) - 1


def until_taken(attempt: Callable[[], T], *, tend: Callable[[], object] = lambda: None) -> T:
    """Try as the product does: a disk that refuses is tried again, with housekeeping in between; no other fault is."""
    for _ in range(LASTS + 3):
        try:
            return attempt()
        except TransientError:
            with suppress(TransientError):
                tend()
    raise AssertionError("refused for ever")


def open_journal(folder: Path) -> JournalWriter:
    return until_taken(lambda: JournalWriter.open(folder / "journal.db", now_ns=T0_NS))


def write_journal(folder: Path) -> None:
    writer = open_journal(folder)
    for number in range(1, STEPS + 1):
        until_taken(partial(writer.commit, test_journal.make_batch(number)))
        if number % 4 == 0:
            until_taken(partial(writer.tend, now_ns=T0_NS, is_forced=number % 8 == 0))
        if number == STEPS // 2:
            writer.close()
            writer = open_journal(folder)
    writer.close()


@pytest.fixture(scope="module")
def journal_content(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_journal(folder)
    return test_journal.without_numbers(dump(folder / "journal.db", test_journal.TABLES))


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_the_journal_takes_all_in_the_end(journal_content: Mapping[str, object], code: int) -> None:
    def check(folder: Path) -> None:
        JournalWriter.open(folder / "journal.db", now_ns=T0_NS).close()
        content = test_journal.without_numbers(dump(folder / "journal.db", test_journal.TABLES))
        assert content == journal_content
        assert_nothing_set_aside(folder)
        assert_whole(folder / "journal.db")

    assert refuse(write_journal, check, code=code) == PLACES


def spool_in(folder: Path) -> Spool:
    return until_taken(lambda: open_spool(folder, max_bytes=test_spool.SPOOL_BYTES))


def write_spool(folder: Path) -> None:
    spool = spool_in(folder)
    for step in range(1, 3 * STEPS + 1):
        until_taken(partial(test_spool.do_step, spool, step), tend=partial(spool.tend, now_ns=START_NS))
        if step == STEPS:
            abandon(spool)
            spool = spool_in(folder)
    abandon(spool)


@pytest.fixture(scope="module")
def spool_content(tmp_path_factory: pytest.TempPathFactory) -> test_spool.Held:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_spool(folder)
    return held(folder)


def held(folder: Path) -> test_spool.Held:
    spool = spool_in(folder)
    found = test_spool.held(spool)
    spool.close()
    return found


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_the_spool_takes_all_in_the_end(spool_content: test_spool.Held, code: int) -> None:
    def check(folder: Path) -> None:
        assert held(folder) == spool_content
        assert_nothing_set_aside(folder)
        assert_whole(folder / "spool-gw.db")

    assert refuse(write_spool, check, code=code) == PLACES
