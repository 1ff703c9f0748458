"""`fallback-chat demo`: an outage, a slow return and a recovery, with simulated providers."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.commands.chat import chat
from fallback_chat.cli.options import SharedOptions
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.render.page import Page
from fallback_chat.cli.render.rows import plain
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.repl.chain import Chain
from fallback_chat.cli.repl.explanations import transition
from fallback_chat.cli.repl.messages import TurnMessages, footer
from fallback_chat.cli.repl.overview import overview
from fallback_chat.cli.repl.preferences import Preferences
from fallback_chat.cli.repl.session import Session, TurnResult
from fallback_chat.cli.repl.status import compose
from fallback_chat.cli.turn import Turn
from fallback_chat.configuring import configure
from fallback_chat.core.config.overrides import Overrides
from fallback_chat.core.events import AvailabilityChangedEvent
from fallback_chat.wiring import demo_stage, open_chain

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.core.events import Event, LinkChanged
    from fallback_chat.core.llm import ChatChunk

QUESTIONS: Final = ("Who are you?", "And who are you now?", "Is the first one back?")
RECOVERY: Final = 12.0
"""Seconds for which the tour waits for the recovery; with it, it takes at most 20."""
COLUMNS: Final = 80


def demo(shared: SharedOptions) -> int:
    """Play the demo, and return the exit code; nothing is stored, no file of the user read."""
    with demo_stage() as config:
        if os.isatty(0) and os.isatty(1):
            return chat(SharedOptions(config=config, no_log=True, no_shared_health=True, color=shared.color))
        return run_until_signal(partial(tour, config, sys.stdout))


async def tour(config: Path, out: TextIO) -> int:
    """Ask some questions of the chain in `config`, and print what a user of the chat would see."""
    back = asyncio.Event()

    def changed(event: AvailabilityChangedEvent | LinkChanged) -> None:
        if isinstance(event, AvailabilityChangedEvent) and event.available:
            back.set()
            out.write(f"{transition(event, time.time())}\n")

    chain = Chain(configure(config, Overrides()), partial(open_chain, share_health=False), changed)
    tourist = Tourist(chain, Session(), out)
    try:
        out.write(f"Three simulated providers on this machine: {' → '.join(chain.names)}. This plays by itself;\n")
        out.write(
            "on a terminal, fallback-chat demo is the real chat. The last row of each part is its status bar.\n\n"
        )
        await chain.open()
        tourist.show_status()
        for number, question in enumerate(QUESTIONS):
            if number == len(QUESTIONS) - 1:
                await asyncio.wait([asyncio.ensure_future(back.wait())], timeout=RECOVERY)
                tourist.show_status()
            await tourist.ask(question)
        out.write("That was all. With your own chain, rehearse it: fallback-chat --chaos 'NAME=503,until=30'\n")
    finally:
        await chain.aclose()
    return ExitCode.OK


class Tourist:
    """Asks the chain, and writes what the screen of a chat would show."""

    def __init__(self, chain: Chain, session: Session, out: TextIO) -> None:
        self._chain = chain
        self._session = session
        self._out = out

    async def ask(self, question: str) -> None:
        """Ask one question, and show the answer, what is told meanwhile, and the status row."""
        self._out.write(f"> {question}\n")
        self._teller = TurnMessages(is_plain=False)
        plan = self._session.plan(question, time.time())
        opened = await self._chain.open()
        turn = Turn(partial(opened.adapter.chat, chat_ctx=plan.context), self._show, self._tell)
        error = await turn.run()
        answer = turn.answer()
        result = TurnResult(plan, answer, answer.attempts, error=error)
        self._session.settle(result)
        self._out.write("\n")
        if (note := footer(result, self._chain, time.time())) is not None:
            self._out.write(f"{note}\n")
        self.show_status()

    def show_status(self) -> None:
        """Show the status row as it would stand now."""
        status = overview(self._chain, self._session, Preferences(), time.time(), None, private=False)
        row = "".join(piece.text for piece in compose(status, COLUMNS - 2))
        self._out.write(f"[{row}]\n\n")
        self._out.flush()

    def _tell(self, event: Event) -> None:
        for message in self._teller.messages(event):
            self._out.writelines(f"{plain(row)}\n" for row in message.rows(Page(COLUMNS)))

    def _show(self, chunk: ChatChunk) -> None:
        if chunk.delta is not None and chunk.delta.content:
            self._out.write("\n".join(map(sanitise, chunk.delta.content.split("\n"))))
            self._out.flush()
