"""Every recorded failure gets its class, its wait and its words."""

from __future__ import annotations

import errno
import json
import socket
import ssl
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.policy import Next, may_retry, rule
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.providers.failures.blame import blame
from fallback_chat.providers.failures.connection import connection_error
from fallback_chat.providers.failures.errors import ErrorReader
from fallback_chat.providers.failures.reader import SHOWN_LIMIT, parse_failure
from tests.providers.vectors import NOW, VECTORS

FIXTURES = {each["id"]: each for each in json.loads((VECTORS / "http_errors.json").read_bytes())["fixtures"]}
FAILOVER = {
    "yes": {Next.YES},
    # A limit on the size of one request says nothing about the windows of others.
    "bigger_window": {Next.BIGGER_WINDOW, Next.YES},
    "ask": {Next.UNTIL_AGREED, Next.REFUSED},
}
SHOWN = {
    "any/proxy-empty-504": "Gateway Timeout, and nothing else",
    "any/proxy-html-502": "a web page: 502 Bad Gateway",
    "any/proxy-html-413": "a web page: 413 Request Entity Too Large",
    "mistral/mistral-validation": "temperature: Input should be less than or equal to 1.5",
    "openrouter/openrouter-upstream-429": "Provider returned error: acme/skiff-2 is temporarily rate-limited upstream",
}
"""What is shown of those whose words are not a plain text."""
KEY = "sk-secret/0123456789"


def errors(*, headers: tuple[tuple[str, str], ...] = ()) -> ErrorReader:
    return ErrorReader(ProviderSettings(name="p", kind="openai", model="m", headers=headers), KEY)


@pytest.mark.parametrize("name", FIXTURES)
def test_a_recorded_failure_is_understood(name: str) -> None:
    response, wanted = FIXTURES[name]["response"], FIXTURES[name]["expected"]
    error = errors().from_response(response["status"], response["headers"], response["body"], now=NOW)
    assert {
        "kind": error.kind.value,
        "retry_same": may_retry(error),
        "retry_after": error.retry_after,
        "code": error.details.code,
        "type": error.details.type,
        "reason": error.details.reason,
        "message": error.message,
        "request_id": error.request_id,
    } == {key: value for key, value in wanted.items() if key != "failover"} | {
        "message": SHOWN.get(name, wanted["message"])
    }
    assert rule(error.kind).next in FAILOVER[wanted["failover"]]


@given(st.integers(400, 599), st.text())
def test_every_status_has_a_class_whatever_the_body(status: int, body: str) -> None:
    assert isinstance(blame(parse_failure(status, body)).kind, ErrorKind)


@pytest.mark.parametrize("body", ["[" * 100_000, "9" * 10_000, '{"error": ' * 50_000, "\x00", '"\ud800"'])
def test_a_body_that_cannot_be_parsed_leaves_the_status(body: str) -> None:
    error = errors().from_response(401, {}, body, now=NOW)
    assert error.kind is ErrorKind.AUTH
    assert len(error.message) <= SHOWN_LIMIT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ErrorKind.BAD_REQUEST),
        (401, ErrorKind.AUTH),
        (402, ErrorKind.QUOTA_EXHAUSTED),
        (403, ErrorKind.PERMISSION),
        (404, ErrorKind.MODEL_NOT_FOUND),
        (408, ErrorKind.TIMEOUT),
        (409, ErrorKind.SERVER_ERROR),
        (413, ErrorKind.TOO_LARGE),
        (418, ErrorKind.BAD_REQUEST),
        (422, ErrorKind.BAD_REQUEST),
        (425, ErrorKind.SERVER_ERROR),
        (429, ErrorKind.RATE_LIMITED),
        (498, ErrorKind.OVERLOADED),
        (499, ErrorKind.CANCELLED),
        (500, ErrorKind.SERVER_ERROR),
        (501, ErrorKind.BAD_REQUEST),
        (503, ErrorKind.OVERLOADED),
        (504, ErrorKind.TIMEOUT),
        (524, ErrorKind.TIMEOUT),
        (529, ErrorKind.OVERLOADED),
        (599, ErrorKind.TIMEOUT),
        (999, ErrorKind.SERVER_ERROR),
    ],
)
def test_a_bare_status_decides(status: int, kind: ErrorKind) -> None:
    assert errors().from_response(status, {}, "", now=NOW).kind is kind


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"message": "x", "type": "insufficient_quota"}, "quota_exhausted"),
        (429, {"message": "Request too large for m: Limit 30000, Requested 45000."}, "too_large"),
        (
            400,
            {"message": "Please reduce the length of the messages or completion."},
            "context_exceeded",
        ),
        (429, {"message": "too many tokens"}, "rate_limited"),
        (None, {"message": "x", "code": "529"}, "overloaded"),
        (None, {"message": "x", "type": "server_error"}, "server_error"),
        (None, {"message": "x", "type": "rate_limit_error"}, "rate_limited"),
        (None, {"message": "x"}, "server_error"),
        (429, {"message": "x", "details": {"error_code": "ramp_limit_exceeded"}}, "rate_limited"),
        (400, {"message": "You have reached your specified API usage limits."}, "quota_exhausted"),
        (429, {"message": "You have reached your specified API usage limits."}, "quota_exhausted"),
        (
            429,
            {"message": "x", "details": [{"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]}]},
            "quota_exhausted",
        ),
    ],
)
def test_wording_and_codes_decide_where_the_status_does_not(
    status: int | None, error: dict[str, Any], kind: str
) -> None:
    assert blame(parse_failure(status, {"error": error})).kind == kind


def test_a_page_is_known_by_its_title() -> None:
    page = f"<!DOCTYPE html><html><head><title> 502\n Bad Gateway </title></head>{'x' * 5000}"
    shown = [errors().from_response(502, {}, body, now=NOW).message for body in (page, "y" * 5000)]
    assert shown == ["a web page: 502 Bad Gateway", "y" * (SHOWN_LIMIT - 1) + "…"]


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        (
            {"base_url": "http://10.0.0.7:8080"},
            "most servers of kind 'openai' want base_url = 'http://10.0.0.7:8080/v1'",
        ),
        ({"base_url": "http://10.0.0.7/"}, "most servers of kind 'openai' want base_url = 'http://10.0.0.7/v1'"),
        ({"base_url": "http://10.0.0.7/v1"}, "check base_url, then `model`, in fallback.toml"),
        ({"base_url": "https://api.deepseek.com"}, "check base_url, then `model`, in fallback.toml"),
        ({"kind": "ollama", "base_url": "http://10.0.0.7"}, "check base_url, then `model`, in fallback.toml"),
    ],
)
def test_an_address_without_a_path_is_told_the_usual_one(settings: dict[str, Any], hint: str) -> None:
    reader = ErrorReader(ProviderSettings(**{"name": "p", "kind": "openai", "model": "m", **settings}), None)
    error = reader.from_response(404, {}, "404 page not found", now=NOW)
    assert (error.words, error.hint) == ("has no such address, or no such model", hint)


def test_the_rejected_parameter_is_named() -> None:
    detail = {"detail": [{"loc": ["body", "temperature"], "msg": "too high"}]}
    assert parse_failure(422, detail).param == "temperature"
    assert parse_failure(400, {"error": {"message": "m", "param": "top_p"}}).param == "top_p"
    assert parse_failure(422, {"detail": [{"loc": ["query"]}]}).param is None


def test_no_key_leaves_in_an_error() -> None:
    body = json.dumps({"error": {"message": f"bad key {KEY}", "code": KEY, "extra": [{"deep": f"<{KEY}>"}], KEY: 1}})
    for text in (body, body.replace("/", "\\/"), f"plain {KEY}"):
        error = errors().from_response(401, {}, text, now=NOW)
        assert KEY not in f"{error} {error.details} {error.body}"
        assert "[redacted]" in error.message
    event = errors(headers=(("X-Auth-Token", "tok-999999"), ("X-Title", "chat"))).from_event(
        {"error": {"message": f"{KEY} tok-999999 chat"}}, {}, now=NOW
    )
    assert event.message == "[redacted] [redacted] chat"


def test_a_redirect_names_its_target_and_is_never_followed() -> None:
    error = errors().from_response(307, {"location": "https://u:p@evil.test:8443/v1?x=1"}, "", now=NOW)
    assert (error.kind, error.status_code, may_retry(error)) == (ErrorKind.SERVER_ERROR, 307, False)
    assert "https://evil.test:8443" in error.message
    assert "p@" not in error.message
    assert error.hint is not None
    assert "base_url" in error.hint


@pytest.mark.parametrize(
    ("location", "where"),
    [
        ("https://u:p@evil.test:8443/v1?x=1", "to https://evil.test:8443"),
        ("//evil.test/v1", "to https://evil.test"),
        ("/login", "to https://here.test"),
        ("login", "to https://here.test"),
        *((odd, "elsewhere") for odd in ("", "file:///etc/passwd", "data:,x", "http://[::1", "mailto:me", "http://")),
    ],
)
def test_the_target_of_a_redirect_is_told_if_it_has_an_address(location: str, where: str) -> None:
    settings = ProviderSettings(name="p", kind="openai", model="m", base_url="https://here.test/v1")
    error = ErrorReader(settings, KEY).from_response(308, {"location": location}, "", now=NOW)
    assert error.message == f"redirects {where}; the key is not sent there"


def test_a_server_that_forbids_a_retry_is_obeyed_and_one_that_promises_too_much_is_not() -> None:
    def retry(status: int, word: str) -> bool:
        return may_retry(errors().from_response(status, {"x-should-retry": word}, "", now=NOW))

    assert [retry(500, "false"), retry(500, "true"), retry(401, "true"), retry(400, "true")] == [
        False,
        True,
        False,
        True,
    ]


def test_an_error_can_always_be_shown() -> None:
    error: APIError = errors().from_event({"error": {}}, {}, now=NOW)
    assert str(error) == error.message == "the provider reported an error without a message"


def test_what_is_nested_deeper_than_any_error_is_dropped() -> None:
    deep: Any = KEY
    for _ in range(300):
        deep = [deep]
    error = errors().from_event({"error": {"message": deep, "more": deep}}, {}, now=NOW)
    assert KEY not in f"{error}{error.body}"


@pytest.mark.parametrize(
    ("cause", "no_route"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), True),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), True),
        (OSError(errno.EHOSTUNREACH, "No route to host"), True),
        (OSError(errno.ENETDOWN, "Network is down"), True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), False),
        (ConnectionResetError(errno.ECONNRESET, "reset"), False),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), False),
        (ssl.SSLError("bad handshake"), False),
    ],
)
def test_an_error_knows_whether_this_machine_may_be_offline(cause: OSError, no_route: bool) -> None:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = cause

    assert connection_error(error, "https://api.example/v1").no_route is no_route
