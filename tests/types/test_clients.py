"""The vendors' own clients read what the simulator says, streamed and plain."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anthropic
import ollama
import openai
import pytest
from google import genai

from fallback_chat.providers.simulator import Manner, Simulator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TEXT = Manner().text
ASKS: list[Any] = [{"role": "user", "content": "hi"}]


def chat(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)


async def chat_streamed(url: str) -> str:
    async with chat(url) as client:
        stream = await client.chat.completions.create(model="m", messages=ASKS, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


async def chat_plain(url: str) -> str:
    async with chat(url) as client:
        answer = await client.chat.completions.create(model="m", messages=ASKS)
        return answer.choices[0].message.content or ""


async def responses_streamed(url: str) -> str:
    async with chat(url) as client, client.responses.stream(model="m", input="hi") as stream:
        text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
        final = await stream.get_final_response()
        assert final.output_text == text
        return text


async def responses_plain(url: str) -> str:
    async with chat(url) as client:
        return str((await client.responses.create(model="m", input="hi")).output_text)


def messages(url: str) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0)


async def messages_streamed(url: str) -> str:
    async with messages(url) as client, client.messages.stream(model="m", max_tokens=9, messages=ASKS) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
        assert final.stop_reason == "end_turn"
        return text


async def messages_plain(url: str) -> str:
    async with messages(url) as client:
        answer = await client.messages.create(model="m", max_tokens=9, messages=ASKS)
        return "".join(block.text for block in answer.content if block.type == "text")


@asynccontextmanager
async def generate(url: str) -> AsyncIterator[Any]:
    options = genai.types.HttpOptions(base_url=url, api_version="v1beta")
    async with genai.Client(api_key="k", http_options=options).aio as client:
        yield client.models


async def generate_streamed(url: str) -> str:
    async with generate(url) as models:
        stream = await models.generate_content_stream(model="m", contents="hi")
        return "".join([chunk.text or "" async for chunk in stream])


async def generate_plain(url: str) -> str:
    async with generate(url) as models:
        return (await models.generate_content(model="m", contents="hi")).text or ""


@asynccontextmanager
async def local(url: str) -> AsyncIterator[ollama.AsyncClient]:
    client = ollama.AsyncClient(host=url)
    try:
        yield client
    finally:
        await client._client.aclose()


async def ollama_streamed(url: str) -> str:
    async with local(url) as client:
        stream = await client.chat(model="m", messages=ASKS, stream=True)
        return "".join([chunk.message.content or "" async for chunk in stream])


async def ollama_plain(url: str) -> str:
    async with local(url) as client:
        return (await client.chat(model="m", messages=ASKS)).message.content or ""


READ: dict[str, Callable[[str], Awaitable[str]]] = {
    each.__name__: each
    for each in (
        *(chat_streamed, chat_plain, responses_streamed, responses_plain, messages_streamed, messages_plain),
        *(generate_streamed, generate_plain, ollama_streamed, ollama_plain),
    )
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("fault", ["ok", "thinking-long"])
async def test_the_vendors_client_reads_the_whole_answer(name: str, fault: str) -> None:
    async with Simulator(fault, manner=Manner(delay=0.02, tick=0.01)) as sim:
        text = await READ[name](sim.url)
    assert (text, sim.requests[0].problems) == (TEXT, ())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("chat_streamed", openai.RateLimitError),
        ("responses_plain", openai.RateLimitError),
        ("messages_streamed", anthropic.RateLimitError),
        ("generate_plain", genai.errors.ClientError),
        ("ollama_plain", ollama.ResponseError),
    ],
)
async def test_the_vendors_client_knows_an_error(name: str, error: type[Exception]) -> None:
    async with Simulator("429") as sim:
        with pytest.raises(error):
            await READ[name](sim.url)
