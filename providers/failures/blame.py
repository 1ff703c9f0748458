"""From what a provider says about its failure to the kind that the failover policy looks at.

The whole knowledge is the table in `rows.py`: here the facts of a failure are collected, and the
first row that they meet decides.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.errors import ErrorKind
from fallback_chat.providers.failures.reader import MESSAGE_LIMIT
from fallback_chat.providers.failures.rows import ROWS, Row
from fallback_chat.providers.wire.dialect import dict_of, dicts_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.failures.reader import Failure

_MORE_THAN_THE_LIMIT: Final = re.compile(
    r"request too large.*\blimit:? (\d{1,15})\b.*\brequested:? (\d{1,15})\b", re.IGNORECASE | re.DOTALL
)
_DAILY: Final = re.compile("per_?day|daily", re.IGNORECASE)

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
"""Kinds for which a server's word that asking again helps is not believed."""


class Facts(NamedTuple):
    """All of a failure that a row may ask for."""

    status: int | None
    codes: frozenset[str]
    """Every code, type and reason, in lower case. OpenRouter's canonical ones begin with
    `openrouter:`.
    """
    text: str
    """All that was said, in lower case, in this order: `param:` with the rejected parameter, the
    message, what the server behind a gateway said, the codes.
    """


def blame(failure: Failure) -> Row:
    """Return the row that `failure` falls under."""
    facts = facts_of(failure)
    return next(row for row in ROWS if meets(facts, row))


def facts_of(failure: Failure) -> Facts:
    """Return what the rows may ask about `failure`."""
    codes = frozenset(code.lower() for code in _codes(failure))
    raw = dict_of(dict_of(failure.body).get("metadata")).get("raw")
    said = (f"param:{failure.param or ''}", failure.message, str(raw or "")[:MESSAGE_LIMIT], *sorted(codes))
    return Facts(failure.status, codes, " ".join((*" ".join(said).split(), "")).lower())


def meets(facts: Facts, row: Row) -> bool:
    """Whether `facts` meet what `row` asks for: one each of its statuses, codes and phrases."""
    return (
        (row.statuses is None or facts.status in row.statuses)
        and (not row.codes or not row.codes.isdisjoint(facts.codes))
        and (not row.says or any(says(phrase, facts.text) for phrase in row.says))
        and not any(says(phrase, facts.text) for phrase in row.unless)
    )


def says(phrase: str, text: str) -> bool:
    """Whether the parts of `phrase` between its asterisks are in `text`, in this order."""
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
    """Return the server's binding word on asking it again (`x-should-retry`), or None.

    False binds always, true only for kinds that can recover.
    """
    word = (should_retry or "").strip().lower()
    if word == "true":
        return None if kind in UNRECOVERABLE else True
    return False if word == "false" else None


def _codes(failure: Failure) -> Iterator[str]:
    """Yield every code of a failure, and for numbers that mean something a code of our own."""
    for code in (failure.code, failure.type, failure.reason):
        if code is not None:
            yield str(code).rpartition("#")[2]  # AWS puts a name space before it
    body = dict_of(failure.body)
    metadata = dict_of(body.get("metadata"))
    for name in ("limit_source", "provider_code"):
        yield text_of(metadata.get(name))
    for place in (metadata, body):
        if text_of(place.get("error_type")):
            yield f"openrouter:{place['error_type']}"
    if metadata.get("reasons"):
        yield "openrouter:moderated"
    for detail in dicts_of(body.get("details")):
        if any(_DAILY.search(text_of(violation.get("quotaId"))) for violation in dicts_of(detail.get("violations"))):
            yield "quota_per_day"
    told = _MORE_THAN_THE_LIMIT.search(failure.message)
    if told and int(told[2]) > int(told[1]):
        yield "more_than_the_limit"
