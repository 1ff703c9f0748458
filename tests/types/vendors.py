"""The vendors' types for what goes out to each server, and what their servers take that their clients do not name."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from anthropic.types.message_create_params import MessageCreateParamsStreaming
from google.genai import types as genai
from groq.types.chat.completion_create_params import CompletionCreateParams as GroqParams
from mistralai.client.models import ChatCompletionStreamRequest
from ollama._types import ChatRequest as OllamaRequest
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from openrouter.components import ChatRequest as OpenRouterRequest

from tests.types.closed import problems


class Server(NamedTuple):
    """A server that is asked: the family of its requests, the service that it is, a model, and its types."""

    family: str
    preset: str
    model: str
    type: Any
    beyond: frozenset[str] = frozenset()
    """Keys of the body, or of its messages, that this service documents and the client's types do not name."""


CHAT = CompletionCreateParamsStreaming
SAMPLING = frozenset({"temperature", "top_p"})
"""The version of Anthropic's API that is asked for has them; the client speaks a later one."""
SERVERS = {
    "openai": Server("openai-chat", "openai", "gpt-6.2-sol", CHAT),
    "azure": Server("openai-chat", "azure", "gpt-4o", CHAT),
    "openrouter": Server("openai-chat", "openrouter", "openai/gpt-6", OpenRouterRequest),
    "groq": Server("openai-chat", "groq", "openai/gpt-oss-120b", GroqParams, frozenset({"stream_options"})),
    "mistral": Server("mistral", "mistral", "magistral-medium", ChatCompletionStreamRequest),
    "deepseek": Server("openai-chat", "deepseek", "deepseek-v4", CHAT, frozenset({"thinking", "reasoning_content"})),
    "moonshot": Server("openai-chat", "moonshot", "kimi-k3", CHAT, frozenset({"reasoning_content"})),
    "together": Server("openai-chat", "together", "any", CHAT, frozenset({"reasoning"})),
    "vllm": Server("openai-chat", "vllm", "any", CHAT, frozenset({"chat_template_kwargs"})),
    "lmstudio": Server("openai-chat", "lmstudio", "any", CHAT),
    "responses": Server("openai-responses", "openai", "gpt-6.2-sol", ResponseCreateParamsStreaming),
    "anthropic": Server("anthropic", "anthropic", "claude-opus-5", MessageCreateParamsStreaming, SAMPLING),
    "claude-4": Server("anthropic", "anthropic", "claude-sonnet-4-5", MessageCreateParamsStreaming, SAMPLING),
    "gemini": Server("gemini", "gemini", "gemini-3.8-flash", None),
    "gemini-2": Server("gemini", "gemini", "gemini-2.5-pro", None),
    "ollama": Server("ollama", "ollama", "qwen3", OllamaRequest, frozenset({"truncate", "shift"})),
}

GEMINI = {
    "contents": list[genai.Content],
    "systemInstruction": genai.Content,
    "generationConfig": genai.GenerationConfig,
    "tools": list[genai.Tool],
    "toolConfig": genai.ToolConfig,
    "safetySettings": list[genai.SafetySetting],
    "cachedContent": str,
}
"""The client has no type for the whole body."""


def refused(server: Server, body: Any) -> list[str]:
    """Return what the vendor's types refuse in a body."""
    if not isinstance(body, dict):
        return ["the body is no object"]
    if server.family == "gemini":
        found = [f"unknown key {key!r}" for key in body.keys() - GEMINI.keys()]
        found += [] if "contents" in body else ["'contents' is missing"]
        return found + [one for key in GEMINI.keys() & body.keys() for one in problems(GEMINI[key], body[key], key)]
    known = {key: value for key, value in body.items() if key not in server.beyond}
    if isinstance(known.get("messages"), list):
        known["messages"] = [
            {name: each for name, each in message.items() if name not in server.beyond}
            if isinstance(message, dict)
            else message
            for message in known["messages"]
        ]
    if server.family != "ollama":
        known.setdefault("stream", True)
        known = known | ({"stream": True} if known["stream"] is False else {})
    return problems(server.type, known)


@functools.cache
def server_of(kind: str, preset: str | None) -> Server | None:
    """Return the types for a provider of a kind, or None where nobody has any."""
    if kind == "openai":
        return SERVERS.get(preset or "openai")
    return next((one for one in SERVERS.values() if one.family == kind), None)
