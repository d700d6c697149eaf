"""The linter of all texts: three levels, lengths, forbidden words, the case number, closed on a missing field."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import pytest
from _pytest.logging import LogCaptureFixture

from alerts.facts import LANGUAGES, TEXT_KINDS, Occasion, SiteIndex
from alerts.messages import MOST_SHORT_CHARS, KindFile, Texts, Writer, load_texts
from alerts.model import Alert, Message, Telling
from alerts.routing import INGEST_SILENT
from devices.model import PermanentError
from devices.site import Language, Site
from tests.alerts.town import NAMES, T0_NS, alert, site

FORBIDDEN = ("注意報", "警報", "監視", "徘徊", "異常", "!", "！")
MOST_EASY_SENTENCE_CHARS = 40
CASE_WORD: dict[Language, str] = {"ja": "受付26-0012", "ja_easy": "受付（うけつけ）26-0012", "en": "ase 26-0012"}

WATCH: dict[str, Any] = {"domain": "watch", "station_id": "home-07", "device_id": "pir-01", "subject": "person-07"}
TRAP: dict[str, Any] = {"domain": "wildlife", "device_id": "trap-01", "subject": "trap-01", "rule_id": "trap-sprung"}
ALERTS: dict[str, Alert] = {
    "snow_depth": alert(),
    "threshold": alert(quantity="air_temperature", value=-12.3, limit=-10.0),
    "trap_sprung": alert(**TRAP),
    "contact": alert(**{**TRAP, "domain": "snow"}),
    "device_silent": alert(rule_id="device-silent"),
    "channel_silent": alert(rule_id="device-silent", subject="snow-01/distance", quantity="distance"),
    "gateway_silent": alert(rule_id="device-silent", subject="gw-01", device_id="gw-01", domain="system"),
    **{
        f"fault_{code}": alert(rule_id="device-fault", subject="snow-01/line_fault", quantity="line_fault", value=code)
        for code in (1.0, 2.0, 3.0, 4.0)
    },
    "fault_battery": alert(rule_id="device-fault", subject="snow-01/battery_low", quantity="battery_low", value=1.0),
    "fault_device": alert(rule_id="device-fault", subject="snow-01/device_fault", quantity="device_fault", value=513.0),
    "battery": alert(rule_id="battery-outlook", quantity="battery_voltage", value=21.4, limit=30.0),
    "trap_check": alert(**{**TRAP, "rule_id": "trap-check"}),
    "trap_moved": alert(**{**TRAP, "rule_id": "trap-moved"}),
    "watch_fault": alert(**{**WATCH, "subject": "pir-01/battery_low"}, rule_id="device-fault", quantity="battery_low"),
    "behind_a_parent": alert(rule_id="device-silent", note="parent:gw-01"),
    "watch_check": alert(**WATCH, rule_id="no-motion"),
    "watch_device": alert(**{**WATCH, "subject": "pir-01"}, rule_id="device-silent"),
    "watch_other": alert(**WATCH, rule_id="snow-depth", quantity="air_temperature", value=9.0, limit=12.0),
    "ingest_silent": alert(rule_id=INGEST_SILENT, subject="ingest", device_id="", station_id="", domain="system"),
    "rule_gone": alert(rule_id="no-such-rule"),
    "no_number": alert(value=math.nan),
}


def writer(town: Site | None = None) -> Writer:
    return Writer(SiteIndex(town or site()), load_texts())


WRITER = writer()


def occasion(of: Alert, *, is_late: bool = False) -> Occasion:
    return Occasion(alert=of, observed_ns=T0_NS, value=of.value, limit=of.limit, is_late=is_late)


@dataclass(frozen=True)
class Case:
    name: str
    telling: Telling
    language: Language

    def message(self, *, by: Writer = WRITER) -> Message:
        return by.message(occasion(ALERTS[self.name]), telling=self.telling, language=self.language)


CASES = [Case(name, telling, language) for name in ALERTS for telling in Telling for language in LANGUAGES]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.name}-{c.telling.value}-{c.language}")


@every_case
def test_short_form_fits_one_sms(case: Case) -> None:
    subject = case.message().subject
    assert 0 < len(subject) <= MOST_SHORT_CHARS
    assert subject.isprintable()


@every_case
def test_every_text_carries_the_case_number(case: Case) -> None:
    message = case.message()
    assert CASE_WORD[case.language] in message.subject
    assert "26-0012" in message.body


@every_case
def test_no_forbidden_word(case: Case) -> None:
    message = case.message()
    assert [word for word in FORBIDDEN if word in message.subject + message.body] == []


@every_case
def test_long_form_names_the_office(case: Case) -> None:
    assert "ゆきもり町" in case.message().body
    assert "0000-00-0000" in case.message().body


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.language == "ja_easy"], ids=lambda c: f"{c.name}-{c.telling.value}"
)
def test_easy_sentences_are_short(case: Case) -> None:
    without_readings = re.sub(r"（[ぁ-ん]+）", "", case.message().body)
    assert [s for s in re.split(r"[。\n]", without_readings) if len(s) > MOST_EASY_SENTENCE_CHARS] == []


@pytest.mark.parametrize(
    "case", [c for c in CASES if c.name.startswith("watch")], ids=lambda c: f"{c.name}-{c.telling.value}-{c.language}"
)
def test_a_watch_text_says_nothing_of_the_person(case: Case) -> None:
    """No name, place, time, device, quantity or number but the case number: the same text whatever happened."""
    message = case.message()
    own = ALERTS[case.name]
    other = Alert(
        **{
            **{field: getattr(own, field) for field in Alert.__dataclass_fields__},
            "subject": "person-99", "device_id": "snow-01", "station_id": "bridge", "value": 77.7, "limit": 55.5,
            "quantity": "occupancy", "observed_ns": T0_NS + 10**15, "opened_ns": T0_NS + 10**15,
        }
    )  # fmt: skip
    elsewhere = Occasion(alert=other, observed_ns=other.observed_ns, value=77.7, limit=55.5)
    assert WRITER.message(elsewhere, telling=case.telling, language=case.language) == message
    assert [name for key, name in NAMES.items() if key != "town" and name in message.subject + message.body] == []


def test_the_snow_text_puts_fact_then_action_then_source() -> None:
    message = WRITER.message(occasion(ALERTS["snow_depth"]), telling=Telling.RAISED, language="ja")
    assert message.subject == "【除雪の目安】1/5 8:30 上川橋 積雪152cm（基準150cm）受付26-0012 確認をお願いします"
    fact, action, source = message.body.splitlines()[:3]
    assert fact == "上川橋の積雪が、2026年1月5日 8時30分に152cmになりました（基準 150cm）。"
    assert action.endswith("お願いします。")
    assert source.startswith("出典")


def test_a_late_trap_says_when_it_was_and_that_it_is_late() -> None:
    late = WRITER.message(occasion(ALERTS["trap_sprung"], is_late=True), telling=Telling.RAISED, language="ja")
    in_time = WRITER.message(occasion(ALERTS["trap_sprung"]), telling=Telling.RAISED, language="ja")
    assert "1/5 8:30" in late.subject
    assert "届くのが遅れた記録です" in late.body
    assert "遅れた" not in in_time.body


def test_a_fault_says_which_and_what_to_do() -> None:
    message = WRITER.message(occasion(ALERTS["fault_2.0"]), telling=Telling.RAISED, language="ja")
    assert message.body.startswith(
        "上川橋 積雪計（上川橋）：回線の不具合（応答なし）。機器の電源と配線を確認してください。"
    )
    assert message.subject == "【機器】上川橋 積雪計：応答なし 1/5 8:30 受付26-0012"


def test_each_fault_has_words_of_its_own() -> None:
    names = [name for name in ALERTS if name.startswith("fault_")]
    for language in LANGUAGES:
        bodies = {
            WRITER.message(occasion(ALERTS[name]), telling=Telling.RAISED, language=language).body for name in names
        }
        assert len(bodies) == len(names)


LONG = "とても長い名前の観測地点" * 8


@every_case
def test_names_that_are_too_long_are_cut_in_the_short_form_only(case: Case) -> None:
    tables = site().model_dump()
    for row in (*tables["station"], *tables["device"], *tables["gateway"]):
        row["name"] = LONG
    message = case.message(by=writer(Site.model_validate(tables)))
    assert len(message.subject) <= MOST_SHORT_CHARS
    assert CASE_WORD[case.language] in message.subject


def test_a_name_cannot_break_out_of_its_line() -> None:
    tables = site().model_dump()
    tables["station"][0]["name"] = "上川橋\r\nBcc: all@town.example\x00"
    message = writer(Site.model_validate(tables)).message(
        occasion(ALERTS["snow_depth"]), telling=Telling.RAISED, language="ja"
    )
    assert message.subject.isprintable()


def test_a_name_is_never_taken_for_a_template() -> None:
    tables = site().model_dump()
    tables["device"][1]["name"] = "{{ town }}"
    message = writer(Site.model_validate(tables)).message(
        occasion(ALERTS["trap_sprung"]), telling=Telling.RAISED, language="ja"
    )
    assert "{{ town }}" in message.subject


@pytest.mark.parametrize("kind", TEXT_KINDS)
@pytest.mark.parametrize("telling", [Telling.RAISED, Telling.CLEARED], ids=lambda t: t.value)
def test_a_missing_field_fails_closed(kind: str, telling: Telling) -> None:
    with pytest.raises(PermanentError, match="is undefined"):
        load_texts().render(f"{kind}.{telling.value}.ja.short", {})


def test_a_text_that_fails_is_replaced_by_the_plain_one(caplog: LogCaptureFixture) -> None:
    message = WRITER.message(occasion(ALERTS["no_number"]), telling=Telling.RAISED, language="ja")
    assert message.subject.startswith("【お知らせ】受付26-0012")
    assert [record.message for record in caplog.records] == ["text_failed"]


def test_no_text_reaches_out_of_its_sandbox() -> None:
    texts = Texts({"bad": "{{ ''.__class__.__mro__ }}"})
    with pytest.raises(PermanentError):
        texts.render("bad", {})


@pytest.mark.parametrize("missing", ["raised", "cleared"])
def test_a_kind_without_all_its_texts_is_refused(missing: str) -> None:
    levels = {language: {"short": "s", "long": "l"} for language in LANGUAGES}
    tables = {"raised": levels, "cleared": levels}
    KindFile.model_validate(tables)
    with pytest.raises(ValueError, match=missing):
        KindFile.model_validate({**tables, missing: {"ja": {"short": "s", "long": "l"}}})


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_link_stands_by_itself_on_a_line(language: Language) -> None:
    text = WRITER.link_text("https://yukimori.example/a#t=token", language)
    assert text.splitlines()[-1] == "https://yukimori.example/a#t=token"
