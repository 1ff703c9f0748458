"""The checks of the vendor's own Chat Completions server, apart from the shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.wire import Asked

TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def envelope(asked: Asked) -> Iterator[str]:
    """Check that the query is empty and the key a Bearer token."""
    if asked.query:
        yield f"the query {asked.query!r} has no meaning here"
    authorization = asked.headers.get("authorization")
    if authorization is not None and not re.fullmatch(r"Bearer \S+", authorization):
        yield "the Authorization header is not `Bearer KEY`"


def rules(body: dict[str, Any]) -> Iterator[str]:
    """Check the keys that depend on each other, and that every call has its result."""
    if "stream_options" in body and body.get("stream") is not True:
        yield "`stream_options` without `stream`"
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "`max_tokens` and `max_completion_tokens` together"
    if "tools" not in body and ("tool_choice" in body or "parallel_tool_calls" in body):
        yield "`tool_choice` or `parallel_tool_calls` without `tools`"
    for tool in body.get("tools", ()):
        yield from _function(tool.get("function") or {})
    yield from _messages(body["messages"])


def _function(function: dict[str, Any]) -> Iterator[str]:
    name = function.get("name", "custom")
    if not TOOL_NAME.fullmatch(name):
        yield f"{name!r} is no name of a tool"
    elif function.get("parameters", {"type": "object"}).get("type") != "object":
        yield f"the parameters of {name!r} are no object schema"


def _messages(messages: list[dict[str, Any]]) -> Iterator[str]:
    waiting: list[str] = []
    for n, message in enumerate(messages):
        role, calls = message["role"], message.get("tool_calls") or []
        if waiting and role != "tool":
            yield f"messages[{n}]: the calls {waiting} have no result before it"
            waiting = []
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                yield f"messages[{n}]: {message['tool_call_id']!r} answers no call"
            else:
                waiting.remove(message["tool_call_id"])
        if message.get("content") is None and not calls:
            yield f"messages[{n}]: there is no content"
        waiting += [call["id"] for call in calls]
    if waiting:
        yield f"the calls {waiting} have no result"
