"""Rehearsing an outage: requests to one of the user's providers meet a fault for a while."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import ExitStack
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.errors import InputError
from fallback_chat.core.llm import LLM
from fallback_chat.providers.simulator.faults import FAULTS
from fallback_chat.providers.simulator.server import closed_port, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fallback_chat.core.chat_context import ChatContext
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import ChatOptions, LLMStream, ModelInfo, ProbeReport

REFUSED: Final = "refused"
"""The one fault without a server: nothing listens on the port."""
NICKNAMES: Final = {"hang": "silence", "stall": "token-silence", "cut": "token-close", "down": "503"}
"""Short names of faults for those who do not know the table by heart."""
V1: Final = ("openai", "openai-responses")
"""The kinds whose base URL ends in /v1."""
_LIMIT: Final = re.compile(r"(first|until)\s*=\s*(.*)")
_REQUESTS: Final = re.compile(r"[1-9][0-9]{0,5}")
_SECONDS: Final = re.compile(r"(?=.*[1-9])([0-9]{1,6}(\.[0-9]{1,3})?)s?")


class Rehearsal(NamedTuple):
    """The fault of one provider, and its duration; without a limit, for ever."""

    name: str
    """As the user wrote it: a status, a nickname, or a fault of the table."""
    first: int | None = None
    """Requests that meet it."""
    until: float | None = None
    """Seconds from the start for which it lasts."""

    def __str__(self) -> str:
        limits = []
        if self.first is not None:
            limits += [f"its first {self.first} requests" if self.first != 1 else "its first request"]
        limits += [f"{self.until:g} s"] if self.until is not None else []
        return f"{self.name} for {' or '.join(limits)}" if limits else self.name


class Outage:
    """A fault that has begun; it goes on in whichever chain its provider is."""

    def __init__(self, fault: Rehearsal, clock: Callable[[], float]) -> None:
        self.fault = fault
        self._clock = clock
        self._began = clock()
        self._requests = 0

    def is_met(self) -> bool:
        """Count one more request, and return whether it meets the fault."""
        number, self._requests = self._requests, self._requests + 1
        over = (self.fault.first is not None and number >= self.fault.first) or (
            self.fault.until is not None and self._clock() - self._began >= self.fault.until
        )
        return not over


class Outages:
    """The outages of one run, as `--chaos` describes them in `text`; `clock` is in seconds."""

    def __init__(self, text: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._text = text
        self._clock = clock
        self._begun: dict[str, Outage] = {}

    def among(self, names: Sequence[str], tell: Callable[[str], object]) -> Mapping[str, Outage]:
        """Return the outages in a chain of `names`, by name; new ones begin now and are told.

        Raises `InputError`, with a correction.
        """
        for name, fault in read_faults(self._text, names).items():
            if name not in self._begun:
                self._begun[name] = Outage(fault, self._clock)
                tell(f"rehearsal: {name} meets {fault}")
        return self._begun


def read_faults(text: str, names: Sequence[str]) -> dict[str, Rehearsal]:
    """Parse `NAME=FAULT[,first=N][,until=S],…` for a chain of `names`.

    Raises `InputError`, with a correction.
    """
    faults: dict[str, Rehearsal] = {}
    last = ""
    for part in map(str.strip, text.split(",")):
        if last and (limit := _LIMIT.fullmatch(part)):
            faults[last] = _limited(faults[last], limit[1], limit[2])
            continue
        name, equals, fault = part.rpartition("=")
        if not equals:
            raise InputError(f"--chaos: write NAME=FAULT, and after it first=N or until=S, not {part!r}")
        last = name.strip()
        if last not in names:
            raise InputError(f"--chaos: no provider is called {last!r}; there are {', '.join(names)}")
        faults[last] = Rehearsal(_fault(fault.strip()))
    return faults


def _fault(name: str) -> str:
    known = [*NICKNAMES, REFUSED, *FAULTS]
    if name in known:
        return name
    meant = get_close_matches(name, known, n=3, cutoff=0.7) or [*NICKNAMES, REFUSED, "429", "late"]
    raise InputError(f"--chaos: no fault is called {name!r}: write an HTTP status, or {', '.join(meant)}")


def _limited(fault: Rehearsal, limit: str, value: str) -> Rehearsal:
    if limit == "first" and _REQUESTS.fullmatch(value):
        return fault._replace(first=int(value))
    if limit == "until" and (seconds := _SECONDS.fullmatch(value)):
        return fault._replace(until=float(seconds[1]))
    what = "a number of requests, 1 or more" if limit == "first" else "a number of seconds"
    raise InputError(f"--chaos: {limit} must be {what}, not {value!r}")


class Rehearsed(LLM):
    """`real`, or during `outage` the provider that `make` returns for a simulator's address."""

    def __init__(self, real: LLM, outage: Outage, make: Callable[[str], LLM]) -> None:
        self._real = real
        self._outage = outage
        self._make = make
        self._servers = ExitStack()
        self._stand_in: LLM | None = None

    @property
    def label(self) -> str:
        """The provider's own."""
        return self._real.label

    @property
    def kind(self) -> str:
        """The provider's own."""
        return self._real.kind

    @property
    def model(self) -> str:
        """The provider's own."""
        return self._real.model

    @property
    def machine(self) -> str | None:
        """The provider's own."""
        return self._real.machine

    @property
    def context_window(self) -> int | None:
        """The provider's own."""
        return self._real.context_window

    def thinks_silently(self, options: ChatOptions | None = None) -> str | None:
        """Return what the provider says of itself."""
        return self._real.thinks_silently(options)

    def learn(self, models: Iterable[ModelInfo]) -> None:
        """Let the provider learn."""
        self._real.learn(models)

    def chat(self, *, chat_ctx: ChatContext, **arguments: Any) -> LLMStream:
        """Start an answer, of whoever is to be asked now."""
        return self._next().chat(chat_ctx=chat_ctx, **arguments)

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        """Check whoever is to be asked now."""
        return await self._next().probe(light=light, timeout=timeout)

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the models of whoever is to be asked now."""
        return await self._next().list_models()

    async def aclose(self) -> None:
        """Close the provider, and end the simulator."""
        try:
            await self._real.aclose()
            if self._stand_in is not None:
                await self._stand_in.aclose()
        finally:
            await asyncio.to_thread(self._servers.close)

    def _next(self) -> LLM:
        if not self._outage.is_met():
            return self._real
        if self._stand_in is None:
            name = self._outage.fault.name
            if name == REFUSED:
                url = f"http://127.0.0.1:{closed_port()}"
            else:
                url = self._servers.enter_context(running(NICKNAMES.get(name, name))).url
            self._stand_in = self._make(url)
        return self._stand_in


def stand_in(settings: ProviderSettings, url: str) -> ProviderSettings:
    """Return the settings of a provider served by the simulator at `url`.

    Nothing of the user's account is left in them.
    """
    kind = "openai" if settings.kind == "guide" else settings.kind  # the guide has no server that could fail
    base_url = f"{url}/v1" if kind in V1 else url
    return replace(
        settings, kind=kind, base_url=base_url, key=None, preset=None, proxy="none", headers=(), ca_file=None
    )
