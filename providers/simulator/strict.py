"""Rules for requests that several formats share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.wire import Asked


def posted_json(asked: Asked) -> Iterator[str]:
    """A POST carries JSON, says so, and has no key in its URL."""
    if asked.headers.get("content-type", "").split(";")[0] != "application/json":
        yield f"the content-type is {asked.headers.get('content-type')!r}"
    if "key=" in asked.query:
        yield "the URL carries a key"


def known_keys(body: Any, keys: frozenset[str]) -> Iterator[str]:
    """The body is an object, and has no key that the server does not know."""
    if not isinstance(body, dict):
        yield "the body is not a JSON object"
        return
    for key in sorted(body.keys() - keys):
        yield f"unknown key {key!r}"


def roles(messages: Any, where: str, known: tuple[str, ...]) -> Iterator[str]:
    """There are messages, of roles that the server knows, and the first is not the model's."""
    if not isinstance(messages, list) or not messages:
        yield f"`{where}` is not a list of messages"
        return
    for n, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in known:
            yield f"{where}[{n}]: the role is {role!r}"
    if isinstance(messages[0], dict) and messages[0].get("role") in ("assistant", "model"):
        yield f"{where}[0]: the model speaks first"


def named(body: Any) -> Iterator[str]:
    """The body names a model."""
    if isinstance(body, dict) and not (isinstance(body.get("model"), str) and body["model"]):
        yield "`model` is not a name"
