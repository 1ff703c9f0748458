"""Every table by kind of failure has a row for every kind, or the handler of an error would itself fail."""

from __future__ import annotations

import pytest

from fallback_chat.cli.words.failures import EXIT_CODE_OF_KIND
from fallback_chat.cli.words.health import SHORT
from fallback_chat.core.attempts import _SUMMARY_ORDER
from fallback_chat.core.engine.policy import RULES
from fallback_chat.core.errors import ErrorKind


@pytest.mark.parametrize(
    "table",
    [RULES, _SUMMARY_ORDER, EXIT_CODE_OF_KIND, SHORT],
    ids=["policy", "which failure sums up a turn", "exit codes", "in a word or two"],
)
def test_a_table_has_one_row_for_every_kind(table: dict[ErrorKind, object] | list[ErrorKind]) -> None:
    assert sorted(table) == sorted(ErrorKind)
