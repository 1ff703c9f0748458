"""The sink for an answer of `ask`, by the user's options and by what standard output is."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from fallback_chat.cli.render.plain import PlainText
from fallback_chat.cli.sinks.base import TextSink, WholeTextSink

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_chat.cli.sinks.base import Sink


class Output(NamedTuple):
    """The form and the destination of an answer."""

    json: bool = False
    jsonl: bool = False
    file: Path | None = None
    whole: bool = False
    """Whether to write only once it has ended."""
    render: str = "auto"
    extract: str | None = None
    """Only this code block: its number, its language, or `all`."""
    color: str = "auto"

    @property
    def is_buffered(self) -> bool:
        """Whether nothing is shown before the answer is complete."""
        return self.json or self.whole or self.file is not None or self.extract is not None


def make_sink(output: Output, *, restarts: bool) -> Sink:
    """Return the sink. Raises OSError if the file is a directory, or its own does not exist.

    `restarts` means that the user wants a broken answer to start over.
    """
    out, err = sys.stdout, sys.stderr
    if output.file is not None:
        # Nobody should pay for an answer that cannot be saved.
        output.file.parent.stat()
        if output.file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(output.file))
    if output.json or output.jsonl:
        from fallback_chat.cli.sinks.json import JsonLinesSink, JsonSink

        return JsonSink(out, err, output.file) if output.json else JsonLinesSink(out, err)
    must_be_whole = restarts and not out.isatty()  # text written to a pipe cannot be taken back
    if output.extract is not None:
        from fallback_chat.cli.sinks.extract import ExtractSink

        return ExtractSink(out, err, output.extract, output.file)
    if output.is_buffered or must_be_whole:
        return WholeTextSink(out, err, output.file)
    if output.render == "always" or (output.render == "auto" and out.isatty()):
        from fallback_chat.cli.sinks.live import LiveSink

        return LiveSink(out, err, color=output.color)
    return TextSink(out, err, PlainText(out))
