"""Reading what a provider says about its failure, in whatever shape.

No two vendors agree on a shape, and gateways wrap one in another. So the vendor does not matter
here: the error object is searched in the usual places, and its text under the usual names. If none
is found, the document itself is what the server said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.checks import MOST
from fallback_chat.core.json_text import loads
from fallback_chat.providers.failures.markup import without_markup
from fallback_chat.providers.wire.dialect import PLACES, dict_of, dicts_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MESSAGE_LIMIT: Final = 8192
"""Characters of a message searched for its meaning; Google's messages begin with advice."""
SHOWN_LIMIT: Final = 300
"""Characters of a message that are shown."""

_MESSAGES: Final = (
    "message", "msg", "errormessage", "errormsg", "errmsg", "errordescription", "faultstring", "statusmsg", "statusmessage",
    "detail", "details", "error", "errors", "title", "explanation", "reason", "description", "text", "err", "info", "innererror",
    "response", "result", "data",
)  # fmt: skip
"""Keys that hold the text, the most specific first. All keys are compared without case, `_` and
`-`."""
_CODES: Final = ("code", "errorcode")
_TYPES: Final = ("type", "errortype", "status")
_STATUSES: Final = ("statuscode", "httpstatuscode", "code", "status")
_BESIDE: Final = frozenset({"code", "type", "errortype", "param", "status", "statuscode"})
"""Keys that may accompany an error that is only text."""
_DEPTH: Final = 4
"""Levels of nested objects searched for text."""
_STREAM_LIMIT: Final = 64 * 1024
"""Characters of an event stream within which its error has to appear."""
_NO_JSON: Final = object()
"""Stands for invalid JSON, which null is not."""


class ServerFailure(NamedTuple):
    """A provider's failure, in one shape for all vendors."""

    message: str = ""
    """The server's text, without markup, up to `MESSAGE_LIMIT` characters."""
    status: int | None = None
    """Of the response, or the one named by an error inside a 200."""
    code: str | None = None
    type: str | int | None = None
    reason: str | None = None
    param: str | None = None
    request_id: str | None = None
    body: Any = None
    """The error object; plain text becomes `{"message": …}`."""
    document: Any = None
    """Everything that the server sent: some put the wait beside the error."""


def parse_failure(status: int | None, body: Any) -> ServerFailure:
    """Read the error in a response's body (text) or in an event (parsed JSON). Never raises."""
    if isinstance(body, str):
        body = parse_body(body)
    if isinstance(body, list) and len(body) == 1:
        body = body[0]  # Google without alt=sse, and some gateways
    if not isinstance(body, dict):
        said = body if isinstance(body, str) else _dump(body) if body else ""
        return ServerFailure(message=_cut(said), status=status)
    error = _error_in(body)
    code = _first(error, _CODES)
    kind = _first(error, _TYPES)
    return ServerFailure(
        message=_cut(_message(error, body)),
        status=status if status is not None else _status_in(error),
        code=None if code is None else str(code)[:200],
        type=kind if kind != "error" else None,
        reason=_reason(error),
        param=_param(error, body),
        request_id=text_of(body.get("request_id")) or None,
        body=error,
        document=body,
    )


def reported(said: Any, *, answered: bool) -> Any:
    """Return the failure that text or JSON in the body of a 200 reports, or None.

    In place of an answer, any text is a report; after an answer (`answered`), only an explicit
    error is.
    """
    value = _parse(said) if isinstance(said, str) else said
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict):
        return None
    named = any(value.get(place) for place in PLACES)
    return value if named or (not answered and _words(value, _MESSAGES, _DEPTH)) else None


def parse_body(text: str) -> Any:
    """Return a body's JSON (the first event of a stream), or its text if it is not JSON."""
    parsed = _parse(text)
    return text if parsed is _NO_JSON else parsed


def condense(text: str) -> str:
    """Shorten a message to `SHOWN_LIMIT` characters."""
    return text if len(text) <= SHOWN_LIMIT else f"{text[: SHOWN_LIMIT - 1]}…"


def _parse(text: str) -> Any:
    try:
        return loads(text)
    except (ValueError, RecursionError, MemoryError):
        pass
    from fallback_chat.providers.http.sse import SSEDecoder

    decoder = SSEDecoder()
    for data, _ in (*decoder.feed(text[:_STREAM_LIMIT].encode("utf-8", "replace")), *decoder.flush()):
        try:
            event = loads(data)
        except (ValueError, RecursionError, MemoryError):
            continue
        if isinstance(event, dict):
            return event
    return _NO_JSON


def _error_in(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the error object of a document; plain text is wrapped in one."""
    for place in PLACES:
        value = whole.get(place)
        if isinstance(value, dict) and value:
            return value
        if words := _words(value, _MESSAGES, _DEPTH):
            beside = {key: whole[key] for key in whole if _plain_name(key) in _BESIDE}
            return beside | next(iter(dicts_of(value)), {}) | {"message": words}
    return whole


def _message(error: dict[str, Any], whole: dict[str, Any]) -> str:
    """Return the text of an error: its own, that beside it, or the whole document."""
    own = _words(error, _MESSAGES, _DEPTH) or "; ".join(_by_field(error))
    around = "" if error is whole else _words(_without(whole, PLACES), _MESSAGES, _DEPTH)
    told = [own, around, text_of(dict_of(error.get("misalignment")).get("detailed_explanation")), _upstream(error)]
    words = ""
    for text in _distinct(told):
        words = f"{words.removesuffix('.')}: {text}" if words else text
    return words or (_dump(whole) if any(whole.values()) else "")


def _by_field(error: dict[str, Any]) -> Iterator[str]:
    """Yield the complaints that ASP.NET, Laravel and Django list under the names of fields."""
    for field, complaints in error.items():
        if isinstance(complaints, list):
            yield from (f"{field}: {text}" for text in complaints if isinstance(text, str))


def _upstream(error: dict[str, Any]) -> str:
    """Return the text of the server behind a gateway (OpenRouter's `metadata.raw`)."""
    raw = dict_of(error.get("metadata")).get("raw")
    if isinstance(raw, str) and raw:
        parsed = _parse(raw[:MESSAGE_LIMIT])
        return (isinstance(parsed, dict | list) and _words(parsed, (*PLACES, *_MESSAGES), _DEPTH)) or raw
    return _words(raw, (*PLACES, *_MESSAGES), _DEPTH) if isinstance(raw, dict | list) else ""


def _words(value: Any, names: Iterable[str], depth: int) -> str:
    """Return the text in `value`: a string, that under the first name with any, or of all items."""
    if isinstance(value, str):
        return _unwrapped(value.strip(), names, depth)
    if not depth:
        return ""
    if isinstance(value, list):
        return "; ".join(_distinct(_item(item, names, depth - 1) for item in value))
    if not isinstance(value, dict):
        return ""
    plain = _plain_names(value)
    return next((words for name in names if (words := _words(plain.get(name), names, depth - 1))), "")


def _unwrapped(text: str, names: Iterable[str], depth: int) -> str:
    """Return the text in JSON that some gateways put into a message, or the message itself."""
    inner = _parse(text) if depth and text.startswith("{") and text.endswith("}") else _NO_JSON
    return (isinstance(inner, dict) and _words(inner, names, depth - 1)) or text


def _plain_names(value: dict[str, Any]) -> dict[str, Any]:
    """Return `value` with its keys as in the tables; of equal ones the first with a value."""
    plain: dict[str, Any] = {}
    for name, item in value.items():
        key = _plain_name(name)
        plain[key] = plain.get(key) or item
    return plain


def _plain_name(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _item(item: Any, names: Iterable[str], depth: int) -> str:
    """Return the text of an item, preceded by the place in the request (FastAPI's `loc`)."""
    words = _words(item, names, depth)
    place = [str(part) for part in item["loc"]] if isinstance(item, dict) and isinstance(item.get("loc"), list) else []
    where = ".".join(place[1:] if place[:1] == ["body"] else place)
    return f"{where}: {words}" if where and words else words


def _distinct(texts: Iterable[str]) -> Iterator[str]:
    """Yield the texts that add to the earlier ones."""
    said = ""
    for text in texts:
        if text and text not in said:
            said += text
            yield text


def _cut(text: str) -> str:
    return without_markup(text.strip())[:MESSAGE_LIMIT]


def _dump(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError, MemoryError):
        return ""


def _first(error: dict[str, Any], names: Iterable[str]) -> str | int | None:
    """Return the first code found in `error` under one of `names`: a text, or a number."""
    plain = _plain_names(error)
    return next((plain[name] for name in names if _is_code(plain.get(name))), None)


def _is_code(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < MOST)


def _without(value: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key not in names}


def _status_in(error: dict[str, Any]) -> int | None:
    """Return the HTTP status that an error inside a 200 stands for."""
    plain = _plain_names(error)
    for name in _STATUSES:
        value = plain.get(name)
        number = (
            int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3 else value
        )
        if isinstance(number, int) and 400 <= number <= 599:
            return number
    return None


def _reason(error: dict[str, Any]) -> str | None:
    """Return the finer code: `details` of Anthropic or Google, or the inner error of Azure."""
    for place, key in (
        (dict_of(error.get("details")), "error_code"),
        *((detail, "reason") for detail in dicts_of(error.get("details"))),
        (dict_of(error.get("innererror")), "code"),
    ):
        if isinstance(place.get(key), str):
            return text_of(place[key])
    return None


def _param(error: dict[str, Any], whole: dict[str, Any]) -> str | None:
    """Return the rejected parameter: `param`, or the place of a validation error (`loc`)."""
    if isinstance(error.get("param"), str):
        return text_of(error["param"])
    for detail in dicts_of(whole.get("detail")):
        location = detail.get("loc")
        names = [part for part in location if isinstance(part, str)] if isinstance(location, list) else []
        if len(names) > 1 and names[0] == "body":
            return names[1]
    return None
