"""One turn of the chat: its stream is shown, followed by the status row, and recorded."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from fallback_chat.cli.repl.messages import Message, TurnMessages
from fallback_chat.cli.repl.session import TurnResult
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.turn import Turn
from fallback_chat.cli.words.notices import REDACTED
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.events import AttemptFailed, ProviderGivenUp
from fallback_chat.core.redaction import RedactingStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    from fallback_chat.cli.repl.progress import Progress
    from fallback_chat.cli.repl.record import Record
    from fallback_chat.cli.repl.session import Plan
    from fallback_chat.core.engine.stream import FallbackLLMStream
    from fallback_chat.core.events import Event, Switch
    from fallback_chat.core.llm import LLM, ChatChunk, ChatOptions
    from fallback_chat.wiring import OpenChain


class AnswerDisplay(Protocol):
    """Shows one answer as it arrives (`cli/render/live.py`)."""

    def feed(self, text: str) -> None: ...
    def discard(self, successor: str = "") -> None: ...
    def settle(self) -> None: ...


class ChatTurn:
    """One turn; `run()` returns its result.

    `stop()` and `give_up()` may be called meanwhile, from key handlers. `max_wait` is how long the
    turn may pause if no provider can answer, in seconds; `begins` is called with the reasoning when
    the text begins. Unless the screen `is_apart` already, an empty row precedes the text.
    """

    def __init__(  # noqa: PLR0913 - the outside world is passed in
        self,
        chain: OpenChain,
        plan: Plan,
        display: AnswerDisplay,
        progress: Progress,
        *,
        options: ChatOptions,
        max_wait: float,
        decide: Callable[[Switch], Awaitable[bool]],
        tell: Callable[[Message], None],
        is_plain: bool,
        is_apart: bool = True,
        begins: Callable[[str], object] = id,
        record: Record,
    ) -> None:
        self._chain = chain
        self._plan = plan
        self._display = display
        self._progress = progress
        self._tell = tell
        self._began = asyncio.get_running_loop().time()
        self._teller = TurnMessages(is_plain=is_plain)
        self._told = not is_apart
        """Whether a message is directly above the answer."""
        self._begins = begins
        self._has_begun = False
        self._record = record
        self._redacting = RedactingStream(chain.redactor)
        self._continues = chain.settings.attempt.on_stream_failure is OnStreamFailure.CONTINUE
        before = partial(record.begin, plan.question)
        self._turn = Turn(self._chat(options, max_wait, decide), self._chunk, self._event, before=before)
        self._stream = stream = self._turn.stream
        progress.left = partial(getattr, stream, "gives_up_in")
        progress.thought_ago = partial(getattr, stream, "thought_ago")
        progress.speaker = lambda: stream.llm.label if stream.llm else None
        progress.can_switch = partial(getattr, stream, "can_give_up")
        self.stop = self._turn.stop
        self.give_up = stream.give_up

    @property
    def so_far(self) -> TurnResult:
        """The turn while it is under way."""
        answer = self._turn.answer()
        elapsed = asyncio.get_running_loop().time() - self._began
        return TurnResult(self._plan, answer, answer.attempts, running=True, elapsed=elapsed)

    def steer(self, without: Collection[str], first: str | None) -> None:
        """Skip providers from the next attempt on, and ask one of them next."""
        llms = {llm.label: llm for llm in self._chain.adapter.llms}
        self._stream.steer([llms[name] for name in without], llms.get(first or ""))

    async def run(self) -> TurnResult:
        """Ask until there is an answer, no provider is left, or the user has had enough."""
        try:
            error = await self._turn.run()
        except asyncio.CancelledError as cancelled:
            self._show(self._redacting.flush())
            self._record.finish_at_once(self._turn.answer(), cancelled)
            raise
        self._show(self._redacting.flush())
        self._display.settle()
        if self._redacting.touched:
            self._tell(Message(REDACTED, Tone.DIM))
        answer, stopped = self._turn.answer(), self._turn.stopped
        await self._record.finish(answer, asyncio.CancelledError() if stopped else error)
        return replace(self.so_far, running=False, error=error, stopped=stopped)

    def _chat(
        self, options: ChatOptions, max_wait: float, decide: Callable[[Switch], Awaitable[bool]]
    ) -> Callable[..., FallbackLLMStream]:
        plan, by_name = self._plan, {llm.label: llm for llm in self._chain.adapter.llms}

        def named(name: str | None) -> LLM | None:
            return by_name.get(name) if name is not None else None

        return partial(
            self._chain.adapter.chat,
            chat_ctx=plan.context,
            options=options,
            start_with=named(plan.start_with),
            insist=plan.insist,
            only=named(plan.only),
            without=[by_name[name] for name in plan.without if name in by_name],
            max_wait=max_wait,
            decide=decide,
        )

    def _chunk(self, chunk: ChatChunk) -> None:
        if chunk.restarted:
            self._display.discard(self._progress.speaker() or "")
            self._has_begun = self._told = False
            self._redacting.begin_anew()
        self._progress.chunk(chunk)
        self._record.chunk(chunk)
        delta = chunk.delta
        if delta is not None and (text := delta.content or delta.refusal):
            if not self._has_begun:
                self._has_begun = True
                self._begins(self._turn.answer().reasoning)
                if self._told:
                    self._tell(Message(""))
            self._show(self._redacting.feed(text))

    def _show(self, text: str) -> None:
        if text:
            self._display.feed(text)

    def _event(self, event: Event) -> None:
        self._progress.event(event)
        broke_off = isinstance(event, AttemptFailed) and event.after_content and not self._continues
        if broke_off or isinstance(event, ProviderGivenUp):
            self._show(self._redacting.flush())
            self._display.settle()
        for message in self._teller.messages(event):
            self._told = True
            self._tell(message)
