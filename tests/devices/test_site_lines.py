from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.site_lines import Path, key_lines, key_path, key_text, line_of

TEXT = """\
# [[device]] in a comment
version = 1
town.name = "a # no comment"

[town.deep]
text = \"\"\"
[[device]]
id = "not a key"
\"\"\"
literal = '''
also = "no key" '''
"quoted.key" = 'x'   # text = 1

[[gateway]]
id = "g"
source = [
    # first
    { kind = "serial", port = "]}" },

    { kind = "mqtt", ports = [
      '[' ] },
]
[[gateway.extra]]
a = 1
[[gateway.extra]]
a = 2

[[gateway]]
[[gateway.extra]]
a = 3
when = 1979-05-27 07:32:00Z
list = [[1, 2], [
  3]]
"""

EXPECTED = {
    ("version",): 2,
    ("town", "name"): 3,
    ("town", "deep"): 5,
    ("town", "deep", "text"): 6,
    ("town", "deep", "literal"): 10,
    ("town", "deep", "quoted.key"): 12,
    ("gateway", 0): 14,
    ("gateway", 0, "source"): 16,
    ("gateway", 0, "source", 0): 18,
    ("gateway", 0, "source", 0, "port"): 18,
    ("gateway", 0, "source", 1): 20,
    ("gateway", 0, "source", 1, "ports"): 20,
    ("gateway", 0, "source", 1, "ports", 0): 21,
    ("gateway", 0, "extra", 0, "a"): 24,
    ("gateway", 0, "extra", 1, "a"): 26,
    ("gateway", 1): 28,
    ("gateway", 1, "extra", 0, "a"): 30,
    ("gateway", 1, "extra", 0, "when"): 31,
    ("gateway", 1, "extra", 0, "list", 0, 1): 32,
    ("gateway", 1, "extra", 0, "list", 1, 0): 33,
}


@pytest.mark.parametrize(("path", "line"), EXPECTED.items())
def test_the_line_of(path: Path, line: int) -> None:
    tomllib.loads(TEXT)
    assert key_lines(TEXT)[path] == line


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every path of a table that tomllib read."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield (*path, key)
        yield from paths_of(part, (*path, key))


def test_every_path_has_a_line_and_no_other() -> None:
    assert set(key_lines(TEXT)) == set(paths_of(tomllib.loads(TEXT)))


keys = st.sampled_from(["a", "b-1", '"c.d"', "'e'", '"\\u00e9\\t"', "1"])
scalars = st.sampled_from(["1", "-1.5e3", "true", "inf", "07:32:00", "1979-05-27", "1979-05-27 07:32:00+09:00"])
strings = st.sampled_from(
    ['"x"', '"\\"]"', "'#'", '"""\n[x]\ny = 1 """', "''' ' '' '''", '"""a\\"""b"""', '""""quoted""""']
)
spaces = st.sampled_from(["", " ", "\t"])
gaps = st.sampled_from(["", " ", "\n", " # ] } x = 1\n", "\r\n"])
arrays = st.deferred(lambda: st.lists(st.tuples(gaps, values, gaps), max_size=3)).map(
    lambda parts: "[" + ",".join(a + v + b for a, v, b in parts) + "]"
)
inline_tables = st.deferred(lambda: st.lists(st.tuples(keys, values), max_size=2, unique_by=lambda pair: pair[0])).map(
    lambda pairs: "{ " + ", ".join(f"{key} = {value}" for key, value in pairs) + " }"
)
values: st.SearchStrategy[str] = st.deferred(lambda: scalars | strings | arrays | inline_tables)
pairs = st.builds(lambda key, a, b, value: f"{key}{a}={b}{value} # c = 1\n", keys, spaces, spaces, values)
headers = (
    st.builds("[{}]\n".format, keys)
    | st.builds("[[ {} . {} ]]\n".format, keys, keys)
    | st.builds("[[{}]]\n".format, keys)
)


@given(lines=st.lists(pairs | headers | st.just("\n") | st.just("# [x]\n"), max_size=12))
def test_any_toml_is_walked_to_its_end(lines: list[str]) -> None:
    text = "".join(lines)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        key_lines(text)
    else:
        assert set(key_lines(text)) == set(paths_of(table))


@given(text=st.text())
def test_any_text_is_survived(text: str) -> None:
    key_lines(text)


@pytest.mark.parametrize(
    ("path", "line"), [(("town", "deep", "none"), 5), (("nothing",), 1), ((), 1), (("gateway", 0, "id", "x"), 15)]
)
def test_what_has_no_line_has_that_of_what_is_around_it(path: Path, line: int) -> None:
    assert line_of(key_lines(TEXT), path) == line


@pytest.mark.parametrize("path", [("device", 2, "model"), ("a",), ("a", 0, 1, "b")])
def test_a_path_as_text_and_back(path: Path) -> None:
    assert key_path(key_text(path)) == path


def test_a_path_is_written_with_dots_and_indexes() -> None:
    assert key_text(("gateway", 0, "source", 1, "port")) == "gateway[0].source[1].port"
