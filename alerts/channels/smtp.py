"""Mail by SMTP (RFC 5321). `accepted` means that the mail server answered 250 to the whole mail.

The Message-ID is made from the delivery's identity, so a mail sent twice (the server took it and the line broke before
its answer) is the same mail. What concerns the server or the login is tried again: it is no fault of the message.
"""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, NoReturn

from pydantic import Field

from alerts.model import ChannelParams, ChannelSpec, Outgoing
from devices.model import SECOND_NS, PermanentError, Severity, TransientError

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+", re.ASCII)
_ENHANCED_CODE = re.compile(rb"\b[245]\.\d{1,3}\.\d{1,3}\b")
_PERMANENT = 500
_MAILBOX_FULL = 552
_LANGUAGE_TAGS = {"ja": "ja", "ja_easy": "ja", "en": "en"}


class SmtpParams(ChannelParams):
    """`[channel.smtp]`: the town's mail server.

    `starttls` encrypts and checks the server's certificate; leave it off only for a server on the same machine.
    `password_file` names a file whose first line is the password of `username`. `timeout_s` bounds each answer.
    """

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 25
    sender: Annotated[str, Field(min_length=3)]
    starttls: bool = False
    username: str = ""
    password_file: str = ""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 10.0


def check_address(address: str) -> str:
    """Return what is wrong with a mail address, "" when nothing."""
    return "" if _ADDRESS.fullmatch(address) else "is not a mail address of the form name@domain in ASCII"


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """One connection per mail: a connection kept open is closed by servers at bad moments."""

    params: SmtpParams

    def send(self, outgoing: Outgoing) -> str:
        """Send one mail; return the server's answer code. See `alerts.model.Sender`."""
        mail = as_mail(outgoing, sender=self.params.sender)
        try:
            server = self._connected()
        except (OSError, smtplib.SMTPException) as error:
            raise TransientError(f"smtp connect: {_reason(error)}") from None
        try:
            _transfer(server, mail, sender=self.params.sender, address=outgoing.address)
        finally:
            _leave(server)
        return "250"

    def close(self) -> None:
        """Nothing is kept open."""

    def _connected(self) -> smtplib.SMTP:
        params = self.params
        server = smtplib.SMTP(params.host, params.port, timeout=params.timeout_s)
        try:
            server.ehlo_or_helo_if_needed()
            if params.starttls:
                server.starttls(context=ssl.create_default_context())
            if params.username:
                server.login(params.username, _password(params))
        except BaseException:
            server.close()
            raise
        return server


def as_mail(outgoing: Outgoing, *, sender: str) -> EmailMessage:
    """Return the mail; the same delivery gives the same mail each time. The receiver's name stands nowhere."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = outgoing.address
    mail["Subject"] = outgoing.message.subject
    mail["Message-ID"] = f"<{outgoing.delivery_id}@{sender.rpartition('@')[2]}>"
    mail["Date"] = format_datetime(datetime.fromtimestamp(outgoing.queued_ns // SECOND_NS, UTC))
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
    if outgoing.severity >= Severity.CRITICAL:
        mail["Importance"] = "high"
    mail.set_content(outgoing.message.body, cte="base64")
    mail["Content-Language"] = _LANGUAGE_TAGS[outgoing.message.language]  # set_content clears what was set before
    return mail


def _transfer(server: smtplib.SMTP, mail: EmailMessage, *, sender: str, address: str) -> None:
    try:
        server.send_message(mail, from_addr=sender, to_addrs=[address])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = error.recipients[address]
        _refused("smtp recipient", code, text)
    except smtplib.SMTPDataError as error:
        _refused("smtp data", error.smtp_code, error.smtp_error)
    except (OSError, smtplib.SMTPException) as error:
        raise TransientError(f"smtp: {_reason(error)}") from None


def _refused(what: str, code: int, text: bytes | str) -> NoReturn:
    """Raise for a refusal; the server's sentence is left out because it usually quotes the address."""
    reason = f"{what} refused with {code}{_enhanced(text)}"
    if code >= _PERMANENT and code != _MAILBOX_FULL:
        raise PermanentError(reason) from None
    raise TransientError(reason) from None


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code}{_enhanced(error.smtp_error)}"
    return type(error).__name__


def _enhanced(text: bytes | str) -> str:
    """Return the enhanced status code (RFC 3463) in a server's answer with a space before it, "" when none."""
    raw = text if isinstance(text, bytes) else text.encode(errors="replace")
    found = _ENHANCED_CODE.search(raw)
    return f" {found.group().decode()}" if found else ""


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; what happens now changes nothing about the mail."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()


def _password(params: SmtpParams) -> str:
    """Return the first line of the password file, read anew each time so that a changed password works at once."""
    lines = Path(params.password_file).read_text(encoding="utf-8").splitlines()
    return lines[0] if lines else ""


CHANNEL = ChannelSpec(
    name="smtp", params=SmtpParams, address_field="email", check_address=check_address, open=SmtpSender
)
