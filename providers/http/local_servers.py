"""Finds the servers running on this machine, and a chat model on each."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.providers import load
from fallback_chat.providers.http.engine import HttpEngine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.core.config.services import Service

CONNECT_TIMEOUT: Final = 0.05
LIST_TIMEOUT: Final = 1.0
"""Seconds; a local server answers at once or is of no use."""


def first_models(services: Sequence[Service]) -> Mapping[str, str]:
    """Return the first model that each local server lists; a silent server is left out."""
    running = [service for service in services if _listens(service.base_url)]
    if not running:
        return {}
    # In a thread, because `load_chain` may be called inside a running loop.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _first_models(running)).result()


def _listens(base_url: str) -> bool:
    parts = urlsplit(base_url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), CONNECT_TIMEOUT):
            return True
    except (OSError, ValueError):
        return False


async def _first_models(services: Sequence[Service]) -> Mapping[str, str]:
    engine = HttpEngine()

    async def ask(service: Service) -> str:
        settings = ProviderSettings(name=service.name, kind=service.kinds[0], model="", base_url=service.base_url)
        llm = load(settings.kind).create(settings, api_key=None, http=engine)
        async with asyncio.timeout(LIST_TIMEOUT), llm:
            return next((model.id for model in await llm.list_models() if "embed" not in model.id.lower()), "")

    found = await asyncio.gather(*map(ask, services), return_exceptions=True)
    return {
        service.name: model for service, model in zip(services, found, strict=True) if isinstance(model, str) and model
    }
