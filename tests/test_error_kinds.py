"""Both tables by kind of failure have a row for every kind, or the handler of an error would itself fail."""

from __future__ import annotations

import pytest

from fallback_chat.cli.words.error_kinds import TOLD
from fallback_chat.core.engine.policy import RULES
from fallback_chat.core.errors import ErrorKind


@pytest.mark.parametrize("table", [RULES, TOLD], ids=["what the chain does", "what users are told"])
def test_a_table_has_one_row_for_every_kind_in_the_order_of_the_kinds(table: dict[ErrorKind, object]) -> None:
    assert list(table) == list(ErrorKind)


@pytest.mark.parametrize("kind", ErrorKind)
def test_every_failure_has_words_that_follow_a_name(kind: ErrorKind) -> None:
    words = TOLD[kind].words

    assert words
    assert words[0].islower()
    assert not words.endswith(".")


def test_every_kind_of_failure_is_a_word_or_two() -> None:
    assert max(len(told.short.split()) for told in TOLD.values()) <= 3
