"""Whatever is asked, the answer is a clear one: never a server error, always a problem in words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from api.app import create_app
from tests.api.world import World

PATHS = (
    "/api/v1/town", "/api/v1/stations", "/api/v1/devices", "/api/v1/series", "/api/v1/latest", "/api/v1/alerts",
    "/api/v1/events", "/api/v1/quarantine", "/health", "/livez", "/metrics",
)  # fmt: skip
NAMES = ("limit", "offset", "from", "to", "points", "state", "domain", "subject", "device_id", "after", "x")
ODD = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["", "0", "-0", "1e9", "null", "2026-01-01", "2026-01-01T00:00:00Z", "2200-12-31T23:59:59-23:59"]),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("town")
    world = World(folder)
    world.history("snow-17", "snow_depth", values=[1.0, 2.0, 3.0])
    app = create_app(world.settings)
    yield TestClient(app, base_url="http://127.0.0.1", client=("127.0.0.1", 1), raise_server_exceptions=False)
    world.close()


def check(client: TestClient, path: str) -> None:
    answer = client.get(path)
    # nothing turns the loop here, so /livez says after some seconds that it stands still
    is_state = path.startswith(("/health", "/livez"))
    assert answer.status_code < 500 or (is_state and answer.status_code == 503), path
    if answer.status_code >= 400 and not is_state:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(PATHS), query=st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4))
def test_odd_questions(client: TestClient, path: str, query: dict[str, str]) -> None:
    check(client, path + "?" + "&".join(f"{name}={quote(value)}" for name, value in query.items()))


@settings(max_examples=200, deadline=None)
@given(
    device=st.one_of(st.just("snow-17"), st.text(min_size=1, max_size=20)),
    quantity=st.one_of(st.just("snow_depth"), st.text(min_size=1, max_size=20)),
    query=st.dictionaries(st.sampled_from(NAMES), ODD, max_size=4),
)
def test_odd_series(client: TestClient, device: str, quantity: str, query: dict[str, str]) -> None:
    path = f"/api/v1/series/{quote(device, safe='')}/{quote(quantity, safe='')}/observations?"
    check(client, path + "&".join(f"{name}={quote(value)}" for name, value in query.items()))


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=30))
def test_odd_paths(client: TestClient, raw: bytes) -> None:
    check(client, "/web/" + quote(raw))
    check(client, "/api/v1/alerts/" + quote(raw, safe=""))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(
    path=st.sampled_from(["/api/v1/alerts/x/acknowledge", "/api/v1/links/show", "/api/v1/links/acknowledge"]),
    body=st.one_of(st.binary(max_size=60), JSON.map(lambda value: json.dumps(value).encode())),
)
def test_odd_orders(client: TestClient, path: str, body: bytes) -> None:
    answer = client.post(path, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"


@settings(max_examples=100, deadline=None)
@given(token=st.text(max_size=100))
def test_odd_tokens(client: TestClient, token: str) -> None:
    answer = client.post("/api/v1/links/show", json={"token": token})
    assert answer.status_code in {404, 422}
