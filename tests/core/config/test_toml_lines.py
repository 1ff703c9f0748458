"""Finding the lines of keys in TOML text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.config.toml_lines import Path, TomlLines

TEXT = '''\
# [not.a.table]
a = """
x = 1
[no] \\""" """
b = [ # ] = [
  { c = 1 }, 'x = ]',
]
'quoted key' = 'it''s'
"\\u00e9" = "a\\"b" # = "

[t . u]
k.l = 1
[[list]]
n = 1
[list.sub]
m = 1
[[list.deep]]
o = 1
[[list]]
n = 2
[[list.deep]]
[[list.deep]]
o = 2'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a",), 2),
        (("x",), None),
        (("b",), 5),
        (("b", "c"), 5),
        (("quoted key",), 8),
        (("é",), 9),
        (("t", "u"), 11),
        (("t", "u", "k", "l"), 12),
        (("t", "u", "k"), 12),
        (("list",), 13),
        (("list", 0), 13),
        (("list", 0, "n"), 14),
        (("list", 0, "sub", "m"), 16),
        (("list", 0, "deep", 0, "o"), 18),
        (("list", 1, "n"), 20),
        (("list", 1, "missing"), 19),
        (("list", 1, "deep", 1, "o"), 23),
    ],
    ids=str,
)
def test_a_key_is_found_where_it_stands_or_where_what_holds_it_begins(path: Path, line: int | None) -> None:
    assert TomlLines(TEXT).find(path) == line


def test_the_longest_dotted_key_is_measured_wherever_it_stands() -> None:
    assert TomlLines("a = 1.5\nb = { c.'d'.\"e.f\" . g = 1 } # h.i.j.k.l.m").deepest == 4


@given(st.text("ab.=[]{}\"'\\#\n \r\té", max_size=80))
def test_any_text_is_taken(text: str) -> None:
    assert TomlLines(text).find(("no such key",)) is None
