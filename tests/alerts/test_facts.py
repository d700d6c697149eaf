"""Numbers, times and places as they stand in texts."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.facts import Occasion, SiteIndex, TextKind, fields, long_time, number_text, short_time, text_kind
from alerts.model import Alert
from devices.site import Language
from tests.alerts.town import NAMES, T0_NS, alert, site

MORNING = datetime(2026, 1, 5, 6, 5, tzinfo=ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize(
    ("language", "short", "long"),
    [
        ("ja", "1/5 6:05", "2026年1月5日 6時5分"),
        ("ja_easy", "1/5 6:05", "1月5日 6:05"),
        ("en", "5 Jan 06:05", "5 Jan 2026 06:05"),
    ],
)
def test_times(language: Language, short: str, long: str) -> None:
    assert (short_time(MORNING, language), long_time(MORNING, language)) == (short, long)


@pytest.mark.parametrize(
    ("value", "quantity", "language", "text"),
    [
        (23.46, "air_temperature", "ja", "23.5℃"),
        (-10.0, "air_temperature", "en", "-10 °C"),
        (100.0, "battery_level", "ja", "100%"),
        (11.6249, "battery_voltage", "ja", "11.625V"),
        (3.0, "count", "ja", "3"),
        (3.0, "count", "en", "3"),
        (1234.0, "illuminance", "en", "1234 lx"),
        (0.25, "no_such_quantity", "ja", "0.25"),
    ],
)
def test_numbers(value: float, quantity: str, language: Language, text: str) -> None:
    assert number_text(value, quantity, language) == text


INDEX = SiteIndex(site())


@pytest.mark.parametrize(
    ("subject", "device_id", "place"),
    [
        ("snow-01", "snow-01", ("bridge", "上川橋", "snow", NAMES["gauge"])),
        ("snow-01/distance", "snow-01", ("bridge", "上川橋", "snow", NAMES["gauge"])),
        ("gw-01", "gw-01", ("bridge", "上川橋", "system", NAMES["gateway"])),
        ("person-07", "pir-01", ("home-07", NAMES["home"], "watch", "person-07")),
        ("pir-01", "pir-01", ("home-07", NAMES["home"], "watch", NAMES["motion"])),
        ("gone-99", "gone-99", ("", "", "system", "gone-99")),
    ],
)
def test_places(subject: str, device_id: str, place: tuple[str, str, str, str]) -> None:
    found = INDEX.place(subject=subject, device_id=device_id)
    assert (found.station_id, found.station_name, found.domain, found.name) == place


@pytest.mark.parametrize(
    ("of", "rule_kind", "kind"),
    [
        (alert(), "threshold", "snow_depth"),
        (alert(quantity="distance"), "threshold", "threshold"),
        (alert(domain="wildlife"), "contact_event", "trap_sprung"),
        (alert(), "contact_event", "contact"),
        (alert(), "silent", "device_silent"),
        (alert(domain="watch"), "silent", "watch_device"),
        (alert(domain="watch"), "no_motion", "watch_check"),
        (alert(domain="watch"), "threshold", "watch_check"),
        (alert(domain="system"), "no_motion", "watch_check"),
        (alert(), "device_fault", "device_fault"),
        (alert(domain="watch"), "device_fault", "watch_device"),
        (alert(), "battery_outlook", "battery_outlook"),
        (alert(domain="watch"), "battery_outlook", "watch_device"),
        (alert(domain="wildlife"), "trap_check", "trap_check"),
        (alert(domain="wildlife"), "trap_moved", "trap_moved"),
        (alert(domain="wildlife"), "trap_carried", "trap_moved"),
        (alert(), "counter_reset", "plain"),
        (alert(), "", "plain"),
        (alert(), "a_rule_of_tomorrow", "plain"),
    ],
)
def test_text_kinds(of: Alert, rule_kind: str, kind: TextKind) -> None:
    assert text_kind(of, rule_kind) == kind


@pytest.mark.parametrize("kind", ["watch_check", "watch_device", "plain"])
def test_a_neutral_text_is_given_nothing_it_could_tell(kind: TextKind) -> None:
    occasion = Occasion(alert=alert(), observed_ns=T0_NS, value=1.0, limit=1.0)
    assert set(fields(occasion, INDEX, kind, "ja")) == {"case_no", "town", "office_phone"}


def test_the_year_is_the_towns() -> None:
    before_new_year_in_utc_ns = 1_767_193_200_000_000_000  # 2025-12-31T15:00Z = 2026-01-01T00:00 in Japan
    assert INDEX.year_of(before_new_year_in_utc_ns) == 2026
    assert INDEX.year_of(before_new_year_in_utc_ns - 1) == 2025
    assert INDEX.year_of(T0_NS) == 2026
