"""Finding commands by what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from fallback_chat.cli.repl.commands import COMMANDS
from fallback_chat.cli.repl.completion import ChatCompleter
from fallback_chat.cli.repl.registry import Command, Registry, is_command, split, unescaped

if TYPE_CHECKING:
    from pathlib import Path

PROMISED = (
    "new retry continue edit undo copy add drop editor multiline chain use pin unpin skip unskip probe why model "
    "system role tokens cost stats status set config theme vim calm help quit"
)


def name(typed: str) -> str | None:
    found = COMMANDS.find(typed)
    return found.name if found else None


def test_every_promised_command_is_there() -> None:
    assert set(PROMISED.split()) <= set(COMMANDS.names())


def test_a_command_is_found_by_name_alias_and_unique_beginning() -> None:
    assert [name(typed) for typed in ("retry", "regenerate", "chai", "clear", "?", "q", "exit")] == [
        "retry", "retry", "chain", "new", "help", "quit", "quit",
    ]  # fmt: skip
    assert [name(typed) for typed in ("", "un", "nothing", "s")] == [None, None, None, None]


def test_what_could_have_been_meant_is_suggested() -> None:
    assert COMMANDS.suggest("chian") == ("/chain",)
    assert COMMANDS.suggest("un") == ("/undo", "/unpin", "/unskip")
    assert COMMANDS.suggest("xyzzy") == ()


def test_two_commands_of_one_name_are_a_mistake() -> None:
    row = COMMANDS.rows[0]
    with pytest.raises(ValueError, match="two commands are called 'new'"):
        Registry([row, Command("old", "", row.run, aliases=("new",))])


@pytest.mark.parametrize(
    ("text", "command"),
    [("/help", True), ("/retry next", True), ("//etc", False), ("/etc/hosts is what?", False), ("help", False)],
)
def test_a_path_and_a_doubled_slash_are_no_commands(text: str, command: bool) -> None:
    assert is_command(text) is command


def test_the_parts_of_a_line() -> None:
    assert split("/skip  groq 1h ") == ("skip", "groq 1h")
    assert (unescaped("//help"), unescaped("/etc/hosts")) == ("/help", "/etc/hosts")


def completions(text: str) -> list[str]:
    completer = ChatCompleter(COMMANDS, lambda command: {"use": ["groq", "local"]}.get(command.name, ()))
    return [found.text for found in completer.get_completions(Document(text), CompleteEvent())]


def test_tab_completes_commands_and_what_they_take() -> None:
    assert completions("/un") == ["undo", "unpin", "unskip"]
    assert completions("/use g") == ["groq"]
    assert completions("/nothing x") == []
    assert completions("a question") == []


def test_tab_completes_files(tmp_path: Path) -> None:
    (tmp_path / "notes.md").touch()
    assert completions(f"/add {tmp_path}/no") == ["tes.md"]
    assert completions(f"look at @{tmp_path}/no") == ["tes.md"]
