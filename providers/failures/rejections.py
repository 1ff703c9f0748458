"""The parts of a request that a server rejects and that can be left out: a key or a feature."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.chat_context import Image
from fallback_chat.core.errors import ErrorKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fallback_chat.core.errors import APIError
    from fallback_chat.providers.wire.dialect import ChatRequest

ESSENTIAL: Final = frozenset(
    {"model", "messages", "contents", "input", "system", "systemInstruction", "instructions", "stream", "tools"}
)
"""Without these it would be a different request."""

_STATUSES: Final = frozenset({400, 404, 422})
"""OpenAI answers 404 for an unknown reasoning item, OpenRouter for an option that no server has."""
_KINDS: Final = frozenset({ErrorKind.BAD_REQUEST, ErrorKind.PERMISSION})
"""A summary of thoughts may need a verified organisation, and tools may not be enabled; the answer
itself needs neither."""
_NAME: Final = r"([A-Za-z_][\w.]*)"
_NAMED: Final = re.compile(
    rf"""["'`]{_NAME}["'`]|^([a-z_]+): |: {_NAME}\.?$|key \[(\w+)\]|\b([a-z_]+)=|\bparam(?:eter)?s?\W{{1,3}}{_NAME}""",
    re.ASCII,
)
"""`key [name]` is the form of Bedrock. Names are ASCII, so that a Chinese word may follow one."""
_COMPOUND: Final = re.compile(r"\b[A-Za-z]+(?:[._][A-Za-z]+|(?<=[a-z])[A-Z][a-z]*)+", re.ASCII)
"""A word of several parts, such as `top_p` or `topP`, which cannot be an ordinary one."""

_REFUSES: Final = re.compile(
    r"n[o']t (?:be )?(?:support|accept|allow|permit|recogni[sz]e|available|valid|disabled|enabled|known|used|set)"
    r"|unsupported|unrecogni[sz]ed|unknown|unexpected|invalid|forbidden|deprecated|mandatory|extra (?:inputs|fields)"
    r"|must be|may only|should be|only works|only enabled|cannot|only the|supported values|not supported|at most|incompatible"
    r"|不支持|取值|非法|无效|不合法|有误",
    re.IGNORECASE,
)
_UNKNOWN: Final = re.compile(r"support|unrecogni[sz]ed|unknown|unexpected|instead|permitted|extra", re.IGNORECASE)
_STATE: Final = re.compile(r"signature|encrypted|\bblocks?\b|reasoning_content|messages[.\[]|input[.\[]", re.IGNORECASE)
"""Phrases about returned thoughts, as opposed to an option."""

_KINDS_OF_STATE: Final = frozenset({ErrorKind.BAD_REQUEST, ErrorKind.MODEL_NOT_FOUND})
_RETURNED: Final = re.compile(
    r"signature|encrypted.?content|encrypted reasoning|(?:redacted_)?thinking\W{0,3}blocks?|\brs_|reasoning.{0,3}(?:items?|details)"
    r"|type\W{1,3}reasoning",
    re.IGNORECASE,
)
"""Phrases about returned state."""
_NO_SYSTEM: Final = re.compile(
    r"(?:system|developer) (?:role|messages?|prompts?|instructions?) (?:is |are )?not (?:support|enabled|allowed)"
    r"|n[o']t support (?:a )?system (?:role|messages?|prompts?|instructions?)|role\b.{0,20}\bnot support '?system"
    r"|invalid message role: system|only user(?: and|,) (?:assistant|model)\b|should be 'user' or '(?:assistant|model)'"
    r"|(?<!optional )(?<!system message, conversation )roles must alternate",
    re.IGNORECASE,
)
"""Our turns alternate: a chat template objects only because it counts the system prompt as one."""
_LACKING: Final = re.compile(
    r"reasoning_content\b.*\b(?:passed back|missing|required)|missing\W{0,3}reasoning_content",
    re.IGNORECASE | re.DOTALL,
)


class Wish(NamedTuple):
    """An option of an answer: the words for it, and its keys in the bodies of all formats."""

    means: re.Pattern[str]
    keys: tuple[str, ...]


def _wish(words: str, *keys: str) -> Wish:
    return Wish(re.compile(words, re.IGNORECASE), keys)


WISHES: Final = (
    _wish(r"temperature|sampling", "temperature", "generationConfig.temperature", "options.temperature"),
    _wish(r"top.?p\b|nucleus|sampling", "top_p", "generationConfig.topP", "options.top_p"),
    _wish(r"stop.?sequences?|stop words?", "stop", "stop_sequences", "generationConfig.stopSequences", "options.stop"),
    _wish(r"\bseed", "seed", "random_seed", "generationConfig.seed", "options.seed"),
    _wish(r"parallel.{0,3}(?:tool|function)", "parallel_tool_calls"),
    _wish(r"tool.?choice|forced? tool", "tool_choice", "toolConfig"),
    _wish(r"stream.?options|include.?usage", "stream_options"),
    _wish(r"summar(?:y|ies)|include.?thoughts", "reasoning.summary", "generationConfig.thinkingConfig.includeThoughts"),
    _wish(
        r"effort|\bthink(?:ing)?\b|reasoning|budget",
        "output_config.effort", "reasoning_effort", "reasoning.effort", "reasoning", "generationConfig.thinkingConfig", "thinking",
        "think", "chat_template_kwargs",
    ),
)  # fmt: skip
"""In the order in which they give way: "no temperature while thinking" is about temperature."""

TWINS: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""Two names of one option, of which each server knows one."""

_TOOLS: Final = re.compile(
    r"(?:(?:not|n't|no|found that) support\w*|unsupported)\b.*\b(?:tools?|function)|\b(?:tools?|function)\b.*"
    r"(?:not support|not enabled|requires? --)|不支持.*(?:tools|工具|函数)",
    re.IGNORECASE,
)
_IMAGES: Final = re.compile(
    r"(?:not|n't|no|found that) support\w*\b.*\b(?:image|vision|multimodal)|\b(?:image|vision|multimodal)\w*\b.*\bsupport"
    r"|not a (?:multimodal|vision)|only (?:supports|accepts|takes) text|unknown variant .image_url",
    re.IGNORECASE,
)


def rejected_key(
    error: APIError, body: dict[str, Any], chat: ChatRequest, unasked: frozenset[str] = frozenset()
) -> str | None:
    """Return the key of `body` that `error` is about, as `key` or `outer.key`, or None.

    Keys named in the error come first, then those its wording implies; among several, one that
    nobody asked for. Keys from the user's `extra_body` are not ours to drop.
    """
    if error.kind not in _KINDS or error.details.status not in _STATUSES:
        return None
    keys = _droppable(body, chat)
    for found in (
        *_named(error, keys),
        *_spoken_of(error, keys),
        *_valued(error, body, keys),
        *sorted(_meant(error, keys), key=lambda key: key not in unasked),
    ):
        if found not in chat.dropped:
            return found
    return None


def rejects_state(error: APIError, chat: ChatRequest) -> bool:
    """Whether the request carries state of earlier answers and `error` is about it."""
    if error.details.status not in _STATUSES or error.kind not in _KINDS_OF_STATE:
        return False
    carried = any(extra.origin == chat.origin for turn in chat.chat_ctx.messages for extra in turn.extras)
    return bool(chat.origin) and carried and bool(_RETURNED.search(f"{error.details.code or ''} {error.message}"))


def rejects_system(error: APIError, chat: ChatRequest) -> bool:
    """Whether the request has a system prompt and `error` says that the model takes none."""
    return error.kind is ErrorKind.BAD_REQUEST and bool(chat.system) and bool(_NO_SYSTEM.search(error.message))


def lacks_reasoning(error: APIError) -> bool:
    """Whether `error` demands reasoning with every tool call; empty reasoning will do."""
    return error.details.status in _STATUSES and bool(_LACKING.search(error.message))


def other_name(key: str, error: APIError, chat: ChatRequest) -> str | None:
    """Return the other name under which the server may know a rejected key, or None."""
    twin = TWINS.get(key)
    return twin if key not in chat.renamed.values() and _UNKNOWN.search(error.message) else None


def unsupported_feature(error: APIError, chat: ChatRequest) -> bool:
    """Whether the request has tools or images and `error` says the model takes none."""
    if error.kind not in _KINDS:
        return False
    images = any(isinstance(part, Image) for turn in chat.chat_ctx.messages for part in turn.content)
    return bool((chat.tools and _TOOLS.search(error.message)) or (images and _IMAGES.search(error.message)))


def _named(error: APIError, keys: dict[str, str]) -> Iterator[str]:
    """Yield the named keys: `param` is exact, quotations in the text come second."""
    quoted = [next(filter(None, found.groups())) for found in _NAMED.finditer(error.message)]
    yield from _called(([error.details.param] if error.details.param else []) + quoted, keys)


def _spoken_of(error: APIError, keys: dict[str, str]) -> Iterator[str]:
    """Yield the keys that a refusal mentions unquoted, if they cannot be ordinary words."""
    if _REFUSES.search(error.message):
        yield from _called(_COMPOUND.findall(error.message), keys)


def _called(names: Iterable[str], keys: dict[str, str]) -> Iterator[str]:
    """Yield the keys with these names, in any spelling.

    The innermost part of a path that is a key counts; Google names with bars the keys sent in camel
    case.
    """
    plain = {_plain(name): path for name, path in keys.items()}
    for name in names:
        parts = [name, *reversed(name.split("."))]
        if found := next(filter(None, (plain.get(_plain(part)) for part in parts)), None):
            yield found


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _valued(error: APIError, body: dict[str, Any], keys: dict[str, str]) -> Iterator[str]:
    """Yield the only key, if there is one, whose value a refusal quotes without naming the key."""
    if not _REFUSES.search(error.message):
        return
    quoted = {found[1] for found in _NAMED.finditer(error.message)}
    paths = {path for path in keys.values() if quoted & _texts_in(_value_at(body, path))}
    inner = {path for path in paths if not any(other.startswith(f"{path}.") for other in paths)}
    if len(inner) == 1:
        yield from inner


def _value_at(body: dict[str, Any], path: str) -> Any:
    outer, _, inner = path.partition(".")
    return body[outer][inner] if inner else body[outer]


def _texts_in(value: Any) -> set[str]:
    """Return the strings in a value of the body."""
    if isinstance(value, dict):
        return set[str]().union(*map(_texts_in, value.values()))
    return {value} if isinstance(value, str) else set()


def _meant(error: APIError, keys: dict[str, str]) -> Iterator[str]:
    """Yield the keys of the options that a rejection describes in its own words."""
    if not _REFUSES.search(error.message) or _STATE.search(error.message):
        return
    paths = set(keys.values())
    for wish in WISHES:
        if wish.means.search(error.message):
            yield from (key for key in wish.keys if key in paths)


def _droppable(body: dict[str, Any], chat: ChatRequest) -> dict[str, str]:
    """Return each droppable key with its path; a key of an inner object can go alone."""
    own = {**chat.settings.extra_body, **chat.extra}
    keys = {key: key for key in body if key not in ESSENTIAL and key not in own}
    inner = {inner: f"{outer}.{inner}" for outer in keys if isinstance(body[outer], dict) for inner in body[outer]}
    inner.pop("type", None)  # what an object is goes with all of it
    return inner | keys
