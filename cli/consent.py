"""Asking for consent: to a switch of providers, or before something is written or deleted."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.lines import laid_out
from fallback_chat.cli.words.failures import sentence
from fallback_chat.core.engine.settings import Switching

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TextIO

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.core.config.settings import Settings
    from fallback_chat.core.events import Switch

YES: Final = ("y", "yes")


def consent(shared: SharedOptions, tell: Callable[[str], object]) -> Callable[[Switch], Awaitable[bool]] | None:
    """Return the function that decides about a switch, or None, which means no.

    `--yes` decides, or the user at the terminal.
    """
    if shared.yes:
        return _agree
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None

    async def ask(switch: Switch) -> bool:
        tell(f"{question(switch)} [y/N]")
        return (await _line()).strip().lower() in YES

    return ask


def confirmed(question: str, stdin: TextIO, out: TextIO) -> bool:
    """Whether the user at the terminal says yes."""
    out.write(f"{laid_out(f'{question} [y/N]', out)} ")
    out.flush()
    return stdin.readline().strip().lower() in YES


def to_be_told(settings: Settings) -> frozenset[str]:
    """Return the providers, except the first, that are announced even without notices."""
    enabled = [one for one in settings.providers if one.enabled]
    return frozenset(one.name for one in enabled[1:] if one.attempt.switch is Switching.NOTIFY)


def question(switch: Switch) -> str:
    """Return the question about a switch, with what leads to it."""
    why = f"{sentence(switch.from_llm.label, switch.reason)}; " if switch.reason is not None else ""
    return f"{why}may {switch.to_llm.label} be asked instead?"


async def _agree(_: Switch) -> bool:
    return True


async def _line() -> str:
    """Return the next line of the terminal; a signal ends the wait."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(0, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(0)
    return os.read(0, 1000).decode("utf-8", "replace")
