"""`fallback-chat ask`: one question, one answer; made for pipes."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.commands.opening import opener
from fallback_chat.cli.consent import consent, to_be_told
from fallback_chat.cli.input import prompt_of
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.process.signals import Interrupted
from fallback_chat.cli.question import edited, read_question
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.sinks.base import Ending
from fallback_chat.cli.sinks.choice import Output, make_sink
from fallback_chat.cli.standard_input import is_piped
from fallback_chat.cli.turn import Turn
from fallback_chat.cli.words.failures import WaitLimit, exit_code_of, exit_code_of_answer
from fallback_chat.cli.words.notices import attribution, calls_only, notices, shortcomings, tell_warnings, usage_line
from fallback_chat.configuring import configure
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role
from fallback_chat.core.config.keys import key_variables
from fallback_chat.core.engine.settings import OnStreamFailure, Prefer
from fallback_chat.core.errors import ErrorKind, InputError
from fallback_chat.core.events import AttemptStarted
from fallback_chat.core.llm import ChatOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.cli.question import Question
    from fallback_chat.cli.sinks.base import Sink
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import LLM
    from fallback_chat.wiring import OpenChain

TOTAL_TIMEOUT = 300.0
"""Seconds for one whole answer."""
PATIENCE = 2.0
"""Seconds that `ask` waits for busy providers by default (without `--wait`)."""
SHORTEST = 0.001
"""Seconds of a deadline that reading the question has used up: enough for the chain to report it.
"""


class AskOptions(NamedTuple):
    """The options of `ask` alone."""

    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    reads_stdin: bool = True
    in_editor: bool = False
    output: Output = Output()
    wishes: ChatOptions = ChatOptions()
    usage: bool = False
    record: bool = False
    dry_run: bool = False
    on_stream_failure: str | None = None

    @property
    def misuse(self) -> str | None:
        """The mistake in the command line, as opposed to bad input; None if there is none."""
        reads = self.reads_stdin and is_piped()
        if not (self.words or self.files or self.images or self.in_editor or reads):
            return 'fallback-chat ask "PROMPT"   (or pipe text into it; --help shows more)'
        output = self.output
        if output.jsonl and (output.json or output.file is not None):
            return "--jsonl streams to standard output; it goes with neither --json nor -o"
        if output.extract is not None and (output.json or output.jsonl):
            return "--extract prints text; it goes with neither --json nor --jsonl"
        return None


class ChatRequest(NamedTuple):
    """The request to the chain."""

    context: ChatContext
    start_with: LLM | None = None
    """The provider that answered last, if the conversation stays with it."""
    deadline: float | None = None
    """Seconds left of the chain's time limit to the first words; None without a limit."""


def ask(options: AskOptions, shared: SharedOptions) -> int:
    """Ask the chain once and return the exit code.

    Only the answer goes to standard output.
    """
    sink = make_sink(options.output, restarts=options.on_stream_failure == OnStreamFailure.RESTART)
    if (misuse := options.misuse) is not None:
        say(sys.stderr, f"usage: {misuse}")
        sink.end(Ending(None, InputError(misuse), ExitCode.USAGE))
        return ExitCode.USAGE
    try:
        settings = _configured(options, shared)
        words = options.words
        if options.in_editor:
            words = (edited(prompt_of(words), key_variables(settings)),)
        question = read_question(words, files=options.files, images=options.images, may_read_stdin=options.reads_stdin)
        chain = opener(shared)(settings, warn=sink.notice)
        sink.redact_with(chain.redactor)
        tell_warnings(settings, sink.notice, quiet=shared.quiet)
    except BaseException as error:
        sink.end(Ending(None, error, exit_code_of(error)))
        raise
    try:
        return run_until_signal(lambda: _ask(chain, question, sink, options, shared))
    except Interrupted as interrupted:
        # If the signal came before the request, nothing has reported it yet.
        sink.end(Ending(None, interrupted, interrupted.code))
        raise


def _configured(options: AskOptions, shared: SharedOptions) -> Settings:
    """Return the settings of this run.

    An answer that is only shown once it is complete can start over if it breaks off.
    """
    settings = configure(shared.config, shared.flags(on_stream_failure=options.on_stream_failure))
    if not options.output.is_buffered or options.on_stream_failure is not None:
        return settings

    def starts_over(attempt: AttemptSettings) -> AttemptSettings:
        ends = attempt.on_stream_failure in (OnStreamFailure.RAISE, OnStreamFailure.ASK)
        return replace(attempt, on_stream_failure=OnStreamFailure.RESTART) if ends else attempt

    providers = tuple(replace(one, attempt=starts_over(one.attempt)) for one in settings.providers)
    return replace(settings, attempt=starts_over(settings.attempt), providers=providers)


async def _ask(chain: OpenChain, question: Question, sink: Sink, options: AskOptions, shared: SharedOptions) -> int:
    async with chain.adapter:
        try:
            sink, request = await _request(chain, question, sink, options, shared)
        except BaseException as error:
            sink.end(Ending(None, error, exit_code_of(error)))
            raise
        if options.dry_run:
            from fallback_chat.cli.commands.dry_run import dry_run

            return await dry_run(chain, request.context, sink, os.environ, now=time.time(), as_json=options.output.json)
        ending, unshown = _unshown(await _answer(chain, request, sink, options, shared), options.output)
        sink.end(ending)
        advice = await _nearest_models(chain, ending)
    limit = WaitLimit(_patience(shared), chosen=shared.wait is not None)
    lacks = [*shortcomings(ending.answer, ending.error, limit), *_not_taken_back(ending, chain, sink)]
    for line in (*lacks, *unshown, *advice, *_remarks(ending, chain, options, shared)):
        sink.notice(line)
    return ending.exit_code


async def _request(
    chain: OpenChain, question: Question, sink: Sink, options: AskOptions, shared: SharedOptions
) -> tuple[Sink, ChatRequest]:
    """Return the request, and the sink of the answer: a conversation as well, if one is kept."""
    now = asyncio.get_running_loop().time
    began, deadline = now(), chain.settings.chain.deadline
    tell = _ignore if shared.quiet else sink.notice
    message = ChatMessage(Role.USER, await question.parts(tell, deadline=deadline))
    left = None if deadline is None else max(deadline - (now() - began), SHORTEST)
    kept = not shared.no_log and _is_kept(options, chain.settings)
    if options.dry_run or not (shared.continues or kept):
        return sink, ChatRequest(ChatContext().add_message(message), deadline=left)
    # Without a conversation, `ask` never imports SQLite.
    from fallback_chat.cli.sinks.recording import recorded

    sink, conversation = recorded(sink, message, chain.redactor, shared)
    stays = chain.settings.chain.prefer is Prefer.STICKY and shared.provider is None
    last = conversation.answered_by if stays and conversation is not None else None
    start_with = next((llm for llm in chain.adapter.llms if llm.label == last), None)
    before = ChatContext() if conversation is None else conversation.context
    return sink, ChatRequest(before.add_message(message), start_with, left)


def _is_kept(options: AskOptions, settings: Settings) -> bool:
    """Whether to keep the conversation by default: if a person asks, who may want to continue."""
    return options.record or settings.chat.record_ask or (sys.stdout.isatty() and sys.stderr.isatty())


def _ignore(_: str) -> None:
    pass


def _not_taken_back(ending: Ending, chain: OpenChain, sink: Sink) -> list[str]:
    """Return why a broken answer was not started over, although the configuration asks for it."""
    wanted = chain.settings.attempt.on_stream_failure in (OnStreamFailure.RESTART, OnStreamFailure.CONTINUE)
    broke_off = ending.error is not None and ending.exit_code is ExitCode.INCOMPLETE
    if not (wanted and broke_off) or sink.can_discard:
        return []
    return ["written text cannot be taken back: with --buffer the next provider would have started over"]


def _unshown(ending: Ending, output: Output) -> tuple[Ending, list[str]]:
    """Return the ending of an answer without presentable text, and the reason.

    Without a reason it would look like success.
    """
    answer = ending.answer
    if output.json or output.jsonl or ending.error is not None or answer is None:
        return ending, []
    lines = [f"{line}; --json shows it" for line in calls_only(answer)]
    if output.extract is not None and not lines:
        from fallback_chat.cli.sinks.extract import extracted

        if not extracted(answer.text, output.extract):
            lines = ["the answer has no code block" + ("" if output.extract == "all" else f" {output.extract}")]
    return (ending._replace(exit_code=ExitCode.INCOMPLETE) if lines else ending), lines


def _patience(shared: SharedOptions) -> float:
    """Return the seconds that this run may wait for busy providers."""
    return PATIENCE if shared.wait is None else shared.wait


async def _answer(
    chain: OpenChain, request: ChatRequest, sink: Sink, options: AskOptions, shared: SharedOptions
) -> Ending:
    """Read the answer and return how it ended; text shown before a failure stays."""
    told_always = to_be_told(chain.settings)

    def tell(event: Event) -> None:
        sink.event(event)
        if isinstance(event, AttemptStarted) and event.llm.label in told_always and shared.quiet:
            sink.notice(f"{event.llm.label} is asked instead of {chain.adapter.llms[0].label}")
        if not shared.quiet:
            for line in notices(event, verbose=bool(shared.verbose)):
                sink.notice(line)

    chat = partial(
        chain.adapter.chat,
        chat_ctx=request.context,
        options=options.wishes,
        start_with=request.start_with,
        deadline=request.deadline,
        total_timeout=TOTAL_TIMEOUT,
        max_wait=_patience(shared),
        can_discard=sink.can_discard,
        decide=consent(shared, sink.notice),
    )
    turn = Turn(chat, sink.chunk, tell)
    try:
        error = await turn.run()
    except BaseException as error:
        sink.end(Ending(turn.answer(), error, exit_code_of(error)))
        raise
    answer = turn.answer()
    if error is not None:
        return Ending(answer, error, ExitCode.INCOMPLETE if answer.has_content else exit_code_of(error))
    return Ending(answer, None, exit_code_of_answer(answer))


async def _nearest_models(chain: OpenChain, ending: Ending) -> list[str]:
    """Return similar names from the list of a provider that does not know its model.

    They are only looked up if no provider answered.
    """
    attempts = ending.answer.attempts if ending.answer is not None and ending.error is not None else ()
    if not any(one.error is not None and one.error.kind is ErrorKind.MODEL_NOT_FOUND for one in attempts):
        return []
    from fallback_chat.cli.commands.models import nearest_models

    return await nearest_models(chain, attempts)


def _remarks(ending: Ending, chain: OpenChain, options: AskOptions, shared: SharedOptions) -> Iterator[str]:
    """Yield what is worth knowing about an answer besides its text."""
    answer = ending.answer
    if answer is None:
        return
    by_whom = attribution(answer, [llm.label for llm in chain.adapter.llms]) if ending.error is None else None
    if by_whom and not shared.quiet:
        yield by_whom
    if options.usage or shared.verbose:
        yield usage_line(answer.usage)
