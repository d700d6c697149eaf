"""`site.toml` into a Site, with every problem at once: line, key, what is wrong and what is allowed.

One slip must not hide the others: what is right in a wrong file is looked at as well, also by the other rooms.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from pydantic import ValidationError

from devices.model import PermanentError
from devices.site import Problem, Site, SiteCheck
from devices.site_lines import Path as TomlPath
from devices.site_lines import key_lines, key_path, key_text, line_of
from devices.site_refs import check_references
from devices.site_rest import construct

_AT_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_MOST_BYTES = 8 * 1024 * 1024
_WORDS: Mapping[str, str] = MappingProxyType(
    {"missing": "this key is needed", "extra_forbidden": "unknown key; check the spelling"}
)


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
        raise SiteError([Problem(key="toml", message="the file is not UTF-8; save it as UTF-8", line=line)]) from error
    return parse_site(text, checks=checks, folder=path.parent)


def parse_site(text: str, *, checks: Sequence[SiteCheck] = (), folder: Path | None = None) -> Site:
    """Return the Site written as TOML in `text`; paths in it count from `folder`.

    Raises SiteError with all problems.
    """
    text = text.removeprefix("\ufeff")  # Windows editors put a byte order mark in front
    table = _placed(_toml(text), folder)
    try:
        site = Site.model_validate(table)
        slips: list[_Slip] = []
    except ValidationError as error:
        slips = [_slip(dict(detail)) for detail in error.errors(include_url=False)]
        site = cast(Site, construct(Site, table))
    for look in (check_references, *checks):
        # what is known to be wrong is not told again by the next one who looks
        spoilt = tuple(slip.path for slip in slips)
        found = [_Slip(path=key_path(p.key), problem=p) for p in look(site)]
        slips += [slip for slip in found if not any(slip.path[: len(path)] == path for path in spoilt)]
    if slips:
        lines = key_lines(text)
        raise SiteError([replace(s.problem, line=s.problem.line or line_of(lines, s.path)) for s in slips])
    return site


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slip:
    """A problem and the exact place of it; the key as text is for people."""

    path: TomlPath
    problem: Problem


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _AT_LINE.search(message)
        line = int(at[1]) if at is not None and at[1] else text.count("\n") + 1
        message = f"this is not TOML: {_AT_LINE.sub('', message)}"
    except RecursionError:
        line, message = 1, "values are nested too deeply"
    raise SiteError([Problem(key="toml", message=message, line=line)])


def _placed(table: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """Make the paths in it absolute: services are not started where the site file lies."""
    if folder is not None:
        codecs = table.get("codecs")
        if isinstance(codecs, dict):
            _place(codecs, "folder", folder)
        _place_files(table, folder)
    return table


def _place_files(part: object, folder: Path) -> None:
    """Keys that name a file (`password_file`, `token_file`) do so by their ending, in tables of plugins too."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key.endswith("_file"):
                _place(part, key, folder)
            else:
                _place_files(value, folder)
    elif isinstance(part, list):
        for item in part:
            _place_files(item, folder)


def _place(table: dict[str, Any], key: str, folder: Path) -> None:
    path = table.get(key)
    if isinstance(path, str) and path:
        table[key] = str((folder / path).absolute())


def _slip(detail: dict[str, Any]) -> _Slip:
    path = tuple(part for part in detail["loc"] if isinstance(part, str | int))
    message = _WORDS.get(detail["type"], str(detail["msg"]))
    if detail["type"] not in _WORDS:
        message += f" (got {str(detail['input'])[:60]!r})"
    return _Slip(path=path, problem=Problem(key=key_text(path), message=message))
