"""From what a provider says about its failure to the kind that the failover policy uses.

All knowledge is in the table of `rows.py`: this module collects the facts of a failure, and the
first row that matches decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.failures.reader import MESSAGE_LIMIT
from fallback_chat.providers.failures.rows import ROWS, Row
from fallback_chat.providers.wire.dialect import dict_of, dicts_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.failures.reader import ServerFailure

_LIMIT_AND_REQUEST: Final = r"(?is)\blimit:? (\d{1,15})\b.*\brequested:? (\d{1,15})\b"
_BEHIND: Final = r"(?i)\b(?:status|status.?code|error.?code|http(?:/\d\.\d)?)\W{1,3}(4\d\d|5\d\d)\b"
"""The status of a server behind a gateway, in the gateway's sentence."""

UNRECOVERABLE: Final = frozenset(
    {
        ErrorKind.AUTH,
        ErrorKind.PERMISSION,
        ErrorKind.QUOTA_EXHAUSTED,
        ErrorKind.MODEL_NOT_FOUND,
        ErrorKind.CONTEXT_EXCEEDED,
        ErrorKind.TOO_LARGE,
        ErrorKind.UNSUPPORTED,
        ErrorKind.CONTENT_FILTER,
        ErrorKind.REFUSAL,
    }
)
"""Kinds for which a server's promise that a retry helps is not believed."""


class Facts(NamedTuple):
    """Everything about a failure that a row may ask for."""

    status: int | None
    codes: frozenset[str]
    """Every code, type and reason, in lower case; OpenRouter's canonical ones begin with
    `openrouter:`."""
    text: str
    """The whole text in lower case, in this order: `param:` with the rejected parameter, the
    message, the text of the server behind a gateway, the codes."""


def blame(failure: ServerFailure) -> Row:
    """Return the row that `failure` matches."""
    facts = facts_of(failure)
    return next(row for row in ROWS if meets(facts, row))


def facts_of(failure: ServerFailure) -> Facts:
    """Return the facts of `failure`."""
    codes = frozenset(code.lower() for code in _codes(failure))
    raw = dict_of(dict_of(failure.body).get("metadata")).get("raw")
    said = (f"param:{failure.param or ''}", failure.message, str(raw or "")[:MESSAGE_LIMIT], *sorted(codes))
    return Facts(failure.status, codes, " ".join((*" ".join(said).split(), "")).lower())


def meets(facts: Facts, row: Row) -> bool:
    """Whether `facts` match `row`: one each of its statuses, codes and phrases."""
    return (
        (row.statuses is None or facts.status in row.statuses)
        and (not row.codes or not row.codes.isdisjoint(facts.codes))
        and (not row.says or any(says(phrase, facts.text) for phrase in row.says))
        and not any(says(phrase, facts.text) for phrase in row.unless)
    )


def says(phrase: str, text: str) -> bool:
    """Whether the parts of `phrase` between asterisks occur in `text`, in this order."""
    if "*" not in phrase:
        return phrase in text
    position = 0
    for part in phrase.split("*"):
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return True


def retryable(kind: ErrorKind, should_retry: str | None) -> bool | None:
    """Return the server's instruction about asking again (`x-should-retry`), or None.

    False always binds, true only for kinds that can recover.
    """
    word = (should_retry or "").strip().lower()
    if word == "true":
        return None if kind in UNRECOVERABLE else True
    return False if word == "false" else None


def _codes(failure: ServerFailure) -> Iterator[str]:
    """Yield every code of a failure, and our own codes for its structure and its numbers."""
    for code in (failure.code, failure.type, failure.reason):
        if code is not None:
            yield str(code).rpartition("#")[2]  # AWS prepends a namespace
    body = dict_of(failure.body)
    metadata = dict_of(body.get("metadata"))
    yield from (text_of(metadata.get(name)) for name in ("limit_source", "provider_code"))
    yield from (f"openrouter:{one['error_type']}" for one in (metadata, body) if text_of(one.get("error_type")))
    if metadata.get("reasons"):
        yield "openrouter:moderated"
    if _is_daily(body):
        yield "quota_per_day"
    if _asks_more_than_the_limit(failure.message):
        yield "more_than_the_limit"
    if behind := re.search(_BEHIND, failure.message):
        yield f"behind:{behind[1]}"


def _is_daily(body: dict[str, Any]) -> bool:
    """Whether Google names a daily quota as the exhausted one."""
    violations = [one for detail in dicts_of(body.get("details")) for one in dicts_of(detail.get("violations"))]
    quotas = [text_of(violation.get("quotaId")).lower() for violation in violations]
    return any("perday" in quota or "daily" in quota for quota in quotas)


def _asks_more_than_the_limit(message: str) -> bool:
    """Whether a single request exceeds the limit of a minute, so that waiting does not help."""
    told = re.search(_LIMIT_AND_REQUEST, message) if "request too large" in message.lower() else None
    return told is not None and int(told[2]) > int(told[1])
