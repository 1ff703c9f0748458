"""One row for each kind of provider with a wire format: what the tests of all kinds need to know of it.

What a kind carries is not said here: docs/kinds.md says it, and tests of what it does not carry leave it out.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from fallback_chat.core.llm import ModelInfo
from tests.test_docs import rows, section, words


class Sample(NamedTuple):
    """One kind, by what its server says and is told."""

    family: str
    """The first part of the names of its vectors."""
    base_url: str
    answer: str
    """A recorded answer, whole, that ends because the model was done."""
    key_header: str
    pages: list[Any]
    """A list of models, page by page."""
    paths: list[str]
    """The address of each page, below the base URL."""
    models: list[ModelInfo]
    """What the pages say."""
    document: dict[str, Any]
    """An unstreamed answer: the text "Hi", the reasoning "hm", the call `t({"a": 1})`, each if carried; one token in, two out."""
    wishes: dict[str, Any]
    """The part of a body that `WISHES` adds."""


_OPENAI_MODELS: Final = [
    {"id": "a", "context_length": 8, "supported_parameters": ["tools", "reasoning"]}
    | {"top_provider": {"max_completion_tokens": 4}},
    {"id": "b"},
    {"no": "id"},
]
_ANTHROPIC_MODEL: Final = {
    "id": "a",
    "max_input_tokens": 7,
    "max_tokens": 4,
    "lifecycle": "retired",
    "capabilities": {"thinking": {"supported": True}, "batch": {"supported": False}, "x": True, "y": None},
}

SAMPLES: Final = {
    "openai": Sample(
        family="openai-chat",
        base_url="https://api.openai.com/v1",
        answer="openai-chat-framing-bom",
        key_header="authorization",
        pages=[{"data": _OPENAI_MODELS}],
        paths=["/models"],
        models=[ModelInfo("a", 8, ("tools", "reasoning"), 4), ModelInfo("b")],
        document={
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
        },
        wishes={
            "max_completion_tokens": 50,
            "temperature": 0.5,
            "stop": ["END"],
            "seed": 7,
            "reasoning_effort": "low",
        },
    ),
    "openai-responses": Sample(
        family="openai-responses",
        base_url="https://api.openai.com/v1",
        answer="openai-responses-text-reasoning",
        key_header="authorization",
        pages=[
            {"models": [*_OPENAI_MODELS, {"id": "c", "capabilities": {"limits": {"max_context_window_tokens": 9}}}]}
        ],
        paths=["/models"],
        models=[ModelInfo("a", 8, ("tools", "reasoning"), 4), ModelInfo("b"), ModelInfo("c", 9)],
        document={
            "status": "completed",
            "output": [
                {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
                {"type": "function_call", "call_id": "c", "name": "t", "arguments": '{"a":1}'},
            ],
            "usage": {"input_tokens": 1, "output_tokens": 2},
        },
        wishes={
            "max_output_tokens": 50,
            "temperature": 0.5,
            "reasoning": {"effort": "low", "summary": "auto"},
        },
    ),
    "anthropic": Sample(
        family="anthropic",
        base_url="https://api.anthropic.com",
        answer="anthropic-stop-sequence",
        key_header="x-api-key",
        pages=[
            {"data": [_ANTHROPIC_MODEL], "has_more": True, "last_id": "a"},
            {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
        ],
        paths=["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=a"],
        models=[ModelInfo("a", 7, ("thinking", "x"), 4, retired=True), ModelInfo("b")],
        document={
            "type": "message",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "Hi"},
                {"type": "tool_use", "id": "c", "name": "t", "input": {"a": 1}},
            ],
            "stop_reason": "tool_use",
            "usage": {"input_tokens": 1, "output_tokens": 2},
        },
        wishes={
            "max_tokens": 50,
            "temperature": 0.5,
            "stop_sequences": ["END"],
            "output_config": {"effort": "low"},
        },
    ),
    "gemini": Sample(
        family="gemini",
        base_url="https://generativelanguage.googleapis.com",
        answer="gemini-text-thoughts",
        key_header="x-goog-api-key",
        pages=[
            {
                "models": [{"name": "models/a", "inputTokenLimit": 6, "outputTokenLimit": 4, "thinking": True}],
                "nextPageToken": "x/y",
            },
            {"models": [{"name": "models/b"}, {"name": "models/e", "supportedGenerationMethods": ["embed"]}]},
        ],
        paths=["/v1beta/models?pageSize=1000", "/v1beta/models?pageSize=1000&pageToken=x%2Fy"],
        models=[ModelInfo("a", 6, ("reasoning",), 4), ModelInfo("b")],
        document={
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
        wishes={
            "generationConfig": {
                "maxOutputTokens": 50,
                "temperature": 0.5,
                "stopSequences": ["END"],
                "seed": 7,
                "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
            }
        },
    ),
    "ollama": Sample(
        family="ollama",
        base_url="http://127.0.0.1:11434",
        answer="ollama-text-thinking",
        key_header="authorization",
        pages=[
            {"models": [{"name": "m:latest", "details": {"context_length": 5}, "capabilities": ["thinking"]}]},
        ],
        paths=["/api/tags"],
        models=[ModelInfo("m:latest", 5, ("thinking",))],
        document={
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
        wishes={"options": {"num_predict": 50, "temperature": 0.5, "stop": ["END"], "seed": 7}, "think": "low"},
    ),
}


def _carried() -> dict[str, set[str]]:
    """Return the kinds with a yes in docs/kinds.md, by feature."""
    table = section("kinds.md", "What each kind carries")
    head = re.search(r"^\| feature \|(.*)\|$", table, re.MULTILINE)
    assert head
    columns = words(head[1])
    return {
        feature: {kind for kind, cell in zip(columns, cells, strict=True) if cell == "yes"}
        for feature, *cells in rows(table)
    }


CARRIED: Final = _carried()
