"""Signed, expiring acknowledge links: one alert, one contact, one verb. Reading a link never changes anything.

A link is `<base_url>/a#t=<token>`. The token stands in the fragment, which browsers do not send: it reaches no server
log and no preview robot; the page reads it and POSTs it. Tokens are checked by signature, so none is stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from devices.model import SECOND_NS, PermanentError

Verb = Literal["acknowledge"]
SECRET_FILE = "secret.key"  # noqa: S105 - a file name

_SECRET_BYTES = 32
_FIELDS = 5
_VERSION = "1"


class LinkInvalidError(PermanentError):
    """The token was not signed by this box, or was changed."""


class LinkExpiredError(PermanentError):
    """The token was ours, but its time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSecret:
    """The key that signs links; never printed."""

    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What a token allows: `contact_id` may do `verb` with `alert_id` until `expires_ns` (town time)."""

    alert_id: str
    contact_id: str
    expires_ns: int
    verb: Verb = "acknowledge"


def load_secret(data_dir: Path) -> LinkSecret:
    """Return the key in `<data_dir>/secret.key`; create it (mode 0600) when there is none.

    Two processes that start at once get the same key. Raises PermanentError when the file holds no key.
    """
    path = data_dir / SECRET_FILE
    if not path.exists():
        _create(path)
    key = path.read_bytes()
    if len(key) != _SECRET_BYTES:
        raise PermanentError(f"secret file {path} holds {len(key)} bytes, not {_SECRET_BYTES}; remove it to get a new")
    return LinkSecret(key=key)


def sign(ticket: Ticket, secret: LinkSecret) -> str:
    """Return the token of `ticket`: URL-safe text. Whole seconds only; the expiry is rounded up to the next second."""
    expires_s = -(-ticket.expires_ns // SECOND_NS)
    text = "|".join((_VERSION, ticket.verb, ticket.alert_id, ticket.contact_id, str(expires_s)))
    payload = text.encode()
    return f"{_to_text(payload)}.{_to_text(_signature(payload, secret))}"


def verify(token: str, *, secret: LinkSecret, now_ns: int) -> Ticket:
    """Return what `token` allows at town time `now_ns`.

    Raises LinkInvalidError for a token that is not ours and LinkExpiredError for one whose time is over.
    """
    try:
        payload, signature = (_to_bytes(part) for part in token.split("."))
    except ValueError:
        raise LinkInvalidError("link is not one of this box") from None
    if not hmac.compare_digest(signature, _signature(payload, secret)):
        raise LinkInvalidError("link is not one of this box")
    ticket = _ticket(payload)
    if now_ns >= ticket.expires_ns:
        raise LinkExpiredError("link has expired")
    return ticket


def acknowledge_url(base_url: str, token: str) -> str:
    """Return the link that stands in a message."""
    return f"{base_url.rstrip('/')}/a#t={token}"


def _ticket(payload: bytes) -> Ticket:
    parts = payload.decode().split("|")
    if len(parts) != _FIELDS or parts[0] != _VERSION or parts[1] != "acknowledge":
        raise LinkInvalidError("link is of a kind this version does not know")
    return Ticket(alert_id=parts[2], contact_id=parts[3], expires_ns=int(parts[4]) * SECOND_NS)


def _signature(payload: bytes, secret: LinkSecret) -> bytes:
    return hmac.digest(secret.key, b"satomori link\0" + payload, hashlib.sha256)


def _to_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _to_bytes(text: str) -> bytes:
    """Return the bytes of URL-safe base64 without padding; raises ValueError for any other text.

    Only the one canonical spelling is taken, so that a token cannot be written in two ways.
    """
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError(str(error)) from None
    if _to_text(raw) != text:
        raise ValueError("not canonical")
    return raw


def _create(path: Path) -> None:
    """Write a new key under another name and link it into place: whole or absent, and the first one wins."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(partial, path)
        except FileExistsError:
            return
    finally:
        partial.unlink()
