"""Commands about the model's context, and its cost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.repl import explanations
from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.roles import role_names, role_prompt
from fallback_chat.cli.words.amounts import counted, money
from fallback_chat.cli.words.failures import duration
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_chat.cli.repl.repl import Repl


FIGURES: Final = ("provider", "answers", "failures", "first words", "tokens in", "tokens out")


async def system(repl: Repl, argument: str) -> None:
    """Show or change the system prompt; `none` removes it."""
    if argument:
        repl.session.system = "" if argument == "none" else argument
    repl.say(f"system prompt: {repl.session.system}" if repl.session.system else "there is no system prompt")


def roles(_: Repl) -> Iterable[Choice]:
    """Return the roles to choose from."""
    return [Choice(name, is_final=True) for name in role_names()]


async def role(repl: Repl, argument: str) -> None:
    """Take the system prompt from the file of a role."""
    repl.session.system = role_prompt(argument)
    repl.say(f"role: {argument}", Tone.DIM)


async def tokens(repl: Repl, _: str) -> None:
    """Show how full the context windows are."""
    used = repl.session.context_tokens
    repl.say(f"the conversation takes about {counted(used, 'token')}")
    for one in repl.chain.providers:
        if window := repl.chain.window(one):
            repl.say(f"  {one.name}: {used / window:.0%} of {window}")


async def cost(repl: Repl, _: str) -> None:
    """Show the cost of the conversation, by configured prices or as reported by providers."""
    total = repl.session.cost(repl.chain.prices)
    if total is None:
        raise InputError("no price is known: put prices into fallback.toml")
    repl.say(f"{money(total, repl.ui.preferences.currency)} so far ({counted(repl.session.tokens, 'token')})")


async def stats(repl: Repl, _: str) -> None:
    """Show each provider's figures in this conversation."""
    entries = [
        (
            name,
            str(tally.answers),
            str(tally.failures),
            duration(sorted(tally.first_tokens)[len(tally.first_tokens) // 2]) if tally.first_tokens else "-",
            str(tally.input),
            str(tally.output),
        )
        for name, tally in repl.session.tallies.items()
    ]
    if not entries:
        raise InputError("nothing has been asked yet")
    from fallback_chat.cli.render.listing import listed

    repl.ui.show(partial(listed, FIGURES, entries))


async def status(repl: Repl, _: str) -> None:
    """Show in a few lines how the chat stands."""
    session = repl.session
    repl.say(explanations.chain_sentence(repl.chain, session, repl.now()))
    asked, size = counted(len(session.questions), "question"), counted(session.context_tokens, "token")
    repl.say(f"{asked}, about {size} in the conversation.")
    if session.pinned:
        repl.say(f"Pinned: {session.pinned}.")
    if session.attachments:
        repl.say(f"Attached: {', '.join(one.name for one in session.attachments)}.")
    repl.say(f"Configuration: {repl.chain.settings.source}.")


_GROUP: Final = "Context"
ROWS: Final = (
    Command("system", "show or change the system prompt", system, "[TEXT|none]", ("prompt",), group=_GROUP),
    Command("role", "use a system prompt that you keep as a file", role, "[NAME]", values=roles, group=_GROUP),
    Command("tokens", "how full the context windows are", tokens, at_once=True, group=_GROUP),
    Command("cost", "what the conversation cost", cost, at_once=True, group=_GROUP),
    Command("stats", "how each provider did", stats, aliases=("usage",), at_once=True, group=_GROUP),
    Command("status", "how the chat stands, in sentences", status, aliases=("info",), at_once=True, group=_GROUP),
)  # fmt: skip
