"""The messages of a turn: each failure once, in one row if there is room for its details.

If nothing may move, the same is said in sentences, as in `ask`: they are heard, or read without the
status row.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.render.cells import cells, shortened
from fallback_chat.cli.render.lines import HANG
from fallback_chat.cli.render.rows import folded
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.words.failures import WaitLimit, duration, explain, hint, retry_in
from fallback_chat.cli.words.health import countdown, short, state_word
from fallback_chat.cli.words.notices import BREAKS, after_words, calls_only, notices, ordinal, shortcomings, speaker
from fallback_chat.core.attempts import AllProvidersFailed, Outcome
from fallback_chat.core.engine.policy import rule
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.events import (
    AttemptFailed,
    AttemptLate,
    AttemptSkipped,
    LinkChanged,
    Notice,
    ProviderGivenUp,
    StreamContinued,
    StreamRestarted,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fallback_chat.cli.render.message import Content
    from fallback_chat.cli.render.page import Page
    from fallback_chat.cli.render.rows import Row
    from fallback_chat.cli.repl.chain import Chain
    from fallback_chat.cli.repl.session import TurnResult
    from fallback_chat.core.events import Event

BELOW: Final = 2
"""Rows below a message: the input line and the status row."""
LEAST: Final = 8
"""Columns of a detail below which it is omitted."""
WAY_ON: Final = "/continue, or /retry next"


class Message(NamedTuple):
    """A message, laid out by `rows` once the page is known."""

    text: str
    tone: Tone = Tone.PLAIN
    sign: str = ""
    """The name of its sign."""
    detail: str = ""
    """Details in brackets: cut, or omitted, if the message would need a second row."""
    rest: str = ""
    next: str = ""
    """The provider asked now."""

    def redacted(self, redact: Callable[[str], str]) -> Message:
        """Return the message without secrets."""
        return self._replace(text=redact(self.text), detail=redact(self.detail), rest=redact(self.rest))

    def rows(self, page: Page) -> Sequence[Row]:
        from fallback_chat.cli.render.message import told

        rest = self.rest + (f" {page.signs['next']} {self.next}" if self.next else "")
        left = page.columns - cells(f"x {self.text} (){rest}" if self.sign else f"{self.text} (){rest}")
        detail = f" ({shortened(self.detail, left)})" if self.detail and left >= min(LEAST, cells(self.detail)) else ""
        hang = 0 if self.sign or self.text.startswith(" ") else HANG
        return told(f"{self.text}{detail}{rest}", self.tone, page.signs.get(self.sign, ""), hang=hang)(page)


def together(parts: Sequence[Message], *, fits: bool) -> Content:
    """Return a message and the advice below it.

    If it `fits`, advice that would push the message off the screen is omitted: `/why` has it.
    """

    def rows(page: Page) -> list[Row]:
        first, *advice = [part.rows(page) for part in parts] or [[]]
        below = [row for each in advice for row in each]
        height = sum(len(folded(row, page.columns)) for row in (*first, *below))
        if fits and advice and height > page.rows - BELOW:
            below = []
        return [*first, *below]

    return rows


class TurnMessages:
    """Reports the events of one turn; `is_plain` if nothing on the screen moves."""

    def __init__(self, *, is_plain: bool) -> None:
        self._is_plain = is_plain
        self._failures: Counter[tuple[str, str]] = Counter()
        self._switches: set[tuple[str, str, str]] = set()

    def messages(self, event: Event) -> Iterator[Message]:
        """Yield the messages of an event; repeated ones are counted."""
        if self._is_plain:
            if not isinstance(event, StreamRestarted):  # the display marks void text
                yield from (Message(line, Tone.DIM) for line in notices(event))
            return
        if isinstance(event, AttemptFailed):
            self._failures[event.llm.label, short(event.error)] += 1
            if event.next is not None and event.next is not event.llm and not event.overtaken:
                yield from self._switch(event.llm.label, event.error, event.next.label)
        elif (message := _remark(event)) is not None:
            yield message

    def _switch(self, name: str, error: APIError, following: str) -> Iterator[Message]:
        what = short(error)
        if (name, what, following) in self._switches:
            return
        is_new = all(switch[:2] != (name, what) for switch in self._switches)
        self._switches.add((name, what, following))
        wait = f", retry in {duration(error.retry_after)}" if error.retry_after else ""
        times = _times(self._failures[name, what])
        yield Message(
            f"{name}: {what}{times}",
            sign="switched",
            detail=_detail(error) if is_new else "",
            rest=wait,
            next=following,
        )


def _remark(event: Event) -> Message | None:  # noqa: PLR0911 - one row per event
    """Return the message of an event other than a failure."""
    match event:
        case ProviderGivenUp(llm, following):
            return Message(f"{llm.label}: given up by you", sign="switched", next=following.label)
        case AttemptLate(llm, following, elapsed):
            return Message(
                f"{llm.label}: nothing for {duration(elapsed)}", sign="switched", next=f"{following.label}, too"
            )
        case AttemptSkipped(llm, error) if error.kind is ErrorKind.CONTEXT_EXCEEDED:
            return Message(f"{llm.label}: {short(error)}", Tone.DIM, detail=error.message)
        case LinkChanged(offline=True, next=following) if following is not None:
            near = f"{following.label}, which is on this machine"
            return Message("you seem to be offline", sign="switched", next=near)
        case LinkChanged(offline=False):
            return Message("back online", sign="switched")
        case Notice(llm, text):
            return Message(f"{llm.label} {text}", Tone.DIM)
        case StreamContinued(_, to_llm):
            return Message(f"{to_llm.label} continues", Tone.DIM, "continued")
        case _:
            return None


def ending(result: TurnResult, chain: Chain, now: float, max_wait: float, *, is_plain: bool) -> list[Message]:
    """Return the messages below an answer, or in its place.

    The turn could wait `max_wait` seconds for busy providers.
    """
    answer, error, limit = result.answer, result.error, WaitLimit(max_wait, "/wait")
    if result.stopped:
        return [Message("stopped; what is there is kept" if result.has_text else "stopped", Tone.DIM)]
    lacks = [*shortcomings(answer, error, limit), *calls_only(answer)]
    if result.has_text and lacks:
        return [_incomplete(result, lacks[0], is_plain=is_plain)]
    if isinstance(error, AllProvidersFailed) and not is_plain:
        return list(_nobody(error, chain, now, limit))
    if lacks:
        sign = "" if is_plain else "failed"
        return [Message(line, Tone.BAD, "" if number else sign) for number, line in enumerate(lacks)]
    note = footer(result, chain, now)
    return [Message(note, Tone.DIM)] if note else []


def _incomplete(result: TurnResult, lack: str, *, is_plain: bool) -> Message:
    """Return why an answer is incomplete, and how to get the rest."""
    error = result.error.__cause__ if isinstance(result.error, AllProvidersFailed) else result.error
    rest = f", {after_words(result.answer.text)} — {WAY_ON}"
    sign = "" if is_plain else "incomplete"
    if not isinstance(error, APIError):
        return Message(lack, Tone.WAITING, sign, rest=rest)
    what = BREAKS.get(error.kind, f": {short(error)}")
    return Message(
        f"incomplete: {result.answer.provider or 'the provider'}{what}", Tone.WAITING, sign, _detail(error), rest
    )


def _nobody(error: AllProvidersFailed, chain: Chain, now: float, limit: WaitLimit) -> Iterator[Message]:
    """Yield one row with the state of each provider, and below it what the user can do."""
    latest: dict[str, APIError] = {}
    for one in error.attempts:
        if one.error is not None:
            latest.pop(one.provider, None)
            latest[one.provider] = one.error
    states = [f"{name} {_state(name, failure, error, chain, now)}" for name, failure in latest.items()]
    if not states:
        yield from (Message(line, Tone.BAD, "failed") for line in explain(error))
        return
    wait = f" — {when}" if (when := retry_in(error, limit)) else ""
    over = (
        " — the chain's deadline is over (deadline in fallback.toml, or --deadline)" if error.deadline_exceeded else ""
    )
    last, failure = [*latest.items()][-1]
    alone = _detail(failure) if len(latest) == 1 else ""
    what = "you seem to be offline" if error.headline.startswith("you seem") else "no answer"
    yield Message(f"{what}: {' · '.join(states)}", Tone.BAD, "failed", alone, f"{wait}{over}")
    advice: dict[str, list[str]] = {}
    for name, each in latest.items():
        if text := hint(each):
            advice.setdefault(text, []).append(name)
    for text, names in advice.items():
        detail = _detail(failure) if last in names and not alone else ""
        yield Message(f"  {', '.join(names)}", Tone.DIM, detail=detail, rest=f": {text}")
    if not alone and not hint(failure) and (detail := _detail(failure)):
        yield Message(f"  {last}: {detail}", Tone.DIM)


def _state(name: str, failure: APIError, error: AllProvidersFailed, chain: Chain, now: float) -> str:
    left = chain.health(name).left(now) if rule(failure.kind).waiting_helps else None
    again_in = f" {countdown(left)}" if left else ""
    same = [one for one in error.attempts if one.provider == name and one.error and short(one.error) == short(failure)]
    return f"{short(failure)}{again_in}{_times(sum(one.outcome is not Outcome.SKIPPED for one in same))}"


def footer(result: TurnResult, chain: Chain, now: float) -> str | None:
    """Return who answered, its place in the chain, and why; None for the undisturbed first."""
    answer, names = result.answer, chain.names
    if answer.provider is None or not result.has_text:
        return None
    place = names.index(answer.provider) if answer.provider in names else 0
    failed = {
        one.provider: short(one.error) for one in result.attempts if one.error and one.provider != answer.provider
    }
    if place == 0 and not failed and answer.asked_model is None:
        return None
    left_out = result.plan.without
    states = {name: "skipped" if name in left_out else state_word(chain.health(name), now) for name in names[:place]}
    reasons = [f"{name} {word}" for name, word in states.items() if word != "ok" and name not in failed]
    reasons += [
        f"{name} {state_word(chain.health(name), now) if _rests(chain, name) else word}"
        for name, word in failed.items()
    ]
    began = next((one.provider for one in result.attempts if one.outcome is not Outcome.SKIPPED), "")
    where = [f"{ordinal(place + 1)} of {len(names)}"] if place or failed else []
    why = [result.plan.why] if place and began == answer.provider and not reasons else []
    begun = "".join(f"begun by {part.provider}/{part.model}, finished by " for part in answer.segments[:1])
    return " · ".join([f"{begun}{speaker(answer)}", *where, *reasons, *why])


def _rests(chain: Chain, name: str) -> bool:
    return name in chain.names and not chain.health(name).available


def _detail(error: APIError) -> str:
    """Return the status, where the words do not have it, and what the server says."""
    status = str(error.details.status or "")
    parts = ["" if status in ("200", short(error)) else status, " ".join(error.message.split())]
    return ": ".join(part for part in parts if part)


def _times(count: int) -> str:
    return f" ×{count}" if count > 1 else ""  # noqa: RUF001 - as it is written
