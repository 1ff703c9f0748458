"""Reachability of a provider's server, by a request without a key or a question."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from fallback_chat.core.errors import APIError, APITimeoutError
from fallback_chat.core.llm import Reach
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.http.proxies import Proxies
from fallback_chat.providers.http.tls import trusted
from fallback_chat.providers.wire.dialect import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.core.config.settings import ProviderSettings


async def reach(
    providers: Sequence[ProviderSettings], seconds: float, environ: Mapping[str, str] = os.environ
) -> list[Reach]:
    """Connect to the servers of `providers`, all at once, within so many seconds."""
    engine = HttpEngine(environ=environ)
    try:
        return await asyncio.gather(*(_reach(engine, one, seconds, environ) for one in providers))
    finally:
        await engine.aclose()


async def _reach(engine: HttpEngine, provider: ProviderSettings, seconds: float, environ: Mapping[str, str]) -> Reach:
    url = provider.base_url
    if not url:
        return Reach()
    found = Reach()
    try:
        found = _way(provider, url, environ)
        async with asyncio.timeout(seconds):
            sent = await engine.send(HttpRequest("GET", url, ()), provider)
            await sent.response.aclose()
    except TimeoutError:
        return found._replace(
            error=APITimeoutError(f"nothing for {seconds:.3g} s", hint="check base_url, the proxy and the network")
        )
    except APIError as error:
        return found._replace(error=error)
    return found._replace(connect=sent.connect, status=sent.response.status_code)


def _way(provider: ProviderSettings, url: str, environ: Mapping[str, str]) -> Reach:
    proxy = Proxies(environ).of(url, provider.proxy)
    if url.startswith("http://") and proxy is None:
        return Reach()
    place, named_by = trusted(environ)
    more = f", and {provider.ca_file} (ca_file)" if provider.ca_file else ""
    return Reach(f"{proxy.origin} ({proxy.named_by})" if proxy else None, f"{place} ({named_by}){more}")
