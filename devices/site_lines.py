"""Where in a TOML text a key stands: tomllib has no positions, and a message without a line helps nobody."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_HEADER = re.compile(r"^\s*(\[\[|\[)\s*([^\]]+?)\s*(\]\]|\])\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=""")
_PART = re.compile(r""""[^"]*"|'[^']*'|[A-Za-z0-9_-]+""")


@dataclass(slots=True)
class _Scan:
    lines: dict[Path, int] = field(default_factory=dict)
    counts: dict[Path, int] = field(default_factory=dict)

    def array_item(self, path: Path) -> Path:
        """Count one more `[[path]]`; its path then ends with the index."""
        index = self.counts.get(path, -1) + 1
        self.counts[path] = index
        return (*path, index)

    def inside(self, names: Sequence[str]) -> Path:
        """Return the path of `names` with the newest index put after every array of tables on the way."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self.counts:
                path = (*path, self.counts[path])
        return path


def key_lines(text: str) -> dict[Path, int]:
    """Return the line (from 1) of each table header and each key that begins a line, by its path.

    Paths have indexes for arrays of tables: `("device", 2, "model")`. Keys inside inline tables are not listed; look
    up the longest known prefix instead (`line_of`).
    """
    scan = _Scan()
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        if header is not None and "=" not in header[2]:
            names = _names(header[2])
            is_item = header[1] == "[["
            table = scan.array_item((*scan.inside(names[:-1]), names[-1])) if is_item else scan.inside(names)
            scan.lines.setdefault(table, number)
            continue
        key = _KEY.match(line)
        if key is not None:
            scan.lines.setdefault((*table, *_names(key[1])), number)
    return scan.lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of `path`, or of the longest part of it that has one; 0 when none has."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def key_text(path: Path) -> str:
    """Return `device[2].model` for `("device", 2, "model")`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def key_path(text: str) -> Path:
    """Return the path that `key_text` writes as `text`."""
    parts = re.findall(r"\[(\d+)\]|([^.\[\]]+)", text)
    return tuple(int(index) if index else name for index, name in parts)


def _names(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]
