"""The chat: reads messages, runs commands, asks the chain; no failing provider ends it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from fallback_chat.cli.process.border import bug_report
from fallback_chat.cli.repl import explanations, messages
from fallback_chat.cli.repl.attachments import attach, mentions
from fallback_chat.cli.repl.chat_turn import ChatTurn
from fallback_chat.cli.repl.consents import Consents, inside
from fallback_chat.cli.repl.draft import Draft
from fallback_chat.cli.repl.editor import edited
from fallback_chat.cli.repl.messages import Message
from fallback_chat.cli.repl.overview import overview
from fallback_chat.cli.repl.progress import Progress
from fallback_chat.cli.repl.registry import LEAVING_WORDS, split
from fallback_chat.cli.repl.session import CONTINUE, Attachment, typed
from fallback_chat.cli.repl.status import NARROW, Tone, compose
from fallback_chat.cli.turn import is_ending
from fallback_chat.cli.words.amounts import counted
from fallback_chat.cli.words.conversations import resumed
from fallback_chat.core.chat_context import Text
from fallback_chat.core.errors import FallbackChatError, InputError
from fallback_chat.core.events import LinkChanged

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from fallback_chat.cli.repl.chain import Chain
    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.record import Record
    from fallback_chat.cli.repl.registry import Registry
    from fallback_chat.cli.repl.session import Plan, Session, TurnResult
    from fallback_chat.cli.repl.status import Piece
    from fallback_chat.cli.repl.user_interface import UserInterface
    from fallback_chat.core.chat_context import ChatMessage
    from fallback_chat.core.conversations.records import Conversation, StoredTurn
    from fallback_chat.core.events import AvailabilityChangedEvent
    from fallback_chat.wiring import OpenChain

T = TypeVar("T")
LONGEST_WAIT: Final = 30.0
"""Seconds that a turn visibly waits for busy providers, unless --wait says otherwise."""
LONG: Final = 10.0
"""Seconds after which a user may have looked away, and is called back."""


class Repl:
    """One chat at one terminal; `clock` is wall-clock time, `wait` limits waiting, in seconds."""

    def __init__(  # noqa: PLR0913, PLR0917 - the outside world is passed in
        self,
        chain: Chain,
        session: Session,
        ui: UserInterface,
        registry: Registry[Repl],
        keymap: Keymap,
        record: Record,
        *,
        clock: Callable[[], float] = time.time,
        wait: float | None = None,
    ) -> None:
        self.chain = chain
        self.session = session
        self.ui = ui
        self.registry = registry
        self.keymap = keymap
        self.record = record
        self.now = clock
        self.leaving = False
        self.consents = Consents(self.say, session)
        self.told: BaseException | None = None
        """A failure that has just been reported."""
        self.longest_wait = LONGEST_WAIT if wait is None else wait
        self._progress: Progress | None = None
        self._turn: ChatTurn | None = None
        self._running: set[asyncio.Task[None]] = set()
        """Commands that did not wait for their turn."""
        ui.on_tick, ui.status, ui.at_once = record.tick, self.status_row, self.at_once

    async def run(self) -> None:
        """Chat until the user leaves."""
        async with self.ui.open():
            while not self.leaving:
                draft, self.session.draft = self.session.draft, Draft()
                try:
                    draft = await self.ui.read(draft)
                except EOFError:
                    return
                await self.submit(draft)

    async def submit(self, draft: Draft) -> None:
        """Run a command, or ask a question."""
        if draft.strip().mask in LEAVING_WORDS:
            self.leaving = True
        elif command := split(draft):
            await self._command(*command, draft)
        elif draft.question.text.strip():
            await self._question(draft)

    async def _command(self, name: str, argument: str, draft: Draft) -> None:
        command = self.registry.find(name)
        if command is None:
            meant = " or ".join(self.registry.suggest(name))
            self.say(f"there is no command /{name}" + (f"; did you mean {meant}?" if meant else "; /help lists them"))
            return
        if argument and not command.argument:
            self.session.draft = draft
            self.say(f"/{command.name} takes nothing behind it; what you wrote is back in the input line", Tone.BAD)
            return
        try:
            await command.run(self, argument)
        except FallbackChatError as error:
            self.say(f"/{command.name}: {error}", Tone.BAD)
        except OSError as error:
            self.say(f"/{command.name}: {error.filename or 'a file'}: {error.strerror or error}", Tone.BAD)
        except Exception as error:  # noqa: BLE001 - the conversation is worth more than the command
            self.say(f"/{command.name}: {bug_report(error)}", Tone.BAD)

    def at_once(self, draft: Draft) -> Callable[[], object] | None:
        """Return what runs a command that need not wait for an answer; None for anything else."""
        parts = split(draft)
        command = self.registry.find(parts[0]) if parts else None
        if parts is None or command is None or not command.at_once:
            return None

        def run() -> None:
            task = asyncio.ensure_future(self._command(*parts, draft))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

        return run

    async def _question(self, draft: Draft) -> None:
        question = draft.question
        try:
            attached = {one.name for one in self.session.attachments}  # those of a failed question are still there
            named = mentions(question)
            paths = dict.fromkeys(one.path for one in named if one.path is not None and one.path not in attached)
            new = [file for path in paths for file in attach(path)]
            self.session.attachments += new
            for file in new:
                self.say(f"attached {file.name}", Tone.DIM)
            for complaint in (one.complaint for one in named if one.complaint):
                self.say(complaint, Tone.DIM)
            plan = self.session.plan(question.text, self.now(), draft)
        except InputError as error:
            self.say(str(error), Tone.BAD)
            self.session.draft = draft
            return
        await self.ask(plan)

    async def ask(self, plan: Plan) -> None:
        """Ask the chain, and keep what came of it."""
        plan, nobody = inside(plan, self.session.required, self.chain.providers)
        if plan.only is None and plan.start_with is None and plan.without.issuperset(self.chain.names):
            nobody = nobody or "every provider is skipped; /unskip brings them back"
        if nobody:
            self.say(nobody, Tone.BAD)
        chain = None if nobody else await self.opened()
        if chain is None:
            self.session.draft = self.session.draft_of(plan.question)
        else:
            self.session.settle(await self._answer(chain, plan))
        if self.session.draft and self.ui.typed_ahead:
            # The two would be merged, and a queued message would send the mixture.
            self.session.draft = Draft()
            self.say("Up brings your question back", Tone.DIM)
        elif self.session.draft and self.ui.plain:
            self.say("your question is back in the input line", Tone.DIM)

    async def opened(self) -> OpenChain | None:
        """Return the open chain; None if the user did not want to wait for it."""
        return self.chain.opened or await self.interruptible(self.chain.open())

    async def _answer(self, chain: OpenChain, plan: Plan) -> TurnResult:
        progress = self._progress = Progress(asyncio.get_running_loop().time)
        progress.provider = plan.only or plan.start_with
        progress.waits_for_you = self.consents.is_open
        progress.on_stream_failure = self.chain.settings.attempt.on_stream_failure

        def act(action: str) -> None:
            if self._turn is None:
                return
            if action == "stop":
                self._turn.stop()
            elif action == "next_provider" and not self._turn.give_up():
                self.say("there is no other provider to go on to", Tone.DIM)

        try:
            async with self.ui.answering(act) as view:
                turn = self._turn = ChatTurn(
                    chain, plan, view, progress,
                    options=self.session.options,
                    max_wait=self.longest_wait,
                    decide=self.consents.decide,
                    tell=self.tell,
                    is_plain=self.ui.plain,
                    is_apart=self.ui.is_apart,
                    begins=self._begins,
                    record=self.record,
                )  # fmt: skip
                result = await turn.run()
                self.tell(*messages.ending(result, self.chain, self.now(), self.longest_wait, is_plain=self.ui.plain))
        finally:
            self._progress = self._turn = None
        if result.elapsed >= LONG and not result.stopped:
            self.ui.notify("fallback-chat: the answer is there" if result.has_text else "fallback-chat: no answer")
        if result.answer.provider is not None and result.error is None:
            self.chain.look_up_window(result.answer.provider)
        return result

    async def interruptible(self, work: Awaitable[T]) -> T | None:
        """Do work that Ctrl-C can end; return None if it did."""
        task = asyncio.ensure_future(work)
        stopped = False

        def act(action: str) -> None:
            nonlocal stopped
            if action == "stop":
                stopped = True
                task.cancel()

        async with self.ui.answering(act):
            try:
                return await task
            except asyncio.CancelledError:
                if not stopped or is_ending():
                    raise
                return None

    def chain_changed(self, event: AvailabilityChangedEvent | LinkChanged) -> None:
        """Report a change once, wherever the chat is; a running turn reports its own failures."""
        if isinstance(event, LinkChanged):
            if self._progress is None:
                self.say(explanations.link(event), Tone.DIM)
            self.ui.redraw()
            return
        own = self._progress is not None and self._progress.provider == event.llm.label and not event.available
        if not own and (event.cause is None or event.cause is not self.told):
            sign = "" if self.ui.plain else "switched"
            self.tell(Message(explanations.transition(event, self.now()), sign=sign), below_answer=True)
        if event.available and not self.ui.is_busy:
            self.ui.notify(f"fallback-chat: {event.llm.label} is back")
        self.ui.redraw()

    def tell(self, *parts: Message, below_answer: bool = False) -> None:
        """Print a message and the advice below it, without the chain's secrets."""
        content = messages.together([one.redacted(self.chain.redact) for one in parts], fits=not self.ui.plain)
        self.ui.show(content, below_answer=below_answer)

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Print lines, without the chain's secrets."""
        self.ui.say(self.chain.redact(text), tone)

    def steer(self) -> None:
        """Apply choices made since the turn began, from its next attempt on."""
        if self._turn is not None:
            session, names = self.session, self.chain.names
            pinned = [name for name in names if session.pinned not in (None, name)]
            self._turn.steer([*pinned, *session.skipped_at(self.now())], session.use)

    def attach(self, name: str, text: str) -> None:
        """Attach a text to the next question."""
        self.session.attachments.append(Attachment(name, Text(text)))
        self.say(f"attached {name} ({counted(len(text.splitlines()), 'line')})", Tone.DIM)

    @property
    def latest(self) -> TurnResult | None:
        """The turn that is under way, as far as it is, or else the last one."""
        return self._turn.so_far if self._turn is not None else self.session.last

    def _begins(self, thoughts: str) -> None:
        """Show the thoughts before an answer, if the user wants to see them."""
        if thoughts and self.ui.preferences.reasoning:
            self.ui.aside(self.chain.redact(thoughts))

    def status_row(self, width: int) -> Sequence[Piece]:
        """Return the status row; empty if nothing may move."""
        if self.ui.plain:
            return ()
        progress = self._progress
        asked = progress.provider if progress is not None else None
        status = overview(self.chain, self.session, self.ui.preferences, self.now(), asked, private=self.record.private)
        if progress is not None:
            way_out = progress.way_out(self.keymap.label("next_provider"))
            status = replace(status, activity=progress.activity(brief=width < NARROW), way_out=way_out, hint="")
        return compose(status, width)

    async def resume(self, session: str | None) -> Conversation:
        """Continue a stored conversation, by default the most recent.

        Raises `InputError` if there is none, `StorageError` if it cannot be read.
        """
        conversation = await self.record.resume(session)
        self.session.resume(conversation)
        return conversation

    def show_end(self, conversation: Conversation) -> None:
        """Show which conversation is continued, and its last turn."""
        for line in resumed(conversation):
            self.say(line, Tone.DIM)
        if conversation.turns:
            self._show_again(conversation.turns[-1])

    def _show_again(self, turn: StoredTurn) -> None:
        """Show a turn that was stored as it was shown."""
        from fallback_chat.cli.render.append import rendered
        from fallback_chat.core.conversations.export import what_is_missing

        redact = self.chain.redact
        self.ui.echo(Draft.typed(redact(typed(turn.question))))
        if text := turn.answer.text or turn.answer.refusal:
            self.ui.show(rendered(redact(text)))
        if missing := what_is_missing(turn):
            self.tell(Message(missing, Tone.WAITING, "" if self.ui.plain else "incomplete"))

    async def take_back(self) -> ChatMessage | None:
        """Forget the last question and its answer, also on disk; return the question or None."""
        question = self.session.undo()
        if question is not None:
            await self.record.undo()
        return question

    def last_question(self) -> Draft:
        """Return the last question as written, to be edited; empty if there is none."""
        questions = (one for one in reversed(self.session.questions) if typed(one) != CONTINUE)
        return next(map(self.session.draft_of, questions), Draft())

    async def take_back_to_edit(self) -> Draft | None:
        """Take back the last question as written, and return it, or None."""
        question = await self.take_back()
        while question is not None and typed(question) == CONTINUE:
            question = await self.take_back()
        return None if question is None else self.session.draft_of(question)

    def edit(self, draft: Draft) -> Draft:
        """Run the user's editor on a draft; return the old one if that fails."""
        try:
            with self.ui.lent():
                return edited(draft, self.chain.settings)
        except InputError as error:
            self.say(str(error), Tone.BAD)
            return draft
