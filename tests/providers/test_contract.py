"""What every kind of provider does alike: a new one has proved itself when these pass for it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.chat_context import ChatContext, Tool
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.errors import APIConnectionError, APIError, APIStatusError, APIStreamError, ErrorKind
from fallback_chat.core.llm import LLM, ChatOptions, FinishReason, ModelInfo
from fallback_chat.providers import kinds, load
from fallback_chat.providers.failures.rejections import ESSENTIAL
from fallback_chat.providers.http.connections import HttpEngine
from fallback_chat.providers.http.llm import HttpLLM
from tests.providers.raw_server import SSE, Peer, chunk, head, raw_server
from tests.providers.vectors import VECTORS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

KEY = "sk-contract-0123456789"
NDJSON = (("Content-Type", "application/x-ndjson"),)

# A whole recorded answer, its text, the bytes of it up to some output, and where its key stands.
ANSWERS = {
    "openai": ("openai-chat-framing-bom", "first second", 250, "authorization"),
    "openai-responses": ("openai-responses-text-reasoning", "Northern buoy, 渡 🛶.", 2900, "authorization"),
    "anthropic": ("anthropic-stop-sequence", "a,b", 620, "x-api-key"),
    "gemini": ("gemini-text-thoughts", "Deep water côté 渡 🛶", 320, "x-goog-api-key"),
    "ollama": ("ollama-text-thinking", "Tie a bow knot, é 渡 🛶", 160, "authorization"),
}
HTTP_KINDS = [kind for kind in kinds() if kind != "guide"]
MODELS: dict[str, tuple[list[Any], list[tuple[str, int | None]]]] = {
    "openai": (
        [{"data": [{"id": "a", "context_length": 8}, {"id": "b"}, {"no": "id"}]}],
        [("a", 8), ("b", None)],
    ),
    "openai-responses": ([[{"id": "a", "max_model_len": 9}]], [("a", 9)]),
    "anthropic": (
        [
            {"data": [{"id": "a", "max_input_tokens": 7}], "has_more": True, "last_id": "a"},
            {"data": [{"id": "b"}], "has_more": False, "last_id": "b"},
        ],
        [("a", 7), ("b", None)],
    ),
    "gemini": (
        [
            {"models": [{"name": "models/a", "inputTokenLimit": 6}], "nextPageToken": "x/y"},
            {"models": [{"name": "models/b"}, {"name": "models/e", "supportedGenerationMethods": ["embed"]}]},
        ],
        [("a", 6), ("b", None)],
    ),
    "ollama": ([{"models": [{"name": "m:latest", "details": {"context_length": 5}}]}], [("m:latest", 5)]),
}

pytestmark = pytest.mark.parametrize("kind", HTTP_KINDS)


def recorded(kind: str) -> bytes:
    return (VECTORS / "streams" / f"{ANSWERS[kind][0]}.txt").read_bytes()


def framed(kind: str) -> tuple[tuple[str, str], ...]:
    return NDJSON if kind == "ollama" else SSE


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
        assert await ask(one) == (ANSWERS[kind][1], FinishReason.STOP)
        assert await ask(one) == (ANSWERS[kind][1], FinishReason.STOP)
        (peer,) = peers
    for request in peer.requests:
        assert request.count(KEY.encode()) == 1
        (line,) = [line for line in request.split(b"\r\n") if KEY.encode() in line]
        assert line.partition(b":")[0].decode() == ANSWERS[kind][3]


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
    _, _, output, _ = ANSWERS[kind]
    body = recorded(kind)
    cut = body[: body.index(b"\n", output) + 1] + (b"" if kind == "ollama" else b"\n")
    error = await failure(kind, answers(cut, headers=framed(kind)))
    assert (type(error), error.kind) == (APIStreamError, ErrorKind.TRUNCATED)


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
    pages, wanted = MODELS[kind]

    async def play(peer: Peer) -> None:
        for page in pages:
            await peer.request()
            await peer.answer(json.dumps(page).encode())

    async with served(kind, play) as (one, peers):
        assert [(model.id, model.context_window) for model in await one.list_models()] == wanted
        assert all(request.startswith(b"GET /") for request in peers[0].requests)
        assert len(peers[0].requests) == len(pages)


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
    async def play(peer: Peer) -> None:
        while True:
            request = await peer.request()
            if b'"zeal"' in request and b'"top_p"' in request.replace(b"topP", b"top_p"):
                spelled = b"topP" if b"topP" in request else b"top_p"
                await peer.answer(b'{"error": {"message": "Unknown parameter: \'%s\'"}}' % spelled, status=400)
            else:
                await peer.answer(recorded(kind), headers=framed(kind))

    async with served(kind, play, extra_body={"zeal": 1}) as (one, peers):
        notices = []
        for _ in range(2):
            async with one.chat(chat_ctx=ChatContext.from_text("hi"), options=ChatOptions(top_p=0.5)) as stream:
                assert [piece async for piece in stream][-1].finish_reason is FinishReason.STOP
                notices.append(stream.notices)
        (key,) = one.dropped
        (spelled,) = (name for name in ("top_p", "topP") if key.endswith(name))
        assert notices == [(f"does not accept {key!r}, which is no longer sent (Unknown parameter: {spelled!r})",), ()]
        assert len(peers[0].requests) == 3


async def test_two_keys_that_the_server_rejects_one_after_the_other_cost_no_provider(kind: str) -> None:
    async def play(peer: Peer) -> None:
        while True:
            sent = await peer.request()
            refused = [name for name in (b"temperature", b"top_p", b"topP") if b'"%s"' % name in sent]
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


LACKS = {
    "openai-responses": ("stop", "seed"),
    "anthropic": ("seed",),
    "gemini": ("parallel_tool_calls",),
    "ollama": ("tool_choice", "parallel_tool_calls"),
}


async def test_a_wish_that_the_format_has_no_word_for_is_named_once(kind: str) -> None:
    wishes: dict[str, Any] = {
        "chat_ctx": ChatContext.from_text("hi"),
        "tools": [Tool("look_up", "", {"type": "object"})],
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "options": ChatOptions(stop=("END",), seed=7),
    }
    notices = []
    async with served(kind, answers(recorded(kind), headers=framed(kind))) as (one, peers):
        for _ in range(2):
            async with one.chat(**wishes) as stream:
                await anext(stream)
                notices.append(stream.notices)
        sent = peers[0].requests[0].lower().replace(b"_", b"")
    lacking = LACKS.get(kind, ())
    assert notices == [tuple(f"did not receive {wish!r}: {kind} has no such parameter" for wish in lacking), ()]
    # What is not named is sent.
    spelled = {"parallel_tool_calls": "parallel"} | ({"tool_choice": "mode"} if kind == "gemini" else {})
    for wish in {"stop", "seed", "tool_choice", "parallel_tool_calls"} - set(lacking):
        assert spelled.get(wish, wish).replace("_", "").encode() in sent


LISTED: dict[str, tuple[Any, ModelInfo]] = {
    "openai": (
        {
            "data": [
                {"id": "m", "context_length": 9, "supported_parameters": ["tools", "reasoning"]}
                | {"top_provider": {"max_completion_tokens": 4}}
            ]
        },
        ModelInfo("m", 9, ("tools", "reasoning"), 4),
    ),
    "anthropic": (
        {
            "data": [
                {"id": "m", "max_input_tokens": 9, "max_tokens": 4, "lifecycle": "retired"}
                | {
                    "capabilities": {
                        "thinking": {"supported": True},
                        "batch": {"supported": False},
                        "x": True,
                        "y": None,
                    }
                }
            ]
        },
        ModelInfo("m", 9, ("thinking", "x"), 4, retired=True),
    ),
    "gemini": (
        {"models": [{"name": "models/m", "inputTokenLimit": 9, "outputTokenLimit": 4, "thinking": True}]},
        ModelInfo("m", 9, ("reasoning",), 4),
    ),
    "ollama": (
        {"models": [{"name": "m", "details": {"context_length": 9}, "capabilities": ["thinking"]}]},
        ModelInfo("m", 9, ("thinking",)),
    ),
}
LISTED["openai-responses"] = LISTED["openai"]


async def test_a_list_says_what_a_model_can_do_and_whether_it_still_does(kind: str) -> None:
    page, wanted = LISTED[kind]
    async with served(kind, answers(json.dumps(page).encode())) as (one, _):
        assert await one.list_models() == [wanted]


async def test_whatever_a_model_of_the_list_says_of_itself_it_is_listed(kind: str) -> None:
    odd = dict.fromkeys(
        ("supported_parameters", "architecture", "capabilities", "supportedGenerationMethods", "details"), 1
    )
    page = [{"id": "m", "name": "m"} | odd]
    async with served(kind, answers(json.dumps({"data": page, "models": page}).encode())) as (one, _):
        assert [model.id for model in await one.list_models()] == ["m"]
