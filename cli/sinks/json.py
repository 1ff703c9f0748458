"""The destinations of `ask --json` and `ask --jsonl`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.sinks.answer_object import JsonLines, answer_object, dump
from fallback_chat.cli.sinks.base import Ending, Sink, ends_the_text, put
from fallback_chat.core.errors import InputError
from fallback_chat.core.redaction import RedactingStream, Redactor

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import ChatChunk


class JsonSink(Sink):
    """Writes one object once the answer has ended, in any case: to standard output or a file."""

    def __init__(self, out: TextIO, err: TextIO, path: Path | None = None) -> None:
        super().__init__(out, err)
        self._path = path

    def finish(self, ending: Ending) -> None:
        if isinstance(ending.error, BrokenPipeError):
            return
        value = answer_object(ending, self._redact)
        put(dump(value), self.out, self._path)


_PARTS: Final = {"reasoning": ("reasoning", "text"), "content": ("delta", "text"), "refusal": ("delta", "refusal")}
"""The possible contents of a chunk, with the type and field of their event."""


class JsonLinesSink(Sink):
    """Writes one event per line as the answer arrives."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        super().__init__(out, err)
        self._lines = JsonLines(self._write)
        self._lines.emit("start")
        self.redact_with(self.redactor)

    def redact_with(self, redactor: Redactor) -> None:
        super().redact_with(redactor)
        self._lines.redact = redactor.redact
        self._streams = {part: RedactingStream(redactor) for part in _PARTS}

    def _write(self, line: str) -> None:
        self.out.write(line)
        self.out.flush()

    def event(self, event: Event) -> None:
        if ends_the_text(event):
            self._flush()
        self._lines.engine_event(event)

    def chunk(self, chunk: ChatChunk) -> None:
        if chunk.restarted:
            for stream in self._streams.values():
                stream.begin_anew()
        if chunk.delta is not None:
            for part in _PARTS:
                if text := getattr(chunk.delta, part):
                    self._say(part, self._streams[part].feed(text))
        if chunk.usage is not None:
            self._lines.emit("usage", **asdict(chunk.usage))

    def finish(self, ending: Ending) -> None:
        if isinstance(ending.error, BrokenPipeError):
            return
        self._flush()
        value = answer_object(ending, self._redact)
        if value["error"] is not None:
            self._lines.emit("error", **value["error"])
        self._lines.emit("end", **value)

    def _flush(self) -> None:
        for part, stream in self._streams.items():
            self._say(part, stream.flush())

    def _say(self, part: str, text: str) -> None:
        if text:
            kind, field = _PARTS[part]
            self._lines.emit(kind, **{field: text})


def end_in_json(misuse: str, *, lines: bool) -> None:
    """Report wrong usage as the one object of `--json`, or as the events of `--jsonl`."""
    sink = JsonLinesSink(sys.stdout, sys.stderr) if lines else JsonSink(sys.stdout, sys.stderr)
    sink.end(Ending(None, InputError(misuse), ExitCode.USAGE))
