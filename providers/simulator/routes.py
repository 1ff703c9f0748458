"""The wire format of a request, by its path; one simulator serves them all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fallback_chat.providers.simulator.wire import Asked, WireFormat
from fallback_chat.providers.simulator.wire_anthropic import Anthropic
from fallback_chat.providers.simulator.wire_gemini import Gemini
from fallback_chat.providers.simulator.wire_ollama import Ollama
from fallback_chat.providers.simulator.wire_openai import OpenAI
from fallback_chat.providers.simulator.wire_responses import Responses

if TYPE_CHECKING:
    from fallback_chat.providers.simulator.exchange import Recorded

ROUTES: Final[tuple[tuple[str, str, type[WireFormat]], ...]] = (
    ("POST", "/v1/chat/completions", OpenAI),
    ("POST", "/v1/responses", Responses),
    ("POST", "/v1/messages", Anthropic),
    ("POST", ":streamGenerateContent", Gemini),
    ("POST", ":generateContent", Gemini),
    ("POST", "/api/chat", Ollama),
    ("GET", "/v1beta/models", Gemini),
    ("GET", "/api/tags", Ollama),
    ("GET", "/v1/models", OpenAI),
)
"""Method, end of the path, format."""


def parse(request: Recorded) -> Asked:
    """Return the request as a wire format sees it; a body that is not JSON is None."""
    url = urlsplit(request.path)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    return Asked(request.method, url.path, url.query, request.headers, body)


def format_of(asked: Asked) -> type[WireFormat] | None:
    """Return the format of `asked`, or None if the path is not served.

    Two vendors have their list of models at the same path; Anthropic's mandatory header decides.
    """
    if asked.method == "GET" and "anthropic-version" in asked.headers and asked.path.endswith("/v1/models"):
        return Anthropic
    for method, end, wire in ROUTES:
        if method == asked.method and asked.path.endswith(end):
            return wire
    return None
