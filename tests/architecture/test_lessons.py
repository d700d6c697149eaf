"""How comparable systems lose data: each way is shown by at least one marked test not to be ours.

The numbers are those of the lessons of the design notes (complaints of users of comparable systems). Left out are those
about screens, maps and the words of messages; `mark.lesson(n)` stands on the tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

TESTS = Path(__file__).resolve().parents[1]

LESSONS: Mapping[int, str] = MappingProxyType({
    1: "published is mistaken for delivered",
    2: "new settings empty the buffer",
    3: "the buffer is in memory by default",
    4: "full once, refuses for ever",
    5: "no bound on disk",
    6: "acknowledged before the database has it",
    7: "after hours offline only the newest arrives",
    8: "lost in a silent network drop",
    9: "leans on the broker's bridge",
    10: "a broker's restart loses what waited for an absent client",
    11: "the backlog waits for a new message",
    12: "drained faster than the broker takes",
    13: "the backlog delays what is new, unmarked",
    14: "no lasting session",
    15: "no storing when the broker is away at the start",
    16: "a slow receiver fills the memory",
    17: "another session after every start, or topics of old settings",
    19: "the buffer is never emptied, everything twice",
    20: "a corrupt file stops the start",
    21: "silence is told too late",
    22: "equal times: never silent",
    23: "a dead channel of a living device",
    24: "a gateway down is dozens of messages",
    25: "old data clear a silence",
    26: "silence told at random",
    27: "the watcher itself stands still",
    28: "one interval for all models",
    29: "an unchanged value is taken for no value",
    30: "stuck after a restart, and nobody is told",
    31: "one level for raising and clearing",
    32: "an error closes an alert",
    36: "the same state told again and again",
    40: "one event many times, old places told as news",
    41: "changes close together are merged",
    42: "one dead receiver delays all others",
    43: "clocks of 1970 and of the future",
    44: "local time, twice or never",
    45: "schedules at a change of summer time",
    46: "the same frame again after seconds or hours",
    47: "sent again by the protocol, counted twice",
    48: "below zero becomes thousands",
    49: "a retained message acts as news",
    51: "holes without an error",
    52: "an hour of the store's absence is an hour lost",
    53: "one bad point blocks all behind it",
    54: "one bad point stops all",
    55: "older than the store keeps: dropped unsaid",
    56: "a slow store overflows the buffer",
    59: "a power cut breaks the database and with it the settings",
    63: "an absurd coordinate",
    65: "an unplugged adapter is rubbish for ever",
})  # fmt: skip


def numbers_in(source: str) -> Iterator[int]:
    """Return the numbers of every `lesson(...)` mark in a test file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "lesson":
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, int))


FOUND = frozenset(n for path in TESTS.rglob("test_*.py") for n in numbers_in(path.read_text(encoding="utf-8")))


def test_a_mark_is_found() -> None:
    assert list(numbers_in("import pytest\n@pytest.mark.lesson(2, 13)\ndef test_x() -> None: ...\n")) == [2, 13]


@pytest.mark.parametrize("number", LESSONS, ids=lambda number: f"{number}: {LESSONS[number]}")
def test_it_does_not_happen_to_us(number: int) -> None:
    assert number in FOUND, f"no test bears @pytest.mark.lesson({number}): {LESSONS[number]}"


def test_no_mark_means_nothing() -> None:
    assert sorted(FOUND - LESSONS.keys()) == []
