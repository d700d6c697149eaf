"""The static pages: light, self-contained, readable, in three languages, without words the towns do not use."""

from __future__ import annotations

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.routes.pages import WEB

FILES = sorted(path for path in WEB.rglob("*") if path.is_file())
PAGES = [path for path in FILES if path.suffix == ".html"]
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
STYLES = [path for path in FILES if path.suffix == ".css"]
TOWN_WORDS = (WEB / "text.js").read_text(encoding="utf-8")
HEX_DIGITS_A_CHANNEL = 2


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_the_page_weighs_little() -> None:
    assert sum(path.stat().st_size for path in FILES) < 300_000


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_nothing_is_asked_of_anybody_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text, re.IGNORECASE)


@pytest.mark.parametrize("path", FILES, ids=names(FILES))
def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", SCRIPTS, ids=names(SCRIPTS))
def test_scripts_set_text_never_markup(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"style"
    assert not re.search(forbidden, text)


class Tags(HTMLParser):
    """Collects what a strict policy would block."""

    def __init__(self) -> None:
        super().__init__()
        self.inline: list[str] = []
        self.has_language = False
        self.ids: list[str] = []
        self.text_keys: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in found) or "style" in found:
            self.inline.append(tag)
        self.inline += [name for name in found if name.startswith("on")]
        self.has_language = self.has_language or (tag == "html" and found.get("lang") == "ja")
        self.ids += [found["id"] or ""] if "id" in found else []
        self.text_keys += [found[key] or "" for key in ("data-text", "data-hint") if key in found]


def tags_of(path: Path) -> Tags:
    tags = Tags()
    tags.feed(path.read_text(encoding="utf-8"))
    return tags


@pytest.mark.parametrize("path", PAGES, ids=names(PAGES))
def test_pages_hold_no_inline_code(path: Path) -> None:
    tags = tags_of(path)
    assert tags.inline == []
    assert tags.has_language
    assert len(tags.ids) == len(set(tags.ids))


WORDS = dict(re.findall(r"^  (\w+): \[(.*?)\],$", TOWN_WORDS, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("key", WORDS)
def test_every_word_has_three_levels_with_the_same_fields(key: str) -> None:
    levels = re.findall(r'"((?:[^"\\]|\\.)*)"', WORDS[key])
    assert len(levels) == 3
    fields = {tuple(sorted(set(re.findall(r"\{(\w+)\}", level)))) for level in levels}
    assert len(fields) == 1


@pytest.mark.parametrize("path", PAGES + SCRIPTS, ids=names(PAGES + SCRIPTS))
def test_every_word_used_is_there(path: Path) -> None:
    used = re.findall(r"\bt\(\"(\w+)\"", path.read_text(encoding="utf-8"))
    used += tags_of(path).text_keys if path in PAGES else []
    assert set(used) <= set(WORDS)


@pytest.mark.parametrize("word", ["監視", "徘徊", "異常", "！", "注意報", "警報"])
def test_words_that_towns_do_not_use(word: str) -> None:
    # The one sentence that points to the Meteorological Agency is allowed to name its warnings.
    text = TOWN_WORDS.replace("警報・注意報は気象庁の発表をご確認ください。", "")
    assert word not in text


def tokens(*, is_dark: bool) -> dict[str, str]:
    text = (WEB / "tokens.css").read_text(encoding="utf-8")
    light, dark = text.split("@media", 1)
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if is_dark:
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))
    return found


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[i : i + HEX_DIGITS_A_CHANNEL], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


STATES = ("ok", "late", "unknown", "muted", "warning", "alarm")
TEXT_PAIRS = [
    *itertools.product(("ink", "soft", "accent"), ("ground", "card")),
    *itertools.product(("ink", "soft"), ("ridge-far", "ridge-near")),
    *((state, f"{state}-wash") for state in STATES),
    *((state, "card") for state in STATES),
    *((state, "ridge-near") for state in STATES),
    ("on-button", "button"),
]
GRAPHIC_PAIRS = [("field", "card"), ("focus", "ground"), ("focus", "card"), ("curve", "card")]


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), TEXT_PAIRS)
def test_text_can_be_read(ink: str, paper: str, is_dark: bool) -> None:
    found = tokens(is_dark=is_dark)
    least = 3.0 if paper.startswith("ridge") and ink in STATES else 4.5  # an icon there, never text
    assert contrast(found[ink], found[paper]) >= least


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("line", "paper"), GRAPHIC_PAIRS)
def test_lines_and_fields_can_be_seen(line: str, paper: str, is_dark: bool) -> None:
    found = tokens(is_dark=is_dark)
    assert contrast(found[line], found[paper]) >= 3.0


def test_both_schemes_name_the_same_colours() -> None:
    text = (WEB / "tokens.css").read_text(encoding="utf-8")
    light, dark = text.split("@media", 1)
    assert set(re.findall(r"--([\w-]+):", light)) == set(re.findall(r"--([\w-]+):", dark))


@pytest.mark.parametrize("path", STYLES, ids=names(STYLES))
def test_colours_stand_in_one_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace((WEB / "print.css").read_text(encoding="utf-8"), "")
    assert path.name == "tokens.css" or not re.search(r"#[0-9a-f]{3,6}\b|rgb\(", text)
    used = set(re.findall(r"var\(--([\w-]+)\)", text))
    assert used <= set(tokens(is_dark=False)) | {"tone", "wash"}


def test_contrast_of_known_pairs() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
