"""What a server says is never lost, whatever shape it says it in, and pages are told by their words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.errors import ErrorDetails
from fallback_chat.providers.failures.markup import holds_page, without_markup
from fallback_chat.providers.failures.reader import MESSAGE_LIMIT, parse_failure, reported

SAID: list[tuple[Any, str]] = [
    ({"error": {"message": "m"}}, "m"),
    ({"error": "m"}, "m"),
    ([{"error": {"message": "m"}}], "m"),
    ({"object": "error", "message": "m"}, "m"),
    ({"Message": "m"}, "m"),
    ({"message": None, "Message": "m"}, "m"),
    ({"detail": "m"}, "m"),
    ({"detail": {"error": "m"}}, "m"),
    ({"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "m"}, {"msg": "n"}]}, "messages.0.role: m; n"),
    ({"success": False, "errors": [{"code": 7003, "message": "m"}, {"code": 1, "message": "n"}], "messages": []}, "m; n"),
    ({"error": [{"code": 2009, "message": "m"}], "success": False}, "m"),
    ({"error": ["m", "n"], "error_type": "validation"}, "m; n"),
    ({"errors": ["m"]}, "m"),
    ({"title": "t", "status": 400, "errors": {"model": ["m", "n"], "seed": ["o"]}}, "model: m; model: n; seed: o: t"),
    ({"model": ["m"]}, "model: m"),
    ({"Error": {"Code": "c", "Message": "m"}}, "m"),
    ({"fault": {"faultstring": "m", "detail": {"errorcode": "c"}}}, "m"),
    ({"base_resp": {"status_code": 1008, "status_msg": "m"}, "choices": None}, "m"),
    ({"code": "c", "error": "m"}, "m"),
    ({"__type": "a#ThrottlingException", "message": "m"}, "m"),
    ({"timestamp": "t", "status": 404, "error": "m", "message": "n", "path": "/v1"}, "m: n"),
    ({"type": "about:blank", "title": "t", "status": 404, "detail": "m"}, "m"),
    ({"error": {"message": "m"}, "message": "n"}, "m: n"),
    ({"error": {"message": "m."}, "message": "n."}, "m: n."),
    ({"error": {"message": "m and n"}, "message": "n"}, "m and n"),
    ({"error": {"message": "m", "metadata": {"raw": "n"}}}, "m: n"),
    ({"error": {"message": "m", "metadata": {"raw": '{"error": {"message": "n"}}'}}}, "m: n"),
    ({"error": {"message": "m", "metadata": {"raw": {"detail": "n"}}}}, "m: n"),
    ({"error": {"code": "misalignment_policy_violation", "message": "m", "misalignment": {"detailed_explanation": "n"}}}, "m: n"),
    ({"ErrorMessage": "m"}, "m"),
    ({"error_msg": "m", "error_code": 336003}, "m"),
    ({"errmsg": "m"}, "m"),
    ({"statusMessage": "m"}, "m"),
    ({"error": {"description": "m"}}, "m"),
    ({"error": {"code": "c", "innererror": {"message": "m"}}}, "m"),
    ({"error": {"code": 400, "errors": [{"reason": "r", "message": "m"}]}}, "m"),
    ({"error": {"message": {"text": "m"}}}, "m"),
    ({"error": {"message": '{"error": {"message": "m"}}'}}, "m"),
    ({"error": '{"type": "error", "error": {"message": "m"}}'}, "m"),
    ({"error": {"message": '{"a": 1}'}}, '{"a": 1}'),
    ({"response": {"error": {"message": "m"}}}, "m"),
    ({"data": {"error": "m"}}, "m"),
    ({"foo": {"bar": "m"}}, '{"foo": {"bar": "m"}}'),
    ({}, ""),
    ([], ""),
    (None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("document", "words"), SAID)
def test_the_words_of_a_failure_are_found_in_every_shape(document: Any, words: str) -> None:
    assert parse_failure(400, json.dumps(document)).message == words


@pytest.mark.parametrize("place", ["error", "errors", "Error", "fault", "base_resp"])
@pytest.mark.parametrize("many", [False, True])
def test_the_error_object_is_found_in_every_place(place: str, many: bool) -> None:
    error = {"message": "m", "code": 7, "type": "t", "param": "p"}
    failure = parse_failure(400, {"success": False, place: [error, {"message": "m"}] if many else error})
    assert (failure.message, failure.code, failure.type, failure.param, failure.body) == ("m", "7", "t", "p", error)


@pytest.mark.parametrize(
    "stream",
    [
        'data: {"error": {"message": "m", "code": "c"}}\n\ndata: [DONE]\n\n',
        'event: error\ndata: {"type": "error", "error": {"message": "m", "code": "c"}}\n\n',
        'error: {"message": "m", "code": "c"}\n\n',
        ': comment\n\ndata: {"error": {"message": "m", "code": "c"}}',
    ],
)
def test_the_body_of_a_failure_may_be_an_event_stream(stream: str) -> None:
    failure = parse_failure(500, stream)
    assert (failure.message, failure.code) == ("m", "c")


PAGES = [
    ("<html><head><title> 502\n Bad Gateway </title></head><body>x</body></html>", "a web page: 502 Bad Gateway"),
    ("<!DOCTYPE html><html lang=en><title>Just a moment...</title>", "a web page: Just a moment..."),
    ("<html><body><h1>413</h1> Request&nbsp;Entity Too Large</body>", "a web page: 413 Request Entity Too Large"),
    ("<html><title>Error</title><body><pre>Cannot POST /v1</pre>", "a web page: Cannot POST /v1"),
    ("<html><style>p {}</style><script>if (a < b) {}</script><p>Words", "a web page: Words"),
    ("<h1>Not &lt;here&gt;</h1>", "a web page: Not <here>"),
    ("<html></html>", "a web page"),
    ("upstream said: <html><title>504 Gateway Time-out</title>", "upstream said: a web page: 504 Gateway Time-out"),
    ('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML document: AccessDenied"),
]


@pytest.mark.parametrize(("page", "words"), PAGES)
def test_a_page_is_told_by_its_title_or_its_words(page: str, words: str) -> None:
    assert (holds_page(page), without_markup(page)) == (True, words)
    assert parse_failure(500, page).message == words
    assert parse_failure(500, {"error": {"message": page}}).message == words


@pytest.mark.parametrize(
    "text", ["plain", "a < b > c", "unexpected <title> in the request", "", "<think>no page</think>"]
)
def test_what_is_no_page_stays_as_it_is(text: str) -> None:
    assert (holds_page(text), without_markup(text)) == (False, text)


@pytest.mark.parametrize("page", ["<html>" + "<" * 60_000, "<html>" + "<script " * 8000, "<html>" + "<style>" * 8000])
def test_a_page_that_never_ends_is_read_in_linear_time(page: str) -> None:
    assert len(parse_failure(500, page).message) <= MESSAGE_LIMIT


NAMES = st.sampled_from(["error", "errors", "message", "detail", "code", "metadata", "raw", "loc", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
)


@given(JSON)
def test_any_document_can_be_read(document: Any) -> None:
    failure = parse_failure(None, document)
    assert isinstance(failure.message, str)
    assert failure.code is None or isinstance(failure.code, str)


@pytest.mark.parametrize(
    ("text", "instead_of_an_answer", "behind_one"),
    [
        ('{"error": {"message": "m"}}', True, True),
        ('[{"error": {"message": "m"}}]', True, True),
        ('{"base_resp": {"status_msg": "m"}}', True, True),
        ('{"detail": "m"}', True, False),
        ('{"code": "InvalidApiKey", "message": "m"}', True, False),
        ('{"id": "x", "choices": []}', False, False),
        ("words", False, False),
        ('{"message": {"role": "assistant", "content": ""}, "done": true}', False, False),
    ],
)
def test_a_200_reports_a_failure_by_its_words(text: str, instead_of_an_answer: bool, behind_one: bool) -> None:
    found = [reported(text, answered=answered) is not None for answered in (False, True)]
    assert found == [instead_of_an_answer, behind_one]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("overloaded", "overloaded"),
        (5, 5),
        (-5, -5),
        (False, None),
        (2**63, None),
        (10**30, None),
        (0.5, None),
        ([], None),
    ],
)
def test_only_texts_and_numbers_of_64_bits_are_codes(value: Any, code: str | int | None) -> None:
    failure = parse_failure(None, {"error": {"message": "m", "type": value, "code": value}})
    assert (failure.type, failure.code) == (code, None if code is None else str(code))
    ErrorDetails(type=failure.type, code=failure.code)
