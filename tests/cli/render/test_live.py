from __future__ import annotations

import asyncio
import io
import os
import pty
import re
import unicodedata
from typing import TYPE_CHECKING, Final

import pytest
from wcwidth import wcwidth

from fallback_chat.cli.process.outlet import Outlet
from fallback_chat.cli.render.append import PlainView
from fallback_chat.cli.render.live import FRAME_PAUSE, LAG, LAGGING_ROWS, AnswerView, Below, make_view
from fallback_chat.cli.render.plain import void
from fallback_chat.cli.render.rows import plain
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.render.screen import Cursor
from tests.cli.program import read
from tests.cli.render.documents import DOCUMENTS
from tests.cli.render.hostile import HOSTILE
from tests.cli.render.support import Terminal, console, pieces, rendered, written
from tests.fake_time import JUMPING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from tests.sampling import Sample

SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[^\[])")
STATUS: Final = "▸primary model-1 · spare ok"


class Clock:
    """A clock that goes on by itself a little whenever it is read."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def below(status: str) -> Below:
    return Below([((status, "dim"),)])


def view(screen: Console, clock: Clock | None = None, status: str = STATUS) -> AnswerView:
    return AnswerView(screen, below=lambda: below(status), clock=clock or Clock())


def show(screen: Console, chunks: Iterable[str], *, frames: bool = True) -> AnswerView:
    """Stream `chunks` into a view, a frame for each; the view is not ended."""
    clock = Clock()
    answer = view(screen, clock)
    answer.start()
    for chunk in chunks:
        answer.feed(chunk)
        clock.now += FRAME_PAUSE if frames else 0
    return answer


def seen(screen: Console, width: int = 80, height: int = 24) -> Terminal:
    terminal = Terminal(width, height)
    terminal.write(written(screen))
    return terminal


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_is_left_on_the_terminal_is_the_answer_and_a_cursor(name: str, sample: Sample) -> None:
    for width, height, size in sample([(80, 24, 9), (40, 10, 30)], 1):
        screen = console(width, height)
        show(screen, pieces(DOCUMENTS[name], size)).finish()
        terminal = seen(screen, width, height)
        assert "".join("".join(terminal.rows()).split()) == as_drawn(
            "".join("".join(rendered(DOCUMENTS[name], width)).split())
        )
        assert not terminal.screen.cursor.hidden


def as_drawn(text: str) -> str:
    """A text as the emulator keeps it."""
    return unicodedata.normalize("NFC", "".join(char for char in text if wcwidth(char) or unicodedata.combining(char)))


def test_while_it_streams_the_open_block_and_the_status_stand_below_the_finished_rows() -> None:
    screen = console()
    show(screen, ["# Title\n\n", "- one\n- two\n", "- thr"])
    assert [row.strip() for row in seen(screen).rows()] == ["Title", "", "• one", "• two", "• thr", STATUS]


@pytest.mark.parametrize("height", [3, 5, 24])
def test_what_is_live_has_the_room_that_the_screen_has(height: int) -> None:
    screen = console(80, height)
    answer = show(screen, ["```python\n", *(f"x{n} = {n}\n" for n in range(30))])
    rows = seen(screen, 80, height).rows()
    assert [row for row in rows if row.startswith("x")] == [f"x{n} = {n}" for n in range(30)]
    assert rows[-1] == STATUS
    assert len(answer._live) == min(height - 1, 8)
    answer.finish()


def test_the_cursor_is_in_the_rows_below_where_they_say() -> None:
    screen = console()
    answer = AnswerView(
        screen, below=lambda: Below([(("> input", ""),), ((STATUS, "dim"),)], Cursor(0, 4)), clock=Clock()
    )
    answer.start()
    answer.feed("one\n\ntwo")
    cursor = seen(screen).screen.cursor
    assert seen(screen).rows() == ["one", "", "two", "> input", STATUS]
    assert (cursor.y, cursor.x, cursor.hidden) == (3, 4, False)
    answer.note("a note")
    cursor = seen(screen).screen.cursor
    assert seen(screen).rows() == ["one", "a note", "", "two", "> input", STATUS]
    assert (cursor.y, cursor.x, cursor.hidden) == (4, 4, False)


def test_frames_are_drawn_twelve_times_a_second_at_most() -> None:
    screen, clock = console(), Clock()
    answer = view(screen, clock)
    answer.start()
    for _ in range(200):
        answer.feed("word ")
        clock.now += 1 / 200
    assert 10 <= written(screen).count(STATUS) <= 13


def test_what_was_typed_shows_at_once_and_the_text_with_its_frame() -> None:
    screen, typed = console(), ""
    answer = AnswerView(screen, below=lambda: below(f"> {typed}"), clock=Clock())
    answer.start()
    answer.feed("one ")
    answer.feed("two ")
    typed = "x"
    answer.echo()
    assert seen(screen).rows()[-2:] == ["one", "> x"]


def test_what_is_told_of_a_text_that_broke_off_stands_behind_it() -> None:
    screen = console()
    answer = show(screen, ["One.\n\n- a\n- b"])
    answer.settle()
    answer.note("it broke off")
    rows = [row.strip() for row in seen(screen).rows() if row.strip()]
    assert rows == ["One.", "\u2022 a", "\u2022 b", "it broke off", STATUS]
    answer.discard()
    answer.feed("Two.")
    answer.finish()
    rows = [row.strip() for row in seen(screen).rows() if row.strip()]
    assert rows == ["One.", "\u2022 a", "\u2022 b", "it broke off", void(""), "Two."]


def test_a_frame_that_is_slow_to_draw_is_followed_by_a_long_rest() -> None:
    screen, clock = console(), Clock(step=0.5)
    answer = view(screen, clock)
    answer.start()
    answer.feed("one ")
    clock.step = 0
    answer.feed("word ")
    clock.now += 3.9
    answer.tick()
    assert "word" not in written(screen)
    clock.now += 0.2
    answer.tick()
    assert "word" in written(screen)


def test_nothing_is_written_when_nothing_has_changed() -> None:
    screen, clock = console(), Clock()
    answer = view(screen, clock)
    answer.start()
    answer.feed("text")
    clock.now += 1
    answer.tick()
    before = written(screen)
    for _ in range(5):
        clock.now += 1
        answer.tick()
    assert written(screen) == before


def test_a_changed_status_is_drawn_without_new_text() -> None:
    screen, clock = console(), Clock()
    words = ["waiting 1 s"]
    answer = AnswerView(screen, below=lambda: below(words[0]), clock=clock)
    answer.start()
    clock.now += 1
    words[0] = "waiting 2 s"
    answer.tick()
    assert seen(screen).rows() == ["waiting 2 s"]


def test_no_status_means_no_row() -> None:
    screen = console()
    answer = AnswerView(screen, clock=Clock())
    answer.start()
    answer.feed("text")
    answer.note("a note")
    assert seen(screen).rows() == ["a note", "text"]
    answer.finish()


def test_a_long_status_is_cut_to_one_row() -> None:
    screen = console(20)
    view(screen, status="word " * 20).start()
    assert seen(screen, 20).rows() == ["word word word word"]


def test_a_note_stands_plain_below_the_answer_and_its_second_row_is_indented() -> None:
    screen = console()
    answer = show(screen, ["text"])
    answer.settle()
    answer.note("1.2 s · 30 tokens " * 6)
    answer.finish()
    first = " ".join(["1.2 s · 30 tokens"] * 4)
    assert seen(screen).rows() == ["text", f"{first} 1.2 s ·", "  30 tokens 1.2 s · 30 tokens"]
    assert f"{first} 1.2 s ·\r\n  30" in written(screen)


def test_an_interrupted_answer_keeps_what_was_shown_and_says_so() -> None:
    screen = console()
    answer = show(screen, ["one\n\n", "- two **thr"])
    answer.settle()
    answer.note("interrupted")
    answer.finish()
    assert seen(screen).rows() == ["one", "", "• two **thr", "interrupted"]


def test_a_void_answer_stays_marked_and_the_next_one_stands_alone() -> None:
    screen = console()
    answer = show(screen, ["```python\nx = 1\n", "half"])
    answer.discard()
    answer.discard()
    answer.feed("**whole**")
    answer.finish()
    assert seen(screen).rows() == [f"  python {'─' * 51}", "x = 1", "half", "", void(""), "", "whole"]


def test_nothing_is_marked_when_there_was_nothing() -> None:
    screen = console()
    answer = show(screen, [])
    answer.discard()
    answer.feed("text")
    answer.finish()
    assert seen(screen).rows() == ["text"]


def test_a_note_goes_above_the_frame_in_the_middle_of_an_answer() -> None:
    screen = console()
    answer = show(screen, ["- one\n- two\n", "- three"])
    answer.note("primary: rate limited [/oops]")
    assert seen(screen).rows() == ["• one", "• two", "primary: rate limited [/oops]", "• three", STATUS]
    answer.finish()


def test_the_terminal_is_given_back_in_the_middle_and_taken_again() -> None:
    screen = console()
    answer = show(screen, ["- one\n- two\n", "- three"])
    answer.suspend()
    assert seen(screen).rows() == ["• one", "• two"]
    assert not seen(screen).screen.cursor.hidden
    screen.file.write("$ shell\r\n")
    answer.start()
    assert seen(screen).rows() == ["• one", "• two", "$ shell", "• three", STATUS]
    answer.finish()
    assert seen(screen).rows() == ["• one", "• two", "$ shell", "• three"]


def test_stopping_twice_and_after_an_end_is_harmless() -> None:
    screen = console()
    answer = show(screen, ["text"])
    answer.finish()
    before = written(screen)
    answer.finish()
    answer.finish()
    assert written(screen) == before


def test_text_that_comes_before_the_terminal_is_taken_is_not_lost() -> None:
    screen = console()
    answer = view(screen)
    answer.feed("te")
    answer.note("a note")
    answer.start()
    answer.start()
    answer.feed("xt")
    answer.finish()
    assert seen(screen).rows() == ["a note", "text"]


def test_a_row_that_the_terminal_takes_for_wider_does_not_spoil_the_next_frame() -> None:
    screen = console(20, 10)
    wide = "❤️" * 18  # two columns each in a terminal that Rich believes to use one, or the reverse
    show(screen, pieces(f"{wide}{wide} end\n" * 3, 3))
    terminal = seen(screen, 20, 10)
    assert sum(STATUS[:8] in row for row in terminal.rows()) == 1


def test_a_resize_in_the_middle_changes_the_width_of_what_follows() -> None:
    screen, clock = console(80), Clock()
    answer = view(screen, clock)
    answer.start()
    answer.feed("word " * 20 + "\n\n" + "next " * 20)
    screen.width = 40
    clock.now += 1
    answer.tick()
    assert max(map(len, map(plain, answer._live))) <= 40
    answer.finish()


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("size", [1, 100])
def test_hostile_text_writes_nothing_but_what_the_view_itself_writes(name: str, size: int) -> None:
    payload = f"before\n\n{HOSTILE[name]}\n\nafter\n"
    screen = console()
    answer = show(screen, pieces(payload, size))
    answer.note(HOSTILE[name].partition("\n")[0])
    answer.settle()
    answer.note(HOSTILE[name].partition("\n")[0])
    answer.finish()
    reference = console()
    shown = show(reference, pieces(sanitise(payload), size))
    shown.note(sanitise(HOSTILE[name].partition("\n")[0]))
    shown.settle()
    shown.note(sanitise(HOSTILE[name].partition("\n")[0]))
    shown.finish()
    assert controls(written(screen)) == controls(written(reference))
    terminal, clean = seen(screen), Terminal()
    assert terminal.screen.title == clean.screen.title
    assert terminal.screen.icon_name == clean.screen.icon_name
    assert terminal.screen.mode == clean.screen.mode
    assert terminal.screen.margins == clean.screen.margins
    assert terminal.screen.charset == clean.screen.charset
    assert not terminal.screen.cursor.hidden
    assert terminal.rows()[0] == "before"
    assert "after" in [row.strip() for row in terminal.rows()]


def controls(text: str) -> set[str]:
    """The escape sequences in a text, colours left out, and its other control characters."""
    sequences = set(SEQUENCE.findall(text))
    rest = SEQUENCE.sub("", text)
    return {s for s in sequences if not s.endswith("m")} | {c for c in rest if unicodedata.category(c) == "Cc"}


def test_the_view_writes_only_the_sequences_it_is_known_to_write() -> None:
    screen = console()
    show(screen, pieces("".join(f"{text}\n\n" for text in HOSTILE.values()), 3)).finish()
    assert controls(written(screen)) <= {
        *("\n", "\r", "\x1b[?25l", "\x1b[?25h", "\x1b[?7l", "\x1b[?7h", "\x1b[?2026h", "\x1b[?2026l"),
        *("\x1b[K", "\x1b[J", "\x1b7", "\x1b8", "\x1b[A", "\x1b[B", *(f"\x1b[{rows}A" for rows in range(1, 24))),
    }


def test_a_terminal_without_cursor_gets_finished_blocks_only() -> None:
    screen = console(dumb=True)
    answer = PlainView(screen)
    answer.start()
    answer.feed("one\n\n- a\n")
    answer.tick()
    assert written(screen) == "one\n"
    answer.note("a note")
    answer.feed("- b")
    answer.settle()
    answer.note("footer")
    answer.finish()
    assert written(screen) == "one\na note\n\n• a\n• b\nfooter\n"


def test_a_void_answer_is_marked_on_a_plain_terminal_too() -> None:
    screen = console(dumb=True)
    answer = PlainView(screen)
    answer.feed("half")
    answer.discard()
    answer.feed("whole")
    answer.settle()
    answer.note("stopped")
    answer.finish()
    answer.finish()
    answer.suspend()
    assert written(screen) == f"half\n\n{void('')}\n\nwhole\nstopped\n"


@pytest.mark.parametrize(("color", "colours"), [("auto", True), ("always", True), ("never", False)])
def test_a_terminal_gets_the_live_view(color: str, colours: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    text = on_a_pty("# T\n\n`code`", color)
    assert "\x1b[?25l" in text
    assert ("\x1b[36mcode" in text) == colours


def test_no_color_leaves_bold_and_takes_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "code \x1b[1mbold\x1b[0m" in on_a_pty("`code` **bold**", "auto")


def on_a_pty(text: str, color: str) -> str:
    """Show `text` in the view that a real terminal gets; return what the terminal got."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "w", encoding="utf-8") as out:
        answer = make_view(out, color=color, clock=Clock())
        assert type(answer) is AnswerView
        answer.start()
        answer.feed(text)
        answer.finish()
    shown = b"".join(iter(lambda: read(master), b"")).decode()
    os.close(master)
    return shown


@pytest.mark.parametrize(
    ("environ", "color"),
    [({}, "auto"), ({"FORCE_COLOR": "0"}, "auto"), ({"FORCE_COLOR": "1"}, "never"), ({"NO_COLOR": "1"}, "auto")],
)
def test_a_file_gets_finished_blocks_without_a_single_escape(
    environ: dict[str, str], color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    out = io.StringIO()
    answer = make_view(out, color=color)
    assert type(answer) is PlainView
    answer.feed("# T\n\n**bold** `code`\n")
    answer.settle()
    answer.note("footer")
    answer.finish()
    assert out.getvalue().split() == ["T", "bold", "code", "footer"]


def test_forced_colours_in_a_file_never_animate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = io.StringIO()
    answer = make_view(out)
    answer.feed("`code`")
    answer.finish()
    assert out.getvalue() == "\x1b[36mcode\x1b[0m\n"


class Awaited(io.StringIO):
    """A file that tells when a text has been written to it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text
        self.seen = asyncio.Event()

    def flush(self) -> None:
        if self._text in self.getvalue():
            self.seen.set()


@pytest.mark.parametrize("anyio_backend", [JUMPING])
async def test_the_event_loop_draws_what_nobody_asks_for() -> None:
    screen, out = console(), Awaited("one two")
    screen.file = out
    loop = asyncio.get_running_loop()
    answer = AnswerView(screen, clock=loop.time, call_later=loop.call_later)
    answer.start()
    answer.feed("one ")
    answer.feed("two")
    assert not out.seen.is_set()
    await out.seen.wait()
    answer.finish()


class Waiting:
    """A reader that has not taken the earlier frames yet."""

    def __init__(self) -> None:
        self.size = LAG + 1
        self.taken = b""

    def put(self, data: bytes) -> None:
        self.taken += data

    def check(self) -> None:
        pass


def test_no_frame_is_drawn_for_a_terminal_that_has_not_shown_the_earlier_ones() -> None:
    queue, clock = Waiting(), Clock()
    outlet = Outlet(-1)
    outlet.queue = queue
    screen = console()
    screen.file = io.TextIOWrapper(io.BufferedWriter(outlet), "utf-8")
    answer = view(screen, clock)
    answer.start()
    begun = queue.taken
    for word in ("one ", "two ", "three"):
        answer.feed(word)
        clock.now += FRAME_PAUSE
    assert queue.taken == begun
    queue.size = LAG
    answer.tick()
    assert b"one two three" in queue.taken
    queue.size = LAG + 1
    for _ in range(LAGGING_ROWS):
        answer.feed("a\n\n")
        clock.now += FRAME_PAUSE
    assert len(queue.taken) > LAGGING_ROWS
    answer.finish()
