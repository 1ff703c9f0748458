"""From what a provider says about its failure to the class that the failover policy looks at.

Codes that leave no doubt come first, then the status, then softer codes; wording decides only where there is nothing else, as
in a 400 whose text alone tells a context overflow from a bad key. All of it is tables: a new vendor adds rows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.failures.reader import MESSAGE_LIMIT
from fallback_chat.providers.wire.dialect import dict_of, dicts_of, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.providers.failures.reader import Failure

K = ErrorKind

# Status 4xx and 5xx; anything else below 500 is the request's fault, above it the server's.
STATUS: Final[dict[int, ErrorKind]] = {
    401: K.AUTH,
    402: K.QUOTA_EXHAUSTED,
    403: K.PERMISSION,
    404: K.MODEL_NOT_FOUND,
    408: K.TIMEOUT,
    409: K.SERVER_ERROR,
    413: K.TOO_LARGE,
    425: K.SERVER_ERROR,
    429: K.RATE_LIMITED,
    498: K.OVERLOADED,  # Groq: flex capacity
    499: K.CANCELLED,
    501: K.BAD_REQUEST,  # llama.cpp: a feature that this server lacks, whoever asks how often
    503: K.OVERLOADED,
    504: K.TIMEOUT,
    524: K.TIMEOUT,  # Cloudflare
    529: K.OVERLOADED,  # Anthropic, OpenRouter
}

# Codes, types and reasons (in lower case) that decide whatever the status is.
DECISIVE: Final[dict[str, ErrorKind]] = {
    "context_length_exceeded": K.CONTEXT_EXCEEDED,
    "exceed_context_size_error": K.CONTEXT_EXCEEDED,  # llama.cpp
    "insufficient_quota": K.QUOTA_EXHAUSTED,
    "credit_balance_exhausted": K.QUOTA_EXHAUSTED,
    "organization_spend_limit_exceeded": K.QUOTA_EXHAUSTED,
    "project_spend_limit_exceeded": K.QUOTA_EXHAUSTED,
    "organization_usage_limit_exceeded": K.QUOTA_EXHAUSTED,
    "billing_hard_limit_reached": K.QUOTA_EXHAUSTED,
    "billing_error": K.QUOTA_EXHAUSTED,  # Anthropic
    "enforced_spend_limit_reached": K.QUOTA_EXHAUSTED,
    "contract_spend_limit_reached": K.QUOTA_EXHAUSTED,
    "content_filter": K.CONTENT_FILTER,
    "responsibleaipolicyviolation": K.CONTENT_FILTER,  # Azure
    "invalid_prompt": K.CONTENT_FILTER,
    "model_not_found": K.MODEL_NOT_FOUND,
    "model_decommissioned": K.MODEL_NOT_FOUND,  # Groq: 400
    "invalid_model": K.MODEL_NOT_FOUND,  # Mistral: 400
    "deploymentnotfound": K.MODEL_NOT_FOUND,  # Azure
    "invalid_api_key": K.AUTH,
    "api_key_invalid": K.AUTH,  # Google: 400
    "no_db_connection": K.AUTH,  # LiteLLM without a database knows its master key only, and says this of any other: 400
    "failed_precondition": K.PERMISSION,  # Google: location or billing, 400
    "service_tier_capacity_exceeded": K.OVERLOADED,  # Mistral: 429, and yet not the user's rate
}

# Codes and types that decide where no status does: an error inside a 200.
SOFT: Final[dict[str, ErrorKind]] = {
    "authentication_error": K.AUTH,
    "unauthenticated": K.AUTH,
    "permission_error": K.PERMISSION,
    "permission_denied": K.PERMISSION,
    "not_found_error": K.MODEL_NOT_FOUND,
    "not_found": K.MODEL_NOT_FOUND,
    "request_too_large": K.TOO_LARGE,
    "rate_limit_error": K.RATE_LIMITED,
    "rate_limit_exceeded": K.RATE_LIMITED,
    "rate_limited": K.RATE_LIMITED,
    "resource_exhausted": K.RATE_LIMITED,
    "slow_down": K.RATE_LIMITED,
    "overloaded_error": K.OVERLOADED,
    "server_is_overloaded": K.OVERLOADED,
    "service_unavailable_error": K.OVERLOADED,
    "unavailable_error": K.OVERLOADED,
    "unavailable": K.OVERLOADED,
    "capacity_exceeded": K.OVERLOADED,
    "insufficient_system_resource": K.OVERLOADED,  # DeepSeek, as a finish
    "timeout_error": K.TIMEOUT,
    "deadline_exceeded": K.TIMEOUT,
    "cancelled": K.CANCELLED,
    "conflict_error": K.SERVER_ERROR,
    "api_error": K.SERVER_ERROR,
    "server_error": K.SERVER_ERROR,
    "internal": K.SERVER_ERROR,
    "invalid_request_error": K.BAD_REQUEST,
    "invalid_argument": K.BAD_REQUEST,
    "badrequesterror": K.BAD_REQUEST,
    "not_supported_error": K.BAD_REQUEST,
} | dict.fromkeys(
    # OpenAI's Responses, about a picture in the request.
    (
        "invalid_image",
        "invalid_image_format",
        "invalid_base64_image",
        "invalid_image_url",
        "invalid_image_mode",
        "image_too_large",
        "image_too_small",
        "image_parse_error",
        "image_file_too_large",
        "image_file_not_found",
        "image_content_policy_violation",
        "unsupported_image_media_type",
        "empty_image_file",
        "failed_to_download_image",
    ),
    K.BAD_REQUEST,
)


class Wording(NamedTuple):
    """A row: where the text of an error with one of `statuses` matches, it is a `kind`. Compiled when there is an error."""

    kind: ErrorKind
    pattern: str
    statuses: frozenset[int | None]
    """None stands for an error inside a 200 that names no status."""


def _wording(kind: ErrorKind, pattern: str, *statuses: int | None) -> Wording:
    return Wording(kind, pattern, frozenset(statuses))


_OVERFLOW: Final = (
    "prompt is too long",
    "input is too long for requested model",
    "exceeds? (?:the )?context (?:window|limit|length)",
    "exceeded max context length",
    r"input token count\b.*\bexceeds the maximum",
    r"maximum prompt length is \d",
    "reduce the length of (?:the |your )?(?:messages|prompt|input)",
    r"maximum context length is \d",
    r"\d maximum context length",
    r"exceeds? the configured limit of \d+ tokens",
    "exceeds? the available context size",
    "greater than the context length",
    "context length currently available",
    "context the overflows",
    "exceeded model token limit",
    "context window exceeds limit",
    "too many tokens",
)

COMMON_WORDING: Final = (
    _wording(K.CONTEXT_EXCEEDED, "|".join(_OVERFLOW), 400, 413, 422, 500, None),
    _wording(
        K.AUTH, r"(?:incorrect|invalid|missing|no) api[ _-]?key|api[ _-]?key (?:is )?(?:not valid|invalid)", 400, None
    ),
    # LiteLLM, in all the formats that it speaks; transformers.
    _wording(K.MODEL_NOT_FOUND, "invalid model name passed in model=|server is pinned to '.*'; requested '", 400),
    _wording(K.OVERLOADED, "currently unavailable|overloaded", None),
    _wording(K.BAD_REQUEST, "client specified an invalid argument", None),  # xAI
    _wording(K.RATE_LIMITED, "rate limit|too many requests", None),
    _wording(K.QUOTA_EXHAUSTED, "insufficient (?:balance|credits?)|exceeded your current quota", None),
)

FAMILY_WORDING: Final[dict[str, tuple[Wording, ...]]] = {
    "openai-chat": (
        _wording(K.MODEL_NOT_FOUND, "is not a valid model id", 400),  # OpenRouter
        _wording(K.CONTENT_FILTER, "flagged by moderation|requires moderation", 403),  # OpenRouter
    ),
    "anthropic": (
        _wording(
            K.QUOTA_EXHAUSTED,
            r"credit balance.*too low|usage limits?|\bon hold\b",
            400,
            None,
        ),
    ),
    "gemini": (
        # The sentence "exceeded your current quota" comes with per-minute limits too; a limit of 0 is one that no wait lifts.
        _wording(K.QUOTA_EXHAUSTED, r"\blimit: 0\b", 429),
        _wording(K.RATE_LIMITED, "exceeded your current quota", None),
    ),
    "ollama": (_wording(K.MODEL_NOT_FOUND, r"model .* not found", None),),
}

_TOO_LARGE_FOR_LIMIT: Final = re.compile(
    r"request too large.*\blimit:? (\d+).*\brequested:? (\d+)", re.IGNORECASE | re.DOTALL
)
_DAILY: Final = re.compile("perday|daily", re.IGNORECASE)

UNRECOVERABLE: Final = frozenset(
    {
        K.AUTH,
        K.PERMISSION,
        K.QUOTA_EXHAUSTED,
        K.MODEL_NOT_FOUND,
        K.CONTEXT_EXCEEDED,
        K.TOO_LARGE,
        K.UNSUPPORTED,
        K.CONTENT_FILTER,
        K.REFUSAL,
    }
)
"""Classes for which a server's word that asking again helps is not believed."""


def classify(failure: Failure, family: str) -> ErrorKind:
    """Give the class of a provider's failure."""
    words = [str(word).lower() for word in (failure.code, failure.type, failure.reason) if word is not None]
    for word in words:
        if word in DECISIVE:
            return DECISIVE[word]
    return (
        _special(failure)
        or _by_rate_limit(failure, words)
        or _by_wording(failure, family)
        or _by_status(failure.status)
        or next((SOFT[word] for word in words if word in SOFT), K.SERVER_ERROR)
    )


def retryable(kind: ErrorKind, should_retry: str | None) -> bool | None:
    """Give the server's binding word on asking it again (`x-should-retry`), or None where it has none.

    False binds always, true only for classes that can recover.
    """
    word = (should_retry or "").strip().lower()
    if word == "true":
        return None if kind in UNRECOVERABLE else True
    return False if word == "false" else None


def _special(failure: Failure) -> ErrorKind | None:
    """Decide where neither a code nor a sentence does, but the numbers or the structure around them."""
    body = dict_of(failure.body)
    metadata = dict_of(body.get("metadata"))
    if failure.status == 402 and metadata.get("limit_source") == "openrouter_in_flight_budget":
        return K.RATE_LIMITED
    if failure.status == 403 and metadata.get("reasons"):
        return K.CONTENT_FILTER  # OpenRouter's moderation
    if failure.status == 429:
        too_large = _TOO_LARGE_FOR_LIMIT.search(failure.message)
        if too_large and int(too_large[2]) > int(too_large[1]):
            return K.TOO_LARGE
        quotas = [
            text_of(v.get("quotaId")) for d in dicts_of(body.get("details")) for v in dicts_of(d.get("violations"))
        ]
        if any(_DAILY.search(quota) for quota in quotas):
            return K.QUOTA_EXHAUSTED
    return None


def _by_rate_limit(failure: Failure, words: Sequence[str]) -> ErrorKind | None:
    """Believe a code that names a rate limit: its sentence speaks of too many tokens, too."""
    limited = failure.status is None and any(SOFT.get(word) is K.RATE_LIMITED for word in words)
    return K.RATE_LIMITED if limited else None


def _by_wording(failure: Failure, family: str) -> ErrorKind | None:
    raw = dict_of(dict_of(failure.body).get("metadata")).get("raw")  # OpenRouter: what the upstream said
    text = f"{failure.message}\n{failure.code or ''}\n{str(raw or '')[:MESSAGE_LIMIT]}"
    for row in (*FAMILY_WORDING.get(family, ()), *COMMON_WORDING):
        if failure.status in row.statuses and re.search(row.pattern, text, re.IGNORECASE):
            return row.kind
    return None


def _by_status(status: int | None) -> ErrorKind | None:
    if status is None:
        return None
    return STATUS.get(status) or (K.BAD_REQUEST if 400 <= status < 500 else K.SERVER_ERROR)
