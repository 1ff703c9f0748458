from __future__ import annotations

import asyncio
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.plain import BATCH, PAUSE, PlainText
from fallback_chat.cli.render.sanitise import neutralise
from tests.cli.render.hostile import HOSTILE
from tests.fake_time import JUMPING


class Pipe(io.StringIO):
    """Remembers how the text was cut into writes."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def view(out: Pipe, clock: Clock) -> PlainText:
    return PlainText(out, clock=clock, call_later=None)


def test_the_first_token_is_written_at_once_and_the_next_ones_together() -> None:
    out, clock = Pipe(), Clock()
    text = view(out, clock)
    text.start()
    for token in ("one", " two", " three"):
        text.feed(token)
    assert out.writes == ["one"]
    clock.now += PAUSE
    text.tick()
    text.tick()
    assert out.writes == ["one", " two three"]
    text.finish()
    assert out.writes == ["one", " two three", "\n"]


def test_much_text_does_not_wait() -> None:
    out, clock = Pipe(), Clock()
    text = view(out, clock)
    text.feed("a")
    text.feed("b" * BATCH)
    assert out.writes == ["a", "b" * BATCH]


@given(st.lists(st.text("ab \n\r\x1b", max_size=5)))
def test_the_text_comes_out_as_it_is_with_one_newline_at_the_end(chunks: list[str]) -> None:
    out = Pipe()
    text = view(out, Clock())
    for chunk in chunks:
        text.feed(chunk)
    text.finish()
    text.finish()
    whole = neutralise("".join(chunks)).rstrip("\n")
    assert out.getvalue() == (whole + "\n" if whole else "")


def test_what_is_held_of_a_run_of_newlines_does_not_grow_with_it() -> None:
    out = Pipe()
    text = view(out, Clock())
    text.feed("a")
    for _ in range(100):
        text.feed("\n" * BATCH)
    assert sum(len(value) for value in vars(text).values() if isinstance(value, str | list)) == 0
    text.feed("b" * BATCH)
    text.finish()
    assert out.getvalue() == "a" + "\n" * BATCH * 100 + "b" * BATCH + "\n"


def test_no_control_character_gets_through() -> None:
    out = Pipe()
    text = view(out, Clock())
    for payload in HOSTILE.values():
        for char in payload:
            text.feed(char)
    text.finish()
    assert out.getvalue() == neutralise("".join(HOSTILE.values())) + "\n"


def test_those_who_ask_for_the_bytes_get_them() -> None:
    out = Pipe()
    text = PlainText(out, clean=lambda text: text, clock=Clock(), call_later=None)
    text.feed("\x1b[31mred")
    text.finish()
    assert out.getvalue() == "\x1b[31mred\n"


def test_what_follows_a_void_answer_is_not_glued_to_it() -> None:
    out = Pipe()
    text = view(out, Clock())
    text.feed("half an ans")
    text.note("a note")
    text.discard("two")
    text.discard("two")
    text.feed("A whole answer.\n\n")
    text.finish()
    assert out.getvalue() == "half an ans\n\n── discarded; two starts over ──\n\nA whole answer.\n"


def test_a_reader_who_has_gone_is_noticed() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(os.dup(write_end), "w", closefd=True) as out:
        text = PlainText(out, clock=Clock(), call_later=None)
        with pytest.raises(BrokenPipeError):
            text.feed("a")
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    os.close(write_end)


@pytest.mark.parametrize("anyio_backend", [JUMPING])
async def test_the_event_loop_writes_what_nobody_asks_for() -> None:
    class Awaited(Pipe):
        done = asyncio.Event()

        def flush(self) -> None:
            if self.writes == ["one", " two"]:
                self.done.set()

    out = Awaited()
    text = PlainText(out, clock=asyncio.get_running_loop().time)
    text.feed("one")
    text.feed(" two")
    assert out.writes == ["one"]
    await out.done.wait()
