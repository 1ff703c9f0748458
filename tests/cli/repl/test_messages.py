"""What the chat tells of a turn: three levels, each failure once, in few rows."""

from __future__ import annotations

import re

import pytest

from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.rows import plain
from fallback_chat.cli.render.theme import THEMES, signs_for
from fallback_chat.cli.repl.messages import Message, TurnMessages
from fallback_chat.cli.repl.status import Tone
from fallback_chat.core.errors import APIStatusError, APIStreamError, ErrorDetails, ErrorKind
from fallback_chat.core.events import AttemptFailed, AttemptLate, Event, ProviderGivenUp, Waiting
from tests.cli.repl.harness import ENTER, Ahead, chatting
from tests.core.scripted import STOP, ScriptedLLM

A, B = ScriptedLLM("a", []), ScriptedLLM("b", [])
WORDS = "The engine is currently overloaded, please try again later, or see our status page."
OVERLOADED = APIStatusError(WORDS, kind=ErrorKind.OVERLOADED, details=ErrorDetails(status=503))
LIMITED = APIStatusError("slow down", kind=ErrorKind.RATE_LIMITED, details=ErrorDetails(status=429, retry_after=99.0))
BAD_KEY = APIStatusError("Incorrect API key", kind=ErrorKind.AUTH, details=ErrorDetails(status=401))
DOWN = APIStatusError("oops", details=ErrorDetails(status=500, retryable=True))


def rows(message: Message, columns: int = 80, encoding: str = "utf-8") -> list[str]:
    return [plain(row) for row in message.rows(Page(columns, signs=signs_for(encoding)))]


def test_the_servers_words_are_cut_where_the_message_would_need_a_second_row() -> None:
    message = Message("a: overloaded", sign="switched", detail=f"503: {WORDS}", rest=", retry in 15 s", next="b")
    assert rows(message, 130) == [f"↷ a: overloaded (503: {WORDS}), retry in 15 s → b"]
    assert rows(message, 60) == ["↷ a: overloaded (503: The engine is cur…), retry in 15 s → b"]
    assert rows(message, 34) == ["↷ a: overloaded, retry in 15 s → b"]
    assert rows(message, 20) == ["↷ a: overloaded,", "  retry in 15 s → b"]
    assert rows(message, 60, "ascii")[0].startswith("~ a: overloaded (503: The engine")


@pytest.mark.parametrize("said", ["🇩🇪" * 40, "👍🏽" * 40, "❤️" * 40, "कि" * 40, "日本語" * 40])
def test_what_terminals_disagree_about_needs_no_second_row_either(said: str) -> None:
    message = Message("a: overloaded", sign="switched", detail=f"503: {said}", rest=", retry in 15 s", next="b")
    (row,) = rows(message, 60)
    assert row.startswith(f"↷ a: overloaded (503: {said[:2]}")
    assert row.endswith("…), retry in 15 s → b")


@pytest.mark.parametrize(
    ("events", "told"),
    [
        ([AttemptFailed(A, DOWN, 0.1, A, 0.5)], []),
        ([AttemptFailed(A, DOWN, 0.1, A, 0.5), AttemptFailed(A, DOWN, 0.1, B)], ["↷ a: 500 ×2 (oops) → b"]),  # noqa: RUF001
        ([AttemptFailed(A, LIMITED, 0.1, B)] * 3, ["↷ a: rate limited (429: slow down), retry in 99 s → b"]),
        ([AttemptFailed(A, BAD_KEY, 0.1, None)], []),
        ([ProviderGivenUp(A, B)], ["↷ a: given up by you → b"]),
        ([AttemptLate(A, B, 2.0)], ["↷ a: nothing for 2 s → b, too"]),
        ([Waiting(9.0, 0.0, A, LIMITED)], []),
    ],
)
def test_a_switch_is_one_row_and_what_repeats_itself_is_counted(events: list[Event], told: list[str]) -> None:
    teller = TurnMessages(is_plain=False)
    assert [row for event in events for message in teller.messages(event) for row in rows(message)] == told


def test_where_nothing_moves_it_is_told_in_sentences() -> None:
    (message,) = TurnMessages(is_plain=True).messages(AttemptFailed(A, DOWN, 0.1, B))
    assert rows(message) == ["a failed (HTTP 500: oops); asking b"]


def test_no_secret_is_in_any_part_of_a_message() -> None:
    message = Message("KEY", Tone.DIM, detail="KEY", rest="KEY").redacted(lambda text: text.replace("KEY", "***"))
    assert (message.text, message.detail, message.rest) == ("***", "***", "***")


@pytest.mark.parametrize("theme", THEMES.values())
def test_signs_and_words_say_it_and_the_colour_repeats_it(theme: object) -> None:
    page = Page(80, theme=theme)  # type: ignore[arg-type]
    (row,) = Message("no answer: a 500", Tone.BAD, "failed").rows(page)
    assert row == (("✗ no answer: a 500", "red"),)


@pytest.mark.usefixtures("each_terminal")
async def test_three_dead_providers_take_five_rows() -> None:
    providers = (
        ScriptedLLM("primary", [OVERLOADED]),
        ScriptedLLM("backup", [LIMITED]),
        ScriptedLLM("local", [BAD_KEY]),
    )
    async with chatting(*providers, columns=80, clock=Ahead()) as chat:
        await chat.ask("Go")
        rests = [re.sub("[0-9]:[0-9]{2}", "N:NN", row) for row in chat.screen.rows]
        shown = [re.sub("[23][0-9] s, longer than (what is left of )?", "N s, longer than ", row) for row in rests]
    assert shown[1:-2] == [
        "↷ primary: overloaded (503: The engine is currently overloaded, pleas…) → backup",
        "↷ backup: rate limited (429: slow down), retry in 99 s → local",
        "✗ no answer: primary overloaded N:NN ×2 · backup rate limited N:NN ×2 · local",  # noqa: RUF001
        "  bad key ×2 — retry in N s, longer than /wait 30s",  # noqa: RUF001
        "  local (401: Incorrect API…): check the key: fallback-chat config show --origin",
    ]


@pytest.mark.usefixtures("each_terminal")
@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((20, 5), ["↷ a: bad key → b", "✗ no answer: a bad", "  key · b bad key", "> Go", "▸a bad key (1/2) 0%"]),
        (
            (20, 8),
            [
                "✗ no answer: a bad",
                "  key · b bad key",
                "  a, b: check the",
                "  key: fallback-chat",
                "  config show",
                "  --origin",
                "> Go",
                "▸a bad key (1/2) 0%",
            ],
        ),
    ],
)
async def test_advice_pushes_no_failure_off_the_screen(size: tuple[int, int], shown: list[str]) -> None:
    bad = [ScriptedLLM(name, [BAD_KEY], context_window=1000) for name in "ab"]
    async with chatting(*bad, columns=size[0], rows=size[1]) as chat:
        await chat.ask("Go")
        assert chat.screen.lines[-size[1] :] == shown


async def test_the_footer_says_the_place_in_the_chain_and_how_those_before_it_are() -> None:
    async with chatting(*(ScriptedLLM(name, [error]) for name, error in (("a", BAD_KEY), ("b", OVERLOADED))),
                        ScriptedLLM("c", ["Yes.", STOP], ["Again.", STOP])) as chat:  # fmt: skip
        await chat.ask("Go")
        await chat.ask("And?")
        found = [re.sub("[0-9]:[0-9]{2}", "N:NN", row) for row in chat.screen.rows if row.startswith("c/")]
    assert found == ["c/c-1 · 3rd of 3 · a bad key · b down N:NN"] * 2


@pytest.mark.usefixtures("each_terminal")
async def test_a_question_stands_apart_and_so_does_an_answer_below_messages() -> None:
    async with chatting(ScriptedLLM("a", [DOWN, DOWN]), ScriptedLLM("b", ["Yes.", STOP])) as chat:
        await chat.prompts()
        chat.type("Go" + ENTER)
        await chat.sees("2nd of 2")
        written = chat.screen.written.replace("\r", "")
    order = [written.index(text) for text in ("❯ Go", "↷ a", "Yes.")]
    assert order == sorted(order)


def test_a_stream_that_ends_early_is_named() -> None:
    cut = APIStreamError("closed", kind=ErrorKind.TRUNCATED)
    (message,) = TurnMessages(is_plain=False).messages(AttemptFailed(A, cut, 0.1, B))
    assert rows(message) == ["↷ a: stream ended early (closed) → b"]
