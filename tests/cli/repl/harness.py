"""A chat on a terminal in memory: keys go in through a pipe, bytes come out onto a screen, scripted providers answer."""

from __future__ import annotations

import asyncio
import io
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pyte
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.color_depth import ColorDepth
from prompt_toolkit.output.plain_text import PlainTextOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from fallback_chat.cli.model_cache import ModelCache
from fallback_chat.cli.repl.assemble import assemble
from fallback_chat.cli.repl.terminal import Terminal
from fallback_chat.cli.shared import SharedOptions
from fallback_chat.cli.wiring import OpenChain, own_paths
from fallback_chat.core.fallback_adapter import FallbackAdapter
from fallback_chat.core.redaction import Redactor
from fallback_chat.core.settings import ChainSettings, ProviderSettings, Settings

if TYPE_CHECKING:
    import threading
    from collections.abc import AsyncIterator, Callable

    from prompt_toolkit.input import PipeInput
    from prompt_toolkit.output import Output

    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.core.settings import Prices
    from tests.core.scripted import ScriptedLLM

COLUMNS = 80
ROWS = 24
PATIENCE = 5.0
SECRET = "sk-secret-0123456789"
ESC = "\x1b"
ENTER = "\r"
CTRL_C = "\x03"
CTRL_D = "\x04"
CTRL_N = "\x0e"


class Screen(io.StringIO):
    """Standard output that is a terminal: what is written appears on an emulated screen."""

    encoding = "utf-8"

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.written = ""
        self._screen = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.Stream(self._screen)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written += text
        # What pyte does not know, or reads as something else; real terminals do.
        shown = text.replace("\x1b[>4;1m", "").replace("\x1b[>4;0m", "").replace("\n", "\r\n").replace("\r\r\n", "\r\n")
        self._stream.feed(shown)
        return len(text)

    @property
    def rows(self) -> list[str]:
        """All rows with text, those that scrolled away first."""
        width = self._screen.columns
        history = ["".join(row[x].data for x in range(width)) for row in self._screen.history.top]
        return [row.rstrip() for row in (*history, *self._screen.display) if row.strip()]


class Chat:
    """One running chat."""

    def __init__(self, repl: Repl, keys: PipeInput, screen: Screen, adapter: FallbackAdapter, *, dumb: bool) -> None:
        self.dumb = dumb
        self.repl = repl
        self.keys = keys
        self.screen = screen
        self.adapter = adapter
        self.submitted = 0
        """Messages that were dealt with."""
        submit = repl.submit

        async def counted(text: str) -> None:
            await submit(text)
            self.submitted += 1

        repl.submit = counted  # type: ignore[method-assign]
        self.task: asyncio.Task[None] = asyncio.ensure_future(repl.run())

    def type(self, text: str) -> None:
        self.keys.send_text(text)

    def types(self, text: str) -> bool:
        """Type, and say that what was waited for has not come yet."""
        self.keys.send_text(text)
        return False

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something to happen. Raises AssertionError with the screen when it does not."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, "\n".join(self.screen.rows)
            if self.task.done():
                self.task.result()
            await asyncio.sleep(0.005)

    async def sees(self, text: str) -> None:
        await self.until(lambda: any(text in row for row in self.screen.rows))

    async def prompts(self) -> None:
        """Wait for the input line."""
        prompt = self.repl.host.prompt
        assert prompt is not None
        await self.until(lambda: prompt.active and (self.dumb or prompt.session.app.is_running))

    async def ask(self, text: str) -> None:
        """Send a line and wait for the next prompt."""
        await self.prompts()
        before = self.submitted
        self.type(text + ENTER)
        await self.until(lambda: self.submitted > before)
        await self.prompts()
        prompt = self.repl.host.prompt
        assert prompt is not None
        await self.until(lambda: self.dumb or prompt.session.app.render_counter > 0)

    @property
    def line(self) -> str:
        """What is in the input line."""
        prompt = self.repl.host.prompt
        assert prompt is not None
        return prompt.session.default_buffer.text


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
    **chain: object,
) -> AsyncIterator[Chat]:
    """Run a chat over `llms`, whose chain opens with the event `opening`.

    Its environment must say how large the terminal is: see the fixture `terminal`.
    """
    os.environ["COLUMNS"], os.environ["LINES"] = str(columns), str(rows)
    chosen = ChainSettings(**({"attempt_timeout": 5.0, "max_retry_per_llm": 0, "prefer": prefer} | chain))  # type: ignore[arg-type]
    providers = tuple(
        ProviderSettings(
            name=llm.label,
            kind="scripted",
            model=llm.model,
            context_window=llm.context_window,
            chain=chosen,
            prices=(prices or {}).get(llm.label),
        )
        for llm in llms
    )
    settings = Settings(chain=chosen, providers=providers)
    adapter = FallbackAdapter(llms, settings=chosen)
    screen = Screen(columns, rows)

    def opener(_: Settings) -> OpenChain:
        if opening is not None:
            opening.wait(PATIENCE)
        return OpenChain(adapter, settings, Redactor([SECRET]), ModelCache(own_paths().cache / "models.json"))

    with create_pipe_input() as keys, Terminal(None, screen) as terminal:
        output: Output = (
            PlainTextOutput(screen)
            if dumb
            else Vt100_Output(
                screen,
                lambda: Size(rows, columns),
                term="xterm",
                default_color_depth=ColorDepth.DEPTH_1_BIT,
                enable_cpr=False,
            )
        )
        with create_app_session(keys, output):
            repl = assemble(
                settings,
                opener,
                SharedOptions(wait=wait, no_log=no_log),
                terminal=terminal,
                out=screen,
                dumb=dumb,
            )
            chat = Chat(repl, keys, screen, adapter, dumb=dumb)
            try:
                yield chat
            finally:
                chat.task.cancel()
                await asyncio.wait([chat.task])
                repl.record.close()
