"""The whole service over real files and real receivers, in this process."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from alerts import watchdog
from alerts.consume import Consumer
from alerts.links import load_secret, verify
from alerts.model import Alert, AlertState, DeliveryState
from alerts.orders import ORDERS_FILE, OrderBook
from alerts.planner import Planner
from alerts.run import AlertsOptions, run_alerts
from alerts.store_read import ALERTS_FILE, AlertsReader
from devices.clock import Clock, start_clock
from devices.model import PermanentError
from devices.site import Site
from devices.wake import ALERTS_WAKE, API_WAKE, Bell, Listener
from tests.alerts.servers import Behaviour, Hooks, Mails, smtp_server, webhook_server
from tests.alerts.town import CONTACTS, T0_NS, JournalFile, event, site, trap_event, watch_event
from tests.support import wait_until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """The service sets up logging for a process of its own; give the tests theirs back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


class World:
    """A data folder with a journal, a mail server and a webhook server, and the service when it runs."""

    def __init__(self, folder: Path, *, mails: Mails, smtp_port: int, hooks: Hooks, hook_url: str) -> None:
        self.folder = folder
        self.mails, self.hooks = mails, hooks
        self.smtp_port, self.hook_url = smtp_port, hook_url
        self.journal = JournalFile(folder / "journal.db")
        self.reader = AlertsReader(folder / ALERTS_FILE)
        self.book = OrderBook(folder / ORDERS_FILE)
        self.clock = start_clock(town_start_ns=T0_NS, speed=1.0)
        self.end_wait: Callable[[], None] = lambda: None

    def site(self, **changes: Any) -> Site:
        channel = {"host": "127.0.0.1", "port": self.smtp_port, "sender": "satomori@town.example", "timeout_s": 0.5}
        return site(**{"channel": {"smtp": channel, "webhook": {"timeout_s": 0.5}}, **changes})

    @contextmanager
    def service(self, town: Site | None = None, *, clock: Clock | None = None) -> Iterator[None]:
        stop = threading.Event()
        options = AlertsOptions(site=town or self.site(), data_dir=self.folder, clock=clock or self.clock)
        thread = threading.Thread(target=run_alerts, args=(options, stop))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            self.end_wait()
            thread.join(timeout=20)
            assert not thread.is_alive()

    def alert(self, alert_id: str) -> Alert:
        found = wait_until(lambda: self.reader.alert(alert_id), what=f"alert {alert_id}")
        assert found is not None
        return found

    def wait_told(self, *, mails: int) -> None:
        wait_until(lambda: len(self.mails.all()) >= mails, what=f"{mails} mails")

    def close(self) -> None:
        for part in (self.journal, self.reader, self.book):
            part.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ExitStack() as stack:
        port, mails = stack.enter_context(smtp_server())
        url, hooks = stack.enter_context(webhook_server())
        world = World(tmp_path, mails=mails, smtp_port=port, hooks=hooks, hook_url=url)
        stack.callback(world.close)
        yield world


def test_from_event_to_mail_and_back_by_link(world: World) -> None:
    with world.service():
        world.journal.commit([event(), trap_event(), watch_event()])
        world.wait_told(mails=3)
        by_address = {str(mail["To"]): mail for mail in world.mails.all()}
        assert sorted(by_address) == sorted(c["email"] for c in CONTACTS[:3])
        body = by_address["road.duty@town.example"].get_content()
        (link,) = [line for line in body.splitlines() if "#t=" in line]
        assert link.startswith("https://yukimori.example/a#t=")
        ticket = verify(link.partition("#t=")[2], secret=load_secret(world.folder), now_ns=world.clock.now_ns())
        assert (ticket.alert_id, ticket.contact_id) == ("e1", "road")
        world.book.acknowledge(ticket.alert_id, by=ticket.contact_id, at_ns=T0_NS, via="link")
        wait_until(lambda: world.alert("e1").state is AlertState.ACKNOWLEDGED)
        world.journal.commit([event(state="cleared", at_s=60)])
        world.wait_told(mails=4)
        assert world.alert("e1").state is AlertState.RESOLVED
    subjects = [str(mail["Subject"]) for mail in world.mails.all()]
    assert sum("受付26-0001" in subject for subject in subjects) == 2
    assert {row.state for row in world.reader.deliveries("e1")} == {DeliveryState.ACCEPTED}


def test_with_hints_nothing_waits_for_the_next_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.run._TURN_S", 3_600.0)
    bell, page = Bell(world.folder / ALERTS_WAKE), Listener(world.folder / API_WAKE)
    world.end_wait = bell.ring
    with world.service():
        wait_until(lambda: world.reader.heartbeat_ns(), what="a turn")
        world.journal.commit([event("e1"), event("e2", subject="s2")])
        bell.ring()
        world.wait_told(mails=2)  # one lane: the second goes when the first is recorded
        wait_until(lambda: [row.state for row in world.reader.deliveries("e2")] == [DeliveryState.ACCEPTED])
        assert page.wait(10.0)
        world.book.acknowledge("e1", by="road", at_ns=T0_NS, via="page")
        wait_until(lambda: world.alert("e1").state is AlertState.ACKNOWLEDGED)
    page.close()


def test_a_folder_without_pipes_is_served_by_looking(world: World) -> None:
    for name in (ALERTS_WAKE, API_WAKE):
        (world.folder / name).mkdir()
    with world.service():
        world.journal.commit([event()])
        world.wait_told(mails=1)


def test_the_mail_about_a_person_says_nothing_of_them(world: World) -> None:
    with world.service():
        world.journal.commit([watch_event()])
        world.wait_told(mails=1)
    (mail,) = world.mails.all()
    text = f"{mail['Subject']} {mail.get_content()}"
    assert "26-0001" in text
    assert [word for word in ("佐藤", "花子", "person-07", "home-07", "pir-01", "8:30", "08:30") if word in text] == []


def test_nothing_is_told_twice_over_a_restart(world: World) -> None:
    with world.service():
        world.journal.commit([event()])
        world.wait_told(mails=1)
        wait_until(lambda: world.reader.deliveries("e1")[0].state is DeliveryState.ACCEPTED)
    with world.service():
        world.journal.commit([trap_event()])
        world.wait_told(mails=2)
    assert sorted(world.mails.count_by_id().values()) == [1, 1]


@pytest.mark.lesson(42)
def test_a_dead_receiver_delays_nobody(world: World) -> None:
    contacts = [
        {**CONTACTS[0], "webhook_url": f"{world.hook_url}/hang"},
        {**CONTACTS[1], "webhook_url": f"{world.hook_url}/good"},
        *CONTACTS[2:],
    ]
    routes = [{"id": "all", "contacts": ["road", "hunter"], "channels": ["webhook", "smtp"]}]
    with world.service(world.site(contact=contacts, route=routes)):
        world.journal.commit([event(f"e{i}", subject=f"s{i}") for i in range(20)])
        wait_until(lambda: world.hooks.paths().count("/good") == 20, 10)
        world.wait_told(mails=40)
    assert world.hooks.paths().count("/hang") < 20


def test_a_second_service_in_the_folder_is_refused(world: World) -> None:
    with world.service():
        wait_until(lambda: world.reader.heartbeat_ns())
        options = AlertsOptions(site=world.site(), data_dir=world.folder)
        with pytest.raises(PermanentError, match="another alert service"):
            run_alerts(options, threading.Event())


def test_the_heartbeat_moves_by_the_towns_clock(world: World) -> None:
    with world.service(clock=start_clock(town_start_ns=T0_NS, speed=5400.0)):
        first = wait_until(lambda: world.reader.heartbeat_ns())
        later = wait_until(lambda: world.reader.heartbeat_ns() > first and world.reader.heartbeat_ns())
    assert later - first >= 0.9 * 5400 * 10**9


@pytest.mark.lesson(27)
def test_ingest_that_falls_silent_is_told_and_its_return_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "SILENT_AFTER_S", 1.5)
    stop_beating = threading.Event()

    def beat() -> None:
        journal, number = JournalFile(world.folder / "journal.db"), T0_NS
        while not stop_beating.wait(0.1):
            number += 1
            journal.beat(number)
        journal.close()

    with beating(beat, stop_beating), world.service():
        wait_until(lambda: world.reader.heartbeat_ns())
        stop_beating.set()
        world.wait_told(mails=4)  # no route is for the system: everybody is told
        (found,) = world.reader.alerts(limit=9)
        assert (found.rule_id, found.state, found.domain) == ("ingest-silent", AlertState.FIRING, "system")
        world.journal.beat(T0_NS + 10**12)
        world.wait_told(mails=8)
    assert world.reader.alerts(limit=9)[0].state is AlertState.RESOLVED


@contextmanager
def beating(beat: Callable[[], None], stop: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_an_event_that_breaks_keeps_back_none_behind_it(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    take = Planner.take

    def breaking_take(self: Planner, one: Any, *args: Any, **kwargs: Any) -> Any:
        if one.event_id == "bad":
            raise ValueError("planted")
        return take(self, one, *args, **kwargs)

    monkeypatch.setattr(Planner, "take", breaking_take)
    with world.service():
        world.journal.commit([event("e1"), event("bad", subject="s2"), trap_event("t1")])
        world.wait_told(mails=2)
    assert sorted(a.alert_id for a in world.reader.alerts(limit=9)) == ["e1", "t1"]
    skipped = [row for row in log_rows(capsys) if row["event"] == "event_skipped"]
    assert [row["event_id"] for row in skipped] == ["bad"]


def test_an_unreadable_journal_keeps_no_message_from_going_out(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with world.service():
        world.journal.commit([event()])
        world.wait_told(mails=1)
    monkeypatch.setattr(Consumer, "take_events", broken)
    with world.service():
        capsys.readouterr()
        world.book.acknowledge("e1", by="road", at_ns=T0_NS, via="page")
        wait_until(lambda: world.alert("e1").state is AlertState.ACKNOWLEDGED)
        before = world.reader.heartbeat_ns()
    assert world.reader.heartbeat_ns() == before
    assert [row["step"] for row in log_rows(capsys) if row["event"] == "step_broken"] == ["events"]


def broken(*_args: Any, **_kwargs: Any) -> int:
    raise OSError("planted")


def log_rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]


def test_no_personal_datum_is_logged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of failure once; the log names ids only."""
    answers: list[Behaviour] = ["554", "close", "451"]

    def choose(what: str) -> Behaviour:
        return answers.pop() if answers and what.startswith("data") else "ok"

    with smtp_server(choose) as (port, mails), webhook_server() as (url, hooks):
        world = World(tmp_path, mails=mails, smtp_port=port, hooks=hooks, hook_url=url)
        hooks.answers["/hook/s3cret"] = [(404, {})]
        contacts = [{**c, "webhook_url": f"{url}/hook/s3cret"} for c in CONTACTS]
        routes = [{"id": "all", "contacts": [c["id"] for c in CONTACTS], "channels": ["smtp", "webhook"]}]
        with world.service(world.site(contact=contacts, route=routes)):
            world.journal.commit([event(), watch_event(), event("x", rule_id="no-such-rule", subject="s")])
            wait_until(lambda: len(mails.count_by_id()) >= 11, 20, what="mails")
        log = capsys.readouterr().err
        errors = {row.error for a in ("e1", "w1", "x") for row in world.reader.deliveries(a)}
        world.close()
    assert {"delivery_failed", "lane_failing"} <= {json.loads(line)["event"] for line in log.splitlines()}
    private = [word for c in CONTACTS for word in (c["name"], c["email"], c["email"].split("@")[0])]
    private = [word for word in private if len(word) > 2]  # "it" stands in many a word
    private += ["花子", "佐藤", "鈴木", "s3cret", "#t=", "26-0001 様子"]
    assert [word for word in private if word in log or word in str(errors)] == []


def test_python_m_alerts_runs_and_stops(world: World) -> None:
    path = world.folder / "site.toml"
    path.write_text('version = 1\n[town]\nid = "t"\nname = "t"\n', encoding="utf-8")
    argv = [sys.executable, "-m", "alerts", "--site", str(path), "--data", str(world.folder)]
    process = subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: world.reader.heartbeat_ns(), 30)
    process.send_signal(signal.SIGTERM)
    _out, log = process.communicate(timeout=20)
    assert (process.returncode, [json.loads(line)["event"] for line in log.splitlines()]) == (
        0,
        ["alerts_started", "alerts_stopped"],
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('version = 1\n[town]\nid = "t"\nname = "t"\n[channel.fax]\n', "channel 'fax' is unknown"),
        ("version = ", "line 1: toml"),
    ],
)
def test_python_m_alerts_refuses_a_wrong_site(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    argv = [sys.executable, "-m", "alerts", "--site", str(path), "--data", str(tmp_path)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert says in done.stderr
