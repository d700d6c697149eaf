"""`satomori healthcheck`: 0 only when the service itself says that it works."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devices.clock import Clock
from ingest.forward_book import FORWARD_FILE, ForwardBook
from ingest.journal import JournalWriter
from satomori.cli import app
from tests.support import free_port


def ask(service: str, folder: Path, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["healthcheck", service, "--data", str(folder), *more], catch_exceptions=False)
    return result.exit_code, result.output


@pytest.mark.parametrize("service", ["gateway", "ingest", "alerts", "forward"])
def test_who_never_spoke_is_not_well(service: str, tmp_path: Path) -> None:
    assert ask(service, tmp_path) == (1, f"{service}: has not said anything yet\n")


@pytest.mark.parametrize(("age_s", "code"), [(0, 0), (50, 0), (70, 1)])
def test_ingest_by_its_heartbeat(tmp_path: Path, age_s: int, code: int) -> None:
    JournalWriter.open(tmp_path / "journal.db", now_ns=Clock().now_ns() - age_s * 10**9).close()
    assert ask("ingest", tmp_path)[0] == code


@pytest.mark.parametrize(("age_s", "code"), [(0, 0), (70, 1)])
def test_a_forwarder_whose_store_is_away_is_well(tmp_path: Path, age_s: int, code: int) -> None:
    book = ForwardBook(tmp_path / FORWARD_FILE)
    book.note("influx", state="away", said="", now_ns=Clock().now_ns() - age_s * 10**9)
    book.close()
    assert ask("forward", tmp_path)[0] == code


@pytest.mark.parametrize(("age_s", "code"), [(0, 0), (400, 1)])
def test_a_gateway_by_its_spool(tmp_path: Path, age_s: int, code: int) -> None:
    spool = tmp_path / "spool-gw-01.db"
    spool.touch()
    now_ns = Clock().now_ns()
    os.utime(spool, ns=(now_ns, now_ns - age_s * 10**9))
    assert ask("gateway", tmp_path)[0] == code


def test_a_page_that_does_not_answer(tmp_path: Path) -> None:
    code, said = ask("api", tmp_path, "--port", str(free_port()))
    assert code == 1
    assert "does not answer" in said
