"""Kill the service between claim and record, with providers that refuse, break off and hang: nobody stays untold."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alerts.model import DeliveryState
from alerts.store_read import AlertsReader
from tests.alerts.servers import Behaviour, Hooks, Mails, smtp_server, webhook_server
from tests.alerts.town import CONTACTS, JournalFile, event, trap_event
from tests.support import wait_until

KILLS = 120
EVENTS_A_GENERATION = 2
ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """Runs one service at a time and kills it on demand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._pid = 0
        self._last_pid = -1
        self.kills = 0

    def start(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wait_until(lambda: not Path(f"/proc/{self._last_pid}").exists(), what="death of the one before")
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        with self._lock:
            self._pid = self._last_pid = int(self._process.stdout.readline())

    def kill(self) -> None:
        """SIGKILL the service, if it still runs. Called from the servers' threads too."""
        with self._lock:
            if self._pid:
                with suppress(ProcessLookupError):
                    os.kill(self._pid, signal.SIGKILL)
                    self.kills += 1
            self._pid = 0

    def is_running(self) -> bool:
        with self._lock:
            return self._pid != 0


@contextmanager
def nursery(folder: Path, changes: dict[str, Any]) -> Iterator[Nursery]:
    with (folder / "log.jsonl").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.alerts.nursery", str(folder), json.dumps(changes)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        services = Nursery(process)
        try:
            yield services
        finally:
            services.kill()
            process.communicate(timeout=30)


class Fate:
    """Decides, by a seed, what the mail server does with each mail, and whether the service dies at that moment."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.services: Nursery | None = None
        self.is_kind = False

    def __call__(self, what: str) -> Behaviour:
        if what.startswith("rcpt") or self.is_kind or self.services is None:
            return "ok"
        draw = self._random.random()
        if draw < 0.35:
            self.services.kill()  # the mail is taken, nobody is left to write that down
            return "ok"
        if draw < 0.45:
            self.services.kill()  # claimed, not taken
            return "451"
        if draw < 0.55:
            return "451"
        if draw < 0.65:
            return "close"
        return "hang" if draw < 0.67 else "ok"


def town_changes(*, smtp_port: int, hook_url: str) -> dict[str, Any]:
    return {
        "channel": {
            "smtp": {"host": "127.0.0.1", "port": smtp_port, "sender": "satomori@town.example", "timeout_s": 0.4},
            "webhook": {"timeout_s": 0.4},
        },
        "contact": [{**CONTACTS[0], "webhook_url": f"{hook_url}/hook"}, *CONTACTS[1:]],
        "route": [
            {"id": "roads", "contacts": ["road", "it"], "channels": ["smtp", "webhook"], "domain": ["snow"]},
            {"id": "traps", "contacts": ["hunter"], "channels": ["smtp"], "domain": ["wildlife"]},
        ],
    }


@pytest.mark.crash
@pytest.mark.timeout(400)
def test_killed_between_claim_and_record_nobody_is_untold(tmp_path: Path) -> None:
    fate = Fate(seed=20260105)
    with smtp_server(fate) as (port, mails), webhook_server() as (url, hooks):
        hooks.answers["/hook"] = [(200, {}), (500, {}), (429, {"Retry-After": "1"}), (200, {})] * 20 + [(200, {})]
        journal = JournalFile(tmp_path / "journal.db")
        with nursery(tmp_path, town_changes(smtp_port=port, hook_url=url)) as services:
            fate.services = services
            alert_ids = storm(services, journal, mails)
            fate.is_kind = True
            services.start()
            reader = AlertsReader(tmp_path / "alerts.db")
            wait_until(lambda: is_all_told(reader, alert_ids), 60, what="all told")
            assert services.kills >= KILLS
        journal.close()
        judge(reader, alert_ids, mails=mails, hooks=hooks)
    assert_no_personal_data((tmp_path / "log.jsonl").read_text(encoding="utf-8"))


def storm(services: Nursery, journal: JournalFile, mails: Mails) -> list[str]:
    """Start the service again and again with new events each time, until it was killed often enough.

    Most die by fate in the middle of a mail; who survives its first mail is killed a moment later.
    """
    chance = random.Random(7)
    pause = threading.Event()
    alert_ids: list[str] = []
    generation = 0
    while services.kills < KILLS:
        generation += 1
        new = [f"{generation}-{i}" for i in range(EVENTS_A_GENERATION)]
        journal.commit([event(f"snow-{n}", subject=n, device_id="snow-01") for n in new])
        journal.commit([trap_event(f"trap-{n}", subject=n, device_id="trap-01") for n in new[:1]])
        alert_ids += [f"snow-{n}" for n in new] + [f"trap-{n}" for n in new[:1]]
        before = mails.attempts
        services.start()
        wait_until(partial(has_begun, services, mails, before), 30, what="first mail")
        pause.wait(chance.random() * 0.1)
        services.kill()
    return alert_ids


def has_begun(services: Nursery, mails: Mails, before: int) -> bool:
    return mails.attempts > before or not services.is_running()


def is_all_told(reader: AlertsReader, alert_ids: list[str]) -> bool:
    counts = reader.delivery_counts()
    unsent = [state for (_channel, state), count in counts.items() if state != "accepted" and count]
    return not unsent and len(reader.alerts(limit=10_000)) == len(alert_ids)


def judge(reader: AlertsReader, alert_ids: list[str], *, mails: Mails, hooks: Hooks) -> None:
    """0 untold; every mail that came twice is the same mail; the ledger says accepted of nothing that was not taken."""
    rows = [row for alert_id in alert_ids for row in reader.deliveries(alert_id)]
    assert {row.state for row in rows} == {DeliveryState.ACCEPTED}
    by_mail = {f"<{row.delivery_id}@town.example>": row for row in rows if row.channel == "smtp"}
    by_hook = {row.delivery_id for row in rows if row.channel == "webhook"}
    assert len(by_mail) == 2 * EVENTS_A_GENERATION * len(alert_ids) // 3 + len(alert_ids) // 3
    assert set(mails.count_by_id()) == set(by_mail)
    assert set(hooks.keys("/hook")) == by_hook
    contents: dict[str, set[tuple[str, str]]] = {}
    for mail in mails.all():
        contents.setdefault(str(mail["Message-ID"]), set()).add((str(mail["To"]), mail.as_string()))
    assert Counter(len(different) for different in contents.values()) == {1: len(by_mail)}
    case_numbers = [alert.case_no for alert in reader.alerts(limit=10_000)]
    assert sorted(case_numbers) == [f"26-{i:04d}" for i in range(1, len(alert_ids) + 1)]


def assert_no_personal_data(log: str) -> None:
    private = [word for c in CONTACTS for key in ("name", "email") if key in c for word in (c[key], *c[key].split("@"))]
    assert [word for word in private if len(word) > 2 and word in log] == []
    assert log.count("alerts_started") > KILLS / 2
    assert "service ended" not in log
    assert "#t=" not in log
