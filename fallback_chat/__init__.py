"""An ordered chain of LLM providers behind one `chat()`: when one fails, the next one answers.

The public API is imported on first use, so that `import fallback_chat` costs nothing.
"""

from __future__ import annotations

import os.path  # pathlib would double what `--version` costs

from fallback_chat._version import __version__

# `typing` costs a third of what `--version` may; type checkers go by the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from fallback_chat.core.answer import Answer, AnswerBuilder
    from fallback_chat.core.chat_context import (
        ChatContext,
        ChatMessage,
        Document,
        Image,
        Role,
        Text,
        Tool,
        ToolCall,
        ToolResult,
    )
    from fallback_chat.core.engine.adapter import FallbackAdapter
    from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, OnRefusal, OnStreamFailure, Prefer
    from fallback_chat.core.engine.stream import FallbackLLMStream
    from fallback_chat.core.errors import (
        AllProvidersFailed,
        APIConnectionError,
        APIError,
        APIStatusError,
        APIStreamError,
        APITimeoutError,
        ConfigError,
        ErrorKind,
    )
    from fallback_chat.core.events import AvailabilityChangedEvent
    from fallback_chat.core.llm import (
        LLM,
        ChatChunk,
        ChatOptions,
        ChoiceDelta,
        CompletionUsage,
        FinishReason,
        LLMStream,
    )
    from fallback_chat.wiring import load_chain

_HOMES: Final = {
    "wiring": ("load_chain",),
    "core.answer": ("Answer", "AnswerBuilder"),
    "core.chat_context": (
        "ChatContext",
        "ChatMessage",
        "Document",
        "Image",
        "Role",
        "Text",
        "Tool",
        "ToolCall",
        "ToolResult",
    ),
    "core.errors": (
        "APIConnectionError",
        "APIError",
        "APIStatusError",
        "APIStreamError",
        "APITimeoutError",
        "AllProvidersFailed",
        "ConfigError",
        "ErrorKind",
    ),
    "core.events": ("AvailabilityChangedEvent",),
    "core.engine.adapter": ("FallbackAdapter",),
    "core.engine.stream": ("FallbackLLMStream",),
    "core.engine.settings": ("AttemptSettings", "ChainSettings", "OnRefusal", "OnStreamFailure", "Prefer"),
    "core.llm": (
        "ChatChunk",
        "ChatOptions",
        "ChoiceDelta",
        "CompletionUsage",
        "FinishReason",
        "LLM",
        "LLMStream",
    ),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "LLM",
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APIStreamError",
    "APITimeoutError",
    "AllProvidersFailed",
    "Answer",
    "AnswerBuilder",
    "AttemptSettings",
    "AvailabilityChangedEvent",
    "ChainSettings",
    "ChatChunk",
    "ChatContext",
    "ChatMessage",
    "ChatOptions",
    "ChoiceDelta",
    "CompletionUsage",
    "ConfigError",
    "Document",
    "ErrorKind",
    "FallbackAdapter",
    "FallbackLLMStream",
    "FinishReason",
    "Image",
    "LLMStream",
    "OnRefusal",
    "OnStreamFailure",
    "Prefer",
    "Role",
    "Text",
    "Tool",
    "ToolCall",
    "ToolResult",
    "__version__",
    "load_chain",
]

_HERE = os.path.dirname(__file__)  # noqa: PTH120
if not os.path.isdir(f"{_HERE}/core"):  # noqa: PTH112
    # A checkout on a system where git cannot make the symlinks core, cli and providers: they lie one folder up.
    __path__.append(os.path.dirname(_HERE))  # noqa: PTH120


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
