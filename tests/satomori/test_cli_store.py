"""`satomori store` as a person calls it."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devices.clock import Clock
from devices.model import SECOND_NS, PermanentError
from ingest.forward_book import FORWARD_FILE, ForwardBook
from satomori.cli import app
from satomori.cli_store import SILENT_S, read_store_site
from satomori.services import TownOptions, town_services
from tests.ingest.stores.fault_server import Answer, fault_server
from tests.ingest.test_migrate import SITE, fill


def call(*words: str) -> str:
    result = CliRunner().invoke(app, ["store", *words], catch_exceptions=False)
    return f"{result.exit_code} {result.output}"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    path.write_text(SITE.format(url="http://127.0.0.1:1"), encoding="utf-8")
    return path


def test_status_before_anything(site: Path, tmp_path: Path) -> None:
    assert "not started yet" in call("status", "--site", str(site), "--data", str(tmp_path))


def test_migrate_and_status(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.signals.stop_on_signals", threading.Event)
    fill(tmp_path, 60)
    bad = str(1_700_000_007_000_000_000)
    with fault_server(
        lambda lines: Answer(status=400, body="no", takes=False) if any(bad in x for x in lines) else Answer()
    ) as server:
        site.write_text(SITE.format(url=server.url), encoding="utf-8")
        words = ("--site", str(site), "--data", str(tmp_path))
        said = call("migrate", *words)
        assert "done: 60 rows" in said
        assert "refused 1)" in said
        assert "copied already" in call("migrate", *words)
    said = call("status", *words)
    assert "working" in said
    assert "refused: snow-2 snow_depth 7.0 at 1700000007000000000 ns" in said


def test_a_copying_that_was_interrupted_says_how_it_goes_on_and_counts_rows_not_sendings(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, 100)
    stop, words = threading.Event(), ("--site", str(site), "--data", str(tmp_path))

    def take_and_stop(_lines: list[str]) -> Answer:
        stop.set()
        return Answer()

    with fault_server(take_and_stop) as server:
        site.write_text(SITE.format(url=server.url), encoding="utf-8")
        monkeypatch.setattr("devices.signals.stop_on_signals", lambda: stop)
        said = call("migrate", *words)
        assert said.startswith("130 ")
        assert "the same command goes on" in said
        assert "(accepted 40; " in said
        assert "copying by hand is not finished" in call("status", *words)
        monkeypatch.setattr("devices.signals.stop_on_signals", threading.Event)
        said = call("migrate", *words)
    assert said.startswith("0 ")
    assert "done: 100 rows" in said
    assert "what was sent twice is one point" in said
    assert len(server.stored) == 100


def test_a_forwarder_that_says_no_more_is_not_called_well(site: Path, tmp_path: Path) -> None:
    now_ns = Clock().now_ns()
    words = ("--site", str(site), "--data", str(tmp_path))
    with closing(ForwardBook(tmp_path / FORWARD_FILE)) as book:
        book.note("influx", state="ok", said="", now_ns=now_ns - int(SILENT_S + 1) * SECOND_NS)
        said = call("status", *words)
        assert "not running" in said
        assert "working" not in said
        book.note("influx", state="ok", said="", now_ns=now_ns)
        assert "working" in call("status", *words)


def test_status_of_a_site_without_store(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('version = 1\n[town]\nid = "t"\nname = "t"\n', encoding="utf-8")
    assert "journal.db alone" in call("status", "--site", str(tmp_path / "site.toml"))


@pytest.mark.parametrize(
    ("words", "said"), [(("--to", "nosuch"), "no [store.nosuch]"), (("--from", "influx"), "only the journal")]
)
def test_wrong_words(site: Path, tmp_path: Path, words: tuple[str, str], said: str) -> None:
    answer = call("migrate", "--site", str(site), "--data", str(tmp_path), *words)
    assert answer.startswith("2 ")
    assert said in " ".join(answer.replace("│", "").split())


def test_no_journal_no_migration(site: Path, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match=r"no journal\.db"):
        call("migrate", "--site", str(site), "--data", str(tmp_path))


def test_forward_is_a_service_only_when_there_is_a_store(site: Path, tmp_path: Path) -> None:
    options = TownOptions(site_path=site, data_dir=tmp_path, broker="none")
    town = read_store_site(site)
    assert [s.name for s in town_services(town, options)] == ["ingest", "alerts", "forward", "api"]
    without = town.model_copy(update={"store": {"journal": {}}})
    assert [s.name for s in town_services(without, options)] == ["ingest", "alerts", "api"]
