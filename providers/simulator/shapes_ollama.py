"""Requests to Ollama, according to the vendor's own types."""

from __future__ import annotations

from typing import Final

from fallback_chat.providers.simulator.shapes import (
    MOST,
    either,
    filled,
    flag,
    integer,
    many,
    null_or,
    number,
    record,
    table,
    text,
    word,
)

_FUNCTION_CALL: Final = record(
    {"function": record({"name": text, "arguments": table}, {"index": integer(0, MOST)})}, {"id": text, "type": text}
)

OLLAMA: Final = record(
    {
        "model": filled,
        "messages": many(
            record(
                {"role": word("system", "user", "assistant", "tool")},
                {
                    "content": null_or(text),
                    "thinking": null_or(text),
                    "images": null_or(many(text)),
                    "tool_calls": null_or(many(_FUNCTION_CALL)),
                    "tool_name": null_or(text),
                    "tool_call_id": null_or(text),
                },
            ),
            1,
            "messages",
        ),
    },
    {
        "format": null_or(either(word("", "json"), table)),
        "keep_alive": null_or(either(text, number(-(10**6), 10**9))),
        "logprobs": null_or(flag),
        "options": null_or(
            record(
                {},
                dict.fromkeys(
                    (
                        "num_ctx",
                        "num_batch",
                        "num_gpu",
                        "main_gpu",
                        "num_thread",
                        "num_keep",
                        "seed",
                        "num_predict",
                        "top_k",
                    ),
                    null_or(integer(-(2**31), 2**63)),
                )
                | dict.fromkeys(("repeat_last_n", "mirostat"), null_or(integer(-(2**31), 2**31)))
                | dict.fromkeys(
                    (
                        *("top_p", "tfs_z", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "min_p"),
                        *("frequency_penalty", "mirostat_tau", "mirostat_eta"),
                    ),
                    null_or(number(-1e6, 1e6)),
                )
                | dict.fromkeys(
                    (
                        *("numa", "low_vram", "f16_kv", "logits_all", "vocab_only", "use_mmap", "use_mlock"),
                        *("embedding_only", "penalize_newline"),
                    ),
                    null_or(flag),
                )
                | {"stop": null_or(many(text))},
            )
        ),
        "shift": flag,
        "stream": null_or(flag),
        "think": null_or(either(flag, word("low", "medium", "high", "max"))),
        "tools": null_or(
            many(
                record(
                    {"function": record({"name": text}, {"description": text, "parameters": table})},
                    {"type": null_or(text)},
                )
            )
        ),
        "top_logprobs": null_or(integer(0, 20)),
        "truncate": flag,
    },
)
