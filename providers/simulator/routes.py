"""Which wire format a request speaks, by its path; one simulator serves them all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fallback_chat.providers.simulator.wire import Asked, WireFormat
from fallback_chat.providers.simulator.wire_openai import OpenAI

if TYPE_CHECKING:
    from fallback_chat.providers.simulator.exchange import Recorded

ROUTES: Final[tuple[tuple[str, str, type[WireFormat]], ...]] = (
    ("POST", "/v1/chat/completions", OpenAI),
    ("GET", "/v1/models", OpenAI),
)
"""Method, end of the path, format."""


def parse(request: Recorded) -> Asked:
    """Give the request as a wire format looks at it; a body that is no JSON is None."""
    url = urlsplit(request.path)
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        body = None
    return Asked(request.method, url.path, url.query, request.headers, body)


def format_of(asked: Asked) -> type[WireFormat] | None:
    """Give the format that `asked` speaks, or None when nothing is served there."""
    for method, end, wire in ROUTES:
        if method == asked.method and asked.path.endswith(end):
            return wire
    return None
