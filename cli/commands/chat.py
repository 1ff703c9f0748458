"""`fallback-chat`: the interactive chat. Its prompt appears before the heavy imports."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.input import MAX_BYTES, text_of
from fallback_chat.cli.process.border import tell
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.standard_input import is_piped, read_to_end
from fallback_chat.cli.words.notices import tell_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.wiring import OpenChain

FIRST_LOOK: Final = 0.05
"""Seconds for the prompt to appear before a thread takes its share of the interpreter."""

STARTED: Final = 3.0
"""Seconds after which nothing is left to be imported."""
GENERATION: Final = 5_000
"""New objects after which a chat collects garbage: a long one would otherwise keep 100 MB of it."""


def chat(shared: SharedOptions) -> int:
    """Chat until the user leaves, and return the exit code.

    Without a terminal, name the command to use instead. Piped input is attached to the first
    question, and keys are read from the terminal itself.
    """
    piped = "" if os.isatty(0) or not os.isatty(1) else _take_piped()
    if not (os.isatty(0) and os.isatty(1)):
        say(sys.stderr, 'usage: fallback-chat needs a terminal; without one use: fallback-chat ask "PROMPT"')
        return ExitCode.USAGE
    from fallback_chat.cli.commands.opening import opener
    from fallback_chat.configuring import configure

    settings, open_ = configure(shared.config, shared.flags()), opener(shared)
    return run_until_signal(lambda: converse(settings, open_, shared, piped))


def _take_piped() -> str:
    """Read piped input to its end and make the terminal standard input; "" if impossible."""
    try:
        keyboard = os.open("/dev/tty", os.O_RDWR) if is_piped() else None
    except OSError:
        keyboard = None
    if keyboard is None:
        return ""
    piped = text_of(run_until_signal(lambda: read_to_end(MAX_BYTES + 1, tell)))
    os.dup2(keyboard, 0)
    os.close(keyboard)
    return piped


async def converse(
    settings: Settings,
    opener: Callable[..., OpenChain],
    shared: SharedOptions,
    piped: str = "",
) -> int:
    """Run the chat on this process's terminal."""
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input.defaults import create_input
    from prompt_toolkit.output.defaults import create_output
    from prompt_toolkit.output.plain_text import PlainTextOutput
    from prompt_toolkit.output.vt100 import Vt100_Output
    from prompt_toolkit.utils import is_dumb_terminal

    from fallback_chat.cli.repl.build import build_repl
    from fallback_chat.cli.repl.terminal import Terminal

    dumb = is_dumb_terminal()
    input_, output = create_input(), PlainTextOutput(sys.stdout) if dumb else create_output()
    if isinstance(output, Vt100_Output):
        # A late answer to a cursor position request would end up among the next keys.
        output.enable_cpr = False
    modes = Terminal(0, sys.stdout, term="" if dumb else os.environ.get("TERM", ""))
    with create_app_session(input_, output), modes as terminal:
        repl: Repl
        warned = partial(opener, warn=lambda line: repl.say(line))  # noqa: PLW0108 - made in the next line
        repl = build_repl(settings, warned, shared, terminal=terminal, out=sys.stdout, dumb=dumb)
        with repl.ui.signals():
            try:
                conversation = await repl.resume(shared.session) if shared.continues else None
                _welcome(repl, quiet=shared.quiet)
                if conversation is not None:
                    repl.show_end(conversation)
                if piped.strip():
                    repl.attach("standard input", piped)
                asyncio.get_running_loop().call_later(FIRST_LOOK, repl.chain.begin_to_open)
                asyncio.get_running_loop().call_later(STARTED, collect_garbage)
                await repl.run()
                if repl.record.session is not None:
                    sys.stdout.write(f"To go on: fallback-chat --session {repl.record.session}\n")
            finally:
                await repl.record.aclose()
                await repl.chain.aclose()
    return ExitCode.OK


def collect_garbage() -> None:
    """Start collecting garbage; the objects of the start-up are exempt for good."""
    gc.freeze()
    gc.set_threshold(GENERATION, 10, 10)


def _welcome(repl: Repl, *, quiet: bool) -> None:
    """Print a line or two about what this is and how to write a new line."""
    chain = repl.chain
    tell_warnings(chain.settings, repl.ui.greet, quiet=quiet)
    if chain.settings.path is None and all(one.kind == "guide" for one in chain.providers):
        what = "No provider is configured (fallback-chat config init helps), so the manual answers."
    else:
        found = "" if chain.settings.path else " (found in the environment)"
        what = f"Chain: {' → '.join(chain.names)}{found}."
    repl.ui.greet(f"{what} {repl.keymap.label('newline')} makes a new line, /help tells more.")
