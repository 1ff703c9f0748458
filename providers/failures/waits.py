"""When a provider wants to be asked again: headers, error bodies and sentences, as seconds from now.

No source is trusted to be sane. What is negative, not a number or infinite is ignored and the next source is asked; a moment
in the past means now.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST: Final = 366 * 86400.0
_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER: Final = r"\d{1,12}(?:\.\d{1,9})?"
_DURATION: Final = re.compile(rf"(?:{_NUMBER}(?:ms|[smhd]))+")
_DURATION_PART: Final = re.compile(rf"({_NUMBER})(ms|[smhd])")
_SENTENCE: Final = re.compile(
    rf"\b(?:retry|try again)\s+(?:in|after)\s+(?:({_NUMBER})\s*(milliseconds?|seconds?|minutes?|hours?)\b|({_DURATION.pattern}))",
    re.IGNORECASE,
)
_BUCKET_RESETS: Final = (
    # OpenAI, Groq, Azure; then Anthropic.
    (re.compile(r"x-ratelimit-reset-(.+)"), "x-ratelimit-remaining-{}"),
    (re.compile(r"anthropic-ratelimit-(.+)-reset"), "anthropic-ratelimit-{}-remaining"),
)
_EPOCH_MS: Final = 1e11
_EPOCH_S: Final = 1e9


def wait_of(headers: Mapping[str, str], body: Any, message: str, *, now: float) -> float | None:
    """Give the seconds to wait, or None when nothing says so.

    `headers` have lower-case names, `body` is the parsed error, `now` the time as seconds since the epoch.
    """
    for wait in _hints(headers, body, message, now):
        if wait is not None and math.isfinite(wait) and wait >= 0:
            return min(wait, _LONGEST)
    return None


def _hints(headers: Mapping[str, str], body: Any, message: str, now: float) -> Iterator[float | None]:
    milliseconds = _number(headers.get("retry-after-ms"))
    yield None if milliseconds is None else milliseconds / 1000
    yield _number(headers.get("retry-after"))
    yield _date(headers.get("retry-after"), now)
    yield _duration(headers.get("retry-after"))
    yield _retry_info(body)
    yield _sentence(message)
    yield max(_empty_buckets(headers, now), default=None)
    yield _reset(headers, now)


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _date(text: str | None, now: float) -> float | None:
    """Read the three forms of RFC 9110, section 5.6.7, and RFC 3339; all are in UTC unless they say otherwise."""
    for parse in (parsedate_to_datetime, datetime.fromisoformat, _asctime):
        try:
            moment = parse(text or "")
            return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _asctime(text: str) -> datetime:
    return datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)


def _duration(text: str | None) -> float | None:
    """Read `120ms`, `6.02s`, `2m59.56s`, `1h2m3s`."""
    if not text or not _DURATION.fullmatch(text.strip()):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))


def _retry_info(body: Any) -> float | None:
    """Read google.rpc.RetryInfo in the details of an error."""
    details = body.get("details") if isinstance(body, dict) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("retryDelay"), str):
            return _duration(detail["retryDelay"])
    return None


def _sentence(message: str) -> float | None:
    found = _SENTENCE.search(message)
    if not found:
        return None
    number, unit, duration = found.groups()
    short = "ms" if unit and unit.lower().startswith("milli") else unit[0].lower() if unit else ""
    return float(number) * _UNITS[short] if unit else _duration(duration.lower())


def _empty_buckets(headers: Mapping[str, str], now: float) -> Iterator[float]:
    """Give the resets of the rate limits that are used up; the reset of any other one says nothing."""
    for name, value in headers.items():
        for pattern, remaining in _BUCKET_RESETS:
            bucket = pattern.fullmatch(name)
            if bucket and _number(headers.get(remaining.format(bucket[1]))) == 0:
                duration = _duration(value)
                wait = duration if duration is not None else _date(value, now)
                if wait is not None:
                    yield wait


def _reset(headers: Mapping[str, str], now: float) -> float | None:
    """Read `x-ratelimit-reset`: milliseconds (OpenRouter) or seconds (Cohere) since the epoch, or seconds from now (Together)."""
    value = _number(headers.get("x-ratelimit-reset"))
    if value is None or (_number(headers.get("x-ratelimit-remaining")) or 0) > 0:
        return None
    if value > _EPOCH_S:
        return max(0.0, (value / 1000 if value > _EPOCH_MS else value) - now)
    return value
