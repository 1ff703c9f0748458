"""`fallback-chat models`: the providers' models, from a day-old cache or the live list."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.cli.commands.opening import open_named
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.loop import run_until_signal
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.sinks.answer_object import dump
from fallback_chat.cli.words.amounts import counted
from fallback_chat.cli.words.failures import sentence
from fallback_chat.core.answer_json import attempt_error, redacted
from fallback_chat.core.config.model_cache import list_models
from fallback_chat.core.errors import APIError, ErrorKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.core.attempts import AttemptRecord
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import LLM, ModelInfo
    from fallback_chat.wiring import OpenChain

MODELS_SCHEMA: Final = "fallback-chat.models/1"
NEAREST_TIMEOUT: Final = 2.0
"""Seconds; a hint is not worth a longer wait."""


class ModelsOptions(NamedTuple):
    """The options of `models` alone."""

    names: tuple[str, ...] = ()
    json: bool = False
    refresh: bool = False


class Listing(NamedTuple):
    """The models of one provider."""

    provider: str
    configured: str
    models: Sequence[ModelInfo]
    error: APIError | None = None


def models(options: ModelsOptions, shared: SharedOptions) -> int:
    """Print the models of each provider; return 0 if at least one list was available, else 69."""
    chain = open_named(options.names, shared)
    listings = collect(chain, refresh=options.refresh)
    found = any(listing.error is None for listing in listings)
    code = ExitCode.OK if found else ExitCode.UNAVAILABLE
    if options.json:
        value = {
            "schema": MODELS_SCHEMA,
            "providers": [_object(listing) for listing in listings],
            "exit_code": int(code),
        }
        sys.stdout.write(dump(redacted(value, chain.redactor.redact)))
    else:
        for line in _lines(listings):
            say(sys.stdout, chain.redactor.redact(line))
    return code


def collect(chain: OpenChain, *, refresh: bool) -> list[Listing]:
    """Ask all providers at once, or the cache."""
    listings: list[Listing] = []

    async def ask_all() -> int:
        async with chain.adapter as adapter:
            enabled = [one for one in chain.settings.providers if one.enabled]
            asked = zip(adapter.llms, enabled, strict=True)
            listings.extend(
                await asyncio.gather(*(_listing(chain, llm, settings, refresh=refresh) for llm, settings in asked))
            )
        return 0

    run_until_signal(ask_all)
    chain.models().save()
    return listings


async def _listing(chain: OpenChain, llm: LLM, settings: ProviderSettings, *, refresh: bool) -> Listing:
    try:
        found = await list_models(llm, settings, chain.models(), refresh=refresh)
    except APIError as error:
        return Listing(llm.label, llm.model, (), error)
    except Exception as bug:  # noqa: BLE001 - whatever it is, the other lists are worth printing
        return Listing(llm.label, llm.model, (), APIError(f"{type(bug).__name__}: {bug}", kind=ErrorKind.BUG))
    return Listing(llm.label, llm.model, found)


async def nearest_models(chain: OpenChain, attempts: Iterable[AttemptRecord]) -> list[str]:
    """Return a line for each provider that does not know its model, with similar names it lists."""
    by_label = {llm.label: llm for llm in chain.adapter.llms}
    unknown = [one for one in attempts if one.error is not None and one.error.kind is ErrorKind.MODEL_NOT_FOUND]
    lines = []
    for attempt in unknown:
        with suppress(Exception):  # advice never makes an answer fail
            async with asyncio.timeout(NEAREST_TIMEOUT):
                names = [model.id for model in await by_label[attempt.provider].list_models() if not model.retired]
            if close := get_close_matches(attempt.model, names, n=3, cutoff=0.4):
                lines.append(f"{attempt.provider} has {', '.join(close)}")
    return lines


def _object(listing: Listing) -> dict[str, Any]:
    return {
        "name": listing.provider,
        "model": listing.configured,
        "models": [asdict(model) for model in listing.models],
        "error": attempt_error(listing.error),
    }


def _lines(listings: Iterable[Listing]) -> Iterable[str]:
    for listing in listings:
        if listing.error is not None:
            yield sentence(listing.provider, listing.error)
            continue
        yield f"{listing.provider} ({counted(len(listing.models), 'model')})"
        width = max((len(model.id) for model in listing.models), default=0)
        for model in sorted(listing.models, key=lambda model: model.id):
            mark = "*" if model.id == listing.configured else " "
            window = f"{model.context_window} tokens" if model.context_window else ""
            able = "retired" if model.retired else " ".join(model.capabilities)
            yield f"{mark} {model.id.ljust(width)}  {window}  {able}".rstrip()
