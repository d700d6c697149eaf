"""A page in a real browser, what the browser complained of, and the orders people gave in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

from alerts.model import Via
from alerts.orders import OrderReader
from tests.api.world import World

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
Scheme = Literal["light", "dark"]
PHONE = ViewportSize(width=360, height=740)


@dataclass(slots=True)
class Complaints:
    """What the browser complained of (a blocked script shows here), and every address it asked for."""

    texts: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.texts.append(message.text)


@dataclass(frozen=True, slots=True)
class Screen:
    """An open page, and what went wrong in it."""

    page: Page
    complaints: Complaints
    url: str

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.url + path)
        if path == "/":
            self.page.wait_for_selector("body[data-ready]")
        return self.page


@contextmanager
def looking(browser: Browser, url: str, *, scheme: Scheme = "light") -> Iterator[Screen]:
    """Give an empty page of a phone in Japan, for the server at `url`."""
    context = browser.new_context(viewport=PHONE, locale="ja-JP", color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints = Complaints()
    page.on("console", lambda message: complaints.note(message))
    page.on("pageerror", lambda error: complaints.texts.append(str(error)))
    page.on("request", lambda sent: complaints.urls.append(sent.url))
    yield Screen(page, complaints, url)
    context.close()


def orders(world: World) -> list[tuple[str, Via]]:
    reader = OrderReader(world.folder / "orders.db")
    found = [(row.acknowledgement.by, row.acknowledgement.via) for row in reader.orders_after(0)]
    reader.close()
    return found
