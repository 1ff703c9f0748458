"""Asking a provider, of kind `openai` unless told otherwise, that a raw server stands behind."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.errors import APIError
from fallback_chat.providers import load
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.http.llm import HttpLLM
from tests.providers.raw_server import SSE, Peer, raw_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "sk-test-0123456789"


def event(content: str | None = None, finish: str | None = None) -> bytes:
    delta = {"content": content} if content is not None else {}
    return b"data: %s\n\n" % json.dumps({"choices": [{"delta": delta, "finish_reason": finish}]}).encode()


DONE = b"data: [DONE]\n\n"
WHOLE = event("Hi") + event(" there") + event(finish="stop") + DONE
DOCUMENT = json.dumps({"choices": [{"message": {"content": "Hi there"}, "finish_reason": "stop"}]}).encode()
JSON = (("Content-Type", "application/json"),)


@asynccontextmanager
async def llm(url: str, *, http: HttpEngine | None = None, **more: Any) -> AsyncIterator[HttpLLM]:
    settings: dict[str, Any] = {"name": "p", "kind": "openai", "model": "m", "base_url": url} | more
    made = load(settings["kind"]).create(ProviderSettings(**settings), api_key=KEY, http=http or HttpEngine(environ={}))
    assert isinstance(made, HttpLLM)
    async with made:
        yield made


def hello(one: HttpLLM) -> Any:
    return one.chat(chat_ctx=ChatContext.from_text("hello"))


async def ask(one: HttpLLM) -> tuple[str, APIError | None]:
    """Give the text of an answer, and what it ended in."""
    text = ""
    async with hello(one) as stream:
        try:
            async for piece in stream:
                text += (piece.delta and piece.delta.content) or ""
        except APIError as error:
            return text, error
    return text, None


async def outcome(play: Any, **more: Any) -> tuple[str, APIError | None]:
    async with raw_server(play) as server, llm(server.url, **more) as one:
        return await ask(one)


def says(data: bytes) -> Any:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.send(data)

    return play


def sends(body: bytes, *, status: int = 200, headers: tuple[tuple[str, str], ...] = SSE) -> Any:
    async def play(peer: Peer) -> None:
        while True:
            await peer.request()
            await peer.answer(body, status=status, headers=headers)

    return play
