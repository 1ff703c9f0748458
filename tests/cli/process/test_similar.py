"""What an encoding lacks."""

from __future__ import annotations

import pytest

from fallback_chat.cli.process.similar import similar


@pytest.mark.parametrize(
    ("text", "encoding", "written"),
    [
        ("primary → backup · 2nd of 3 — retry ×2…", "ascii", "primary > backup | 2nd of 3 - retry x2~"),  # noqa: RUF001
        ("don’t say “no”", "ascii", 'don\'t say "no"'),  # noqa: RUF001
        ("primary · café →", "iso-8859-1", "primary · café >"),
        ("归→并\ud800", "ascii", "?>??"),
        ("归→", "gbk", "归→"),
        ("\udcff", "utf-8", "?"),
    ],
)
def test_what_an_encoding_lacks_looks_similar(text: str, encoding: str, written: str) -> None:
    assert text.encode(encoding, similar("replace")).decode(encoding) == written


def test_what_is_like_nothing_can_be_escaped() -> None:
    assert "→é".encode("ascii", similar("backslashreplace")) == b">\\xe9"
