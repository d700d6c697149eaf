"""Mail against a real SMTP server that refuses, breaks off and hangs."""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest
from pydantic import ValidationError

from alerts.channels.smtp import CHANNEL, SmtpParams, SmtpSender, as_mail, check_address
from alerts.model import Message
from devices.model import PermanentError, Severity, TransientError
from tests.alerts.servers import Behaviour, Mails, smtp_server
from tests.alerts.town import outgoing
from tests.support import free_port

ADDRESS = "hanako.sato@family.example"
SENDER = "satomori@town.example"


def sender(port: int, **fields: object) -> SmtpSender:
    return SmtpSender(
        SmtpParams.model_validate({"host": "127.0.0.1", "port": port, "sender": SENDER, "timeout_s": 0.5, **fields})
    )


def send(behaviour: Behaviour, *, at: str = "data") -> tuple[str, Mails]:
    with smtp_server(lambda what: behaviour if what.startswith(at) else "ok") as (port, mails):
        return sender(port).send(outgoing(ADDRESS)), mails


def test_a_mail_arrives_as_it_was_written() -> None:
    reference, mails = send("ok")
    (mail,) = mails.all()
    assert reference == "250"
    assert (str(mail["To"]), str(mail["From"])) == (ADDRESS, SENDER)
    assert str(mail["Subject"]) == outgoing(ADDRESS).message.subject
    assert mail.get_content().replace("\r\n", "\n").strip() == outgoing(ADDRESS).message.body
    assert str(mail["Message-ID"]) == "<d1@town.example>"
    assert str(mail["Date"]) == "Sun, 04 Jan 2026 23:30:00 +0000"
    assert (str(mail["Auto-Submitted"]), str(mail["Content-Language"])) == ("auto-generated", "ja")


@pytest.mark.parametrize(
    ("behaviour", "at", "error"),
    [
        ("451", "data", TransientError),
        ("554", "data", PermanentError),
        ("close", "data", TransientError),
        ("hang", "data", TransientError),
        ("rcpt-550", "rcpt", PermanentError),
        ("rcpt-552", "rcpt", TransientError),
        ("rcpt-451", "rcpt", TransientError),
    ],
)
def test_what_a_refusal_means(behaviour: Behaviour, at: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        send(behaviour, at=at)
    assert type(caught.value) is error
    assert "hanako" not in str(caught.value)


def test_a_reason_carries_the_servers_codes_only() -> None:
    with pytest.raises(PermanentError, match=r"^smtp recipient refused with 550 5\.1\.1$"):
        send("rcpt-550", at="rcpt")


def test_nobody_listens() -> None:
    with pytest.raises(TransientError, match=r"^smtp connect: ConnectionRefusedError$"):
        sender(free_port()).send(outgoing(ADDRESS))


def test_a_server_without_tls_gets_no_mail_when_tls_is_asked_for() -> None:
    with smtp_server() as (port, mails), pytest.raises(TransientError, match="SMTPNotSupportedError"):
        sender(port, starttls=True).send(outgoing(ADDRESS))
    assert mails.all() == []


def test_a_server_without_login_gets_no_mail_when_login_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret-word\n", encoding="utf-8")
    with smtp_server() as (port, mails), pytest.raises(TransientError) as caught:
        sender(port, username="town", password_file=str(tmp_path / "password")).send(outgoing(ADDRESS))
    assert mails.all() == []
    assert "secret-word" not in str(caught.value)


def test_a_missing_password_file_is_tried_again() -> None:
    with smtp_server() as (port, _mails), pytest.raises(TransientError, match="FileNotFoundError"):
        sender(port, username="town", password_file="/no/such/file").send(outgoing(ADDRESS))


def test_a_mail_that_was_taken_counts_though_the_goodbye_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_quit(_server: smtplib.SMTP) -> None:
        raise smtplib.SMTPServerDisconnected("gone")

    monkeypatch.setattr(smtplib.SMTP, "quit", broken_quit)
    assert send("ok")[0] == "250"


def test_the_same_delivery_is_the_same_mail_each_time() -> None:
    once, twice = (as_mail(outgoing(ADDRESS), sender=SENDER).as_bytes() for _ in range(2))
    assert once == twice
    assert b"<d1@town.example>" in once


@pytest.mark.parametrize(("severity", "importance"), [(Severity.WARNING, None), (Severity.LIFE, "high")])
def test_urgent_mails_say_so(severity: Severity, importance: str | None) -> None:
    assert as_mail(outgoing(ADDRESS, severity=severity), sender=SENDER)["Importance"] == importance


def test_a_subject_cannot_smuggle_a_header() -> None:
    message = Message(subject="a\r\nBcc: b@c.example", body="", language="ja")
    with pytest.raises(ValueError, match="Header values"):
        as_mail(outgoing(ADDRESS, message=message), sender=SENDER)


@pytest.mark.parametrize(
    ("address", "is_good"),
    [
        ("a@b.example", True),
        ("first.last+tag@sub.town.example", True),
        ("no-at-sign", False),
        ("two@at@signs", False),
        ("a@b.example\nBcc: c@d.example", False),
        ("a b@c.example", False),
        ("a@b.example, c@d.example", False),
        ("Name <a@b.example>", False),
        ("役場@town.example", True),
        ("", False),
    ],
)
def test_addresses(address: str, is_good: bool) -> None:
    assert (check_address(address) == "") is (is_good and address.isascii())


@pytest.mark.parametrize(
    "wrong",
    [{"host": ""}, {"port": 0}, {"sender": ""}, {"timeout_s": 0}, {"timeout_s": 61}, {"colour": "red"}],
    ids=str,
)
def test_wrong_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SmtpParams.model_validate({"host": "h", "sender": SENDER, **wrong})


def test_the_channel_is_named_like_its_file() -> None:
    assert (CHANNEL.name, CHANNEL.address_field) == ("smtp", "email")
