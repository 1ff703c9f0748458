"""A long text that comes in one piece is taken part by part."""

from __future__ import annotations

import copy
import json
import math
from functools import reduce
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.answer import PART, Answer, AnswerBuilder, AnswerError, is_another_model, parts
from fallback_chat.core.answer_json import answer_from, answer_json
from fallback_chat.core.attempts import AttemptRecord, Outcome, Segment
from fallback_chat.core.chat_context import ToolCall, VendorExtra
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.errors import APIError, ErrorDetails
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from tests.core.chain import HELLO
from tests.core.scripted import ScriptedLLM

if TYPE_CHECKING:
    from collections.abc import Iterator

USAGE = CompletionUsage(input=1, output=2)


def answer(text: str, *, restarted: bool = False) -> ChatChunk:
    delta = ChoiceDelta(content=text, reasoning="Hm.", role="assistant")
    return ChatChunk(delta, USAGE, FinishReason.STOP, "stop", "id-1", "model-1", restarted)


def built(chunks: list[ChatChunk]) -> dict[str, object]:
    builder = AnswerBuilder()
    builder.add(ChatChunk(delta=ChoiceDelta(content="before")))
    for chunk in chunks:
        builder.add(chunk)
    return vars(builder) | {"_text": builder.text, "_reasoning": "".join(builder._reasoning)}


@pytest.mark.parametrize("chunk", [answer("x" * PART), answer(""), ChatChunk(usage=USAGE)])
def test_what_is_short_stays_as_it_is(chunk: ChatChunk) -> None:
    (only,) = parts(chunk)
    assert only is chunk


def test_the_last_count_of_tokens_is_that_of_the_answer() -> None:
    last = CompletionUsage(input=1, output=3)

    assert built([ChatChunk(usage=USAGE), ChatChunk(usage=last), ChatChunk()])["_usage"] == last


async def test_only_an_answer_that_the_model_ended_itself_is_whole() -> None:
    stream = FallbackAdapter([ScriptedLLM("a", [])]).chat(chat_ctx=HELLO)

    def is_whole(reason: FinishReason | None) -> bool:
        builder = AnswerBuilder()
        builder.add(ChatChunk(ChoiceDelta("Yes."), finish_reason=reason))
        return builder.build(stream).complete

    assert list(filter(is_whole, (*FinishReason, None))) == [FinishReason.STOP, FinishReason.TOOL_CALLS]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("size", [PART + 1, 2 * PART, 5 * PART - 1])
def test_what_is_long_says_the_same_in_parts(size: int, restarted: bool) -> None:
    chunk = answer("".join(chr(65 + n % 26) for n in range(size)), restarted=restarted)
    several = list(parts(chunk))
    assert [len(part.delta.content or "") <= PART for part in several if part.delta] == [True] * -(-size // PART)
    assert built(several) == built([chunk])
    assert [part.finish_reason for part in several[:-1]] == [None] * (len(several) - 1)


@pytest.mark.parametrize(("wait", "told"), [(-5.0, 0.0), (math.inf, 1e9), (None, None)])
def test_a_wait_that_there_cannot_be_is_told_as_one_that_there_can(wait: float | None, told: float | None) -> None:
    error = APIError("no", details=ErrorDetails(retry_after=wait))
    attempt = AttemptRecord("p", "openai", "m", Outcome.FAILED, error)

    answer = Answer(attempts=(attempt,)).ended_by(error)

    assert answer.error == AnswerError("server_error", "no", told)
    assert answer_json(answer)["attempts"][0]["error"]["retry_after"] == told
    assert answer_json(answer_from(answer_json(answer))) == answer_json(answer)


@pytest.mark.parametrize(
    ("asked", "served", "another"),
    [
        ("gpt-x", "", False),
        ("gpt-x", "gpt-x", False),
        ("gpt-x", "gpt-x-2024-08-06", False),
        ("claude-y-latest", "claude-y-20241022", False),
        ("claude-y@20240620", "claude-y", False),
        ("command-z", "command-z-08-2024", False),
        ("gemini-q", "models/gemini-q-001", False),
        ("llama3", "llama3:latest", False),
        ("meta/llama3", "LLaMA3", False),
        ("y/x:free", "x", False),
        ("us.anthropic.claude-y-20240620-v1:0", "claude-y", False),
        ("openai.gpt-x", "gpt-x", False),
        ("auto", "openai/gpt-x", True),
        ("gpt-4.1", "gpt-4", True),
        ("gpt-x-0613", "gpt-x-1106", True),
        ("gpt-x", "gpt-x-mini", True),
        ("llama3:70b", "llama3:8b", True),
        ("big", "small", True),
        ("default", "/models/qwen.gguf", True),
    ],
)
def test_a_model_is_another_one_beyond_its_path_and_its_date(asked: str, served: str, *, another: bool) -> None:
    assert is_another_model(asked, served) is another


WHOLE = answer_json(
    Answer(
        text="a",
        tool_calls=(ToolCall("1", "look", "{}"),),
        extras=(VendorExtra("openai", "m", {}),),
        finish_reason=FinishReason.STOP,
        usage=USAGE,
        attempts=(AttemptRecord("p", "openai", "m", Outcome.FAILED, APIError("no")),),
        segments=(Segment("p", "m", 0, 1),),
        error=AnswerError("timeout", "no"),
    ),
    state=True,
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Name every place in a JSON value."""
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(item, *path, key)


@given(place=st.sampled_from(list(places(WHOLE))), junk=JUNK | st.just(10**400))
def test_junk_in_any_place_of_an_answer_is_refused_or_read_and_written(place: tuple[Any, ...], junk: Any) -> None:
    value = copy.deepcopy(WHOLE)
    *path, last = place
    reduce(lambda inner, key: inner[key], path, value)[last] = junk
    try:
        answer = answer_from(value)
    except (TypeError, ValueError):
        return
    json.dumps(answer_json(answer, state=True), allow_nan=False)


def test_what_an_unexpected_error_says_is_nowhere_in_an_answer() -> None:
    answer = Answer().ended_by(ZeroDivisionError("sk-secret"))

    assert answer.error == AnswerError("internal", "a bug in fallback-chat (ZeroDivisionError)")
    assert "sk-secret" not in str(answer_json(answer))
