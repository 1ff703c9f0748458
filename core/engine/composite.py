"""A chain as an LLM: the properties, models and checks that it derives from its members."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from fallback_chat.core.attempts import AllProvidersFailed, AttemptRecord, Outcome
from fallback_chat.core.checks import check_seconds, check_type, several
from fallback_chat.core.engine.check import check
from fallback_chat.core.engine.wellformed import named
from fallback_chat.core.errors import APIError
from fallback_chat.core.events import State
from fallback_chat.core.llm import LLM, ModelInfo, ProbeReport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fallback_chat.core.engine.health import HealthBoard
    from fallback_chat.core.engine.order import Candidate
    from fallback_chat.core.llm import ChatOptions

_NOTHING: Final = "none"
"""The check of an LLM that has none; it proves nothing either way."""


class Composite(LLM):
    """An LLM made of others; a subclass decides which is asked, and when."""

    _candidates: Sequence[Candidate]
    _board: HealthBoard

    @property
    @abstractmethod
    def active(self) -> LLM:
        """The provider that would be asked now."""

    @abstractmethod
    def note_check(self, llm: LLM, error: APIError | None) -> None:
        """Record the result of a provider's health check."""

    @property
    def label(self) -> str:
        """The names of the chain's members, in order."""
        return " → ".join(candidate.llm.label for candidate in self._candidates)

    @property
    def kind(self) -> str:
        """The kind of every chain."""
        return "fallback"

    @property
    def model(self) -> str:
        """The model of the provider that would be asked now."""
        return self.active.model

    @property
    def provider(self) -> str:
        """The name of the provider that would be asked now."""
        return self.active.provider

    @property
    def context_window(self) -> int | None:
        """Tokens that fit into the largest window, or None if one of them is unknown."""
        windows = [candidate.llm.context_window for candidate in self._candidates]
        return None if None in windows else max(window for window in windows if window is not None)

    def thinks_silently(self, options: ChatOptions | None = None) -> str | None:
        """Return why one of the members may be silent for long, or None if none should."""
        reasons = (candidate.llm.thinks_silently(options) for candidate in self._candidates)
        return next((reason for reason in reasons if reason is not None), None)

    def learn(self, models: Iterable[ModelInfo]) -> None:
        """Let each member learn what the list says about its model."""
        models = tuple(models)
        for candidate in self._candidates:
            candidate.llm.learn(models)

    def prewarm(self) -> None:
        """Open a connection to the provider that would be asked now, in the background."""
        self.active.prewarm()

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        """Check the members in order until one can serve; each result counts for its health."""
        check_type("light", light, bool)
        check_seconds("timeout", timeout, none=True)
        return await _first_that_can_serve(self._enabled, self.note_check, light=light, timeout=timeout)

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of all members, each once.

        Raises `AllProvidersFailed` if none could be asked.
        """
        return await _models_of(self._enabled)

    @property
    def _enabled(self) -> list[Candidate]:
        return [one for one in self._candidates if self._board.read(one.key).state is not State.DISABLED]


async def _first_that_can_serve(
    candidates: Sequence[Candidate],
    note: Callable[[LLM, APIError | None], None],
    *,
    light: bool,
    timeout: float | None,  # noqa: ASYNC109 - shared among those that are asked
) -> ProbeReport:
    """Probe one candidate after the other until one can serve; pass each result to `note`.

    If none can, the report carries `AllProvidersFailed`. Each may take an equal share of what is
    left of `timeout`.
    """
    now = asyncio.get_running_loop().time
    began = now()
    records: list[AttemptRecord] = []
    tried = _NOTHING
    for position, candidate in enumerate(candidates):
        left = None if timeout is None else max(timeout - (now() - began), 0.0) / (len(candidates) - position)
        started = now()
        report = await check(candidate.llm, left, light=light)
        if report.check != _NOTHING or not report.ok:
            note(candidate.llm, report.error)
        if report.ok:
            return report
        tried = report.check
        records.append(_failed(candidate, report.error, now() - started))
    return ProbeReport(ok=False, check=tried, total=now() - began, error=AllProvidersFailed(records))


async def _models_of(candidates: Sequence[Candidate]) -> tuple[ModelInfo, ...]:
    """Return the models of all providers, each once; those without a list are left out.

    Raises `AllProvidersFailed` if none of them could be asked.
    """
    now = asyncio.get_running_loop().time
    began = now()
    found: dict[str, ModelInfo] = {}
    records: list[AttemptRecord] = []
    lists = await asyncio.gather(*(_models(one) for one in candidates))
    for candidate, listed in zip(candidates, lists, strict=True):
        if not isinstance(listed, APIError):
            for model in listed:
                found.setdefault(model.id, model)
            continue
        records.append(_failed(candidate, listed, now() - began))
    if records and len(records) == len(candidates):
        raise AllProvidersFailed(records)
    return tuple(found.values())


async def _models(candidate: Candidate) -> tuple[ModelInfo, ...] | APIError:
    try:
        return several("list_models()", await candidate.llm.list_models(), ModelInfo)
    except Exception as error:  # noqa: BLE001 - a third-party LLM may raise anything
        return named(error, candidate.llm, committed=False)


def _failed(candidate: Candidate, error: APIError | None, elapsed: float) -> AttemptRecord:
    llm = candidate.llm
    return AttemptRecord(candidate.name, llm.kind, llm.model, Outcome.FAILED, error, elapsed=elapsed)
