"""What every request passes: hosts, forged origins, types, sizes, headers."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.guard import MAX_BODY_BYTES, HostNames, is_loopback, known_names
from tests.api.conftest import Server
from tests.api.world import World, an_alert

ACKNOWLEDGE = f"/api/v1/alerts/{'a' * 32}/acknowledge"


@pytest.fixture
def alerted(world: World, client: TestClient) -> TestClient:
    world.alerts.put(an_alert(opened_ns=world.now_ns()))
    return client


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("192.168.10.20:8080", True),
        ("localhost:8080", True),
        ("LOCALHOST", True),
        ("satomori.town.example", True),
        ("satomori.town.example:443", True),
        ("evil.example", False),
        ("satomori.town.example.evil.example", False),
        ("localhost@evil.example", False),
        ("127.0.0.1:8080:9", False),
        ("127.0.0.1:port", False),
        ("a b", False),
        ("", False),
    ],
)
def test_only_our_own_names_are_answered(host: str, is_ours: bool) -> None:
    names = HostNames(known=known_names("https://satomori.town.example/x", "", "127.0.0.1"))
    assert names.accepts(host) is is_ours


def test_a_page_that_rebinds_its_name_to_us_is_refused(client: TestClient) -> None:
    answer = client.get("/api/v1/latest", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


def test_two_host_headers_are_refused(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        line.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert line.makefile("rb").readline().split()[1] == b"400"


FORGED: dict[str, dict[str, str]] = {
    "other origin": {"origin": "http://evil.example"},
    "our name as a prefix": {"origin": "http://127.0.0.1:8080.evil.example"},
    "other port": {"origin": "http://127.0.0.1:9999"},
    "opaque origin": {"origin": "null"},
    "cross-site without origin": {"sec-fetch-site": "cross-site"},
    "same site, other origin": {"sec-fetch-site": "same-site"},
    "broken origin": {"origin": "http://["},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
def test_another_site_cannot_acknowledge(alerted: TestClient, world: World, headers: dict[str, str]) -> None:
    answer = alerted.post(ACKNOWLEDGE, json={"by": "x"}, headers=headers)
    assert answer.status_code == 403
    assert not (world.folder / "orders.db").exists()


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": "http://127.0.0.1:8080"}, {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}],
)
def test_our_own_page_and_programs_can(alerted: TestClient, headers: dict[str, str]) -> None:
    assert alerted.post(ACKNOWLEDGE, json={"by": "x"}, headers=headers).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_no_order(alerted: TestClient, kind: str) -> None:
    answer = alerted.post(ACKNOWLEDGE, content=b'{"by": "x"}', headers={"content-type": kind})
    assert answer.status_code == 415


def test_a_body_over_the_limit_is_refused(alerted: TestClient) -> None:
    body = b'{"by": "' + b"x" * MAX_BODY_BYTES + b'"}'
    answer = alerted.post(ACKNOWLEDGE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert str(MAX_BODY_BYTES) in answer.json()["detail"]


def test_a_body_without_length_is_counted(alerted: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1024 + 1):
            yield b" " * 1024

    answer = alerted.post(ACKNOWLEDGE, content=pieces(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_a_body_of_exactly_the_limit_is_read(alerted: TestClient) -> None:
    body = b'{"by": "x"}'.ljust(MAX_BODY_BYTES)
    answer = alerted.post(ACKNOWLEDGE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/", "/a", "/api/v1/latest", "/health", "/nowhere", "/web/main.js"])
def test_every_answer_carries_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/web/") else "no-store")


@pytest.mark.parametrize("path", [ACKNOWLEDGE, "/api/v1/links/acknowledge", "/api/v1/links/show"])
def test_get_changes_nothing(alerted: TestClient, world: World, path: str) -> None:
    assert alerted.get(path).status_code == 405
    assert not (world.folder / "orders.db").exists()


@pytest.mark.parametrize(
    ("address", "is_here"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("x", False)]
)
def test_loopback(address: str, is_here: bool) -> None:
    assert is_loopback(address) is is_here
