"""`fallback-chat`: the interactive chat. Puts its parts together and shows the prompt before the heavy ones are imported."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.exit_code import ExitCode
from fallback_chat.cli.runtime import run_until_signal
from fallback_chat.core.errors import ConfigError, InputError, Problem
from fallback_chat.core.paths import Paths
from fallback_chat.core.settings import Prefer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.cli.repl.keys import Keymap
    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.cli.repl.terminal import Terminal
    from fallback_chat.cli.shared import SharedOptions
    from fallback_chat.cli.wiring import OpenChain
    from fallback_chat.core.history import History
    from fallback_chat.core.history_null import NullHistory
    from fallback_chat.core.settings import Settings

FIRST_LOOK: Final = 0.05
"""Seconds in which the prompt appears, before a thread takes its share of the interpreter."""


def chat(shared: SharedOptions) -> int:
    """Chat until the user leaves, and give the exit code. Without a terminal it says what to use instead."""
    if not (os.isatty(0) and os.isatty(1)):
        sys.stderr.write('usage: fallback-chat needs a terminal; without one use: fallback-chat ask "PROMPT"\n')
        return ExitCode.USAGE
    from fallback_chat.cli.wiring import configure, open_chain

    settings = configure(shared)
    return run_until_signal(lambda: converse(settings, open_chain, shared))


async def converse(settings: Settings, opener: Callable[[Settings], OpenChain], shared: SharedOptions) -> int:
    """Run the chat on this process's terminal."""
    from prompt_toolkit.application import create_app_session
    from prompt_toolkit.input.defaults import create_input
    from prompt_toolkit.output.defaults import create_output
    from prompt_toolkit.output.plain_text import PlainTextOutput
    from prompt_toolkit.output.vt100 import Vt100_Output
    from prompt_toolkit.utils import is_dumb_terminal

    from fallback_chat.cli.repl.terminal import Terminal

    dumb = is_dumb_terminal()
    input_, output = create_input(), PlainTextOutput(sys.stdout) if dumb else create_output()
    if isinstance(output, Vt100_Output):
        # A late answer to a cursor position request would land among the keys of the next phase.
        output.enable_cpr = False
    modes = Terminal(0, sys.stdout, term="" if dumb else os.environ.get("TERM", ""))
    with create_app_session(input_, output), modes as terminal:
        repl = assemble(settings, opener, shared, terminal=terminal, out=sys.stdout, dumb=dumb)
        with repl.host.signals():
            try:
                _welcome(repl)
                asyncio.get_running_loop().call_later(FIRST_LOOK, repl.chain.begin_to_open)
                await repl.run()
            finally:
                repl.record.close()
                await repl.chain.aclose()
    return ExitCode.OK


def assemble(  # noqa: PLR0913 - the parts of the world are handed in
    settings: Settings,
    opener: Callable[[Settings], OpenChain],
    shared: SharedOptions,
    *,
    terminal: Terminal,
    out: TextIO,
    dumb: bool = False,
) -> Repl:
    """Put the parts of a chat together, on the input and output of prompt-toolkit's session."""
    from prompt_toolkit.application import get_app_session

    from fallback_chat.cli.repl.chain import Chain
    from fallback_chat.cli.repl.commands import COMMANDS
    from fallback_chat.cli.repl.commands.app import help_lines
    from fallback_chat.cli.repl.completion import ChatCompleter
    from fallback_chat.cli.repl.editing import Pastes
    from fallback_chat.cli.repl.host import Host
    from fallback_chat.cli.repl.input_history import InputHistory
    from fallback_chat.cli.repl.preferences import Preferences
    from fallback_chat.cli.repl.prompt import Hooks, Prompt
    from fallback_chat.cli.repl.record import Record
    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.cli.repl.session import Session
    from fallback_chat.cli.repl.tell import chain_table
    from fallback_chat.cli.repl.theme import fragments

    input_ = get_app_session().input
    paths = Paths.from_env(os.environ)
    preferences, keymap = Preferences(**settings.chat._asdict()), keymap_of(settings)
    host = Host(terminal, keymap, preferences, input=input_, out=out, color=shared.color, dumb=dumb)
    chain = Chain(settings, opener, lambda event: repl.availability_changed(event))  # noqa: PLW0108 - made below
    session = Session(sticky=settings.chain.prefer is Prefer.STICKY)
    record = Record(
        lambda: _open_history(paths.history_db, host.say),
        monotonic=time.monotonic,
        warn=host.say,
        redact=chain.redact,
    )
    repl = Repl(chain, session, host, COMMANDS, keymap, record, wait=shared.wait)
    pastes = Pastes()
    host.prompt = Prompt(
        Hooks(
            status=lambda width: fragments(repl.prompt_row(width), host.theme),
            show_help=lambda: repl.say("\n".join(help_lines(repl))),
            show_chain=lambda: repl.say("\n".join(chain_table(chain, session, repl.now()))),
            edit=repl.edit,
            last_question=repl.last_question,
            suspend=host.suspend,
        ),
        keymap,
        preferences,
        pastes=pastes,
        history=InputHistory(paths.state / "input-history", host.say, lambda text: chain.redact(pastes.expand(text))),
        completer=ChatCompleter(COMMANDS, lambda command: command.values(repl)),
        dumb=dumb,
    )
    return repl


def keymap_of(settings: Settings) -> Keymap:
    """Lay [keys] over the usual ones. Raises `ConfigError` for what is no key."""
    from fallback_chat.cli.repl.keys import Keymap

    keymap, problems = Keymap(), []
    for name, keys in settings.keys.items():
        try:
            keymap.set(name, keys)
        except InputError as error:
            problems.append(Problem(f"keys.{name}", str(error), settings.path))
    if problems:
        raise ConfigError(problems)
    return keymap


def _open_history(path: Path, warn: Callable[[str], object]) -> History | NullHistory:
    from fallback_chat.core.recording import open_history

    return open_history(path, clock=time.time, warn=warn)


def _welcome(repl: Repl) -> None:
    """Say in a line or two what this is and how to write a new line."""
    chain = repl.chain
    for warning in chain.settings.warnings:
        repl.host.greet(str(warning))
    found = "" if chain.settings.path else " (found in the environment)"
    how = f"{repl.keymap.label('newline')} makes a new line, /help tells more"
    repl.host.greet(f"Chain: {' → '.join(chain.names)}{found}. {how}.")
