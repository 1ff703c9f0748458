"""The input line under an answer: it is a line like any other, and what is sent from it waits, or is done at once."""

from __future__ import annotations

import asyncio
import re

import pytest

from fallback_chat.core.errors import APIStatusError, ErrorDetails, ErrorKind
from tests.cli.repl.harness import CTRL_C, CTRL_D, ENTER, ESC, chatting
from tests.core.scripted import SILENCE, STOP, ScriptedLLM

pytestmark = pytest.mark.usefixtures("each_terminal")
UP, CTRL_U = f"{ESC}[A", "\x15"
BUSY = APIStatusError("slow down", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=20.0))


def slow(*more: list[str | object]) -> tuple[ScriptedLLM, asyncio.Event]:
    """Make a provider whose first answer stops in its middle until the event."""
    go_on = asyncio.Event()
    return ScriptedLLM("a", ["First words ", go_on, "and last words.", STOP], *more, context_window=1000), go_on  # type: ignore[arg-type]


async def test_the_line_under_an_answer_can_be_edited_over_several_lines() -> None:
    a, go_on = slow(["Second.", STOP])
    async with chatting(a) as chat:
        await chat.begin("One", "First words")
        chat.type("b\nc")
        await chat.until(lambda: chat.screen.rows[-4:-1] == ["First words", "> b", "  c"])
        chat.type(f"\x01{ESC}[A\x01a")  # to the first line, to its beginning
        await chat.until(lambda: chat.screen.rows[-3:-1] == ["> ab", "  c"])
        go_on.set()
        await chat.sees("First words and last words.")
        await chat.prompts()
        assert chat.screen.rows[-3:-1] == ["> ab", "  c"]
        await chat.ask("")
        assert [message.text for message in chat.repl.session.questions] == ["One", "ab\nc"]


async def test_news_of_a_provider_is_told_below_the_answer_not_in_its_middle() -> None:
    a, go_on = slow()
    b = ScriptedLLM("b", context_window=1000)
    async with chatting(a, b) as chat:
        await chat.begin("One", "First words")
        chat.adapter.set_enabled(b, enabled=False)
        await chat.until(lambda: "b off" in chat.screen.rows[-1])
        go_on.set()
        await chat.sees("↷ b: off")
        await chat.prompts()
        assert chat.screen.rows[-4:-1] == ["First words and last words.", "↷ b: off", ">"]


async def test_earlier_questions_and_the_menu_are_there_under_an_answer() -> None:
    a, go_on = slow()
    async with chatting(a) as chat:
        await chat.ask("/tokens")
        await chat.begin("One", "First words")
        chat.type(UP)
        await chat.until(lambda: chat.line == "One")
        chat.type("\x15/st")
        await chat.sees("  /status  how the chat stands, in sentences")
        go_on.set()
        await chat.sees("First words and last words.")


async def test_up_right_behind_enter_brings_the_question_back() -> None:
    a, go_on = slow()
    async with chatting(a) as chat:
        await chat.prompts()
        chat.type(f"One{ENTER}{UP}")
        await chat.until(lambda: chat.line == "One")
        go_on.set()
        await chat.sees("First words and last words.")


async def test_up_before_the_first_prompt_brings_back_what_an_earlier_chat_was_asked() -> None:
    async with chatting(ScriptedLLM("a", ["Answer.", STOP])) as chat:
        await chat.ask("earlier")
    async with chatting(ScriptedLLM("a", ["Answer.", STOP])) as chat:
        chat.type(UP)
        await chat.until(lambda: chat.repl.ui.prompt and chat.line == "earlier")


async def test_questions_that_wait_are_listed_and_come_back_one_by_one() -> None:
    a, go_on = slow(["Second.", STOP])
    async with chatting(a) as chat:
        await chat.begin("One", "First words")
        for question in ("Two", "Three\nlines", "Four"):
            chat.type(question + ENTER)
            await chat.sees(f"  next: {question.partition(chr(10))[0]}")
        assert chat.screen.rows[-5:-1] == ["  next: Two", "  next: Three …", "  next: Four", ">"]
        chat.type(UP)
        await chat.until(lambda: chat.screen.rows[-4:-1] == ["  next: Two", "  next: Three …", "> Four"])
        chat.type(CTRL_U)
        await chat.until(lambda: not chat.line)
        chat.type(UP)
        await chat.until(lambda: chat.screen.rows[-4:-1] == ["  next: Two", "> Three", "  lines"])
        chat.type(f"{CTRL_U}\x7f{CTRL_U}")
        await chat.until(lambda: not chat.line)
        go_on.set()
        await chat.sees("Second.")
        await chat.prompts()
        assert [message.text for message in chat.repl.session.questions] == ["One", "Two"]


async def test_only_the_last_of_many_that_wait_are_shown() -> None:
    a, _ = slow()
    async with chatting(a) as chat:
        await chat.begin("0", "First words")
        for number in range(1, 6):
            chat.type(f"{number}{ENTER}")
            await chat.sees(f"  next: {number}")
        assert chat.screen.rows[-6:-2] == ["  next: 2 more, and", "  next: 3", "  next: 4", "  next: 5"]


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ("/chain", "1 a       a-1    scripted  ok"),
        ("/why", "a/a-1 is answering, "),
        ("/status", "Chain: a ok. The next turn begins with a."),
        ("/tokens", "the conversation takes about 0 tokens"),
        ("/help copy", "/copy [N|code [K]|all]: copy an answer"),
        ("/cost", "/cost: no price is known"),
        ("/use a", "the next turn begins with a"),
        ("/skip a", "a is skipped until /unskip a"),
        ("/pin a", "pinned: only a is asked"),
        ("/set seed 1", "seed = 1"),
        ("/theme dark", "theme: dark (dark)"),
        (f"{ESC}OQ", "1 a       a-1    scripted  ok"),  # F2
        (f"{ESC}OP", "Questions and answers  "),  # F1
        ("?", "Questions and answers  "),
    ],
)
async def test_what_only_shows_or_chooses_is_done_at_once(command: str, seen: str) -> None:
    a, go_on = slow()
    async with chatting(a, rows=60) as chat:
        await chat.begin("One", "First words")
        chat.type(command + ENTER * command.startswith("/"))
        await chat.sees(seen)
        assert chat.repl.ui.is_busy
        go_on.set()
        await chat.sees("and last words.")
        await chat.prompts()
        assert [answer.text for answer in chat.repl.session.answers] == ["First words and last words."]


async def test_why_explains_the_turn_that_is_under_way() -> None:
    failing = ScriptedLLM("a", [APIStatusError("oops", details=ErrorDetails(status=500))])
    go_on = asyncio.Event()
    b = ScriptedLLM("b", ["First words ", go_on, "and last words.", STOP])
    async with chatting(failing, b) as chat:
        await chat.begin("One", "First words")
        chat.type("/why" + ENTER)
        await chat.sees("b/b-1 is answering, ")
        start = chat.screen.rows.index("❯ /why")
        shown = [re.sub(r"[0-9.]+ s\b", "N s", row) for row in chat.screen.rows[start + 1 : start + 4]]
        assert shown == [
            "The turn went through the chain in order: a → b.",
            "  1. a failed (HTTP 500: oops) (after N s)",
            "b/b-1 is answering, N s so far.",
        ]
        go_on.set()
        await chat.sees("and last words.")


@pytest.mark.parametrize(
    ("command", "asked", "answer"),
    [
        ("/skip b", [1, 0, 1], "From c."),
        ("/use c", [1, 0, 1], "From c."),
        ("/pin c", [1, 0, 1], "From c."),
        ("/skip c", [1, 1, 0], "From b."),
    ],
)
async def test_who_is_asked_next_can_be_chosen_while_somebody_is_asked(
    command: str, asked: list[int], answer: str
) -> None:
    fail = asyncio.Event()
    a = ScriptedLLM("a", [fail, APIStatusError("oops", details=ErrorDetails(status=500))])
    b, c = (ScriptedLLM(name, [f"From {name}.", STOP]) for name in "bc")
    async with chatting(a, b, c) as chat:
        await chat.prompts()
        chat.type("Go" + ENTER)
        await chat.until(lambda: a.calls)
        chat.type(command + ENTER)
        await chat.sees(f"❯ {command}")
        fail.set()
        await chat.sees(answer)
        assert [len(each.calls) for each in (a, b, c)] == asked


async def test_a_provider_that_was_chosen_under_an_answer_begins_the_next_turn() -> None:
    a, go_on = slow()
    b = ScriptedLLM("b", ["From b.", STOP])
    async with chatting(a, b) as chat:
        await chat.begin("One", "First words")
        chat.type("/use b" + ENTER)
        await chat.sees("the next turn begins with b")
        go_on.set()
        await chat.sees("and last words.")
        await chat.ask("Two")
        assert "From b." in chat.screen.rows


async def test_commands_that_change_the_conversation_wait_for_their_turn() -> None:
    a, go_on = slow()
    async with chatting(a) as chat:
        await chat.begin("One", "First words")
        chat.type("/new" + ENTER)
        await chat.sees("  next: /new")
        go_on.set()
        await chat.sees("new conversation")
        await chat.prompts()
        assert chat.repl.session.questions == ()


async def test_commands_are_done_at_once_while_everybody_rests() -> None:
    async with chatting(ScriptedLLM("a", [BUSY], ["Now.", STOP])) as chat:
        await chat.begin("Go", "no provider available · a in")
        chat.type("/chain" + ENTER)
        await chat.sees("1 a       a-1    scripted")
        assert chat.repl.ui.is_busy


async def test_several_lines_that_are_pasted_without_marks_are_one_question_that_nobody_has_sent_yet() -> None:
    a, go_on = slow(["Second.", STOP])
    async with chatting(a) as chat:
        await chat.begin("One", "First words")
        chat.type("one\rtwo\rthree\r")
        await chat.until(lambda: chat.line == "one\ntwo\nthree\n")
        go_on.set()
        await chat.sees("and last words.")
        await chat.prompts()
        assert (len(a.calls), chat.line) == (1, "one\ntwo\nthree\n")


async def test_escape_in_vi_mode_goes_to_normal_mode_while_there_is_text_and_stops_the_answer_without_any() -> None:
    a, _ = slow()
    async with chatting(a) as chat:
        await chat.ask("/vim")
        await chat.begin("One", "First words")
        chat.type("ac")
        await chat.until(lambda: chat.line == "ac")
        chat.type(ESC)
        await asyncio.sleep(0.1)
        chat.type("ib")
        await chat.until(lambda: chat.line == "abc")
        assert chat.repl.ui.is_busy
        chat.type(ESC)
        await asyncio.sleep(0.1)
        chat.type("dd")
        await chat.until(lambda: not chat.line)
        chat.type(ESC)
        await chat.sees("stopped; what is there is kept")


async def test_escape_then_enter_sends_in_vi_mode_and_alt_enter_makes_a_new_line() -> None:
    a = ScriptedLLM("a", ["An answer.", STOP], ["An answer.", STOP])
    async with chatting(a) as chat:
        await chat.ask("/vim")
        await chat.prompts()
        chat.type("one")
        await chat.until(lambda: chat.line == "one")
        chat.type(ESC)
        await asyncio.sleep(0.1)
        await chat.ask("")
        await chat.ask(f"one{ESC}\rtwo")
        assert [message.text for message in chat.repl.session.questions] == ["one", "one\ntwo"]


async def test_ctrl_d_under_an_answer_leaves_nothing() -> None:
    a, go_on = slow()
    async with chatting(a) as chat:
        await chat.begin("One", "First words")
        chat.type(CTRL_D + "x")
        await chat.until(lambda: chat.line == "x")  # after the answer, Ctrl-D would leave
        go_on.set()
        await chat.sees("and last words.")
        assert not chat.task.done()


async def test_what_is_in_the_line_stays_there_when_a_question_fails() -> None:
    wait = asyncio.Event()
    failing = ScriptedLLM("a", [wait, APIStatusError("oops", details=ErrorDetails(status=500))])
    async with chatting(failing) as chat:
        await chat.prompts()
        chat.type("One" + ENTER)
        await chat.until(lambda: failing.calls)
        chat.type("half a thought")
        await chat.until(lambda: chat.line == "half a thought")
        wait.set()
        await chat.sees("Up brings your question back")
        await chat.prompts()
        assert chat.line == "half a thought"


async def test_one_ctrl_c_stops_the_answer_and_drops_nothing_that_waits() -> None:
    a = ScriptedLLM("a", ["First words ", SILENCE], ["Second.", STOP])
    async with chatting(a) as chat:
        await chat.begin("One", "First words")
        chat.type("Two" + ENTER)
        await chat.sees("next: Two")
        chat.type(CTRL_C)
        await chat.sees("stopped; what is there is kept")
        await chat.until(lambda: chat.repl.ui.is_queued or len(a.calls) == 2)


async def test_ctrl_c_stops_the_answer_and_leaves_the_line_alone() -> None:
    a = ScriptedLLM("a", ["First words ", SILENCE])
    async with chatting(a) as chat:
        await chat.begin("One", "First words")
        chat.type("half a thought")
        await chat.until(lambda: chat.line == "half a thought")
        chat.type(CTRL_C)
        await chat.sees("stopped; what is there is kept")
        await chat.prompts()
        assert chat.line == "half a thought"
