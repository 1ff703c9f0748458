"""`fallback-chat ask`: one question, one answer; made for pipes."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.input import assemble, has_piped_input, read_image, read_part, read_stdin
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.process.signals import Interrupted
from fallback_chat.cli.sinks.base import Outcome, make_sink
from fallback_chat.cli.turn import Turn
from fallback_chat.cli.words.failures import exit_code_of, exit_code_of_answer
from fallback_chat.cli.words.notices import attribution, calls_only, notices, shortcomings, tell_warnings, usage_line
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text
from fallback_chat.core.engine.settings import OnStreamFailure, Prefer
from fallback_chat.core.errors import ErrorKind, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.cli.sinks.base import Sink
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import LLM
    from fallback_chat.wiring import OpenChain

TOTAL_TIMEOUT = 300.0
"""Seconds for one whole answer."""
PATIENCE = 2.0
"""Seconds that `ask` waits for busy providers without being told to (`--wait`)."""


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
    from fallback_chat.wiring import open_chain

    sink = make_sink(options, shared)
    if (misuse := _misuse(options)) is not None:
        sys.stderr.write(f"usage: {misuse}\n")
        sink.end(Outcome(None, InputError(misuse), ExitCode.USAGE))
        return ExitCode.USAGE
    try:
        settings = _configured(options, shared)
        prompt = _prompt(options)
        chain = open_chain(settings, share_health=not shared.no_shared_health, chaos=shared.chaos, warn=sink.notice)
        sink.redact_with(chain.redactor)
        tell_warnings(settings, sink.notice, quiet=shared.quiet)
        sink, plan = _plan(sink, chain, ChatMessage(Role.USER, prompt), shared)
    except BaseException as error:
        sink.end(Outcome(None, error, exit_code_of(error)))
        raise
    try:
        return run_until_signal(lambda: _ask(chain, plan, sink, options, shared))
    except Interrupted as interrupted:
        # Where the signal came before the answer was asked for, nothing has said so yet.
        sink.end(Outcome(None, interrupted, interrupted.code))
        raise


def _misuse(options: AskOptions) -> str | None:
    """Say what is wrong with the words of the command line, where they can be told apart from bad input."""
    if not (options.words or options.files or options.images or has_piped_input()):
        return 'fallback-chat ask "PROMPT"   (or pipe text into it; --help shows more)'
    if options.jsonl and (options.json or options.output is not None):
        return "--jsonl streams to standard output; it goes with neither --json nor -o"
    return None


class Plan(NamedTuple):
    """What the chain is asked."""

    context: ChatContext
    start_with: LLM | None = None
    """Who answered last, where a conversation stays with that provider."""


def _plan(sink: Sink, chain: OpenChain, question: ChatMessage, shared: SharedOptions) -> tuple[Sink, Plan]:
    """Give what the chain is asked, and where the answer goes: into the conversation as well, where one is gone on with."""
    if not shared.continues:
        return sink, Plan(ChatContext().add_message(question))
    # Without a conversation, `ask` never imports SQLite.
    from fallback_chat.cli.sinks.recording import recorded

    sink, conversation = recorded(sink, question, chain.redactor.redact, shared)
    stays = chain.settings.chain.prefer is Prefer.STICKY and shared.provider is None
    last = conversation.answered_by if stays else None
    start_with = next((llm for llm in chain.adapter.llms if llm.label == last), None)
    return sink, Plan(conversation.context.add_message(question), start_with)


def _prompt(options: AskOptions) -> tuple[Part, ...]:
    """Put the question and its texts into one piece; pictures and documents follow as they are."""
    piped = read_stdin() if has_piped_input() else None
    parts = [(name, read_part(name)) for name in options.files]
    texts = [(name, part.text) for name, part in parts if isinstance(part, Text)]
    others = [part for _, part in parts if not isinstance(part, Text)]
    return (Text(assemble(options.words, piped, texts)), *others, *map(read_image, options.images))


def _configured(options: AskOptions, shared: SharedOptions) -> Settings:
    """Return the settings of this run. Nothing is shown before a buffered answer is whole: one that breaks off starts over."""
    from fallback_chat.wiring import configure

    settings = configure(shared.config, shared.flags(on_stream_failure=options.on_stream_failure))
    buffered = options.json or options.no_stream or options.output is not None
    if not buffered or options.on_stream_failure is not None:
        return settings

    def starts_over(attempt: AttemptSettings) -> AttemptSettings:
        ends = attempt.on_stream_failure in (OnStreamFailure.RAISE, OnStreamFailure.ASK)
        return replace(attempt, on_stream_failure=OnStreamFailure.RESTART) if ends else attempt

    providers = tuple(replace(one, attempt=starts_over(one.attempt)) for one in settings.providers)
    return replace(settings, attempt=starts_over(settings.attempt), providers=providers)


async def _ask(chain: OpenChain, plan: Plan, sink: Sink, options: AskOptions, shared: SharedOptions) -> int:
    async with chain.adapter:
        outcome, unshown = _with_calls(await _answer(chain, plan, sink, shared), options)
        sink.end(outcome)
        advice = await _nearest_models(chain, outcome)
    lacks = [*shortcomings(outcome.answer, outcome.error), *_not_taken_back(outcome, chain, sink)]
    for line in (*lacks, *unshown, *advice, *_remarks(outcome, chain, options, shared)):
        sink.notice(line)
    return outcome.exit_code


def _not_taken_back(outcome: Outcome, chain: OpenChain, sink: Sink) -> list[str]:
    """Say why an answer that broke off was not started over, although the configuration says so."""
    wanted = chain.settings.attempt.on_stream_failure in (OnStreamFailure.RESTART, OnStreamFailure.CONTINUE)
    broke_off = outcome.error is not None and outcome.exit_code is ExitCode.INCOMPLETE
    if not (wanted and broke_off) or sink.can_discard:
        return []
    return ["what was written cannot be taken back: with --buffer the next provider would have started over"]


def _with_calls(outcome: Outcome, options: AskOptions) -> tuple[Outcome, list[str]]:
    """An answer that is nothing but tool calls is one for programs; as text it would be an empty line that looks like success."""
    lines = [] if options.json or options.jsonl or outcome.error is not None else calls_only(outcome.answer)
    if not lines:
        return outcome, []
    return outcome._replace(exit_code=ExitCode.INCOMPLETE), [f"{line}; --json shows it" for line in lines]


async def _answer(chain: OpenChain, plan: Plan, sink: Sink, shared: SharedOptions) -> Outcome:
    """Read the answer and say how it ended; what was shown before a failure stays, but it is no answer."""

    def on_event(event: Event) -> None:
        sink.event(event)
        if not shared.quiet:
            for line in notices(event, verbose=bool(shared.verbose)):
                sink.notice(line)

    stream = chain.adapter.chat(
        chat_ctx=plan.context,
        start_with=plan.start_with,
        total_timeout=TOTAL_TIMEOUT,
        max_wait=PATIENCE if shared.wait is None else shared.wait,
        can_discard=sink.can_discard,
        on_event=on_event,
    )
    turn = Turn(stream, sink.chunk)
    try:
        error = await turn.run()
    except BaseException as error:
        sink.end(Outcome(turn.answer(), error, exit_code_of(error)))
        raise
    answer = turn.answer()
    if error is not None:
        return Outcome(answer, error, ExitCode.INCOMPLETE if turn.text.strip() else exit_code_of(error))
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
