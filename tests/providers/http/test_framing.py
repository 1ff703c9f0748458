"""The decoders: the grammar, any cutting, the limits, and no more work than bytes."""

from __future__ import annotations

import itertools
import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fallback_chat.providers.http import frames, ndjson, sse
from fallback_chat.providers.http.frames import Decoder, Frame, FrameTooLargeError
from fallback_chat.providers.http.ndjson import NDJSONDecoder
from fallback_chat.providers.http.sse import SSEDecoder


def decode(decoder: Decoder, pieces: list[bytes]) -> list[Frame]:
    return [frame for piece in pieces for frame in decoder.feed(piece)] + decoder.flush()


def cut(body: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(edges)]


LINES = st.lists(
    st.sampled_from(
        [
            b'data: {"a":1}',
            b"data:x",
            b"data",
            b"data:  two",
            b"data: a\xe2\x80\xa8\xc2\x85\x0b\x0c",
            b"data: \xf0\x9f\x9b\xb6",
            b"data: \xff",
            b"data: [DONE]",
            b"event: e",
            b"event",
            b": comment",
            b":",
            b"id: 7",
            b"retry: 5",
            b"error: {}",
            b"error: words",
            b"{}",
            b"",
            b"",
            b"",
        ]
    )
)


def by_the_book(lines: list[bytes]) -> list[Frame]:
    """Read an event stream as the grammar says, and llama.cpp's errors, without the end of the body."""
    frames: list[Frame] = []
    data: list[str] = []
    name = ""
    for line in lines:
        field, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if not line:
            if "\n".join(data).strip():
                frames.append(("\n".join(data), name))
            data, name = [], ""
        elif field == b"data":
            data.append(text)
        elif field == b"event":
            name = text
        elif line.startswith(b"error: {"):
            if "\n".join(data).strip():
                frames.append(("\n".join(data), name))
            data, name = [], ""
            frames.append((text, "error"))
    return frames


@given(LINES, st.sampled_from([b"\n", b"\r", b"\r\n"]), st.lists(st.integers(0, 10_000), max_size=20), st.booleans())
@example([b"event: e", b"", b'data: {"a":1}'], b"\n", [], False)
@example([b"event: e", b"", b'data: {"a":1}'], b"\r\n", [9, 10], False)
def test_an_event_stream_is_read_by_the_book_however_it_is_cut(
    lines: list[bytes], ending: bytes, places: list[int], bom: bool
) -> None:
    body = (b"\xef\xbb\xbf" if bom else b"") + b"".join(line + ending for line in [*lines, b""])
    assert decode(SSEDecoder(), cut(body, places)) == by_the_book([*lines, b""])


@given(st.binary(), st.lists(st.integers(0, 10_000), max_size=20))
def test_any_bytes_in_any_pieces_give_the_same_frames(body: bytes, places: list[int]) -> None:
    for decoder in (SSEDecoder, NDJSONDecoder):
        assert decode(decoder(), cut(body, places)) == decode(decoder(), [body])


@pytest.mark.parametrize(
    ("left", "frames"),
    [
        (b'data: {"a":1}', ['{"a":1}']),
        (b'data: {"a":1}\n', ['{"a":1}']),
        (b"data: [DONE]", ["[DONE]"]),
        (b'data: {"a":', []),
        (b"data: words", []),
        (b"", []),
    ],
)
def test_an_event_that_the_end_leaves_open_counts_if_it_is_whole(left: bytes, frames: list[str]) -> None:
    assert [data for data, _ in decode(SSEDecoder(), [b"data: {}\n\n", left])] == ["{}", *frames]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    ("reads", "frames"),
    [
        ([[b'data: {"a":1}', b""]], [('{"a":1}', "")]),
        ([[b"event: e", b'data: {"a":1}', b""]], [('{"a":1}', "e")]),
        ([[b"event: e"], [b'data: {"a":1}', b""]], [('{"a":1}', "e")]),
        ([[b'data: {"a":'], [b"data: {}", b""]], [('{"a":\n{}', "")]),
        ([[b"id: e", b'data: {"a":1}', b""]], [('{"a":1}', "")]),
        ([[b'data: {"a":', b"data: {}}", b""]], [('{"a":\n{}}', "")]),
        ([[b"data: {}", b"data: {}"], [b"", b""]], [("{}\n{}", "")]),
    ],
)
def test_a_read_that_looks_like_a_whole_event_is_one_only_between_two(
    reads: list[list[bytes]], frames: list[tuple[str, str]], end: bytes
) -> None:
    pieces = [b"".join(line + end for line in lines) for lines in reads]
    assert decode(SSEDecoder(), [b"data: {}" + end + end, *pieces])[1:] == frames


def test_lines_that_are_no_field_are_kept_for_the_error_that_they_may_be() -> None:
    decoder = SSEDecoder()
    assert decode(decoder, [b'data: {}\n\n{"error":\n', b' {"code": 503}}\n: c\nid: 1\nretry: 1\n']) == [("{}", "")]
    assert json.loads(decoder.stray) == {"error": {"code": 503}}


def test_only_a_line_feed_ends_a_line_of_json() -> None:
    body = '\ufeff{"a":"\u2028\u0085\r"}\n\n \r\n{"b":1}'.encode()
    assert [data for data, _ in decode(NDJSONDecoder(), [body])] == ['{"a":"\u2028\u0085\r"}', '{"b":1}']
    assert decode(NDJSONDecoder(), [b'{"a":1}\n{"b":']) == [('{"a":1}', "")]


@pytest.mark.parametrize("decoder", [SSEDecoder, NDJSONDecoder])
@pytest.mark.parametrize("end", [b"", b"\n\n"])
def test_a_line_without_end_is_refused(decoder: type[Decoder], end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sse, ndjson):
        monkeypatch.setattr(module, "MAX_FRAME", 1000)
    with pytest.raises(FrameTooLargeError):
        decode(decoder(), [b"data: {}\n\n", b"data: {" + b"x" * 1000 + b"}" + end])


@pytest.mark.parametrize("decoder", [SSEDecoder, NDJSONDecoder])
@pytest.mark.parametrize("together", [1, 3])
def test_the_limit_is_that_of_one_event_however_many_there_are(
    decoder: type[Decoder], together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sse, ndjson):
        monkeypatch.setattr(module, "MAX_FRAME", 1000)
    assert len(decode(decoder(), [b"data: {}\n\n" * together] * 400)) == 400 * together


def test_an_event_of_endless_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 1000)
    with pytest.raises(FrameTooLargeError):
        decode(SSEDecoder(), [b"data: 12345678\n"] * 120)


def test_the_limit_of_an_event_is_that_of_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 1000)
    events = [b"data: " + b"x" * 400 + b"\n\n"] * 5
    assert decode(SSEDecoder(), [b"".join(events)]) == [("x" * 400, "")] * 5


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_the_work_grows_with_the_bytes_only(size: int) -> None:
    def seconds(length: int) -> float:
        body = b"data: " + b"x" * length + b"\n\n"
        began = time.process_time()
        assert len(decode(SSEDecoder(), [body[i : i + size] for i in range(0, len(body), size)])) == 1
        return time.process_time() - began

    # Of processor time, since how often the decoder copies cannot be counted. Sixteen times the bytes are sixteen times the
    # work, or 256 times: no machine is so busy that the one is taken for the other.
    length = 20_000 if size < 100 else 900_000
    once = min(seconds(length) for _ in range(3))
    assert min(seconds(16 * length) for _ in range(3)) < 64 * once + 0.1


def test_a_hundred_thousand_empty_events_are_nothing() -> None:
    assert decode(SSEDecoder(), [b"\n\n" * 1000] * 100) == []
    assert frames.MAX_FRAME == 16 * 1024 * 1024
