"""What each wire format carries, feature by feature: the small proofs that docs/kinds.md points at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.llm import ChatOptions
from fallback_chat.providers.failures.blame import blame
from fallback_chat.providers.failures.reader import parse_failure
from tests.providers.kinds import SAMPLES
from tests.providers.vectors import read
from tests.providers.wire.test_requests import body_of, user

Event = dict[str, Any]


def framed(family: str, events: list[Event], between: bytes = b"") -> list[bytes]:
    """Give events as the family sends them, each a read of its own, and `between` after each."""
    lines = [json.dumps(event).encode() for event in events]
    if family == "ollama":
        return [line + b"\n" + between for line in lines]
    return [b"data: " + line + b"\n\n" + between for line in lines]


def choice(finish: str | None = None, **delta: Any) -> Event:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def part(finish: str | None = None, **part: Any) -> Event:
    candidate = {"content": {"parts": [part]}} | ({"finishReason": finish} if finish else {})
    return {"candidates": [candidate]}


def said(**message: Any) -> Event:
    return {"message": message, "done": False}


def ended(reason: str = "stop", **more: Any) -> Event:
    return {"message": {"content": ""}, "done": True, "done_reason": reason} | more


def block(index: int, start: Event, *deltas: Event) -> list[Event]:
    head = {"type": "content_block_start", "index": index, "content_block": start}
    return [head, *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)]


def stop_reason(reason: str, **usage: Any) -> Event:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}


def completed(status: str = "completed", **response: Any) -> Event:
    return {"type": f"response.{status}", "response": {"status": status} | response}


TEXT = {"type": "response.output_text.delta", "delta": "Hi"}
REASONING: dict[str, list[Event]] = {
    "openai-chat": [choice(reasoning_content="h"), choice(reasoning="m"), choice(content="Hi"), choice("stop")],
    "openai-responses": [
        {"type": "response.reasoning_summary_text.delta", "delta": "h"},
        {"type": "response.reasoning_text.delta", "delta": "m"},
        TEXT,
        completed(),
    ],
    "anthropic": [
        *block(0, {"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "hm"}),
        *block(1, {"type": "text", "text": ""}, {"type": "text_delta", "text": "Hi"}),
        stop_reason("end_turn"),
    ],
    "gemini": [part(text="hm", thought=True), part("STOP", text="Hi")],
    "ollama": [said(thinking="hm"), said(content="Hi"), ended()],
}


@pytest.mark.parametrize("family", REASONING)
def test_reasoning_is_streamed_apart_from_the_text(family: str) -> None:
    result = read(family, framed(family, REASONING[family]))
    assert (result["reasoning"], result["text"], result["finish"]) == ("hm", "Hi", "stop")


RAW_TAGS: dict[str, list[Event]] = {
    "openai-chat": [*(choice(content=text) for text in ("<thi", "nk>h", "m</think>\n\n", "Hi")), choice("stop")],
    "ollama": [*(said(content=text) for text in ("<thi", "nk>h", "m</think>\n\n", "Hi")), ended()],
}


@pytest.mark.parametrize("family", RAW_TAGS)
def test_reasoning_in_raw_tags_is_told_from_the_text(family: str) -> None:
    result = read(family, framed(family, RAW_TAGS[family]))
    assert (result["reasoning"], result["text"], result["finish"]) == ("hm", "Hi", "stop")


@pytest.mark.parametrize(("family", "last"), [("openai-chat", choice("stop")), ("ollama", ended())])
def test_an_answer_that_ends_like_the_beginning_of_a_tag_is_whole(family: str, last: Event) -> None:
    result = read(
        family, framed(family, [choice(content="<th") if family == "openai-chat" else said(content="<th"), last])
    )
    assert (result["reasoning"], result["text"], result["finish"]) == ("", "<th", "stop")


def function(index: int, id_: str, arguments: str, name: str | None = None) -> Event:
    return {"index": index, "id": id_, "function": {"name": name, "arguments": arguments}}


CALLS: dict[str, list[Event]] = {
    "openai-chat": [
        choice(tool_calls=[function(0, "c1", '{"a"', "one")]),
        choice(tool_calls=[function(0, "", ":1}")]),
        choice("tool_calls", tool_calls=[function(1, "c2", "{}", "two")]),
    ],
    "openai-responses": [
        {"type": "response.output_item.added", "output_index": 0}
        | {"item": {"type": "function_call", "call_id": "c1", "name": "one"}},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"a":1}'},
        {"type": "response.output_item.added", "output_index": 1}
        | {"item": {"type": "function_call", "call_id": "c2", "name": "two"}},
        completed(),
    ],
    "anthropic": [
        *block(
            0,
            {"type": "tool_use", "id": "c1", "name": "one", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"a"'},
            {"type": "input_json_delta", "partial_json": ":1}"},
        ),
        *block(1, {"type": "tool_use", "id": "c2", "name": "two", "input": {}}),
        stop_reason("tool_use"),
    ],
    "gemini": [
        part(functionCall={"id": "c1", "name": "one", "args": {"a": 1}}),
        part("STOP", functionCall={"id": "c2", "name": "two", "args": {}}),
    ],
    "ollama": [
        said(tool_calls=[{"id": "c1", "function": {"name": "one", "arguments": {"a": 1}}}]),
        said(tool_calls=[{"id": "c2", "function": {"name": "two", "arguments": {}}}]),
        ended(),
    ],
}


@pytest.mark.parametrize("family", CALLS)
def test_several_calls_of_one_answer_come_out_whole(family: str) -> None:
    result = read(family, framed(family, CALLS[family]))
    assert (result["tool_calls"], result["finish"]) == (
        [{"id": "c1", "name": "one", "arguments": '{"a":1}'}, {"id": "c2", "name": "two", "arguments": "{}"}],
        "tool_calls",
    )


USAGE: dict[str, list[Event]] = {
    "openai-chat": [
        choice("stop", content="Hi"),
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 9,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 4},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
        },
    ],
    "openai-responses": [
        TEXT,
        completed(
            usage={
                "input_tokens": 9,
                "output_tokens": 5,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 3},
            }
        ),
    ],
    "anthropic": [
        # This API counts the cached tokens beside the others.
        {"type": "message_start", "message": {"usage": {"input_tokens": 5, "cache_read_input_tokens": 4}}},
        *block(0, {"type": "text", "text": "Hi"}),
        stop_reason("end_turn", output_tokens=5, output_tokens_details={"thinking_tokens": 3}),
    ],
    "gemini": [
        part("STOP", text="Hi")
        | {
            "usageMetadata": {
                "promptTokenCount": 9,
                "candidatesTokenCount": 2,
                "cachedContentTokenCount": 4,
                "thoughtsTokenCount": 3,
            }
        },
    ],
}


@pytest.mark.parametrize("family", USAGE)
def test_cached_and_reasoning_tokens_are_parts_of_what_is_counted(family: str) -> None:
    usage = read(family, framed(family, USAGE[family]))["usage"]
    assert usage == {"input": 9, "output": 5, "cached": 4, "reasoning": 3}


@pytest.mark.parametrize(("said", "cost"), [(0.0012, 0.0012), (0, 0.0), ("free", None), (-1, None), (True, None)])
def test_what_an_answer_costs_is_taken_from_whoever_says_it(said: object, cost: float | None) -> None:
    events = [choice("stop", content="Hi"), {"choices": [], "usage": {"prompt_tokens": 9, "cost": said}}]
    usage = read("openai-chat", framed("openai-chat", events))["usage"]
    assert usage.get("cost") == cost


def test_ollama_counts_tokens_in_and_out() -> None:
    events = [said(content="Hi"), ended(prompt_eval_count=9, eval_count=5)]
    assert read("ollama", framed("ollama", events))["usage"] == {"input": 9, "output": 5}


FINISHES = {
    "openai-chat": {"stop": "stop", "length": "length", "content_filter": "content_filter"},
    "openai-responses": {"completed": "stop", "max_output_tokens": "length", "content_filter": "content_filter"},
    "anthropic": {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "pause_turn": "pause",
        "refusal": "refusal",
        "model_context_window_exceeded": "context_exceeded",
    },
    "gemini": {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter"},
    "ollama": {"stop": "stop", "length": "length", "load": "other"},
}


def finished(family: str, raw: str) -> list[Event]:
    """Give an answer that ends with the vendor's word `raw`."""
    if family == "openai-responses":
        incomplete = completed("incomplete", incomplete_details={"reason": raw})
        return [TEXT, completed() if raw == "completed" else incomplete]
    return {
        "openai-chat": [choice(content="Hi"), choice(raw)],
        "anthropic": [*block(0, {"type": "text", "text": "Hi"}), stop_reason(raw)],
        "gemini": [part(raw, text="Hi")],
        "ollama": [said(content="Hi"), ended(raw)],
    }[family]


@pytest.mark.parametrize("family", FINISHES)
def test_the_words_for_the_end_are_the_same_for_every_vendor(family: str) -> None:
    found = {raw: read(family, framed(family, finished(family, raw)))["finish"] for raw in FINISHES[family]}
    assert found == FINISHES[family]


KEEP_ALIVES = {
    "openai-chat": b": OPENROUTER PROCESSING\n\n",
    "openai-responses": b': keep-alive\n\ndata: {"type": "keepalive", "sequence_number": 3}\n\n',
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "gemini": b": keep-alive\r\n\r\n",
    "ollama": b"\n",
}


@pytest.mark.parametrize("family", KEEP_ALIVES)
def test_signs_of_life_are_no_part_of_an_answer(family: str) -> None:
    events = REASONING[family]
    assert read(family, framed(family, events, KEEP_ALIVES[family])) == read(family, framed(family, events))


WISHES = ChatOptions(max_tokens=50, temperature=0.5, stop=("END",), seed=7, reasoning_effort="low")


@pytest.mark.parametrize("kind", SAMPLES)
def test_wishes_are_all_that_is_added_to_a_plain_request(kind: str) -> None:
    family, wanted = SAMPLES[kind].family, SAMPLES[kind].wishes
    plain = body_of(family, chat_ctx=user("hi"), tools=(), options=ChatOptions())
    wished = body_of(family, chat_ctx=user("hi"), tools=(), options=WISHES)
    assert {key: value for key, value in wished.items() if plain.get(key) != value} == wanted


TOO_LONG: dict[str, Event] = {
    "openai-chat": {
        "code": "context_length_exceeded",
        "message": "This model's maximum context length is 8192 tokens.",
    },
    "anthropic": {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"},
    "gemini": {
        "status": "INVALID_ARGUMENT",
        "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    },
    "ollama": {"message": "the input length exceeds the context length"},
}
TOO_LONG["openai-responses"] = TOO_LONG["openai-chat"]


@pytest.mark.parametrize(
    ("family", "error"),
    [*TOO_LONG.items(), ("ollama", {"message": "prompt too long; exceeded max context length by 8 tokens"})],
)
def test_a_conversation_that_is_too_long_is_said_to_be_so(family: str, error: Event) -> None:
    assert blame(parse_failure(400, {"error": error})).kind is ErrorKind.CONTEXT_EXCEEDED, family


REFUSALS: dict[str, tuple[list[Event], str]] = {
    "openai-chat": ([choice(refusal="No."), choice("stop")], "refusal"),
    "openai-responses": ([{"type": "response.refusal.delta", "delta": "No."}, completed()], "refusal"),
    "anthropic": ([stop_reason("refusal")], "refusal"),
    "gemini": ([{"promptFeedback": {"blockReason": "SAFETY"}}], "content_filter"),
}


@pytest.mark.parametrize("family", REFUSALS)
def test_a_refusal_is_labelled(family: str) -> None:
    events, finish = REFUSALS[family]
    result = read(family, framed(family, events))
    assert (result["finish"], result["text"]) == (finish, "")
