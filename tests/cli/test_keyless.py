"""A provider whose key comes from a command, as the chain sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.words.failures import hint, sentence
from fallback_chat.core.config import keys
from fallback_chat.core.config.key_command import KeyCommand
from fallback_chat.core.config.keyless import COMMAND_PAUSE, Keyless
from fallback_chat.core.config.keys import read_key
from fallback_chat.core.config.settings import KeySource, ProviderSettings
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.errors import APIStatusError, ErrorKind
from fallback_chat.core.llm import ModelInfo
from fallback_chat.providers import load
from fallback_chat.providers.http.engine import HttpEngine
from tests.core.scripted import STOP, ScriptedLLM
from tests.processes import is_running
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_chat.core.config.key_command import Launch


def provider(*command: str) -> Keyless:
    settings = ProviderSettings(name="a", kind="scripted", model="m", key=KeySource(cmd=command))

    def find(launch: Launch) -> str | None:
        return read_key(settings, os.environ, launch=launch)

    return Keyless(settings, find, lambda _: ScriptedLLM("a", ["Hi", STOP]))


def sleeping(place: Path) -> Keyless:
    return provider("sh", "-c", f"echo $$ > {place}.new; mv {place}.new {place}; exec sleep {PATIENCE * 10}")


async def test_a_cancellation_kills_the_command_at_once_and_no_other_one(tmp_path: Path) -> None:
    places = [tmp_path / "first", tmp_path / "second"]
    tasks = [asyncio.ensure_future(sleeping(place).found()) for place in places]
    await until(lambda: all(map(os.path.exists, places)))
    first, second = (place.read_text().strip() for place in places)

    tasks[0].cancel()
    await asyncio.wait(tasks[:1], timeout=PATIENCE)

    assert tasks[0].done()
    await until(lambda: not is_running(first))
    assert is_running(second)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    await until(lambda: not is_running(second))


async def test_a_cancellation_kills_what_the_command_has_started_too(tmp_path: Path) -> None:
    place = tmp_path / "grandchild"
    never = PATIENCE * 10
    llm = provider(
        "sh", "-c", f"sh -c 'echo $$ > {place}.new; mv {place}.new {place}; sleep {never}; :' & sleep {never}; :"
    )
    task = asyncio.ensure_future(llm.found())
    await until(place.exists)

    task.cancel()
    await asyncio.wait([task])

    await until(lambda: not is_running(place.read_text().strip()))


async def test_a_slow_command_is_told_as_such_and_not_as_a_rejected_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COMMAND_TIMEOUT", 0.05)

    with pytest.raises(APIStatusError) as caught:
        await provider("sleep", str(PATIENCE * 10)).found()

    told = sentence("a", caught.value)
    assert hint(caught.value) == (
        "run the key command by hand: it must not ask on the terminal, and can take attempt_timeout at most"
    )
    assert (caught.value.kind, caught.value.retry_after) == (ErrorKind.TIMEOUT, COMMAND_PAUSE)
    assert told == "a got no key in time (sleep took longer than 0.05 s), retry in 60 s"


async def test_a_command_has_less_time_than_the_attempt_so_that_it_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    llm = Keyless(
        ProviderSettings(
            name="a", kind="scripted", model="m", key=KeySource(cmd=("sleep", "600")),
            attempt=AttemptSettings(attempt_timeout=0.1),
        ),
        lambda launch: read_key(llm._settings, os.environ, launch=launch),
        lambda _: ScriptedLLM("a", []),
    )  # fmt: skip

    with pytest.raises(APIStatusError, match=r"sleep took longer than 0.09 s"):
        await llm.found()


async def test_a_cancellation_in_the_moment_in_which_the_command_starts_kills_it_too() -> None:
    begun, may_go_on = threading.Event(), threading.Event()
    started: list[KeyCommand] = []

    def slowly() -> KeyCommand:
        command = KeyCommand(["sleep", str(PATIENCE * 10)], os.environ)
        started.append(command)
        begun.set()
        may_go_on.wait(PATIENCE)
        return command

    def find(launch: Launch) -> str | None:
        launch(slowly)
        return None

    settings = ProviderSettings(name="a", kind="scripted", model="m", key=KeySource(cmd=("sleep",)))
    task = asyncio.ensure_future(Keyless(settings, find, lambda _: ScriptedLLM("a", [])).found())
    await until(begun.is_set)
    threading.Timer(0.02, may_go_on.set).start()  # by then the cancellation waits for it, or has come too early

    task.cancel()
    await asyncio.wait([task])

    assert started[0].wait(PATIENCE) == -signal.SIGKILL


async def test_the_command_runs_once_for_all_that_is_asked(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    llm = provider("sh", "-c", f"echo run >> {runs}; echo sk-key")

    found = await asyncio.gather(llm.found(), llm.found(), llm.probe())

    assert (found[0] is found[1], found[2].ok, runs.read_text()) == (True, True, "run\n")


async def test_a_command_that_fails_is_a_failure_of_its_provider_alike_in_all_that_is_asked() -> None:
    llm = provider("false")

    with pytest.raises(APIStatusError) as caught:
        await llm.found()
    report = await llm.probe()

    assert report.error is not None
    for error in (caught.value, report.error):
        assert (type(error), error.kind, error.details.retryable) == (APIStatusError, ErrorKind.AUTH, False)
        assert error.retry_after == COMMAND_PAUSE  # and not for ever: an agent may have been locked
        assert error.message == "false ended with status 1; run it by hand to see why"


async def test_what_can_be_known_without_the_key_is_known_before_it_is_read() -> None:
    thinker = ProviderSettings(
        name="a", kind="openai", model="gpt-6.2-sol", base_url="https://api.openai.com/v1", key=KeySource(cmd=("false",)),
        context_window=8000,
    )  # fmt: skip
    http = HttpEngine(environ={})
    llm = Keyless(thinker, lambda _: "k", lambda key: load("openai").create(thinker, api_key=key, http=http))
    real = load("openai").create(thinker, api_key="k", http=http)

    async with llm, real:
        known = [(one.machine, one.context_window, one.names_model, one.thinks_silently()) for one in (llm, real)]
        llm.learn([ModelInfo("gpt-6.2-sol", 8000, ("reasoning",))])
        assert llm.thinks_silently() == "the list of models says that it reasons"

    assert known[0] == known[1]
    assert known[0][-1] is not None
