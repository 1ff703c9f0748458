"""The sinks of text: each end of an answer is written once and whole, and two answers are never joined."""

from __future__ import annotations

import io
import json
import stat
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.render.plain import PlainText
from fallback_chat.cli.sinks.base import Ending, Sink, TextSink, WholeTextSink
from fallback_chat.cli.sinks.json import JsonLinesSink
from fallback_chat.core.answer import Answer
from fallback_chat.core.events import StreamRestarted
from fallback_chat.core.llm import ChatChunk
from fallback_chat.core.redaction import Redactor
from tests.core.scripted import ScriptedLLM, text

if TYPE_CHECKING:
    from pathlib import Path

KEY = "sk-0123456789"
RESTARTED = ChatChunk(restarted=True)


def ending(said: str) -> Ending:
    return Ending(Answer(text=said, complete=True), None, ExitCode.OK)


def text_sink(out: io.StringIO) -> Sink:
    sink = TextSink(out, io.StringIO(), PlainText(out, call_later=None))
    sink.redact_with(Redactor([KEY]))
    return sink


@pytest.mark.parametrize("end", [".", KEY[0], KEY[:-1]])
def test_an_answer_that_ends_in_the_beginning_of_a_key_is_whole(end: str) -> None:
    out = io.StringIO()
    sink = text_sink(out)

    sink.chunk(text("Two answer"))
    sink.chunk(text(end))
    sink.end(ending(f"Two answer{end}"))

    assert out.getvalue() == f"Two answer{end}\n"


def test_what_was_held_of_a_withdrawn_answer_is_not_put_before_the_next() -> None:
    out = io.StringIO()
    sink = text_sink(out)

    sink.chunk(text(f"one {KEY[:5]}"))
    sink.event(StreamRestarted(ScriptedLLM("a"), ScriptedLLM("b"), 9))
    sink.chunk(RESTARTED)
    sink.chunk(text("two"))
    sink.end(ending("two"))

    assert out.getvalue() == "one \n\n── discarded; b starts over ──\n\ntwo\n"


def test_the_last_letters_of_an_answer_are_among_the_events() -> None:
    out = io.StringIO()
    sink = JsonLinesSink(out, io.StringIO())
    sink.redact_with(Redactor([KEY]))

    sink.chunk(text(f"one {KEY[:5]}"))
    sink.chunk(RESTARTED)
    sink.chunk(text(f"two {KEY[:3]}"))
    sink.end(ending(f"two {KEY[:3]}"))

    events = [json.loads(line) for line in out.getvalue().splitlines()]
    deltas = [event["text"] for event in events if event["type"] == "delta"]
    assert "".join(deltas) == f"one two {KEY[:3]}"


def test_each_event_is_handed_on_at_once_and_holds_no_part_of_a_key() -> None:
    pipe = io.BytesIO()
    sink = JsonLinesSink(io.TextIOWrapper(pipe), io.StringIO())
    sink.redact_with(Redactor([KEY]))

    told = []
    for piece in ("one ", KEY[:5], KEY[5:], " two"):
        sink.chunk(text(piece))
        told.append([json.loads(line).get("text") for line in pipe.getvalue().splitlines()])

    assert told == [
        [None, "one "],
        [None, "one "],
        [None, "one ", "[redacted]"],
        [None, "one ", "[redacted]", " two"],
    ]


def test_only_the_first_end_counts() -> None:
    out = io.StringIO()
    sink = WholeTextSink(out, io.StringIO())

    sink.end(ending("one"))
    sink.end(Ending(None, KeyboardInterrupt(), ExitCode.INTERRUPTED))
    sink.end(ending("two"))

    assert out.getvalue() == "one\n"


def test_a_refusal_in_words_is_written_and_the_mode_of_an_old_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "answer.txt"
    file.write_text("old")
    file.chmod(0o640)

    WholeTextSink(io.StringIO(), io.StringIO(), file).end(Ending(Answer(refusal="No."), None, ExitCode.REFUSED))

    assert (file.read_text("utf-8"), stat.S_IMODE(file.stat().st_mode)) == ("No.\n", 0o640)
