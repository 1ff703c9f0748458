"""The lines on stderr that report the chain's progress while an answer is awaited."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.words.amounts import counted
from fallback_chat.cli.words.failures import duration, explain, in_brackets, sentence
from fallback_chat.cli.words.health import countdown, short
from fallback_chat.core.attempts import AllProvidersFailed, Outcome
from fallback_chat.core.blanks import count_of_words
from fallback_chat.core.errors import APIError, ErrorKind, NoConsentError
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
from fallback_chat.core.redaction import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fallback_chat.cli.words.failures import WaitLimit
    from fallback_chat.core.answer import Answer
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import CompletionUsage

CUT_SHORT: Final = {
    FinishReason.LENGTH: "reached the output limit (raise max_tokens, or ask for less)",
    FinishReason.CONTEXT_EXCEEDED: "filled the context window",
    FinishReason.PAUSE: "paused",
}
"""Reasons for a short answer, following the provider's name."""
BREAKS: Final = {
    ErrorKind.TRUNCATED: "'s stream ended early",
    ErrorKind.STREAM_ERROR: "'s stream broke off",
    ErrorKind.STALLED: " stalled",
}
"""Failures in the middle of an answer, following the provider's name."""
LONG_WAIT: Final = 60.0
"""Seconds; longer waits also name the time of day at which they end."""
SHOWN_WORDS: Final = 300
"""Characters of a provider's own words."""
REDACTED: Final = "the answer contained a secret of your configuration, replaced by [redacted]"


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
            at = f", at {time.strftime('%H:%M:%S', time.localtime(until))}" if seconds >= LONG_WAIT else ""
            why = "" if error is None else f" ({_in_short(error)})"
            yield f"no provider available · {llm.label} in {countdown(seconds)}{at}{why}"
        case AttemptLate(llm, following, elapsed):
            yield f"{llm.label}: nothing for {duration(elapsed)}; {following.label} is asked as well"
        case AttemptSkipped(llm, error):
            wait = f", retry in {duration(error.retry_after)}" if error.retry_after else ""
            told = isinstance(error, NoConsentError) or error.kind is ErrorKind.CONTEXT_EXCEEDED
            why = error.message if told else _in_short(error)
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


def _in_short(error: APIError) -> str:
    return error.words.removeprefix("is ") if error.words else short(error)


def attribution(answer: Answer, chain: Sequence[str]) -> str | None:
    """Return who answered, unless the one asked first did, with the requested model.

    `chain` has the names of the providers in order.
    """
    if answer.provider is None or not answer.attempts:
        return None
    first = answer.attempts[0].provider == answer.provider
    if first and answer.asked_model is None:
        return None
    begun = "".join(f"begun by {part.provider}/{part.model}, " for part in answer.segments[:1])
    place = "" if first else f" ({ordinal(chain.index(answer.provider) + 1)} of {len(chain)})"
    return f"{begun}{'finished' if begun else 'answered'} by {speaker(answer)}{place}"


def speaker(answer: Answer) -> str:
    """Return the provider and the model that answered, and the requested model if different."""
    instead = f" instead of {answer.asked_model}" if answer.asked_model else ""
    return f"{answer.provider}/{answer.model}{instead}"


def shortcomings(answer: Answer | None, error: BaseException | None, limit: WaitLimit | None = None) -> list[str]:
    """Return what is missing in an answer, and why; empty if it is whole."""
    if error is not None and answer is not None and answer.text.strip():
        return [f"incomplete: {_why_broken_off(answer, error)}"]
    if error is not None:
        return list(explain(error, limit))
    if answer is None or answer.complete:
        return []
    who = answer.provider or "the provider"
    if answer.refused:
        return [f"{who} refused to answer ({answer.finish_reason}{_in_its_words(answer)})"]
    return [f"incomplete: {who} {_why_cut(answer)}{_in_its_words(answer)}"]


def _why_broken_off(answer: Answer, error: BaseException) -> str:
    """Return what happened to the provider of the text; others may have failed since."""
    provider = answer.provider or "the provider"
    own = [one.error for one in answer.attempts if one.provider == provider and one.outcome is Outcome.PARTIAL]
    cause = own[-1] if own else error.__cause__ if isinstance(error, AllProvidersFailed) else error
    if not isinstance(cause, APIError):
        return str(cause)
    broken = BREAKS.get(cause.kind)
    if broken is None or cause.words is not None:
        return sentence(provider, cause)
    return f"{provider}{broken}, {after_words(answer.text)}{in_brackets(cause)}"


def after_words(text: str) -> str:
    """Return how far an answer came."""
    return f"after {counted(count_of_words(text), 'word')}"


def calls_only(answer: Answer | None) -> list[str]:
    """Return that an answer is only tool calls, which nobody runs here.

    As text it would look like an empty success.
    """
    if answer is None or answer.text.strip() or not answer.tool_calls:
        return []
    names = ", ".join(dict.fromkeys(call.name for call in answer.tool_calls))
    if len(names) > SHOWN_WORDS:
        names = counted(len(answer.tool_calls), "call")
    who = answer.provider or "the provider"
    return [f"{who} answered with a tool call only ({names}), which is not run"]


def _in_its_words(answer: Answer) -> str:
    """Return what the provider says about the end, cut to one line.

    It is cut between two words: half of a secret would not be recognised as one.
    """
    words = " ".join((answer.finish_words or "").split())
    if len(words) > SHOWN_WORDS:
        words = f"{words[:SHOWN_WORDS].rpartition(' ')[0]} …"
    return f": {words}" if words else ""


def _why_cut(answer: Answer) -> str:
    if answer.finish_reason is None:
        return "did not mark the end of the answer"
    word = answer.finish_raw or answer.finish_reason.value
    return CUT_SHORT.get(answer.finish_reason, f"ended with {quoted(word)}, which does not prove the answer complete")


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
    last = 0 if number // 10 % 10 == 1 else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"
