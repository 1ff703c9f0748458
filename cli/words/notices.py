"""The lines on stderr that report the chain's progress while an answer is awaited."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.words.failures import duration, explain, sentence
from fallback_chat.core.attempts import AllProvidersFailed, Outcome
from fallback_chat.core.engine.policy import rule
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.events import (
    AttemptFailed,
    AttemptLate,
    AttemptSkipped,
    AttemptStarted,
    LinkChanged,
    Notice,
    ProviderGivenUp,
    StreamContinued,
    StreamRestarted,
    Waiting,
)
from fallback_chat.core.llm import FinishReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import CompletionUsage

CUT_SHORT: Final = {
    FinishReason.LENGTH: "the output limit is reached (raise max_tokens, or ask for less)",
    FinishReason.CONTEXT_EXCEEDED: "the context window is full",
    FinishReason.PAUSE: "the provider paused",
}

LONG_WAIT: Final = 60.0
"""Seconds; longer waits also name the time of day at which they end."""
SHOWN_WORDS: Final = 300
"""Characters of a provider's own words."""
REDACTED: Final = "the answer held a secret of your configuration; [redacted] stands in its place"


def tell_warnings(settings: Settings, tell: Callable[[str], object], *, quiet: bool) -> None:
    """Report the warnings about the configuration, unless the user wants no notices."""
    for warning in () if quiet else settings.warnings:
        tell(str(warning))


def notices(event: Event, *, verbose: bool = False) -> Iterator[str]:  # noqa: C901, PLR0912 - one row per event
    """Yield the lines for one event of the engine: what failed, why, and who is asked now."""
    match event:
        case AttemptStarted(llm, number) if verbose:
            yield f"request {number} goes to {llm.label} ({llm.kind}, {llm.model})"
        case AttemptFailed(llm, error, _, following, retry_in, overtaken=overtaken):
            if following is None or overtaken:
                return  # the summary, or `AttemptLate`, has reported it
            what = f"asking {following.label}"
            if following is llm:
                what = f"asking it again in {duration(retry_in)}" if retry_in else "asking it again"
            yield f"{sentence(llm.label, error)}; {what}"
        case ProviderGivenUp(llm, following):
            yield f"{llm.label}: given up by you; asking {following.label}"
        case Waiting(seconds, until, llm, error):
            why = f" {error.words or rule(error.kind).words}," if error is not None else " is"
            at = f" (at {time.strftime('%H:%M:%S', time.localtime(until))})" if seconds >= LONG_WAIT else ""
            yield f"no provider available; {llm.label}{why} asked again in {duration(seconds)}{at}"
        case AttemptLate(llm, following, elapsed):
            yield f"{llm.label}: nothing for {duration(elapsed)}; {following.label} is asked as well"
        case AttemptSkipped(llm, error):
            wait = f", retry in {duration(error.retry_after)}" if error.retry_after else ""
            why = error.message if error.kind is ErrorKind.CONTEXT_EXCEEDED else f"it {rule(error.kind).words}"
            yield f"{llm.label} skipped: {why}{wait}"
        case LinkChanged(offline=True, next=following) if following is not None:
            yield f"you seem to be offline; asking {following.label}, which is on this machine"
        case LinkChanged(offline=False):
            yield "back online"
        case Notice(llm, text):
            yield f"{llm.label} {text}"
        case StreamRestarted(from_llm, to_llm):
            yield f"the text of {from_llm.label} is discarded; {to_llm.label} starts over"
        case StreamContinued(_, to_llm):
            yield f"⋯ {to_llm.label} continues"
        case _:
            return


def attribution(answer: Answer, chain: int) -> str | None:
    """Return who answered, unless the first of `chain` providers did with the requested model."""
    asked = list(dict.fromkeys(record.provider for record in answer.attempts))
    if answer.provider is None or not asked:
        return None
    first = asked[0] == answer.provider
    if first and answer.asked_model is None:
        return None
    begun = "".join(f"begun by {part.provider}/{part.model}, " for part in answer.segments[:1])
    place = "" if first else f" ({ordinal(len(asked))} of {chain})"
    return f"{begun}{'finished' if begun else 'answered'} by {speaker(answer)}{place}"


def speaker(answer: Answer) -> str:
    """Return the provider and the model that answered, and the requested model if different."""
    instead = f" instead of {answer.asked_model}" if answer.asked_model else ""
    return f"{answer.provider}/{answer.model}{instead}"


def shortcomings(answer: Answer | None, error: BaseException | None) -> list[str]:
    """Return what is missing in an answer, and why; empty if it is whole."""
    if error is not None and answer is not None and answer.text.strip():
        return [f"the answer is incomplete: {_why_broken_off(answer, error)}"]
    if error is not None:
        return list(explain(error))
    if answer is None or answer.complete:
        return []
    who = answer.provider or "the provider"
    if answer.refused:
        return [f"{who} refused to answer ({answer.finish_reason}{_in_its_words(answer)})"]
    return [f"the answer is incomplete: {_why_cut(answer, who)}{_in_its_words(answer)}"]


def _why_broken_off(answer: Answer, error: BaseException) -> str:
    """Return what happened to the provider of the text; others may have failed since."""
    provider = answer.provider or "the provider"
    own = [one.error for one in answer.attempts if one.provider == provider and one.outcome is Outcome.PARTIAL]
    cause = own[-1] if own else error.__cause__ if isinstance(error, AllProvidersFailed) else error
    return sentence(provider, cause) if isinstance(cause, APIError) else str(cause)


def calls_only(answer: Answer | None) -> list[str]:
    """Return that an answer is only tool calls, which nobody runs here.

    As text it would look like an empty success.
    """
    if answer is None or answer.text.strip() or not answer.tool_calls:
        return []
    names = ", ".join(dict.fromkeys(call.name for call in answer.tool_calls))
    who = answer.provider or "the provider"
    return [f"{who} answered with a tool call only ({names}), which is not run"]


def _in_its_words(answer: Answer) -> str:
    """Return what the provider says about the end, cut to one line."""
    words = " ".join((answer.finish_words or "").split())
    return f": {words[:SHOWN_WORDS]}" if words else ""


def _why_cut(answer: Answer, who: str) -> str:
    if answer.finish_reason is None:
        return "the provider did not say that it ended"
    unknown = f"{who} ended it with {answer.finish_raw or answer.finish_reason.value!r}, which does not prove it whole"
    return CUT_SHORT.get(answer.finish_reason, unknown)


def usage_line(usage: CompletionUsage | None) -> str:
    """Return what an answer cost in tokens."""
    if usage is None:
        return "tokens: the provider did not say"
    parts = {
        "in": usage.input,
        "out": usage.output,
        "cached": usage.cached,
        "reasoning": usage.reasoning,
    }
    counts = ", ".join(f"{count} {name}" for name, count in parts.items() if count is not None)
    return f"tokens: {counts}" + ("" if usage.cost is None else f"; cost ${usage.cost:.6g}")


def ordinal(number: int) -> str:
    """Return a place in the chain: `1st`, `2nd`."""
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number if number < 20 else number % 10, 'th') }"
