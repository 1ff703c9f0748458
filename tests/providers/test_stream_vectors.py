"""Every recorded body, in every way of cutting it, gives exactly what it says."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.errors import APIError
from tests.providers.record import main, record
from tests.providers.vectors import VECTORS, body_reader, expected, read, stream_vectors
from tests.sampling import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fallback_chat.providers.http.body import BodyReader

BODIES = [(name, form) for name, vector in stream_vectors().items() for form in vector["files"]]


def body_of(name: str, form: str) -> bytes:
    file: str = stream_vectors()[name]["files"][form]["file"]
    return (VECTORS / "streams" / file).read_bytes()


def cuts(name: str, form: str) -> Iterator[list[bytes]]:
    body = body_of(name, form)
    yield [body]
    yield [body[i : i + 1] for i in range(len(body))]
    yield [body[i : i + 7] for i in range(0, len(body), 7)]
    offsets = [point["offset"] for point in stream_vectors()[name]["files"][form]["split_points"]]
    yield [body[a:b] for a, b in zip([0, *offsets], [*offsets, len(body)], strict=True)]
    for offset in offsets:
        yield [body[:offset], body[offset:]]


def without_our_own(result: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the provider did not send: ids (ours are random), and the error made from a finish that means failure."""
    calls = zip(result["tool_calls"], wanted["tool_calls"], strict=True)
    return result | {
        "tool_calls": [call | {"id": want["id"] and call["id"]} for call, want in calls],
        "error": wanted["error"] and result["error"],
    }


@pytest.mark.parametrize(("name", "form"), BODIES)
def test_a_recorded_body_gives_what_it_says_however_it_is_cut(name: str, form: str) -> None:
    vector = stream_vectors()[name]
    wanted = expected(vector)
    for pieces in cuts(name, form):
        result = read(vector["family"], pieces)
        assert without_our_own(result, wanted) == wanted
        assert all(call["id"] for call in result["tool_calls"])


def ends_once(reader: BodyReader) -> bool:
    """Whether a body is a whole answer or failed, and both only where the server itself reports an error behind its finish."""
    if reader.error is None:
        return reader.finished
    return not reader.finished or reader.error.body is not None


@examples(60, 2000)
@given(data=st.data())
def test_a_damaged_body_never_raises_anything(data: st.DataObject) -> None:
    name, form = data.draw(st.sampled_from(BODIES))
    rng = random.Random(data.draw(st.integers()))
    body = bytearray(body_of(name, form))
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(body))
        match rng.randrange(4):
            case 0:
                body[place] = rng.randrange(256)
            case 1:
                del body[place : place + rng.randint(1, 40)]
                body = body or bytearray(b"x")
            case 2:
                body[place:place] = rng.choice([b"null", b"\r", b"\n\n", b"{", b'"', b"[]", b"1e999", b"\xff", b"-7"])
            case _:
                del body[place + 1 :]
    reader = body_reader(stream_vectors()[name]["family"])
    reader.feed(bytes(body))
    reader.end()
    assert reader.error is None or isinstance(reader.error, APIError)
    assert ends_once(reader)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the place of every value inside `value`."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


@examples(150, 5000)
@given(data=st.data())
def test_any_value_of_an_event_may_be_of_any_type(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(stream_vectors())))
    vector = stream_vectors()[name]
    lines = [line for line in body_of(name, "lf").split(b"\n") if line.strip().removeprefix(b"data: ").startswith(b"{")]
    events = []
    for line in lines:
        try:
            events.append(json.loads(line.removeprefix(b"data: ").removeprefix(b"\xef\xbb\xbfdata: ")))
        except ValueError:
            continue  # a frame of several lines
    if not events:
        return
    number = data.draw(st.integers(0, len(events) - 1))
    path = data.draw(st.sampled_from(list(paths(events[number]))[1:]))
    place = events[number]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = data.draw(JUNK)
    prefix = b"" if vector["family"] == "ollama" else b"data: "
    end = b"\n" if vector["family"] == "ollama" else b"\n\n"
    reader = body_reader(vector["family"])
    for event in events:
        reader.feed(prefix + json.dumps(event).encode() + end)
    reader.end()
    assert ends_once(reader)


def test_of_geminis_counts_only_the_last_is_given() -> None:
    reader = body_reader("gemini")
    for number in (1, 2, 3):
        event: dict[str, Any] = {"candidates": [{"content": {"parts": [{"text": "x"}]}}]}
        if number == 3:
            event["candidates"][0]["finishReason"] = "STOP"
        event["usageMetadata"] = {"promptTokenCount": 7, "candidatesTokenCount": number}
        reader.feed(b"data: %s\n\n" % json.dumps(event).encode())
    reader.feed(b'data: {"usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 4}}\n\n')
    assert [chunk.usage.output for chunk in reader.ready if chunk.usage] == [3, 4]


@pytest.mark.parametrize(
    ("family", "event", "kind"),
    [
        ("gemini", {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, "server_error"),
        ("openai-chat", {"choices": [{"finish_reason": "insufficient_system_resource"}]}, "overloaded"),
        ("openai-responses", {"type": "error", "code": "rate_limit_exceeded", "message": "x"}, "rate_limited"),
        ("openai-responses", {"type": "response.failed", "response": {"status": "failed"}}, "server_error"),
        ("openai-responses", {"error": {"message": "x", "code": 503}}, "overloaded"),
        ("anthropic", {"error": {"type": "timeout_error", "message": "x"}}, "timeout"),
    ],
)
def test_a_finish_that_means_failure_is_a_failure(family: str, event: dict[str, Any], kind: str) -> None:
    reader = body_reader(family)
    reader.feed(b"data: %s\n\n" % json.dumps(event).encode())
    reader.end()
    assert reader.error is not None
    assert reader.error.kind == kind


@pytest.mark.parametrize(
    ("family", "event"),
    [
        ("openai-chat", {"choices": [{"delta": {"content": "x"}, "finish_reason": "new"}]}),
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": "new"}}),
        ("gemini", {"candidates": [{"finishReason": "new"}]}),
        (
            "openai-responses",
            {
                "type": "response.incomplete",
                "response": {"status": "incomplete", "incomplete_details": {"reason": "new"}},
            },
        ),
    ],
)
def test_an_unknown_finish_is_kept_by_its_name(family: str, event: dict[str, Any]) -> None:
    result = read(family, [b"data: %s\n\n" % json.dumps(event).encode()])
    assert (result["finish"], result["finish_raw"], result["complete"]) == ("other", "new", True)


@pytest.mark.parametrize(
    "name", ["openai-chat-length", "anthropic-error-overloaded", "gemini-tools-noid", "ollama-tools"]
)
def test_a_vector_that_is_made_of_a_body_says_what_the_kept_one_says(name: str, tmp_path: Path) -> None:
    kept = stream_vectors()[name]
    made = json.loads(record(kept["family"], kept["case"], body_of(name, "lf"), kept["why"], tmp_path).read_bytes())

    assert without_our_own(expected(made), expected(kept)) == expected(kept)
    assert {key: made[key] for key in ("vector", "family", "case", "why")} == {
        key: kept[key] for key in ("vector", "family", "case", "why")
    }
    for form, file in made["files"].items():
        assert (tmp_path / file["file"]).read_bytes() == body_of(name, form)
        assert (file["bytes"], file["sha256"]) == (kept["files"][form]["bytes"], kept["files"][form]["sha256"])


def test_a_vector_of_an_unknown_family_is_not_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nobody", "case", "body", "why"]) == 64
    assert "FAMILY is one of openai-chat, openai-responses" in capsys.readouterr().err
