"""docs/adding-a-provider.md, followed to the letter: its blocks are a provider, and the chain asks it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat import providers
from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.chat_context import ChatContext, Image, Role, Text
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.events import Notice
from fallback_chat.core.llm import LLM, ChatOptions, CompletionUsage
from fallback_chat.providers.http.connections import HttpEngine
from tests.cli.canned import canned
from tests.providers.raw_server import Peer, raw_server
from tests.test_docs import ROOT, page
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "acme-key-0123456789"
STREAM = b'data: {"say": "Hi"}\n\ndata: {"say": " there"}\n\ndata: {"end": "done", "tokens": {"in": 3, "out": 2}}\n\n'


def example() -> str:
    """Give the code of the page."""
    (code,) = re.findall(r"^```python\n(.*?)^```", page("adding-a-provider.md"), re.DOTALL | re.MULTILINE)
    return str(code)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the page's file beside the other providers, and register the kind."""
    (tmp_path / "acme.py").write_text(example(), encoding="utf-8")
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    monkeypatch.setattr(providers, "_KINDS", (*providers._KINDS, "acme"))
    yield
    sys.modules.pop("fallback_chat.providers.acme", None)


def acme_at(url: str) -> LLM:
    settings = ProviderSettings(name="ours", kind="acme", model="m1", base_url=url, system="Be brief.")
    return providers.load("acme").create(settings, api_key=KEY, http=HttpEngine(environ={}))


@pytest.mark.usefixtures("acme")
async def test_the_new_kind_answers_through_the_chain() -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.answer(STREAM)

    async with raw_server(play) as server, FallbackAdapter([acme_at(server.url)], close_llms=True) as chain:
        events: list[Any] = []
        options = ChatOptions(max_tokens=9, seed=7)
        async with chain.chat(
            chat_ctx=ChatContext.from_text("hello"), options=options, on_event=events.append
        ) as stream:
            chunks = [chunk async for chunk in stream]
        head, _, body = server.peers[0].requests[0].partition(b"\r\n\r\n")

    assert "".join(chunk.delta.content or "" for chunk in chunks if chunk.delta) == "Hi there"
    assert [chunk.usage for chunk in chunks if chunk.usage] == [CompletionUsage(3, 2)]
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason] == ["stop"]
    assert [event.text for event in events if isinstance(event, Notice)] == [
        "did not receive 'seed': acme has no such parameter"
    ]
    assert head.startswith(b"POST /talk HTTP/1.1\r\n")
    assert f"x-acme-key: {KEY}".encode() in head.lower()
    assert json.loads(body) == {
        "model": "m1",
        "rules": "Be brief.",
        "lines": [{"from": "user", "text": "hello"}],
        "stream": True,
        "limit": 9,
    }


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b'data: {"say": "Hi"}\n\n', ErrorKind.TRUNCATED),
        (b'data: {"error": {"message": "overloaded"}}\n\n', ErrorKind.OVERLOADED),
        (b"", ErrorKind.EMPTY),
    ],
)
async def test_the_engine_does_the_rest(answer: bytes, kind: ErrorKind) -> None:
    async def play(peer: Peer) -> None:
        await peer.request()
        await peer.answer(answer)

    async with raw_server(play) as server, acme_at(server.url) as one:
        with pytest.raises(APIError) as caught:
            async for _ in one.chat(chat_ctx=ChatContext.from_text("hello")):
                pass
    assert caught.value.kind is kind


@pytest.mark.usefixtures("acme")
async def test_what_it_cannot_carry_goes_to_the_next_provider() -> None:
    picture = ChatContext().add(Role.USER, (Text("what is it?"), Image("image/png", b"")))
    async with FallbackAdapter([acme_at("http://127.0.0.1:9")], max_retry_per_llm=0, close_llms=True) as chain:
        with pytest.raises(AllProvidersFailed) as caught:
            await anext(chain.chat(chat_ctx=picture))
    assert [(one.error.kind, one.error.message) for one in caught.value.attempts if one.error] == [
        (ErrorKind.UNSUPPORTED, "ours (acme) cannot take pictures and files")
    ]


@pytest.mark.usefixtures("acme")
async def test_its_models_are_listed_page_by_page() -> None:
    async def play(peer: Peer) -> None:
        for page_ in ({"models": [{"id": "m1"}], "next": "m1"}, {"models": [{"id": "m2"}]}):
            await peer.request()
            await peer.answer(json.dumps(page_).encode())

    async with raw_server(play) as server, acme_at(server.url) as one:
        assert [model.id for model in await one.list_models()] == ["m1", "m2"]
        assert server.peers[0].requests[1].startswith(b"GET /models?after=m1 ")


def test_a_checkout_changed_as_the_page_says_asks_the_new_kind(tmp_path: Path) -> None:
    package = tmp_path / "fallback_chat"
    shutil.copytree(ROOT / "fallback_chat", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "providers" / "acme.py").write_text(example(), encoding="utf-8")
    for file in (package / "providers" / "__init__.py", package / "core" / "config" / "services.py"):
        text = file.read_text(encoding="utf-8")
        assert text.count('"guide")') == 1
        file.write_text(text.replace('"guide")', '"guide", "acme")'), encoding="utf-8")

    with canned([STREAM]) as url:
        entry = f'[[providers]]\nname = "ours"\nkind = "acme"\nmodel = "m1"\nbase_url = "{url}"\n'
        (tmp_path / "chain.toml").write_text(entry, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "fallback_chat", "--config", "chain.toml", "ask", "hello"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert (done.returncode, done.stdout, done.stderr) == (0, "Hi there\n", "")
