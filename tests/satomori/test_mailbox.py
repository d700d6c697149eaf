"""The demo's mailbox keeps what it accepted and shows it without running anything a mail brings."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from satomori.mailbox import MailboxOptions, read_mails, run_mailbox
from satomori.supervise import free_port, wait_for_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    options: MailboxOptions

    def send(self, subject: str, body: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "a@x.example", "b@x.example", subject
        message["Message-ID"] = "<1@x.example>"
        message.set_content(body)
        with smtplib.SMTP("127.0.0.1", self.options.smtp_port, timeout=5.0) as smtp:
            smtp.send_message(message)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    options = MailboxOptions(folder=tmp_path / "mailbox", smtp_port=free_port(), http_port=free_port())
    stop = Event()
    thread = Thread(target=run_mailbox, args=(options, stop))
    thread.start()
    assert wait_for_port(options.smtp_port, timeout_s=10.0)
    assert wait_for_port(options.http_port, timeout_s=10.0)
    yield Box(options=options)
    stop.set()
    thread.join(10.0)


def test_mails_are_kept_in_order(box: Box) -> None:
    box.send("一通目", "雪が積もりました")
    box.send("二通目", "わなが作動しました")
    mails = read_mails(box.options.folder)
    assert [(m.subject, m.body) for m in mails] == [
        ("一通目", "雪が積もりました\n"),
        ("二通目", "わなが作動しました\n"),
    ]


def test_a_mail_cannot_bring_script_to_the_page(box: Box) -> None:
    box.send("<script>alert(1)</script>", "<img src=x onerror=alert(1)>")
    answer = httpx.get(f"http://127.0.0.1:{box.options.http_port}/", timeout=5.0)
    assert "<script>" not in answer.text
    assert "<img" not in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
