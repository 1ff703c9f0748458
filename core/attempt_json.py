"""Attempts and times as JSON has them: the same in `ask --json`, in the history and in an exported conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.errors import APIError
    from fallback_chat.core.events import AttemptRecord


def milliseconds(seconds: float | None) -> float | None:
    """Give a time as the JSON has it."""
    return None if seconds is None else round(seconds * 1000, 1)


def rfc3339(moment: float | None) -> str | None:
    """Give a moment (wall-clock seconds) as the JSON has it."""
    from datetime import UTC, datetime  # only the commands that tell times need it

    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def attempt_error(error: APIError | None, redact: Callable[[str], str]) -> dict[str, Any] | None:
    """Give what one attempt failed of."""
    if error is None:
        return None
    details = error.details
    return {
        "kind": error.kind.value,
        "status": details.status,
        "code": redact(details.code) if details.code else details.code,
        "message": redact(error.message),
        "retry_after": details.retry_after,
        "request_id": redact(details.request_id) if details.request_id else details.request_id,
    }


def attempt_object(record: AttemptRecord, redact: Callable[[str], str]) -> dict[str, Any]:
    """Give one attempt."""
    return {
        "provider": record.provider,
        "kind": record.kind,
        "model": record.model,
        "outcome": record.outcome.value,
        "error": attempt_error(record.error, redact),
        "first_token_ms": milliseconds(record.first_token),
        "elapsed_ms": milliseconds(record.elapsed),
    }
