"""An ordered chain of LLMs that is itself an LLM, after LiveKit's `llm.FallbackAdapter`.

`chat()` asks the first available provider and, if it fails, the next one. It deliberately differs
from its model: the prompt is never sent to a failed provider again just to see whether it
recovered, time-outs count content instead of bytes, and a stream that ends without an answer is a
failure.
"""

from __future__ import annotations

import asyncio
import random as random_module
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from fallback_chat.core.checks import check_callable, check_seconds, check_type, several
from fallback_chat.core.emitter import EventEmitter, check_handler, deliver
from fallback_chat.core.engine.budget import Budget, first_content_budget, size_class
from fallback_chat.core.engine.composite import Composite
from fallback_chat.core.engine.health import HealthBoard, HealthStore, MemoryHealthStore
from fallback_chat.core.engine.hedging import Hedging
from fallback_chat.core.engine.link import Link, is_local
from fallback_chat.core.engine.members import members
from fallback_chat.core.engine.question import Question
from fallback_chat.core.engine.recovery import Watch, World
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, OnStreamFailure, Prefer
from fallback_chat.core.engine.stream import FallbackLLMStream
from fallback_chat.core.engine.turn import Services, TurnOptions
from fallback_chat.core.engine.wellformed import thinks_silently
from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.events import AvailabilityChangedEvent, Event, Switch
from fallback_chat.core.llm import LLM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from fallback_chat.core.chat_context import ChatContext, Tool
    from fallback_chat.core.engine.breaker import Health, Permit
    from fallback_chat.core.engine.news import Change
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.errors import APIError
    from fallback_chat.core.llm import ChatOptions

IN_USE: Final = 1800.0
"""Seconds after the last question for which the recovery goes on."""
LIVEKIT_DEFAULTS: Final = AttemptSettings(max_retry_per_llm=1)


class FallbackAdapter(EventEmitter, Composite):
    """Asks the LLMs of a chain in order until one answers.

    `llm` lists the providers, first choice first; the caller closes them unless `close_llms` is
    set. Times are in seconds. `settings` belong to the chain; `attempt_settings` (one for all, or
    one for each) replace the first four keyword arguments, which are LiveKit's. `keys` name the
    health records, one for each provider and the same wherever the account is the same. `store`,
    `clock`, `random` and `sleep` are the outside world: health records, wall-clock time, numbers in
    [0, 1), and waiting.

    Raises ValueError if `llm` is empty, a number is out of range, or a setting is given twice.
    """

    def __init__(  # noqa: PLR0913 - the first five are LiveKit's, the rest is the outside world
        self,
        llm: Sequence[LLM],
        *,
        attempt_timeout: float = 10.0,
        max_retry_per_llm: int = 1,
        retry_interval: float = 5.0,
        retry_on_chunk_sent: bool = False,
        sticky: bool = False,
        settings: ChainSettings | None = None,
        attempt_settings: AttemptSettings | Sequence[AttemptSettings] | None = None,
        close_llms: bool = False,
        keys: Sequence[str] | None = None,
        store: HealthStore | None = None,
        clock: Callable[[], float] = time.time,
        random: Callable[[], float] = random_module.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__()
        for name, flag in (
            ("retry_on_chunk_sent", retry_on_chunk_sent),
            ("sticky", sticky),
            ("close_llms", close_llms),
        ):
            check_type(name, flag, bool)
        for name, function in (("clock", clock), ("random", random), ("sleep", sleep)):
            check_callable(name, function)
        check_type("settings", settings, ChainSettings, none=True)
        check_type("store", store, HealthStore, none=True)
        literal = AttemptSettings(
            attempt_timeout=attempt_timeout,
            max_retry_per_llm=max_retry_per_llm,
            retry_interval=retry_interval,
            on_stream_failure=OnStreamFailure.RESTART if retry_on_chunk_sent else OnStreamFailure.RAISE,
        )
        if attempt_settings is not None and literal != LIVEKIT_DEFAULTS:
            raise ValueError("give attempt_settings or the arguments of LiveKit's adapter, not both")
        if settings is not None and sticky:
            raise ValueError("give sticky or settings.prefer, not both")
        self._settings = settings or ChainSettings(prefer=Prefer.STICKY if sticky else Prefer.PRIMARY)
        self._candidates = members(llm, literal if attempt_settings is None else attempt_settings, keys)
        self._by_key = {candidate.key: candidate for candidate in self._candidates}
        self._hedging = Hedging(self._settings.hedge_after)
        self._to_close = {id(one.llm): one.llm for one in self._candidates} if close_llms else {}
        self._closed = False
        self._streams: WeakSet[FallbackLLMStream] = WeakSet()
        self._random = random
        self._sleep = sleep
        self._answered_last: Candidate | None = None
        self._now = clock
        self._used_at = 0.0
        self._link = Link(clock)
        self._watch: asyncio.Task[None] | None = None
        self._board = HealthBoard(
            store or MemoryHealthStore(), clock=clock, random=random, on_change=self._availability_changed
        )

    @property
    def active(self) -> LLM:
        """The provider that the next turn would ask first: an available one, or else the first."""
        candidates = self._candidates_for(None, None, ())
        return next((one.llm for one in candidates if self._board.read(one.key).available), candidates[0].llm)

    @property
    def llms(self) -> tuple[LLM, ...]:
        """The providers, in order."""
        return tuple(candidate.llm for candidate in self._candidates)

    def health(self, llm: LLM) -> Health:
        """Return the health record of a provider. Raises KeyError if it is not in this chain."""
        return self._board.read(self._candidate(llm).key)

    def set_enabled(self, llm: LLM, *, enabled: bool) -> None:
        """Disable or enable a provider in this process.

        Raises KeyError if it is not in this chain.
        """
        check_type("enabled", enabled, bool)
        self._board.set_enabled(self._candidate(llm).key, enabled=enabled)

    def note_check(self, llm: LLM, error: APIError | None) -> None:
        """Record the result of a health check: None, or the failure.

        Raises KeyError if the provider is not in this chain.
        """
        self._board.note_check(self._candidate(llm).key, error)

    def budget(self, llm: LLM, *, tokens: int = 0, options: ChatOptions | None = None) -> Budget:
        """Return the time limit for `llm` to its first content, if asked now, and its reason.

        `tokens` is the estimated size of the conversation.
        """
        candidate = self._candidate(llm)
        half_open = not self._board.read(candidate.key).available
        return self._budget(candidate, half_open=half_open, size=size_class(tokens), options=options)

    async def refresh_health(self) -> None:
        """Load what other processes have learned about the providers, as every turn does."""
        await self._board.refresh()

    @property
    def is_offline(self) -> bool:
        """Whether this machine seems to be offline, by the last requests."""
        return self._link.is_offline

    def start_recovery(self) -> None:
        """Check providers in the background once their rest is over; idempotent.

        The checks end when the chain is closed, and with their event loop.
        """
        if self._closed or (self._watch is not None and not self._watch.done()):
            return
        self._used_at = self._now()
        world = World(self._board, self._link, self.emit, self._is_idle, self._sleep)
        watch = Watch(self._candidates, self._settings.recovery, world)
        self._watch = asyncio.get_running_loop().create_task(watch.run())

    def _is_idle(self) -> bool:
        in_use = 0 <= self._now() - self._used_at < IN_USE
        return in_use and not any(stream.is_under_way for stream in tuple(self._streams))

    def chat(  # noqa: PLR0913 - the first five are those of every LLM
        self,
        *,
        chat_ctx: ChatContext,
        tools: Sequence[Tool] | None = (),
        tool_choice: str | None = None,
        parallel_tool_calls: bool | None = None,
        options: ChatOptions | None = None,
        start_with: LLM | None = None,
        insist: bool = False,
        only: LLM | None = None,
        without: Collection[LLM] = (),
        deadline: float | None = None,
        total_timeout: float | None = None,
        max_wait: float | None = None,
        can_discard: bool = True,
        decide: Callable[[Switch], Awaitable[bool]] | None = None,
        on_event: Callable[[Event], object] | None = None,
        **extra: Any,
    ) -> FallbackLLMStream:
        """Start an answer to `chat_ctx`; nothing is sent before the first chunk is requested.

        `start_with` is asked first in this turn, with `insist` even while it rests; `only` is
        asked alone, and those in `without` not at all. `deadline` limits the time to the first
        content, `total_timeout` the whole answer and `max_wait` all pauses of the turn together, in
        seconds; None takes the chain's `deadline` and `max_wait`. `decide` is awaited before the
        turn switches to a provider whose `switch` is `ask`; without it the answer is no. `on_event`
        receives the events of this turn. Raises TypeError, naming the argument, for a value of the
        wrong type.
        """
        if self._closed:
            raise RuntimeError("this chain is closed")
        question = Question.checked(
            chat_ctx,
            can_discard=can_discard,
            tools=tools,
            tool_choice=tool_choice,
            parallel_tool_calls=parallel_tool_calls,
            options=options,
            extra=extra,
        )
        check_type("insist", insist, bool)
        if decide is not None:
            check_callable("decide", decide)
        if on_event is not None:
            check_handler("on_event", on_event)
        check_seconds("deadline", deadline, none=True)
        check_seconds("total_timeout", total_timeout, none=True)
        check_seconds("max_wait", max_wait, zero=True, none=True)
        turn = TurnOptions(
            candidates=self._candidates_for(start_with, only, without),
            tokens=chat_ctx.estimated_tokens,
            insist=insist and start_with is not None,
            deadline=self._settings.deadline if deadline is None else deadline,
            total_timeout=total_timeout,
            max_wait=self._settings.max_wait if max_wait is None else max_wait,
            can_discard=can_discard,
            decide=decide,
        )
        self._used_at = self._now()
        self._hedging.begin_turn()
        stream = FallbackLLMStream(turn, self._services(turn, options, on_event), question.put_to)
        self._streams.add(stream)
        return stream

    def _services(
        self, turn: TurnOptions, options: ChatOptions | None, on_event: Callable[[Event], object] | None
    ) -> Services:
        size = size_class(turn.tokens)

        def emit(event: Event) -> None:
            if on_event is not None:
                deliver(on_event, event)
            self.emit(event)

        def budget(candidate: Candidate, permit: Permit) -> Budget:
            # A provider that is insisted on has its time in full.
            half_open = permit.half_open and not (turn.insist and candidate is turn.candidates[0])
            return self._budget(candidate, half_open=half_open, size=size, options=options)

        return Services(
            board=self._board,
            link=self._link,
            emit=emit,
            budget=budget,
            hedge=lambda candidate, budget: self._hedging.hedge(budget, self._board.samples(candidate.key, size)),
            note_hedge=self._hedging.note_hedge,
            note_first_content=lambda candidate, seconds: self._board.note_sample(candidate.key, size, seconds),
            note_answer=self._note_answer,
            random=self._random,
            sleep=self._sleep,
        )

    async def aclose(self) -> None:
        """End the answers still being read, and close the LLMs if they are ours; idempotent."""
        self._closed = True
        if self._watch is not None and not self._watch.done():
            self._watch.cancel()
            await asyncio.wait([self._watch])
        async with AsyncExitStack() as stack:  # closes the others even if one of them fails
            while self._to_close:
                stack.push_async_callback(self._to_close.popitem()[1].aclose)
            stack.push_async_callback(self._board.aclose)
            for stream in tuple(self._streams):
                stack.push_async_callback(stream.aclose)

    def _candidate(self, llm: LLM, field: str = "llm") -> Candidate:
        """Return the candidate of `llm`.

        Raises TypeError for anything but an LLM, KeyError for one that is not in this chain.
        """
        check_type(field, llm, LLM)
        for candidate in self._candidates:
            if candidate.llm is llm:
                return candidate
        raise KeyError(f"{field}: {llm.label!r} is not in this chain")

    def _candidates_for(self, start_with: LLM | None, only: LLM | None, without: Collection[LLM]) -> list[Candidate]:
        """Return the candidates of a turn in the order to ask them."""
        if only is not None:
            return [self._candidate(only, "only")]
        left_out = {self._candidate(one, "without").key for one in several("without", without, LLM)}  # type: ignore[type-abstract] # nothing is made of it
        candidates = [one for one in self._candidates if one.key not in left_out]
        first = self._answered_last if start_with is None else self._candidate(start_with, "start_with")
        if start_with is None and self._link.is_freshly_offline:
            return sorted(candidates, key=lambda one: not is_local(one.llm))
        if first is None or (start_with is None and first.key in left_out):
            return candidates
        return [first, *(candidate for candidate in candidates if candidate is not first)]

    def _note_answer(self, candidate: Candidate) -> None:
        if self._settings.prefer is Prefer.STICKY:
            self._answered_last = candidate

    def _budget(self, candidate: Candidate, *, half_open: bool, size: int, options: ChatOptions | None) -> Budget:
        return first_content_budget(
            candidate.settings,
            thinks=thinks_silently(candidate.llm, options),
            trial=half_open,
            timed_out=self._board.read(candidate.key).reason == ErrorKind.TIMEOUT,
            samples=self._board.samples(candidate.key, size),
        )

    def _availability_changed(self, change: Change) -> None:
        health = change.health
        self.emit(
            AvailabilityChangedEvent(
                self._by_key[change.key].llm,
                health.available,
                health.state,
                change.reason,
                health.until,
                change.cause,
            )
        )
