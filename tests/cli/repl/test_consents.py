"""Consent in the chat: asked for in the middle of a turn, remembered for the conversation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fallback_chat.cli.repl.consents import inside
from fallback_chat.cli.repl.session import Session
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.settings import Switching
from fallback_chat.core.errors import APIStatusError, ErrorDetails
from tests.cli.repl.harness import ENTER, Chat, chatting
from tests.core.scripted import STOP, ScriptedLLM

pytestmark = pytest.mark.usefixtures("each_terminal")
DOWN = APIStatusError("oops", details=ErrorDetails(status=500))


def chain() -> tuple[ScriptedLLM, ScriptedLLM]:
    return ScriptedLLM("a", [DOWN]), ScriptedLLM("b", ["An answer.", STOP], context_window=1000)


def wants_consent(chat: Chat) -> None:
    first, second, *others = chat.adapter._candidates
    asks = second._replace(settings=replace(second.settings, switch=Switching.ASK))
    chat.adapter._candidates = [first, asks, *others]


async def test_a_switch_is_asked_about_and_holds_for_the_conversation() -> None:
    async with chatting(*chain()) as chat:
        wants_consent(chat)
        await chat.begin("Go", "may b be asked instead? /yes or /no")
        await chat.until(lambda: chat.screen.rows[-1].startswith("▸a a-1 waits for your answer · b ok"))
        chat.type("/yes" + ENTER)
        await chat.sees("An answer.")
        await chat.prompts()
        await chat.ask("And now?")
        assert "\n".join(chat.screen.rows).count("/yes or /no") == 1
        await chat.ask("/new")
        chat.type("Again" + ENTER)
        await chat.until(lambda: "\n".join(chat.screen.rows).count("/yes or /no") == 2)
        chat.type("/no" + ENTER)
        await chat.sees("no answer: b no consent · a 500")


async def agree(chat: Chat, question: str, times: int) -> None:
    """Send a question, and agree to the switch, which is asked about for the `times`th time."""
    chat.type(question + ENTER)
    await chat.until(lambda: "\n".join(chat.screen.rows).count("/yes or /no") == times)
    chat.type("/yes" + ENTER)
    await chat.until(lambda: "\n".join(chat.screen.rows).count("An answer.") == times)
    await chat.prompts()


@pytest.mark.parametrize("command", ["/new", "/private", "/resume", "/clear"])
async def test_every_way_out_of_a_conversation_ends_what_was_agreed_to_in_it(command: str) -> None:
    async with chatting(*chain(), rows=60) as chat:
        wants_consent(chat)
        await chat.prompts()
        await agree(chat, "One", 1)
        await chat.ask("/new")
        await agree(chat, "Two", 2)
        await (chat.pick(command) if command == "/resume" else chat.ask(command))
        answers = 2 + (command == "/resume")  # it shows the last answer again
        chat.type("Three" + ENTER)
        await chat.until(lambda: "\n".join(chat.screen.rows).count("/yes or /no") == 3)
        assert "\n".join(chat.screen.rows).count("An answer.") == answers
        chat.type("/no" + ENTER)
        await chat.prompts()


async def test_one_that_was_not_agreed_to_is_told_as_such_below_the_answer_of_another() -> None:
    async with chatting(*chain(), ScriptedLLM("c", ["From c.", STOP])) as chat:
        wants_consent(chat)
        await chat.begin("Go", "may b be asked instead? /yes or /no")
        chat.type("/no" + ENTER)
        await chat.sees("c/c-1 · 3rd of 3 · b no consent · a down")


async def test_what_is_outside_the_border_is_skipped_wherever_it_is_shown() -> None:
    async with chatting(ScriptedLLM("a", ["From a.", STOP]), ScriptedLLM("b", ["From b.", STOP])) as chat:
        first, second = chat.repl.chain.settings.providers
        chat.repl.chain.settings = replace(chat.repl.chain.settings, providers=(first, replace(second, tags=("eu",))))
        await chat.ask("/set require eu")
        await chat.until(lambda: chat.screen.rows[-1].startswith("▸b b-1 · a skipped"))
        await chat.ask("Go")
        await chat.sees("b/b-1 · 2nd of 2 · a skipped")


async def test_yes_without_a_question_is_said_to_be_about_nothing() -> None:
    async with chatting(*chain()) as chat:
        await chat.ask("/yes")
        await chat.sees("/yes: nothing was asked")


async def test_a_tag_that_nobody_has_is_refused() -> None:
    async with chatting(*chain()) as chat:
        await chat.ask("/set require mars")
        await chat.sees("no provider is tagged 'mars'; there are no tags")
        await chat.ask("/set require")
        await chat.sees("require = none")


def test_a_turn_inside_a_border_begins_and_ends_inside_it() -> None:
    providers = [
        ProviderSettings(name=name, kind="openai", model="m", tags=tags)
        for name, tags in (("in", ("local",)), ("out", ()))
    ]
    plan = replace(Session().plan("hi", 0.0), start_with="out", insist=True)
    kept, nobody = inside(plan, "local", providers)
    assert (kept, nobody) == (replace(plan, without=frozenset({"out"}), start_with=None, insist=False), "")
    assert inside(replace(plan, start_with="in"), "local", providers)[0].start_with == "in"
