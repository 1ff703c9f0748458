"""What the vendor's own Chat Completions server rejects in a request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.simulator.strict import known_keys, named, posted_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.wire import Asked

KNOWN_KEYS: Final = frozenset(
    """
    model messages stream stream_options max_tokens max_completion_tokens temperature top_p stop seed n tools tool_choice
    parallel_tool_calls reasoning_effort response_format presence_penalty frequency_penalty logit_bias logprobs
    top_logprobs user metadata store service_tier verbosity prompt_cache_key safety_identifier modalities
    """.split()  # noqa: SIM905 - one key a line would hide the module
)
TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


def problems(asked: Asked) -> Iterator[str]:
    """Give what is wrong with a POST to /chat/completions, a sentence each."""
    yield from _envelope(asked)
    yield from _body(asked.body)


def _envelope(asked: Asked) -> Iterator[str]:
    if asked.query:
        yield f"the query {asked.query!r} has no meaning here"
    yield from posted_json(asked)
    authorization = asked.headers.get("authorization")
    if authorization is not None and not re.fullmatch(r"Bearer \S+", authorization):
        yield "the Authorization header is not `Bearer KEY`"


def _body(body: Any) -> Iterator[str]:
    yield from known_keys(body, KNOWN_KEYS)
    yield from named(body)
    if not isinstance(body, dict):
        return
    if "stream_options" in body and body.get("stream") is not True:
        yield "`stream_options` without `stream`"
    yield from _numbers(body)
    yield from _tools(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "`messages` is not a list of messages"
    else:
        yield from _messages(messages)


RANGES: Final = {"max_tokens": (1, 10**7), "max_completion_tokens": (1, 10**7), "temperature": (0, 2), "top_p": (0, 1)}


def _numbers(body: dict[str, Any]) -> Iterator[str]:
    for key, (low, high) in RANGES.items():
        value = body.get(key, low)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            yield f"`{key}` is {value!r}, not a number from {low} to {high}"
    if "max_tokens" in body and "max_completion_tokens" in body:
        yield "`max_tokens` and `max_completion_tokens` together"


def _tools(body: dict[str, Any]) -> Iterator[str]:
    tools = body.get("tools")
    if tools is None:
        if "tool_choice" in body or "parallel_tool_calls" in body:
            yield "`tool_choice` or `parallel_tool_calls` without `tools`"
        return
    if not isinstance(tools, list) or not tools:
        yield "`tools` is not a list of tools"
        return
    for tool in tools:
        function = tool.get("function") or {}
        if tool.get("type") != "function" or not TOOL_NAME.fullmatch(str(function.get("name", ""))):
            yield f"{tool!r} is no tool"
        elif function.get("parameters", {"type": "object"}).get("type") != "object":
            yield f"the parameters of {function['name']!r} are no object schema"


def _messages(messages: list[Any]) -> Iterator[str]:
    waiting: list[str] = []
    for n, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if waiting and role != "tool":
            yield f"messages[{n}]: the calls {waiting} have no result before it"
            waiting = []
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                yield f"messages[{n}]: {message.get('tool_call_id')!r} answers no call"
            else:
                waiting.remove(message["tool_call_id"])
        elif role not in ("system", "developer", "user", "assistant"):
            yield f"messages[{n}]: the role is {role!r}"
            continue
        calls = message.get("tool_calls") or []
        waiting += [str(call.get("id")) for call in calls]
        yield from _content(n, message.get("content"), optional=bool(calls))
    if waiting:
        yield f"the calls {waiting} have no result"


PART_KEYS: Final = {"text": "text", "image_url": "image_url", "file": "file", "refusal": "refusal"}


def _content(n: int, content: Any, *, optional: bool) -> Iterator[str]:
    if content is None:
        if not optional:
            yield f"messages[{n}]: there is no content"
    elif isinstance(content, list):
        for part in content:
            key = PART_KEYS.get(str(part.get("type"))) if isinstance(part, dict) else None
            if key is None or not part.get(key):
                yield f"messages[{n}]: {str(part)[:80]!r} is no content part"
    elif not isinstance(content, str):
        yield f"messages[{n}]: the content is {content!r}"
