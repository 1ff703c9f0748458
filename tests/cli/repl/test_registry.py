"""Finding commands by what was typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.repl.commands import COMMANDS
from fallback_chat.cli.repl.completion import ChatCompleter
from fallback_chat.cli.repl.draft import Draft, Run
from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command, Registry, command_name, narrowed, split

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
    [
        ("/help", "help"),
        ("/retry next", "retry"),
        ("/system\nBe brief.", "system"),
        ("/", ""),
        ("//etc", None),
        ("/etc/hosts is what?", None),
        ("help", None),
    ],
)
def test_a_path_and_a_doubled_slash_are_no_commands(text: str, command: str | None) -> None:
    assert command_name(text) == command


def test_the_parts_of_a_line() -> None:
    assert split(Draft.typed("  /skip  groq 1h ")) == ("skip", "groq 1h")
    assert split(Draft.typed("a question")) is None


def test_a_command_is_typed_and_what_it_is_about_may_be_pasted() -> None:
    assert split(Draft.typed("/add ") + Draft.pasted("my notes.txt")) == ("add", "my notes.txt")
    assert split(Draft.pasted("/quit")) is None
    assert split(Draft.typed("/") + Draft.pasted("quit")) is None
    assert split(Draft.typed("  ") + Draft.pasted("/quit")) is None


def completions(text: str | Draft) -> list[str]:
    draft = Draft.typed(text) if isinstance(text, str) else text
    names = {"use": ["groq", "local"]}
    completer = ChatCompleter(COMMANDS, lambda command, text: narrowed(map(Choice, names.get(command.name, ())), text))
    return [found.text for found in completer.complete(draft)]


def test_tab_completes_commands_and_what_they_take() -> None:
    assert completions("/un") == ["undo", "unpin", "unskip"]
    assert completions("/use g") == ["groq"]
    assert completions("/nothing x") == []
    assert completions("a question") == []


def test_tab_completes_files_and_quotes_names_that_need_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "my folder").mkdir()
    for name in ("notes.md", "my notes.txt", 'my "own".txt', "my folder/a b.c", "line\nbreak", "my\\file"):
        (tmp_path / name).touch()
    assert completions("/add ~/no") == ["~/notes.md"]
    assert completions("/add ~/my n") == ['"~/my notes.txt"']
    assert completions(f"look at @{tmp_path}/no") == [f"{tmp_path}/notes.md"]
    assert completions('(see @"~/no') == ['"~/notes.md"']
    assert completions("@~/my") == ['"~/my \\"own\\".txt"', '"~/my folder/', '"~/my notes.txt"', '"~/my\\\\file"']
    assert completions("@~/my\\ n") == ['"~/my notes.txt"']
    assert completions("@'~/my n") == ['"~/my notes.txt"']
    assert completions('@"~/my folder/a') == ['"~/my folder/a b.c"']
    assert (
        completions("me@~/no") == completions("@~/line") == completions("@~/nowhere/") == completions("@~nobody/") == []
    )


def test_tab_completes_nothing_that_was_pasted(tmp_path: Path) -> None:
    (tmp_path / "notes.md").touch()
    assert completions(Draft.pasted(f"see @{tmp_path}/no")) == []
    assert completions(Draft.pasted("/un")) == []
    assert completions(Draft((Run("@"), *Draft.pasted(f"{tmp_path}/no").runs))) == [f"{tmp_path}/notes.md"]
