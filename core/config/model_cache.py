"""The providers' lists of models, kept for a day."""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.config.keys import account
from fallback_chat.core.errors import APITimeoutError, ConfigError
from fallback_chat.core.json_text import loads
from fallback_chat.core.llm import ModelInfo
from fallback_chat.core.storage.files import make_private_dir, read_own, write_own

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import LLM

MAX_BYTES: Final = 16 << 20
"""Bytes, more than all models of all providers take; a larger cache counts as empty."""
FRESH: Final = 24 * 3600.0
TIMEOUT: Final = 10.0


class ModelCache:
    """A cache file of model lists, which may be lost at any time.

    Each list belongs to the account that received it. `redact` removes known secrets from the names
    that a server gives its models.
    """

    def __init__(self, path: Path, redact: Callable[[str], str] = str) -> None:
        self._path = path
        self._redact = redact
        self._changed = False
        self._read: dict[str, Any] | None = None

    @property
    def _lists(self) -> dict[str, Any]:
        if self._read is None:
            self._read = {}
            with suppress(OSError, ValueError, RecursionError):
                stored = loads(read_own(self._path, MAX_BYTES).decode("utf-8"))
                self._read = stored if isinstance(stored, dict) else {}
        return self._read

    def get(self, provider: ProviderSettings, *, max_age: float = FRESH) -> Sequence[ModelInfo] | None:
        """Return a list unless it is missing, older than `max_age` seconds or unreadable."""
        if not self._lists:
            return None
        with suppress(KeyError, TypeError, ValueError, ConfigError):
            stored = self._lists[account(provider, os.environ)]
            if 0 <= time.time() - stored["at"] < max_age:
                return [
                    ModelInfo(str(name), window, tuple(able), *more) for name, window, able, *more in stored["models"]
                ]
        return None

    def put(self, provider: ProviderSettings, models: Sequence[ModelInfo]) -> None:
        """Remember a list."""
        listed = [
            (
                *(self._redact(one.id), one.context_window, list(map(self._redact, one.capabilities))),
                *(one.max_output_tokens, one.retired),
            )
            for one in models
        ]
        with suppress(ConfigError):  # the key has gone meanwhile
            self._lists[account(provider, os.environ)] = {"at": time.time(), "models": listed}
            self._changed = True

    def save(self) -> None:
        """Write the file if anything is new; failing to write the cache is ignored."""
        if self._changed:
            with suppress(OSError):
                make_private_dir(self._path.parent)
                write_own(self._path, json.dumps(self._lists).encode())

    def teach(self, llm: LLM, provider: ProviderSettings) -> None:
        """Pass on to a provider what a list, however old, says about its model.

        Old lists will do: a model changes neither its context window nor whether it reasons.
        """
        llm.learn(self.get(provider, max_age=math.inf) or ())


async def list_models(
    llm: LLM, provider: ProviderSettings, cache: ModelCache, *, refresh: bool = False
) -> Sequence[ModelInfo]:
    """Return a provider's list of models, from the cache unless `refresh` is set.

    Raises `APIError`, after 10 s at the latest.
    """
    known = None if refresh else cache.get(provider)
    if known is not None:
        return known
    try:
        async with asyncio.timeout(TIMEOUT):
            found = await llm.list_models()
    except TimeoutError:
        raise APITimeoutError(f"no list within {TIMEOUT:.0f} s") from None
    if found:
        cache.put(provider, found)
        llm.learn(found)
    return found
