"""The chat in sentences: who answered, why, the state of the chain, and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.cli.words.budgets import budget_words
from fallback_chat.cli.words.failures import duration, hint, sentence
from fallback_chat.cli.words.health import countdown, reason_word, recorded
from fallback_chat.cli.words.notices import speaker
from fallback_chat.core.attempts import Outcome
from fallback_chat.core.engine.budget import Budget, BudgetReason
from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.events import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.cli.render.message import Content
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.repl.chain import Chain
    from fallback_chat.cli.repl.session import Session, TurnResult
    from fallback_chat.core.attempts import AttemptRecord
    from fallback_chat.core.events import AvailabilityChangedEvent, LinkChanged

_BACK: Final = {"success": "it answered", "probe": "a check succeeded", "user": "by your wish"}


def transition(event: AvailabilityChangedEvent, now: float) -> str:
    """Return a sentence about a change of a provider's availability."""
    name = event.llm.label
    if event.available:
        why = _BACK.get(event.reason or "")
        return f"{name}: available again" + (f" ({why})" if why else "")
    if event.state is State.DISABLED:
        return f"{name}: off"
    words = recorded(event.reason) or "not available"
    wait = f", retry in {duration(event.until - now)}" if event.until is not None and event.until > now else ""
    return f"{name}: {words}{wait}"


def link(event: LinkChanged) -> str:
    """Return a sentence about this machine being offline, or back."""
    return "you seem to be offline" if event.offline else "back online"


def why(result: TurnResult, chain: Chain, now: float) -> Iterator[str]:
    """Yield how a turn was routed, with times, and what would change it."""
    first = result.plan.only or result.plan.start_with
    if result.plan.only:
        yield f"Only {first} was to be asked: {result.plan.why}."
    elif first:
        yield f"The turn began with {first}: {result.plan.why}."
    else:
        yield _order(result, chain)
    for number, attempt in enumerate(result.attempts, 1):
        yield f"  {number}. {_attempt(attempt)}"
    yield _ending(result)
    for name in chain.names:
        health = chain.health(name)
        if health.state in (State.OPEN, State.BLOCKED):
            yield f"{name} {_when(health.left(now))}"
    advice = ((one.provider, hint(one.error)) for one in result.attempts if one.error is not None)
    yield from dict.fromkeys(f"For {name}: {text}." for name, text in advice if text)


def _order(result: TurnResult, chain: Chain) -> str:
    names = [name for name in chain.names if name not in result.plan.without]
    asked = [*dict.fromkeys(one.provider for one in result.attempts if one.outcome is not Outcome.SKIPPED)]
    if asked == [name for name in names if name in asked]:
        return f"The turn went through the chain in order: {' → '.join(names)}."
    return f"The turn went to {' → '.join(asked)}: providers that rest are asked last."


def _when(left: float | None) -> str:
    if left is None:
        return "stays out until something changes (/probe asks it again)."
    if not left:
        return "is due: the next turn may ask it again."
    return f"is asked again in {countdown(left)} (/probe asks it now)."


def _attempt(attempt: AttemptRecord) -> str:
    name = attempt.provider
    match attempt.outcome:
        case Outcome.SKIPPED:
            return f"{name} was skipped: resting, or off"
        case Outcome.CANCELLED:
            return f"{name} was left after {duration(attempt.elapsed)}"
        case Outcome.OK:
            first = f"first words after {duration(attempt.first_token)}, " if attempt.first_token is not None else ""
            return f"{name} answered: {first}done after {duration(attempt.elapsed)}"
        case _:
            what = sentence(name, attempt.error) if attempt.error else f"{name} failed"
            return f"{what} (after {duration(attempt.elapsed)}{_had(attempt)})"


def _had(attempt: AttemptRecord) -> str:
    """Return how long a provider had that was too slow; elsewhere that decided nothing."""
    late = attempt.error is not None and attempt.error.kind is ErrorKind.TIMEOUT
    if not late or attempt.budget is None or attempt.budget_reason is None:
        return ""
    return f"; it had {budget_words(Budget(attempt.budget, BudgetReason(attempt.budget_reason)))} to its first words"


def _ending(result: TurnResult) -> str:
    if result.running:
        who = f"{speaker(result.answer)} is answering" if result.has_text else "Nobody has answered yet"
        return f"{who}, {duration(result.elapsed)} so far."
    if result.stopped:
        return f"You stopped it after {duration(result.elapsed)}."
    if result.error is not None:
        return f"It ended without a whole answer after {duration(result.elapsed)}."
    name = result.answer.provider or "nobody"
    if not result.has_text:
        return f"{name} gave no text ({result.answer.finish_reason}), {duration(result.elapsed)} in all."
    return f"The answer came from {speaker(result.answer)}, {duration(result.elapsed)} in all."


def chain_table(chain: Chain, session: Session, now: float) -> Content:
    """Return the chain as rows: each provider, its state, and its part in the next turn."""
    first = chain.first(session, now)
    entries = []
    for number, (one, entry) in enumerate(zip(chain.providers, chain.entries(session, now), strict=True), 1):
        mark = "alone" if session.pinned == one.name else "first" if number - 1 == first else ""
        state = entry.word, entry.tone
        reason = reason_word(chain.health(one.name), now)
        entries.append((f"{number} {one.name}", one.model, one.kind, state, reason, mark))

    def content(page: Page) -> list[Row]:
        from fallback_chat.cli.render.listing import listed

        return listed(("provider", "model", "kind", "state", "reason", "next turn"), entries, page)

    return content


def chain_sentence(chain: Chain, session: Session, now: float) -> str:
    """Return the chain in a sentence, for users who hear the screen."""
    parts = [f"{entry.name} {entry.word}" for entry in chain.entries(session, now)]
    return f"Chain: {', '.join(parts)}. The next turn begins with {chain.names[chain.first(session, now)]}."
