"""What all requests have in common: the address, the headers, and the user's own keys on top of the body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fallback_chat._version import __version__
from fallback_chat.core.services import by_kind
from fallback_chat.providers._dialect import join_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.core.settings import ProviderSettings
    from fallback_chat.providers._dialect import ChatRequest


def url_of(settings: ProviderSettings, path: str) -> str:
    """Give the URL of `path` at an entry's server; without a base URL, at the vendor's whose format it is."""
    service = by_kind(settings.kind)
    return join_url(settings.base_url or (service.base_url if service else ""), path)


def json_headers(settings: ProviderSettings, accept: str, auth: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Give the headers of a request; those of fallback.toml replace ours of the same name.

    `identity` is asked for because some proxies collect a whole answer in order to compress it.
    """
    own = {
        "accept": accept,
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": f"fallback-chat/{__version__}",
        **auth,
    }
    return tuple((own | {name.lower(): value for name, value in settings.headers}).items())


def with_extras(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    """Give `body` without what the server has rejected, and with `extra_body` merged in last."""
    kept = {
        key: {k: v for k, v in value.items() if f"{key}.{k}" not in request.dropped}
        if isinstance(value, dict)
        else value
        for key, value in body.items()
        if key not in request.dropped
    }
    return merge(merge(kept, request.settings.extra_body), request.extra)


def merge(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `extra` over `body`; objects are merged key by key, everything else is replaced."""
    merged = dict(body)
    for key, value in extra.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged
