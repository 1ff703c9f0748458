"""The state of one conversation, without a terminal: its messages, plans and results.

A turn without an answer leaves no trace in the conversation, and its question comes back as a
draft. An answer that the user stopped, or that broke off, stays and is marked incomplete.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.input import put_together
from fallback_chat.cli.repl.draft import Draft
from fallback_chat.core.attempts import Outcome
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text
from fallback_chat.core.llm import ChatOptions
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.core.answer import Answer
    from fallback_chat.core.attempts import AttemptRecord
    from fallback_chat.core.chat_context import Part
    from fallback_chat.core.config.settings import Prices, ProviderSettings
    from fallback_chat.core.conversations.records import Conversation
    from fallback_chat.core.errors import APIError

CONTINUE: Final = "Go on exactly where your last answer broke off, without repeating any of it."
CHARACTERS_PER_TOKEN: Final = 4
"""A rough figure for the share of the context window until the provider has counted."""
FOREVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file sent with the next question."""

    name: str
    part: Part


@dataclass(frozen=True, slots=True)
class Plan:
    """A turn about to be asked; providers by name."""

    question: ChatMessage
    context: ChatContext
    """The conversation with the question at its end."""
    start_with: str | None = None
    only: str | None = None
    without: frozenset[str] = frozenset()
    insist: bool = False
    """Whether `start_with` is asked even while it rests: the user has named it."""
    why: str = "the first choice of the chain"
    """Why the turn begins with that provider."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The outcome of one turn."""

    plan: Plan
    answer: Answer
    """The answer so far; its text may be empty."""
    attempts: tuple[AttemptRecord, ...]
    error: APIError | None = None
    stopped: bool = False
    """Whether the user stopped it."""
    elapsed: float = 0.0
    """Seconds."""
    running: bool = False
    """Whether the turn is still under way."""

    @property
    def has_text(self) -> bool:
        """Whether any of the answer was shown."""
        return self.answer.has_content

    @property
    def whole(self) -> bool:
        """Whether the answer is complete."""
        return self.error is None and not self.stopped and self.answer.complete


@dataclass(slots=True)
class Tally:
    """One provider's figures in this conversation."""

    answers: int = 0
    failures: int = 0
    first_tokens: list[float] = field(default_factory=list)
    """Seconds."""
    input: int = 0
    """Tokens, like the next two; `cached` is included."""
    output: int = 0
    cached: int = 0
    charged: float | None = None
    """The charge that the provider reports, or None."""


class Session:
    """One conversation. Providers are named, never held; times are wall-clock seconds."""

    def __init__(self, *, system: str = "", sticky: bool = False) -> None:
        self.system = system
        self.sticky = sticky
        """Whether a new turn begins with the provider that answered last."""
        self.options = ChatOptions()
        self.pinned: str | None = None
        self.required: str | None = None
        """The tag of the providers that may be asked; None for all of them."""
        self.skipped: dict[str, float] = {}
        """The time until which each provider is skipped."""
        self.owners: dict[str, str] = {}
        """The provider that each model was last set for."""
        self.doubted: tuple[str, str] | None = None
        """A provider and a model missing in its list, refused once."""
        self.draft = Draft()
        """The next content of the input line."""
        self.new()

    def new(self) -> None:
        """Begin a new conversation; the choice of providers stays."""
        self.context = ChatContext()
        self._counted = self.context, 0
        """A conversation, and the number of characters in it."""
        self.attachments: list[Attachment] = []
        self.use: str | None = None
        """The first provider of the next turn only."""
        self.last: TurnResult | None = None
        self.answered_by: str | None = None
        self.unanswered: ChatMessage | None = None
        """The unanswered question at the end of a resumed conversation."""
        self.tallies: dict[str, Tally] = {}
        self.consents: set[str] = set()
        """The providers that the user lets the conversation switch to."""
        self._drafts: list[tuple[ChatMessage, Draft]] = []
        """The questions of this run as they were written."""

    def resume(self, conversation: Conversation) -> None:
        """Continue a conversation; an unanswered question at its end returns as a draft."""
        self.new()
        self.context = conversation.context
        self.answered_by = conversation.answered_by
        last = conversation.turns[-1] if conversation.turns else None
        if last is not None and last.unreadable is None and not last.answer.has_content:
            self.unanswered = last.question
            self.draft = self.draft_of(last.question)

    @property
    def last_question(self) -> ChatMessage | None:
        """The last question, here or before the conversation was resumed, answered or not."""
        if self.last is not None:
            return self.last.plan.question
        return self.unanswered or (self.questions[-1] if self.questions else None)

    def plan(self, text: str, now: float, draft: Draft | None = None) -> Plan:
        """Return a turn of `text`, written as `draft`, with the attachments.

        All of these are kept until the turn is over.
        """
        texts = [(one.name, one.part.text) for one in self.attachments if isinstance(one.part, Text)]
        others = [one.part for one in self.attachments if not isinstance(one.part, Text)]
        blocks = put_together(text, None, texts).removeprefix(text)
        content: tuple[Part, ...] = (Text(text), *([Text(blocks)] if blocks else []), *others)
        question = ChatMessage(Role.USER, content)
        if draft is not None:
            self._drafts.append((question, draft))
        return self._planned(question, now)

    def draft_of(self, question: ChatMessage) -> Draft:
        """Return a question as it was written; a stored one has no commands or files in it."""
        return next((draft for known, draft in self._drafts if known is question), Draft.pasted(typed(question)))

    def plan_again(self, question: ChatMessage, now: float) -> Plan:
        """Return a turn of an earlier question; what it led to must be undone first."""
        return self._planned(question, now)

    def _planned(self, question: ChatMessage, now: float) -> Plan:
        self.skipped = {name: self.skipped[name] for name in self.skipped_at(now)}
        head = ChatContext().add(Role.SYSTEM, self.system) if self.system else ChatContext()
        context = replace(head, messages=(*head.messages, *self.context.messages, question))
        plan = Plan(question, context, without=frozenset(self.skipped))
        if self.pinned:
            return replace(plan, only=self.pinned, why="it is pinned", without=frozenset())
        if self.use:
            chosen, self.use = self.use, None
            return replace(
                plan, start_with=chosen, insist=True, why="you chose it for this turn", without=plan.without - {chosen}
            )
        if self.sticky and self.answered_by and self.answered_by not in self.skipped:
            return replace(plan, start_with=self.answered_by, why="it answered last (prefer = sticky)")
        return plan

    def leaves_out(self, one: ProviderSettings, now: float) -> bool:
        """Whether the next turn does not ask a provider: skipped, or without the required tag."""
        outside = self.required is not None and self.required not in one.tags
        return outside or self.skipped.get(one.name, 0.0) > now

    def skipped_at(self, now: float) -> list[str]:
        """Return the providers that are skipped at `now`."""
        return [name for name, until in self.skipped.items() if until > now]

    def settle(self, result: TurnResult) -> None:
        """Take over the result of a turn."""
        self.last = result
        self._count(result)
        if not result.has_text:
            self.draft = self.draft_of(result.plan.question)
            return
        self.attachments.clear()
        message = result.answer.message()
        message = replace(message, complete=message.complete and result.whole)
        self.context = self.context.add_message(result.plan.question).add_message(message)
        if result.error is None and result.answer.provider is not None:
            self.answered_by = result.answer.provider

    def _count(self, result: TurnResult) -> None:
        for attempt in result.attempts:
            tally = self.tallies.setdefault(attempt.provider, Tally())
            tally.answers += attempt.outcome is Outcome.OK
            tally.failures += attempt.outcome in (Outcome.FAILED, Outcome.PARTIAL)
            if attempt.first_token is not None:
                tally.first_tokens.append(attempt.first_token)
        if result.answer.usage is not None and result.answer.provider is not None:
            tally = self.tallies.setdefault(result.answer.provider, Tally())
            tally.input += result.answer.usage.input or 0
            tally.output += result.answer.usage.output or 0
            tally.cached += result.answer.usage.cached or 0
            if result.answer.usage.cost is not None:
                tally.charged = (tally.charged or 0.0) + result.answer.usage.cost

    def undo(self) -> ChatMessage | None:
        """Undo the last question and its answer; return the question, or None."""
        messages = list(self.context.messages)
        while messages and messages[-1].role is not Role.USER:
            messages.pop()
        if not messages:
            return None
        question = messages.pop()
        self.context = ChatContext(tuple(messages))
        return question

    @property
    def questions(self) -> tuple[ChatMessage, ...]:
        """The user's questions, in order."""
        return tuple(message for message in self.context.messages if message.role is Role.USER)

    @property
    def answers(self) -> tuple[ChatMessage, ...]:
        """The answers, in order."""
        return tuple(message for message in self.context.messages if message.role is Role.ASSISTANT)

    @property
    def context_tokens(self) -> int:
        """Tokens of the conversation: the provider's count in the last turn, or an estimate."""
        usage = self.last.answer.usage if self.last is not None else None
        is_answered = any(message.role is Role.ASSISTANT for message in self.context.messages)
        if is_answered and usage is not None and usage.input is not None:
            return usage.input + (usage.output or 0)
        if self._counted[0] is not self.context:  # called with every pressed key
            self._counted = self.context, sum(len(message.text) for message in self.context.messages)
        return (len(self.system) + self._counted[1]) // CHARACTERS_PER_TOKEN

    @property
    def tokens(self) -> int:
        """Tokens spent in this conversation, as far as the providers counted them."""
        return sum(tally.input + tally.output for tally in self.tallies.values())

    def skip(self, name: str, until: float = FOREVER) -> None:
        """Skip a provider until then."""
        self.skipped[name] = until

    def cost(self, prices: Mapping[str, Prices]) -> float | None:
        """Return the cost of the answers, by configured or reported prices; None if unknown."""
        priced = [
            _cost(tally, prices[name]) if name in prices else tally.charged for name, tally in self.tallies.items()
        ]
        known = [cost for cost in priced if cost is not None]
        return sum(known) if known else None


def _cost(tally: Tally, price: Prices) -> float:
    cached = price.input if price.cached is None else price.cached
    uncached = tally.input - tally.cached
    return (uncached * price.input + tally.cached * cached + tally.output * price.output) / 1_000_000


def typed(question: ChatMessage) -> str:
    """Return the typed part of a question, without attachments."""
    first = question.content[0] if question.content else None
    return first.text if isinstance(first, Text) else ""
