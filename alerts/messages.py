"""Fixed texts with typed fields, in three levels: standard Japanese, easy Japanese, English.

Texts stand in `templates/<kind>.toml`; nothing is generated. They are rendered in a sandbox in which a missing field is
an error, so no half text goes out: then the `plain` text is sent, which says only that there is something to look at.
"""

from __future__ import annotations

import logging
import tomllib
from importlib.resources import files

import jinja2
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field

from alerts.facts import LANGUAGES, TEXT_KINDS, Occasion, SiteIndex, TextKind, fields, text_kind
from alerts.model import Alert, Message, Telling
from devices.model import PermanentError
from devices.site import Language

log = logging.getLogger(__name__)

MOST_SHORT_CHARS = 70
_FEWEST_NAME_CHARS = 4
_NAMES = ("name", "place", "title")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(_Part):
    """A short form of at most 70 characters that stands alone, and a long form."""

    short: str
    long: str


class Levels(_Part):
    """One text in all three levels."""

    ja: Text
    ja_easy: Text
    en: Text


class Phrases(_Part):
    """One phrase in all three levels."""

    ja: str
    ja_easy: str
    en: str


class KindFile(_Part):
    """`templates/<kind>.toml`."""

    raised: Levels
    cleared: Levels
    withdrawn: Levels | None = None


class CommonFile(_Part):
    """`templates/common.toml`."""

    footer: Phrases
    link: Phrases
    late: Phrases = Field(description="put where a text has late_note")


class Texts:
    """All texts, compiled when first used."""

    def __init__(self, sources: dict[str, str]) -> None:
        """Keep template sources by name `<kind>.<telling>.<language>.<form>` or `common.<part>.<language>`."""
        self._environment = SandboxedEnvironment(
            loader=jinja2.DictLoader(sources),
            undefined=jinja2.StrictUndefined,
            autoescape=False,  # plain text, never HTML
            keep_trailing_newline=False,
        )

    def render(self, name: str, values: dict[str, str]) -> str:
        """Return the text; raises PermanentError naming the text and the field when a field is missing."""
        try:
            return self._environment.get_template(name).render(values).strip()
        except jinja2.TemplateNotFound:
            raise PermanentError(f"text {name} does not exist") from None
        except jinja2.TemplateError as error:
            raise PermanentError(f"text {name}: {error}") from None


def load_texts() -> Texts:
    """Return the texts that ship with this package; raises PermanentError for a file with a level missing."""
    sources: dict[str, str] = {}
    common = CommonFile.model_validate(_read("common"))
    for language in LANGUAGES:
        for part in ("footer", "link", "late"):
            sources[f"common.{part}.{language}"] = str(getattr(getattr(common, part), language))
    for kind in TEXT_KINDS:
        texts = KindFile.model_validate(_read(kind))
        for telling in Telling:
            levels: Levels | None = getattr(texts, telling.value)
            for language in LANGUAGES if levels is not None else ():
                text: Text = getattr(levels, language)
                sources[f"{kind}.{telling.value}.{language}.short"] = text.short
                sources[f"{kind}.{telling.value}.{language}.long"] = text.long
    return Texts(sources)


def _read(name: str) -> dict[str, object]:
    return tomllib.loads((files("alerts") / "templates" / f"{name}.toml").read_text(encoding="utf-8"))


class Writer:
    """Writes the message of an occasion for one reader."""

    def __init__(self, index: SiteIndex, texts: Texts) -> None:
        """Keep the site and its texts."""
        self._index = index
        self._texts = texts

    def message(self, occasion: Occasion, *, telling: Telling, language: Language) -> Message:
        """Return what to say. Never raises: what cannot be said for certain is said by the plain text."""
        kind = self._kind(occasion.alert, telling)
        try:
            return self._message(occasion, kind, telling=telling, language=language)
        except PermanentError as error:
            log.warning("text_failed", extra={**occasion.alert.log_fields(), "text": kind, "error": str(error)})
        return self._message(occasion, "plain", telling=telling, language=language)

    def link_text(self, url: str, language: Language) -> str:
        """Return the sentence that stands around an acknowledge link."""
        return self._texts.render(f"common.link.{language}", {"ack_url": url})

    def _kind(self, alert: Alert, telling: Telling) -> TextKind:
        if telling is Telling.WITHDRAWN:
            return "plain"
        return text_kind(alert, self._index.rule_kind(alert.rule_id))

    def _message(self, occasion: Occasion, kind: TextKind, *, telling: Telling, language: Language) -> Message:
        values = fields(occasion, self._index, kind, language)
        if values.get("late_note"):
            values["late_note"] = self._texts.render(f"common.late.{language}", {})
        name = f"{kind}.{telling.value}.{language}"
        body = self._texts.render(f"{name}.long", values)
        footer = self._texts.render(f"common.footer.{language}", values)
        subject = self._short(f"{name}.short", values)
        return Message(subject=subject, body=f"{body}\n\n{footer}", language=language)

    def _short(self, name: str, values: dict[str, str]) -> str:
        """Return the short form; names that are too long for it are cut.

        Raises PermanentError when it is longer than 70 characters without them.
        """
        text = self._texts.render(name, values)
        while len(text) > MOST_SHORT_CHARS:
            longest = max(_NAMES, key=lambda key: len(values.get(key, "")))
            kept = len(values.get(longest, "")) - 2
            if kept < _FEWEST_NAME_CHARS:
                raise PermanentError(f"text {name} has {len(text)} characters, more than {MOST_SHORT_CHARS}")
            values = values | {longest: values[longest][:kept].rstrip() + "…"}
            text = self._texts.render(name, values)
        return text
