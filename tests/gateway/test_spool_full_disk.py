"""A full disk: nothing is acknowledged that was not taken, no unsent row is lost, and the way back needs no hands."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.model import TransientError
from gateway.spool import Spool
from gateway.spool_ballast import Ballast
from tests.gateway.spools import MIB, START_NS, abandon, numbers, open_spool, row

BODY = b"z" * 500


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(spool: Spool) -> int:
    """Append until the disk refuses; return how many rows were taken."""
    taken = 0
    try:
        while taken < 100_000:
            taken += len(spool.append([row(taken + i, body=BODY) for i in range(20)]))
    except TransientError:
        return taken
    raise AssertionError("the disk was never full")


def fill_with_others(path: Path) -> None:
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        return


def full_by_others(spool: Spool) -> None:
    """Let the file grow no further: every new page is SQLITE_FULL."""
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")


def test_what_the_hub_has_makes_room_on_a_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, body=BODY) for i in range(300)])
    full_by_others(spool)
    with pytest.raises(TransientError):
        spool.append([row(i, body=BODY) for i in range(40)])
    spool.confirm([(1, 300)], now_ns=START_NS)
    assert list(spool.append([row(i, body=BODY) for i in range(40)])) == list(range(301, 341))
    assert spool.state().rows_dropped == 0
    assert [r.message for r in caplog.records] == ["spool_fault", "spool_fault_over"]


@pytest.mark.bad_input(88)
def test_a_full_disk_costs_no_unsent_row(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, body=BODY) for i in range(300)])
    full_by_others(spool)
    for _ in range(10):
        with pytest.raises(TransientError):
            spool.append([row(i, body=BODY) for i in range(40)])
    assert numbers(spool) == list(range(1, 301))


def test_the_file_may_grow_again_when_the_disk_has_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path)
    full_by_others(spool)
    with pytest.raises(TransientError):
        spool.append([row(i, body=BODY) for i in range(40)])
    spool.tend(now_ns=START_NS)
    assert len(spool.append([row(i, body=BODY) for i in range(4_000)])) == 4_000
    assert [r.message for r in caplog.records] == ["spool_fault", "spool_fault_over"]


@pytest.mark.lesson(4)
def test_a_spool_that_filled_its_disk_itself_gets_free_again(small_disk: Path) -> None:
    spool = open_spool(small_disk)
    taken = fill(spool)
    assert taken > 500
    assert numbers(spool) == list(range(1, taken + 1))
    assert spool.confirm([(1, taken - 100)], now_ns=START_NS) == taken - 100
    for i in range(50):
        spool.append([row(i, body=BODY) for _ in range(4)])
    assert numbers(spool) == list(range(taken - 99, taken + 201))
    abandon(spool)
    again = open_spool(small_disk)
    assert numbers(again) == list(range(taken - 99, taken + 201))
    again.close()


def test_a_disk_that_others_filled_is_waited_for(small_disk: Path) -> None:
    spool = open_spool(small_disk)
    spool.append([row(i, body=BODY) for i in range(100)])
    other = small_disk / "other"
    fill_with_others(other)
    fill(spool)
    taken = spool.newest()
    assert spool.confirm([(1, 10)], now_ns=START_NS) == 10
    other.unlink()
    spool.tend(now_ns=START_NS)
    assert spool.append([row(0)]).start == taken + 1
    assert numbers(spool) == list(range(11, taken + 2))
    spool.close()


def test_a_spool_opens_on_a_full_disk(small_disk: Path) -> None:
    spool = open_spool(small_disk)
    taken = fill(spool)
    abandon(spool)
    again = open_spool(small_disk)
    assert numbers(again) == list(range(1, taken + 1))
    again.close()


def test_ballast_takes_real_room_and_gives_it_up_once(tmp_path: Path) -> None:
    path = tmp_path / "b"
    ballast = Ballast(path, spool_bytes=16 * MIB)
    assert not ballast.give_up()
    assert ballast.keep()
    assert ballast.keep()
    assert path.stat().st_size == MIB
    assert path.stat().st_blocks * 512 >= MIB
    assert ballast.give_up()
    assert not path.exists()


@pytest.mark.parametrize(("spool_mib", "size"), [(1, 64 * 1024), (8, MIB // 2), (512, 4 * MIB), (65_536, 4 * MIB)])
def test_ballast_is_small_beside_the_spool(tmp_path: Path, spool_mib: int, size: int) -> None:
    ballast = Ballast(tmp_path / "b", spool_bytes=spool_mib * MIB)
    assert ballast.keep()
    assert (tmp_path / "b").stat().st_size == size
