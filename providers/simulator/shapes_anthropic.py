"""Requests to Anthropic, according to the vendor's own types."""

from __future__ import annotations

from typing import Final

from fallback_chat.providers.simulator.shapes import (
    MOST,
    Shape,
    anything,
    either,
    filled,
    flag,
    integer,
    many,
    null_or,
    number,
    record,
    table,
    tagged,
    text,
    word,
)

_CACHE: Final[dict[str, Shape]] = {"cache_control": null_or(table)}
_CITED: Final[dict[str, Shape]] = {**_CACHE, "citations": null_or(either(table, many(table)))}
_TEXT_BLOCK: Final = record({"type": anything, "text": text}, _CITED)
_ELSEWHERE: Final[dict[str, Shape]] = {
    "url": record({"type": anything, "url": text}),
    "file": record({"type": anything, "file_id": text}),
}
_PICTURE: Final = record(
    {"type": anything, "media_type": word("image/jpeg", "image/png", "image/gif", "image/webp"), "data": text}
)
_PAPERS: Final[dict[str, Shape]] = {
    "base64": record({"type": anything, "media_type": word("application/pdf"), "data": text}),
    "text": record({"type": anything, "media_type": word("text/plain"), "data": text}),
    "content": record({"type": anything, "content": either(text, many(table))}),
}
_IMAGE: Final = record({"type": anything, "source": tagged("type", {**_ELSEWHERE, "base64": _PICTURE})}, _CACHE)
_DOCUMENT: Final = record(
    {"type": anything, "source": tagged("type", {**_ELSEWHERE, **_PAPERS})},
    {**_CITED, "title": null_or(text), "context": null_or(text)},
)
_RESULT_BLOCKS: Final = tagged(
    "type",
    {"text": _TEXT_BLOCK, "image": _IMAGE, "document": _DOCUMENT, "search_result": table, "tool_reference": table},
)
SERVER_BLOCKS: Final = (
    "search_result", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "tool_search_tool_result",
    "container_upload", "mcp_tool_use", "mcp_tool_result", "compaction", "fallback",
)  # fmt: skip
"""Blocks of the server's own tools, which go back unchanged."""
_BLOCK: Final = tagged(
    "type",
    dict.fromkeys(SERVER_BLOCKS, table)
    | {
        "text": _TEXT_BLOCK,
        "image": _IMAGE,
        "document": _DOCUMENT,
        "thinking": record({"type": anything, "thinking": text, "signature": text}),
        "redacted_thinking": record({"type": anything, "data": text}),
        "tool_use": record(
            {"type": anything, "id": text, "name": text, "input": table},
            {**_CACHE, "caller": table, "toolset_name": null_or(text)},
        ),
        "tool_result": record(
            {"type": anything, "tool_use_id": text},
            {**_CACHE, "content": either(text, many(_RESULT_BLOCKS)), "is_error": flag},
        ),
    },
)
_TOLD: Final = record({"role": anything, "content": either(text, many(_BLOCK))}, {"name": text})
_TYPED: Final = record({"type": anything})
_CHOSEN: Final = record({"type": anything}, {"disable_parallel_tool_use": flag})

MESSAGES: Final = record(
    {
        "model": filled,
        "max_tokens": integer(1, MOST),
        "messages": many(tagged("role", dict.fromkeys(("user", "assistant", "system"), _TOLD)), 1, "messages"),
    },
    {
        **_CACHE,
        "container": null_or(either(text, table)),
        "context_management": null_or(table),
        "diagnostics": null_or(table),
        "inference_geo": null_or(text),
        "mcp_servers": many(table),
        "metadata": record({}, {"user_id": null_or(text)}),
        "output_config": record(
            {},
            {
                "effort": null_or(word("low", "medium", "high", "xhigh", "max")),
                "format": null_or(table),
                "task_budget": null_or(table),
            },
        ),
        "service_tier": word("auto", "standard_only"),
        "speed": null_or(word("fast", "standard")),
        "stop_sequences": many(text),
        "stream": flag,
        "system": either(text, many(_TEXT_BLOCK)),
        "temperature": number(0, 1),
        "thinking": tagged(
            "type",
            {
                "enabled": record(
                    {"type": anything, "budget_tokens": integer(1024, MOST)},
                    {"display": null_or(word("summarized", "omitted"))},
                ),
                "adaptive": record({"type": anything}, {"display": null_or(word("summarized", "omitted"))}),
                "between_tools": _TYPED,
                "disabled": _TYPED,
            },
        ),
        "tool_choice": tagged(
            "type",
            {
                "auto": _CHOSEN,
                "any": _CHOSEN,
                "tool": record({"type": anything, "name": text}, {"disable_parallel_tool_use": flag}),
                "none": _TYPED,
            },
        ),
        "tools": many(
            either(
                record(
                    {"name": text, "input_schema": table},
                    {
                        **_CACHE,
                        "type": null_or(word("custom")),
                        "description": text,
                        "strict": flag,
                        "eager_input_streaming": null_or(flag),
                        "defer_loading": flag,
                        "allowed_callers": many(text),
                        "input_examples": many(table),
                    },
                ),
                tagged("type", dict.fromkeys(("bash", "code_execution", "memory", "web_search", "web_fetch"), table)),
            )
        ),
        "top_k": integer(0, MOST),
        "top_p": number(0, 1),
        "user_profile_id": text,
        "workspace_id": text,
    },
)
