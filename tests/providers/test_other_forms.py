"""What gateways send in a form that the vendor never had, or no longer has: nothing of it is lost."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fallback_chat.core.llm import ModelInfo
from fallback_chat.providers.gemini import read_models
from fallback_chat.providers.http.sse import SSEDecoder
from tests.providers.test_endings import PARTIAL
from tests.providers.test_features import choice, completed, framed, function, part, stop_reason
from tests.providers.vectors import VECTORS, read, stream_vectors

Event = dict[str, Any]


def said(family: str, *events: Event) -> tuple[str, str, list[tuple[str, str]], str | None]:
    """Return text, reasoning, calls (name and arguments) and finish of an answer."""
    result = read(family, framed(family, list(events)))
    calls = [(call["name"], call["arguments"]) for call in result["tool_calls"]]
    return result["text"], result["reasoning"], calls, result["finish"]


FORMS: dict[str, list[Event]] = {
    "text as of the older completions": [{"choices": [{"text": "Hi"}]}, {"choices": [{"text": "", "finish_reason": "stop"}]}],
    "text in a list of strings": [choice(content=["H", "i"]), choice("stop")],
    "a part without its list": [choice(content={"type": "text", "text": "Hi"}), choice("stop")],
    "a choice without its list": [{"choices": {"delta": {"content": "Hi"}}}, {"choices": {"finish_reason": "stop"}}],
    "a delta that is the text": [{"choices": [{"delta": "Hi"}]}, choice("stop")],
    "a finish as an object": [choice(content="Hi"), {"choices": [{"finish_reason": {"type": "stop", "matched": 2}}]}],
    "a finish as details": [choice(content="Hi"), {"choices": [{"delta": {}, "finish_details": {"type": "stop"}}]}],
    "a finish of another name": [choice(content="Hi"), {"choices": [{"delta": {}, "stop_reason": "stop"}]}],
    "a finish in the delta": [choice(content="Hi"), choice(finish_reason="stop")],
    "status 0 of MiniMax": [choice(content="Hi"), {"base_resp": {"status_code": 0, "status_msg": "success"}}, choice("stop")],
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


@pytest.mark.parametrize(
    "name", ["reasoning_text", "reasoning_summary_text", "reasoning", "reasoning_content", "reasoning_summary"]
)
def test_reasoning_of_a_response_is_reasoning_under_any_name(name: str) -> None:
    event = {"type": f"response.{name}.delta", "output_index": 0, "delta": "hm"}
    text = {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Hi"}
    assert said("openai-responses", event, text, completed()) == ("Hi", "hm", [], "stop")


@pytest.mark.parametrize(
    ("family", "events"),
    [
        (
            "openai-responses",
            [
                {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"},
                {"type": "response.completed", "response": {}},
            ],
        ),
        (
            "anthropic",
            [
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
            ],
        ),
    ],
)
def test_the_name_of_an_event_may_stand_for_its_type(family: str, events: list[Event]) -> None:
    named = [f"event: {event.pop('type')}\ndata: {json.dumps(event)}\n\n".encode() for event in map(dict, events)]
    result = read(family, named)
    assert (result["text"], result["finish"]) == ("Hi", "stop")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "thinking", "thinking": "hm"},
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "reasoning", "text": "hm"},
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
    ],
)
def test_reasoning_is_reasoning_as_a_part_of_the_content_too(part: Event) -> None:
    events = [choice(content=[part, {"type": "text", "text": "Hi"}]), choice("stop")]
    assert said("openai-chat", *events) == ("Hi", "hm", [], "stop")


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 9, "output_tokens": 5, "cached_tokens": 4, "reasoning_tokens": 3},
        # xAI: the tokens of the reasoning are no part of the others.
        {
            "prompt_tokens": 9,
            "completion_tokens": 2,
            "total_tokens": 14,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    ],
)
def test_tokens_are_counted_under_any_name(usage: Event) -> None:
    events = [choice(content="Hi"), {"choices": [{"finish_reason": "stop", "usage": usage}]}]
    counted = read("openai-chat", framed("openai-chat", events))["usage"]
    assert {name: counted[name] for name in ("input", "output", "cached", "reasoning")} == {
        "input": 9,
        "output": 5,
        "cached": 4,
        "reasoning": 3,
    }


@pytest.mark.parametrize("delta", [{"text": "Hi"}, {"type": "text_delta", "text": "Hi"}, {"type": None, "text": "Hi"}])
def test_a_delta_of_anthropic_may_lack_its_type(delta: Event) -> None:
    events = [{"type": "content_block_delta", "index": 0, "delta": delta}, stop_reason("end_turn")]
    assert said("anthropic", *events) == ("Hi", "", [], "stop")


CALLS: dict[str, tuple[str, list[Event]]] = {
    "a call without its list": ("openai-chat", [choice("tool_calls", tool_calls=function(0, "c", '{"x": 1}', "look"))]),
    "arguments encoded twice": (
        "openai-chat",
        [choice("tool_calls", tool_calls=[function(0, "c", json.dumps('{"x": 1}'), "look")])],
    ),
    "arguments of Gemini as text": (
        "gemini",
        [part("STOP", functionCall={"name": "look", "args": '{"x": 1}'})],
    ),
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


def in_snake_case(value: Any) -> Any:
    """Return a document of Gemini's as programs in Python print it: other names, and a null for what is not there."""
    if isinstance(value, list):
        return [in_snake_case(each) for each in value]
    if not isinstance(value, dict):
        return value
    renamed = {
        re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name): one if name == "args" else in_snake_case(one)
        for name, one in value.items()
    }
    return {"finish_reason": None, "thought_signature": None, "function_call": None, "usage_metadata": None} | renamed


GEMINI = sorted(name for name, vector in stream_vectors().items() if vector["family"] == "gemini")


@pytest.mark.parametrize("name", GEMINI)
def test_gemini_is_read_in_snake_case_as_well(name: str) -> None:
    decoder = SSEDecoder()
    body = (VECTORS / "streams" / stream_vectors()[name]["files"]["lf"]["file"]).read_bytes()
    events = [json.loads(data) for data, _ in (*decoder.feed(body), *decoder.flush())]
    spelled, plain = (read("gemini", framed("gemini", each)) for each in (in_snake_case(events), events))
    without_ids = {"tool_calls": [call["arguments"] for call in plain["tool_calls"]], "error": None}
    assert spelled | without_ids == plain | without_ids
    assert [call["arguments"] for call in spelled["tool_calls"]] == without_ids["tool_calls"]


@pytest.mark.parametrize("form", PARTIAL)
def test_partial_arguments_are_read_in_snake_case_as_well(form: str) -> None:
    events = [*(part(functionCall=call) for call in PARTIAL[form][0]), {"candidates": [{"finishReason": "STOP"}]}]
    spelled, plain = (read("gemini", framed("gemini", each)) for each in (in_snake_case(events), events))
    assert [(call["name"], call["arguments"]) for call in spelled["tool_calls"]] == [
        (call["name"], call["arguments"]) for call in plain["tool_calls"]
    ]


def test_arguments_keep_their_names_and_nulls() -> None:
    call = {"function_call": {"name": "look", "args": {"snake_name": {"deep_one": None}}}}
    end = {"candidates": [{"content": {"parts": [call]}, "finish_reason": "STOP"}]}
    assert said("gemini", end) == ("", "", [("look", '{"snake_name":{"deep_one":null}}')], "tool_calls")


def test_a_finish_in_snake_case_beside_the_only_text_is_one() -> None:
    events: list[Event] = [
        {"response_id": "r", "candidates": [{"index": 0, "content": {"parts": [{"text": "H"}]}}]},
        {"candidates": [{"finish_reason": "MAX_TOKENS", "content": {"parts": [{"text": "i"}]}}]},
    ]
    assert said("gemini", *events) == ("Hi", "", [], "length")


def test_geminis_list_of_models_is_read_in_snake_case_as_well() -> None:
    model = {"name": "models/m", "input_token_limit": 9, "output_token_limit": 4, "supported_generation_methods": None}
    embedding = {"name": "models/e", "supported_generation_methods": ["embedContent"]}
    page = {"models": [model, embedding], "next_page_token": "more"}
    assert read_models(page) == ([ModelInfo("m", 9, (), 4)], "more")
