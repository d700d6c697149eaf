"""The doctor: each fault is found and comes with what to do; a sound installation is called sound."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest

from satomori import doctor as doctor_module
from satomori.doctor import Finding, examine
from tests.satomori.towns import SITE_TOML
from tests.support import free_port

Patch = pytest.MonkeyPatch
Usage = namedtuple("Usage", "total used free")


class ClockOf1970:
    def now_ns(self) -> int:
        return 0


def no_mosquitto(patch: Patch, _data: Path) -> None:
    patch.setattr(doctor_module, "find_mosquitto", lambda: None)


def no_broker(patch: Patch, data: Path) -> None:
    no_mosquitto(patch, data)
    patch.setattr(importlib.util, "find_spec", lambda _name: None)


def clock_of_1970(patch: Patch, _data: Path) -> None:
    patch.setattr(doctor_module, "Clock", ClockOf1970)


def disk_full(patch: Patch, _data: Path) -> None:
    patch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9 - 2**20, 2**20))


def not_ours(patch: Patch, _data: Path) -> None:
    patch.setattr(os, "access", lambda _path, _mode: False)


def no_folder(_patch: Patch, data: Path) -> None:
    data.rmdir()


def sound_journal(_patch: Patch, data: Path) -> None:
    connection = sqlite3.connect(data / "journal.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE t (a BLOB)")
    connection.executemany("INSERT INTO t VALUES (?)", [(os.urandom(2000),) for _ in range(100)])
    connection.commit()
    connection.close()


def overwritten_journal(_patch: Patch, data: Path) -> None:
    (data / "journal.db").write_bytes(b"this is no database " * 300)


def corrupt_page(patch: Patch, data: Path) -> None:
    sound_journal(patch, data)
    with (data / "journal.db").open("r+b") as file:
        for page in range(1, 20):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)


def set_aside(_patch: Patch, data: Path) -> None:
    (data / "journal.db.damaged-20260120T000000Z").write_bytes(b"")


@pytest.mark.parametrize(
    ("fault", "is_wrong", "text", "advice"),
    [
        (no_mosquitto, False, "MQTT broker: amqtt", "for demo and tests only; install mosquitto for a town"),
        (no_broker, True, "no MQTT broker is installed", "apt install mosquitto"),
        (clock_of_1970, True, "the clock is before 2026", "set the clock or wait for NTP"),
        (disk_full, True, "disk: 1 MiB free", "free at least 512 MiB"),
        (not_ours, True, "cannot be written", "give it to this user"),
        (no_folder, False, "is not there yet", "made at the first start"),
        (sound_journal, False, "journal.db is sound", ""),
        (overwritten_journal, True, "journal.db: file is not a database", "restart the service"),
        (corrupt_page, True, "journal.db: ", "restart the service; it sets the file aside"),
        (set_aside, True, "journal.db.damaged-20260120T000000Z was set aside as damaged", "keep it"),
    ],
)
def test_a_fault_is_found(
    tmp_path: Path, monkeypatch: Patch, fault: Callable[[Patch, Path], None], is_wrong: bool, text: str, advice: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    fault(monkeypatch, data)
    findings = examine(site_path=None, data_dir=data)
    assert [text in f.text and advice in f.advice and f.is_wrong is is_wrong for f in findings].count(True) == 1
    assert [f.text for f in findings if f.is_wrong and text not in f.text] == []


def findings_of(tmp_path: Path, text: str) -> list[Finding]:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return examine(site_path=path, data_dir=tmp_path / "data")


def town() -> str:
    return SITE_TOML.format(broker_port=free_port())


def test_a_sound_site_is_called_sound(tmp_path: Path) -> None:
    findings = findings_of(tmp_path, town())
    assert [f.as_text() for f in findings if f.is_wrong] == []
    assert "ok: site test: 2 devices, 2 rules" in [f.as_text() for f in findings]


def test_every_problem_of_a_site_is_one_finding(tmp_path: Path) -> None:
    text = town().replace('model = "senml"', 'model = "abacus"').replace('contacts = ["duty"]', 'contacts = ["nobody"]')
    wrong = [f.as_text() for f in findings_of(tmp_path, text) if f.is_wrong]
    assert len(wrong) >= 2
    assert any("abacus" in line for line in wrong)
    assert any("nobody" in line for line in wrong)
    assert all(line.endswith(" -> correct it in the site file") for line in wrong)


def test_a_site_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    findings = examine(site_path=tmp_path / "gone.toml", data_dir=tmp_path)
    assert any(f.is_wrong and "gone.toml does not exist" in f.text for f in findings)


@pytest.mark.parametrize(
    ("route", "untold"),
    [
        ("", []),
        (
            'domain = ["snow"]',
            [
                "device-silent at gateway",
                "device-silent at wood",
                "device-fault at gateway",
                "sprung at wood",
                "trap-check at wood",
                "battery-soon at wood",
            ],
        ),
        ('domain = ["snow", "wildlife"]', ["device-silent at gateway", "device-fault at gateway"]),
        ('station = ["wood", "pass"]', ["device-silent at gateway", "device-fault at gateway"]),
        (
            'rule = ["deep", "device-silent"]',
            ["sprung at wood", "device-fault at everywhere", "trap-check at wood", "battery-soon at wood"],
        ),
        (
            'severity_min = "critical"',
            [
                "deep at pass",
                "device-silent at everywhere",
                "device-fault at everywhere",
                "trap-check at wood",
                "battery-soon at wood",
            ],
        ),
    ],
)
def test_a_rule_that_reaches_nobody_is_found(tmp_path: Path, route: str, untold: list[str]) -> None:
    text = town().replace('channels = ["smtp"]', f'channels = ["smtp"]\n{route}')
    wrong = [f.text for f in findings_of(tmp_path, text) if f.is_wrong]
    for name in untold:
        rule, _, place = name.partition(" at ")
        said = [line for line in wrong if line.startswith(f"no route tells anybody of rule {rule} at ")]
        wanted = {"gateway": ["system"], "everywhere": ["pass", "system", "wood"]}.get(place, [place])
        assert said
        assert set(wanted) <= set(said[0].rpartition(" at ")[2].split(", "))
    assert len(wrong) == len({name.partition(" at ")[0] for name in untold})


def test_a_broker_that_should_run_and_does_not_is_found(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    sound_journal(pytest.MonkeyPatch(), data)
    wrong = [f.as_text() for f in findings_of(tmp_path, town()) if f.is_wrong]
    assert len(wrong) == 1
    assert wrong[0].startswith("wrong: no broker answers on 127.0.0.1:")
    assert wrong[0].endswith("-> start `satomori up`, or the broker itself")
