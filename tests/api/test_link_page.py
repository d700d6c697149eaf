"""The page behind the link of a message: shows the alert, takes one tap, keeps the token to itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from alerts.links import Ticket, acknowledge_url, load_secret, sign
from tests.api.screen import Screen, orders
from tests.api.world import HOUR_NS, World, an_alert

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


def test_a_link_from_a_message_acknowledges(world: World, screen: Screen) -> None:
    now_ns = world.now_ns()
    world.alerts.put(an_alert(opened_ns=now_ns))
    ticket = Ticket(alert_id="a" * 32, contact_id="road-office", expires_ns=now_ns + HOUR_NS)
    token = sign(ticket, load_secret(world.folder))
    page = screen.open(acknowledge_url("", token))
    expect(page.locator("h3")).to_contain_text("【除雪の目安】")
    assert orders(world) == []
    page.locator("button", has_text="確認しました").click()
    expect(page.locator("#letter")).to_contain_text("ありがとうございます")
    expect(page.locator("#letter")).to_contain_text("道路係 当番")
    assert orders(world) == [("road-office", "link")]
    assert screen.complaints.texts == []
    assert not any(token in url.split("#")[0] for url in screen.complaints.urls)


def test_a_link_that_was_cut_short_says_what_to_do(screen: Screen) -> None:
    page = screen.open("/a#t=abc")
    expect(page.locator(".failed")).to_contain_text("役場へお電話ください")
    expect(page.locator("#office")).to_have_text("役場 000-000-0000")
