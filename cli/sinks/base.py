"""The destinations of an `ask` answer: a terminal, a pipe, a file, JSON, or JSON lines.

Each has a class, and all have one interface.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fallback_chat.cli.process.border import keep_out
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.render.sanitise import neutralise, sanitise
from fallback_chat.cli.words.notices import REDACTED
from fallback_chat.core.events import AttemptFailed, StreamRestarted
from fallback_chat.core.redaction import RedactingStream, Redactor, Watched
from fallback_chat.core.storage.files import naming, write_private

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.cli.process.exit_code import ExitCode
    from fallback_chat.core.answer import Answer
    from fallback_chat.core.events import Event
    from fallback_chat.core.llm import ChatChunk


class View(Protocol):
    """Shows one answer's text as it arrives (`cli/render`)."""

    def start(self) -> None:
        """Make room."""

    def feed(self, text: str) -> None:
        """Show a piece of text, made safe to print."""

    def discard(self, successor: str = "") -> None:
        """Mark the text shown so far as void: the provider `successor` starts over."""

    def note(self, line: str) -> None:
        """Show a line that is not part of the answer."""

    def tick(self) -> None:
        """Draw what is due."""

    def finish(self) -> None:
        """Show what is left."""


class Ending(NamedTuple):
    """How one `ask` ended."""

    answer: Answer | None
    error: BaseException | None
    exit_code: ExitCode
    session: str | None = None
    """The conversation that stores it."""


class Sink:
    """Receives the chunks of one answer; the base class only prints notices on stderr."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self.out = out
        self.err = err
        self._ended = False
        self.redactor = Redactor(())
        self._redact = Watched(self.redactor)

    def redact_with(self, redactor: Redactor) -> None:
        """Set the secrets that must not be written, once they are known."""
        self.redactor = redactor
        self._redact = Watched(redactor)
        keep_out(redactor)

    @property
    def can_discard(self) -> bool:
        """Whether shown text can be taken back when another provider starts over."""
        return True

    def chunk(self, chunk: ChatChunk) -> None:
        """Process one chunk of the answer."""

    def event(self, event: Event) -> None:
        """Process one event of the engine."""

    def end(self, ending: Ending) -> None:
        """Write what is left, even without an answer; only the first ending counts."""
        if not self._ended:
            self._ended = True
            self.finish(ending)
            if self.touched:
                self.notice(REDACTED)

    @property
    def touched(self) -> bool:
        """Whether a secret was removed from the answer."""
        return self._redact.touched

    def finish(self, ending: Ending) -> None:
        """Do the work of `end`."""

    def notice(self, line: str) -> None:
        """Show the user one line that is not part of the answer."""
        say(self.err, f"fallback-chat: {self.redactor.redact(line)}")
        self.err.flush()


def ends_the_text(event: Event) -> bool:
    """Whether no more text follows, so that the failure can be reported after all of it."""
    return isinstance(event, AttemptFailed) and event.after_content and event.next is None


class TextSink(Sink):
    """Streams the answer's text into a view, safe to print and without secrets."""

    def __init__(self, out: TextIO, err: TextIO, view: View) -> None:
        super().__init__(out, err)
        self._view = view
        self._redacting = RedactingStream(self.redactor)
        self._started = False
        self._successor = ""
        """The provider that starts over, if the text so far is void."""

    def redact_with(self, redactor: Redactor) -> None:
        super().redact_with(redactor)
        self._redacting = RedactingStream(redactor)

    @property
    def can_discard(self) -> bool:
        return self.out.isatty()  # text written to a pipe has been read

    def chunk(self, chunk: ChatChunk) -> None:
        if chunk.restarted:
            self._redacting.begin_anew()
            self._view.discard(self._successor)
        delta = chunk.delta
        text = (delta.content or delta.refusal) if delta is not None else None
        if text:
            self._show(self._redacting.feed(text))

    def event(self, event: Event) -> None:
        if isinstance(event, StreamRestarted):
            self._successor = event.to_llm.label
        if ends_the_text(event):
            self._show(self._redacting.flush())

    @property
    def touched(self) -> bool:
        return self._redacting.touched

    def finish(self, ending: Ending) -> None:
        if isinstance(ending.error, BrokenPipeError):
            return
        self._show(self._redacting.flush())
        if self._started:
            self._started = False
            self._view.finish()

    def _start(self) -> None:
        if not self._started:
            self._started = True
            self._view.start()

    def _show(self, text: str) -> None:
        if text:
            self._start()
            self._view.feed(text)


class WholeTextSink(Sink):
    """Writes the text once the answer has ended: to standard output, or atomically to a file."""

    def __init__(self, out: TextIO, err: TextIO, path: Path | None = None) -> None:
        super().__init__(out, err)
        self._path = path

    def finish(self, ending: Ending) -> None:
        answer = ending.answer
        clean = sanitise if self._path is None and self.out.isatty() else neutralise
        text = clean(self._redact(self.text(answer))) if answer else ""
        if not text.strip():
            return
        put(text.rstrip("\n") + "\n", self.out, self._path)

    def text(self, answer: Answer) -> str:
        """Return what is written of an answer."""
        return answer.text or answer.refusal


def put(text: str, out: TextIO, path: Path | None, *, mode: int = 0o666) -> None:
    """Write a whole text to `out`, or to the user's file, with `mode` if that is new.

    Raises OSError, with the name of the file.
    """
    if path is None:
        out.write(text)
        out.flush()
        return
    with naming(path):
        write_output(path, text.encode("utf-8", "replace"), mode=mode)


def write_output(path: Path, data: bytes, *, mode: int) -> None:
    """Write `data` to a user's file entirely or not at all; devices and pipes are written to."""
    try:
        found = path.stat().st_mode
    except FileNotFoundError:
        pass
    else:
        if not stat.S_ISREG(found):
            from fallback_chat.cli.process.behind import BEHIND

            BEHIND.deliver(path, data)
            return
        mode = stat.S_IMODE(found)
    write_private(path, data, mode=mode)
