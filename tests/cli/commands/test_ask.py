"""`ask` as a process: what comes out of it, and what it tells."""

from __future__ import annotations

import asyncio
import io
import re
import sys
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.cli.commands.ask import AskOptions, _request
from fallback_chat.cli.options import SharedOptions
from fallback_chat.cli.sinks.base import Sink
from fallback_chat.core.chat_context import Text
from fallback_chat.core.config.settings import Settings
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings
from fallback_chat.providers.simulator.schedule import first
from tests.cli.program import ANSWERS, KEY, NEVER, TEXTS, Ran
from tests.fake_time import AutojumpLoop

if TYPE_CHECKING:
    from tests.cli.program import Program


def said(*lines: str) -> str:
    """Give what standard error holds."""
    return "".join(f"fallback-chat: {line}\n" for line in lines)


ASKING_TWO = {
    "500": "one failed (HTTP 500: The simulator answers 500.); asking two",
    "503-html": "one is overloaded (HTTP 503: a web page: 503); asking two",
    "429-wait-1s": "one is rate limited (HTTP 429: Rate limit reached.), retry in 1 s; asking two",
    "quota": "one has no quota left (HTTP 429: You exceeded your current quota.); asking two",
    "bad-key": "one rejected the API key (HTTP 401: Incorrect API key provided.); asking two",
    "no-model": "one does not know the model (HTTP 404: The model does not exist.); asking two",
    "accept-close": "one cannot be reached",
    "silence": "one timed out (nothing for 0.5 s); asking two",
    "empty": "one ended without an answer (the answer has no text); asking two",
    "html-200": "one failed",
}


@pytest.mark.parametrize(("fault", "line"), ASKING_TWO.items())
def test_the_answer_is_the_next_providers_and_stderr_says_who_failed_of_what(
    program: Program, fault: str, line: str
) -> None:
    ran = program.play(fault, "ok", attempt_timeout=0.5)("ask", "hi")

    # Half a second may be over before a server that says nothing has read the request.
    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert program.asked == [1, 1] or (fault, program.asked) == ("silence", [0, 1])
    first, last = ran.err.splitlines()
    assert first.startswith(f"fallback-chat: {line}")
    assert first.endswith("; asking two")
    assert last == "fallback-chat: answered by two/sim-model (2nd of 2)"


def test_the_first_choices_answer_needs_no_words_on_stderr(program: Program) -> None:
    assert program("ask", "hi") == Ran(0, ANSWERS["one"], "")


def test_the_words_are_joined_to_one_prompt(program: Program) -> None:
    program("ask", "why", "is  the", "sky", "blue?")

    (request,) = program.servers[0].requests
    assert (request.json["messages"], request.json["model"], request.problems) == (
        [{"role": "user", "content": "why is  the sky blue?"}],
        "sim-model",
        (),
    )


def test_quiet_silences_notices_and_not_errors(program: Program) -> None:
    notices = program.play("500", "ok")("ask", "-q", "hi")
    errors = program.play("500", "401")("ask", "-q", "hi")

    assert notices == Ran(0, ANSWERS["two"], "")
    assert (errors.code, errors.out) == (69, "")
    assert errors.err == said(
        "no provider of the chain gave an answer:",
        "  one failed (HTTP 500: The simulator answers 500.)",
        "  two rejected the API key (HTTP 401: The simulator answers 401.)",
        "check the key: fallback-chat config show --origin",
    )


def test_verbose_tells_of_every_request_and_usage_of_the_tokens(program: Program) -> None:
    ran = program.play("500", "ok")("ask", "-v", "hi")

    assert ran == Ran(
        0,
        ANSWERS["two"],
        said(
            "request 1 goes to one (openai, sim-model)",
            "one failed (HTTP 500: The simulator answers 500.); asking two",
            "request 2 goes to two (openai, sim-model)",
            "answered by two/sim-model (2nd of 2)",
            "tokens: 7 in, 5 out",
        ),
    )
    assert program.play("ok")("ask", "-u", "hi") == Ran(0, ANSWERS["one"], said("tokens: 7 in, 5 out"))


PARTIAL = TEXTS["one"].split()[0]
BREAKS = ["token-silence", "token-reset", "token-close", "token-error", "token-half", "token-done"]


@pytest.mark.parametrize("fault", BREAKS)
def test_a_broken_answer_keeps_its_text_and_is_marked(program: Program, fault: str) -> None:
    ran = program.play(fault, "ok", idle_timeout=0.4)("ask", "hi")

    assert (ran.code, ran.out, program.asked) == (3, f"{PARTIAL}\n", [1, 0])
    (line,) = ran.err.splitlines()
    assert line.startswith(("fallback-chat: incomplete: one ", "fallback-chat: incomplete: one's stream "))


def test_an_answer_that_starts_over_is_never_spliced(program: Program) -> None:
    ran = program.play("token-reset", "ok")("ask", "--on-stream-failure", "restart", "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert "fallback-chat: the text of one is discarded; two starts over\n" in ran.err


@pytest.mark.parametrize("policy", ["restart", "continue"])
def test_what_a_pipe_has_read_is_never_taken_back(program: Program, policy: str) -> None:
    ran = program.play("token-reset", "ok", on_stream_failure=policy)("ask", "hi")

    assert (ran.code, ran.out, program.asked) == (3, f"{PARTIAL}\n", [1, 0])
    assert ran.err.splitlines()[-1].endswith("with --buffer the next provider would have started over")


@pytest.mark.parametrize("flag", ["--no-stream", "--buffer"])
def test_a_buffered_answer_restarts_unseen(program: Program, flag: str) -> None:
    ran = program.play("token-reset", "ok")("ask", flag, "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert ran.err.splitlines()[-1] == "fallback-chat: answered by two/sim-model (2nd of 2)"


def test_a_buffered_answer_that_nobody_can_give_again_keeps_what_there_is(program: Program) -> None:
    ran = program.play("token-reset", "500")("ask", "--buffer", "hi")

    assert (ran.code, ran.out) == (3, f"{PARTIAL}\n")


def test_the_time_that_reading_the_question_took_is_part_of_the_deadline() -> None:
    class Slow:
        async def parts(self, _: object, *, deadline: float | None) -> tuple[Text]:
            assert deadline == 5.0
            await asyncio.sleep(3)
            return (Text("hi"),)

    chain: Any = SimpleNamespace(
        settings=Settings(chain=ChainSettings(deadline=5.0), attempt=AttemptSettings(), providers=())
    )
    slow: Any = Slow()
    sink = Sink(io.StringIO(), io.StringIO())
    with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
        _, request = runner.run(_request(chain, slow, sink, AskOptions(), SharedOptions(no_log=True)))

    assert (request.context.messages[-1].text, request.deadline) == ("hi", 2.0)


def test_the_deadline_bounds_the_whole_chain(program: Program) -> None:
    began = time.monotonic()
    ran = program.play("silence", "silence", "silence")("ask", "--deadline", "1s", "hi")

    assert (ran.code, ran.out) == (124, "")
    assert time.monotonic() - began > 1
    # A busy machine may use up the second before all three are asked; the sentence is tested in words/test_failures.py.
    assert re.fullmatch(
        r"fallback-chat: the deadline (?:was shared by [23] providers, about 0\.\d+ s each|is over)"
        r" \(deadline in fallback.toml, or --deadline\)",
        ran.err.splitlines()[-1],
    )


@pytest.mark.parametrize("value", ["zero", "negative", "past", "nan", "infinite", "word", "30-days", "huge", "empty"])
def test_a_hostile_retry_after_neither_holds_up_nor_crashes(program: Program, value: str) -> None:
    ran = program.play(f"429-wait-{value}", "ok", retry_interval=NEVER)("ask", "hi")

    assert (ran.code, ran.out, program.asked) == (0, ANSWERS["two"], [1, 1])
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(("value", "requests"), [("30-days", 1), ("huge", 2), ("infinite", 2), ("nan", 2)])
def test_a_hostile_retry_after_of_the_only_provider_is_not_waited_for(
    program: Program, value: str, requests: int
) -> None:
    ran = program.play(f"429-wait-{value}")("ask", "--wait", "10s", "hi")

    assert (ran.code, ran.out, program.asked) == (75, "", [requests])


def seconds_between_requests(program: Program) -> float:
    first, second = program.servers[0].requests
    return second.at - first.at


def test_wait_waits_for_a_rate_limit_of_all(program: Program) -> None:
    def once(moment: object) -> str:
        return "429-wait-1s" if not program.servers[0].requests else "ok"

    program.play(once)
    ran = program("ask", "--wait", "5s", "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["one"])
    assert ran.err == said("one is rate limited (HTTP 429: Rate limit reached.), retry in 1 s; asking it again in 1 s")
    assert seconds_between_requests(program) >= 1


def test_wait_is_for_all_waits_together(program: Program) -> None:
    ran = program.play("429-wait-1s")("ask", "--wait", "1500ms", "hi")

    assert (ran.code, program.asked) == (75, [2])


def test_wait_waits_for_the_first_one_that_comes_back(program: Program) -> None:
    program.play(first(1, "429-wait-1s"), "429-wait-30-days")
    ran = program("ask", "--wait", "5s", "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["one"])
    assert re.search(r"fallback-chat: no provider available · one in 0:0[12] \(rate limited\)\n", ran.err)
    assert seconds_between_requests(program) >= 1


def test_wait_goes_beyond_the_deadline_of_a_turn(program: Program) -> None:
    program.play(first(1, "503-wait-3s"), deadline=2.9)  # which is long for one request, also on a busy machine
    ran = program("ask", "--wait", "60s", "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["one"])


def with_key_command(program: Program, number: int, command: list[str]) -> None:
    entry = program.config["providers"][number]
    del entry["api_key_env"]
    entry["api_key_cmd"] = command


def test_the_key_command_of_a_provider_that_nobody_asks_does_not_run(program: Program) -> None:
    program.play("ok", "ok")
    ran_it = program.directory / "ran"
    with_key_command(program, 1, ["touch", str(ran_it)])
    ran = program("ask", "hi")
    assert (ran, ran_it.exists()) == (Ran(0, ANSWERS["one"], ""), False)


def test_a_key_command_has_the_time_of_its_attempt_and_no_more(program: Program) -> None:
    program.play("ok", "ok")
    with_key_command(program, 0, [sys.executable, "-c", f"import time; time.sleep({NEVER}); print({KEY!r})"])
    program.config["providers"][0]["attempt_timeout"] = 0.5
    ran = program("ask", "hi")
    assert (ran.code, ran.out, program.asked) == (0, ANSWERS["two"], [0, 1])


def test_a_key_from_a_command_is_used_and_never_shown(program: Program) -> None:
    program.play("key-in-message")
    with_key_command(program, 0, [sys.executable, "-c", f"print({KEY!r})"])
    ran = program("ask", "hi")
    assert program.servers[0].requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert ran.code == 77
    assert KEY not in ran.out + ran.err


def test_a_key_command_that_fails_is_told_and_the_next_one_is_asked(program: Program) -> None:
    program.play("ok", "ok")
    with_key_command(program, 0, ["false"])
    ran = program("ask", "hi")
    assert (ran.code, ran.out, program.asked) == (0, ANSWERS["two"], [0, 1])
    assert "one has no key (false ended with status 1" in ran.err
