"""The library as its users see it: every program of docs/library.md runs as it stands, and does what the page says."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import pytest

from fallback_chat import AvailabilityChangedEvent, ChatContext, FallbackAdapter, load_chain
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings
from fallback_chat.core.events import EVENT_NAMES
from fallback_chat.providers.simulator import Manner, Simulator
from fallback_chat.providers.simulator.schedule import sequence
from tests.examples import programs, write
from tests.fake_time import OVER_SOCKETS
from tests.test_docs import rows, section, words

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from fallback_chat.providers.simulator.schedule import Script

PROGRAMS = programs("library.md")
CHAIN = """
[chain]
attempt_timeout = 10.0
{chain}

[[providers]]
name = "primary"
kind = "openai"
model = "sim-model"
base_url = "{primary}/v1"
api_key = "sk-primary-key"

[[providers]]
name = "secondary"
kind = "openai"
model = "sim-model"
base_url = "{secondary}/v1"
api_key = "sk-secondary-key"
"""
FOX = Manner().text
NOBODY = (
    "nobody answered: no provider of the chain gave an answer after 0.0 s"
    " (primary: auth (HTTP 401: The simulator answers 401.); secondary: auth (HTTP 401: The simulator answers 401.))"
    " - worth another try in None"
)
FOX_USAGE = "CompletionUsage(input=7, output=5, total=12, cached=None, cache_write=None, reasoning=None, cost=None)"

CASES: Final[list[tuple[str, tuple[Script | str, Script | str], str, list[str]]]] = [
    ("first.py", ("503", "ok"), "", [FOX, "answered by secondary"]),
    ("talk.py", ("503", "ok"), "", [f"secondary {FOX} {FOX_USAGE}"] * 2),
    (
        "partial.py",
        ("token-close", "ok"),
        "",
        ["broke off: it ended without a finish", "The False"],
    ),
    ("partial.py", ("ok", "ok"), "", [f"{FOX} True"]),
    ("tools.py", (sequence("tool-call", "ok"), "ok"), "", [FOX]),
    ("options.py", ("ok", "ok"), "", ["primary stop", "secondary stop"]),
    ("waiting.py", (sequence("429-wait-1s", "ok"), "429"), "", ["waiting 1 s for primary", FOX]),
    (
        "waiting.py",
        ("401", "401"),
        "",
        [NOBODY],
    ),
    ("impatient.py", ("silence", "ok"), "", ["too slow for me", f"secondary {FOX}"]),
    ("impatient.py", ("ok", "ok"), "", [f"primary {FOX}"]),
    (
        "events.py",
        ("503", "ok"),
        "",
        ["primary is down: overloaded", "primary → secondary because overloaded"],
    ),
    ("cancel.py", ("silence", "ok"), "", ["[('primary', 'cancelled')]"]),
    (
        "health.py",
        ("503", "ok"),
        "",
        ["primary open overloaded", "secondary closed None", "next: secondary can serve: True"],
    ),
    (
        "cut.py",
        ("token-reset", "ok"),
        'on_stream_failure = "restart"',
        ["discarded: The", f"answer: {FOX}"],
    ),
    ("cut.py", ("ok", "ok"), "", [f"answer: {FOX}"]),
]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return OVER_SOCKETS


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the programs in it, in which they run and find each other."""
    folder = tmp_path / "programs"
    write(folder, "library.md")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    for name in PROGRAMS:
        monkeypatch.delitem(sys.modules, name.removesuffix(".py"), raising=False)
    return folder


async def run(place: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run a program on the loop of the test, which plays the servers too; return what it has defined."""
    started: list[Coroutine[Any, Any, None]] = []
    monkeypatch.setattr(asyncio, "run", started.append)
    defined: dict[str, Any] = {"__name__": "__main__"}
    exec(compile((place / name).read_text("utf-8"), name, "exec"), defined)
    for main in started:
        await main
    return defined


@pytest.mark.parametrize(("name", "scripts", "chain", "printed"), CASES)
async def test_a_program_of_the_page_runs_as_it_stands(  # noqa: PLR0917 - what it meets, and what it makes of that
    name: str,
    scripts: tuple[Script | str, Script | str],
    chain: str,
    printed: list[str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Simulator(scripts[0]) as one, Simulator(scripts[1]) as two:
        path = place / "fallback.toml"
        path.write_text(CHAIN.format(primary=one.url, secondary=two.url, chain=chain), "utf-8")
        path.chmod(0o600)
        await run(place, name, monkeypatch)

    # Up to a second is added to what the server asks for.
    lines = capsys.readouterr().out.replace("waiting 2 s", "waiting 1 s").splitlines()
    assert [line for line in lines if line.strip()] == printed


@pytest.mark.parametrize(
    ("name", "printed"),
    [("own_chain.py", "first said hello there \n"), ("shared.py", "first\n"), ("settings.py", "30\n")],
)
async def test_a_program_with_an_llm_of_its_own_runs_as_it_stands(
    name: str, printed: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await run(place, name, monkeypatch)

    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("fault", "text", "attempts"),
    [
        ("ok", FOX, [("plain.Plain", "ok", None)]),
        ("429", FOX, [("plain.Plain #1", "failed", "rate_limited"), ("plain.Plain #2", "ok", None)]),
        ("head-close", FOX, [("plain.Plain #1", "failed", "connection"), ("plain.Plain #2", "ok", None)]),
    ],
)
async def test_the_llm_over_http_answers_and_fails_as_the_page_says(
    fault: str, text: str, attempts: list[tuple[str, str, str | None]], place: Path
) -> None:
    from importlib import import_module

    plain: Any = import_module("plain").Plain
    async with Simulator(fault) as one, Simulator() as two:
        llms = [plain(f"{each.url}/v1", "sim-model", "sk-x") for each in (one, two)][: len(attempts)]
        async with FallbackAdapter(llms, max_retry_per_llm=0, close_llms=True) as chain:
            answer = await chain.chat(chat_ctx=ChatContext.from_text("hello")).collect()

    found = [(each.provider, str(each.outcome), each.error and str(each.error.kind)) for each in answer.attempts]
    assert (answer.text, answer.complete, found) == (text, True, attempts)


def test_every_program_of_the_page_is_run() -> None:
    run_here = {"own_chain.py", "shared.py", "settings.py", "plain.py", "echo.py"}

    assert set(PROGRAMS) == run_here | {case[0] for case in CASES}


def test_the_first_program_has_fifteen_lines() -> None:
    assert len(PROGRAMS["first.py"].splitlines()) == 15


def test_every_event_is_in_the_table_with_its_fields() -> None:
    table = rows(section("library.md", "Events: "))

    assert [(words(name)[0], *words(told)) for name, told, _ in table] == [
        (name, event.__name__, *(field.name for field in fields(event))) for event, name in EVENT_NAMES.items()
    ]


@pytest.mark.parametrize("settings", [AttemptSettings, ChainSettings])
def test_every_setting_is_in_the_table_with_its_default(settings: type[Any]) -> None:
    table = [row for row in rows(section("library.md", "Settings of a chain in Python")) if "`" in row[0]]
    known = {field.name: str(getattr(settings(), field.name)) for field in fields(settings)}
    known.pop("attempt_timeout_source", None)  # says who chose; the configuration sets it

    assert {words(name)[0]: default for name, default, _ in table if words(name)[0] in known} == known


async def test_each_key_goes_to_its_own_server_only(place: Path) -> None:
    events: list[AvailabilityChangedEvent] = []
    async with Simulator("503", key="sk-primary-key") as one, Simulator(key="sk-secondary-key") as two:
        path = place / "fallback.toml"
        path.write_text(CHAIN.format(primary=one.url, secondary=two.url, chain=""), "utf-8")
        path.chmod(0o600)
        async with load_chain(path) as llm:
            llm.on("llm_availability_changed", events.append)
            answer = await llm.chat(chat_ctx=ChatContext.from_text("hi")).collect()

    assert answer.text == two.manner.text
    assert [(event.llm.label, event.available) for event in events] == [("primary", False)]
    assert [len(one.requests), len(two.requests)] == [1, 1]
    assert "sk-secondary-key" not in str(one.requests)
    assert "sk-primary-key" not in str(two.requests)
