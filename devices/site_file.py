"""`site.toml` into a Site, with every problem at once: line, key, what is wrong and what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from devices.model import PermanentError
from devices.site import Problem, Site, SiteCheck
from devices.site_lines import key_lines, key_path, key_text, line_of
from devices.site_refs import check_references

_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")
_MOST_BYTES = 8 * 1024 * 1024


class SiteError(PermanentError):
    """A site file with problems; `str()` lists them all, one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.key, p.message)))
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} in the site file"
        super().__init__("\n".join([count, *(problem.as_text() for problem in self.problems)]))


def load_site(path: Path, *, checks: Sequence[SiteCheck] = ()) -> Site:
    """Return the Site in the TOML file `path`; `checks` are further looks of other rooms.

    Raises SiteError with all problems, PermanentError when the file cannot be read.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PermanentError(f"site file {path} cannot be read: {error.strerror}") from error
    if len(raw) > _MOST_BYTES:
        raise PermanentError(f"site file {path} has {len(raw)} bytes, the limit is {_MOST_BYTES}")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise SiteError([Problem(key="", message="the file is not UTF-8; save it as UTF-8", line=line)]) from error
    return parse_site(text, checks=checks)


def parse_site(text: str, *, checks: Sequence[SiteCheck] = ()) -> Site:
    """Return the Site written as TOML in `text`. Raises SiteError with all problems."""
    table = _toml(text)
    lines = key_lines(text)
    site, problems = _validate(table)
    if site is not None:
        problems += check_references(site)
        for check in checks:
            problems += check(site)
        problems += _time_zone(site)
    if problems or site is None:
        raise SiteError([p if p.line else replace(p, line=line_of(lines, key_path(p.key))) for p in problems])
    return site


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _AT_LINE.search(message)
        line = int(at[1]) if at else text.count("\n") + 1
        problem = Problem(key="", message=f"this is not TOML: {_AT_LINE.sub('', message)}", line=line)
        raise SiteError([problem]) from None
    except RecursionError:
        raise SiteError([Problem(key="", message="tables are nested too deeply", line=1)]) from None


def _validate(table: dict[str, Any]) -> tuple[Site | None, list[Problem]]:
    """Return the Site, or None and its problems.

    When single parts are wrong, the rest is still looked at: the wrong parts are left out and the references of the
    remaining ones are checked too, so that one slip does not hide the others.
    """
    try:
        return Site.model_validate(table), []
    except ValidationError as error:
        problems = [_problem(dict(detail)) for detail in error.errors(include_url=False)]
    return _without_bad_keys(table, problems), problems


def _without_bad_keys(table: dict[str, Any], problems: list[Problem]) -> Site | None:
    """Return the Site of `table` without its unknown keys, None when it has other problems too."""
    for problem in problems:
        path = key_path(problem.key)
        if not problem.message.startswith("unknown key"):
            return None
        part: Any = table
        for step in path[:-1]:
            part = part[step]
        del part[path[-1]]
    try:
        return Site.model_validate(table)
    except ValidationError:
        return None


_WORDS = {"missing": "this key is needed", "extra_forbidden": "unknown key; check the spelling"}


def _problem(detail: dict[str, Any]) -> Problem:
    path = tuple(part for part in detail["loc"] if isinstance(part, str | int))
    message = _WORDS.get(detail["type"], str(detail["msg"]))
    if detail["type"] not in _WORDS:
        message += f" (got {str(detail['input'])[:60]!r})"
    return Problem(key=key_text(path), message=message)


def _time_zone(site: Site) -> Iterator[Problem]:
    try:
        ZoneInfo(site.town.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Problem(key="town.timezone", message=f"time zone {site.town.timezone!r} is not known")
