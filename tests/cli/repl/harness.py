"""A chat inside the test's process, on a terminal in memory or a pseudo-terminal: scripted providers answer."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from fallback_chat.cli.options import SharedOptions
from fallback_chat.cli.repl.build import build_repl
from fallback_chat.cli.repl.terminal import Terminal
from fallback_chat.configuring import own_paths
from fallback_chat.core.config.model_cache import ModelCache
from fallback_chat.core.config.settings import ProviderSettings, Settings
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, Prefer
from fallback_chat.core.redaction import Redactor
from fallback_chat.wiring import OpenChain
from tests.cli.repl.terminals import TERMINALS
from tests.waiting import PATIENCE, until

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable

    from prompt_toolkit.output import Output

    from fallback_chat.cli.repl.draft import Draft
    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.core.config.settings import Prices
    from fallback_chat.core.engine.breaker import Health
    from tests.cli.repl.terminals import ATerminal
    from tests.core.scripted import ScriptedLLM

COLUMNS = 80
ROWS = 24
SECRET = "sk-secret-0123456789"
ESC = "\x1b"
ENTER = "\r"
CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_N = "\x0e"

on = "memory"
"""Which of the terminals the chats run on (see the fixture `each_terminal`)."""


class Ahead:
    """Wall-clock seconds; the chain's own pauses take none and move the clock ahead."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead

    async def sleep(self, seconds: float) -> None:
        self._ahead += seconds
        await asyncio.sleep(0)


class Chat:
    """One running chat."""

    def __init__(self, repl: Repl, screen: ATerminal, adapter: FallbackAdapter, *, dumb: bool) -> None:
        self.dumb = dumb
        self.repl = repl
        self.screen = screen
        self.adapter = adapter
        self.submitted = 0
        """Messages that were dealt with."""
        submit = repl.submit

        async def counted(draft: Draft) -> None:
            await submit(draft)
            self.submitted += 1

        repl.submit = counted  # type: ignore[method-assign]
        self.task: asyncio.Task[None] = asyncio.ensure_future(repl.run())

    def type(self, text: str) -> None:
        self.screen.send(text)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to happen. Raises AssertionError with the screen when it does not."""

        def happened() -> bool:
            if condition():
                return True
            if self.task.done():
                self.task.result()
            return False

        await until(happened, shown=lambda: "\n".join(self.screen.rows))

    async def sees(self, text: str) -> None:
        await self.until(lambda: any(text in row for row in self.screen.rows))

    async def prompts(self) -> None:
        """Wait until nothing is done but to wait for the user."""
        ui = self.repl.ui
        await self.until(lambda: ui.is_waiting and ui.prompt is not None and ui.prompt.app.is_running)

    async def begin(self, text: str, seen: str) -> None:
        """Send a line at the prompt and wait until `seen` is on the screen, its answer still under way."""
        await self.prompts()
        self.type(text + ENTER)
        await self.sees(seen)

    async def ask(self, text: str) -> None:
        """Send a line and wait for the next prompt."""
        await self.prompts()
        before = self.submitted
        self.type(text + ENTER)
        await self.until(lambda: self.submitted > before)
        await self.prompts()

    async def pick(self, command: str, *, down: int = 0) -> None:
        """Send a command that lets one pick, and pick the choice that stands so far down."""
        await self.prompts()
        before = self.submitted
        self.type(command + ENTER)
        await self.until(lambda: self.line == f"{command} ")
        self.type(f"{ESC}[B" * down + ENTER)
        await self.until(lambda: self.submitted > before)
        await self.prompts()

    @property
    def line(self) -> str:
        """What is in the input line."""
        prompt = self.repl.ui.prompt
        assert prompt is not None
        return prompt.line.text


@asynccontextmanager
async def chatting(
    *llms: ScriptedLLM,
    columns: int = COLUMNS,
    rows: int = ROWS,
    dumb: bool = False,
    wait: float | None = None,
    no_log: bool = False,
    prices: dict[str, Prices] | None = None,
    prefer: str = "primary",
    opening: threading.Event | None = None,
    clock: Ahead | None = None,
    **chain: object,
) -> AsyncIterator[Chat]:
    """Run a chat over `llms`, whose chain opens with the event `opening` and pauses by `clock`.

    Its environment must say how large the terminal is: see the fixture `terminal`.
    """
    os.environ["COLUMNS"], os.environ["LINES"] = str(columns), str(rows)
    attempt = AttemptSettings(**({"attempt_timeout": PATIENCE, "max_retry_per_llm": 0} | chain))  # type: ignore[arg-type]
    whole = ChainSettings(prefer=Prefer(prefer))
    providers = tuple(
        ProviderSettings(
            name=llm.label,
            kind="scripted",
            model=llm.model,
            context_window=llm.context_window,
            attempt=attempt,
            prices=(prices or {}).get(llm.label),
        )
        for llm in llms
    )
    settings = Settings(chain=whole, attempt=attempt, providers=providers)
    world: dict[str, Any] = {} if clock is None else {"clock": clock, "sleep": clock.sleep}
    adapter = FallbackAdapter(llms, settings=whole, attempt_settings=attempt, **world)

    def opener(_: Settings, __: dict[str, Health]) -> OpenChain:
        if opening is not None:
            opening.wait(PATIENCE)
        models = ModelCache(own_paths().cache / "models.json")
        return OpenChain(adapter, settings, Redactor([SECRET]), lambda: models)

    with TERMINALS[on](columns, rows) as screen, Terminal(screen.fd, screen.out) as terminal:
        output: Output = (
            PlainTextOutput(screen.out)
            if dumb
            else Vt100_Output(
                screen.out,
                lambda: Size(rows, columns),
                term="xterm",
                default_color_depth=ColorDepth.DEPTH_1_BIT,
                enable_cpr=False,
            )
        )
        with create_app_session(screen.input, output):
            repl = build_repl(
                settings,
                opener,
                SharedOptions(wait=wait, no_log=no_log),
                terminal=terminal,
                out=screen.out,
                dumb=dumb,
            )
            if clock is not None:
                repl.now = clock
            chat = Chat(repl, screen, adapter, dumb=dumb)
            try:
                yield chat
            finally:
                chat.task.cancel()
                await asyncio.wait([chat.task])
                clear_typeahead(screen.input)  # it is kept by descriptor, and the next chat gets the same one
                await repl.record.aclose()
