"""The page in a real browser, on a real server and real files: live, honest when silent, one tap to acknowledge."""

from __future__ import annotations

import math
import re
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from alerts.model import AlertState
from alerts.orders import OrderReader
from devices.model import SECOND_NS, Severity
from tests.api.conftest import running
from tests.api.screen import Screen, looking, orders
from tests.api.world import HOUR_NS, World, an_alert, small_site
from tests.support import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
SNOW_CARD = '[data-station="road-17"]'


def test_a_value_changes_without_reload(world: World, screen: Screen) -> None:
    world.history("snow-17", "snow_depth", values=[1.0, 1.1, 1.23])
    page = screen.open()
    figure = page.locator(f"{SNOW_CARD} .figure").first
    expect(figure).to_have_text("123cm")
    page.evaluate("window.isTheSamePage = true")
    world.journal.reading("snow-17", "snow_depth", 1.37, observed_ns=world.now_ns())
    expect(figure).to_have_text("137cm")
    expect(page.locator(f"{SNOW_CARD} .chip")).to_have_text("平常")
    assert page.evaluate("window.isTheSamePage") is True
    assert screen.complaints.texts == []


def test_an_alert_comes_live_and_is_acknowledged_by_one_tap(world: World, screen: Screen) -> None:
    page = screen.open()
    expect(page.locator("#alerts")).to_contain_text("いまお知らせはありません")
    world.journal.reading("snow-17", "snow_depth", 1.37, observed_ns=world.now_ns())
    world.alerts.put(an_alert(opened_ns=world.now_ns()))
    alert = page.locator("#alerts .alert")
    expect(alert).to_contain_text("【除雪の目安】")
    expect(page.locator("#summary")).to_contain_text("すぐに確認が必要")
    expect(page.locator(f"{SNOW_CARD} .chip")).to_have_text("至急確認")
    page.fill("#my-name", "道路係")
    page.locator("#alerts button", has_text="確認しました").click()
    expect(alert.locator(".seen")).to_contain_text("確認済み 道路係")
    assert orders(world) == [("道路係", "page")]
    _let_the_service_record_it(world)
    page.reload()
    expect(alert.locator(".seen")).to_contain_text("確認済み 道路係")
    assert screen.complaints.texts == []


def _let_the_service_record_it(world: World) -> None:
    reader = OrderReader(world.folder / "orders.db")
    world.alerts.acknowledge(reader.orders_after(0)[0].acknowledgement)
    reader.close()


def test_a_tap_that_did_not_arrive_says_so(world: World, screen: Screen) -> None:
    world.alerts.put(an_alert(opened_ns=world.now_ns()))
    page = screen.open()
    page.route("**/acknowledge", lambda route: route.abort())
    page.locator("#alerts button").click()
    expect(page.locator("#alerts .failed")).to_contain_text("送れませんでした")
    expect(page.locator("#alerts button")).to_be_enabled()
    page.unroute("**/acknowledge")
    page.locator("#alerts button").press("Enter")
    expect(page.locator("#alerts .seen")).to_contain_text("確認済み")


def test_a_resolved_alert_leaves_the_list(world: World, screen: Screen) -> None:
    alert = an_alert(opened_ns=world.now_ns())
    world.alerts.put(alert)
    page = screen.open()
    expect(page.locator("#alerts .alert")).to_have_count(1)
    world.alerts.put(replace(alert, state=AlertState.RESOLVED, resolved_ns=world.now_ns()))
    expect(page.locator("#alerts")).to_contain_text("いまお知らせはありません")


def test_a_silent_gauge_never_shows_its_last_value_as_current(world: World, screen: Screen) -> None:
    world.journal.reading("snow-17", "snow_depth", 1.84, observed_ns=world.now_ns() - 3 * HOUR_NS)
    card = screen.open().locator(SNOW_CARD)
    expect(card.locator(".chip")).to_have_text("不明")
    expect(card).to_contain_text("更新が止まっています")
    expect(card.locator(".old")).to_have_text("最後の値 184 cm")
    expect(card).to_contain_text("3時間前")
    expect(card.locator(".figure")).to_have_count(0)


def test_a_gauge_without_a_valid_value_says_so(world: World, screen: Screen) -> None:
    world.journal.reading("snow-17", "snow_depth", math.nan, observed_ns=world.now_ns(), flag=9)
    card = screen.open().locator(SNOW_CARD)
    expect(card.locator(".chip")).to_have_text("不明")
    expect(card.locator(".figure")).to_have_text("測れません")


def test_two_traps_at_one_place_are_told_apart(tmp_path: Path, browser: Browser) -> None:
    site = small_site()
    first = next(device for device in site.device if device.id == "trap-1")
    second = first.model_copy(update={"id": "trap-2", "name": "わな2号"})
    world = World(tmp_path, site=site.model_copy(update={"device": (*site.device, second)}))
    world.beat()
    for device_id, value in (("trap-1", 0.0), ("trap-2", 1.0)):
        world.journal.reading(device_id, "contact_open", value, observed_ns=world.now_ns())
    with running(world) as server, looking(browser, server.url) as screen:
        card = screen.open().locator('[data-station="trap-east"]')
        expect(card.locator("dt")).to_have_text(["わな1号", "わな2号"])
        expect(card.locator(".figure")).to_have_text(["待機中", "作動しました"])
    world.close()


def test_a_watched_home_shows_a_word_and_no_motion_curve(world: World, screen: Screen) -> None:
    world.history("motion-07", "occupancy", values=[0.0, 1.0, 0.0])
    world.history("snow-17", "snow_depth", values=[1.0, 1.1])
    page = screen.open()
    card = page.locator('[data-station="home-07"]')
    expect(card.locator(".figure")).to_have_text("動きの記録あり")
    expect(page.locator("#chart option")).to_have_count(1)
    assert "居間" not in page.inner_text("body")
    assert "motion-07" not in page.content()


def test_a_lost_connection_is_said_and_nothing_stays_green(world: World, screen: Screen) -> None:
    world.history("snow-17", "snow_depth", values=[1.0, 1.1])
    screen.page.clock.install()
    page = screen.open()
    expect(page.locator(f"{SNOW_CARD} .chip")).to_have_text("平常")
    page.context.set_offline(True)
    page.clock.run_for(17_000)
    expect(page.locator("#lost")).to_contain_text("画面が古い可能性があります")
    expect(page.locator(f"{SNOW_CARD} .chip")).to_have_text("不明")
    expect(page.locator("#summary")).to_contain_text("分かりません")
    assert page.locator(".is-ok:visible").count() == 0
    page.context.set_offline(False)
    for _ in range(20):
        page.clock.run_for(1000)
    expect(page.locator("#lost")).to_be_hidden()
    expect(page.locator(f"{SNOW_CARD} .chip")).to_have_text("平常")


def test_the_page_catches_up_with_a_server_that_was_away(world: World, browser: Browser) -> None:
    world.history("snow-17", "snow_depth", values=[1.0, 1.1])
    with ExitStack() as open_page:
        with running(world) as server:
            screen = open_page.enter_context(looking(browser, server.url))
            screen.page.clock.install()
            page = screen.open()
            page.evaluate("window.isTheSamePage = true")
            figure = page.locator(f"{SNOW_CARD} .figure").first
            expect(figure).to_have_text("110cm")
        page.clock.run_for(17_000)
        expect(page.locator("#lost")).to_be_visible()
        world.journal.reading("snow-17", "snow_depth", 1.37, observed_ns=world.now_ns())
        world.alerts.put(an_alert(opened_ns=world.now_ns()))
        with running(world, port=server.port):
            wait_until(lambda: _back(page), 30, what="the page has caught up")
            expect(figure).to_have_text("137cm")
            expect(page.locator("#alerts")).to_contain_text("【除雪の目安】")
            assert page.evaluate("window.isTheSamePage") is True


def _back(page: Page) -> bool:
    page.clock.run_for(1000)
    return not page.locator("#lost").is_visible()


def test_the_chart_shows_gaps_and_can_be_read_by_keyboard(world: World, screen: Screen) -> None:
    values = [1.0 + i / 100 if not 20 <= i < 40 else math.nan for i in range(60)]
    world.history("snow-17", "snow_depth", values=values)
    page = screen.open()
    expect(page.locator("#chart svg.plot .curve")).to_have_count(2)
    # One gap inside, one before the record begins.
    expect(page.locator("#chart .gap")).to_have_count(2)
    expect(page.locator("#chart svg.plot")).to_have_attribute("aria-label", _containing("記録のない時間が 2 か所"))
    slider = page.locator("#chart input[type=range]")
    before = page.inner_text("#chart .readout")
    slider.press("ArrowLeft")
    assert page.inner_text("#chart .readout") != before
    expect(slider).to_have_attribute("aria-valuetext", page.inner_text("#chart .readout"))
    page.locator("#chart summary").press("Enter")
    assert page.locator("#chart tbody tr").count() >= 6


def test_the_chart_follows_new_values(world: World, screen: Screen) -> None:
    world.history("snow-17", "snow_depth", values=[1.0, 1.1])
    page = screen.open()
    expect(page.locator("#chart .readout")).to_contain_text("110 cm")
    world.journal.reading("snow-17", "snow_depth", 1.37, observed_ns=world.now_ns())
    expect(page.locator("#chart svg.plot")).to_have_attribute("aria-label", _containing("最大 137 cm"))


def _containing(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))


@pytest.mark.parametrize(("level", "word"), [("ja_easy", "いつもどおり"), ("en", "OK")])
def test_the_language_is_remembered(world: World, screen: Screen, level: str, word: str) -> None:
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns())
    page = screen.open()
    chip = page.locator(f"{SNOW_CARD} .chip")
    expect(chip).to_have_text("平常")
    page.locator(f"#languages input[value={level}] + span").click()
    expect(chip).to_have_text(word)
    page.reload()
    expect(chip).to_have_text(word)
    assert page.get_attribute("html", "lang") == ("en" if level == "en" else "ja")


def test_what_could_not_be_read_is_visible(world: World, screen: Screen) -> None:
    world.journal.quarantine("wrong_unit", raw=b"\x01", received_ns=world.now_ns(), detail="unit Cel is not a length")
    page = screen.open()
    page.locator(".quarantine summary").click()
    expect(page.locator(".quarantine")).to_contain_text("unit Cel is not a length")


def test_what_was_counted_is_visible_with_its_meaning(world: World, screen: Screen) -> None:
    world.journal.duplicates(41)
    page = screen.open()
    page.locator(".counted summary").click()
    expect(page.locator(".counted")).to_contain_text("二重に届いた値")
    expect(page.locator(".counted")).to_contain_text("41")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator("#languages input[value=en] + span").click()
    expect(page.locator(".counted")).to_contain_text("Readings that were already there")


def test_a_stopped_service_is_visible(world: World, screen: Screen) -> None:
    world.alerts.beat(world.now_ns() - 90 * SECOND_NS)
    page = screen.open()
    expect(page.locator("#system")).to_contain_text("動いていません")
    expect(page.locator("#system .chip.is-unknown").first).to_have_text("不明")


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("level", ["ja", "ja_easy", "en"])
def test_nothing_runs_off_the_side(world: World, screen: Screen, width: int, level: str) -> None:
    _busy_day(world)
    screen.page.set_viewport_size({"width": width, "height": 740})
    page = screen.open()
    page.locator(f"#languages input[value={level}] + span").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("screen", ["light", "dark"], indirect=True)
def test_no_complaints_and_no_foreign_address(world: World, screen: Screen) -> None:
    _busy_day(world)
    page = screen.open()
    expect(page.locator(".card")).to_have_count(4)
    for hours in ("48", "24"):
        page.locator(f"#chart input[value='{hours}'] + span").click()
    assert screen.complaints.texts == []
    assert [url for url in screen.complaints.urls if not url.startswith(screen.url)] == []


def test_every_control_has_a_name_and_room_for_a_thumb(world: World, screen: Screen) -> None:
    _busy_day(world)
    page = screen.open()
    for control in page.locator("button:visible, select:visible, #my-name").all():
        box = control.bounding_box()
        assert box is not None
        assert box["height"] >= 40
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, select, input')].filter((e) =>"
        " !(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert unnamed == []


def test_names_from_files_are_text_never_markup(world: World, screen: Screen) -> None:
    nasty = "<svg onload=alert(1)><b>x</b>"
    alert = replace(an_alert(opened_ns=world.now_ns(), severity=Severity.WARNING), text_ja=nasty, acknowledged_by=nasty)
    world.alerts.put(replace(alert, acknowledged_ns=world.now_ns()))
    world.journal.quarantine("undecodable", raw=b"", received_ns=world.now_ns(), detail=nasty)
    page = screen.open()
    expect(page.locator("#alerts h3")).to_have_text(nasty)
    page.locator(".quarantine summary").click()
    expect(page.locator(".quarantine td").last).to_have_text(nasty)
    assert screen.complaints.texts == []


def test_paper_gets_no_buttons(world: World, screen: Screen) -> None:
    _busy_day(world)
    page = screen.open()
    page.emulate_media(media="print")
    assert page.locator(".button:visible, .languages:visible, .chart-controls:visible").count() == 0
    assert page.locator(".card:visible").count() == 4


def test_the_page_waits_for_a_hub_that_is_still_starting(world: World, screen: Screen) -> None:
    page = screen.page
    page.route("**/api/v1/stations", lambda route: route.abort())
    page.goto(screen.url)
    expect(page.locator("#lost")).to_be_visible()
    page.unroute("**/api/v1/stations")
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns())
    wait_until(lambda: page.locator("body[data-ready]").count() == 1, 20)
    expect(page.locator("#lost")).to_be_hidden()


def _busy_day(world: World) -> None:
    now_ns = world.now_ns()
    world.history("snow-17", "snow_depth", values=[1 + math.sin(i / 9) / 9 for i in range(144)])
    world.history("snow-17", "air_temperature", values=[-3 + math.sin(i / 20) for i in range(144)])
    world.journal.reading("snow-pass", "snow_depth", 1.84, observed_ns=now_ns - 3 * HOUR_NS)
    world.journal.reading("trap-1", "contact_open", 1.0, observed_ns=now_ns)
    world.journal.reading("motion-07", "occupancy", 1.0, observed_ns=now_ns)
    world.journal.quarantine("wrong_unit", raw=b"\x01", received_ns=now_ns)
    world.alerts.put(an_alert(opened_ns=now_ns))
    world.alerts.put(
        replace(
            an_alert("b" * 32, opened_ns=now_ns, subject="trap-1", severity=Severity.WARNING),
            acknowledged_ns=now_ns,
            acknowledged_by="road-office",
        )
    )
