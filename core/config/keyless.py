"""The stand-in for a provider without its key: unreadable, or yet to be printed by a command."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.config.keys import SlowKeyError
from fallback_chat.core.errors import NO_KEY, APIError, APIStatusError, ConfigError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import LLM, LLMStream, ProbeReport
from fallback_chat.core.loop_lock import LoopLock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fallback_chat.core.config.key_command import KeyCommand, Launch, Start
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import ChatChunk, ChatOptions, ModelInfo


COMMAND_PAUSE: Final = 60.0
"""Seconds before a failed key command is worth running again: an agent was locked, or the network
was down."""


def no_key(error: ConfigError, *, by_command: bool) -> APIError:
    """Return the failure of a provider whose key cannot be read; no request is sent for it."""
    slow = isinstance(error, SlowKeyError)
    return APIStatusError(
        error.problems[0].message,
        kind=ErrorKind.TIMEOUT if slow else ErrorKind.AUTH,
        words="got no key in time" if slow else "has no key",
        details=ErrorDetails(code=NO_KEY, retryable=False, retry_after=COMMAND_PAUSE if by_command else None),
        hint="run the key command by hand: it must not ask on the terminal, and can take attempt_timeout at most"
        if slow
        else "fallback-chat config explain shows more",
    )


class _Commands:
    """Key commands started by one thread and stopped by another, even while they start."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: list[KeyCommand] = []
        self._stopped = False

    def launch(self, start: Start) -> KeyCommand:
        """Start a command. Raises CancelledError after `stop`."""
        with self._lock:
            if self._stopped:
                raise asyncio.CancelledError
            command = start()
            self._running.append(command)
            return command

    def stop(self) -> None:
        """Kill the running commands and start no more."""
        with self._lock:
            self._stopped = True
            for command in self._running:
                command.kill()


class Keyless(LLM):
    """Asks `find` for the key on first use and has `create` build the real provider with it.

    Questions that need no key are answered by another provider built without one. `find` runs in a
    thread, one call at a time, with a function through which it starts commands:
    cancelling kills them. So `api_key_cmd` never runs for a provider that nobody asks, and its time
    counts as the attempt's.
    """

    def __init__(
        self,
        settings: ProviderSettings,
        find: Callable[[Launch], str | None],
        create: Callable[[str | None], LLM],
    ) -> None:
        self._settings = settings
        self._find = find
        self._create = create
        self._found: LLM | None = None
        self._face: LLM | None = None
        self._finding = LoopLock()

    @property
    def label(self) -> str:
        """The name in fallback.toml."""
        return self._settings.name

    @property
    def kind(self) -> str:
        """The wire format."""
        return self._settings.kind

    @property
    def model(self) -> str:
        """The model's name at the provider."""
        return self._settings.model

    @property
    def known(self) -> LLM:
        """The real provider, or the same without a key, which must not be asked."""
        if self._found is None and self._face is None:
            self._face = self._create(None)
        known = self._found or self._face
        assert known is not None
        return known

    @property
    def names_model(self) -> bool:
        """Whether the server knows the model by the name of the model."""
        return self.known.names_model

    @property
    def machine(self) -> str | None:
        """Host and port, or `local`."""
        return self.known.machine

    @property
    def context_window(self) -> int | None:
        """The number of tokens that fit into one conversation, or None if unknown."""
        return self.known.context_window

    def thinks_silently(self, options: ChatOptions | None = None) -> str | None:
        """Return why the model may be silent before its answer, or None if it should not."""
        return self.known.thinks_silently(options)

    async def found(self) -> LLM:
        """Return the real provider. Raises `APIError` if its key cannot be read."""
        async with self._finding.here():
            if self._found is None:
                commands = _Commands()
                try:
                    # In a thread: the command may wait for its user to unlock something.
                    key = await asyncio.to_thread(self._find, commands.launch)
                except ConfigError as error:
                    by_command = self._settings.key is not None and self._settings.key.cmd is not None
                    raise no_key(error, by_command=by_command) from error
                finally:
                    commands.stop()  # the result is no longer awaited
                self._found = self._create(key)
            return self._found

    def chat(self, **arguments: Any) -> LLMStream:
        """Start an answer; the key is read with the first chunk requested."""
        return _KeylessStream(self, arguments)

    def learn(self, models: Iterable[ModelInfo]) -> None:
        """Pass on what a list says about the model."""
        self.known.learn(models)

    def prewarm(self) -> None:
        """Connect if the key is known; reading it is not for the background."""
        if self._found is not None:
            self._found.prewarm()

    async def list_models(self) -> Sequence[ModelInfo]:
        """Return the provider's models. Raises `APIError`."""
        return await (await self.found()).list_models()

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        """Check the provider, including its key."""
        try:
            llm = await self.found()
        except APIError as error:
            return ProbeReport(ok=False, check="none", error=error)
        return await llm.probe(light=light, timeout=timeout)

    async def aclose(self) -> None:
        """Close the connections, if any."""
        for llm in (self._found, self._face):
            if llm is not None:
                await llm.aclose()


class _KeylessStream(LLMStream):
    def __init__(self, owner: Keyless, arguments: dict[str, Any]) -> None:
        self._owner = owner
        self._arguments = arguments
        self._stream: LLMStream | None = None

    async def __anext__(self) -> ChatChunk:
        if self._stream is None:
            self._stream = (await self._owner.found()).chat(**self._arguments)
        try:
            return await self._stream.__anext__()
        finally:
            self.notices = self._stream.notices

    async def aclose(self) -> None:
        if self._stream is not None:
            await self._stream.aclose()
