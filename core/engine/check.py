"""One health check of one provider, bounded in time, that never raises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fallback_chat.core.errors import APIError, APITimeoutError, ErrorKind
from fallback_chat.core.llm import ProbeReport

if TYPE_CHECKING:
    from fallback_chat.core.llm import LLM


async def check(llm: LLM, seconds: float, *, light: bool) -> ProbeReport:
    """Probe a provider within `seconds`; `light` only asks for its list of models."""
    try:
        async with asyncio.timeout(seconds):
            return await llm.probe(light=light, timeout=seconds)
    except TimeoutError:
        error: APIError = APITimeoutError(f"nothing within {seconds:g} s")
    except Exception as bug:  # noqa: BLE001 - somebody's own LLM may raise anything
        error = APIError(f"{type(bug).__name__}: {bug}", kind=ErrorKind.BUG)
    return ProbeReport(ok=False, check="models" if light else "completion", total=seconds, error=error)
