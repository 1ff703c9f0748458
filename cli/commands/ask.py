"""`fallback-chat ask`: one question, one answer; made for pipes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.exit_code import ExitCode
from fallback_chat.cli.failures import exit_code_of, exit_code_of_answer
from fallback_chat.cli.input import assemble, has_piped_input, read_image, read_part, read_stdin
from fallback_chat.cli.notices import attribution, notices, shortcomings, usage_line
from fallback_chat.cli.runtime import run_until_signal
from fallback_chat.cli.sinks import Outcome, make_sink
from fallback_chat.core.answer import AnswerBuilder
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text
from fallback_chat.core.errors import APIError, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fallback_chat.cli.shared import SharedOptions
    from fallback_chat.cli.sinks import Sink
    from fallback_chat.cli.wiring import OpenChain
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.events import Event

TOTAL_TIMEOUT = 300.0
"""Seconds for one whole answer."""
PATIENCE = 2.0
"""Seconds that `ask` waits for a rate limit without being told to."""


class AskOptions(NamedTuple):
    """What belongs to `ask` alone."""

    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    json: bool = False
    jsonl: bool = False
    output: Path | None = None
    no_stream: bool = False
    render: str = "auto"
    usage: bool = False
    on_stream_failure: str | None = None


def ask(options: AskOptions, shared: SharedOptions) -> int:
    """Ask the chain once and give the exit code; the answer, and nothing else, goes to standard output."""
    from fallback_chat.cli.wiring import configure, open_chain

    if not options.words and not options.files and not has_piped_input():
        sys.stderr.write('usage: fallback-chat ask "PROMPT"   (or pipe text into it; --help shows more)\n')
        return ExitCode.USAGE
    if options.jsonl and (options.json or options.output is not None):
        sys.stderr.write("usage: --jsonl streams to standard output; it goes with neither --json nor -o\n")
        return ExitCode.USAGE
    sink = make_sink(options, shared)
    try:
        settings = configure(shared, on_stream_failure=_stream_policy(options))
        prompt = _prompt(options)
        chain = open_chain(settings)
        sink.redact_with(chain.redactor)
        for warning in () if shared.quiet else settings.warnings:
            sink.notice(str(warning))
        sink, context = _conversation(sink, chain, ChatMessage(Role.USER, prompt), shared)
    except BaseException as error:
        sink.end(Outcome(None, error, exit_code_of(error)))
        raise
    return run_until_signal(lambda: _ask(chain, context, sink, options, shared))


def _conversation(
    sink: Sink, chain: OpenChain, question: ChatMessage, shared: SharedOptions
) -> tuple[Sink, ChatContext]:
    """Give what the chain is told, and where the answer goes: into the conversation as well, where one is gone on with."""
    context = ChatContext()
    if shared.continues:
        # Without a conversation, `ask` never imports SQLite.
        from fallback_chat.cli.recording_sink import recorded

        sink, context = recorded(sink, question, chain.redactor.redact, shared)
    return sink, context.add_message(question)


def _prompt(options: AskOptions) -> tuple[Part, ...]:
    """Put the question and its texts into one piece; pictures and documents follow as they are."""
    piped = read_stdin() if has_piped_input() else None
    parts = [(name, read_part(name)) for name in options.files]
    texts = [(name, part.text) for name, part in parts if isinstance(part, Text)]
    others = [part for _, part in parts if not isinstance(part, Text)]
    return (Text(assemble(options.words, piped, texts)), *others, *map(read_image, options.images))


def _stream_policy(options: AskOptions) -> str | None:
    """Nothing is shown before a buffered answer is whole, so one that breaks off can always begin anew."""
    buffered = options.json or options.no_stream or options.output is not None
    return options.on_stream_failure or ("restart" if buffered else None)


async def _ask(chain: OpenChain, context: ChatContext, sink: Sink, options: AskOptions, shared: SharedOptions) -> int:
    async with chain.adapter:
        outcome = await _answer(chain, context, sink, shared)
        advice = await _nearest_models(chain, outcome)
    sink.end(outcome)
    for line in (*shortcomings(outcome.answer, outcome.error), *advice, *_remarks(outcome, chain, options, shared)):
        sink.notice(line)
    return outcome.exit_code


async def _answer(chain: OpenChain, context: ChatContext, sink: Sink, shared: SharedOptions) -> Outcome:
    """Drive one turn and say how it ended; what was shown before a failure stays, but it is no answer."""
    builder = AnswerBuilder()

    def on_event(event: Event) -> None:
        sink.event(event)
        if not shared.quiet:
            for line in notices(event, verbose=bool(shared.verbose)):
                sink.notice(line)

    stream = chain.adapter.chat(
        chat_ctx=context,
        total_timeout=TOTAL_TIMEOUT,
        max_wait=PATIENCE if shared.wait is None else shared.wait,
        on_event=on_event,
    )
    try:
        async with stream:
            async for chunk in stream:
                builder.add(chunk)
                sink.chunk(chunk)
    except APIError as error:
        shown = bool(builder.text.strip())
        return Outcome(builder.build(stream), error, ExitCode.INCOMPLETE if shown else exit_code_of(error))
    except BaseException as error:
        sink.end(Outcome(builder.build(stream), error, exit_code_of(error)))
        raise
    answer = builder.build(stream)
    return Outcome(answer, None, exit_code_of_answer(answer))


async def _nearest_models(chain: OpenChain, outcome: Outcome) -> list[str]:
    """Where nobody answered and a provider does not know its model, look up what it has that is spelled alike."""
    attempts = outcome.answer.attempts if outcome.answer is not None and outcome.error is not None else ()
    if not any(one.error is not None and one.error.kind is ErrorKind.MODEL_NOT_FOUND for one in attempts):
        return []
    from fallback_chat.cli.commands.models import nearest_models

    return await nearest_models(chain, attempts)


def _remarks(outcome: Outcome, chain: OpenChain, options: AskOptions, shared: SharedOptions) -> Iterator[str]:
    """Give what is worth knowing about an answer, besides its text."""
    answer = outcome.answer
    if answer is None:
        return
    by_whom = attribution(answer, len(chain.adapter.llms)) if outcome.error is None else None
    if by_whom and not shared.quiet:
        yield by_whom
    if options.usage or shared.verbose:
        yield usage_line(answer.usage)
