"""`/model`: the model requested from a provider."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.repl.menu import Choice
from fallback_chat.cli.repl.registry import Command
from fallback_chat.cli.repl.status import Tone
from fallback_chat.cli.words.amounts import count
from fallback_chat.core.errors import APIError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fallback_chat.cli.repl.repl import Repl
    from fallback_chat.core.config.settings import ProviderSettings

NEAR: Final = 0.4
"""Similarity, from 0 to 1, above which a name is suggested."""


async def model(repl: Repl, argument: str) -> None:
    """Show the models, or change a provider's model.

    A model without a provider belongs to the one it was last set for, then to the first one that is
    configured with it or lists it, otherwise to the one that the next turn begins with.
    """
    if not argument:
        for one in repl.chain.providers:
            repl.say(f"{one.name}: {one.model}")
        return
    name, _, wanted = argument.rpartition(" ")
    if wanted in repl.chain.names:
        raise InputError(f"{wanted} is a provider: write /model {wanted} MODEL")
    provider = repl.chain.provider(name) if name else owner(repl, wanted)
    await _doubt(repl, provider, wanted)
    repl.session.owners[wanted] = provider.name
    settings = repl.chain.settings
    providers = tuple(replace(one, model=wanted) if one.name == provider.name else one for one in settings.providers)
    await repl.chain.reopen(replace(settings, providers=providers))
    repl.say(f"{provider.name} is asked for {wanted}", Tone.DIM)


def owner(repl: Repl, model: str) -> ProviderSettings:
    """Return the provider that a model belongs to."""
    chain, session = repl.chain, repl.session
    given = session.owners.get(model)
    for one in chain.providers:
        if one.name == given:
            return one
    with_it = [one for one in chain.configured if one.model == model and one.name in chain.names]
    with_it += [one for one in chain.providers if any(listed.id == model for listed in chain.listed(one))]
    return chain.provider(with_it[0].name) if with_it else chain.providers[chain.first(session, repl.now())]


async def _doubt(repl: Repl, provider: ProviderSettings, wanted: str) -> None:
    """Refuse, once, a name that the provider's list lacks. Raises `InputError`."""
    listed = await _list_of(repl, provider)
    doubt = (provider.name, wanted)
    if not listed or wanted in listed or wanted == provider.model or repl.session.doubted == doubt:
        repl.session.doubted = None
        return
    repl.session.doubted = doubt
    near = get_close_matches(wanted, listed, n=3, cutoff=NEAR)
    meant = f"; did you mean {' or '.join(near)}?" if near else "."
    raise InputError(f"{provider.name} does not list {wanted!r}{meant} Say it once more to use it anyway")


async def _list_of(repl: Repl, provider: ProviderSettings) -> Sequence[str]:
    """Return the names of a provider's models; empty if unknown."""
    from fallback_chat.core.config.model_cache import list_models

    opened = await repl.opened()
    if opened is None:
        return ()
    try:
        found = await repl.interruptible(list_models(repl.chain.llm(opened, provider.name), provider, opened.models()))
    except APIError:
        return ()
    opened.models().save()
    return [each.id for each in found or ()]


def models(repl: Repl) -> Iterable[Choice]:
    """Return the models of all providers, as far as their lists are known."""
    choices = {}
    for entry, one in zip(repl.chain.entries(repl.session, repl.now()), repl.chain.providers, strict=True):
        windows = {each.id: each.context_window for each in repl.chain.listed(one)}
        for name in dict.fromkeys((one.model, *windows)):
            window = f" · {count(windows[name] or 0)} tokens" if windows.get(name) else ""
            now = " · asked now" if name == one.model else ""
            choices[one.name, name] = Choice(f"{one.name} {name}", f"{entry.word}{window}{now}", is_final=True)
    return choices.values()


ROW: Final = Command("model", "show or change the model", model, "[[PROVIDER] NAME]", ("models",), models, picks=True)
