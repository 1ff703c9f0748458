"""Assembling the parts of a chat.

Imported after the prompt is visible: it brings in prompt-toolkit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prompt_toolkit.application import get_app_session
from prompt_toolkit.output import DummyOutput

from fallback_chat.cli.repl.bindings import bind
from fallback_chat.cli.repl.chain import Chain
from fallback_chat.cli.repl.commands import COMMANDS
from fallback_chat.cli.repl.completion import ChatCompleter
from fallback_chat.cli.repl.input_history import InputHistory
from fallback_chat.cli.repl.keyboard import listen
from fallback_chat.cli.repl.keys import Keymap
from fallback_chat.cli.repl.pastes import Pastes
from fallback_chat.cli.repl.preferences import Preferences
from fallback_chat.cli.repl.prompt import Hooks, Prompt
from fallback_chat.cli.repl.record import Record
from fallback_chat.cli.repl.repl import Repl
from fallback_chat.cli.repl.session import Session
from fallback_chat.cli.repl.sheet import Sheet
from fallback_chat.cli.repl.user_interface import UserInterface
from fallback_chat.configuring import own_paths
from fallback_chat.core.engine.settings import Prefer
from fallback_chat.core.errors import ConfigError, InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TextIO

    from prompt_toolkit.output import Output

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.cli.repl.terminal import Terminal
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.core.conversations.store import History
    from fallback_chat.core.engine.breaker import Health
    from fallback_chat.wiring import OpenChain


def build_repl(  # noqa: PLR0913 - the outside world is passed in
    settings: Settings,
    opener: Callable[[Settings, dict[str, Health]], OpenChain],
    shared: SharedOptions,
    *,
    terminal: Terminal,
    out: TextIO,
    dumb: bool = False,
) -> Repl:
    """Create a chat on the input and output of prompt-toolkit's session.

    Raises `ConfigError` for invalid keys.
    """
    paths = own_paths()
    preferences, keymap = Preferences.of(settings.chat), keymap_of(settings)
    listen(get_app_session().input)
    output = get_app_session().output
    sheet = Sheet(preferences, output=output, out=out, color=shared.color, dumb=dumb)
    ui = UserInterface(terminal, sheet, preferences)
    chain = Chain(settings, opener, lambda event: repl.chain_changed(event))  # noqa: PLW0108 - made below
    record = Record(
        lambda saved: _open_history(paths.history_db if saved else None, ui.say, reading=shared.no_log),
        monotonic=time.monotonic,
        warn=ui.say,
        redactor=lambda: chain.redactor,
        never=shared.no_log,
    )
    session = Session(sticky=settings.chain.prefer is Prefer.STICKY)
    repl = Repl(chain, session, ui, COMMANDS, keymap, record, wait=shared.wait)
    repl.consents.always = shared.yes
    ui.prompt = _prompt(repl, paths.input_history, DummyOutput() if dumb else output)
    return repl


def _prompt(repl: Repl, history: Path, output: Output) -> Prompt:
    """Create the input line, whose keys act on the chat."""
    ui, chain, pastes = repl.ui, repl.chain, Pastes()
    hooks = Hooks(
        send=ui.send,
        is_busy=lambda: ui.is_busy,
        is_queued=lambda: ui.is_queued,
        take_back=ui.take_back,
        act=ui.act,
        edit=repl.edit,
        last_question=repl.last_question,
        suspend=ui.suspend,
    )
    return Prompt(
        hooks,
        repl.keymap,
        bind,
        ui.preferences,
        pastes=pastes,
        history=InputHistory(
            history,
            ui.say,
            pastes,
            chain.redact,
            private=lambda: repl.record.private,
        ),
        completer=ChatCompleter(COMMANDS, lambda command, argument: command.choices(repl, argument)),
        output=output,
        is_plain=lambda: ui.plain,
    )


def keymap_of(settings: Settings) -> Keymap:
    """Return the default keys overridden by [keys]. Raises `ConfigError` for an invalid key."""
    keymap, problems = Keymap(), []
    for name, keys in settings.keys.items():
        try:
            keymap.set(name, keys)
        except InputError as error:
            problems.append(Problem(f"keys.{name}", str(error), settings.path))
    if problems:
        raise ConfigError(problems)
    return keymap


def _open_history(path: Path | None, warn: Callable[[str], object], *, reading: bool) -> History:
    """Open the conversations, in memory without a path; a read-only chat creates no file.

    Raises `StorageError`.
    """
    from fallback_chat.core.conversations.store import History

    return History.open(None if reading and path and not path.exists() else path, clock=time.time, warn=warn)
