"""What gateways send in a form that the vendor never had, or no longer has: nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.providers.test_features import choice, completed, framed, function
from tests.providers.vectors import read

Event = dict[str, Any]


def said(family: str, *events: Event) -> tuple[str, str, list[tuple[str, str]], str | None]:
    """Return text, reasoning, calls (name and arguments) and finish of an answer."""
    result = read(family, framed(family, list(events)))
    calls = [(call["name"], call["arguments"]) for call in result["tool_calls"]]
    return result["text"], result["reasoning"], calls, result["finish"]


FORMS: dict[str, list[Event]] = {
    "text as of the older completions": [{"choices": [{"text": "Hi"}]}, {"choices": [{"text": "", "finish_reason": "stop"}]}],
    "text in a list of strings": [choice(content=["H", "i"]), choice("stop")],
    "a message behind its own deltas": [
        choice(content="H"),
        {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_text_is_text_in_any_form(form: str) -> None:
    assert said("openai-chat", *FORMS[form]) == ("Hi", "", [], "stop")


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "reasoning_text", "thinking"])
def test_reasoning_is_reasoning_under_any_name(key: str) -> None:
    assert said("openai-chat", choice(**{key: "hm"}), choice(content="Hi"), choice("stop")) == ("Hi", "hm", [], "stop")


CALLS: dict[str, tuple[str, list[Event]]] = {
    "a single call, as it once was": (
        "openai-chat",
        [
            choice(function_call={"name": "look", "arguments": '{"x"'}),
            choice("function_call", function_call={"arguments": ": 1}"}),
        ],
    ),
    "the same in a message": (
        "openai-chat",
        [{"choices": [{"message": {"function_call": {"name": "look", "arguments": '{"x": 1}'}}, "finish_reason": "stop"}]}],
    ),
    "all of the arguments so far each time": (
        "openai-chat",
        [
            choice(tool_calls=[function(0, "c", piece, "look")])
            for piece in ('{"x"', '{"x": ', '{"x": 1}')
        ]
        + [choice("tool_calls")],
    ),
    "a name that comes with the last of the arguments": (
        "openai-responses",
        [
            {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"x": '},
            {"type": "response.function_call_arguments.done", "output_index": 0, "name": "look", "arguments": '{"x": 1}'},
            completed(),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", CALLS)
def test_a_call_is_a_call_in_any_form(form: str) -> None:
    family, events = CALLS[form]
    assert said(family, *events) == ("", "", [("look", '{"x": 1}')], "tool_calls")


def test_arguments_that_hold_their_own_beginning_are_not_taken_for_a_repetition() -> None:
    pieces = ['{"a":', '{"a":1}}']
    calls = [choice(tool_calls=[function(0, "c", piece, "look")]) for piece in pieces]
    assert said("openai-chat", *calls, choice("tool_calls"))[2] == [("look", '{"a":{"a":1}}')]


def test_an_error_beside_a_response_that_is_called_complete_is_an_error() -> None:
    result = read(
        "openai-responses", framed("openai-responses", [completed(error={"code": "server_error", "message": "m"})])
    )
    assert (result["kind"], result["error"]) == ("server_error", {"code": "server_error", "message": "m"})


def test_a_whole_message_may_have_its_text_without_a_block() -> None:
    result = read("anthropic", [json.dumps({"type": "message", "content": "Hi", "stop_reason": "end_turn"}).encode()])
    assert (result["text"], result["finish"]) == ("Hi", "stop")
