"""Requests to OpenAI's Chat Completions and Responses, according to the vendor's own types."""

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

_EFFORT: Final = null_or(word("none", "minimal", "low", "medium", "high", "xhigh", "max"))
_WORDS: Final = either(text, many(text))
_TEXTS: Final = null_or(table)

_SAMPLING: Final[dict[str, Shape]] = {
    "temperature": null_or(number(0, 2)),
    "top_p": null_or(number(0, 1)),
    "top_logprobs": null_or(integer(0, 20)),
}
_COMMON: Final[dict[str, Shape]] = {
    **_SAMPLING,
    "metadata": _TEXTS,
    "moderation": _TEXTS,
    "prompt_cache_key": null_or(text),
    "prompt_cache_options": table,
    "prompt_cache_retention": null_or(word("in_memory", "24h")),
    "safety_identifier": null_or(text),
    "store": null_or(flag),
    "stream": null_or(flag),
    "user": text,
}

_TEXT_PART: Final = record({"type": anything, "text": text}, {"prompt_cache_breakpoint": table})
_PARTS: Final = tagged(
    "type",
    {
        "text": _TEXT_PART,
        "image_url": record(
            {
                "type": anything,
                "image_url": record({"url": filled}, {"detail": word("auto", "low", "high", "original")}),
            },
            {"prompt_cache_breakpoint": table},
        ),
        "input_audio": record({"type": anything, "input_audio": table}, {"prompt_cache_breakpoint": table}),
        "file": record(
            {"type": anything, "file": record({}, {"file_data": filled, "file_id": text, "filename": text})},
            {"prompt_cache_breakpoint": table},
        ),
    },
)
_TEXT_PARTS: Final = tagged("type", {"text": _TEXT_PART})
_SAID_PARTS: Final = tagged("type", {"text": _TEXT_PART, "refusal": record({"type": anything, "refusal": text})})
_CALL: Final = tagged(
    "type",
    {
        "function": record(
            {"id": text, "type": anything, "function": record({"name": text, "arguments": text})},
        ),
        "custom": record({"id": text, "type": anything, "custom": table}),
    },
)
_TOLD: Final = record({"role": anything, "content": either(text, many(_TEXT_PARTS))}, {"name": text})
_MESSAGE: Final = tagged(
    "role",
    {
        "system": _TOLD,
        "developer": _TOLD,
        "user": record({"role": anything, "content": either(text, many(_PARTS))}, {"name": text}),
        "assistant": record(
            {"role": anything},
            {
                "content": null_or(either(text, many(_SAID_PARTS))),
                "tool_calls": many(_CALL),
                "refusal": null_or(text),
                "name": text,
                "audio": null_or(table),
                "function_call": null_or(table),
            },
        ),
        "tool": record({"role": anything, "content": either(text, many(_TEXT_PARTS)), "tool_call_id": text}),
        "function": record({"role": anything, "content": null_or(text), "name": text}),
    },
)
_FUNCTION: Final = record({"name": text}, {"description": text, "parameters": table, "strict": null_or(flag)})

CHAT: Final = record(
    {"model": filled, "messages": many(_MESSAGE, 1, "messages")},
    {
        **_COMMON,
        "audio": null_or(table),
        "frequency_penalty": null_or(number(-2, 2)),
        "function_call": either(word("none", "auto"), table),
        "functions": many(table),
        "logit_bias": null_or(table),
        "logprobs": null_or(flag),
        "max_completion_tokens": null_or(integer(1, MOST)),
        "max_tokens": null_or(integer(1, MOST)),
        "modalities": null_or(many(word("text", "audio"))),
        "n": null_or(integer(1, 128)),
        "parallel_tool_calls": flag,
        "prediction": null_or(table),
        "presence_penalty": null_or(number(-2, 2)),
        "reasoning_effort": _EFFORT,
        "response_format": tagged("type", dict.fromkeys(("text", "json_schema", "json_object"), table)),
        "seed": null_or(integer(-(2**63), 2**63)),
        "service_tier": null_or(word("auto", "default", "flex", "scale", "priority", "fast")),
        "stop": null_or(_WORDS),
        "stream_options": null_or(record({}, {"include_usage": flag, "include_obfuscation": flag})),
        "tool_choice": either(
            word("none", "auto", "required"),
            tagged(
                "type",
                {
                    "function": record({"type": anything, "function": record({"name": text})}),
                    "custom": record({"type": anything, "custom": table}),
                    "allowed_tools": record({"type": anything, "allowed_tools": table}),
                },
            ),
        ),
        "tools": many(
            tagged(
                "type",
                {
                    "function": record({"type": anything, "function": _FUNCTION}),
                    "custom": record({"type": anything, "custom": table}),
                },
            ),
            1,
            "tools",
        ),
        "verbosity": null_or(word("low", "medium", "high")),
        "web_search_options": table,
    },
)

_DETAIL: Final = word("low", "high", "auto", "original")
_INPUT_PARTS: Final = tagged(
    "type",
    {
        "input_text": record({"type": anything, "text": text}, {"prompt_cache_breakpoint": table}),
        "input_image": record(
            {"type": anything, "detail": _DETAIL},
            {"image_url": null_or(text), "file_id": null_or(text), "prompt_cache_breakpoint": table},
        ),
        "input_file": record(
            {"type": anything},
            {
                "file_data": text,
                "file_id": null_or(text),
                "file_url": text,
                "filename": text,
                "detail": _DETAIL,
                "prompt_cache_breakpoint": table,
            },
        ),
        "input_audio": record({"type": anything, "input_audio": table}),
    },
)
_OUTPUT_PARTS: Final = tagged(
    "type",
    {
        "output_text": record({"type": anything, "text": text, "annotations": many(table)}, {"logprobs": many(table)}),
        "refusal": record({"type": anything, "refusal": text}),
    },
)
_PHASE: Final = null_or(word("commentary", "final_answer"))
_STATUS: Final = word("in_progress", "completed", "incomplete")
_ITEM_MESSAGE: Final = either(
    record(
        {"role": word("user", "assistant", "system", "developer"), "content": either(text, many(_INPUT_PARTS))},
        {"type": anything, "phase": _PHASE, "status": _STATUS},
    ),
    record(
        {
            "type": anything,
            "id": text,
            "role": word("assistant"),
            "status": _STATUS,
            "content": many(_OUTPUT_PARTS),
        },
        {"phase": _PHASE},
    ),
)
HOSTED: Final = (
    "web_search_call", "file_search_call", "computer_call", "computer_call_output", "image_generation_call",
    "code_interpreter_call", "local_shell_call", "local_shell_call_output", "shell_call", "shell_call_output",
    "apply_patch_call", "apply_patch_call_output", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response",
    "mcp_call", "custom_tool_call", "custom_tool_call_output", "item_reference", "compaction", "compaction_trigger",
    "tool_search_call", "tool_search_output", "additional_tools", "configuration_update", "program", "program_output",
)  # fmt: skip
"""Items of the server's own tools, which go back unchanged."""
_ITEM: Final = tagged(
    "type",
    dict.fromkeys(HOSTED, table)
    | {
        "message": _ITEM_MESSAGE,
        "function_call": record(
            {"type": anything, "call_id": text, "name": text, "arguments": text},
            {"id": text, "status": _STATUS, "namespace": text, "async": flag, "caller": null_or(table)},
        ),
        "function_call_output": record(
            {"type": anything, "call_id": text, "output": either(text, many(_INPUT_PARTS))},
            {
                "id": null_or(text),
                "name": null_or(text),
                "namespace": null_or(text),
                "status": null_or(_STATUS),
                "caller": null_or(table),
            },
        ),
        "reasoning": record(
            {
                "type": anything,
                "id": text,
                "summary": many(record({"type": word("summary_text"), "text": text})),
            },
            {
                "content": many(record({"type": word("reasoning_text"), "text": text})),
                "encrypted_content": null_or(text),
                "status": _STATUS,
            },
        ),
    },
    default="message",
)
INCLUDED: Final = (
    "file_search_call.results", "web_search_call.results", "web_search_call.action.sources",
    "message.input_image.image_url", "computer_call_output.output.image_url", "code_interpreter_call.outputs",
    "reasoning.encrypted_content", "message.output_text.logprobs",
)  # fmt: skip
_HOSTED_TOOLS: Final = (
    "file_search", "computer", "computer_use_preview", "web_search", "web_search_2025_08_26", "mcp", "code_interpreter",
    "programmatic_tool_calling", "image_generation", "local_shell", "shell", "custom", "namespace", "tool_search",
    "web_search_preview", "web_search_preview_2025_03_11", "apply_patch",
)  # fmt: skip

RESPONSES: Final = record(
    {"model": filled, "input": either(filled, many(_ITEM, 1, "items"), neither="neither text nor a list of items")},
    {
        **_COMMON,
        "access_programs": table,
        "background": null_or(flag),
        "background_options": table,
        "context_management": null_or(many(table)),
        "conversation": null_or(either(text, table)),
        "image": table,
        "include": null_or(many(word(*INCLUDED))),
        "instructions": null_or(text),
        "max_output_tokens": null_or(integer(16, MOST)),
        "max_tool_calls": null_or(integer(1, MOST)),
        "parallel_tool_calls": null_or(flag),
        "previous_response_id": null_or(text),
        "prompt": null_or(table),
        "reasoning": null_or(
            record(
                {},
                {
                    "effort": _EFFORT,
                    "summary": null_or(word("auto", "concise", "detailed")),
                    "generate_summary": null_or(word("auto", "concise", "detailed")),
                    "context": null_or(word("auto", "current_turn", "all_turns")),
                    "mode": text,
                },
            )
        ),
        "service_tier": null_or(word("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")),
        "stream_options": null_or(record({}, {"include_obfuscation": flag})),
        "text": record({}, {"format": table, "verbosity": null_or(word("low", "medium", "high"))}),
        "tool_choice": either(
            word("none", "auto", "required"),
            tagged(
                "type",
                dict.fromkeys((*_HOSTED_TOOLS, "allowed_tools"), table)
                | {"function": record({"type": anything, "name": text})},
            ),
        ),
        "tools": many(
            tagged(
                "type",
                dict.fromkeys(_HOSTED_TOOLS, table)
                | {
                    "function": record(
                        {"type": anything, "name": text, "parameters": null_or(table), "strict": null_or(flag)},
                        {
                            "description": null_or(text),
                            "allowed_callers": null_or(many(word("direct", "programmatic"))),
                            "defer_loading": flag,
                            "async": flag,
                            "output_schema": null_or(table),
                        },
                    )
                },
            )
        ),
        "truncation": null_or(word("auto", "disabled")),
    },
)
