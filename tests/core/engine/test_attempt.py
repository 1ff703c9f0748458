"""One request: what counts as content, which clock ends which wait, and every end has its name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.chat_context import ChatContext, ToolCall
from fallback_chat.core.engine.attempt import Attempt
from fallback_chat.core.engine.budget import first_content_budget
from fallback_chat.core.engine.clocks import TotalTimeoutError
from fallback_chat.core.engine.settings import AttemptSettings, OnRefusal
from fallback_chat.core.engine.wellformed import check_arguments
from fallback_chat.core.errors import APIConnectionError, APIError, APIStreamError, APITimeoutError, ErrorKind
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, CompletionUsage, FinishReason
from tests.core.scripted import (
    FRAGMENT,
    ROLE,
    SILENCE,
    STOP,
    THINKING,
    Anything,
    Pause,
    ScriptedLLM,
    Step,
    call,
    finish,
    text,
    thought,
)
from tests.fake_time import timers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SETTINGS = AttemptSettings(attempt_timeout=10, thinking_timeout=60, idle_timeout=30)
SKIPS_REFUSALS = AttemptSettings(on_refusal=OnRefusal.NEXT)
FOREVER = float("inf")
USAGE = ChatChunk(usage=CompletionUsage(1, 2, 3))


def attempt_at(
    *script: Step,
    settings: AttemptSettings = SETTINGS,
    total: float = FOREVER,
    on_close: Callable[[], Awaitable[None]] | None = None,
) -> tuple[Attempt, ScriptedLLM]:
    llm = ScriptedLLM("one", script, on_close=on_close)
    context = ChatContext.from_text("hi")
    attempt = Attempt(
        llm,
        lambda: llm.chat(chat_ctx=context),
        settings,
        budget=first_content_budget(settings),
        total_left=total,
    )
    return attempt, llm


async def rest(attempt: Attempt) -> list[ChatChunk]:
    chunks: list[ChatChunk] = []
    while (chunk := await attempt.next()) is not None:
        chunks.append(chunk)
    return chunks


async def answer(*script: Step, settings: AttemptSettings = SETTINGS, total: float = FOREVER) -> list[ChatChunk]:
    attempt, _ = attempt_at(*script, settings=settings, total=total)
    await attempt.commit()
    return await rest(attempt)


async def failure(*script: Step, settings: AttemptSettings = SETTINGS, total: float = FOREVER) -> tuple[object, ...]:
    """Give type, kind and text of the error that `script` ends in, and when it came."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(APIError) as caught:
        await answer(*script, settings=settings, total=total)
    elapsed = asyncio.get_running_loop().time() - began
    return type(caught.value), caught.value.kind, str(caught.value), elapsed


async def test_a_whole_answer_is_handed_on_chunk_by_chunk() -> None:
    script = [ROLE, text("Hel"), text("lo"), STOP, USAGE]

    assert await answer(*script) == script


async def test_nothing_is_sent_before_the_first_pull() -> None:
    attempt, llm = attempt_at("hello", STOP)
    before = len(llm.calls)

    await attempt.commit()

    assert (before, len(llm.calls)) == (0, 1)


async def test_commit_waits_for_text_and_no_longer() -> None:
    attempt, llm = attempt_at(ROLE, Pause(2), "hello", SILENCE)

    await attempt.commit()

    assert (attempt.first_token, attempt.shown, llm.streams[0].pulls) == (2, 0, 2)


async def test_what_was_handed_out_is_counted_in_characters() -> None:
    attempt, _ = attempt_at(ROLE, "héllo", thought("hm"), " 🙂", STOP)
    await attempt.commit()

    await rest(attempt)

    assert attempt.shown == 7


# First token


@pytest.mark.parametrize(
    "sign_of_life",
    [ROLE, USAGE, ChatChunk(), text(""), text(" \n"), ChatChunk(ChoiceDelta(), model="m")],
    ids=["role", "usage", "nothing", "no text", "blanks", "empty delta"],
)
async def test_signs_of_life_are_no_content_and_stop_no_clock(sign_of_life: ChatChunk) -> None:
    dribble: list[Step] = [sign_of_life, Pause(1)] * 100

    assert await failure(*dribble, "too late", STOP) == (
        APITimeoutError,
        ErrorKind.TIMEOUT,
        "nothing for 10 s",
        10,
    )


async def test_connecting_counts_into_the_first_token_time() -> None:
    assert (await failure(SILENCE))[1:] == (ErrorKind.TIMEOUT, "nothing for 10 s", 10)


async def test_a_time_out_of_ours_is_not_worth_a_second_one() -> None:
    attempt, _ = attempt_at(SILENCE)

    with pytest.raises(APITimeoutError) as caught:
        await attempt.commit()

    assert caught.value.details.retryable is False


# Thinking


async def test_the_first_thought_swaps_the_clock() -> None:
    thinking: list[Step] = [thought("hm"), Pause(25), thought("hm"), Pause(25)]

    assert [chunk.delta for chunk in await answer(Pause(9), *thinking, "42", STOP)][:-1] == [
        ChoiceDelta(reasoning="hm"),
        ChoiceDelta(reasoning="hm"),
        ChoiceDelta("42"),
    ]


async def test_readable_reasoning_is_waited_for_as_long_as_it_comes_but_not_for_ever() -> None:
    thinking: list[Step] = [thought("hm"), Pause(55)] * 10

    assert await failure(Pause(5), *thinking) == (
        APITimeoutError,
        ErrorKind.TIMEOUT,
        "still thinking after 300 s",
        305,
    )


@pytest.mark.parametrize("opening", [thought("hm"), THINKING], ids=["a thought", "a sign"])
async def test_a_thinker_that_falls_silent_has_thinking_timeout(opening: ChatChunk) -> None:
    assert await failure(Pause(5), opening, SILENCE) == (
        APITimeoutError,
        ErrorKind.TIMEOUT,
        "no readable reasoning for 60 s",
        65,
    )


@pytest.mark.parametrize("sign", [ROLE, THINKING], ids=["a role", "a sign of thinking"])
async def test_only_readable_reasoning_prolongs_thinking(sign: ChatChunk) -> None:
    dribble: list[Step] = [sign, Pause(1)] * 100

    assert (await failure(thought("hm"), *dribble))[2:] == ("no readable reasoning for 60 s", 60)


async def test_an_open_tool_call_has_thinking_timeout_for_each_of_its_pieces() -> None:
    whole: list[Step] = [FRAGMENT, Pause(50), FRAGMENT, Pause(50), call(), finish(FinishReason.TOOL_CALLS)]

    assert (await answer(*whole))[-2:] == [call(), finish(FinishReason.TOOL_CALLS)]
    assert await failure("Let me see.", FRAGMENT, SILENCE) == (
        APIStreamError,
        ErrorKind.STALLED,
        "nothing for 60 s",
        60,
    )


# Answering


async def test_an_answer_that_stops_in_the_middle_has_stalled() -> None:
    assert await failure("Hel", SILENCE) == (APIStreamError, ErrorKind.STALLED, "nothing for 30 s", 30)


@pytest.mark.parametrize(
    "progress",
    [text("more"), text("\n"), thought("hm"), FRAGMENT, ChatChunk(ChoiceDelta(refusal="no"))],
    ids=["text", "blanks", "thought", "tool", "refusal"],
)
async def test_once_the_answer_has_begun_every_delta_winds_up_the_clock(progress: ChatChunk) -> None:
    script: list[Step] = ["one", Pause(20), progress, Pause(20), progress, Pause(20), "two", STOP]

    assert await answer(*script) == [text("one"), progress, progress, text("two"), STOP]


@pytest.mark.parametrize("sign_of_life", [ROLE, USAGE, ChatChunk()])
async def test_signs_of_life_do_not_prolong_an_answer(sign_of_life: ChatChunk) -> None:
    dribble: list[Step] = [sign_of_life, Pause(1)] * 100

    assert (await failure("one", *dribble))[1:] == (ErrorKind.STALLED, "nothing for 30 s", 30)


async def test_a_slow_reader_trips_no_clock() -> None:
    attempt, _ = attempt_at(ROLE, Pause(8), "one", Pause(25), "two", Pause(25), "three", STOP, Pause(0.75), USAGE)
    await attempt.commit()
    chunks = []

    while (chunk := await attempt.next()) is not None:
        chunks.append(chunk)
        await asyncio.sleep(3600)

    assert chunks == [ROLE, text("one"), text("two"), text("three"), STOP, USAGE]


async def test_a_tool_call_in_pieces_keeps_the_clock_wound_up_before_any_text() -> None:
    pieces: list[Step] = [FRAGMENT, Pause(20)] * 5

    assert (await answer(*pieces, call(), finish(FinishReason.TOOL_CALLS)))[-2:] == [
        call(),
        finish(FinishReason.TOOL_CALLS),
    ]


# Tail


@pytest.mark.parametrize(
    "mishap",
    [SILENCE, APIConnectionError("reset"), ValueError("bug"), asyncio.CancelledError()],
    ids=["silence", "reset", "bug", "cancelled"],
)
async def test_what_fails_after_the_finish_is_harmless(mishap: Step) -> None:
    assert await answer("whole", STOP, mishap) == [text("whole"), STOP]


async def test_an_error_that_the_server_reports_after_its_finish_is_none_that_is_harmless() -> None:
    reported = APIStreamError("overloaded", body={"message": "overloaded"})

    assert await failure("whole", STOP, reported) == (APIStreamError, ErrorKind.STREAM_ERROR, "overloaded", 0)


async def test_the_tail_lasts_a_second_in_all() -> None:
    dribble: list[Step] = [USAGE, Pause(0.5)] * 10
    attempt, _ = attempt_at("whole", STOP, *dribble)
    await attempt.commit()

    await rest(attempt)

    assert attempt.elapsed == 1


async def test_the_last_finish_counts() -> None:
    attempt, _ = attempt_at("whole", STOP, finish(FinishReason.LENGTH))
    await attempt.commit()

    await rest(attempt)

    assert attempt.finish_reason is FinishReason.LENGTH


async def test_text_after_a_finish_takes_the_finish_back() -> None:
    both = ChatChunk(ChoiceDelta("One "), finish_reason=FinishReason.STOP)

    assert await answer(both, Pause(0.9), "two ", Pause(20), both, Pause(20), "three") == [
        both,
        text("two "),
        both,
        text("three"),
    ]


async def test_silence_after_a_finish_that_has_been_taken_back_is_a_cut() -> None:
    both = ChatChunk(ChoiceDelta("One "), finish_reason=FinishReason.STOP)

    assert await failure(both, both, SILENCE) == (
        APIStreamError,
        ErrorKind.STALLED,
        "nothing for 30 s after a finish that was not the end",
        30,
    )


async def test_a_tool_call_of_an_answer_cut_after_its_finish_was_taken_back_is_not_handed_out() -> None:
    both = ChatChunk(ChoiceDelta("One "), finish_reason=FinishReason.STOP)
    attempt, _ = attempt_at(both, "two", call(), APIStreamError("reset"))
    await attempt.commit()
    chunks = [await attempt.next() for _ in range(2)]

    with pytest.raises(APIStreamError, match="reset"):
        await attempt.next()

    assert (chunks, attempt.finish_reason) == ([both, text("two")], None)


async def test_blanks_after_a_finish_do_not_take_it_back() -> None:
    assert (await answer("One", STOP, "\n", SILENCE))[-1] == text("\n")


# Ends without an answer


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ([], ErrorKind.EMPTY, "the answer has no text"),
        ([ROLE, STOP], ErrorKind.EMPTY, "the answer has no text"),
        ([text(" \n\t"), STOP], ErrorKind.EMPTY, "the answer has no text"),
        ([thought("hm"), STOP], ErrorKind.EMPTY, "the answer has no text"),
        ([FRAGMENT, STOP], ErrorKind.EMPTY, "the answer has no text"),
        (
            [thought("hm"), finish(FinishReason.LENGTH)],
            ErrorKind.EMPTY,
            "all output tokens went into reasoning",
        ),
        (
            [finish(FinishReason.CONTEXT_EXCEEDED)],
            ErrorKind.CONTEXT_EXCEEDED,
            "the conversation fills the context window",
        ),
    ],
)
async def test_an_end_without_an_answer_is_a_failure(script: list[Step], kind: ErrorKind, words: str) -> None:
    assert await failure(*script) == (APIStreamError, kind, words, 0)


@pytest.mark.parametrize("reason", [FinishReason.CONTENT_FILTER, FinishReason.REFUSAL])
async def test_a_labelled_refusal_without_text_is_an_answer(reason: FinishReason) -> None:
    assert await answer(ROLE, finish(reason)) == [ROLE, finish(reason)]


async def test_a_refusal_in_words_is_content() -> None:
    refusal = ChatChunk(ChoiceDelta(refusal="I will not"))

    assert await answer(refusal, Pause(20), finish(FinishReason.REFUSAL)) == [refusal, finish(FinishReason.REFUSAL)]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(FinishReason.CONTENT_FILTER, ErrorKind.CONTENT_FILTER), (FinishReason.REFUSAL, ErrorKind.REFUSAL)],
)
async def test_a_refusal_is_a_failure_where_the_next_one_is_to_be_asked(reason: FinishReason, kind: ErrorKind) -> None:
    script = [ChatChunk(ChoiceDelta(refusal="I will not")), finish(reason)]

    assert (await failure(*script, settings=SKIPS_REFUSALS))[1:3] == (kind, "refused to answer")


async def test_a_refusal_is_told_in_the_words_of_the_server() -> None:
    said = ChatChunk(finish_reason=FinishReason.REFUSAL, finish_words="About bombs.")

    assert (await failure(said, settings=SKIPS_REFUSALS))[1:3] == (ErrorKind.REFUSAL, "About bombs.")


async def test_a_refusal_that_takes_its_time_is_no_time_out_where_the_next_one_is_to_be_asked() -> None:
    refusal = ChatChunk(ChoiceDelta(refusal="I"))

    assert await failure(refusal, Pause(20), finish(FinishReason.REFUSAL), settings=SKIPS_REFUSALS) == (
        APIStreamError,
        ErrorKind.REFUSAL,
        "refused to answer",
        20,
    )


# Tool calls


async def test_a_turn_of_tool_calls_alone_is_an_answer_once_it_has_ended() -> None:
    script: list[Step] = [ROLE, call('{"q": 1}'), Pause(5), finish(FinishReason.TOOL_CALLS), USAGE]
    attempt, _ = attempt_at(*script)

    await attempt.commit()

    assert attempt.first_token == 5
    assert await rest(attempt) == [ROLE, call('{"q": 1}'), finish(FinishReason.TOOL_CALLS), USAGE]


@pytest.mark.parametrize("arguments", ["", "{", "[]", "null", "1", '"x"', "[" * 100_000])
async def test_a_tool_call_with_broken_arguments_never_runs(arguments: str) -> None:
    assert (await failure(call(arguments), finish(FinishReason.TOOL_CALLS)))[1:3] == (
        ErrorKind.STREAM_ERROR,
        "the arguments of the tool call 'look_up' are not a JSON object",
    )


async def test_a_broken_tool_call_after_the_finish_is_no_better() -> None:
    with pytest.raises(APIStreamError, match="not a JSON object"):
        await answer("text", STOP, call("{"))


def test_an_object_is_what_arguments_have_to_be() -> None:
    check_arguments([ToolCall("c1", "f", "{}"), ToolCall("c2", "f", ' {"a": [1]} ')])


async def test_a_tool_call_after_text_is_held_back_until_the_answer_is_whole() -> None:
    attempt, _ = attempt_at("let me see", call(), Pause(5), finish(FinishReason.TOOL_CALLS), USAGE)
    await attempt.commit()
    seen = []

    while (chunk := await attempt.next()) is not None:
        seen.append((chunk, attempt.elapsed))

    assert seen == [
        (text("let me see"), 0),
        (call(), 5),
        (finish(FinishReason.TOOL_CALLS), 5),
        (USAGE, 5),
    ]


@pytest.mark.parametrize("before", [["let me see", call()], [call(), "let me see"]])
async def test_a_tool_call_of_an_answer_that_broke_off_is_never_handed_out(before: list[Step]) -> None:
    attempt, _ = attempt_at(*before, APIStreamError("reset"))
    await attempt.commit()
    chunks = []

    with pytest.raises(APIStreamError, match="reset"):  # noqa: PT012 - what came before the error is looked at
        while (chunk := await attempt.next()) is not None:
            chunks.append(chunk)

    assert call() not in chunks


# Failures


async def test_an_api_error_passes_as_it_is() -> None:
    error = APIConnectionError("refused")
    error.__cause__ = cause = OSError(111)
    attempt, _ = attempt_at(error)

    with pytest.raises(APIConnectionError) as caught:
        await attempt.commit()

    assert (caught.value, caught.value.__cause__) == (error, cause)


@pytest.mark.parametrize(
    ("mishap", "words"),
    [
        (ZeroDivisionError("x"), "ZeroDivisionError: x"),
        (asyncio.CancelledError("its own"), "ProviderCancelledError: its own"),
        (RecursionError("deep"), "RecursionError: deep"),
    ],
)
@pytest.mark.parametrize("before", [[], ["text"]])
async def test_any_other_exception_is_a_bug_of_the_adapter_and_is_logged(
    before: list[Step], mishap: BaseException, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await failure(*before, mishap) == (APIError, ErrorKind.BUG, words, 0)
    assert caplog.messages == ["one raised what a provider must not raise"]


@pytest.mark.parametrize(
    ("mishap", "before", "after"),
    [
        (TimeoutError("its own"), (APITimeoutError, ErrorKind.TIMEOUT), (APITimeoutError, ErrorKind.TIMEOUT)),
        (
            ConnectionRefusedError("port 1"),
            (APIConnectionError, ErrorKind.CONNECTION),
            (APIStreamError, ErrorKind.STREAM_ERROR),
        ),
        (OSError("no route"), (APIConnectionError, ErrorKind.CONNECTION), (APIStreamError, ErrorKind.STREAM_ERROR)),
    ],
)
async def test_the_system_s_own_errors_are_failures_of_the_connection(
    mishap: OSError, before: tuple[type[APIError], ErrorKind], after: tuple[type[APIError], ErrorKind]
) -> None:
    words = f"{type(mishap).__name__}: {mishap}"

    assert await failure(mishap) == (*before, words, 0)
    assert await failure("text", mishap) == (*after, words, 0)


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        ("plain text", "a chunk must be ChatChunk, not str"),
        ({"delta": {}}, "a chunk must be ChatChunk, not dict"),
        (ChatChunk(delta="text"), "delta must be ChoiceDelta, not str"),  # type: ignore[arg-type]
        (ChatChunk(ChoiceDelta(content=5)), "content must be str, not int"),  # type: ignore[arg-type]
        (ChatChunk(ChoiceDelta("x", reasoning=b"x")), "reasoning must be str, not bytes"),  # type: ignore[arg-type]
        (ChatChunk(ChoiceDelta(tool_calls=[{"name": "x"}])), "tool_calls must be a sequence of ToolCall, not dict"),  # type: ignore[list-item]
        (ChatChunk(ChoiceDelta(extras="x")), "extras must be a sequence of VendorExtra, not str"),  # type: ignore[arg-type]
        (ChatChunk(usage={"input": 1}), "usage must be CompletionUsage, not dict"),  # type: ignore[arg-type]
        (ChatChunk(ChoiceDelta("x"), restarted=1), "restarted must be bool, not int"),  # type: ignore[arg-type]
        (ChatChunk(ChoiceDelta(thinking=None)), "thinking must be bool, not NoneType"),  # type: ignore[arg-type]
        (ChatChunk(ChoiceDelta(alive="yes")), "alive must be bool, not str"),  # type: ignore[arg-type]
        (ChatChunk(finish_reason="done"), "finish_reason must be FinishReason, not str"),  # type: ignore[arg-type]
        (ChatChunk(finish_reason="stop", finish_raw=1), "finish_raw must be str, not int"),  # type: ignore[arg-type]
        (ChatChunk(finish_reason="stop", finish_words=[]), "finish_words must be str, not list"),  # type: ignore[arg-type]
        (ChatChunk(ChoiceDelta("x"), model=5), "model must be str, not int"),  # type: ignore[arg-type]
        (ChatChunk(model=b"m"), "model must be str, not bytes"),  # type: ignore[arg-type]
        (ChatChunk(id=object()), "id must be str, not object"),  # type: ignore[arg-type]
    ],
)
@pytest.mark.parametrize("before", [[], ["text"]])
async def test_a_chunk_of_the_wrong_type_is_the_provider_s_failure(
    before: list[Step], chunk: object, words: str
) -> None:
    assert await failure(*before, Anything(chunk)) == (APIError, ErrorKind.BUG, words, 0)


async def test_a_plain_word_for_a_finish_is_understood_and_a_none_loses_nothing() -> None:
    stop = ChatChunk(finish_reason="stop")  # type: ignore[arg-type]

    assert await answer("Hel", Anything(None), "lo", stop) == [text("Hel"), text("lo"), STOP]


async def test_a_provider_that_never_says_anything_but_none_is_given_up() -> None:
    nothing: list[Step] = [Anything(None)] * 20_000

    assert await failure(*nothing) == (APIError, ErrorKind.BUG, "it returned None 10000 times", 0)


async def test_a_tool_call_is_not_run_when_the_answer_did_not_end_properly() -> None:
    aborted = ChatChunk(finish_reason=FinishReason.OTHER, finish_raw="abort")

    assert await failure("Let me see.", call(), aborted) == (
        APIStreamError,
        ErrorKind.STREAM_ERROR,
        "the answer ended with 'abort' after a tool call, which is not run",
        0,
    )


async def test_a_chat_that_cannot_even_start_is_a_bug_too() -> None:
    def start() -> ScriptedLLM:
        raise KeyError("model")

    attempt = Attempt(
        ScriptedLLM("one", []),
        start,  # type: ignore[arg-type]
        SETTINGS,
        budget=first_content_budget(SETTINGS),
    )

    with pytest.raises(APIError) as caught:
        await attempt.commit()

    assert caught.value.kind is ErrorKind.BUG
    await attempt.aclose()


# The whole answer


async def test_the_time_for_the_whole_answer_counts_waiting_only() -> None:
    attempt, _ = attempt_at("one", Pause(10), "two", Pause(10), "three", STOP, total=30)
    await attempt.commit()

    while await attempt.next() is not None:  # noqa: ASYNC110 - a slow reader
        await asyncio.sleep(100)

    assert attempt.total_left == 10


@pytest.mark.parametrize(
    ("script", "total"),
    [([SILENCE], 5), ([thought("hm"), SILENCE], 20), ([*["one", Pause(20)] * 10], 50)],
    ids=["first", "thinking", "answering"],
)
async def test_the_end_of_all_time_is_told_from_the_providers_silence(script: list[Step], total: float) -> None:
    assert await failure(*script, total=total) == (
        TotalTimeoutError,
        ErrorKind.TIMEOUT,
        "the time for the whole answer is over",
        total,
    )


async def test_time_spent_in_vain_is_gone_too() -> None:
    attempt, _ = attempt_at(SILENCE, total=15)

    with pytest.raises(APITimeoutError):
        await attempt.commit()

    assert attempt.total_left == 5


# Closing


async def test_closing_closes_the_stream_and_may_come_before_it_exists() -> None:
    attempt, llm = attempt_at("hello", STOP)
    await attempt.aclose()

    await attempt.commit()
    await attempt.aclose()

    assert llm.streams[0].closes == 1
    assert timers() == []


async def test_a_stream_that_cannot_be_closed_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise OSError("already gone")

    attempt, _ = attempt_at("hello", on_close=fail)
    await attempt.commit()

    await attempt.aclose()

    assert caplog.messages == ["closing the stream of one failed"]


async def test_a_cancellation_that_nobody_sent_is_a_failure_to_close(caplog: pytest.LogCaptureFixture) -> None:
    async def give_up() -> None:
        raise asyncio.CancelledError

    attempt, _ = attempt_at("hello", on_close=give_up)
    await attempt.commit()

    await attempt.aclose()

    assert caplog.messages == ["closing the stream of one failed"]


async def test_a_stream_that_takes_for_ever_to_close_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def hang() -> None:
        await asyncio.sleep(3600)

    attempt, _ = attempt_at("hello", on_close=hang)
    await attempt.commit()

    await attempt.aclose()

    assert (attempt.elapsed, caplog.messages) == (1, ["closing the stream of one failed"])
