"""A power cut while a damaged file is set aside and saved: what is readable is taken over in the end all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.spool import Spool
from ingest.journal import JournalWriter
from ingest.journal_read import JournalReader
from tests.gateway.spools import all_waiting, open_spool, row
from tests.ingest.journal_cases import SECOND_NS, T0_NS, batch, event, reading
from tests.power.cutting import Recording, assert_whole, record, small_disk, try_cuts, write_files
from tests.power.disk import Cut, Rename, Told, cuts
from tests.power.recorder import Recorder

PAGE = 4096
ROWS = 300
CUTS = 60
AFTER = 5

Files = dict[str, bytes]


def zero_page(content: bytes, page: int) -> bytes:
    return content[: page * PAGE] + bytes(PAGE) + content[(page + 1) * PAGE :]


def files_in(folder: Path, name: str) -> Files:
    return {
        path.name: path.read_bytes() for path in folder.glob(f"{name}*") if not path.name.endswith((".lock", "-shm"))
    }


def old_body(number: int) -> bytes:
    return b"old %d " % number * 60


def spool_with_rows(folder: Path) -> Files:
    """A spool as a kill leaves it: some rows in the file, some in the log only."""
    spool = open_spool(folder)
    spool.append([row(n, body=old_body(n)) for n in range(ROWS)])
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool.append([row(n, body=old_body(n)) for n in range(ROWS, ROWS + 20)])
    files = {name: content for name, content in files_in(folder, "spool-gw.db").items() if "ballast" not in name}
    spool.close()
    return files


def in_the_middle(recording: Recording) -> Mapping[str, bytes]:
    """What a first cut leaves when half of what is readable is taken over."""
    renamed = max(n for n, change in enumerate(recording.changes) if isinstance(change, Rename))
    ready = next(n for n, change in enumerate(recording.changes) if isinstance(change, Told))
    (cut, _) = cuts(recording.changes, [(renamed + ready) // 2], seed=0, contents=recording.contents)
    return cut.files


def waiting(spool: Spool) -> set[bytes]:
    return {stored.body for stored in all_waiting(spool)}


def test_a_spool_being_saved() -> None:
    with small_disk() as folder:
        files = spool_with_rows(folder)
        files["spool-gw.db"] = zero_page(files["spool-gw.db"], 20)
    with small_disk() as folder:
        write_files(folder, files)
        spool = open_spool(folder)
        readable = waiting(spool)
        spool.close()
    assert ROWS // 2 < len(readable) < ROWS + 20

    def work(folder: Path, recorder: Recorder) -> None:
        spool = open_spool(folder)
        for number in range(AFTER):
            spool.append([row(number, body=b"new %d" % number)])
            recorder.told(number + 1)
        spool.close()

    def check(folder: Path, cut: Cut) -> None:
        spool = open_spool(folder)
        found = waiting(spool)
        assert readable - found == set(), f"{len(readable - found)} rows not taken over"
        assert {b"new %d" % number for number in range(cut.told)} <= found
        spool.close()
        assert_whole(folder / "spool-gw.db")

    recording = record(work, contents=files)
    assert any(isinstance(change, Rename) for change in recording.changes)
    assert try_cuts(recording, check, count=CUTS) == []
    again = record(work, contents=in_the_middle(recording))
    assert try_cuts(again, check, count=CUTS // 2) == []


def journal_with_rows(folder: Path) -> Files:
    writer = JournalWriter.open(folder / "journal.db", now_ns=T0_NS)
    for device_id in ("a", "b", "c"):
        rows = [reading(device_id, at_s=second) for second in range(ROWS)]
        writer.commit(batch(rows, events=[event(f"event-{device_id}")], state={device_id: b"1"}))
    while writer.tend(now_ns=T0_NS, is_forced=True):
        pass
    writer._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    writer.commit(batch([reading("d", at_s=1)], events=[event("event-d")]))
    files = files_in(folder, "journal.db")
    writer.close()
    return files


def counts(path: Path) -> tuple[Mapping[tuple[str, str], int], set[str]]:
    reader = JournalReader(path)
    return reader.observation_counts(), {row.event.event_id for row in reader.events_after(0)}


def test_a_journal_being_saved() -> None:
    with small_disk() as folder:
        files = journal_with_rows(folder)
        files["journal.db"] = zero_page(files["journal.db"], len(files["journal.db"]) // PAGE - 3)
    with small_disk() as folder:
        write_files(folder, files)
        JournalWriter.open(folder / "journal.db", now_ns=T0_NS).close()
        readable, events = counts(folder / "journal.db")
        assert any("damaged" in path.name for path in folder.iterdir())
    assert len(readable) >= 2

    def work(folder: Path, recorder: Recorder) -> None:
        writer = JournalWriter.open(folder / "journal.db", now_ns=T0_NS + SECOND_NS)
        for number in range(AFTER):
            writer.commit(batch([reading(f"new-{number}")], events=[event(f"new-{number}")]))
            recorder.told(number + 1)
        writer.close()

    def check(folder: Path, cut: Cut) -> None:
        writer = JournalWriter.open(folder / "journal.db", now_ns=T0_NS + 2 * SECOND_NS)
        found, told = counts(folder / "journal.db")
        missing = {name: (count, found.get(name, 0)) for name, count in readable.items() if found.get(name, 0) < count}
        assert missing == {}
        assert events <= told
        assert {f"new-{number}" for number in range(cut.told)} <= told
        writer.close()
        assert_whole(folder / "journal.db")

    recording = record(work, contents=files)
    assert any(isinstance(change, Rename) for change in recording.changes)
    assert try_cuts(recording, check, count=CUTS) == []
    again = record(work, contents=in_the_middle(recording))
    assert try_cuts(again, check, count=CUTS // 2) == []
