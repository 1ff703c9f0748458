"""The composition root: from settings to a chain.

Only this module, `configuring`, which finds the settings, and `sharing`, which chooses the store of
its health, name providers.
"""

from __future__ import annotations

import asyncio
import logging
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.configuring import configure, own_paths
from fallback_chat.core.checks import check_type
from fallback_chat.core.config.keys import at_once, key_variables, read_key
from fallback_chat.core.config.overrides import Overrides
from fallback_chat.core.config.secrets import findable, secret_values
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.health import MemoryHealthStore
from fallback_chat.core.errors import ConfigError
from fallback_chat.core.redaction import Redactor
from fallback_chat.core.storage.files import exists
from fallback_chat.providers import load
from fallback_chat.sharing import labels_of, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from fallback_chat.core.config.key_command import Launch
    from fallback_chat.core.config.model_cache import ModelCache
    from fallback_chat.core.config.settings import ProviderSettings, Settings
    from fallback_chat.core.engine.breaker import Health
    from fallback_chat.core.engine.budget import Budget
    from fallback_chat.core.llm import LLM, Reach
    from fallback_chat.providers.http.engine import HttpEngine
    from fallback_chat.providers.simulator.rehearsal import Outages

logger = logging.getLogger(__name__)


class OpenChain(NamedTuple):
    """A chain that is ready for use."""

    adapter: FallbackAdapter
    settings: Settings
    redactor: Redactor
    """Knows every secret that the chain uses, and learns those that key commands print later."""
    models: Callable[[], ModelCache]
    """Opens the cache of the providers' lists of models."""


async def reach(providers: Sequence[ProviderSettings], seconds: float) -> list[Reach]:
    """Connect to the servers of `providers` without a key, all at once, within so many seconds."""
    from fallback_chat.providers.http.reach import reach as run

    return await run(providers, seconds)


def open_chain(
    settings: Settings,
    records: dict[str, Health] | None = None,
    *,
    share_health: bool = True,
    chaos: Outages | None = None,
    warn: Callable[[str], object] = logger.warning,
) -> OpenChain:
    """Build the chain of the enabled providers; no network is touched and no command run.

    `records` carry health from one chain of this process to the next; with `share_health` other
    processes see it as well. `warn` receives a message if that is impossible. In a rehearsal the
    providers of `chaos` fail for a while: nobody else learns of that. Raises `InputError` for what
    it cannot mean.
    """
    from fallback_chat.providers.http.engine import HttpEngine

    engine = HttpEngine()
    redactor = Redactor(secret_values(settings, os.environ))
    variables = key_variables(settings)
    enabled = [one for one in settings.providers if one.enabled]
    paths = own_paths()

    @cache
    def models() -> ModelCache:
        from fallback_chat.core.config.model_cache import ModelCache

        return ModelCache(paths.models_file, redactor.redact)

    def teach(llm: LLM, provider: ProviderSettings) -> None:
        if exists(paths.models_file):  # most runs of `ask` have no list to learn from, and skip the import
            models().teach(llm, provider)

    llms = [_provider(one, engine, redactor, variables, teach) for one in enabled]
    if chaos is not None:
        llms = _rehearsed(llms, enabled, chaos, engine, warn)
    labels = labels_of(enabled, os.environ)
    adapter = FallbackAdapter(
        llms,
        settings=settings.chain,
        attempt_settings=[one.attempt for one in enabled],
        close_llms=True,
        keys=tuple(labels),
        store=open_store(settings.health_url, paths.health_db, labels, records, warn)
        if share_health and chaos is None
        else MemoryHealthStore(records),
    )
    return OpenChain(adapter, settings, redactor, models)


def _rehearsed(
    llms: Sequence[LLM],
    providers: Sequence[ProviderSettings],
    chaos: Outages,
    engine: HttpEngine,
    warn: Callable[[str], object],
) -> list[LLM]:
    """Return `llms`, of which those that `chaos` names meet a fault of the simulator."""
    from fallback_chat.providers.simulator.rehearsal import Rehearsed, stand_in

    outages = chaos.among([one.name for one in providers], warn)

    def rehearsed(llm: LLM, settings: ProviderSettings) -> LLM:
        outage = outages.get(settings.name)
        if outage is None:
            return llm

        def make(url: str) -> LLM:
            simulated = stand_in(settings, url)
            return load(simulated.kind).create(simulated, api_key="rehearsal", http=engine)

        return Rehearsed(llm, outage, make)

    return [rehearsed(llm, settings) for llm, settings in zip(llms, providers, strict=True)]


def demo_stage() -> AbstractContextManager[Path]:
    """Return a context manager that runs the demo's providers and yields their fallback.toml."""
    from fallback_chat.providers.simulator.stage import stage

    return stage()


def budgets(settings: Settings, *, share_health: bool = True) -> dict[str, Budget]:
    """Return the time limit of each provider to start answering, and its reason. No network."""

    async def look() -> dict[str, Budget]:
        async with open_chain(settings, share_health=share_health).adapter as adapter:
            await adapter.refresh_health()
            return {llm.label: adapter.budget(llm) for llm in adapter.llms}

    return asyncio.run(look())


def load_chain(path: str | os.PathLike[str] | None = None) -> FallbackAdapter:
    """Return the chain of a fallback.toml, by default the one that the command line would use.

    `FALLBACK_CHAT_…` variables apply. It reads files and, if there are none, looks for local
    servers: for up to a second, during which an event loop would block. Close it with `async with`
    or `aclose()`. Raises `ConfigError` with every mistake in the file.
    """
    check_type("path", path, str, os.PathLike, none=True)
    return open_chain(configure(Path(path) if path is not None else None, Overrides())).adapter


def _provider(
    settings: ProviderSettings,
    engine: HttpEngine,
    redactor: Redactor,
    variables: frozenset[str],
    teach: Callable[[LLM, ProviderSettings], None],
) -> LLM:
    def find(launch: Launch = at_once) -> str | None:
        return read_key(settings, os.environ, key_variables=variables, launch=launch)

    def create(key: str | None) -> LLM:
        if key is not None:
            redactor.add(*findable([key]))
        llm = load(settings.kind).create(settings, api_key=key, http=engine)
        teach(llm, settings)
        return llm

    if settings.key is None or settings.key.cmd is None:
        try:
            return create(find())
        except ConfigError:
            pass  # reported when this provider is asked
    from fallback_chat.core.config.keyless import Keyless

    return Keyless(settings, find, create)
