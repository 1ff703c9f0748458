"""The file of typed questions."""

from __future__ import annotations

import multiprocessing
import stat
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.repl import input_history
from fallback_chat.cli.repl.draft import Draft, Origin, Run
from fallback_chat.cli.repl.input_history import InputHistory
from fallback_chat.cli.repl.pastes import Pastes
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


def history(path: Path, told: list[str] | None = None) -> InputHistory:
    warn = (told if told is not None else []).append
    return InputHistory(path, warn, Pastes(), lambda text: text.replace("secret", "[x]"))


def reread(path: Path) -> list[str]:
    return list(history(path).load_history_strings())


def test_entries_come_back_newest_first_each_once_with_their_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "state" / "input-history"
    first = history(path)
    for text in ("one", "two\nlines", "one", "one"):
        first.add(Draft.typed(text))
    assert reread(path) == ["one", "two\nlines"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_leading_blank_keeps_an_entry_off_the_disk_and_secrets_never_get_there(tmp_path: Path) -> None:
    path = tmp_path / "input-history"
    one = history(path)
    one.add(Draft.typed(" private"))
    one.add(Draft.typed("my secret"))
    assert one.get_strings() == [" private", "my [x]"]
    assert reread(path) == ["my [x]"]


def test_what_was_cleared_is_found_by_up_and_not_written(tmp_path: Path) -> None:
    path = tmp_path / "input-history"
    one = history(path)
    one.keep(Draft.typed("draft"))
    assert (one.get_strings(), path.exists()) == (["draft"], False)


def test_a_line_that_is_no_entry_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "input-history"
    path.write_bytes(b'"one"\n"cut off\n\xff\n{"x": 1}\n[["said", "x"]]\n[1]\n"two"\n')
    assert reread(path) == ["two", "one"]


def test_a_file_that_grew_is_shortened_to_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(input_history, "MAX_ENTRIES", 3)
    path = tmp_path / "input-history"
    one = history(path)
    for number in range(7):
        one.add(Draft.typed(str(number)))
    assert path.read_text() == '"4"\n"5"\n"6"\n'


def test_a_place_that_cannot_be_written_is_told_once_and_the_chat_remembers_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told: list[str] = []
    one = history(tmp_path / "file" / "input-history", told)
    for text in ("one", "two"):
        one.add(Draft.typed(text))
    assert one.get_strings() == ["one", "two"]
    assert [line.partition(":")[0] for line in told] == ["what you type is not remembered"]


def test_what_was_pasted_comes_back_as_a_paste(tmp_path: Path) -> None:
    path = tmp_path / "input-history"
    draft = Draft((Run("see "), Run(" @x\n", Origin.PASTED)))
    for one in (draft, Draft.pasted(" code"), Draft.typed("two\nlines")):
        history(path).add(one)
    again = history(path)
    entries = list(again.load_history_strings())
    assert entries == ["two\nlines", " code", "see  @x\n"]
    assert [Draft.of(zip(text, again.origins(text), strict=True)) for text in entries][1:] == [
        Draft.pasted(" code"),
        draft,
    ]


def test_several_lines_of_an_earlier_version_may_have_been_pasted(tmp_path: Path) -> None:
    path = tmp_path / "input-history"
    path.write_text('"/help"\n"a log\\nsee @x"\n')
    one = history(path)
    assert [set(one.origins(text)) for text in one.load_history_strings()] == [{Origin.PASTED}, {Origin.TYPED}]


def write_many(path: Path, name: str) -> None:
    one = history(path)
    for number in range(100):
        one.add(Draft.typed(f"{name}{number}"))


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "input-history"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(path, name)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(PATIENCE)
    assert sorted(reread(path)) == sorted(f"{name}{number}" for name in "ab" for number in range(100))


def test_nothing_of_a_private_conversation_is_written(tmp_path: Path) -> None:
    path = tmp_path / "input-history"
    one = InputHistory(path, pytest.fail, Pastes(), private=lambda: True)
    one.add(Draft.typed("between us"))
    assert (one.get_strings(), path.exists()) == (["between us"], False)
