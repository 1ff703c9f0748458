"""One health check of one provider, bounded in time, that never raises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fallback_chat.core.engine.wellformed import named
from fallback_chat.core.errors import APIError, APITimeoutError, ErrorKind
from fallback_chat.core.llm import ProbeReport

if TYPE_CHECKING:
    from fallback_chat.core.llm import LLM


async def check(llm: LLM, seconds: float | None, *, light: bool) -> ProbeReport:
    """Probe a provider within `seconds`, if given; `light` only asks for its list of models.

    Anything that a third-party LLM does instead of reporting is a failure of its own.
    """
    now = asyncio.get_running_loop().time
    began = now()
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            report = await llm.probe(light=light, timeout=seconds)
    except Exception as raised:  # noqa: BLE001 - a third-party LLM may raise anything
        late = APITimeoutError(f"nothing within {seconds:.3g} s") if limit.expired() else None
        error = late or named(raised, llm, committed=False)
    else:
        if not isinstance(report, ProbeReport):
            error = APIError(f"probe() must return ProbeReport, not {type(report).__name__}", kind=ErrorKind.BUG)
        elif report.ok or report.error is not None:
            return report
        else:
            error = APIError("the check failed, and does not say why")
    return ProbeReport(ok=False, check="models" if light else "completion", total=now() - began, error=error)
