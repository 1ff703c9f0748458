"""Moments as people say them: "3pm (UTC)", "Dec 1 at 9am (Europe/Berlin)", "midnight Pacific time".

Without a zone a clock time is anybody's, so one is required.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WORDS: Final = {"midnight": 0, "noon": 12}
_DAY: Final = (
    rf"(?P<month>{'|'.join(_MONTHS)})[a-z]{{0,6}}\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?"
    r"(?:,? (?P<year>\d{4}))?,?\s(?:at\s)?"
)
_CLOCK: Final = r"(?P<clock>\d{1,2}:\d\d(?::\d\d)?(?:\s?[ap]\.?m\b\.?)?|\d{1,2}\s?[ap]\.?m\b\.?|midnight|noon)"
_OFFSET: Final = r"[+-]\d{1,2}(?::?\d\d)?\b"
_ZONE: Final = rf"\s?\(?(?P<zone>(?:UTC|GMT)(?:{_OFFSET})?|Z\b|{_OFFSET}|[a-z]+(?:/[a-z_+-]+\d{{0,2}}){{1,2}}|PT\b|Pacific Time)\)?"
CLOCK_TIME: Final = rf"(?:{_DAY})?{_CLOCK}{_ZONE}"
"""The pattern of such a moment, regardless of case."""
_SKEW: Final = 60.0
"""Clocks differ: what has passed by fewer seconds means now, not tomorrow."""


def next_moment(text: str, now: float) -> datetime:
    """Return the next moment that `text`, of the form `CLOCK_TIME`, can mean.

    `now` is in epoch seconds. Raises ValueError, or KeyError for an unknown zone.
    """
    found = re.fullmatch(CLOCK_TIME, text, re.IGNORECASE)
    if found is None:
        raise ValueError(text)
    earliest = datetime.fromtimestamp(now - _SKEW, _zone(found["zone"]))
    hour, minute, second = _clock(found["clock"].lower())
    moment = earliest.replace(hour=hour, minute=minute, second=second, microsecond=0)
    if not found["month"]:
        return moment if moment >= earliest else moment + timedelta(days=1)
    month = _MONTHS.index(found["month"].lower()) + 1
    moment = moment.replace(int(found["year"] or earliest.year), month, int(found["day"]))
    return moment if found["year"] or moment >= earliest else moment.replace(earliest.year + 1)


def _clock(clock: str) -> tuple[int, int, int]:
    if clock in _WORDS:
        return _WORDS[clock], 0, 0
    numbers = [int(number) for number in re.findall(r"\d+", clock)]
    hour, minute, second = (*numbers, 0, 0)[:3]
    if half := re.search(r"[ap]", clock):
        if not 1 <= hour <= 12:
            raise ValueError(clock)
        hour = hour % 12 + 12 * (half[0] == "p")
    return hour, minute, second


def _zone(name: str) -> tzinfo:
    """Return the zone of a name. Raises ValueError, or KeyError for an unknown one."""
    if offset := re.fullmatch(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d\d)?", name, re.IGNORECASE):
        ahead = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(ahead if offset[1] == "+" else -ahead)
    if name.upper() in ("UTC", "GMT", "Z"):
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name if "/" in name else "America/Los_Angeles")
    except OSError as error:  # a folder of the database
        raise ValueError(name) from error
