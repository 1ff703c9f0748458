"""When a provider wants to be asked again: from headers, error fields and sentences.

No source is trusted to be sane. A value that is negative, infinite or not a number is ignored in
favour of the next source; a moment in the past means now.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.failures.clock_times import CLOCK_TIME, next_moment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST: Final = 366 * 86400.0
_EPOCHS: Final = ((1e9, 1.0), (1e12, 1e3), (1e15, 1e6), (1e18, 1e9))
"""Thresholds from which a number counts seconds, milli-, micro- or nanoseconds since the epoch
(2001 to 5138)."""
_EPOCH_RANGE: Final = 100.0

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
"""By the first letter of the unit's name; milliseconds are a separate case."""
_NUMBER: Final = r"\d{1,20}(?:\.\d{1,20})?"
_UNIT: Final = r"(?:ms|milliseconds?|seconds?|secs?|minutes?|mins?|hours?|hrs?|days?|weeks?|[smhd])"
_STEP: Final = rf"(?:{_NUMBER}\s?|(?:an?|one)\s){_UNIT}(?![a-z])"
_DURATION: Final = rf"{_STEP}(?:(?:,?\s(?:and\s)?|,)?{_STEP})*"
_COUNTDOWN: Final = r"(?:(\d{1,3})\.)?(\d{1,3}):(\d\d):(\d\d)"
"""Days, hours, minutes and seconds, as .NET writes them; with two numbers nobody knows which."""
_MOMENT: Final = (
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT|"
    r"\d{4}-\d\d-\d\d(?:[T ]| at )\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?|"
    rf"{CLOCK_TIME}"
)
_AGAIN: Final = (
    r"retry\w*(?: your request| the request)?|again|wait\w*|resets?|resetting|refresh\w*|renew\w*|replenish\w*"
    r"|available|allowed|lifted|restored|regain access|(?:come|be) back"
    r"|cool(?:ing|s)?[ -]?down|another (?:request|attempt)|将在"
)
_LEAD: Final = (
    r"(?:[\s_-]?[:,]?\s?(?:in|after|time|for|at least|at|on|until|about|around|approximately|another|the next|daily)\b){0,3}"
    r"[\s:=~]{0,3}"
)
_SENTENCE: Final = (
    rf"(?:\b|(?=将))(?:{_AGAIN}){_LEAD}"
    rf"(?:(?P<moment>{_MOMENT}|\d{{10}}(?:\d{{3}})?\b)|(?P<span>{_DURATION}|(?<=in ){_COUNTDOWN}))"
)
_BARE_SECONDS: Final = rf"\bretry[-_ ]?after\b[\s:=~]{{0,3}}({_NUMBER})(?![\w.%-])"
_LATER: Final = rf"({_NUMBER})\s?(秒|分钟|小时|天)[后後]"
_CHINESE_UNITS: Final = {"秒": 1.0, "分钟": 60.0, "小时": 3600.0, "天": 86400.0}
_MENTIONS: Final = (
    "retry",
    "again",
    "wait",
    "reset",
    "refresh",
    "renew",
    "replenish",
    "available",
    "allowed",
    "lifted",
    "restored",
    "access",
    "back",
    "cool",
    "another",
    "将在",
    "后",
)
"""Without one of these words no sentence can match, and no pattern is compiled."""
_BEIJING: Final = ("your limit will reset at", "重置")
"""Phrases of z.ai and Zhipu, whose moments without a zone are in Beijing time
(https://docs.z.ai/api-reference/api-code)."""

_FIELDS: Final = (
    "retryafter", "retryin", "retrydelay", "retryat", "resetin", "resetsin", "resetat", "resetsat", "resetafter", "resettime",
    "resetseconds", "quotareset", "nextreset", "ratelimitreset", "availablein", "availableat", "waitseconds", "waittime",
    "estimatedtime", "tryagain", "nextavailable", "cooldown", "windowreset",
    "limitreset", "timetoreset", "timeuntilreset", "secondstoreset", "secondsuntilreset",
)  # fmt: skip
"""Prefixes of fields that name a wait, without case, hyphens and underscores."""
_WHOLE_FIELDS: Final = frozenset({"reset", "resets", "wait"})
_FIELD_UNITS: Final = (("ms", 0.001), ("milliseconds", 0.001), ("millis", 0.001), ("minutes", 60.0), ("hours", 3600.0))
_DEPTH: Final = 5
_MOST_VALUES: Final = 500
"""Values of an error that are examined."""

_LONE_RESETS: Final = frozenset(
    {
        "x-ratelimit-reset", "ratelimit-reset", "x-ratelimit-reset-after", "ratelimitbysize-reset",
        "anthropic-ratelimit-unified-reset",
    }
)  # fmt: skip
"""These count even if no header says what is left. With several limits, a reset only counts for an
exhausted one."""
_BUCKET_IN_ONE: Final = r"(?=.*\b(?:r|remaining)=0\b).*\b(?:t|reset)=(\d{1,12})"
"""One limit of `RateLimit: "day";r=0;t=30`, and the form of older drafts."""


def wait_of(headers: Mapping[str, str], document: Any, message: str, *, now: float) -> float | None:
    """Return the seconds to wait, or None if nothing says so.

    `headers` have lower-case names, `document` is the parsed body, `now` is in epoch seconds.
    """
    for wait in _hints(headers, document, message, now):
        if wait is not None and math.isfinite(wait) and wait >= 0:
            return min(wait, _LONGEST)
    return None


def _hints(headers: Mapping[str, str], document: Any, message: str, now: float) -> Iterator[float | None]:
    yield from _asked(headers, now)
    inner: list[Mapping[str, str]] = []
    for name, value in _named(document):
        if name == "headers" and isinstance(value, dict):
            inner.append({key.lower(): str(text) for key, text in value.items()})
        elif name in _WHOLE_FIELDS or name.startswith(_FIELDS):
            yield _value(value, now, unit=next((unit for end, unit in _FIELD_UNITS if name.endswith(end)), 1.0))
    for one in inner:  # OpenRouter: those of the server behind it
        yield from _asked(one, now)
    yield _sentence(message, now)
    for one in (headers, *inner):
        yield max(_empty_buckets(one, now), default=None)


def _asked(headers: Mapping[str, str], now: float) -> Iterator[float | None]:
    """Yield the waits from dedicated headers, the finer unit first; some have a prefix.

    GitHub Models and Azure have `x-ratelimit-timeremaining`.
    """
    for ending, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0), ("ratelimit-timeremaining", 1.0)):
        for name in sorted((name for name in headers if name.endswith(ending)), key=len):
            yield _value(headers[name], now, unit=unit)


def _value(value: Any, now: float, *, unit: float = 1.0) -> float | None:
    """Read a number, a duration or a moment; a number that can be an epoch is one.

    Google may write a duration as an object. A header that came twice has two numbers.
    """
    if isinstance(value, dict):
        value = value.get("seconds")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip().strip('"')
    if re.fullmatch(r"[0-9.]{1,20}(?:, [0-9.]{1,20})+", text):
        text = text.partition(",")[0]
    if re.fullmatch(r"\+?\d{1,300}(?:\.\d{1,300})?", text, re.ASCII):
        number = float(text)
        for begin, per_second in _EPOCHS:
            if begin <= number < begin * _EPOCH_RANGE:
                return max(0.0, number / per_second - now)
        return number * unit
    span = _span(text)
    return span if span is not None else _moment(text, now)


def _span(text: str) -> float | None:
    """Read `120ms`, `2m59.56s`, `1 hour and 5 minutes`, `PT1M30S` of ISO 8601, and `00:01:30`."""
    if counted := re.fullmatch(_COUNTDOWN, text, re.ASCII):
        return sum(
            int(number or 0) * size for number, size in zip(counted.groups(), (86400.0, 3600.0, 60.0, 1.0), strict=True)
        )
    text = text.removeprefix("PT") if re.fullmatch(r"PT[\dHMS.]+", text) else text
    if not re.fullmatch(_DURATION, text, re.IGNORECASE | re.ASCII):
        return None
    steps = re.findall(rf"({_NUMBER}\s?|(?:an?|one)\s)({_UNIT})(?![a-z])", text, re.IGNORECASE)
    return sum((float(number) if number[0].isdigit() else 1.0) * _seconds(unit.lower()) for number, unit in steps)


def _seconds(unit: str) -> float:
    """Return the seconds in a unit, given its abbreviation or name."""
    return 0.001 if unit == "ms" or unit.startswith("milli") else _UNITS[unit[0]]


def _moment(text: str, now: float, zone: timezone = UTC) -> float | None:
    """Read a clock time, RFC 9110, section 5.6.7 (three forms), or RFC 3339.

    `zone` is the default.
    """
    # Clock times first: the parser of dates overlooks AM and PM.
    for parse in (lambda text: next_moment(text, now), parsedate_to_datetime, _iso, _asctime):
        try:
            moment = parse(text)
            return max(0.0, (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp() - now)
        except (ValueError, TypeError, OverflowError, LookupError):
            continue
    return None


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(re.sub(r"\s?(?:UTC|GMT)$", "Z", text.replace(" at ", " ")))


def _asctime(text: str) -> datetime:
    return datetime.strptime(text, "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)


def _named(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield the named values of a document, outer ones first.

    Names are in lower case without `-` and `_`.
    """
    level, left = [document], _MOST_VALUES
    for _ in range(_DEPTH):
        below: list[Any] = []
        for node in level:
            named = node.items() if isinstance(node, dict) else ()
            for key, value in named:
                yield str(key).lower().replace("-", "").replace("_", ""), value
                left -= 1
                if not left:
                    return
            below += node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        level = below


def _sentence(message: str, now: float) -> float | None:
    """Read "try again in 1m30.5s", "wait 40 seconds", "will reset at 2026-11-24 00:00:00"."""
    told = message.lower()
    if not any(word in told for word in _MENTIONS):
        return None
    for found in re.finditer(_SENTENCE, message, re.IGNORECASE):
        if found["span"]:
            return _span(found["span"])
        if found["moment"].isdigit():
            return _value(found["moment"], now)
        zone = timezone(timedelta(hours=8)) if any(phrase in told for phrase in _BEIJING) else UTC
        return _moment(found["moment"], now, zone)
    if bare := re.search(_BARE_SECONDS, told):
        return float(bare[1])
    later = re.search(_LATER, told)
    return float(later[1]) * _CHINESE_UNITS[later[2]] if later else None


def _empty_buckets(headers: Mapping[str, str], now: float) -> Iterator[float]:
    """Yield the resets of the exhausted rate limits; those of others mean nothing."""
    headers = {name.replace("rate-limit", "ratelimit"): value for name, value in headers.items()}
    for name, value in headers.items():
        if "ratelimit" not in name or "reset" not in name:
            continue
        left = headers.get(name.removesuffix("-after").replace("reset", "remaining"))
        empty = name in _LONE_RESETS if left is None else _value(left, now) == 0
        wait = _value(value, now) if empty else None
        if wait is not None:
            yield wait
    limits = headers.get("ratelimit", "")
    for limit in limits.split(",") if ";" in limits else [limits]:  # older drafts have one, with commas in it
        if told := re.match(_BUCKET_IN_ONE, limit):
            yield float(told[1])
