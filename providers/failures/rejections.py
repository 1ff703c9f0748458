"""What a server refuses by name, and so can be left out: a key of the body that it does not know, or a feature."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import Image
from fallback_chat.core.errors import ErrorKind

if TYPE_CHECKING:
    from fallback_chat.core.errors import APIError
    from fallback_chat.providers.wire.dialect import ChatRequest

ESSENTIAL: Final = frozenset(
    {"model", "messages", "contents", "input", "system", "systemInstruction", "instructions", "stream", "tools"}
)
"""Without these the request would be another one."""

_STATUSES: Final = frozenset({400, 422})
_NAMED: Final = re.compile(r"""["'`]([A-Za-z_][\w.]*)["'`]|^([a-z_]+): """)
_ALIASES: Final = {"thinking": "think"}  # Ollama: "… does not support thinking"
_NO_THINKING: Final = re.compile(r"does not support (thinking)\b")

_TOOLS: Final = re.compile(
    r"(?:not|n't|no) support\w*\b.*\b(?:tools?|function)|\b(?:tools?|function)\b.*not support", re.IGNORECASE
)
_IMAGES: Final = re.compile(
    r"(?:not|n't|no) support\w*\b.*\b(?:image|vision|multimodal)|\b(?:image|vision|multimodal)\w*\b.*\bsupport",
    re.IGNORECASE,
)


def rejected_key(error: APIError, body: dict[str, Any], chat: ChatRequest) -> str | None:
    """Give the key of `body` that `error` names as the reason, as `key` or `outer.key`; None when there is none.

    What the user wrote into `extra_body` is not ours to drop.
    """
    if error.kind is not ErrorKind.BAD_REQUEST or error.details.status not in _STATUSES:
        return None
    keys = _droppable(body, chat)
    for name in _names(error):
        found = keys.get(name) or keys.get(name.rpartition(".")[2]) or keys.get(name.partition(".")[0])
        if found is not None and found not in chat.dropped:
            return found
    return None


def unsupported_feature(error: APIError, chat: ChatRequest) -> bool:
    """Say whether the request has tools or images, and `error` says that the model takes none."""
    if error.kind is not ErrorKind.BAD_REQUEST:
        return False
    images = any(isinstance(part, Image) for turn in chat.chat_ctx.messages for part in turn.content)
    return bool((chat.tools and _TOOLS.search(error.message)) or (images and _IMAGES.search(error.message)))


def _names(error: APIError) -> list[str]:
    """Give all that the error may mean by name: `param` is exact, what the text quotes comes after it."""
    quoted = [found[1] or found[2] for found in _NAMED.finditer(error.message)]
    quoted += _NO_THINKING.findall(error.message)
    return [_ALIASES.get(name, name) for name in ([error.details.param] if error.details.param else []) + quoted]


def _droppable(body: dict[str, Any], chat: ChatRequest) -> dict[str, str]:
    """Give each key that may go, with its path; keys of an object inside the body may go alone."""
    own = {**chat.settings.extra_body, **chat.extra}
    keys = {key: key for key in body if key not in ESSENTIAL and key not in own}
    inner = {inner: f"{outer}.{inner}" for outer in keys if isinstance(body[outer], dict) for inner in body[outer]}
    return inner | keys
