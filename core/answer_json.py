"""An answer as JSON: the same in `ask --json`, in the history and in an exported conversation.

Every field of an answer is written and read here and nowhere else.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fallback_chat.core.answer import Answer, AnswerError
from fallback_chat.core.attempts import AttemptRecord, Segment
from fallback_chat.core.chat_context import ToolCall, VendorExtra
from fallback_chat.core.checks import check_count, check_number, check_type, one_of
from fallback_chat.core.errors import APIError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import CompletionUsage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
_LONGEST: Final = 1e15
"""Milliseconds, about thirty thousand years; anything longer is not a duration."""


def answer_json(answer: Answer, *, state: bool = False) -> dict[str, Any]:
    """Return an answer as a JSON object, with the provider's own `state` in `extras` on request.

    Every other key is always present.
    """
    extras = {"extras": [asdict(extra) for extra in answer.extras]} if state else {}
    return extras | {
        "text": answer.text,
        "reasoning": answer.reasoning or None,
        "refusal": answer.refusal or None,
        "tool_calls": [asdict(call) for call in answer.tool_calls],
        "finish_reason": answer.finish_reason and answer.finish_reason.value,
        "finish_raw": answer.finish_raw,
        "finish_words": answer.finish_words,
        "complete": answer.complete,
        "provider": answer.provider,
        "kind": answer.kind,
        "model": answer.model,
        "served_model": answer.served_model,
        "usage": answer.usage and asdict(answer.usage),
        "attempts": [attempt_json(record) for record in answer.attempts],
        "segments": [_segment_json(segment) for segment in answer.segments] or None,
        "seam": answer.seam,
        "error": answer.error and asdict(answer.error),
    }


def attempt_json(record: AttemptRecord) -> dict[str, Any]:
    """Return one attempt as a JSON object."""
    return {
        "provider": record.provider,
        "kind": record.kind,
        "model": record.model,
        "outcome": record.outcome.value,
        "error": attempt_error(record.error),
        "first_token_ms": milliseconds(record.first_token),
        "elapsed_ms": milliseconds(record.elapsed),
        "budget_ms": milliseconds(record.budget),
        "budget": record.budget_reason,
        "round": record.round,
    }


def attempt_error(error: APIError | None) -> dict[str, Any] | None:
    """Return the failure of one attempt as a JSON object."""
    if error is None:
        return None
    details = error.details
    return {
        "kind": error.kind.value,
        "status": details.status,
        "code": details.code,
        "message": error.message,
        "retry_after": details.retry_after,
        "request_id": details.request_id,
    }


def _segment_json(segment: Segment) -> dict[str, Any]:
    return {"provider": segment.provider, "model": segment.model, "from": segment.start, "to": segment.end}


def answer_from(value: Mapping[str, Any]) -> Answer:
    """Read an answer back; missing fields get their defaults, unknown ones are ignored.

    Raises TypeError or ValueError for anything that `answer_json` would not have written.
    """
    return Answer(
        text=value.get("text", ""),
        reasoning=_or(value.get("reasoning"), ""),
        refusal=_or(value.get("refusal"), ""),
        tool_calls=tuple(_made(ToolCall, each) for each in _listed(value, "tool_calls")),
        extras=tuple(_made(VendorExtra, each) for each in _listed(value, "extras")),
        finish_reason=value.get("finish_reason"),
        finish_raw=value.get("finish_raw"),
        finish_words=value.get("finish_words"),
        complete=value.get("complete", False),
        provider=value.get("provider"),
        kind=value.get("kind"),
        model=value.get("model"),
        served_model=value.get("served_model"),
        usage=_made_or_none(CompletionUsage, value.get("usage")),
        attempts=tuple(map(_attempt, _listed(value, "attempts"))),
        segments=tuple(map(_segment, _listed(value, "segments"))),
        seam=value.get("seam"),
        error=_made_or_none(AnswerError, value.get("error")),
    )


def _attempt(value: Mapping[str, Any]) -> AttemptRecord:
    check_type("attempts", value, dict)
    return AttemptRecord(
        provider=value.get("provider"),  # type: ignore[arg-type] # checked by Answer, as are the others
        kind=value.get("kind"),  # type: ignore[arg-type]
        model=value.get("model"),  # type: ignore[arg-type]
        outcome=value.get("outcome"),  # type: ignore[arg-type]
        error=_attempt_error(value.get("error")),
        first_token=_seconds(value, "first_token_ms"),
        elapsed=_seconds(value, "elapsed_ms") or 0.0,
        budget=_seconds(value, "budget_ms"),
        budget_reason=value.get("budget"),
        round=_or(value.get("round"), 1),
    )


def _attempt_error(value: Mapping[str, Any] | None) -> APIError | None:
    if value is None:
        return None
    check_type("error", value, dict)
    check_type("message", value.get("message"), str)
    for name in ("code", "request_id"):
        check_type(name, value.get(name), str, none=True)
    check_count("status", value.get("status"), none=True)
    details = ErrorDetails(
        status=value.get("status"),
        code=value.get("code"),
        retry_after=_seconds(value, "retry_after", unit=1),
        request_id=value.get("request_id"),
    )
    return APIError(value["message"], kind=one_of("kind", value.get("kind"), ErrorKind), details=details)


def _segment(value: Mapping[str, Any]) -> Segment:
    check_type("segments", value, dict)
    return _made(Segment, {**value, "start": value.get("from"), "end": value.get("to")})


def _made(type_: Callable[..., T], value: Mapping[str, Any]) -> T:
    """Build an instance from the fields present in `value`."""
    check_type(type_.__name__, value, dict)
    known = (field.name for field in fields(type_))  # type: ignore[arg-type]
    return type_(**{name: value[name] for name in known if name in value})


def _made_or_none(type_: Callable[..., T], value: Mapping[str, Any] | None) -> T | None:
    return None if value is None else _made(type_, value)


def _listed(value: Mapping[str, Any], name: str) -> list[Any]:
    found: list[Any] = _or(value.get(name), [])
    check_type(name, found, list)
    return found


def _seconds(value: Mapping[str, Any], name: str, *, unit: int = 1000) -> float | None:
    found = value.get(name)
    check_number(name, found, most=_LONGEST, none=True)
    return None if found is None else float(found / unit)


def _or(value: Any, default: Any) -> Any:
    """Return `value`, or `default` if it is None; other falsy values are kept."""
    return default if value is None else value


def redacted(value: Any, redact: Callable[[str], str], *, names: bool = False) -> Any:
    """Return a JSON value with every secret in its strings redacted.

    With `names`, also in the names of its fields, where others chose them.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(name) if names else name: redacted(item, redact, names=names) for name, item in value.items()}
    return [redacted(item, redact, names=names) for item in value] if isinstance(value, list | tuple) else value


def without_secrets(answer: Answer, redact: Callable[[str], str]) -> Answer:
    """Return an answer with the secrets redacted in everything that a model or a server wrote."""
    calls = (
        replace(call, id=redact(call.id), name=redact(call.name), arguments=redact(call.arguments))
        for call in answer.tool_calls
    )
    extras = (
        replace(one, model=redact(one.model), data=redacted(one.data, redact, names=True)) for one in answer.extras
    )
    return replace(
        answer,
        text=redact(answer.text),
        reasoning=redact(answer.reasoning),
        refusal=redact(answer.refusal),
        tool_calls=tuple(calls),
        extras=tuple(extras),
        finish_raw=answer.finish_raw and redact(answer.finish_raw),
        finish_words=answer.finish_words and redact(answer.finish_words),
        model=answer.model and redact(answer.model),
        served_model=answer.served_model and redact(answer.served_model),
        attempts=tuple(replace(record, error=_without_secrets(record.error, redact)) for record in answer.attempts),
        segments=tuple(replace(segment, model=redact(segment.model)) for segment in answer.segments),
        error=answer.error and replace(answer.error, message=redact(answer.error.message)),
    )


def _without_secrets(error: APIError | None, redact: Callable[[str], str]) -> APIError | None:
    return error and _attempt_error(redacted(attempt_error(error), redact) | {"kind": error.kind})


def with_unknown(known: Any, stored: Any) -> Any:
    """Return `known` with everything added that only `stored` has, at any depth."""
    if isinstance(known, dict) and isinstance(stored, dict):
        more = {name: value for name, value in stored.items() if name not in known}
        return {name: with_unknown(value, stored.get(name)) for name, value in known.items()} | more
    if isinstance(known, list) and isinstance(stored, list) and len(known) == len(stored):
        return [with_unknown(*both) for both in zip(known, stored, strict=True)]
    return known


def milliseconds(seconds: float | None) -> float | None:
    """Convert seconds to milliseconds for JSON."""
    return None if seconds is None else round(seconds * 1000, 1)


def rfc3339(moment: float | None) -> str | None:
    """Format a moment (wall-clock seconds) for JSON."""
    from datetime import UTC, datetime  # only commands that print times need it

    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
