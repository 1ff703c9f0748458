"""`fallback-chat ask`: one question, one answer; made for pipes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.exit_code import ExitCode
from fallback_chat.cli.failures import exit_code_of, exit_code_of_answer
from fallback_chat.cli.input import assemble, has_piped_input, read_file, read_stdin
from fallback_chat.cli.notices import attribution, notices, shortcomings, usage_line
from fallback_chat.cli.runtime import run_until_signal
from fallback_chat.cli.sinks import Outcome, make_sink
from fallback_chat.core.answer import AnswerBuilder
from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.errors import APIError

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_chat.cli.shared import SharedOptions
    from fallback_chat.cli.sinks import Sink
    from fallback_chat.cli.wiring import OpenChain
    from fallback_chat.core.events import Event
    from fallback_chat.core.fallback_stream import FallbackLLMStream

TOTAL_TIMEOUT = 300.0
"""Seconds for one whole answer."""
PATIENCE = 2.0
"""Seconds that `ask` waits for a rate limit without being told to."""


class AskOptions(NamedTuple):
    """What belongs to `ask` alone."""

    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
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
    except BaseException as error:
        sink.end(Outcome(None, error, exit_code_of(error)))
        raise
    return run_until_signal(lambda: _ask(chain, ChatContext.from_text(prompt), sink, options, shared))


def _prompt(options: AskOptions) -> str:
    piped = read_stdin() if has_piped_input() else None
    return assemble(options.words, piped, [(name, read_file(name)) for name in options.files])


def _stream_policy(options: AskOptions) -> str | None:
    """Nothing is shown before a buffered answer is whole, so one that breaks off can always begin anew."""
    buffered = options.json or options.no_stream or options.output is not None
    return options.on_stream_failure or ("restart" if buffered else None)


async def _ask(chain: OpenChain, context: ChatContext, sink: Sink, options: AskOptions, shared: SharedOptions) -> int:
    builder = AnswerBuilder()

    def on_event(event: Event) -> None:
        sink.event(event)
        if not shared.quiet:
            for line in notices(event, verbose=bool(shared.verbose)):
                sink.notice(line)

    async with chain.adapter:
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
            outcome = _failure(builder, stream, error)
        except BaseException as error:
            sink.end(Outcome(builder.build(stream), error, exit_code_of(error)))
            raise
        else:
            answer = builder.build(stream)
            outcome = Outcome(answer, None, exit_code_of_answer(answer))
    sink.end(outcome)
    _conclude(outcome, chain, sink, options, shared)
    return outcome.exit_code


def _failure(builder: AnswerBuilder, stream: FallbackLLMStream, error: APIError) -> Outcome:
    """What had been shown stays, but it is no answer."""
    shown = bool(builder.text.strip())
    return Outcome(builder.build(stream), error, ExitCode.INCOMPLETE if shown else exit_code_of(error))


def _conclude(outcome: Outcome, chain: OpenChain, sink: Sink, options: AskOptions, shared: SharedOptions) -> None:
    """Tell on stderr what is not in the answer."""
    for line in shortcomings(outcome.answer, outcome.error):
        sink.notice(line)
    if outcome.answer is None:
        return
    by_whom = attribution(outcome.answer, len(chain.adapter.llms)) if outcome.error is None else None
    if by_whom and not shared.quiet:
        sink.notice(by_whom)
    if options.usage or shared.verbose:
        sink.notice(usage_line(outcome.answer.usage))
