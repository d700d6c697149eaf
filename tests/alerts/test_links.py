"""Acknowledge links: one alert, one contact, one verb, a time; nobody else's and not for ever."""

from __future__ import annotations

import base64
import stat
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.links import (
    SECRET_FILE,
    LinkExpiredError,
    LinkInvalidError,
    LinkSecret,
    Ticket,
    acknowledge_url,
    load_secret,
    sign,
    verify,
)
from devices.model import SECOND_NS, PermanentError

SECRET = LinkSecret(key=b"k" * 32)
T_NS = 1_767_569_400 * SECOND_NS
TICKET = Ticket(alert_id="a" * 32, contact_id="family-07", expires_ns=T_NS + 60 * SECOND_NS)
TOKEN = sign(TICKET, SECRET)


def test_a_link_says_what_it_allows() -> None:
    assert verify(TOKEN, secret=SECRET, now_ns=T_NS) == TICKET


def test_a_link_may_be_used_again() -> None:
    assert verify(TOKEN, secret=SECRET, now_ns=T_NS) == verify(TOKEN, secret=SECRET, now_ns=T_NS + 1)


@pytest.mark.parametrize(("after_s", "is_valid"), [(0, True), (59.999, True), (60, False), (1e9, False)])
def test_a_link_expires(after_s: float, is_valid: bool) -> None:
    now_ns = T_NS + int(after_s * SECOND_NS)
    if is_valid:
        assert verify(TOKEN, secret=SECRET, now_ns=now_ns) == TICKET
    else:
        with pytest.raises(LinkExpiredError):
            verify(TOKEN, secret=SECRET, now_ns=now_ns)


def rewritten(change: Callable[[str], str]) -> str:
    """Give the token with other contents and the old signature."""
    payload, signature = TOKEN.split(".")
    text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode()
    return base64.urlsafe_b64encode(change(text).encode()).rstrip(b"=").decode() + "." + signature


FORGED = {
    "other alert": rewritten(lambda text: text.replace("a" * 32, "b" * 32)),
    "other contact": rewritten(lambda text: text.replace("family-07", "family-08")),
    "other verb": rewritten(lambda text: text.replace("acknowledge", "resolve")),
    "later": rewritten(lambda text: text.replace(str(TICKET.expires_ns // SECOND_NS), "9999999999")),
    "other secret": sign(TICKET, LinkSecret(key=b"x" * 32)),
    "no signature": TOKEN.split(".")[0],
    "empty signature": TOKEN.split(".")[0] + ".",
    "three parts": TOKEN + ".x",
    "padding": TOKEN + "=",
    "not ascii": TOKEN + "あ",
    "not base64": "!!!.???",
    "empty": "",
    "dot": ".",
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_link_is_refused(token: str) -> None:
    with pytest.raises(LinkInvalidError):
        verify(token, secret=SECRET, now_ns=T_NS)


@given(place=st.integers(0, len(TOKEN) - 1), letter=st.sampled_from("ABCDEFGHabcdefgh0123456789-_.=|"))
def test_no_changed_letter_passes(place: int, letter: str) -> None:
    token = TOKEN[:place] + letter + TOKEN[place + 1 :]
    if token != TOKEN:
        with pytest.raises(LinkInvalidError):
            verify(token, secret=SECRET, now_ns=T_NS)


@given(st.text(max_size=300))
def test_any_text_is_refused_cleanly(text: str) -> None:
    with pytest.raises(LinkInvalidError):
        verify(text, secret=SECRET, now_ns=T_NS)


@pytest.mark.parametrize("payload", ["2|acknowledge|a|c|1", "1|resolve|a|c|1", "1|acknowledge|a|c", ""])
def test_a_link_of_another_version_is_refused(payload: str) -> None:
    from alerts.links import _signature, _to_text

    raw = payload.encode()
    token = f"{_to_text(raw)}.{_to_text(_signature(raw, SECRET))}"
    with pytest.raises(LinkInvalidError):
        verify(token, secret=SECRET, now_ns=0)


def test_the_token_stands_in_the_fragment() -> None:
    assert acknowledge_url("https://town.example/", "tok") == "https://town.example/a#t=tok"


def test_an_expiry_between_seconds_is_rounded_up() -> None:
    ticket = replace(TICKET, expires_ns=T_NS + 1)
    assert verify(sign(ticket, SECRET), secret=SECRET, now_ns=T_NS + 1).expires_ns == T_NS + SECOND_NS


def test_the_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first, second = load_secret(tmp_path), load_secret(tmp_path)
    assert first == second
    assert len(first.key) == 32
    assert stat.S_IMODE((tmp_path / SECRET_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [SECRET_FILE]


def test_processes_that_start_at_once_get_one_secret(tmp_path: Path) -> None:
    with get_context("fork").Pool(8) as pool:
        assert len({secret.key for secret in pool.map(load_secret, [tmp_path] * 64)}) == 1


def test_the_secret_is_never_printed() -> None:
    assert "kkk" not in repr(SECRET)


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 33])
def test_a_damaged_secret_stops_the_start(tmp_path: Path, content: bytes) -> None:
    (tmp_path / SECRET_FILE).write_bytes(content)
    with pytest.raises(PermanentError, match=SECRET_FILE):
        load_secret(tmp_path)
