"""The stage of `demo`: three simulated providers.

The first one fails, comes back slowly, and recovers.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from fallback_chat.providers.simulator.exchange import Manner
from fallback_chat.providers.simulator.server import Simulator, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.providers.simulator.schedule import Moment

OUTAGE: Final = 3.0
SLOW: Final = 20.0
CYCLE: Final = 60.0
LATE: Final = 1.4
"""Seconds to the first word of the slow primary: more than half of `ATTEMPT_TIMEOUT`."""
ATTEMPT_TIMEOUT: Final = 2.5
WELL: Final = (
    "I am **primary**, the first of three simulated providers. Nothing here leaves your machine.\n\n"
    "Ask me something else: I am about to be overloaded, and `backup` will answer instead."
)
SLOW_WORDS: Final = (
    "**primary** again, and slow: my first word took more than a second, so the status row says `slow`.\n\n"
    "Go on asking: I get quicker, and in a minute I fail again."
)
INSTEAD: Final = (
    "This is **backup**: primary failed before its first word, so you got one whole answer from me. Nothing is glued.\n\n"
    "Wait some seconds: primary is checked in the background, and the chat says when it is back."
)
LAST: Final = "This is **local**, the last of the chain. Both before me are out."
NAMES: Final = ("primary", "backup", "local")
_KINDS: Final = ("anthropic", "openai", "ollama")
_PROVIDER: Final = """
[[providers]]
name = "{name}"
kind = "{kind}"
model = "simulated"
base_url = "{url}"
api_key = "rehearsal"
context_window = 8000
attempt_timeout = {timeout}
"""


@contextmanager
def stage() -> Iterator[Path]:
    """Run the three providers; yield the path of a temporary fallback.toml that names them."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="fallback-chat-demo-")))
        servers = [
            stack.enter_context(running()),
            stack.enter_context(running("late", manner=Manner(INSTEAD, delay=0.3))),
            stack.enter_context(running(manner=Manner(LAST))),
        ]
        servers[0].script = Primary(servers[0])
        urls = [servers[0].url, f"{servers[1].url}/v1", servers[2].url]
        path = directory / "fallback.toml"
        path.touch(0o600)
        path.write_text(
            "".join(
                _PROVIDER.format(name=name, kind=kind, url=url, timeout=ATTEMPT_TIMEOUT if name == "primary" else 10.0)
                for name, kind, url in zip(NAMES, _KINDS, urls, strict=True)
            ),
            encoding="utf-8",
        )
        yield path


class Primary:
    """The script of the first provider."""

    def __init__(self, server: Simulator) -> None:
        self._server = server

    def __call__(self, moment: Moment) -> str:
        """Return the fault of this moment, and have the answer say what happens."""
        chats = self._server.chats
        if not chats:
            self._server.manner = Manner(WELL)
            return "ok"
        began = chats[1].at if len(chats) > 1 else moment.elapsed
        at = (moment.elapsed - began) % CYCLE
        if at < OUTAGE:
            return "503-wait-3s"
        slow = at < OUTAGE + SLOW
        self._server.manner = Manner(SLOW_WORDS if slow else WELL, delay=LATE)
        return "late" if slow else "ok"
