"""The chat as a user sees it: whole screens on a terminal in memory."""

from __future__ import annotations

import asyncio
import gc
import re
import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.commands.chat import GENERATION, collect_garbage
from fallback_chat.cli.repl.chain import Chain
from fallback_chat.cli.words.notices import REDACTED
from fallback_chat.core.config.settings import KeySource, Prices, ProviderSettings, Settings
from fallback_chat.core.engine.settings import ChainSettings
from fallback_chat.core.errors import APIStatusError, APIStreamError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason, ModelInfo
from tests.cli.repl.harness import CTRL_C, CTRL_D, CTRL_N, ENTER, ESC, SECRET, chatting
from tests.core.engine.continuing import OTHER, TEXTS, ContinuingLLM, pieces
from tests.core.scripted import SILENCE, STOP, ScriptedLLM, call, finish

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.repl.harness import Chat

pytestmark = pytest.mark.usefixtures("each_terminal")
BUSY = APIStatusError("slow down", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429))
DOWN = APIStatusError("oops", details=ErrorDetails(status=500))
CUT = APIStreamError("the connection closed", kind=ErrorKind.TRUNCATED)


def good(name: str = "b", text: str = "An answer.") -> ScriptedLLM:
    return ScriptedLLM(name, [text, STOP], context_window=1000)


def bad(name: str = "a", error: Exception = DOWN) -> ScriptedLLM:
    return ScriptedLLM(name, [error], context_window=1000)


async def test_a_question_is_answered_and_the_status_row_waits_below_the_prompt() -> None:
    async with chatting(good("a"), good("b")) as chat:
        await chat.ask("What is it?")
        assert chat.screen.rows == [
            "❯ What is it?",
            "An answer.",
            ">",
            "▸a a-1 · b ok │ ctx 0% │ ? help",
        ]


async def test_a_long_question_is_broken_between_words_in_the_line_and_on_the_page() -> None:
    question = "which of them is stable, and why:\n    merge(left, right) of the standard library"
    async with chatting(good("a"), columns=30) as chat:
        await chat.prompts()
        chat.type(f"\x1b[200~{question}\x1b[201~")
        await chat.sees("standard library")
        assert chat.screen.lines == [
            "",
            "> which of them is stable, and",
            "  why:",
            "      merge(left, right) of",
            "  the standard library",
            "▸a (1/1) 0%",
        ]
        chat.type(ENTER)
        await chat.sees("An answer.")
        await chat.prompts()
        assert chat.screen.lines == [
            "",
            "❯ which of them is stable, and",
            "  why:",
            "      merge(left, right) of",
            "      the standard library",
            "",
            "An answer.",
            "",
            ">",
            "▸a (1/1) 2%",
        ]


async def test_commands_and_what_they_show_stand_apart_whether_typed_or_called_by_a_key() -> None:
    async with chatting(good("a")) as chat:
        await chat.ask("/wait")
        await chat.until(lambda: chat.submitted == 1)
        chat.type(f"{ESC}OQ")
        await chat.until(lambda: chat.submitted == 2)
        await chat.prompts()
        assert chat.screen.lines == [
            "",
            "❯ /wait",
            "a turn waits up to 30 s when every provider is busy; Ctrl-C ends it",
            "",
            "❯ /chain",
            "provider  model  kind      state  next turn",
            "1 a       a-1    scripted  ok     first",
            "",
            ">",
            "▸a a-1 │ ctx 0% │ ? help",
        ]


async def test_the_window_of_who_answered_is_looked_up_once_and_of_nobody_else() -> None:
    first, second = (
        ScriptedLLM(name, ["An answer.", STOP], models=[ModelInfo(f"{name}-1", 1000), ModelInfo(f"{name}-2")])
        for name in "ab"
    )
    async with chatting(first, second) as chat:
        await chat.ask("word " * 400)
        await chat.ask("And now?")
        assert chat.screen.rows[-1] == "▸a a-1 · b ok │ ctx 51% │ ? help"
        assert (first.lists, second.lists) == (1, 0)
        chat.type("/model a-\t")
        await chat.until(lambda: "a-2" in "\n".join(chat.screen.rows))


async def test_who_answered_instead_of_the_first_choice_is_said_and_stays_in_the_status_row() -> None:
    async with chatting(bad("a", BUSY), good("b")) as chat:
        await chat.ask("What is it?")
        *rows, status = chat.screen.rows
        assert [re.sub("0:1[0-9]", "0:1N", row) for row in rows] == [
            "❯ What is it?",
            "↷ a: rate limited (429: slow down) → b",
            "An answer.",
            "b/b-1 · 2nd of 2 · a rate limited 0:1N",
            ">",
        ]
        assert status.startswith("▸b b-1 · a rate limited 0:1")


async def test_another_model_than_the_one_asked_for_is_told_below_the_answer() -> None:
    served = ScriptedLLM("a", [ChatChunk(ChoiceDelta("An answer."), model="a-mini"), STOP])
    async with chatting(served) as chat:
        await chat.ask("What is it?")
        assert chat.screen.rows[1:3] == ["An answer.", "a/a-mini instead of a-1"]


async def test_a_turn_that_failed_gives_the_question_back_and_leaves_no_trace() -> None:
    async with chatting(bad("a"), bad("b")) as chat:
        await chat.ask("What is it?")
        assert chat.line == "What is it?"
        assert chat.repl.session.context.messages == ()
        assert chat.screen.rows[:-1] == [
            "❯ What is it?",
            "↷ a: 500 (oops) → b",
            "✗ no answer: a 500 · b 500",
            "  b: oops",
            "> What is it?",
        ]


async def test_ctrl_c_keeps_what_is_there_and_marks_it() -> None:
    async with chatting(ScriptedLLM("a", ["First words ", SILENCE])) as chat:
        await chat.begin("Go", "First words")
        chat.type(CTRL_C)
        await chat.sees("stopped; what is there is kept")
        await chat.prompts()
        question, answer = chat.repl.session.context.messages
        assert (question.text, answer.text, answer.complete) == ("Go", "First words ", False)


async def test_ctrl_c_ends_an_answer_that_came_in_one_piece_and_takes_long_to_lay_out() -> None:
    async with chatting(ScriptedLLM("a", ["First words\n\n" * 5000 + "The end", STOP])) as chat:
        await chat.begin("Go", "First words")
        chat.type(CTRL_C)
        await chat.sees("stopped; what is there is kept")
        _, answer = chat.repl.session.context.messages
        assert (answer.text[:11], answer.text.endswith("The end"), answer.complete) == ("First words", False, False)


async def test_a_queued_question_is_not_joined_with_the_one_that_failed() -> None:
    wait = asyncio.Event()
    a = ScriptedLLM("a", [wait, DOWN], ["An answer.", STOP])
    async with chatting(a) as chat:
        await chat.prompts()
        chat.type("First" + ENTER)
        await chat.until(lambda: a.calls)
        chat.type("Second" + ENTER)
        await chat.sees("next: Second")
        wait.set()
        await chat.sees("An answer.")
        assert [call.chat_ctx.messages[-1].text for call in a.calls] == ["First", "Second"]
        assert "Up brings your question back" in chat.screen.rows


async def test_a_second_ctrl_c_drops_what_is_queued_behind_the_answer() -> None:
    a = ScriptedLLM("a", ["First words ", SILENCE])
    async with chatting(a) as chat:
        await chat.begin("Go", "First words")
        chat.type("Second" + ENTER)
        await chat.sees("next: Second")
        chat.type(CTRL_C)
        await chat.sees("stopped; what is there is kept")
        await chat.sees("press Ctrl-C again to drop what is queued")
        chat.type(CTRL_C)
        await chat.prompts()
        assert (len(a.calls), chat.line) == (1, "")


async def test_an_answer_without_text_says_why() -> None:
    filtered = ScriptedLLM("a", [finish(FinishReason.CONTENT_FILTER)])
    async with chatting(filtered) as chat:
        await chat.ask("Go")
        assert "✗ a refused to answer (content_filter)" in chat.screen.rows
        await chat.ask("\x15/why")
        assert "a gave no text (content_filter)" in "\n".join(chat.screen.rows)


async def test_an_answer_of_tool_calls_alone_says_so() -> None:
    async with chatting(ScriptedLLM("a", [call(name="look_up"), finish(FinishReason.TOOL_CALLS)])) as chat:
        await chat.ask("Go")
        assert "✗ a answered with a tool call only (look_up), which is not run" in chat.screen.rows


async def test_where_everybody_is_skipped_nobody_is_asked() -> None:
    a = good("a")
    async with chatting(a) as chat:
        await chat.ask("/skip a")
        await chat.ask("Go")
        assert "every provider is skipped; /unskip brings them back" in chat.screen.rows
        assert (a.calls, chat.line) == ([], "Go")


async def test_what_is_typed_during_a_countdown_is_shown() -> None:
    busy = APIStatusError("slow down", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=20.0))
    async with chatting(ScriptedLLM("a", [busy])) as chat:
        await chat.begin("Go", "no provider available · a in")
        chat.type("next" + ENTER)
        await chat.sees("next: next")


async def test_ctrl_c_before_the_first_word_gives_the_question_back() -> None:
    llm = ScriptedLLM("a", [SILENCE])
    async with chatting(llm) as chat:
        await chat.prompts()
        chat.type("Go" + ENTER)
        await chat.until(lambda: llm.calls)
        chat.type(CTRL_C)
        await chat.sees("> Go")
        await chat.prompts()
        assert (chat.line, llm.open_streams) == ("Go", 0)


async def test_escape_alone_stops_an_answer() -> None:
    async with chatting(ScriptedLLM("a", ["First words ", SILENCE])) as chat:
        await chat.begin("Go", "First words")
        chat.type(ESC)
        await chat.sees("stopped; what is there is kept")


async def test_ctrl_n_goes_on_to_the_next_provider_and_glues_nothing() -> None:
    async with chatting(ScriptedLLM("a", ["Half of it", SILENCE]), good("b", "All of it.")) as chat:
        await chat.begin("Go", "Half of it")
        chat.type(CTRL_N)
        await chat.sees("b/b-1 · 2nd of 2")
        assert chat.screen.rows[:6] == [
            "❯ Go",
            "Half of it",
            "↷ a: given up by you → b",
            "── discarded; b starts over ──",
            "All of it.",
            "b/b-1 · 2nd of 2",
        ]
        assert chat.repl.session.answers[-1].text == "All of it."


async def test_ctrl_n_without_another_provider_says_so_and_the_answer_goes_on() -> None:
    go_on = asyncio.Event()
    async with chatting(ScriptedLLM("a", ["Some", go_on, " more.", STOP])) as chat:
        await chat.begin("Go", "Some")
        chat.type(CTRL_N)
        await chat.sees("there is no other provider to go on to")
        go_on.set()
        await chat.sees("Some more.")


async def test_what_is_typed_while_an_answer_streams_is_shown_and_becomes_the_next_question() -> None:
    go_on = asyncio.Event()
    llm = ScriptedLLM("a", ["Some", go_on, " more.", STOP], ["Second.", STOP])
    async with chatting(llm) as chat:
        await chat.begin("One", "Some")
        chat.type("Two" + ENTER)
        await chat.sees("next: Two")
        go_on.set()
        await chat.sees("Second.")
        await chat.prompts()
        assert [message.text for message in chat.repl.session.questions] == ["One", "Two"]


async def test_a_second_ctrl_c_drops_what_waits() -> None:
    llm = ScriptedLLM("a", ["Some", SILENCE])
    async with chatting(llm) as chat:
        await chat.begin("One", "Some")
        chat.type("Two" + ENTER)
        await chat.sees("next: Two")
        chat.type(CTRL_C + CTRL_C)
        await chat.sees("stopped; what is there is kept")
        await chat.prompts()
        assert (chat.line, len(llm.calls)) == ("", 1)


async def test_an_answer_that_breaks_off_is_kept_and_what_helps_is_said() -> None:
    async with chatting(ScriptedLLM("a", ["Half of it", CUT]), good("b")) as chat:
        await chat.ask("Go")
        assert chat.screen.rows[1:3] == [
            "Half of it",
            "✂ incomplete: a's stream ended early, after 3 words — /continue, or /retry next",
        ]
        assert [message.complete for message in chat.repl.session.answers] == [False]


async def test_when_all_are_busy_for_a_moment_the_chat_counts_down_and_asks_again() -> None:
    busy = APIStatusError("busy", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=2.5))
    llm = ScriptedLLM("a", [busy], ["Now.", STOP])
    async with chatting(llm) as chat:
        await chat.begin("Go", "no provider available · a in 0:0")
        await chat.sees("Now.")
        await chat.prompts()
        assert [message.text for message in chat.repl.session.answers] == ["Now."]


async def test_ctrl_c_ends_the_countdown() -> None:
    busy = APIStatusError("busy", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=25))
    async with chatting(bad("a", busy)) as chat:
        await chat.begin("Go", "no provider available · a in 0:2")
        chat.type(CTRL_C)
        await chat.sees("> Go")
        await chat.prompts()
        assert chat.line == "Go"


async def test_a_transition_at_the_idle_prompt_is_told_once_and_the_typed_text_stays() -> None:
    a, b = good("a"), good("b")
    async with chatting(a, b) as chat:
        await chat.ask("Go")
        chat.type("unfinished")
        await chat.sees("> unfinished")
        chat.adapter.set_enabled(a, enabled=False)
        await chat.sees("▸b b-1 · a off")
        assert chat.screen.rows == [
            "❯ Go",
            "An answer.",
            "↷ a: off",
            "> unfinished",
            "▸b b-1 · a off │ ctx 0% │ ? help",
        ]


async def test_what_is_typed_in_the_moment_of_a_transition_is_neither_shown_twice_nor_taken_for_something_else() -> (
    None
):
    a = good("a")
    async with chatting(a, good("b")) as chat:
        await chat.ask("Go")
        for number, letter in enumerate("What is it?" + ENTER):
            chat.adapter.set_enabled(a, enabled=bool(number % 2))
            chat.type(letter)
            await asyncio.sleep(0.001)
        await chat.until(lambda: chat.submitted == 2)
        await chat.prompts()
        rows = [row for row in chat.screen.rows if not row.startswith("↷ a: ")]
        assert rows[:4] == ["❯ Go", "An answer.", "❯ What is it?", "An answer."]


async def test_ctrl_c_clears_the_line_and_up_brings_it_back() -> None:
    async with chatting(good()) as chat:
        await chat.prompts()
        chat.type("draft")
        await chat.until(lambda: chat.line == "draft")
        chat.type(CTRL_C)
        await chat.until(lambda: chat.line == "")
        chat.type(ESC + "[A")
        await chat.until(lambda: chat.line == "draft")


async def test_ctrl_c_twice_on_an_empty_line_leaves() -> None:
    async with chatting(good()) as chat:
        await chat.prompts()
        chat.type(CTRL_C)
        await chat.sees("press Ctrl-C again, or Ctrl-D, to leave")
        chat.type(CTRL_C)
        await chat.until(chat.task.done)


async def test_ctrl_c_twice_does_not_leave_if_the_second_one_comes_late() -> None:
    async with chatting(good()) as chat:
        await chat.prompts()
        prompt = chat.repl.ui.prompt
        assert prompt is not None
        prompt._clock = lambda: 1000.0
        chat.type(CTRL_C)
        await chat.sees("press Ctrl-C again, or Ctrl-D, to leave")
        prompt._clock = lambda: 1002.0
        chat.type(CTRL_C + "still here")
        await chat.until(lambda: chat.line == "still here")


async def test_ctrl_d_leaves() -> None:
    async with chatting(good()) as chat:
        await chat.prompts()
        chat.type(CTRL_D)
        await chat.until(chat.task.done)


async def test_bare_words_leave_too() -> None:
    for word in ("exit", "quit", ":q", "/quit"):
        async with chatting(good()) as chat:
            await chat.prompts()
            chat.type(word + ENTER)
            await chat.until(chat.task.done)


async def test_lines_are_joined_in_every_way_that_people_know() -> None:
    llm = good("a")
    async with chatting(llm) as chat:
        for typed in (
            "one\ntwo",  # Ctrl-J
            f"one{ESC}\rtwo",  # Alt-Enter
            f"one{ESC}[27;2;13~two",  # Shift-Enter, as xterm tells it
            f"one{ESC}[13;2utwo",  # Shift-Enter, as kitty tells it
            f"{ESC}[200~one\r\ntwo{ESC}[201~",  # a bracketed paste
        ):
            await chat.ask(typed)
        await chat.prompts()
        chat.type("one\\")
        await chat.until(lambda: chat.line == "one\\")
        chat.type(ENTER)
        await chat.until(lambda: chat.line == "one\n")
        chat.type("two" + ENTER)
        await chat.until(lambda: len(llm.calls) == 6)
        assert {message.text for message in chat.repl.session.questions} == {"one\ntwo"}


def ends(chat: Chat, end: str) -> bool:
    return chat.line.endswith(end)


async def test_a_block_in_triple_quotes_is_one_question() -> None:
    llm = good("a")
    async with chatting(llm) as chat:
        await chat.prompts()
        for part in ('"""one', "two"):
            chat.type(part)
            await chat.until(partial(ends, chat, part))
            chat.type(ENTER)
            await chat.until(lambda: chat.line.endswith("\n"))
        await chat.ask('"""')
        assert [message.text for message in chat.repl.session.questions] == ["one\ntwo"]


async def test_a_paste_without_brackets_is_not_sent_line_by_line() -> None:
    llm = good("a")
    async with chatting(llm) as chat:
        await chat.prompts()
        chat.type("one\rtwo\rthree\r")
        await chat.until(lambda: chat.line == "one\ntwo\nthree\n")
        assert llm.calls == []


async def test_a_large_paste_is_a_sign_in_the_line_and_whole_in_the_question() -> None:
    text = "\n".join(f"line {number}" for number in range(10_000))
    async with chatting(good("a")) as chat:
        await chat.prompts()
        await asyncio.to_thread(chat.type, f"{ESC}[200~{text}{ESC}[201~")  # more than a pipe holds
        await chat.sees("> [pasted #1: 10000 lines]")
        await chat.ask("")
        assert [message.text for message in chat.repl.session.questions] == [text]


async def test_an_unknown_command_is_not_sent_and_a_suggestion_is_made() -> None:
    llm = good("a")
    async with chatting(llm) as chat:
        await chat.ask("/chian")
        assert chat.screen.rows[:2] == ["❯ /chian", "there is no command /chian; did you mean /chain?"]
        assert llm.calls == []


async def test_two_slashes_send_one() -> None:
    llm = good("a")
    async with chatting(llm) as chat:
        await chat.ask("//etc is what?")
        assert chat.repl.session.questions[-1].text == "/etc is what?"


async def test_no_secret_and_no_escape_sequence_of_a_provider_reaches_the_terminal() -> None:
    rude = APIStatusError(f"{ESC}]0;title\x07 {SECRET}", details=ErrorDetails(status=500))
    async with chatting(bad("a", rude), good("b", f"{ESC}[31mred {SECRET}")) as chat:
        await chat.ask("Go")
        assert SECRET not in chat.screen.written
        assert "\x1b]" not in chat.screen.written
        assert "\x1b[31m" not in chat.screen.written


async def test_forty_columns_show_who_answers_and_which_of_how_many() -> None:
    async with chatting(good("a"), good("b"), columns=40, rows=10) as chat:
        await chat.ask("Go")
        assert chat.screen.rows == ["❯ Go", "An answer.", ">", "▸a (1/2) 0%"]


async def test_tokens_and_cost_are_shown_where_prices_are_known() -> None:
    usage = ChatChunk(usage=CompletionUsage(input=1000, output=500), finish_reason=FinishReason.STOP)
    llm = ScriptedLLM("a", ["Dear.", usage], context_window=10_000)
    async with chatting(llm, prices={"a": Prices(input=2.0, output=4.0)}) as chat:
        await chat.ask("Go")
        assert chat.screen.rows[-1] == "▸a a-1 │ ctx 15% │ 1.5k tok $0.004 │ ? help"


async def test_calm_mode_only_appends_and_speaks_in_sentences() -> None:
    async with chatting(bad("a"), good("b")) as chat:
        await chat.ask("/calm")
        await chat.ask("Go")
        await chat.ask("/status")
        *_, first, second, third, prompt = chat.screen.rows
        assert first.startswith("Chain: a down 0:1")
        assert first.endswith("b ok. The next turn begins with b.")
        assert second.endswith("in the conversation.")
        assert (third, prompt) == ("Configuration: no file: found in the environment.", ">")


async def test_an_answer_may_end_in_the_first_letters_of_a_key_whatever_ends_it() -> None:
    last = SECRET[:5]
    broken = ScriptedLLM("a", [f"Half {last}", CUT])
    async with chatting(broken) as chat:
        await chat.ask("Go")
        text = chat.screen.rows.index(f"Half {last}")
        assert chat.screen.rows[text + 1].startswith("✂ incomplete: ")
    async with chatting(ScriptedLLM("a", [f"Half {last}", SILENCE])) as chat:
        await chat.begin("Go", "Half")
        chat.type(CTRL_C)
        await chat.sees("stopped; what is there is kept")
        assert f"Half {last}" in chat.screen.rows
    async with chatting(ScriptedLLM("a", [f"Half {last}", SILENCE]), ScriptedLLM("b", [f"Whole {last}", STOP])) as chat:
        await chat.begin("Go", "Half")
        chat.type(CTRL_N)
        await chat.sees(f"Whole {last}")
        await chat.prompts()
        assert chat.repl.session.answers[-1].text == f"Whole {last}"


async def test_that_a_secret_stood_in_the_answer_is_told_once() -> None:
    async with chatting(good("a", f"{SECRET} and {SECRET}")) as chat:
        await chat.ask("Go")
        assert sum(REDACTED[:40] in row for row in chat.screen.rows) == 1
        assert "[redacted] and [redacted]" in chat.screen.rows


async def test_a_dumb_terminal_gets_lines_and_no_escape_sequence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    async with chatting(bad("a"), good("b"), dumb=True) as chat:
        await chat.ask("Go")
        assert "\x1b" not in chat.screen.written
        assert [re.sub("0:1[0-9]", "0:1N", row) for row in chat.screen.rows] == [
            "> Go",
            "a failed (HTTP 500: oops); asking b",
            "An answer.",
            "b/b-1 · 2nd of 2 · a down 0:1N",
            ">",
        ]


async def test_a_dumb_terminal_gets_no_menu_for_what_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    async with chatting(good("a"), dumb=True) as chat:
        await chat.prompts()
        for end in range(1, 6):
            chat.type("/wait"[end - 1])
            await chat.until(lambda: chat.line == "/wait"[:end])  # noqa: B023 - awaited in this round
        await chat.ask("")
        assert [row for row in chat.screen.rows if "/" in row] == ["> /wait"]


async def test_the_length_limit_is_said() -> None:
    async with chatting(ScriptedLLM("a", ["Half", finish(FinishReason.LENGTH)])) as chat:
        await chat.ask("Go")
        assert chat.screen.rows[2].startswith("✂ incomplete: a reached the output limit")


async def test_transitions_that_come_fast_are_all_told_in_order_and_the_line_stays() -> None:
    a, b = good("a"), good("b")
    async with chatting(a, b) as chat:
        await chat.ask("Go")
        for number in range(20):
            chat.adapter.set_enabled(a, enabled=bool(number % 2))
            chat.type("x")
            await asyncio.sleep(0)
        await chat.until(lambda: chat.line == "x" * 20)
        await chat.until(lambda: sum(row.startswith("↷ a: ") for row in chat.screen.rows) == 20)
        told = [row for row in chat.screen.rows if row.startswith("↷ a: ")]
        assert told == ["↷ a: off", "↷ a: available again (by your wish)"] * 10
        await chat.until(lambda: chat.screen.rows[-2:-1] == ["> " + "x" * 20])


async def test_a_bug_in_a_provider_is_one_more_failure_and_the_chat_goes_on() -> None:
    async with chatting(bad("a", ValueError("surprise")), good("b")) as chat:
        await chat.ask("Go")
        assert chat.screen.rows[1].startswith("↷ a: bug (ValueError: surprise) → b")
        await chat.ask("And now?")
        assert len(chat.repl.session.answers) == 2


async def test_ctrl_c_ends_the_wait_for_a_chain_that_is_slow_to_open() -> None:
    opening = threading.Event()
    async with chatting(good("a"), opening=opening) as chat:
        await chat.prompts()
        chat.type("Go" + ENTER)
        await chat.until(lambda: chat.repl.ui.is_busy)
        chat.type(CTRL_C)
        await chat.sees("> Go")
        await chat.prompts()
        assert chat.line == "Go"
        opening.set()
        await chat.ask("")
        assert len(chat.repl.session.answers) == 1


def test_a_key_is_known_before_the_chain_is_open(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-of-the-file\n")
    monkeypatch.setenv("SOME_KEY", "sk-of-the-environment")
    ran = tmp_path / "ran"
    sources = (
        KeySource(env="SOME_KEY"),
        KeySource(env="NOT_SET"),
        KeySource(file=tmp_path / "key"),
        KeySource(inline="sk-of-the-settings"),
        KeySource(cmd=("touch", str(ran))),
    )
    providers = tuple(
        ProviderSettings(name=f"p{number}", kind="openai", model="m", key=source)
        for number, source in enumerate(sources)
    )
    chain = Chain(Settings(chain=ChainSettings(), providers=providers), lambda *_: pytest.fail("it was opened"), id)

    shown = chain.redact("sk-of-the-environment, sk-of-the-file and sk-of-the-settings")

    assert (shown, ran.exists()) == ("[redacted], [redacted] and [redacted]", False)


async def test_an_answer_that_another_provider_finished_names_both() -> None:
    whole = TEXTS["prose"]
    begins = ScriptedLLM("a", [*pieces(whole)[:20], CUT])
    async with chatting(begins, ContinuingLLM("b", whole, "follows"), on_stream_failure="continue") as chat:
        await chat.ask("What is a stable sort?")
        rows = chat.screen.rows
        assert [row for row in rows if row.startswith("⋯")] == ["⋯ b continues"]
        assert any(row.startswith("begun by a/a-1, finished by b/b-1 · 2nd of 2") for row in rows)
        assert chat.repl.session.context.messages[-1].text == whole


async def test_an_answer_that_nobody_continues_is_struck_out_and_starts_over() -> None:
    begins = ScriptedLLM("a", [*pieces(TEXTS["prose"])[:20], CUT])
    anew = ContinuingLLM("b", TEXTS["prose"], "begins anew")
    async with chatting(begins, anew, on_stream_failure="continue") as chat:
        await chat.ask("What is a stable sort?")
        assert chat.repl.session.context.messages[-1].text.strip() == OTHER.strip()
        assert "begun by" not in "\n".join(chat.screen.rows)
        assert any(row.startswith("b/b-1 · 2nd of 2") for row in chat.screen.rows)


def test_a_chat_that_has_started_collects_its_garbage() -> None:
    before = gc.get_threshold()
    try:
        collect_garbage()
        assert (gc.get_freeze_count() > 0, gc.get_threshold()) == (True, (GENERATION, 10, 10))
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
