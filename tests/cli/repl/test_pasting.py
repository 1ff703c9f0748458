"""What is pasted is data: the chat sends it as it is, and looks for no meaning in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.errors import APIStatusError, ErrorDetails
from tests.cli.repl.harness import CTRL_C, ENTER, ESC, chatting
from tests.core.scripted import STOP, ScriptedLLM, Step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.repl.harness import Chat

pytestmark = pytest.mark.usefixtures("each_terminal")
DOWN = APIStatusError("oops", details=ErrorDetails(status=500))
LOG = "\n".join(f"log line {number}" for number in range(20))
UP = f"{ESC}[A"


def answering(times: int = 3) -> ScriptedLLM:
    scripts: list[list[Step]] = [["An answer.", STOP]] * times
    return ScriptedLLM("a", *scripts)


def paste(text: str) -> str:
    return f"{ESC}[200~{text}{ESC}[201~"


def asked(chat: Chat) -> list[str]:
    return [message.text for message in chat.repl.session.questions]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file in the home directory that may go out, and one that must not."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret.txt").write_text("TOP-SECRET")
    (tmp_path / "notes.txt").write_text("NOTES")


@pytest.mark.parametrize(
    "text",
    [
        "see @~/secret.txt for details",
        "@~/secret.txt",
        f"{LOG}\nsee @~/secret.txt for details",
        "// set the timeout\nint x = 5;",
        "/quit",
        "/help me",
        "exit",
        ":q",
        "Why does this fail?\n```python\nprint(1)",
        '"""Return x.""" is this a good docstring?',
        '"""Return x."""',
        "    indented\n  less",
        "a path: C:\\",
        "a\tb",
        "naïve 👩‍👩‍👧 \u202eabc",
    ],
)
async def test_a_paste_is_sent_as_it_is(text: str) -> None:
    async with chatting(answering()) as chat:
        await chat.ask(paste(text))
        assert asked(chat) == [text]


async def test_the_line_end_at_the_end_of_a_paste_is_a_part_of_it() -> None:
    async with chatting(answering()) as chat:
        await chat.ask(paste("int x;\r\n"))
        assert asked(chat) == ["int x;\n"]


async def test_what_is_typed_around_a_paste_has_its_meaning() -> None:
    async with chatting(answering()) as chat:
        await chat.ask(f"  //compare {paste('@~/secret.txt')} with @~/notes.txt ")
        assert asked(chat)[0].startswith("/compare @~/secret.txt with @~/notes.txt")
        assert ("NOTES" in asked(chat)[0], "TOP" in asked(chat)[0]) == (True, False)


async def test_a_file_dropped_behind_a_typed_sign_is_attached(tmp_path: Path) -> None:
    path = tmp_path / "my notes.txt"
    path.write_text("NOTES")
    for dropped in (str(path), str(path).replace(" ", "\\ "), f"'{path}'", path.as_uri()):
        async with chatting(answering()) as chat:
            await chat.ask(f"sum up @{paste(dropped)}")
            assert "NOTES" in asked(chat)[0]
            await chat.ask(f"/add {paste(dropped)}")
            assert [one.name for one in chat.repl.session.attachments] == [str(path)]


async def test_a_pasted_question_stays_data_when_it_comes_back() -> None:
    text = "see @~/secret.txt"
    async with chatting(ScriptedLLM("a", [DOWN], ["An answer.", STOP], ["An answer.", STOP])) as chat:
        await chat.begin(paste(text), "✗ no answer")
        await chat.ask("")  # given back by a turn that failed
        assert asked(chat) == [text]
        chat.type(UP)  # brought back from the history
        await chat.until(lambda: chat.line == text)
        await chat.ask("")
        await chat.ask("/undo")
        await chat.ask("/edit")  # taken back
        await chat.ask("")
        assert asked(chat) == [text]


async def test_a_pasted_question_stays_data_through_the_keys_that_cut_and_bring_back() -> None:
    async with chatting(answering()) as chat:
        await chat.prompts()
        chat.type(paste("see @~/secret.txt"))
        await chat.until(lambda: chat.line.endswith("secret.txt"))
        chat.type("\x15")
        await chat.until(lambda: chat.line == "")
        await chat.ask("\x19")  # the kill ring
        await chat.ask(f"{paste('see @~/secret.txt')}\x17\x1f")  # undo
        assert asked(chat) == ["see @~/secret.txt"] * 2


async def test_a_message_from_the_editor_knows_what_was_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "editor"
    script.write_text("#!/bin/sh\nprintf '\\n@~/notes.txt' >> $1\n")
    script.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(script))
    async with chatting(answering()) as chat:
        await chat.prompts()
        chat.type(paste("see @~/secret.txt\nand"))
        await chat.until(lambda: chat.line.endswith("and"))
        chat.type("\x07")
        await chat.until(lambda: chat.line.endswith("notes.txt"))
        await chat.ask("")
        assert asked(chat)[0].startswith("see @~/secret.txt\nand\n@~/notes.txt")
        assert ("NOTES" in asked(chat)[0], "TOP" in asked(chat)[0]) == (True, False)


async def test_a_block_that_is_open_says_so_and_can_be_sent() -> None:
    async with chatting(answering()) as chat:
        for typed in ('"""one', "```"):
            await chat.prompts()
            chat.type(typed)
            await chat.sees("a block is open: Enter makes a new line, Alt-Enter sends")
            chat.type(ENTER)
            await chat.until(lambda: chat.line.endswith("\n"))
            chat.type(f"{ESC}\r")
            await chat.until(lambda: not chat.line)
        await chat.prompts()
        assert asked(chat) == ['"""one', "```"]


async def test_a_command_that_takes_nothing_gives_back_what_stands_behind_it() -> None:
    async with chatting(answering()) as chat:
        await chat.ask("/new idea for a poem")
        assert chat.line == "/new idea for a poem"
        assert "/new takes nothing behind it; what you wrote is back in the input line" in chat.screen.rows
        chat.type(CTRL_C)
        await chat.until(lambda: chat.line == "")
        await chat.ask(f"/vim {paste(LOG)}")
        assert chat.repl.ui.preferences.vi is False
        assert LOG in chat.repl.ui.prompt.line.draft.text  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb\u2066c", "a<202e>b<2066>c"),
        ("a\u200bb\ufeffc\u00add", "a<200b>b<feff>c<00ad>d"),
        ("a\U000e0041b\u2028c", "a<e0041>b<2028>c"),
        ("a\tb", "a    b"),
    ],
)
async def test_what_cannot_be_seen_is_shown_by_its_code_point(text: str, shown: str) -> None:
    async with chatting(answering()) as chat:
        await chat.prompts()
        chat.type(paste(text) + "x")
        await chat.sees(f"> {shown}x")
        chat.type(f"{ESC}[D{ESC}[D{ESC}[D{ESC}[Dy")
        await chat.until(lambda: chat.line == f"{text[:-3]}y{text[-3:]}x")


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("@nothere.txt", "there is no file nothere.txt: @nothere.txt is sent as a word"),
        ("(@no/where)", "there is no file no/where: @no/where is sent as a word"),
        ('@"not here"', 'there is no file "not here": @"not here" is sent as a word'),
        ("@sub/", "sub/ is a folder: @sub/ is sent as a word"),
    ],
)
async def test_a_name_that_looks_like_a_file_and_is_none_is_said_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    async with chatting(answering()) as chat:
        await chat.ask(f"see {written}, @somebody and me@home.org")
        assert chat.screen.rows[1:3] == [complaint, "An answer."]


@pytest.mark.parametrize(
    "written",
    [
        "@a.txt",
        "@./a.txt.",
        "(see @a.txt)",
        r"@my\ notes.txt",
        '@"my notes.txt"',
        "@'my notes.txt'!",
        r'@"my \"own\".txt"',
        "@file:{folder}/my%20notes.txt",
        "@~/a.txt,",
    ],
)
async def test_files_are_named_as_people_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "my notes.txt", 'my "own".txt'):
        (tmp_path / name).write_text("CONTENT")
    async with chatting(answering()) as chat:
        await chat.ask(f"sum up {written.format(folder=tmp_path)}")
        assert asked(chat)[0].count("CONTENT") == 1


async def test_several_files_are_added_at_once_and_each_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "my notes.txt"):
        (tmp_path / name).write_text("CONTENT")
    async with chatting(answering()) as chat:
        await chat.ask('/add a.txt "my notes.txt"')
        await chat.ask("/add my notes.txt")
        assert [one.name for one in chat.repl.session.attachments] == ["a.txt", "my notes.txt"]
        await chat.ask("/add a.txt nothere.txt")
        assert "/add: there is no file 'nothere.txt'" in chat.screen.rows
