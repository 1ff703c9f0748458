"""What every kind of provider does alike: a new one has proved itself when these pass for it."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.chat_context import ChatContext, Document, Image, Role, Text, Tool
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.errors import APIConnectionError, APIError, APIStatusError, APIStreamError, ErrorKind
from fallback_chat.core.llm import LLM, ChatOptions, FinishReason
from fallback_chat.providers import kinds, load
from fallback_chat.providers.failures.rejections import ESSENTIAL
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.http.llm import HttpLLM
from fallback_chat.providers.wire.dialect import ChatRequest
from tests.providers.kinds import CARRIED, SAMPLES
from tests.providers.raw_server import SSE, Peer, chunk, head, raw_server
from tests.providers.vectors import VECTORS, dialect_of_kind, read, stream_vectors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

KEY = "sk-contract-0123456789"
NDJSON = (("Content-Type", "application/x-ndjson"),)

pytestmark = pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "guide"])


def recorded(kind: str) -> bytes:
    return (VECTORS / "streams" / f"{SAMPLES[kind].answer}.txt").read_bytes()


def text_of(kind: str) -> str:
    """Return the text of the recorded answer."""
    text: str = stream_vectors()[SAMPLES[kind].answer]["expected"]["text"]
    return text


def framed(kind: str) -> tuple[tuple[str, str], ...]:
    return NDJSON if dialect_of_kind(kind).framing == "ndjson" else SSE


def frames(kind: str) -> list[bytes]:
    """Return the events of the recorded answer, as bytes."""
    end = b"\n" if framed(kind) is NDJSON else b"\n\n"
    return [frame + end for frame in recorded(kind).split(end) if frame]


def body_of(kind: str, **more: Any) -> dict[str, Any]:
    """Return the body of a request, flat: the keys inside a key stand beside it."""
    settings = ProviderSettings(name="p", kind=kind, model="m", base_url="http://localhost")
    request = ChatRequest(settings=settings, **({"chat_ctx": ChatContext.from_text("hi")} | more))
    body: dict[str, Any] = json.loads(dialect_of_kind(kind).build_request(request).body)
    return body | {key: value for one in body.values() if isinstance(one, dict) for key, value in one.items()}


def spelled(kind: str, **wish: Any) -> str:
    """Return the key by which a format carries an option; skips the test of a format that has none."""
    if not wish.keys().isdisjoint(dialect_of_kind(kind).lacks):
        pytest.skip(f"{kind} lacks {', '.join(wish)}")
    plain, wished = body_of(kind), body_of(kind, options=ChatOptions(**wish))
    (key,) = (key for key, value in wished.items() if value != plain.get(key) and not isinstance(value, dict))
    return key


@asynccontextmanager
async def served(
    kind: str, play: Callable[[Peer], Awaitable[Any]], **more: Any
) -> AsyncIterator[tuple[HttpLLM, list[Peer]]]:
    async with raw_server(play) as server:
        settings: dict[str, Any] = {"name": "p", "kind": kind, "model": "m", "base_url": server.url} | more
        one: LLM = load(kind).create(ProviderSettings(**settings), api_key=KEY, http=HttpEngine(environ={}))
        assert isinstance(one, HttpLLM)
        async with one:
            yield one, server.peers


def answers(body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Any:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(body, status=status, headers=headers)

    return play


async def ask(one: LLM) -> tuple[str, FinishReason | None]:
    text, finish = "", None
    async with one.chat(chat_ctx=ChatContext.from_text("hello", system="be brief")) as stream:
        async for piece in stream:
            text += (piece.delta and piece.delta.content) or ""
            finish = piece.finish_reason or finish
    return text, finish


async def failure(kind: str, play: Any, **more: Any) -> APIError:
    async with served(kind, play, **more) as (one, _):
        with pytest.raises(APIError) as caught:
            await ask(one)
    assert KEY not in f"{caught.value}{caught.value.body}"
    return caught.value


async def test_a_whole_answer_is_given_and_the_key_goes_in_its_header_only(kind: str) -> None:
    async with served(kind, answers(recorded(kind), headers=framed(kind))) as (one, peers):
        assert await ask(one) == (text_of(kind), FinishReason.STOP)
        assert await ask(one) == (text_of(kind), FinishReason.STOP)
        (peer,) = peers
    for request in peer.requests:
        assert request.count(KEY.encode()) == 1
        (line,) = [line for line in request.split(b"\r\n") if KEY.encode() in line]
        assert line.partition(b":")[0].decode() == SAMPLES[kind].key_header


@pytest.mark.parametrize(
    ("status", "wanted"), [(401, ErrorKind.AUTH), (404, ErrorKind.MODEL_NOT_FOUND), (500, ErrorKind.SERVER_ERROR)]
)
async def test_a_status_is_classified(kind: str, status: int, wanted: ErrorKind) -> None:
    error = await failure(kind, answers(b'{"error": {"message": "no %s"}}' % KEY.encode(), status=status))
    assert (type(error), error.kind, error.message) == (APIStatusError, wanted, "no [redacted]")


async def test_a_rate_limit_says_how_long_to_wait(kind: str) -> None:
    error = await failure(kind, answers(b"{}", status=429, headers=(("Retry-After", "12"),)))
    assert (error.kind, error.retry_after) == (ErrorKind.RATE_LIMITED, 12.0)


async def test_a_cut_answer_is_not_taken_for_a_whole_one(kind: str) -> None:
    begun = (frames(kind)[:end] for end in itertools.count(1))
    cut = next(some for some in begun if read(SAMPLES[kind].family, some)["text"])
    error = await failure(kind, answers(b"".join(cut), headers=framed(kind)))
    assert (type(error), error.kind) == (APIStreamError, ErrorKind.TRUNCATED)


async def test_a_keep_alive_is_no_part_of_an_answer(kind: str) -> None:
    sign = b"\n" if framed(kind) is NDJSON else b": alive\n\n"
    family = SAMPLES[kind].family
    assert read(family, [frame + sign for frame in frames(kind)]) == read(family, frames(kind))


@pytest.mark.parametrize("body", [b"", b"data: [DONE]\n\n"])
async def test_nothing_is_not_an_answer(kind: str, body: bytes) -> None:
    error = await failure(kind, answers(body, headers=SSE))
    assert error.kind in (ErrorKind.EMPTY, ErrorKind.SERVER_ERROR)


async def test_a_server_that_hangs_up_is_a_connection_error(kind: str) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()

    assert type(await failure(kind, play)) is APIConnectionError


async def test_a_silent_server_costs_a_probe_its_time_and_no_more(kind: str) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.until_gone()

    async with served(kind, play, attempt=AttemptSettings(attempt_timeout=0.05)) as (one, peers):
        for light in (False, True):
            report = await one.probe(light=light)
            assert (report.ok, report.error and report.error.kind) == (False, ErrorKind.TIMEOUT)
        await asyncio.wait_for(peers[0].gone.wait(), 1)


async def test_a_cancel_closes_the_connection(kind: str) -> None:
    begun = asyncio.Event()

    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(head(200, (*framed(kind), ("Transfer-Encoding", "chunked"))) + chunk(recorded(kind)[:1]))
        begun.set()
        await peer.until_gone()

    async with served(kind, play) as (one, peers):
        task = asyncio.create_task(ask(one))
        await asyncio.wait_for(begun.wait(), 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(peers[0].gone.wait(), 0.1)


async def test_a_probe_asks_for_little(kind: str) -> None:
    async with served(kind, answers(recorded(kind), headers=framed(kind))) as (one, peers):
        report = await one.probe()
        assert (report.ok, report.check, report.error) == (True, "completion", None)
        assert len(peers[0].requests[0].partition(b"\r\n\r\n")[2]) < 400


async def test_the_models_are_listed_page_by_page(kind: str) -> None:
    pages = SAMPLES[kind].pages

    async def play(peer: Peer) -> None:
        for page in pages:
            await peer.request()
            await peer.answer(json.dumps(page).encode())

    async with served(kind, play) as (one, peers):
        assert await one.list_models() == SAMPLES[kind].models
        asked = [request.partition(b" HTTP/")[0].decode() for request in peers[0].requests]
        assert asked == [f"GET {path}" for path in SAMPLES[kind].paths]


@pytest.mark.parametrize("body", [b"<html>login</html>", b"{", b"nothing"])
async def test_a_list_of_models_that_is_none_is_an_error(kind: str, body: bytes) -> None:
    async with served(kind, answers(body)) as (one, _):
        with pytest.raises(APIStatusError) as caught:
            await one.list_models()
        assert caught.value.kind is ErrorKind.SERVER_ERROR
        report = await one.probe(light=True)
        assert (report.ok, report.check) == (False, "models")


@pytest.mark.parametrize(
    "page",
    [b"null", b"[]", b"{}", b'{"data": 1, "models": "x"}', b'{"data": [null], "models": [1]}'],
)
async def test_a_list_of_models_may_be_empty_or_odd(kind: str, page: bytes) -> None:
    async with served(kind, answers(page)) as (one, _):
        assert await one.list_models() == []


async def test_a_key_that_the_server_rejects_is_dropped_once_and_for_good(kind: str) -> None:
    key = spelled(kind, top_p=0.5)

    async def play(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if b'"zeal"' in request and b'"%s"' % key.encode() in request:
                await peer.answer(b'{"error": {"message": "Unknown parameter: \'%s\'"}}' % key.encode(), status=400)
            else:
                await peer.answer(recorded(kind), headers=framed(kind))

    async with served(kind, play, extra_body={"zeal": 1}) as (one, peers):
        notices = []
        for _ in range(2):
            async with one.chat(chat_ctx=ChatContext.from_text("hi"), options=ChatOptions(top_p=0.5)) as stream:
                assert [piece async for piece in stream][-1].finish_reason is FinishReason.STOP
                notices.append(stream.notices)
        (dropped,) = one.dropped
        assert dropped.rpartition(".")[2] == key
        assert notices == [(f"does not accept {dropped!r}, which is no longer sent (Unknown parameter: {key!r})",), ()]
        assert len(peers[0].requests) == 3


async def test_two_keys_that_the_server_rejects_one_after_the_other_cost_no_provider(kind: str) -> None:
    keys = [spelled(kind, temperature=0.5).encode(), spelled(kind, top_p=0.5).encode()]

    async def play(peer: Peer) -> None:
        while True:
            sent = await peer.request()
            refused = [key for key in keys if b'"%s"' % key in sent]
            if refused:
                message = b'{"error": {"message": "Unknown parameter: \'%s\'"}}' % refused[0]
                await peer.answer(message, status=400)
            else:
                await peer.answer(recorded(kind), headers=framed(kind))

    async with served(kind, play, temperature=0.5) as (one, peers):
        async with one.chat(chat_ctx=ChatContext.from_text("hi"), options=ChatOptions(top_p=0.5)) as stream:
            assert [piece async for piece in stream][-1].finish_reason is FinishReason.STOP
        assert (len(one.dropped), len(stream.notices), len(peers[0].requests)) == (2, 2, 3)


async def test_a_request_is_sent_four_times_at_most(kind: str) -> None:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            sent = json.loads(peer.requests[-1].partition(b"\r\n\r\n")[2])
            flat = sent | {key: value for one in sent.values() if isinstance(one, dict) for key, value in one.items()}
            known = {"max_tokens", *ESSENTIAL}
            name = next(key for key in flat if key not in known and not isinstance(flat[key], dict))
            await peer.answer(b'{"error": {"message": "Unknown parameter: \'%s\'"}}' % name.encode(), status=400)

    async with served(kind, play, temperature=0.5) as (one, peers):
        options = ChatOptions(top_p=0.5, stop=("x",), seed=7, reasoning_effort="low")
        with pytest.raises(APIStatusError):
            async with one.chat(chat_ctx=ChatContext.from_text("hi"), options=options) as stream:
                await anext(stream)
        assert (len(one.dropped), len(peers[0].requests)) == (3, 4)


async def test_what_a_user_adds_is_not_dropped(kind: str) -> None:
    async with served(
        kind, answers(b'{"error": {"message": "Unknown: \'zeal\'"}}', status=400), extra_body={"zeal": 1}
    ) as (one, peers):
        with pytest.raises(APIStatusError):
            await ask(one)
        assert (one.dropped, len(peers[0].requests)) == ((), 1)


WISHES: dict[str, dict[str, Any]] = {
    "max_tokens": {"options": ChatOptions(max_tokens=9)},
    "temperature": {"options": ChatOptions(temperature=0.5)},
    "top_p": {"options": ChatOptions(top_p=0.5)},
    "stop": {"options": ChatOptions(stop=("END",))},
    "seed": {"options": ChatOptions(seed=7)},
    "reasoning_effort": {"options": ChatOptions(reasoning_effort="low")},
    "tool_choice": {"tool_choice": "required"},
    "parallel_tool_calls": {"parallel_tool_calls": False},
}
TOOL = Tool("look_up", "", {"type": "object"})


@pytest.mark.parametrize("wish", WISHES)
async def test_a_wish_that_the_format_has_no_word_for_is_named_once_and_any_other_is_sent(kind: str, wish: str) -> None:
    needs_tools = "options" not in WISHES[wish]
    if needs_tools and kind not in CARRIED["tool calls"]:
        pytest.skip(f"{kind} has no tool calls")
    given: dict[str, Any] = {"tools": [TOOL]} if needs_tools else {}
    lacking = wish in dialect_of_kind(kind).lacks
    assert (body_of(kind, **given) == body_of(kind, **given, **WISHES[wish])) == lacking
    notices = []
    async with served(kind, answers(recorded(kind), headers=framed(kind))) as (one, _):
        for _ in range(2):
            async with one.chat(chat_ctx=ChatContext.from_text("hi"), **given, **WISHES[wish]) as stream:
                await anext(stream)
                notices.append(stream.notices)
    named = (f"did not receive {wish!r}: {kind} has no such parameter",) if lacking else ()
    assert notices == [named, ()]


CONTENT: dict[str, dict[str, Any]] = {
    "tool calls": {"tools": [TOOL]},
    "pictures": {"chat_ctx": ChatContext().add(Role.USER, (Text("what is it?"), Image("image/png", b"\x89PNG")))},
    "PDF": {
        "chat_ctx": ChatContext().add(Role.USER, (Text("what is it?"), Document("application/pdf", b"%PDF-", "a.pdf")))
    },
}


def test_content_that_a_kind_does_not_carry_is_left_to_the_next_provider(kind: str) -> None:
    for feature, content in CONTENT.items():
        if kind not in CARRIED[feature]:
            with pytest.raises(APIError) as caught:
                body_of(kind, **content)
            assert caught.value.kind is ErrorKind.UNSUPPORTED


async def test_whatever_a_model_of_the_list_says_of_itself_it_is_listed(kind: str) -> None:
    odd = dict.fromkeys(
        ("supported_parameters", "architecture", "capabilities", "supportedGenerationMethods", "details"), 1
    )
    page = [{"id": "m", "name": "m"} | odd]
    async with served(kind, answers(json.dumps({"data": page, "models": page}).encode())) as (one, _):
        assert [model.id for model in await one.list_models()] == ["m"]
