"""What is asked: words, standard input and files in one message."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.input import MAX_BYTES, prompt_of, put_together, read_file, text_of
from fallback_chat.cli.roles import role_prompt
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("words", "piped", "asked"),
    [
        (["what", "is", "x?"], None, "what is x?"),
        (["what?"], "", "what?"),
        (["what?"], "a\n", "what?\n\nstdin:\n```\na\n```"),
        (["-"], "the prompt\r\n", "the prompt"),
        ([], "the prompt\n", "the prompt"),
        ([], "a line\n\n\n", "a line\n\n"),
        ([], "\n  indented\n", "\n  indented"),
        (["a - b"], None, "a - b"),
        (["-", "b"], "piped", "- b\n\nstdin:\n```\npiped\n```"),
    ],
)
def test_words_and_piped_text_become_one_prompt(words: list[str], piped: str | None, asked: str) -> None:
    assert put_together(prompt_of(words), piped) == asked


def test_files_come_under_their_names_before_the_piped_text() -> None:
    asked = put_together("compare", "c\n", [("a.py", "a"), ("b.md", "```\nb\n```")])

    assert asked == "compare\n\na.py:\n```\na\n```\n\nb.md:\n````\n```\nb\n```\n````\n\nstdin:\n```\nc\n```"


def test_files_alone_are_a_question_too() -> None:
    assert put_together("", None, [("a", "text")]) == "a:\n```\ntext\n```"


@pytest.mark.parametrize(("words", "piped"), [([], None), ([], ""), (["-"], "\n"), (["  "], None), (["-"], None)])
def test_nothing_to_ask_is_an_error(words: list[str], piped: str | None) -> None:
    with pytest.raises(InputError, match="nothing to ask"):
        put_together(prompt_of(words), piped)


@given(text=st.text(alphabet="`~ab\n ", min_size=1), prompt=st.text(min_size=1).filter(str.strip))
def test_a_block_can_be_told_from_everything_in_it(text: str, prompt: str) -> None:
    asked = put_together(f"{prompt} ?", None, [("f", text)])

    found = re.fullmatch(re.escape(prompt) + r" \?\n\nf:\n(`{3,})\n(.*)\n\1", asked, re.DOTALL)
    assert found is not None
    assert found[2] == text
    assert found[1] not in text


def test_a_text_full_of_fences_is_no_burden() -> None:
    text = "`" * 1_000_000

    assert put_together("x", text).endswith("\n" + "`" * 1_000_001)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_read_as_it_is(text: str) -> None:
    assert text_of(text.encode()) == text.removeprefix("\ufeff")


@given(st.binary())
def test_any_bytes_are_text_or_one_clear_error(data: bytes) -> None:
    told: tuple[bool, str] | None = None
    text = ""
    try:
        text = text_of(data)
    except InputError as error:
        told = (error.missing, str(error).split("(")[0].split(":")[0].strip())

    assert "\0" not in text
    complaints = ("standard input is not UTF-8 text", "standard input is not text", "standard input is a")
    assert told is None or (told[0], told[1].startswith(complaints)) == (False, True)


def test_too_much_text_is_refused_and_not_cut() -> None:
    assert text_of(b"x" * MAX_BYTES) == "x" * MAX_BYTES
    with pytest.raises(InputError, match="standard input has more than 16 MiB"):
        text_of(b"x" * (MAX_BYTES + 1))


@pytest.mark.parametrize("name", ["missing", "missing/deeper", ".", "~no-such-user/file"])
def test_a_file_that_cannot_be_read_is_missing_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match=re.escape(repr(name))) as caught:
        read_file(name)

    assert caught.value.missing


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_a_role_that_is_no_file_is_named_and_not_waited_for(home: Path, make: Callable[[Path], object]) -> None:
    roles = home / "config_home" / "fallback-chat" / "roles"
    roles.mkdir(parents=True)
    make(roles / "odd.md")

    with pytest.raises(InputError, match=r"cannot read '.*odd\.md': it is a (pipe|directory|device)"):
        role_prompt("odd")


def test_a_prompt_that_is_no_text_is_refused_and_never_sent_damaged() -> None:
    with pytest.raises(InputError, match="the prompt is not text in the encoding of your locale"):
        prompt_of(["caf\udce9"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_a_byte_order_mark_says_how_a_text_is_encoded(encoding: str) -> None:
    mark = "" if encoding == "utf-8-sig" else "\ufeff"
    assert text_of(f"{mark}Grüße, 漢字".encode(encoding)) == "Grüße, 漢字"
