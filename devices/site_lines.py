"""Where in a TOML text a key stands: tomllib has no positions, and a message without a line helps nobody.

The text is walked once, value by value, so that brackets and keys inside strings, comments and inline tables are
taken for what they are. It is only called for texts that tomllib has read; anything else ends the walk early.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}' r"|'''.*?'{3,5}" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\s#]+(?: [0-9][^,\]}\s#]*)?")
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_ESCAPED: Mapping[str, str] = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}
_DEEPEST = 100


class _EndError(Exception):
    """The text is not what tomllib would have read."""


@dataclass(slots=True)
class _Walk:
    text: str
    at: int = 0
    lines: dict[Path, int] = field(default_factory=dict)
    items: dict[Path, int] = field(default_factory=dict)
    starts: list[int] = field(default_factory=list)
    """Where each line begins."""

    def __post_init__(self) -> None:
        self.starts = [0, *(newline.end() for newline in re.finditer("\n", self.text))]

    def document(self) -> None:
        table: Path = ()
        while True:
            self._skip(_SPACE)
            if self.at >= len(self.text):
                return
            if self.text.startswith("[", self.at):
                table = self._header()
            else:
                self._pair(table, depth=0)

    def _header(self) -> Path:
        start = self.at
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        names = self._key()
        self.at += brackets
        path: Path = ()
        for number, name in enumerate(names, start=1):
            path = (*path, name)
            self._note(path, start)
            if number == len(names) and brackets == 2:
                self.items[path] = self.items.get(path, -1) + 1
            if path in self.items:
                path = (*path, self.items[path])
                self._note(path, start)
        return path

    def _pair(self, table: Path, *, depth: int) -> None:
        start = self.at
        path = table
        for name in self._key():
            path = (*path, name)
            self._note(path, start)
        self._expect("=")
        self._value(path, depth=depth + 1)

    def _key(self) -> list[str]:
        names = []
        while True:
            self._skip(_BLANK)
            if self.text[self.at : self.at + 1] in ('"', "'"):
                names.append(_unquoted(self._take(_STRING)))
            else:
                names.append(self._take(_BARE))
            self._skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return names
            self.at += 1

    def _value(self, path: Path, *, depth: int) -> None:
        if depth > _DEEPEST:
            raise _EndError
        self._skip(_BLANK)
        self._note(path, self.at)
        match self.text[self.at : self.at + 1]:
            case "[":
                self._array(path, depth=depth)
            case "{":
                self._inline_table(path, depth=depth)
            case '"' | "'":
                self._take(_STRING)
            case _:
                self._take(_SCALAR)

    def _array(self, path: Path, *, depth: int) -> None:
        self.at += 1
        index = 0
        while self._goes_on("]"):
            self._value((*path, index), depth=depth + 1)
            index += 1

    def _inline_table(self, path: Path, *, depth: int) -> None:
        self.at += 1
        while self._goes_on("}"):
            self._pair(path, depth=depth)

    def _goes_on(self, end: str) -> bool:
        """Step over a comma; False, behind the end, when there is nothing more."""
        self._skip(_SPACE)
        if self.text.startswith(",", self.at):
            self.at += 1
            self._skip(_SPACE)
        if self.text.startswith(end, self.at):
            self.at += 1
            return False
        return True

    def _expect(self, sign: str) -> None:
        self._skip(_BLANK)
        if not self.text.startswith(sign, self.at):
            raise _EndError
        self.at += len(sign)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found is not None else self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            raise _EndError
        self.at = found.end()
        return found[0]

    def _note(self, path: Path, at: int) -> None:
        if path not in self.lines:
            self.lines[path] = bisect_right(self.starts, at)


def _unquoted(text: str) -> str:
    if text[0] == "'":
        return text[1:-1]
    return _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPED.get(code, code)


def key_lines(text: str) -> dict[Path, int]:
    """Return the line (from 1) of every key, table header and array item, by its path.

    Paths have indexes for arrays: `("device", 2, "model")`. `text` is TOML that tomllib accepts.
    """
    walk = _Walk(text)
    try:
        walk.document()
    except _EndError:
        return walk.lines  # what was found so far; `line_of` falls back to what stands around
    return walk.lines


def line_of(lines: Mapping[Path, int], path: Path) -> int:
    """Return the line of `path`, or of the longest part of it that has one; 1, the top, when none has."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


def key_text(path: Path) -> str:
    """Return `device[2].model` for `("device", 2, "model")`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def key_path(text: str) -> Path:
    """Return the path that `key_text` writes as `text`, for keys without dots and brackets."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", text)
    return tuple(int(index) if index else name for index, name in parts)
