"""The checks of a strict server: the envelope of a request, its shape, and further rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fallback_chat.providers.simulator.shapes import Shape
    from fallback_chat.providers.simulator.wire import Asked


def problems(asked: Asked, shape: Shape, rules: Callable[[Any], Iterable[str]], *others: str) -> list[str]:
    """Return what is wrong with a POST, one sentence each; the rules may rely on the shape."""
    found = [*posted_json(asked), *others, *shape(asked.body, "")]
    return found or list(rules(asked.body))


def posted_json(asked: Asked) -> Iterator[str]:
    """Check that a POST carries JSON, declares it, and has no key in its URL."""
    if asked.headers.get("content-type", "").split(";")[0] != "application/json":
        yield f"the content-type is {asked.headers.get('content-type')!r}"
    if "key=" in asked.query:
        yield "the URL carries a key"


def first_speaker(messages: list[dict[str, Any]], where: str, *first: str) -> Iterator[str]:
    """Check that the model does not speak first."""
    role = messages[0].get("role")
    if role in ("assistant", "model"):
        yield f"{where}[0]: the model speaks first"
    elif role is not None and role not in first:
        yield f"{where}[0]: the role is {role!r}"
