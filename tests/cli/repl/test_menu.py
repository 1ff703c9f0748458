"""The menu below the input line, and what it lets one pick."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.repl.menu import Choice, Menu, common_beginning
from fallback_chat.core.llm import ModelInfo
from tests.cli.repl.harness import CTRL_C, ENTER, ESC, chatting
from tests.core.scripted import STOP, ScriptedLLM, Step

if TYPE_CHECKING:
    from fallback_chat.cli.render.rows import Row
    from tests.cli.repl.harness import Chat

UP, DOWN, TAB = f"{ESC}[A", f"{ESC}[B", "\t"
SEVEN = [Choice(str(number), f"note {number}") for number in range(7)]


def llm(name: str, *models: ModelInfo) -> ScriptedLLM:
    scripts: list[list[Step]] = [["An answer.", STOP]] * 4
    return ScriptedLLM(name, *scripts, models=list(models), context_window=1000)


def texts(rows: list[Row]) -> list[str]:
    return ["".join(text for text, _ in row) for row in rows]


def meant(rows: list[Row]) -> list[str]:
    return ["".join(text for text, _ in row).split()[0] for row in rows if row[0][1] == "reverse"]


def test_choices_stand_in_rows_with_their_notes() -> None:
    menu = Menu()
    menu.open([Choice("new", "begin a new conversation", "/new"), Choice("retry", "", "/retry")])
    assert texts(menu.rows(80, 8)) == ["  /new    begin a new conversation", "  /retry"]
    assert meant(menu.rows(80, 8)) == []


def test_what_does_not_fit_is_counted_and_the_choice_that_is_meant_is_always_there() -> None:
    menu = Menu()
    menu.open(SEVEN)
    assert texts(menu.rows(80, 4)) == ["  0  note 0", "  1  note 1", "  2  note 2", "  1-3 of 7"]
    for number in (*range(7), 0):
        menu.move(1)
        assert meant(menu.rows(80, 4)) == [str(number)]
    menu.move(-1)
    assert (meant(menu.rows(80, 1)), menu.rows(80, 0)) == (["6"], [])


def test_no_row_is_wider_than_the_terminal() -> None:
    menu = Menu()
    menu.open([Choice("x" * 50, "a note that is long, too" * 3), Choice("名前" * 20, "短い")])
    for columns in (10, 20, 40, 80):
        assert all(len(text.encode("utf-16-le")) // 2 <= columns for text in texts(menu.rows(columns, 8)))


def test_what_all_begin_with() -> None:
    assert common_beginning(["undo", "unpin", "unskip"]) == "un"
    assert common_beginning(["a", "ab"]) == "a"
    assert (common_beginning([]), common_beginning(["x"])) == ("", "x")


async def types(chat: Chat, text: str) -> None:
    """Type something at the prompt, and wait until it is in the line."""
    await chat.prompts()
    before = chat.line
    chat.type(text)
    await chat.until(lambda: chat.line == before + text)


@pytest.mark.usefixtures("each_terminal")
async def test_a_slash_opens_the_menu_of_commands_with_their_help() -> None:
    async with chatting(llm("a")) as chat:
        await types(chat, "/")
        await chat.sees("  /new       begin a new conversation")
        await types(chat, "mo")
        await chat.sees("  /model  show or change the model")
        assert not any("/new" in row for row in chat.screen.rows)
        chat.type(ESC)
        await chat.until(lambda: not any("/model" in row for row in chat.screen.rows))
        assert chat.line == "/mo"


@pytest.mark.usefixtures("each_terminal")
async def test_a_command_of_the_menu_is_run_with_enter() -> None:
    async with chatting(llm("a")) as chat:
        await types(chat, "/to")
        chat.type(DOWN + ENTER)
        await chat.sees("the conversation takes about 0 tokens")


@pytest.mark.usefixtures("each_terminal")
async def test_one_that_needs_an_argument_offers_what_it_takes() -> None:
    async with chatting(llm("a"), llm("b")) as chat:
        await types(chat, "/us")
        chat.type(TAB)
        await chat.sees("  b  ok · b-1")
        await chat.until(lambda: chat.line == "/use ")
        chat.type(DOWN + DOWN + ENTER)
        await chat.sees("the next turn begins with b")


@pytest.mark.usefixtures("each_terminal")
@pytest.mark.parametrize("command", ["/use", "/skip", "/model"])
async def test_a_command_without_its_argument_lets_one_pick(command: str) -> None:
    async with chatting(llm("a", ModelInfo("a-2", 8000)), llm("b")) as chat:
        await chat.ask("Go")
        await types(chat, command)
        chat.type(ENTER)
        await chat.until(lambda: chat.line == f"{command} ")
        await chat.sees(
            {"/use": "  a  ok · a-1", "/skip": "  a  ok · a-1", "/model": "  a a-1  ok · asked now"}[command]
        )
        chat.type(CTRL_C)
        await chat.until(lambda: not chat.line)
        await chat.until(lambda: not any("ok · b-1" in row for row in chat.screen.rows))


@pytest.mark.usefixtures("each_terminal")
async def test_a_conversation_is_picked_by_its_title() -> None:
    async with chatting(llm("a")) as chat:
        for question in ("About gold", "About silver"):
            await chat.ask("/new")
            await chat.ask(question)
        await chat.ask("/new")
        await types(chat, "/resume")
        chat.type(ENTER)
        await chat.sees("  About silver  just now · 1 turn · ")
        await chat.sees("  About gold    just now · 1 turn · ")
        chat.type("gold")
        await chat.until(lambda: not any("About silver  just now" in row for row in chat.screen.rows))
        chat.type(DOWN + ENTER)
        await chat.sees("❯ About gold")


@pytest.mark.usefixtures("each_terminal")
async def test_what_is_searched_for_can_be_picked_while_it_is_written() -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("How is gold made?")
        await chat.ask("/new")
        await types(chat, "/search gol")
        await chat.sees("just now · How is")
        chat.type(DOWN + ENTER)
        await chat.sees("❯ /resume ")
        await chat.sees("❯ How is gold made?")


@pytest.mark.usefixtures("each_terminal")
async def test_earlier_commands_are_gone_through_without_the_menu() -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("/tokens")
        await chat.ask("/status")
        chat.type(UP)
        await chat.until(lambda: chat.line == "/status")
        chat.type(UP)
        await chat.until(lambda: chat.line == "/tokens")


async def test_where_nothing_may_move_a_command_without_its_argument_says_what_it_needs() -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("/calm")
        await chat.ask("/use")
        assert "/use: name a provider: a" in chat.screen.rows
