"""Setting a damaged file aside: nothing is overwritten, and what was begun is known until it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.set_aside import end_saving, set_aside, unfinished

NOW_NS = 1_700_000_000 * 1_000_000_000
ASIDE = "file.db.damaged-20231114T221320Z"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"file.db{suffix}").write_text(suffix)
    return tmp_path / "file.db"


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_file_and_log_keep_their_bytes_under_one_name(path: Path) -> None:
    assert set_aside(path, now_ns=NOW_NS).name == ASIDE
    assert names(path) == [ASIDE, f"{ASIDE}-shm", f"{ASIDE}-wal", "file.db.saving"]
    assert path.with_name(f"{ASIDE}-wal").read_text() == "-wal"


def test_it_is_unfinished_until_it_is_ended(path: Path) -> None:
    assert unfinished(path) == []
    aside = set_aside(path, now_ns=NOW_NS)
    assert unfinished(path) == [aside]
    end_saving(path)
    assert unfinished(path) == []
    end_saving(path)


def test_two_in_a_second_are_two_and_both_are_unfinished(path: Path) -> None:
    first = set_aside(path, now_ns=NOW_NS)
    path.write_text("new")
    second = set_aside(path, now_ns=NOW_NS)
    assert second.name == f"{ASIDE}-2"
    assert (first.read_text(), second.read_text()) == ("", "new")
    assert unfinished(path) == [first, second]


def test_a_log_that_stayed_behind_is_brought_after_its_file(path: Path) -> None:
    aside = set_aside(path, now_ns=NOW_NS)
    aside.with_name(f"{aside.name}-wal").rename(path.with_name("file.db-wal"))
    assert unfinished(path) == [aside]
    assert not path.with_name("file.db-wal").exists()
    assert aside.with_name(f"{aside.name}-wal").read_text() == "-wal"


def test_the_log_of_the_new_file_stays_where_it_is(path: Path) -> None:
    aside = set_aside(path, now_ns=NOW_NS)
    for suffix in ("", "-wal"):
        path.with_name(f"file.db{suffix}").write_text("new")
    assert unfinished(path) == [aside]
    assert path.with_name("file.db-wal").read_text() == "new"


@pytest.mark.parametrize("note", [b"", b"file.db.dam", b"\xff\xfe\n", b"../file.db.damaged-x\n", b"other.db\n"])
def test_a_note_that_names_no_file_set_aside_means_nothing(path: Path, note: bytes) -> None:
    path.with_name("file.db.saving").write_bytes(note)
    before = names(path)
    assert unfinished(path) == []
    assert names(path) == before


def test_a_file_that_somebody_moved_away_is_not_waited_for(path: Path) -> None:
    set_aside(path, now_ns=NOW_NS)
    for part in path.parent.glob(f"{ASIDE}*"):
        part.unlink()
    assert unfinished(path) == []
