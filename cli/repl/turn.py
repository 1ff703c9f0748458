"""Drives one answer: from the plan of a turn to what came of it, with the user's wish to stop or to go on to the next provider."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, Protocol

from fallback_chat.cli.repl.session import TurnResult
from fallback_chat.cli.words.notices import REDACTED, notices
from fallback_chat.core.answer import AnswerBuilder, parts
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.errors import APIError
from fallback_chat.core.events import AttemptFailed
from fallback_chat.core.llm import ChatChunk
from fallback_chat.core.redaction import RedactingStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.cli.repl.progress import Progress
    from fallback_chat.cli.repl.record import Record
    from fallback_chat.cli.repl.session import Plan
    from fallback_chat.core.engine.stream import FallbackLLMStream
    from fallback_chat.core.events import AttemptRecord, Event
    from fallback_chat.core.llm import LLM, ChatOptions
    from fallback_chat.wiring import OpenChain


class AnswerDisplay(Protocol):
    """Shows one answer while it comes in (`cli/render/live.py`)."""

    def feed(self, text: str) -> None: ...
    def discard(self) -> None: ...
    def note(self, line: str) -> None: ...
    def settle(self) -> None: ...


class Wish(Enum):
    """What the user wants of a running answer."""

    STOP = auto()
    NEXT = auto()


def is_ending() -> bool:
    """Say whether the whole program is to end, and not only what the user has stopped."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class TurnDriver:
    """One turn. `run()` gives its result; `stop()` and `give_up()` may be called meanwhile, from key handlers.

    `max_wait` is how long the last provider left may ask to wait, in seconds.
    """

    def __init__(  # noqa: PLR0913 - the parts of the world are handed in
        self,
        chain: OpenChain,
        plan: Plan,
        display: AnswerDisplay,
        progress: Progress,
        *,
        options: ChatOptions,
        max_wait: float,
        note: Callable[[str], None],
        record: Record,
    ) -> None:
        self._chain = chain
        self._plan = plan
        self._display = display
        self._progress = progress
        self._options = options
        self._max_wait = max_wait
        self._note = note
        self._record = record
        self._by_name = {llm.label: llm for llm in chain.adapter.llms}
        self._without = set(plan.without)
        self._start_with = plan.start_with
        self._wish: Wish | None = None
        self._reading: asyncio.Task[APIError | None] | None = None
        self._attempts: list[AttemptRecord] = []
        self.builder = AnswerBuilder()
        self._redacting = RedactingStream(chain.redactor)
        self._goes_on = chain.settings.attempt.on_stream_failure is OnStreamFailure.CONTINUE
        """A text that breaks off is gone on with by the next provider."""

    def stop(self) -> None:
        """End the answer here; what there is of it is kept."""
        self._interrupt(Wish.STOP)

    def give_up(self) -> bool:
        """Leave the present provider and ask the next one; False when there is none."""
        if not self.others():
            return False
        self._interrupt(Wish.NEXT)
        return True

    def others(self) -> list[LLM]:
        """Give the providers that could take over."""
        if self._plan.only is not None:
            return []
        return [
            llm for name, llm in self._by_name.items() if name not in self._without and name != self._progress.provider
        ]

    def _interrupt(self, wish: Wish) -> None:
        if self._wish is not Wish.STOP and self._reading is not None and not self._reading.done():
            self._wish = wish
            self._reading.cancel()

    async def run(self) -> TurnResult:
        """Ask until there is an answer, nobody is left, or the user has had enough."""
        now = asyncio.get_running_loop().time
        began = now()
        self._record.begin(self._plan.question)
        while True:
            stream = self._open_stream()
            error, wish = await self._read_to_its_end(stream)
            if wish is not Wish.NEXT or not self._move_on():
                break
        self._show(self._redacting.flush())
        if self._redacting.touched:
            self._note(REDACTED)
        answer = replace(self.builder.build(stream), attempts=tuple(self._attempts))
        self._record.finish(answer, asyncio.CancelledError() if wish is Wish.STOP else error)
        return TurnResult(
            self._plan,
            answer,
            answer.attempts,
            error=error,
            stopped=wish is Wish.STOP,
            elapsed=now() - began,
        )

    async def _read_to_its_end(self, stream: FallbackLLMStream) -> tuple[APIError | None, Wish | None]:
        """Read one stream until it ends, fails, or the user wishes otherwise; gives its failure and the wish."""
        self._wish, error = None, None
        self._progress.left = partial(getattr, stream, "gives_up_in")
        self._progress.thought_ago = partial(getattr, stream, "thought_ago")
        self._reading = asyncio.ensure_future(self._read(stream))
        try:
            error = await self._reading
        except asyncio.CancelledError as cancelled:
            if not self._is_wished() or is_ending():
                self._show(self._redacting.flush())
                self._record.finish(self.builder.build(stream), cancelled)
                raise
        finally:
            await stream.aclose()
            self._attempts += stream.attempts
        return error, self._wish

    def _is_wished(self) -> bool:
        return self._wish is not None

    def _move_on(self) -> bool:
        """Leave the provider that was given up out of the rest of the turn."""
        left = self._progress.provider
        following = self.others()
        if left is None or not following:
            return False
        self._without.add(left)
        self._start_with = None
        if self.builder.text:
            self._begin_anew()
        next_one = next((llm for llm in following if self._chain.adapter.health(llm).available), following[0])
        self._note(f"{left}: given up by you; asking {next_one.label}")
        return True

    def _begin_anew(self) -> None:
        """What was shown is void: nothing of two providers is ever glued together."""
        self._display.discard()
        self._record.chunk(ChatChunk(restarted=True))
        self.builder = AnswerBuilder()
        self._redacting.begin_anew()

    def _open_stream(self) -> FallbackLLMStream:
        plan = self._plan
        return self._chain.adapter.chat(
            chat_ctx=plan.context,
            options=self._options,
            start_with=self._named(self._start_with),
            insist=plan.insist and self._start_with is not None,
            only=self._named(plan.only),
            without=[self._by_name[name] for name in self._without if name in self._by_name],
            max_wait=self._max_wait,
            on_event=self._event,
        )

    def _named(self, name: str | None) -> LLM | None:
        return self._by_name.get(name) if name is not None else None

    async def _read(self, stream: FallbackLLMStream) -> APIError | None:
        try:
            async for chunk in stream:
                for part in parts(chunk):
                    self._chunk(part)
                    if part is not chunk:
                        await asyncio.sleep(0)  # keys are seen to here
        except APIError as error:
            return error
        return None

    def _chunk(self, chunk: ChatChunk) -> None:
        if chunk.restarted:
            self._display.discard()
            self._redacting.begin_anew()
        self.builder.add(chunk)
        self._progress.chunk(chunk)
        self._record.chunk(chunk)
        delta = chunk.delta
        if delta is not None and (text := delta.content or delta.refusal):
            self._show(self._redacting.feed(text))

    def _show(self, text: str) -> None:
        if text:
            self._display.feed(text)

    def _event(self, event: Event) -> None:
        self._progress.event(event)
        self._progress.can_switch = bool(self.others())
        if isinstance(event, AttemptFailed) and event.after_content and not self._goes_on:
            self._show(self._redacting.flush())
            self._display.settle()
        for line in notices(event):
            self._note(line)
