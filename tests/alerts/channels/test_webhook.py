"""Webhooks against a real HTTP server that answers every kind of no, redirects, floods and hangs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from alerts.channels.webhook import CHANNEL, WebhookParams, WebhookSender, check_address
from alerts.model import RetryLaterError
from devices.model import PermanentError, TransientError
from tests.alerts.servers import Hooks, webhook_server
from tests.alerts.town import outgoing
from tests.support import free_port, wait_until

SECRET_PATH = "/hook/s3cret"


@pytest.fixture
def server() -> Iterator[tuple[str, Hooks]]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def sender() -> Iterator[WebhookSender]:
    sender = WebhookSender(WebhookParams(timeout_s=0.5))
    yield sender
    sender.close()


def test_a_message_arrives_as_json_with_its_key(server: tuple[str, Hooks], sender: WebhookSender) -> None:
    url, hooks = server
    assert sender.send(outgoing(url + SECRET_PATH)) == "200"
    ((path, headers, body),) = hooks.requests
    assert (path, headers["idempotency-key"], headers["content-type"]) == (SECRET_PATH, "d1", "application/json")
    sent = json.loads(body)
    assert (sent["case_no"], sent["telling"], sent["severity"]) == ("26-0012", "raised", "critical")
    assert sent["subject"] == outgoing(url).message.subject
    assert sent["acknowledge_url"].endswith("/a#t=token")


@pytest.mark.parametrize(
    ("status", "headers", "error", "after_s"),
    [
        (500, {}, TransientError, None),
        (503, {"Retry-After": "7"}, RetryLaterError, 7.0),
        (429, {"Retry-After": "30"}, RetryLaterError, 30.0),
        (429, {"Retry-After": "99999999"}, RetryLaterError, 3600.0),
        (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, TransientError, None),
        (429, {"Retry-After": "-5"}, TransientError, None),
        (429, {"Retry-After": "²"}, TransientError, None),
        (429, {}, TransientError, None),
        (408, {}, TransientError, None),
        (400, {}, PermanentError, None),
        (404, {}, PermanentError, None),
        (410, {}, PermanentError, None),
        (302, {"Location": "/elsewhere"}, PermanentError, None),
    ],
    ids=str,
)
def test_what_an_answer_means(
    server: tuple[str, Hooks],
    sender: WebhookSender,
    status: int,
    headers: dict[str, str],
    error: type[Exception],
    after_s: float | None,
) -> None:
    url, hooks = server
    hooks.answers[SECRET_PATH] = [(status, headers)]
    with pytest.raises(error) as caught:
        sender.send(outgoing(url + SECRET_PATH))
    assert type(caught.value) is error
    assert getattr(caught.value, "after_s", None) == after_s
    assert str(caught.value) == f"webhook answered {status}"
    assert hooks.paths() == [SECRET_PATH]


@pytest.mark.parametrize(("status", "reference"), [(200, "200"), (202, "202"), (204, "204"), (409, "409")])
def test_what_counts_as_taken(server: tuple[str, Hooks], sender: WebhookSender, status: int, reference: str) -> None:
    url, hooks = server
    hooks.body = b"" if status == 204 else b"{}"
    hooks.answers["/"] = [(status, {})]
    assert sender.send(outgoing(url + "/")) == reference


def test_the_receivers_own_number_is_kept(server: tuple[str, Hooks], sender: WebhookSender) -> None:
    url, hooks = server
    hooks.answers["/"] = [(200, {"X-Request-Id": "r-17"})]
    assert sender.send(outgoing(url + "/")) == "200 r-17"


def test_a_receiver_that_hangs_is_given_up(server: tuple[str, Hooks], sender: WebhookSender) -> None:
    url, _hooks = server
    with pytest.raises(TransientError, match=r"^webhook: ReadTimeout$"):
        sender.send(outgoing(url + "/hang"))


def test_nobody_listens(sender: WebhookSender) -> None:
    with pytest.raises(TransientError, match=r"^webhook: ConnectError$"):
        sender.send(outgoing(f"http://127.0.0.1:{free_port()}{SECRET_PATH}"))


def test_connections_are_kept_alive(server: tuple[str, Hooks], sender: WebhookSender) -> None:
    url, hooks = server
    for _ in range(5):
        sender.send(outgoing(url + "/"))
    assert hooks.connections == 1


def test_a_connection_that_the_receiver_closed_is_opened_anew(server: tuple[str, Hooks], sender: WebhookSender) -> None:
    url, hooks = server
    keys = [f"d{i}" for i in range(5)]
    for key in keys:
        sender.send(outgoing(url + "/leave", delivery_id=key))
        wait_until(lambda: hooks.open_connections == 0)
    assert (hooks.keys("/leave"), hooks.connections) == (keys, 5)


def test_what_meets_the_closing_of_a_kept_connection_goes_again_under_its_key(
    server: tuple[str, Hooks], sender: WebhookSender
) -> None:
    url, hooks = server
    sender.send(outgoing(url + "/", delivery_id="d0"))
    with pytest.raises(TransientError, match=r"^webhook: RemoteProtocolError$"):
        sender.send(outgoing(url + "/vanish"))
    assert hooks.connections == 1
    assert sender.send(outgoing(url + "/")) == "200"
    assert (hooks.keys("/vanish"), hooks.keys("/")[1:], hooks.connections) == (["d1"], ["d1"], 2)


@pytest.mark.timeout(20)
def test_an_endless_answer_is_not_read_to_its_end(server: tuple[str, Hooks], sender: WebhookSender) -> None:
    url, _hooks = server
    assert sender.send(outgoing(url + "/flood")) == "200"


def test_threads_share_one_sender(server: tuple[str, Hooks], sender: WebhookSender) -> None:
    url, hooks = server
    with ThreadPoolExecutor(8) as pool:
        keys = [f"d{i}" for i in range(40)]
        assert set(pool.map(lambda key: sender.send(outgoing(url + "/", delivery_id=key)), keys)) == {"200"}
    assert sorted(hooks.keys("/")) == sorted(keys)


def test_no_proxy_of_the_environment_sees_a_message(server: tuple[str, Hooks], monkeypatch: pytest.MonkeyPatch) -> None:
    url, hooks = server
    with webhook_server() as (proxy, seen):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        sender = WebhookSender(WebhookParams())
        sender.send(outgoing(url + "/"))
        sender.close()
    assert (seen.paths(), hooks.paths()) == ([], ["/"])


@pytest.mark.parametrize(
    ("url", "is_good"),
    [
        ("https://hooks.example/T0/B1/secret", True),
        ("http://127.0.0.1:8080/x?y=1", True),
        ("http://[::1]:8080/x", True),
        ("ftp://hooks.example/x", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("https://user:word@hooks.example/", False),
        ("https://hooks.example/#part", False),
        ("https://hooks.example:99999/", False),
        ("hooks.example/x", False),
        ("", False),
    ],
)
def test_addresses(url: str, is_good: bool) -> None:
    assert (check_address(url) == "") is is_good


def test_a_wrong_address_is_not_repeated() -> None:
    assert "word" not in check_address("https://user:word@hooks.example/")


def test_an_address_that_cannot_be_used_is_permanent(sender: WebhookSender) -> None:
    with pytest.raises(PermanentError, match="cannot be used"):
        sender.send(outgoing("gopher://hooks.example/s3cret"))


def test_the_channel_is_named_like_its_file() -> None:
    assert (CHANNEL.name, CHANNEL.address_field) == ("webhook", "webhook_url")
