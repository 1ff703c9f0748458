"""docs/adding-a-provider.md, followed to the letter: its blocks are a provider, and the chain asks it."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat import providers
from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.chat_context import ChatContext, Image, Role, Text
from fallback_chat.core.config.services import KNOWN_KINDS
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.events import Notice
from fallback_chat.core.llm import LLM, ChatOptions, CompletionUsage
from fallback_chat.providers.http.engine import HttpEngine
from tests.cli.canned import canned
from tests.providers.raw_server import Peer, raw_server
from tests.test_docs import ROOT, page, section, words
from tests.test_kinds_doc import PROOFS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "acme-key-0123456789"
STREAM = b'data: {"say": "Hi"}\n\ndata: {"say": " there"}\n\ndata: {"end": "done", "tokens": {"in": 3, "out": 2}}\n\n'


def example() -> str:
    """Return the code of the page."""
    (code,) = blocks("python")
    return code


def blocks(language: str) -> list[str]:
    """Return the page's blocks in a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page("adding-a-provider.md"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put the page's file beside the other providers, and register the kind."""
    (tmp_path / "acme.py").write_text(example(), encoding="utf-8")
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    monkeypatch.setattr(providers, "KNOWN_KINDS", (*KNOWN_KINDS, "acme"))
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
        (ErrorKind.UNSUPPORTED, "acme cannot take pictures and files")
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


def yes() -> set[str]:
    """Return the features that the page's example carries, as the page says."""
    said = section("adding-a-provider.md", "The example's rows").partition("says yes to")[2].partition("and no to")[0]
    return set(words(said.replace("\n", " ")))


def edit(path: Path, pattern: str, by: str) -> None:
    """Replace the one place in a file that the pattern matches."""
    text, count = re.subn(pattern, lambda found: found.expand(by), path.read_text("utf-8"), flags=re.MULTILINE)
    assert count == 1, path
    path.write_text(text, "utf-8")


def add_column(path: Path, title: str, yes: set[str]) -> None:
    """Add a column to the first table of docs/kinds.md, before that of the guide."""
    before, rest = path.read_text("utf-8").split("## What is special", 1)
    lines = []
    for line in before.splitlines():
        feature, *_ = [cell.strip() for cell in line.split("|")[1:-1]] or [""]
        cell = {"feature": f"`{title}`", "---": "---"}.get(feature, "yes" if feature in yes else "no")
        start, guide = line.rsplit("|", 2)[:2] if feature else (line, "")
        lines.append(f"{start}| {cell} |{guide}|" if feature else line)
    path.write_text("\n".join(lines) + "\n\n## What is special" + rest, "utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of this checkout, changed as the page says."""
    copy = tmp_path_factory.mktemp("checkout")
    half_written = shutil.ignore_patterns("*.pyc.*")  # by another process of the tests
    for folder in ("fallback_chat", "cli", "core", "providers", "docs", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=half_written)
    for file in ("pyproject.toml", *(path.name for path in ROOT.glob("*.md"))):
        shutil.copy(ROOT / file, copy)

    kinds, row, sample, body = blocks("text")
    (recording, _) = blocks("sh")
    (copy / "providers" / "acme.py").write_text(example(), "utf-8")
    edit(copy / "core" / "config" / "services.py", r"^KNOWN_KINDS: .*\n", kinds.replace("\\", r"\\"))
    edit(copy / "docs" / "configuration.md", r"^(\| `guide` \| the built-in guide .*\n)", rf"{row}\1")
    add_column(copy / "docs" / "kinds.md", "acme", yes())
    edit(copy / "tests" / "providers" / "kinds.py", r"^(SAMPLES: (?:.*\n)+?)^\}", rf"\1{sample}}}")
    (copy / "body").write_text(body, "utf-8")
    run(copy, *shlex.split(recording)[1:])
    return copy


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a checkout, which must succeed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_checkout_changed_as_the_page_says_asks_the_new_kind(checkout: Path) -> None:
    with canned([STREAM]) as url:
        entry = f'[[providers]]\nname = "ours"\nkind = "acme"\nmodel = "m"\nbase_url = "{url}"\n'
        (checkout / "chain.toml").write_text(entry, encoding="utf-8")
        done = run(checkout, "-m", "fallback_chat", "--config", "chain.toml", "ask", "hello")

    assert (done.stdout, done.stderr) == ("Hi there\n", "")


def test_the_new_kind_passes_the_tests_of_every_kind(checkout: Path) -> None:
    files = {test.partition("::")[0] for feature in yes() for test in PROOFS[feature] if "guide" not in test}

    ran = run(
        checkout,
        *("-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", "acme or every_kind"),
        *(f"tests/{file}" for file in sorted(files)),
        *("tests/providers/test_stream_vectors.py", "tests/test_docs.py", "tests/test_kinds_doc.py"),
    )

    passed = set(re.findall(r"^tests/(\S+::\w+)\S* PASSED", ran.stdout, re.MULTILINE))
    assert [feature for feature in sorted(yes()) if not passed.intersection(PROOFS[feature])] == []
    assert "tests/providers/test_stream_vectors.py::test_a_recorded_body_gives_what_it_says" in ran.stdout
