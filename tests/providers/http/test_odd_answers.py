"""What servers really send beside what their manuals show: each of these was read as something else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text, ToolCall, ToolResult
from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.llm import ChatOptions
from fallback_chat.providers.failures.errors import ErrorReader
from fallback_chat.providers.wire.conversation import arguments_text, normalise
from tests.providers.test_features import choice, ended, framed, part, said, stop_reason
from tests.providers.vectors import FAMILIES, NOW, body_reader, read, settings_of
from tests.providers.wire.test_requests import body_of

Event = dict[str, Any]


def user(text: str) -> ChatMessage:
    return ChatMessage(Role.USER, (Text(text),))


ADDED = "response.output_item.added"
DONE = "response.output_item.done"
ARGUMENTS = "response.function_call_arguments"


def read_events(family: str, *events: Event) -> dict[str, Any]:
    return read(family, framed(family, list(events)))


def function_call(call_id: str, **more: Any) -> Event:
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": call_id} | more


def completed(kind: str = "completed", **response: Any) -> Event:
    return {"type": f"response.{kind}", "response": response}


def calls_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(call["name"], call["arguments"]) for call in result["tool_calls"]]


def test_a_tool_that_the_server_runs_itself_is_no_call() -> None:
    result = read_events(
        "anthropic",
        {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "name": "search"}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": '{"query":"tide"}'},
        },
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "So far"}},
        stop_reason("pause_turn"),
    )
    assert (result["text"], result["tool_calls"], result["finish"]) == ("So far", [], "pause")


def test_a_count_that_is_null_leaves_the_earlier_one() -> None:
    first = {"input_tokens": 20, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 2}
    last = {"input_tokens": None, "cache_creation_input_tokens": None, "output_tokens": 9}
    result = read_events(
        "anthropic",
        {"type": "message_start", "message": {"usage": first}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        stop_reason("end_turn", **last),
    )
    assert result["usage"] == {"input": 25, "output": 9, "cached": 2, "cache_write": 3}


ERROR: Event = {"error": {"message": "engine failed", "type": "server_error", "code": 500}}
FINISHED: dict[str, list[Event]] = {
    "openai-chat": [choice(content="a"), choice("stop")],
    "anthropic": [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        stop_reason("end_turn"),
    ],
    "gemini": [part("STOP", text="a")],
}


@pytest.mark.parametrize("family", FINISHED)
def test_an_error_counts_behind_the_finish_too(family: str) -> None:
    result = read_events(family, *FINISHED[family], ERROR)
    assert (result["text"], result["kind"]) == ("a", "server_error")


def test_an_error_as_bare_json_counts_behind_the_finish_too() -> None:
    bare = json.dumps({"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}, indent=2)
    result = read("gemini", [*framed("gemini", FINISHED["gemini"]), bare.encode()])
    assert (result["text"], result["kind"]) == ("a", "overloaded")


SHAPES: list[tuple[str, bytes, str]] = [
    ("openai-chat", b'{"object":"error","message":"Rate limit exceeded","type":"rate_limited"}', "rate_limited"),
    ("openai-chat", b'data: {"object":"error","message":"m","type":"rate_limited"}\n\n', "rate_limited"),
    ("openai-chat", b'event: error\ndata: {"message":"m","type":"server_error"}\n\n', "server_error"),
    ("openai-chat", b'data: {"x_groq":{"error":"over capacity, overloaded"}}\n\n', "overloaded"),
    (
        "openai-chat",
        b'{"code":"Client specified an invalid argument","error":"Argument not supported: stop"}',
        "bad_request",
    ),
    ("openai-chat", b'data: [{"error":{"code":503,"message":"m"}}]\n\n', "overloaded"),
    (
        "openai-chat",
        b'data: {"error":{"message":"Rate limit reached: too many tokens per minute","code":"rate_limit_exceeded"}}\n\n',
        "rate_limited",
    ),
    (
        "openai-chat",
        b'data: {"error":{"code":400,"message":"m","metadata":{"raw":"prompt is too long: 2100 tokens > 2000 maximum"}}}\n\n',
        "context_exceeded",
    ),
    ("ollama", b'{\n  "error": "model is overloaded"\n}\n', "overloaded"),
    ("openai-chat", b"event: error\ndata: upstream is overloaded, try later\n\n", "overloaded"),
    ("anthropic", b"event: error\ndata: Rate limit exceeded\n\n", "rate_limited"),
    ("openai-chat", b"data: error: rate limit exceeded\n\n", "rate_limited"),
    ("openai-chat", b"data: Error: insufficient balance\n\n", "quota_exhausted"),
    ("gemini", b"event: error\ndata: something\n\n", "server_error"),
    (
        "openai-responses",
        b'data: {"type":"response.failed","response":{"error":{"code":"server_error","message":"m"}}}\n\n',
        "server_error",
    ),
    (
        "openai-responses",
        b'data: {"type":"response.failed","response":{"error":{"code":"invalid_image","message":"m"}}}\n\n',
        "bad_request",
    ),
    ("openai-chat", b'data: {"message":"Rate limit exceeded","code":429}\n\n', "rate_limited"),
    ("openai-chat", b'data: {"choices":null,"base_resp":{"status_code":1027,"status_msg":"new_sensitive"}}\n\n', "content_filter"),
    ("openai-chat", b'data: {"errors":[{"message":"out of capacity"}]}\n\ndata: [DONE]\n\n', "overloaded"),
    ("openai-responses", b'data: {"detail":"Rate limit exceeded"}\n\n', "rate_limited"),
    ("anthropic", b'data: {"type":"error","message":"Rate limit exceeded"}\n\n', "rate_limited"),
    ("anthropic", b'data: {"__type":"ThrottlingException","message":"too many requests"}\n\n', "rate_limited"),
    ("gemini", b'data: {"detail":"Rate limit exceeded"}\n\n', "rate_limited"),
    ("ollama", b'{"detail":"model \'m\' not found"}\n', "model_not_found"),
    ("ollama", b'{"StatusCode":401,"Status":"401 Unauthorized","error":"sign in"}\n', "auth"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "body", "kind"), SHAPES)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_error_is_known_in_every_shape(family: str, body: bytes, kind: str, size: int) -> None:
    result = read(family, [body[start : start + size] for start in range(0, len(body), size)])
    assert result["kind"] == kind


def test_reasoning_that_comes_as_details_only_is_reasoning() -> None:
    result = read_events(
        "openai-chat",
        choice(content="", reasoning_details=[{"type": "reasoning.text", "text": "Th", "index": 0}]),
        choice(content="", reasoning_details=[{"type": "reasoning.summary", "summary": "in"}]),
        choice(reasoning="k", reasoning_details=[{"type": "reasoning.text", "text": "k"}]),
        choice(content="A"),
        choice("stop"),
    )
    assert (result["reasoning"], result["text"]) == ("Think", "A")


def test_the_first_of_several_choices_is_the_one_with_index_0() -> None:
    other = {"index": 1, "delta": {"content": "X"}}
    first = {"index": 0, "delta": {"content": "A"}, "finish_reason": "stop"}
    assert read_events("openai-chat", {"choices": [other, first]})["text"] == "A"
    whole = [{"index": 1, "message": {"content": "X"}}, {"index": 0, "message": {"content": "A"}}]
    assert read("openai-chat", [json.dumps({"choices": whole}).encode()])["text"] == "A"


def test_a_piece_of_a_call_that_holds_nothing_is_no_call() -> None:
    empty = {"index": 0, "id": None, "function": None}
    result = read_events("openai-chat", choice(content="A", tool_calls=[empty]), choice("stop"))
    assert (result["tool_calls"], result["finish"]) == ([], "stop")


@pytest.mark.parametrize(
    ("event", "finish"),
    [
        (completed(), "stop"),
        (completed("incomplete", incomplete_details={"reason": "max_output_tokens"}), "length"),
    ],
)
def test_a_response_without_a_status_ends_as_its_event_says(event: Event, finish: str) -> None:
    text = {"type": "response.output_text.delta", "delta": "A"}
    assert read_events("openai-responses", text, event)["finish"] == finish


def test_text_with_a_refusal_is_a_refusal() -> None:
    events = [{"type": "response.output_text.delta", "delta": "Hm."}, {"type": "response.refusal.delta", "delta": "No"}]
    assert read_events("openai-responses", *events, completed())["finish"] == "refusal"


CALLS: dict[str, list[Event]] = {
    "told apart by the item's id": [
        {"type": ADDED, "item": function_call("a")},
        {"type": ADDED, "item": function_call("b")},
        {"type": f"{ARGUMENTS}.delta", "item_id": "fc_a", "delta": '{"a"'},
        {"type": f"{ARGUMENTS}.delta", "item_id": "fc_b", "delta": '{"b":2}'},
        {"type": f"{ARGUMENTS}.delta", "item_id": "fc_a", "delta": ":1}"},
    ],
    "without pieces": [
        {"type": ADDED, "output_index": 0, "item": function_call("a")},
        {"type": f"{ARGUMENTS}.done", "output_index": 0, "arguments": '{"a":1}'},
        {"type": ADDED, "output_index": 1, "item": function_call("b")},
        {"type": f"{ARGUMENTS}.done", "output_index": 1, "arguments": '{"b":2}'},
    ],
    "whole at their end": [
        {"type": DONE, "output_index": 0, "item": function_call("a", arguments='{"a":1}')},
        {"type": DONE, "output_index": 1, "item": function_call("b", arguments='{"b":2}')},
    ],
}


@pytest.mark.parametrize("form", CALLS)
def test_calls_of_the_responses_api_come_in_three_forms(form: str) -> None:
    result = read_events("openai-responses", *CALLS[form], completed())
    assert (calls_of(result), result["finish"]) == ([("a", '{"a":1}'), ("b", '{"b":2}')], "tool_calls")


def test_the_reasoning_of_a_whole_response_is_not_its_text() -> None:
    answer = {
        "output": [
            {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "th"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
        ],
        "status": "completed",
    }
    result = read("openai-responses", [json.dumps(answer).encode()])
    assert (result["reasoning"], result["text"]) == ("th", "Hi")


def test_all_events_of_a_stream_in_one_array_are_one_answer() -> None:
    result = read("gemini", [json.dumps([part(text="He"), part("STOP", text="y")], indent=1).encode()])
    assert (result["text"], result["finish"], result["error"]) == ("Hey", "stop", None)


def test_what_came_before_an_error_in_the_array_is_kept() -> None:
    result = read("gemini", [json.dumps([part(text="He"), {"error": {"code": 503, "message": "m"}}]).encode()])
    assert (result["text"], result["kind"]) == ("He", "overloaded")


@pytest.mark.parametrize("family", ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama"])
def test_a_document_that_is_cut_after_its_first_byte_is_broken_and_not_empty(family: str) -> None:
    assert read(family, [b"{"])["kind"] == "server_error"


def test_text_with_an_error_in_words_behind_it_is_kept() -> None:
    result = read(
        "openai-chat", [*framed("openai-chat", [choice(content="He")]), b"event: error\ndata: overloaded\n\n"]
    )
    assert (result["text"], result["kind"], result["complete"]) == ("He", "overloaded", False)


ANSWERS: dict[str, list[Event]] = {
    "openai-chat": [choice(content="H"), choice(content="i"), choice("stop")],
    "openai-responses": [
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "Hi"},
        completed(),
    ],
    "anthropic": [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
        stop_reason("end_turn"),
    ],
    "gemini": [part(text="H"), part("STOP", text="i")],
    "ollama": [said(content="Hi"), ended()],
}


def lines_of(family: str, lead: str, between: str) -> bytes:
    return between.join(lead + json.dumps(event) for event in ANSWERS[family]).encode()


@pytest.mark.parametrize("family", ANSWERS)
@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("lead", "between", "end"),
    [
        ("data: ", "\n\n", "\n\n"),
        ("data: ", "\n", "\n\n"),
        ("data: ", "\n", "\n"),
        ("data: ", "\r\n", "\r\ndata: [DONE]"),
        ("event: message\ndata: ", "\n", "\n\ndata: [DONE]\n\n"),
        ("", "\n", "\n"),
        ("", "\n\n", ""),
        # As proxies and hand-written servers frame it.
        ("data: data: ", "\n\n", "\n\ndata: data: [DONE]\n\n"),
        ("data: ", "", "\n\n"),
        ("data: ", "\n\ndata: ping\n\ndata: null\n\n", "\n\n"),
        (" data: ", "\n\n", "\n\n"),
        ("DATA:", "\n\n", "\n\n"),
    ],
)
def test_a_stream_is_read_in_the_framing_that_it_has(family: str, lead: str, between: str, end: str, size: int) -> None:
    body = lines_of(family, lead, between) + end.encode()
    result = read(family, [body[start : start + size] for start in range(0, len(body), size)])
    assert (result["text"], result["finish"], result["complete"]) == ("Hi", "stop", True)


def test_lines_of_json_may_be_glued_together() -> None:
    body = lines_of("ollama", "", "")
    assert read("ollama", [body])["text"] == "Hi"


def test_a_tab_in_a_string_need_not_be_escaped() -> None:
    body = framed("openai-chat", [choice(content="a\tb"), choice("stop")])
    assert read("openai-chat", [piece.replace(b"\\t", b"\t") for piece in body])["text"] == "a\tb"


@pytest.mark.parametrize("family", ANSWERS)
@pytest.mark.parametrize("other", ANSWERS)
def test_the_format_of_another_kind_is_named(family: str, other: str) -> None:
    if family == other:
        return
    body = body_reader(family)
    body.feed(lines_of(other, "data: ", "\n\n") + b"\n\n")
    body.end()
    kind = FAMILIES[other][0]
    assert body.error is not None
    assert body.error.message == f"the provider answered 200 in the format of kind {kind!r}"
    assert body.error.hint == f"set kind = {kind!r}, or check base_url"


def test_a_page_behind_the_beginning_of_an_answer_is_named() -> None:
    page = b"<html><head><title>502 Bad Gateway</title></head></html>"
    body = body_reader("openai-chat")
    body.feed(framed("openai-chat", [choice(content="Hi")])[0] + page)
    body.end()
    assert body.error is not None
    assert (body.error.kind, body.error.message) == (
        ErrorKind.TRUNCATED,
        "it ended without a finish: a web page: 502 Bad Gateway",
    )


@pytest.mark.parametrize("family", ANSWERS)
@pytest.mark.parametrize("lead", ["data: ", ""])
def test_lines_without_a_finish_are_a_cut_answer(family: str, lead: str) -> None:
    body = b"".join(lead.encode() + json.dumps(event).encode() + b"\n" for event in ANSWERS[family][:1] * 2)
    assert read(family, [body])["kind"] == "truncated"


MESSAGES: dict[str, Event] = {
    "openai-chat": {"object": "chat.completion", "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]},
    "openai-responses": {
        "object": "response",
        "status": "completed",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}],
    },
    "anthropic": {"type": "message", "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn"},
    "gemini": part("STOP", text="Hi"),
    "ollama": ended() | {"message": {"content": "Hi"}},
}


@pytest.mark.parametrize("family", MESSAGES)
def test_a_whole_answer_may_be_the_only_event_of_a_stream(family: str) -> None:
    result = read(family, framed(family, [MESSAGES[family]]))
    assert (result["text"], result["finish"], result["complete"]) == ("Hi", "stop", True)


def test_text_that_only_comes_with_the_end_of_its_block_is_text() -> None:
    whole = {"type": "content_block_stop", "index": 0, "content_block": {"type": "text", "text": "Hi there"}}
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
    for events in ([start, whole], [start, delta, whole], [whole], [delta, whole, whole]):
        result = read_events("anthropic", *events, stop_reason("end_turn"))
        assert (result["text"], result["finish"]) == ("Hi there", "stop")


@pytest.mark.parametrize(
    ("number", "finish"),
    [(0, None), (1, "stop"), (2, "length"), (3, "content_filter"), (4, "content_filter"), (5, "other"), (99, "other")],
)
def test_a_finish_of_gemini_may_be_a_number(number: int, finish: str | None) -> None:
    event = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finish_reason": number}]}
    assert read_events("gemini", event)["finish"] == finish


@pytest.mark.parametrize("reason", [1, "SAFETY"])
def test_a_question_that_gemini_blocks_is_known_by_name_and_by_number(reason: str | int) -> None:
    assert read_events("gemini", {"prompt_feedback": {"block_reason": reason}})["finish"] == "content_filter"


def test_gemini_may_be_wrapped_in_a_response() -> None:
    events: list[Event] = [{"response": part(text="H")}, {"response": part("STOP", text="i"), "traceId": "t"}]
    result = read_events("gemini", *events)
    assert (result["text"], result["finish"]) == ("Hi", "stop")


def test_a_new_reason_about_pictures_is_a_filter() -> None:
    assert read_events("gemini", part("IMAGE_SOMETHING", text="a"))["finish"] == "content_filter"


def test_an_answer_of_ollama_on_several_lines_is_an_answer() -> None:
    whole = json.dumps(said(content="A") | ended() | {"message": {"content": "A"}}, indent=2).encode()
    assert read("ollama", [whole[:1], whole[1:]])["text"] == "A"


GOOGLES_ADVICE = "You exceeded your current quota, please check your plan and billing details. " * 5


def error_of(family: str, status: int, body: Event) -> tuple[ErrorKind, float | None]:
    error = ErrorReader(settings_of(family), None).from_response(status, {}, json.dumps(body), now=NOW)
    return error.kind, error.retry_after


@pytest.mark.parametrize(
    ("family", "status", "error", "kind", "wait"),
    [
        ("gemini", 429, {"message": f"{GOOGLES_ADVICE} limit: 0, model: g"}, ErrorKind.QUOTA_EXHAUSTED, None),
        (
            "gemini",
            429,
            {"message": f"{GOOGLES_ADVICE} limit: 20. Please retry in 34.07s."},
            ErrorKind.RATE_LIMITED,
            34.07,
        ),
        (
            "gemini",
            429,
            {
                "message": "quota",
                "details": [{"violations": [{"quotaId": "GenerateRequestsPerDay"}]}, {"retryDelay": "21s"}],
            },
            ErrorKind.QUOTA_EXHAUSTED,
            None,
        ),
        ("openai-chat", 400, {"message": "x" * 300 + " prompt is too long"}, ErrorKind.CONTEXT_EXCEEDED, None),
        ("openai-chat", 429, {"message": "x" * 300 + " Please try again in 12.5s."}, ErrorKind.RATE_LIMITED, 12.5),
        ("mistral", 429, {"message": "m", "type": "service_tier_capacity_exceeded"}, ErrorKind.OVERLOADED, None),
        ("anthropic", 400, {"message": "This organization has been placed on hold."}, ErrorKind.QUOTA_EXHAUSTED, None),
        ("anthropic", 400, {"message": "Your credit balance is far too low"}, ErrorKind.QUOTA_EXHAUSTED, None),
    ],
)
def test_a_failure_is_understood_to_its_end(
    family: str, status: int, error: Event, kind: ErrorKind, wait: float | None
) -> None:
    assert error_of(family, status, {"error": error}) == (kind, wait)


TOOL_TURN = ChatContext(
    (
        user("What is the tide?"),
        ChatMessage(Role.ASSISTANT, tool_calls=(ToolCall("c1", "tide", "{}"),)),
        ChatMessage(Role.TOOL, tool_results=(ToolResult("c1", "low"),)),
        user("And now?"),
    )
)


def test_results_and_the_next_question_are_one_turn_for_gemini() -> None:
    contents = body_of("gemini", chat_ctx=TOOL_TURN)["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user"]
    assert [list(part) for part in contents[2]["parts"]] == [["functionResponse"], ["text"]]


def test_results_are_followed_by_an_answer_for_mistral() -> None:
    roles = [message["role"] for message in body_of("mistral", chat_ctx=TOOL_TURN)["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user"]


def test_a_refused_answer_leaves_the_conversation_with_its_question() -> None:
    refused = ChatMessage(Role.ASSISTANT, (Text("First, take"),), complete=False, refused=True)
    turns = normalise([user("one"), ChatMessage(Role.ASSISTANT, (Text("1"),)), user("bad"), refused, user("two")])
    assert [turn.text for turn in turns] == ["one", "1", "two"]


@pytest.mark.parametrize("arguments", ['{"a": NaN}', '{"a": [Infinity]}', '{"a": -Infinity}'])
def test_arguments_that_only_look_like_json_are_not_sent(arguments: str) -> None:
    assert arguments_text(ToolCall("c1", "tide", arguments)) == "{}"


TOLD = {"includeThoughts": True}
EFFORTS: list[tuple[str, dict[str, Any], str, str, Any]] = [
    (
        "gemini",
        {"model": "gemini-3.8-flash"},
        "low",
        "generationConfig",
        {"thinkingConfig": TOLD | {"thinkingLevel": "LOW"}},
    ),
    ("gemini", {}, "none", "generationConfig", {"thinkingConfig": {"thinkingLevel": "MINIMAL"}}),
    ("gemini", {}, "max", "generationConfig", {"thinkingConfig": TOLD | {"thinkingLevel": "XHIGH"}}),
    ("gemini", {"model": "gemini-2.5-flash"}, "none", "generationConfig", {"thinkingConfig": {"thinkingBudget": 0}}),
    (
        "gemini",
        {"model": "gemini-2.5-pro"},
        "max",
        "generationConfig",
        {"thinkingConfig": TOLD | {"thinkingBudget": -1}},
    ),
    ("anthropic", {}, "none", "thinking", {"type": "disabled"}),
    ("anthropic", {}, "minimal", "output_config", {"effort": "low"}),
    ("ollama", {}, "none", "think", False),
    ("ollama", {}, "minimal", "think", "low"),
    ("ollama", {}, "xhigh", "think", "max"),
    ("openai-chat", {"preset": "deepseek"}, "none", "thinking", {"type": "disabled"}),
    ("openai-chat", {"preset": "deepseek"}, "high", "reasoning_effort", "high"),
    ("openai-chat", {"preset": "together"}, "none", "reasoning", {"enabled": False}),
    (
        "openai-chat",
        {"preset": "vllm"},
        "low",
        "chat_template_kwargs",
        {"enable_thinking": True, "reasoning_effort": "low"},
    ),
]


@pytest.mark.parametrize(("family", "settings", "effort", "key", "value"), EFFORTS)
def test_effort_is_said_as_each_server_understands_it(
    family: str, settings: dict[str, Any], effort: str, key: str, value: object
) -> None:
    body = body_of(family, options=ChatOptions(reasoning_effort=effort), settings=settings)
    assert body[key] == value
