"""A small town with real files, an application over it, and the same behind a real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from starlette.testclient import TestClient

from api.app import create_app
from api.run import ApiOptions, open_listener, serve
from tests.api.screen import CHROMIUM, FLAGS, Screen, looking
from tests.api.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    town = World(tmp_path)
    town.beat()
    yield town
    town.close()


@pytest.fixture
def client(world: World) -> Iterator[TestClient]:
    app = create_app(world.settings)
    with TestClient(app, base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000)) as found:
        yield found


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server; `url` has no slash at the end."""

    url: str
    port: int


@contextmanager
def running(world: World, *, port: int = 0) -> Iterator[Server]:
    """Serve the world on `port` (0: a free one) until the block ends."""
    options = ApiOptions(site=world.site, data_dir=world.folder, clock=world.clock, port=port)
    listener = open_listener(options.host, options.port)
    found = listener.getsockname()[1]
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(options, listener, stop), name="api-under-test")
    thread.start()
    try:
        yield Server(url=f"http://127.0.0.1:{found}", port=found)
    finally:
        stop.set()
        thread.join(timeout=15)
    assert not thread.is_alive(), "the server did not stop"


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with running(world) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # A module, not the session: while it runs, Playwright holds the thread's event loop.
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(params=["light"])
def screen(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Screen]:
    with looking(browser, server.url, scheme=request.param) as found:
        yield found
