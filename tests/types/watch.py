"""A plug-in for pytest: every request that a test builds is held against the vendors' types, whatever the test is about.

What the user adds (`extra_body`, keys of a call) is the user's own business, and so are servers that no client has types for.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.providers.wire.quirks import preset_of
from fallback_chat.providers.wire.request import with_extras
from tests.types.vendors import refused, server_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.wire.dialect import ChatRequest

DIALECTS = ("openai", "openai_responses", "anthropic", "gemini", "ollama")


@pytest.fixture(autouse=True)
def _every_request_is_of_the_vendors_types(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    found: list[tuple[list[str], Any]] = []

    def watched(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
        settings = replace(request.settings, extra_body={})
        ours = with_extras(body, replace(request, extra={}, settings=settings))
        server = server_of(request.settings.kind, preset_of(request.settings))
        # What a server has said by name it wants, and wants not, is its own matter; so is what Google puts beside a call.
        special = request.dropped or request.renamed or request.reasoning_required or "extra_content" in repr(ours)
        if server is not None and not special and (wrong := refused(server, ours)):
            found.append((wrong, ours))
        return with_extras(body, request)

    for name in DIALECTS:
        monkeypatch.setattr(import_module(f"fallback_chat.providers.{name}"), "with_extras", watched)
    yield
    assert found == []
