"""What tells the clocks that a model thinks, that its server lives, or nothing at all, in every wire format."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.test_features import block, choice, completed, ended, framed, part, said, stop_reason
from tests.providers.vectors import body_reader, read

Event = dict[str, Any]


def signs_of(family: str, *events: Event) -> list[str]:
    """Give the signs that events are, one word for each chunk that is one; content is `content`."""
    body = body_reader(family)
    for data in framed(family, list(events)):
        body.feed(data)
    words = []
    for chunk in body.ready:
        delta = chunk.delta
        if delta is None:
            continue
        if delta.content or delta.reasoning or delta.refusal or delta.tool_fragment:
            words.append("content")
        words += [word for word in ("thinking", "alive") if getattr(delta, word)]
    return words


def item(type_: str, stage: str = "added", **value: Any) -> Event:
    return {"type": f"response.output_item.{stage}", "output_index": 0, "item": {"type": type_, "id": "i"} | value}


def event(name: str, **fields: Any) -> Event:
    return {"type": f"response.{name}", "output_index": 0, "item_id": "i"} | fields


THINKING: dict[str, dict[str, Event]] = {
    "openai-responses": {
        "a reasoning item": item("reasoning", summary=[]),
        "a search": item("web_search_call"),
        "a sealed reasoning item that ends": item("reasoning", "done", encrypted_content="x"),
        "a search that begins": event("web_search_call.in_progress"),
        "a search that runs": event("web_search_call.searching"),
        "code that runs": event("code_interpreter_call.interpreting"),
        "a picture in the making": event("image_generation_call.generating"),
        "a partial picture": event("image_generation_call.partial_image", partial_image_b64="AA"),
        "a compaction": event("compaction.compacting"),
        "tools being listed": event("mcp_list_tools.in_progress"),
        "arguments of a hosted tool": event("mcp_call_arguments.delta", delta="{"),
        "a summary that opens": event("reasoning_summary_part.added", summary_index=0, part={}),
    },
    "anthropic": {
        "an omitted thought": block(0, {"type": "thinking", "thinking": "", "signature": ""})[0],
        "a sealed thought": block(0, {"type": "redacted_thinking", "data": "x"})[0],
        "a tool of the server": block(0, {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}})[0],
        "a tool of another server": block(0, {"type": "mcp_tool_use", "id": "s", "name": "x", "input": {}})[0],
        "its result": block(0, {"type": "web_search_tool_result", "tool_use_id": "s", "content": []})[0],
        "an empty piece of thought": block(0, {}, {"type": "thinking_delta", "thinking": "", "estimated_tokens": 9})[1],
        "a signature": block(0, {}, {"type": "signature_delta", "signature": "x"})[1],
    },
    "openai-chat": {
        "sealed reasoning": choice(reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}]),
        "an open part of thought": choice(content=[{"type": "thinking", "thinking": []}]),
    },
    "gemini": {
        "an empty thought": part(text="", thought=True),
        "a seal": part(text="", thoughtSignature="x"),
        "code": part(executableCode={"code": "1"}),
        "a count of thoughts": {"candidates": [{}], "usageMetadata": {"thoughtsTokenCount": 5}},
    },
}


@pytest.mark.parametrize(("family", "what"), [(family, what) for family in THINKING for what in THINKING[family]])
def test_a_model_at_work_is_told_from_a_hung_one(family: str, what: str) -> None:
    assert signs_of(family, THINKING[family][what]) == ["thinking"]


ALIVE: dict[str, list[Event]] = {
    "openai-responses": [
        {"type": "response.created", "response": {"id": "r"}},
        {"type": "response.queued", "response": {}},
        {"type": "response.in_progress", "response": {}},
        {"type": "keepalive", "sequence_number": 3},
    ],
    "anthropic": [{"type": "ping"}],
}


@pytest.mark.parametrize("family", ALIVE)
def test_a_sign_of_the_server_is_none_of_the_model(family: str) -> None:
    assert signs_of(family, *ALIVE[family]) == ["alive"] * len(ALIVE[family])


SILENT: dict[str, list[Event]] = {
    "openai-chat": [choice(role="assistant", content=""), choice(content="", reasoning_content=""), {"choices": []}],
    "openai-responses": [
        item("message", content=[]),
        event("content_part.added", content_index=0, part={"type": "output_text", "text": ""}),
        event("output_text.annotation.added", content_index=0, annotation={}),
        {"type": "response.something.new"},
    ],
    "anthropic": [
        {"type": "message_start", "message": {"id": "m"}},
        *block(0, {"type": "text", "text": ""}, {"type": "citations_delta", "citation": {}}),
        {"type": "content_block_stop", "index": 0},
        {"type": "something_new"},
    ],
    "gemini": [part(text=""), {"candidates": [{}]}, {"candidates": [{}], "usageMetadata": {"promptTokenCount": 5}}],
    "ollama": [said(content=""), said(content="", thinking="")],
}


@pytest.mark.parametrize("family", SILENT)
def test_frames_without_content_are_no_signs(family: str) -> None:
    assert signs_of(family, *SILENT[family]) == []


@pytest.mark.parametrize("family", THINKING)
def test_a_sign_is_no_output(family: str) -> None:
    body = body_reader(family)
    for data in framed(family, list(THINKING[family].values())):
        body.feed(data)
    body.end()
    assert (body.output_started, body.error and body.error.kind.value) == (False, "empty")


ENDS = {
    "openai-chat": [choice(content="Hi"), choice("stop")],
    "openai-responses": [event("output_text.delta", delta="Hi", output_index=9), completed()],
    "anthropic": [*block(9, {"type": "text", "text": "Hi"}), stop_reason("end_turn")],
    "gemini": [part("STOP", text="Hi")],
    "ollama": [said(content="Hi"), ended()],
}


@pytest.mark.parametrize("family", ENDS)
def test_signs_are_no_part_of_an_answer(family: str) -> None:
    before = [*THINKING.get(family, {}).values(), *ALIVE.get(family, []), *SILENT[family]]
    events = (
        before if family != "anthropic" else [one for one in before if one.get("index") is None or "delta" not in one]
    )
    result = read(family, framed(family, [*events, *ENDS[family]]))
    assert (result["text"], result["reasoning"], result["finish"]) == ("Hi", "", "stop")
