"""What a terminal sends: sequences without a meaning do nothing, a paste is a paste, and no input ends the keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.keys import Keys

from fallback_chat.cli.repl.keyboard import STALL, KeyParser, listen

if TYPE_CHECKING:
    from prompt_toolkit.key_binding import KeyPress

PAUSE = None
"""Nothing follows for a moment."""
SILENCE = STALL + 0.1
CTRL_C = "\x03"


def read(*feeds: str | float | None) -> list[KeyPress]:
    """Feed a parser with strings, pauses, and seconds of silence."""
    now = 0.0
    keys: list[KeyPress] = []
    parser = KeyParser(keys.append, lambda: now)
    for feed in feeds:
        if feed is PAUSE:
            parser.flush()
        elif isinstance(feed, str):
            parser.feed(feed)
        else:
            now += feed
    return keys


def typed(*feeds: str | float | None) -> str:
    """Return what the keys would show: text, `<name>` for other keys, `{text}` for pastes."""
    shown = []
    for press in read(*feeds):
        if press.key is Keys.BracketedPaste:
            shown.append(f"{{{press.data}}}")
        else:
            shown.append(f"<{press.key.value}>" if isinstance(press.key, Keys) else press.key)
    return "".join(shown)


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[27;5;46~",  # Ctrl-. as xterm reports it
        "\x1b[27;5;9~",  # Ctrl-Tab
        "\x1b[46;5u",  # Ctrl-. as CSI u
        "\x1b[97;1:3u",  # a key that was let go
        "\x1b[57441;2u",  # the Shift key itself
        "\x1b[97;9u",  # Super-a
        "\x1b[27;6;67~",  # Ctrl-Shift-C, which is not Ctrl-C
        "\x1b[I",  # the window has the focus
        "\x1b[O",
        "\x1b[5;6R",  # a cursor position
        "\x1b[?62;4c",  # what the terminal is
        "\x1b[>41;354;0c",
        "\x1b[?2026;2$y",  # a mode
        "\x1b[8;24;80t",  # a size
        "\x1b[<0;10;20M",  # a mouse click
        '\x1b[M !"',
        "\x1b[99;7~",  # function keys that nobody has
        "\x1b[1;9Q",
        "\x1bOy",
        "\x1b[7$",
        "\x1b[201~",  # the end of a paste that did not begin
        "\x1b]11;rgb:0000/2b2b/3636\x07",  # the colour of the background
        "\x1b]11;rgb:0000/2b2b/3636\x1b\\",
        "\x1b]52;c;c2VjcmV0\x07",  # the clipboard
        "\x1bP1$r0m\x1b\\",  # a status string
        "\x1b_Gi=1;OK\x1b\\",  # an answer about graphics
        "\x9b46;5u",  # the same with introducers of 8 bits
        "\x9d0;title\x9c",
        "\x85",
        "\udcff",  # a byte that is not UTF-8
    ],
)
def test_what_has_no_meaning_does_nothing(sequence: str) -> None:
    assert typed("ab", sequence, PAUSE, "cd") == "abcd"


@pytest.mark.parametrize(
    ("sequence", "keys"),
    [
        ("\x1b[A", "<up>"),
        ("\x1b[1;5C", "<c-right>"),
        ("\x1bOP", "<f1>"),
        ("\x1b[[B", "<f2>"),
        ("\x1b[3~", "<delete>"),
        ("\x1b[Z", "<s-tab>"),
        ("\x1bb", "<escape>b"),
        ("\x1b\r", "<escape><c-m>"),
        ("\x1b\x1b[A", "<escape><up>"),
        ("\x9b15~", "<f5>"),
        ("\x1b[27;2;13~", "<escape><c-m>"),  # Shift-Enter makes a new line, as Alt-Enter does
        ("\x1b[13;5u", "<escape><c-m>"),
        ("\x1b[13u", "<c-m>"),
        ("\x1b[32;2u", " "),
        ("\x1b[27;2;65~", "A"),
        ("\x1b[97;2u", "A"),
        ("\x1b[97;65u", "a"),  # Caps Lock is on
        ("\x1b[97:65;5:1u", "<c-a>"),
        ("\x1b[27;5;127~", "<escape><c-h>"),
        ("\x1b[127;2u", "<c-h>"),
        ("\x1b[9;2u", "<s-tab>"),
        ("\x1b[27u", "<escape>"),
        ("\x1b[98;3u", "<escape>b"),
        ("\x1b[233u", "é"),
    ],
)
def test_keys_are_known_in_every_form_that_terminals_send(sequence: str, keys: str) -> None:
    assert typed(sequence, PAUSE) == keys


def test_an_escape_is_a_key_when_nothing_follows_it() -> None:
    assert typed("\x1b", PAUSE, "[A") == "<escape>[A"
    assert typed("\x1b\x1b", PAUSE) == "<escape><escape>"
    assert read("\x1bb")[0].data == "\x1bb"
    assert read("\x1b", PAUSE)[0].data == "\x1b"


@pytest.mark.parametrize("introducer", "[O]P_^X")
def test_alt_with_the_beginning_of_a_sequence_types_nothing(introducer: str) -> None:
    assert [press.data for press in read(f"\x1b{introducer}", PAUSE)] == [f"\x1b{introducer}", ""]


def test_a_sequence_that_breaks_off_is_dropped_and_what_broke_it_off_counts() -> None:
    assert typed("\x1b[12", CTRL_C) == "<c-c>"
    assert typed("\x1b]11;rgb", "\r", PAUSE) == "<c-m>"
    assert typed("\x1b]11;rgb\x1b[A") == "<up>"
    assert typed("\x1b]11;rgb", PAUSE, SILENCE, "abc") == "abc"
    assert typed("\x1b\x1ba") == "<escape><escape>a"


def test_a_paste_is_one_key_however_it_is_cut() -> None:
    pasted = "\x1b[200~one\r\n@two\x1b[31m\x1b[201~"
    for cut in range(len(pasted)):
        assert typed("a", pasted[:cut], pasted[cut:], "b") == "a{one\r\n@two\x1b[31m}b"


def test_a_paste_without_its_end_is_ended_by_ctrl_c_and_by_the_first_key_after_a_silence() -> None:
    assert typed("\x1b[200~half", PAUSE, CTRL_C, "after") == "{half}<c-c>after"
    assert typed("\x1b[200~half", CTRL_C + CTRL_C) == "{half}<c-c><c-c>"
    assert typed("\x1b[200~half\x1b[20", PAUSE, SILENCE, "after\r", PAUSE) == "{half\x1b[20}after<c-m>"
    assert typed("\x1b[200~half", PAUSE, SILENCE, "and\rmore\r", PAUSE, "\x1b[201~") == "{half}{and\rmore\r}"


def test_a_paste_that_comes_slowly_is_one() -> None:
    assert typed("\x1b[200~one", PAUSE, STALL, "two", PAUSE, STALL, "\x1b[201~") == "{onetwo}"


@pytest.mark.parametrize(
    ("feeds", "keys"),
    [
        (["one\rtwo\rthree\r", PAUSE], "{one\rtwo\rthree\r}"),
        (["one\r\ntwo", PAUSE], "{one\r\ntwo}"),
        (["one\r", "two\r", "three\r", PAUSE], "{one\rtwo\r}{three\r}"),
        (["one\rtw", "o\tand", " more\r", PAUSE, "\r"], "{one\rtw}{o\tand}{ more\r}<c-m>"),
        ([*"ab", "\r", *"cd", "\r", PAUSE], "ab{\rc}{d}{\r}"),
        (["\r\r", PAUSE], "{\r\r}"),
    ],
)
def test_lines_that_come_without_a_pause_are_a_paste(feeds: list[str | None], keys: str) -> None:
    assert typed(*feeds) == keys


@pytest.mark.parametrize(
    ("feeds", "keys"),
    [
        (["a question\r", PAUSE], "a question<c-m>"),
        (["a question", PAUSE, "\r"], "a question<c-m>"),
        (["one\r", PAUSE, "two\r", PAUSE], "one<c-m>two<c-m>"),
        (["one\ntwo\r", PAUSE], "one<c-j>two<c-m>"),
        (["\r", "\r", PAUSE], "<c-m><c-m>"),
        (["one\r", "\x1b[A"], "one<c-m><up>"),
        (["one\r", CTRL_C], "one<c-m><c-c>"),
    ],
)
def test_an_enter_with_nothing_behind_it_is_a_key(feeds: list[str | None], keys: str) -> None:
    assert typed(*feeds) == keys


PARAMETERS = st.text("0123456789:;<=>?", max_size=12)
INTERMEDIATES = st.text(" !\"#$%&'()*+,-./", max_size=2)
CSI = st.builds(
    "\x1b[{}{}{}".format,
    PARAMETERS,
    INTERMEDIATES,
    st.sampled_from("@ABCDEFGHIJKLNOPQRSTUVWXYZ\\]^_`abcdefghijklmnopqrstvwxyz{|}~"),
)
STRING = st.builds(
    "\x1b{}{}{}".format,
    st.sampled_from("]PX^_"),
    st.text(st.characters(exclude_categories=["Cc", "Cs"])),
    st.sampled_from(["\x07", "\x1b\\"]),
)


def has_no_text(sequence: str) -> bool:
    """Whether a sequence is neither text in a report nor the mark of a paste, and ends where ECMA-48 says: rxvt's end at `$`."""
    return "200~" not in sequence and "27;" not in sequence and re.match(r"\x1b\[\d+\$", sequence) is None


@given(st.lists(CSI.filter(has_no_text) | STRING), st.data())
def test_no_sequence_types_text_however_it_is_cut(sequences: list[str], data: st.DataObject) -> None:
    sent = "".join(sequences)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sent)), max_size=5)))
    feeds = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    assert [press for press in read(*feeds) if not isinstance(press.key, Keys)] == []


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.just(PAUSE) | st.text("\x1b[]~0123;\r\n\x03a")))
def test_after_any_input_the_keyboard_works(feeds: list[str | None]) -> None:
    assert typed(*feeds, PAUSE, SILENCE, CTRL_C).endswith("<c-c>")
    assert typed(*feeds, PAUSE, SILENCE, "a", PAUSE).endswith("a")


def test_an_input_without_a_parser_stays_as_it_is() -> None:
    listen(object())  # type: ignore[arg-type]
    with create_pipe_input() as keys:
        listen(keys)
        keys.send_text("a\x1b[46;5ub")
        assert [press.key for press in keys.read_keys()] == ["a", "b"]
