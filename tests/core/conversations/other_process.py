"""Another process that writes into a conversation, step by step as it is told."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.core.conversations.records import SessionId

ROOT = Path(__file__).parent.parent.parent.parent
OTHER = """
import asyncio, sys, time
from pathlib import Path
from fallback_chat.core.answer import Answer
from fallback_chat.core.chat_context import ChatMessage
from fallback_chat.core.conversations.recorder import Recorder, find_conversation
from fallback_chat.core.conversations.store import History
from fallback_chat.core.llm import ChatChunk, ChoiceDelta

clock = iter(range(10**9)).__next__
history = History.open(Path(sys.argv[1]), clock=time.time, warn=print)
writer = Recorder(history, monotonic=clock, warn=print, conversation=find_conversation(history, sys.argv[2]))
for line in sys.stdin:
    word, _, text = line.strip().partition(" ")
    if word == "begin":
        writer.begin(ChatMessage("user", text))
    elif word == "chunk":
        writer.chunk(ChatChunk(ChoiceDelta(text)))
    elif word == "finish":
        writer.finish(Answer(text=text, complete=bool(text)), None if text else RuntimeError("in vain"))
    elif word == "undo":
        asyncio.run(writer.undo())
    print("done", flush=True)
"""


class Other:
    """Another process at a conversation."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self, command: str) -> list[str]:
        """Have a command done; returns what it said."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{command}\n")
        self.process.stdin.flush()
        return [line.strip() for line in iter(self.process.stdout.readline, "done\n")]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@contextmanager
def other(path: Path, session: SessionId) -> Iterator[Other]:
    command = [sys.executable, "-c", OTHER, str(path), session]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield Other(process)
        finally:
            process.kill()
