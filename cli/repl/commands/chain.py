"""Commands about the chain: which provider is asked, each one's state, and why."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import typer

from fallback_chat.cli.options import parse_duration
from fallback_chat.cli.repl import explanations
from fallback_chat.cli.repl.commands.models import ROW as MODEL
from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.words.failures import duration, sentence
from fallback_chat.core.engine.check import check
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.core.llm import LLM, ProbeReport

PROBE_TIMEOUT: Final = 10.0


async def chain(repl: Repl, _: str) -> None:
    """Show every provider with its state."""
    repl.ui.show(explanations.chain_table(repl.chain, repl.session, repl.now()))


async def use(repl: Repl, argument: str) -> None:
    """Begin the next turn with a provider."""
    repl.session.use = _named(repl, argument)
    repl.steer()
    repl.say(f"the next turn begins with {repl.session.use}", Tone.DIM)


async def pin(repl: Repl, argument: str) -> None:
    """Ask one provider and no other, until `/unpin`."""
    last = repl.session.answered_by or repl.chain.names[repl.chain.first(repl.session, repl.now())]
    repl.session.pinned = repl.chain.provider(argument or last).name
    repl.steer()
    repl.say(f"pinned: only {repl.session.pinned} is asked; /unpin brings the chain back", Tone.DIM)


async def unpin(repl: Repl, _: str) -> None:
    """Use the whole chain again."""
    repl.session.pinned = None
    repl.say("the whole chain is used", Tone.DIM)


async def skip(repl: Repl, argument: str) -> None:
    """Skip a provider in this conversation, for a time or until `/unskip`."""
    name, _, length = argument.partition(" ")
    name = _named(repl, name)
    if length:
        seconds = _seconds(length)
        repl.session.skip(name, repl.now() + seconds)
        repl.say(f"{name} is skipped for {duration(seconds)}", Tone.DIM)
    else:
        repl.session.skip(name)
        repl.say(f"{name} is skipped until /unskip {name}", Tone.DIM)
    repl.steer()


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except typer.BadParameter as error:
        raise InputError(error.message) from error


async def unskip(repl: Repl, argument: str) -> None:
    """Ask a skipped provider again; without a name, all of them."""
    if argument:
        repl.session.skipped.pop(_named(repl, argument), None)
    else:
        repl.session.skipped.clear()
    repl.say("no provider is skipped" if not repl.session.skipped else "asked again", Tone.DIM)


async def probe(repl: Repl, argument: str) -> None:
    """Check providers now; one that answers is available again."""
    names = (_named(repl, argument),) if argument else repl.chain.names
    opened = await repl.opened()
    if opened is None:
        return
    llms = [repl.chain.llm(opened, name) for name in names]
    reports = await repl.interruptible(asyncio.gather(*(check(llm, PROBE_TIMEOUT, light=False) for llm in llms)))
    for llm, report in zip(llms, reports or (), strict=bool(reports)):
        repl.say(_finding(llm, report))
        repl.told = report.error
        opened.adapter.note_check(llm, report.error)


async def wait(repl: Repl, argument: str) -> None:
    """Show or set how long a turn waits when every provider is busy."""
    if argument:
        repl.longest_wait = _seconds(argument)
    repl.say(f"a turn waits up to {duration(repl.longest_wait)} when every provider is busy; Ctrl-C ends it", Tone.DIM)


async def yes(repl: Repl, _: str) -> None:
    """Agree to the switch that is asked about."""
    _decide(repl, agreed=True)


async def no(repl: Repl, _: str) -> None:
    """Refuse the switch that is asked about."""
    _decide(repl, agreed=False)


def _decide(repl: Repl, *, agreed: bool) -> None:
    if not repl.consents.answer(agreed=agreed):
        raise InputError("nothing was asked")


def _finding(llm: LLM, report: ProbeReport) -> str:
    if report.error is not None:
        return sentence(llm.label, report.error)
    time = report.first_token if report.first_token is not None else report.total
    return f"{llm.label} answers" + (f" (after {duration(time)})" if time is not None else "")


async def why(repl: Repl, _: str) -> None:
    """Explain how the current turn is routed, or how the last one was."""
    latest = repl.latest
    if latest is None:
        raise InputError("nothing has been asked yet")
    for line in explanations.why(latest, repl.chain, repl.now()):
        repl.say(line)


def _named(repl: Repl, name: str) -> str:
    if not name:
        raise InputError(f"name a provider: {', '.join(repl.chain.names)}")
    return repl.chain.provider(name).name


def providers(repl: Repl) -> Iterable[Choice]:
    """Return the providers, with model and state."""
    entries = repl.chain.entries(repl.session, repl.now())
    return [Choice(one.name, f"{one.word} · {one.model}", is_final=True) for one in entries]


def skippable(repl: Repl) -> Iterable[Choice]:
    """Return the providers; a time may follow a name."""
    return [choice._replace(is_final=False) for choice in providers(repl)]


_GROUP: Final = "The chain"
ROWS: Final = (
    Command("chain", "show every provider with its state", chain, aliases=("providers",), at_once=True, group=_GROUP),
    Command("use", "begin the next turn with a provider", use, "NAME", values=providers, picks=True, at_once=True, group=_GROUP),
    Command("pin", "ask this provider only", pin, "[NAME]", values=providers, at_once=True, group=_GROUP),
    Command("unpin", "use the whole chain again", unpin, at_once=True, group=_GROUP),
    Command("skip", "skip a provider, such as /skip NAME 1h", skip, "NAME [DURATION]", (), skippable, picks=True, at_once=True,
            group=_GROUP),
    Command("unskip", "ask a skipped provider again", unskip, "[NAME]", values=providers, at_once=True, group=_GROUP),
    Command("probe", "check providers now", probe, "[NAME]", values=providers, group=_GROUP),
    Command("yes", "agree to a switch that is asked about", yes, at_once=True, group=_GROUP),
    Command("no", "refuse it", no, at_once=True, group=_GROUP),
    Command("wait", "how long a turn waits when all are busy, as /wait 5m", wait, "[DURATION]", group=_GROUP),
    Command("why", "explain who answers, or answered last, and why", why, at_once=True, group=_GROUP),
    replace(MODEL, group=_GROUP),
)  # fmt: skip
