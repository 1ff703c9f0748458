"""How long a server wants to be left alone, in every spelling, and nothing of it when it is nonsense."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.providers.failures.reader import parse_failure
from fallback_chat.providers.failures.waits import wait_of
from tests.providers.vectors import NOW, VECTORS

WAITS = {each["id"]: each for each in json.loads((VECTORS / "retry_after.json").read_bytes())["vectors"]}
YEAR = 366 * 86400.0


def header(name: str, value: str, **more: str) -> float | None:
    return wait_of({name: value, **{key.replace("_", "-"): text for key, text in more.items()}}, None, "", now=NOW)


def sentence(message: str) -> float | None:
    return wait_of({}, None, message, now=NOW)


@pytest.mark.parametrize("name", WAITS)
def test_a_hint_means_these_seconds(name: str) -> None:
    vector = WAITS[name]
    failure = parse_failure(429, vector["body"])
    wait = wait_of(vector["headers"], failure.document, failure.message, now=NOW)
    assert wait == (vector["expected_seconds"] and pytest.approx(vector["expected_seconds"]))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("+3", 3.0),
        ('"12"', 12.0),
        ("1m", 60.0),
        ("1m30.5s", 90.5),
        ("1d2h", 93600.0),
        ("90 seconds", 90.0),
        ("PT1M30S", 90.0),
        ("00:01:30", 90.0),
        ("2026-11-23T00:02:00Z", 120.0),
        ("1795392030", 30.0),
        ("1795392030.5", 30.5),
        ("1795392030000", 30.0),
        ("1795392030000000", 30.0),
        ("1795391000", 0.0),
        ("2592000", 2592000.0),
        ("9" * 30, YEAR),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR),
        ("-5", None),
        ("-inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("0x10", None),
        ("1_0", None),
        ("1,2", None),
        ("60, 60", 60.0),  # the header came twice
        ("٣", None),
        ("9" * 400, None),
        ("1e999", None),
        ("Thu, 01 Jan 99999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_every_spelling_and_is_harmless_in_any_other(value: str, seconds: float | None) -> None:
    assert header("retry-after", value) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "0"}, 360.0),
        (
            {"x-ratelimit-reset-requests-day": "33011.38", "x-ratelimit-remaining-requests-day": "0"},
            33011.38,
        ),  # Cerebras
        ({"x-ratelimit-reset-tokens": "6m0s", "x-ratelimit-remaining-tokens": "5"}, None),
        ({"x-ratelimit-reset-tokens": "6m0s"}, None),
        ({"x-ratelimit-reset": "1795392030000", "x-ratelimit-remaining": "0"}, 30.0),
        ({"x-ratelimit-reset": "8"}, 8.0),
        ({"x-ratelimit-reset": "8", "x-ratelimit-remaining": "3"}, None),
        ({"ratelimit-reset": "9", "ratelimit-remaining": "0"}, 9.0),
        ({"ratelimit": '"day";r=0;t=30'}, 30.0),
        ({"ratelimit": "limit=10, remaining=0, reset=5"}, 5.0),
        ({"ratelimit": '"day";r=7;t=30'}, None),
        ({"ratelimit": '"burst";r=0;t=12, "day";r=40;t=3600'}, 12.0),
        ({"ratelimit": '"burst";r=4;t=12, "day";r=0;t=3600'}, 3600.0),
        ({"ratelimit": '"burst";r=0;t=12, "day";r=0;t=3600'}, 3600.0),
        ({"ratelimit": '"burst";t=12;r=0,"day";t=3600;r=9'}, 12.0),
        ({"x-ratelimit-reset-after": "2.5"}, 2.5),
        ({"ratelimitbysize-reset": "39", "ratelimitbysize-remaining": "0"}, 39.0),
        ({"anthropic-ratelimit-unified-reset": "1795392060"}, 60.0),
        ({"anthropic-ratelimit-unified-5h-reset": "1795392060"}, None),
        ({"x-rate-limit-reset": "12", "x-rate-limit-remaining": "0"}, 12.0),
        (
            {
                "x-ratelimit-reset-requests": "8",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "6m0s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-requests-day": "33011.38",
                "x-ratelimit-remaining-requests-day": "7",
            },
            360.0,
        ),  # of those that are spent, the one that is back last
        ({"x-retry-after": "5"}, 5.0),
        ({"x-ratelimit-timeremaining": "30", "x-ratelimit-type": "UserByModelByMinute"}, 30.0),
        ({"retry-after": "2", "cf-retry-after": "9"}, 2.0),
    ],
)
def test_rate_limit_headers_count_where_nothing_is_left(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_of(headers, None, "", now=NOW) == seconds


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        ({"resets_in_seconds": 7200}, 7200.0),
        ({"resets_at": 1795392060}, 60.0),
        ({"resetsAt": "2026-11-23T01:00:00+00:00"}, 3600.0),
        ({"reset_at": "2026-11-23 00:00:30"}, 30.0),
        ({"retry_after": 12.5}, 12.5),
        ({"retryAfter": "12s"}, 12.0),
        ({"retry_after_ms": 900}, 0.9),
        ({"retry_after_seconds": "45"}, 45.0),
        ({"retry_in_minutes": 2}, 120.0),
        ({"details": [{"retryDelay": "34.07s"}]}, 34.07),
        ({"details": [{"metadata": {"quotaResetDelay": "3h12m5s"}}]}, 11525.0),
        ({"metadata": {"headers": {"X-RateLimit-Reset": "1795392090000", "X-RateLimit-Remaining": "0"}}}, 90.0),
        ({"metadata": {"headers": {"Retry-After": "20"}}}, 20.0),
        ({"limit": 10, "remaining": 0, "reset": 1795392030}, 30.0),
        ({"try_again_in": 9}, 9.0),
        ({"next_available_at": "2026-11-23T00:00:15Z"}, 15.0),
        ({"cooldown_seconds": 20}, 20.0),
        ({"details": [{"retryDelay": {"seconds": 31, "nanos": 0}}]}, 31.0),
        ({"error_data": {"time_to_reset_in_seconds": 12}}, 12.0),
        ({"seconds_until_reset": 12}, 12.0),
        ({"limit_reset_time": "2026-11-23T00:00:12Z"}, 12.0),
        ({"window_reset": 15}, 15.0),
        ({"wait": 13}, 13.0),
        ({"waiting": True, "wait_list": [3]}, None),
        ({"retry_after": -3, "resets_in_seconds": 5}, 5.0),
        ({"retryable": True, "retries": 3, "max_retries": 5, "retry_count": 2}, None),
        ({"retry_after": True}, None),
        ({"retry_after": None}, None),
        ({"retry_after": float("nan")}, None),
        ({"retry_after": "soon"}, None),
    ],
)
def test_a_field_of_the_error_names_a_wait(error: dict[str, Any], seconds: float | None) -> None:
    assert wait_of({}, {"error": error}, "", now=NOW) == (seconds and pytest.approx(seconds))


def test_a_field_beside_the_error_names_a_wait_too() -> None:
    failure = parse_failure(503, {"error": "Model m is currently loading", "estimated_time": 20.0})
    assert wait_of({}, failure.document, failure.message, now=NOW) == 20.0


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 350ms.", 0.35),
        ("try again in 20 seconds", 20.0),
        ("Try again in about 2 minutes", 120.0),
        ("Try again in 4 days 5 hours 9 minutes.", 364140.0),
        ("try again in 1 hour, 5 minutes and 3 seconds", 3903.0),
        ("try again in an hour", 3600.0),
        ("Please retry your request after 7 seconds.", 7.0),
        ("Please wait 40000 seconds before retrying.", 40000.0),
        ("Your quota will reset after 3h12m5s.", 11525.0),
        ("Quota resets in: 12h", 43200.0),
        ("available again in 90 s", 90.0),
        ("Your quota will be refreshed in 3 hours", 10800.0),
        ("Your limit will reset at 2026-11-23 08:01:40", 100.0),  # z.ai: in Beijing
        ("您的限额将在 2026-11-23 08:01:40 重置。", 100.0),
        ("Resets at 2026-11-23T00:00:30Z", 30.0),
        ("the limit resets at 2026-11-23 00:00:30 UTC.", 30.0),
        ("Try again at 1795392030", 30.0),
        ("Try again at Mon, 23 Nov 2026 00:01:30 GMT", 90.0),
        ("The next request is allowed in 3s", 3.0),
        ("The block will be lifted in 2 hours", 7200.0),
        ("You will regain access on 2026-12-01 at 00:00 UTC.", 691200.0),  # Anthropic
        ("Upgrade to get access for 30 days", None),
        ("请在 30 秒后重试", 30.0),
        ("2小时后重试", 7200.0),
        ("retry_after=7", 7.0),
        ("Retry-After: 10 seconds", 10.0),
        ("Too many requests, cooldown 15s", 15.0),
        ("You can make another request in 42 seconds", 42.0),
        ("The quota resets daily at 00:30 UTC", 1800.0),
        ("Please retry after 7", 7.0),
        ("retry after 50%", None),
        ("Come back in 5 minutes", 300.0),
        ("Reset time: 2026-11-23T00:03:00Z", 180.0),
        ("Out of call volume quota. Quota will be replenished in 02:13:45.", 8025.0),  # Azure
        ("Quota will be replenished in 1.00:00:30", 86430.0),
        ("Try again in 00:05", None),  # minutes, or hours?
        ("Please try again at 02:13:45", None),
        ("You can send messages again at 00:10 UTC", 600.0),
        ("Ask again in 5 minutes", 300.0),
        ("Please try again in a few minutes", None),
        ("Please try again later.", None),
        ("50 per 86400s exceeded", None),
        ("retry 3 times", None),
        ("Your limit will reset at 2026-99-99 00:00:00", None),
    ],
)
def test_a_sentence_names_a_wait(message: str, seconds: float | None) -> None:
    assert sentence(message) == (seconds and pytest.approx(seconds))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("15:30 UTC", 55800.0),
        ("15:30:20Z", 55820.0),
        ("3pm (UTC)", 54000.0),
        ("3:30 PM GMT", 55800.0),
        ("12am UTC", 0.0),
        ("12:05 a.m. UTC", 300.0),
        ("noon UTC", 43200.0),
        ("midnight UTC+9", 54000.0),
        ("02:00:30+02:00", 30.0),
        ("5:30 (UTC+05:30)", 0.0),
        ("3am (America/New_York)", 28800.0),
        ("midnight Pacific time", 28800.0),  # Google's limits of a day
        ("midnight PT", 28800.0),
        ("Dec 1 at 9am (UTC)", 723600.0),
        ("Dec 1, 9am (UTC)", 723600.0),
        ("Nov 24, 12am (Europe/Berlin)", 82800.0),
        ("Nov 24th, 2026 12:02 AM UTC", 86520.0),
        ("November 23, 2026, 12:01 PM UTC", 43260.0),
        ("Jan. 2 at 00:00 UTC", 3456000.0),  # of the next year
        ("23:59:30 UTC", 0.0),  # half a minute ago
        ("15:30", None),  # whose?
        ("3pm", None),
        ("Dec 1 at 9am", None),
        ("3pm local time", None),
        ("3pm (Nowhere/Land)", None),
        ("3pm (America/Argentina)", None),  # a folder of zones
        ("25:00 UTC", None),
        ("13pm UTC", None),
        ("12:60 UTC", None),
        ("Feb 30 at 3pm UTC", None),
        ("Nov 24, 9999999 3pm UTC", None),
        ("15:30 UTC+99", None),
        ("3 UTC", None),
    ],
)
def test_a_clock_time_is_a_wait_where_its_zone_is_known(said: str, seconds: float | None) -> None:
    if seconds and ("/" in said or said.startswith("midnight P")) and not available_timezones():
        pytest.skip("this system knows no time zones by name")
    assert sentence(f"You've hit your limit. It resets {said}.") == seconds
    assert sentence(f"Please try again at {said}") == seconds
    assert wait_of({}, {"error": {"resets_at": said}}, "", now=NOW) == seconds


def test_an_unusable_hint_gives_way_to_the_next() -> None:
    headers = {"retry-after": "nan", "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6s"}
    assert wait_of(headers, None, "Please try again in 2 minutes.", now=NOW) == 120.0
    assert wait_of(headers, None, "", now=NOW) == 6.0


NAMES = st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset", "ratelimit", "x-ratelimit-reset-x"])
VALUES = st.text() | st.integers().map(str) | st.floats().map(str) | st.datetimes().map(str)


@given(
    st.dictionaries(NAMES, VALUES),
    st.dictionaries(st.sampled_from(["resets_at", "retry_after", "headers"]), VALUES),
    st.text(),
)
def test_no_hint_raises(headers: dict[str, str], document: dict[str, str], message: str) -> None:
    for text in (message, f"try again in {message}", f"resets at {message}", f"resets at 3pm ({message})"):
        wait = wait_of(headers, document, text, now=NOW)
        assert wait is None or 0 <= wait <= YEAR


@pytest.mark.parametrize(
    "message", ["retry in " * 1000, "try " + "again " * 1500, "wait " + "1h" * 4000, "wait " + "9" * 8000]
)
def test_a_long_sentence_is_read_in_linear_time(message: str) -> None:
    assert (sentence(message) or 0.0) <= YEAR
