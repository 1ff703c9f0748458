"""Whole answers instead of streams, in every format: the same answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.chat_context import ToolCall
from fallback_chat.core.errors import ErrorKind
from tests.providers.vectors import FAMILIES, body_reader

CHAT = {
    "choices": [
        {
            "message": {
                "content": "Hi",
                "reasoning_content": "hm",
                "tool_calls": [{"id": "c", "function": {"name": "t", "arguments": '{"a":1}'}}],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2},
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "openai-chat": CHAT,
    "mistral": CHAT,
    "openai-responses": {
        "status": "completed",
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
            {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
            {"type": "function_call", "call_id": "c", "name": "t", "arguments": '{"a":1}'},
        ],
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "anthropic": {
        "type": "message",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "Hi"},
            {"type": "tool_use", "id": "c", "name": "t", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 2},
    },
    "gemini": {
        "candidates": [
            {
                "content": {
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"text": "Hi"},
                        {"functionCall": {"id": "c", "name": "t", "args": {"a": 1}}},
                    ]
                },
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2},
    },
    "ollama": {
        "message": {
            "content": "Hi",
            "thinking": "hm",
            "tool_calls": [{"id": "c", "function": {"name": "t", "arguments": {"a": 1}}}],
        },
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 2,
    },
}

pytestmark = pytest.mark.parametrize("family", FAMILIES)


def test_a_document_is_read_like_a_stream(family: str) -> None:
    body = body_reader(family)
    body.feed(json.dumps(DOCUMENTS[family]).encode())
    body.end()
    deltas = [chunk.delta for chunk in body.ready if chunk.delta]
    usage = [chunk.usage for chunk in body.ready if chunk.usage][-1]
    assert body.error is None
    assert "".join(delta.content or "" for delta in deltas) == "Hi"
    assert "".join(delta.reasoning or "" for delta in deltas) == "hm"
    assert [call for delta in deltas for call in delta.tool_calls] == [ToolCall("c", "t", '{"a":1}')]
    assert [chunk.finish_reason for chunk in body.ready if chunk.finish_reason] == ["tool_calls"]
    assert (usage.input, usage.output) == (1, 2)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_document_that_reports_an_error_is_one(family: str, wrapped: bool) -> None:
    error: Any = {"error": {"message": "The model is overloaded.", "code": 503}}
    body = body_reader(family)
    body.feed(json.dumps([error] if wrapped else error).encode())
    body.end()
    assert body.error is not None
    assert (body.error.kind, body.error.message) == (ErrorKind.OVERLOADED, "The model is overloaded.")


@pytest.mark.parametrize(
    "document", ["{}", '{"ok": true}', '{"choices": [], "output": null, "content": 3, "candidates": 0}']
)
def test_a_document_that_is_no_answer_is_not_taken_for_one(family: str, document: str) -> None:
    body = body_reader(family)
    body.feed(document.encode())
    body.end()
    assert body.error is not None
    assert body.error.kind in (ErrorKind.SERVER_ERROR, ErrorKind.EMPTY)
