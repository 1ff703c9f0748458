"""Any history is made fit for strict servers."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.chat_context import ChatContext, ChatMessage, Document, Role, Text, ToolCall, ToolResult
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.providers.wire.conversation import (
    NO_RESULT,
    OPENING,
    arguments_object,
    arguments_text,
    normalise,
    plain_id,
    short_id,
)
from tests.providers.wire.test_requests import body_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def user(text: str) -> ChatMessage:
    return ChatMessage(Role.USER, (Text(text),))


def said(text: str, *calls: str) -> ChatMessage:
    return ChatMessage(
        Role.ASSISTANT,
        (Text(text),) if text else (),
        tool_calls=tuple(ToolCall(call, "tide", "{}") for call in calls),
    )


def results(*pairs: tuple[str, str]) -> ChatMessage:
    return ChatMessage(Role.TOOL, tool_results=tuple(ToolResult(call, output) for call, output in pairs))


def lost(call: str) -> ChatMessage:
    return ChatMessage(Role.TOOL, tool_results=(ToolResult(call, NO_RESULT, is_error=True),))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([user("a"), user("b")], [user("a\n\nb")]),
        ([user("a"), said(""), user("b")], [user("a\n\nb")]),
        ([user("a"), said("  "), user("b")], [user("a\n\nb")]),
        ([user("a"), said("x"), said("y"), user("b")], [user("a"), said("x\n\ny"), user("b")]),
        ([user("a"), results(("c", "1")), said("x")], [user("a"), said("x")]),
        ([user("a"), said("", "c"), user("b")], [user("a"), said("", "c"), lost("c"), user("b")]),
        ([user("a"), said("", "c")], [user("a"), said("", "c"), lost("c")]),
        (
            [user("a"), said("", "c", "d"), results(("d", "2")), results(("c", "1"), ("c", "again"))],
            [user("a"), said("", "c", "d"), results(("c", "1"), ("d", "2"))],
        ),
        ([user("a"), said("", "c"), said("x"), results(("c", "1"))], [user("a"), said("x", "c"), results(("c", "1"))]),
    ],
)
def test_a_history_is_made_fit_for_every_server(given: list[ChatMessage], wanted: list[ChatMessage]) -> None:
    assert normalise(given) == wanted


def test_the_first_turn_is_a_users_where_that_is_demanded() -> None:
    assert normalise([said("hello")], user_first=True) == [user(OPENING), said("hello")]
    assert normalise([], user_first=True) == []


def test_calls_of_different_turns_get_different_ids_and_keep_their_results() -> None:
    given = [user("a"), said("", "c"), results(("c", "1")), said("", "c"), results(("c", "2"))]
    _, first, one, second, two = normalise(given)
    ids = [first.tool_calls[0].id, second.tool_calls[0].id]
    assert ids[0] == "c"
    assert len(set(ids)) == 2
    assert [(turn.tool_results[0].call_id, turn.tool_results[0].output) for turn in (one, two)] == list(
        zip(ids, ["1", "2"], strict=True)
    )


TURNS = st.lists(
    st.one_of(
        st.builds(user, st.sampled_from(["", "a", " "])),
        st.builds(
            lambda text, calls: said(text, *calls),
            st.sampled_from(["", "x"]),
            st.lists(st.sampled_from("cde"), max_size=3),
        ),
        st.builds(
            lambda calls: results(*((call, "r") for call in calls)), st.lists(st.sampled_from("cdef"), max_size=3)
        ),
    ),
    max_size=12,
)


def check_rules(turns: Sequence[ChatMessage]) -> None:
    seen: set[str] = set()
    for before, turn in zip([None, *turns], turns, strict=False):
        assert before is None or before.role is not turn.role
        assert turn.content or turn.tool_calls or turn.tool_results
        calls = [call.id for call in turn.tool_calls]
        assert not seen & set(calls)
        assert len(set(calls)) == len(calls)
        seen |= set(calls)
        if turn.role is Role.TOOL:
            assert before is not None
            assert [result.call_id for result in turn.tool_results] == [call.id for call in before.tool_calls]
    for said_so, after in pairwise([*turns, user("end")]):
        assert not said_so.tool_calls or after.role is Role.TOOL


@given(TURNS, st.sampled_from([plain_id, short_id]), st.booleans())
def test_any_history_obeys_the_rules(turns: list[ChatMessage], ids: Any, user_first: bool) -> None:
    fit = normalise(turns, call_id=ids, user_first=user_first)
    check_rules(fit)
    assert not (user_first and fit) or fit[0].role is Role.USER


@given(st.text())
def test_any_id_becomes_one_that_servers_take(call_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", plain_id(call_id))
    assert re.fullmatch(r"[A-Za-z0-9]{9}", short_id(call_id))


@pytest.mark.parametrize(
    ("call_id", "short"),
    [("call_n1", "calln0001"), ("D681PevKs", "D681PevKs"), ("7", "000000007"), ("abc", "abc000000")],
)
def test_a_short_id_keeps_what_it_can(call_id: str, short: str) -> None:
    assert short_id(call_id) == short


@pytest.mark.parametrize(
    ("text", "value"),
    [('{"a": 1}', {"a": 1}), ("", {}), ("[1]", {"value": [1]}), ("not json", {}), ("[" * 100_000, {})],
)
def test_arguments_are_always_an_object(text: str, value: dict[str, Any]) -> None:
    call = ToolCall("c", "tide", text)
    assert arguments_object(call) == value
    assert json.loads(arguments_text(call)) == value


PDF = Document("application/pdf", b"%PDF", "chart.pdf")


@pytest.mark.parametrize(
    ("family", "part"),
    [
        (
            "openai-chat",
            {"type": "file", "file": {"filename": "chart.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        ),
        (
            "openai-responses",
            {"type": "input_file", "filename": "chart.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        ),
        (
            "anthropic",
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}},
        ),
        ("gemini", {"inlineData": {"mimeType": "application/pdf", "data": "JVBERg=="}}),
    ],
)
def test_a_pdf_is_sent_to_those_who_read_it(family: str, part: dict[str, Any]) -> None:
    body = body_of(family, chat_ctx=ChatContext().add(Role.USER, (PDF,)))
    (turn,) = body.get("messages") or body.get("input") or body.get("contents")
    if family == "openai-chat":
        turn = body["messages"][-1]
    assert (turn.get("content") or turn["parts"]) == [part]


@pytest.mark.parametrize("family", ["mistral", "ollama"])
def test_a_pdf_is_refused_for_those_who_cannot_read_it(family: str) -> None:
    with pytest.raises(APIError) as caught:
        body_of(family, chat_ctx=ChatContext().add(Role.USER, (PDF,)))
    assert caught.value.kind is ErrorKind.UNSUPPORTED
    assert caught.value.message.endswith("cannot take a PDF file")


def test_a_failed_result_is_marked_where_there_is_a_mark() -> None:
    context = ChatContext((user("a"), said("", "c")))
    assert body_of("anthropic", chat_ctx=context)["messages"][-1]["content"][0]["is_error"] is True
    assert body_of("gemini", chat_ctx=context)["contents"][-1]["parts"][0]["functionResponse"]["response"] == {
        "error": NO_RESULT
    }
