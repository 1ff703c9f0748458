"""Why the body of a 200 is no answer: the failure of one that ended without a finish."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.errors import APIError, APIStreamError, ErrorKind
from fallback_chat.providers.failures.markup import holds_page, without_markup
from fallback_chat.providers.failures.reader import reported
from fallback_chat.providers.wire.dialect import dict_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

_TYPES: Final = {"response.": "openai-responses", "message": "anthropic", "content_block": "anthropic"}
_KEYS: Final = {"choices": "openai", "candidates": "gemini", "done": "ollama", "output": "openai-responses"}
"""The kinds that are known by the beginning of an event's type, and by a key."""


class Remains(NamedTuple):
    """The facts about a body that ended without a finish."""

    begun: bool
    """Whether text, reasoning, a refusal or part of a tool call was seen."""
    frames: int
    whole: bool
    """Whether it was one JSON document."""
    stray: str
    """The text outside all frames."""
    unread: Any
    """The last event that meant nothing in the expected format."""


def unfinished(
    left: Remains, *, kind: str, classify: Callable[[Any], APIError], redact: Callable[[str], str]
) -> APIError:
    """Return the failure of a body that should have the format of `kind`.

    It is what the body reports, or else what it lacks.
    """
    for said in filter(None, (left.stray, left.unread)):
        if (error := reported(said, answered=left.begun)) is not None:
            return classify(error)
    if left.begun:
        page = f": {_shown(left.stray, redact)}" if holds_page(left.stray) else ""
        return APIStreamError(f"it ended without a finish{page}", kind=ErrorKind.TRUNCATED)
    if (other := _format_of(left.unread)) not in (None, kind):
        words, hint = f"in the format of kind {other!r}", f"set kind = {other!r}, or check base_url"
    elif left.stray:
        words, hint = f"with {_shown(left.stray, redact)}", "check base_url"
    elif left.whole:
        words, hint = "with JSON that is not an answer", None
    else:
        what = "nothing in it" if left.frames else "an empty body"
        return APIStreamError(f"the provider answered 200 with {what}", kind=ErrorKind.EMPTY)
    return APIStreamError(f"the provider answered 200 {words}", kind=ErrorKind.SERVER_ERROR, hint=hint)


def _format_of(event: Any) -> str | None:
    """Return the kind whose format an event has, or None."""
    event = dict_of(event)
    type_ = text_of(event.get("type"))
    by_type = (kind for prefix, kind in _TYPES.items() if type_.startswith(prefix))
    by_key = (kind for key, kind in _KEYS.items() if key in event)
    return next(by_key, None) or next(by_type, None)


def _shown(stray: str, redact: Callable[[str], str]) -> str:
    """Return the title or the beginning of a text that is not an answer."""
    said = redact(stray.strip())
    return without_markup(said)[:200] if holds_page(said) else f"something other than an answer: {said[:80]!r}"
