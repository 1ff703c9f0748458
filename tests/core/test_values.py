"""What users hold in their hands: values that check what they are given once, and never change."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fallback_chat.core.answer import Answer, AnswerBuilder, AnswerError
from fallback_chat.core.attempts import AttemptRecord, Outcome, Segment
from fallback_chat.core.chat_context import (
    ChatContext,
    ChatMessage,
    Document,
    Image,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    VendorExtra,
)
from fallback_chat.core.config.settings import ChatSettings
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.errors import APIError, ErrorDetails
from fallback_chat.core.events import (
    EVENT_NAMES,
    AllFailed,
    AttemptFailed,
    AttemptLate,
    AttemptSkipped,
    AttemptStarted,
    AvailabilityChangedEvent,
    FailedOver,
    LinkChanged,
    Notice,
    ProviderGivenUp,
    StreamContinued,
    StreamRestarted,
    Switch,
    Waiting,
)
from fallback_chat.core.llm import ChatOptions, CompletionUsage, FinishReason, ModelInfo, ProbeReport
from tests.core.scripted import STOP, ScriptedLLM, text

if TYPE_CHECKING:
    from collections.abc import Callable

LLM_ = ScriptedLLM("one", [STOP])
ERROR = APIError("no")
NAN = math.nan

VALUES: list[Any] = [
    Text("a"),
    Image("image/png", b"\x89"),
    Document("application/pdf", b"%PDF", "f.pdf"),
    Tool("look", "Looks.", {"type": "object"}),
    ToolCall("1", "look", "{}"),
    ToolResult("1", "seen"),
    VendorExtra("openai", "m", {"a": 1}, "here"),
    ChatMessage(Role.USER, (Text("a"),)),
    ChatContext.from_text("a"),
    CompletionUsage(1, 2, 3, 4, 5, 6),
    ModelInfo("m", 8, ("tools",)),
    ProbeReport(ok=True, check="models", connect=0.1, first_token=0.2, total=0.3),
    ChatOptions(max_tokens=1, temperature=0.5, top_p=0.5, stop=("a",), seed=1, reasoning_effort="low"),
    ChatSettings(multiline=True),
    AttemptRecord("p", "openai", "m", Outcome.OK, None, 0.1, 0.2),
    Answer(
        text="a",
        reasoning="b",
        refusal="c",
        tool_calls=(ToolCall("1", "look", "{}"),),
        extras=(VendorExtra("openai", "m", {"a": 1}),),
        finish_reason=FinishReason.STOP,
        finish_raw="end_turn",
        finish_words="It ended.",
        complete=True,
        provider="p",
        kind="openai",
        model="m",
        served_model="m",
        usage=CompletionUsage(1),
        attempts=(AttemptRecord("p", "openai", "m", Outcome.OK),),
        segments=(Segment("p", "m", 0, 1),),
        seam="clean",
        error=AnswerError("timeout", "too slow", 1.0),
    ),
    AnswerError("timeout", "too slow", 1.0),
    Segment("p", "m", 1, 2),
    ErrorDetails(503, "busy", "overloaded", "reason", "param", 1.0, "r-1", retryable=True),
    AttemptStarted(LLM_, 1),
    AttemptFailed(LLM_, ERROR, 0.1, None, 0.2),
    AttemptLate(LLM_, LLM_, 10.0),
    AttemptSkipped(LLM_, ERROR),
    Notice(LLM_, "is told less"),
    FailedOver(LLM_, LLM_, ERROR),
    ProviderGivenUp(LLM_, LLM_),
    Waiting(10.0, 1_000.0, LLM_),
    StreamRestarted(LLM_, LLM_, 3),
    StreamContinued(LLM_, LLM_, 3),
    AvailabilityChangedEvent(LLM_, available=False, until=1.0),
    Switch(LLM_, LLM_, None),
    LinkChanged(offline=True),
    AllFailed(ERROR),
]


class Huge(int):
    """More digits than Python writes."""


class Hostile:
    """Raises when it is compared, shown, or asked whether it is true."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    def __bool__(self) -> bool:
        raise AssertionError

    def __repr__(self) -> str:
        raise AssertionError


NONSENSE = [object(), [object()], {"a": 1}, "nonsense\n", -1, NAN, b"bytes", Huge(10**5000), Hostile()]
UNCHECKED = {"data"}
"""Anything by definition."""


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_frozen_and_has_no_room_for_more(value: Any) -> None:
    name = dataclasses.fields(value)[0].name

    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, name, None)
    with pytest.raises((AttributeError, TypeError)):
        value.another = 1
    assert not hasattr(value, "__dict__")


def test_every_event_is_among_these_values() -> None:
    assert set(EVENT_NAMES) <= {type(value) for value in VALUES}


def test_values_of_different_classes_are_never_equal_nor_equal_to_tuples() -> None:
    for value in VALUES:
        for other in VALUES:
            assert (value == other) is (value is other), (value, other)
        assert value != tuple(getattr(value, field.name) for field in dataclasses.fields(value))


@pytest.mark.parametrize(
    ("value", "name"),
    [(value, field.name) for value in VALUES for field in dataclasses.fields(value) if field.name not in UNCHECKED],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_a_field_takes_what_it_is_for_or_says_its_name(value: Any, name: str) -> None:
    assert {type(each).__name__: outcome(value, name, each) for each in NONSENSE} == {
        type(each).__name__: "taken" if fits(value, name, each) else "its name is said" for each in NONSENSE
    }


def fits(value: Any, name: str, nonsense: object) -> bool:
    """Whether the nonsense makes sense in this field."""
    good = getattr(value, name)
    words, minus = isinstance(nonsense, str), isinstance(nonsense, int) and not isinstance(nonsense, Huge)
    return (
        (type(nonsense) is type(good) and not isinstance(good, int | float | Role | Outcome))
        or (words and name in ("content", "stop", "capabilities", "budget_reason"))
        or (words and isinstance(value, AvailabilityChangedEvent) and name == "reason")
        or (minus and name in ("seed", "type"))
        or ((minus or isinstance(nonsense, Huge)) and isinstance(value, ErrorDetails) and name == "retry_after")
    )


def outcome(value: Any, name: str, nonsense: object) -> str:
    """Return what comes of putting the nonsense into this field."""
    try:
        other = dataclasses.replace(value, **{name: nonsense})
    except (TypeError, ValueError) as error:
        return "its name is said" if re.search(rf"\b{name}\b", str(error)) else f"its name is not said: {error}"
    return "taken" if other != value else "ignored"


@given(
    value=st.sampled_from(VALUES),
    junk=st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.text()),
    place=st.integers(0),
)
@example(value=Segment("p", "m", 1, 2), junk=3, place=2)
@example(value=Segment("p", "m", 1, 2), junk=0, place=3)
def test_whatever_a_value_is_made_of_it_is_refused_in_one_of_two_ways(value: Any, junk: object, place: int) -> None:
    fields = [field.name for field in dataclasses.fields(value) if field.name not in UNCHECKED]
    if not fields:
        return
    name = fields[place % len(fields)]
    try:
        made = dataclasses.replace(value, **{name: junk})
    except (TypeError, ValueError) as error:
        assert name in str(error)  # noqa: PT017 - it may just as well be taken
    else:
        assert hash(getattr(made, name)) is not None or isinstance(getattr(made, name), dict)


def test_the_state_of_a_breaker_is_no_word_of_another_kind() -> None:
    with pytest.raises(TypeError, match="state must be State, not FinishReason"):
        AvailabilityChangedEvent(LLM_, available=False, state=FinishReason.STOP)  # type: ignore[arg-type]


def test_requests_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="number cannot be less than 1"):
        AttemptStarted(LLM_, 0)


@pytest.mark.parametrize("role", Role)
def test_a_word_for_a_role_is_that_role(role: Role) -> None:
    message = ChatMessage(str(role), "hi")  # type: ignore[arg-type]

    assert message == ChatMessage(role, (Text("hi"),))
    assert message.role is role


def test_a_word_for_an_outcome_is_that_outcome() -> None:
    assert AttemptRecord("p", "k", "m", "ok").outcome is Outcome.OK  # type: ignore[arg-type]


@pytest.mark.parametrize("word", ["robot", "System", "", FinishReason.STOP, None, 1, []])
def test_a_role_that_nobody_has_names_those_there_are(word: object) -> None:
    with pytest.raises(ValueError, match="role must be one of 'system', 'user', 'assistant', 'tool', not "):
        ChatMessage(word)  # type: ignore[arg-type]


PICTURE = Image("image/png", b"\x89")


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("hi", (Text("hi"),)),
        (Text("hi"), (Text("hi"),)),
        (PICTURE, (PICTURE,)),
        (Document("application/pdf", b"%PDF", "f"), (Document("application/pdf", b"%PDF", "f"),)),
        ((Text("a"), PICTURE), (Text("a"), PICTURE)),
        ([Text("a"), PICTURE], (Text("a"), PICTURE)),
        (iter([Text("a"), PICTURE]), (Text("a"), PICTURE)),
        ((), ()),
    ],
)
def test_content_is_a_string_a_part_or_several_parts(content: Any, parts: tuple[Any, ...]) -> None:
    assert ChatContext().add("user", content) == ChatContext((ChatMessage(Role.USER, parts),))


@pytest.mark.parametrize(
    "content",
    [None, 5, b"bytes", {"text": "hi"}, ["hi"], [Text("a"), "b"], (("hi",),), [{"type": "text"}], Text],
    ids=repr,
)
@pytest.mark.parametrize("make", [ChatContext().add, ChatMessage])
def test_content_of_any_other_type_is_refused(make: Callable[..., object], content: object) -> None:
    with pytest.raises(TypeError, match="content must "):
        make("user", content)


@pytest.mark.parametrize(
    ("field", "lone"),
    [
        ("tool_calls", ToolCall("1", "look", "{}")),
        ("tool_results", ToolResult("1", "seen")),
        ("extras", VendorExtra("openai", "m", {})),
    ],
)
def test_one_of_anything_will_do_where_several_may_stand(field: str, lone: Any) -> None:
    fields: dict[str, Any] = {field: lone}

    message = ChatMessage(Role.ASSISTANT, **fields)

    assert getattr(message, field) == (lone,)


def test_only_a_message_is_added_as_a_message() -> None:
    with pytest.raises(TypeError, match="message must be ChatMessage, not str"):
        ChatContext().add_message("hi")  # type: ignore[arg-type]


def test_a_single_stop_sequence_is_one_sequence() -> None:
    assert ChatOptions(stop="END").stop == ("END",)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wishes",
    [
        {"max_tokens": 0},
        {"max_tokens": -1},
        {"temperature": -0.1},
        {"temperature": NAN},
        {"temperature": math.inf},
        {"top_p": -0.1},
        {"top_p": 1.1},
        {"top_p": NAN},
    ],
    ids=repr,
)
def test_a_number_that_no_provider_could_use_is_refused(wishes: dict[str, Any]) -> None:
    (name,) = wishes

    with pytest.raises(ValueError, match=name):
        ChatOptions(**wishes)


@pytest.mark.parametrize("wishes", [{"max_tokens": 1.5}, {"max_tokens": True}, {"seed": "1"}, {"stream": 1}], ids=repr)
def test_a_wish_of_another_type_is_refused(wishes: dict[str, Any]) -> None:
    (name,) = wishes

    with pytest.raises(TypeError, match=name):
        ChatOptions(**wishes)


def test_a_parameter_of_a_tool_is_a_schema() -> None:
    with pytest.raises(TypeError, match="parameters must be dict, not str"):
        Tool("look", "Looks.", "{}")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("chat_ctx", "hi"),
        ("chat_ctx", [{"role": "user", "content": "hi"}]),
        ("tools", [{"type": "function"}]),
        ("tools", {"name": "look"}),
        ("tools", "look"),
        ("tools", ""),
        ("tools", 0),
        ("options", {"max_tokens": 1}),
    ],
    ids=repr,
)
async def test_a_chat_is_asked_for_with_values_of_the_right_type(argument: str, value: object) -> None:
    arguments: dict[str, Any] = {"chat_ctx": ChatContext.from_text("hi"), argument: value}

    with pytest.raises(TypeError, match=f"{argument} must "):
        FallbackAdapter([LLM_]).chat(**arguments)
    assert LLM_.calls == []


@pytest.mark.parametrize("tools", [None, (), [], iter(())], ids=["None", "tuple", "list", "iterator"])
async def test_no_tools_may_be_said_in_many_ways(tools: Any) -> None:
    llm = ScriptedLLM("one", [text("hi"), STOP])

    async with FallbackAdapter([llm]).chat(chat_ctx=ChatContext.from_text("hi"), tools=tools) as stream:
        assert [chunk.delta.content async for chunk in stream if chunk.delta] == ["hi"]
    assert "tools" not in llm.calls[0].arguments


@pytest.mark.parametrize("junk", [None, 0, "hi", [ChatContext()]], ids=repr)
def test_what_is_no_chunk_and_no_stream_makes_no_answer(junk: Any) -> None:
    with pytest.raises(TypeError, match="chunk must be ChatChunk"):
        AnswerBuilder().add(junk)
    with pytest.raises(TypeError, match="stream must be LLMStream"):
        AnswerBuilder().build(junk)


@pytest.mark.parametrize(("arguments", "name"), [((5,), "text"), ((None,), "text"), (("hi", 0), "system")], ids=repr)
def test_a_conversation_of_one_text_is_made_of_texts(arguments: tuple[Any, ...], name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} must be str"):
        ChatContext.from_text(arguments[0], **dict(zip(["system"], arguments[1:], strict=False)))


@pytest.mark.parametrize("enabled", [None, 0, "no", []], ids=repr)
def test_a_provider_is_switched_by_a_boolean_only(enabled: Any) -> None:
    chain = FallbackAdapter([LLM_])

    with pytest.raises(TypeError, match="enabled must be bool"):
        chain.set_enabled(LLM_, enabled=enabled)
    assert chain.health(LLM_).state == "closed"
