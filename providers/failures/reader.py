"""Reads what a provider says about its failure, whatever shape it says it in."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

from fallback_chat.providers.wire.dialect import dict_of, dicts_of, text_of

MESSAGE_LIMIT: Final = 8192
"""Characters of a message that are searched for what it means: Google's begin with a page of advice."""
SHOWN_LIMIT: Final = 300
"""Characters of a message that are shown."""

_TITLE: Final = re.compile(r"<title[^>]*>(.{0,200}?)</title", re.IGNORECASE | re.DOTALL)
_HTML: Final = re.compile(r"\s*<(?:!doctype|html|head|body)\b", re.IGNORECASE)


class Failure(NamedTuple):
    """A provider's failure, in one shape for all."""

    message: str = ""
    """As sent, at most `MESSAGE_LIMIT` characters; `condense` makes what users see of it."""
    status: int | None = None
    """Of the response, or the one that an error inside a 200 names."""
    code: str | None = None
    type: str | int | None = None
    reason: str | None = None
    param: str | None = None
    request_id: str | None = None
    body: Any = None
    """The error object; bare text becomes `{"message": …}`."""


def parse_failure(status: int | None, body: Any) -> Failure:
    """Read the error in a response's body (text) or in an event (parsed JSON). Never raises."""
    if isinstance(body, str):
        body = parse_body(body)
    if isinstance(body, list) and len(body) == 1:
        body = body[0]  # Google without alt=sse, and some gateways
    if not isinstance(body, dict):
        return Failure(message=_cut(body if isinstance(body, str) else _dump(body)), status=status)
    error = body.get("error")
    if isinstance(error, dict):
        return _from_object(status, error, body)
    if isinstance(error, str):
        named = {"message": error, **({"code": body["code"]} if "code" in body else {})}
        return _from_object(status, named, body)
    if "message" not in body and "detail" in body:
        return _from_object(status, {"message": body["detail"]}, body)
    return _from_object(status, body, body)


def parse_body(text: str) -> Any:
    """Give what a body says as JSON, or the text itself where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        return text


def condense(text: str) -> str:
    """Shorten a message to `SHOWN_LIMIT` characters; of a long HTML page its title is left."""
    if len(text) <= SHOWN_LIMIT:
        return text
    title = _TITLE.search(text) if _HTML.match(text) else None
    return f"{' '.join(title[1].split())} (an HTML page)" if title else f"{text[: SHOWN_LIMIT - 1]}…"


def looks_like_html(text: str) -> bool:
    """Say whether `text` is a page for people."""
    return _HTML.match(text) is not None


def _cut(text: str) -> str:
    return text if len(text) <= MESSAGE_LIMIT else text[:MESSAGE_LIMIT]


def _dump(value: Any) -> str:
    try:
        return json.dumps(value)
    except (ValueError, RecursionError, MemoryError):
        return ""


def _from_object(status: int | None, error: dict[str, Any], whole: dict[str, Any]) -> Failure:
    message = error.get("message")
    code = error.get("code")
    kind = error.get("type") if error.get("type") is not None else error.get("status")
    return Failure(
        message=_cut(message if isinstance(message, str) else _dump(message) if message is not None else ""),
        status=status if status is not None else _status_in(error),
        code=str(code)[:200] if isinstance(code, str | int) else None,
        type=kind if isinstance(kind, str | int) and kind != "error" else None,
        reason=_reason(error),
        param=_param(error, whole),
        request_id=text_of(whole.get("request_id")) or None,
        body=error,
    )


def _status_in(error: dict[str, Any]) -> int | None:
    """Find the HTTP status that an error inside a 200 would have had."""
    for value in (error.get("status_code"), error.get("code"), error.get("status")):
        number = (
            int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3 else value
        )
        if isinstance(number, int) and 400 <= number <= 599:
            return number
    return None


def _reason(error: dict[str, Any]) -> str | None:
    """Find the finer code: Anthropic's `details.error_code`, Google's ErrorInfo, Azure's inner error."""
    for place, key in (
        (dict_of(error.get("details")), "error_code"),
        *((detail, "reason") for detail in dicts_of(error.get("details"))),
        (dict_of(error.get("innererror")), "code"),
    ):
        if isinstance(place.get(key), str):
            return text_of(place[key])
    return None


def _param(error: dict[str, Any], whole: dict[str, Any]) -> str | None:
    """Find the parameter that is rejected: `param`, or where a validation error is located (FastAPI's `loc`)."""
    if isinstance(error.get("param"), str):
        return text_of(error["param"])
    for detail in dicts_of(whole.get("detail")):
        location = detail.get("loc")
        names = [part for part in location if isinstance(part, str)] if isinstance(location, list) else []
        if len(names) > 1 and names[0] == "body":
            return names[1]
    return None
