"""Makes inputs for parsers: valid frames damaged the way lines, radios and people damage them, and pure noise.

Everything comes from one `random.Random`, so that a seed repeats a run to the byte.
"""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

MOST_BYTES = 4096
T = TypeVar("T")
_NOISE_SHARE = 0.1
_TOKENS = (
    b"", b"\x00", b"\xff", b"\x00\x00", b"\xff\xff", b"\x7f\xff", b"\x80\x00", b"\xff\xff\xff\xff", b"\x00\x00\xc0\x7f",
    b"\x00\x00\x80\x7f", b"\r", b"\n", b"\r\n", b"\x02", b"\x03", b"\x04", b"\x10", b"\x1b", b"\x55", b" ", b",", b";",
    b"*", b"+", b"-", b".", b"-0", b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-999", b"null", b"true", b"{}", b"[]",
    b'""', b'"', b"\\", b"\\ud800", b"[[[[[[[[", b'{"a":', b"\xef\xbb\xbf", b"\xff\xfe", b"\xe3\x81\x82", b"\x82\xa0",
    "１２".encode(), b"\xed\xa0\x80", b"\xc0\x80", b"%s", b"#", b"/", b"=", b"9" * 30, b"A" * 70,
)  # fmt: skip
_ODD_JSON: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, -0.0, 1e308, -1e308, 1e-320, 2**31, 2**32, 2**53 + 1, 2**63, 2**64, 10**400, "", " ",
    "0", "-1", "1e3", "１２", "NaN", "nan", "inf", "null", "ON", "2799 mm", "\ud800", "\x00", "あ", "A" * 300, [], {},
    [[]], [None], {"": None}, {"value": 1}, float("nan"), float("inf"), "2026-11-21T00:00:00Z", "2026-13-41", 1e18,
)  # fmt: skip


class Mutator:
    """Gives one input after another for a parser whose valid inputs look like `seeds`."""

    def __init__(self, seeds: Sequence[bytes], random_: random.Random) -> None:
        self._seeds = tuple(seeds)
        self._random = random_
        self._chance = random_.random  # much faster than choice() and randrange(), and a million inputs need many
        self._trees = tuple(tree for tree in map(_tree, seeds) if tree is not None)
        self._steps: tuple[Callable[[bytearray], None], ...] = (
            self._flip, self._flip, self._set, self._cut_end, self._cut_front, self._drop, self._insert, self._insert,
            self._repeat, self._splice, self._length, self._digit, self._swap, self._join,
        )  # fmt: skip

    def make(self) -> bytes:
        """Return the next input, at most `MOST_BYTES` long."""
        chance = self._chance()
        if not self._seeds or chance < _NOISE_SHARE:
            return self._noise()
        if self._trees and chance < 0.5:
            return self._odd_json()[:MOST_BYTES]
        raw = bytearray(self._pick(self._seeds))
        for _ in range(self._pick((0, 1, 1, 1, 2, 2, 3, 5, 8))):
            self._pick(self._steps)(raw)
        return bytes(raw[:MOST_BYTES])

    def _noise(self) -> bytes:
        size = self._pick((0, 1, 2, 3, 4, 6, 8, 12, 20, 40, 80, 300))
        if self._chance() < 0.3:
            return b"".join(self._random.choices(_TOKENS, k=size // 4))[:MOST_BYTES]
        return self._random.randbytes(size)

    def _below(self, limit: int) -> int:
        return int(self._chance() * limit)

    def _pick(self, options: Sequence[T]) -> T:
        return options[int(self._chance() * len(options))]

    def _place(self, raw: bytearray) -> int:
        return self._below(len(raw)) if raw else 0

    def _flip(self, raw: bytearray) -> None:
        if raw:
            raw[self._place(raw)] ^= 1 << self._below(8)

    def _set(self, raw: bytearray) -> None:
        if raw:
            raw[self._place(raw)] = self._pick((0, 1, 0x7F, 0x80, 0xFE, 0xFF, self._below(256)))

    def _cut_end(self, raw: bytearray) -> None:
        del raw[self._place(raw) :]

    def _cut_front(self, raw: bytearray) -> None:
        del raw[: self._place(raw)]

    def _drop(self, raw: bytearray) -> None:
        at = self._place(raw)
        del raw[at : at + self._pick((1, 1, 2, 4, 8))]

    def _insert(self, raw: bytearray) -> None:
        at = self._place(raw)
        raw[at:at] = self._pick(_TOKENS) or self._random.randbytes(self._random.randrange(1, 5))

    def _repeat(self, raw: bytearray) -> None:
        at = self._place(raw)
        piece = bytes(raw[at : at + self._pick((1, 2, 4, 16, 64))])
        raw[at:at] = piece * self._pick((1, 1, 2, 10))

    def _splice(self, raw: bytearray) -> None:
        other = self._pick(self._seeds)
        at = self._place(raw)
        same_place = self._chance() < 0.5
        raw[at:] = other[at if same_place else self._below(len(other) + 1) :]

    def _length(self, raw: bytearray) -> None:
        """Write a number where a length may stand: the real size, one more or less, or the largest there is."""
        if not raw:
            return
        at = self._place(raw)
        number = self._pick((0, 1, len(raw) - 1, len(raw), len(raw) + 1, 0x7FFF, 0xFFFF)) & 0xFFFF
        form = self._pick((">H", "<H", "B"))
        packed = struct.pack(form, number & 0xFF if form == "B" else number)
        raw[at : at + len(packed)] = packed

    def _digit(self, raw: bytearray) -> None:
        digits = [at for at, byte in enumerate(raw[:200]) if 0x30 <= byte <= 0x39]
        if digits:
            raw[self._pick(digits)] = self._pick(b"0123456789+-. ")

    def _swap(self, raw: bytearray) -> None:
        if raw:
            a, b = self._place(raw), self._place(raw)
            raw[a], raw[b] = raw[b], raw[a]

    def _join(self, raw: bytearray) -> None:
        raw += self._pick(self._seeds)

    def _odd_json(self) -> bytes:
        """Return a seed's JSON with something odd in one place (rarely in several)."""
        tree = json.loads(self._pick(self._trees))
        for _ in range(self._pick((1, 1, 1, 2, 4))):
            tree = self._with_odd(tree)
        if self._chance() < 0.01:
            tree = _nested(self._pick((50, 500, 5000)))
        return json.dumps(tree, ensure_ascii=self._chance() < 0.7).encode("utf-8", "surrogatepass")

    def _with_odd(self, tree: Any) -> Any:
        if not isinstance(tree, dict | list) or not tree or self._chance() < 0.15:
            return copy.deepcopy(self._pick(_ODD_JSON))
        key = self._pick(list(tree)) if isinstance(tree, dict) else self._below(len(tree))
        if self._chance() < 0.1:
            del tree[key]
        else:
            tree[key] = self._with_odd(tree[key])
        return tree


def _tree(seed: bytes) -> str | None:
    try:
        return seed.decode("utf-8") if isinstance(json.loads(seed), dict | list) else None
    except (ValueError, RecursionError):
        return None


def _nested(depth: int) -> Any:
    # the encoder of the standard library recurses, so the depth stays below what it can write
    tree: Any = 1
    for level in range(min(depth, 400)):
        tree = [tree] if level % 2 else {"a": tree}
    return tree
