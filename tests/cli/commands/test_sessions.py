"""`sessions …`: what is printed, the exit codes, and the command line in front of it."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.commands import sessions
from fallback_chat.cli.declarations.sessions import parse_age
from fallback_chat.cli.process.behind import BEHIND
from fallback_chat.core.answer import Answer
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.conversations.store import History
from fallback_chat.core.errors import InputError
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.core.conversations.records import SessionId

ROOT = Path(__file__).parent.parent.parent.parent
NOW = 1_700_000_000.0
HOSTILE = "\x1b]0;owned\x07\x9b31m\u202e"


@pytest.fixture
def history(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[History]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    path = home / "data_home" / "fallback-chat" / "history.db"
    with History.open(path, clock=lambda: NOW, warn=pytest.fail) as opened:
        yield opened
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def add(history: History, asked: str, answered: str) -> SessionId:
    session = history.new_session()
    turn = history.begin_turn(session, ChatMessage(Role.USER, (Text(asked),)))
    history.finish_turn(turn, Answer(text=answered, complete=True, provider="p", model="m"))
    return session


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fallback_chat", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=PATIENCE,
        check=False,
    )


def test_the_list_has_id_time_size_and_title_the_newest_first(history: History, out: io.StringIO) -> None:
    first, second = add(history, "one", "1"), add(history, "two", "2")
    history.begin_turn(first, ChatMessage(Role.USER, (Text("more"),)))

    assert sessions.list_(history, out, pytest.fail) == 0  # type: ignore[arg-type]
    assert out.getvalue() == (f"{first}  2023-11-14 22:13  2 turns  one\n{second}  2023-11-14 22:13   1 turn  two\n")


def test_an_empty_list_says_so_on_stderr(history: History, out: io.StringIO) -> None:
    err = io.StringIO()

    assert sessions.list_(history, out, err) == 0
    assert (out.getvalue(), err.getvalue()) == ("", "there is no conversation yet\n")


def test_show_prints_the_latest_or_the_one_that_is_named(history: History) -> None:
    first, second = add(history, "one", "1"), add(history, "two", "2")

    for named, session, number in ((first, first, "one"), (None, second, "two")):
        out = io.StringIO()
        assert sessions.show(history, named, out) == 0
        assert out.getvalue().startswith(
            f"# {number}\n\n*2023-11-14T22:13:20+00:00, conversation {session}*\n\n## You\n"
        )


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_conversation_is_laid_out(history: History) -> None:
    session = add(history, "one", "**bold** and\n\n1. a list")
    out = Screen()
    assert sessions.show(history, session, out) == 0
    assert "**" not in out.getvalue()
    assert [row.strip() for row in out.getvalue().splitlines()][-3:] == [
        "\x1b[1mbold\x1b[0m and",
        "",
        "\x1b[36m1. \x1b[0ma list",
    ]


def test_there_is_nothing_to_show_yet(history: History, out: io.StringIO) -> None:
    with pytest.raises(InputError) as caught:
        sessions.show(history, None, out)

    assert caught.value.missing


def test_search_prints_where_and_what(history: History, out: io.StringIO) -> None:
    session = add(history, "Why do boats float?", "Buoyancy\nlifts them.")
    err = io.StringIO()

    assert sessions.search(history, ["buoyancy", "lifts"], out, err) == 0
    assert sessions.search(history, ["zebra"], out, err) == 0
    assert out.getvalue() == f"{session}  2023-11-14 22:13  Why do boats float?\n    Buoyancy lifts them.\n"
    assert err.getvalue() == "nothing was found\n"


def test_nothing_that_was_stored_can_steer_the_terminal(history: History) -> None:
    session = add(history, f"q {HOSTILE}", f"a {HOSTILE}")
    out = io.StringIO()

    sessions.list_(history, out, out)
    sessions.show(history, session, out)
    sessions.search(history, ["q"], out, out)
    for form in ("md", "json"):
        sessions.export(history, session, form, None, out)

    assert not set(out.getvalue()) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_json_on_a_terminal_still_is_what_was_stored(history: History, out: io.StringIO) -> None:
    session = add(history, "é", f"a {HOSTILE}")

    sessions.export(history, session, "json", None, out)

    assert json.loads(out.getvalue())["turns"][0]["answer"]["text"] == f"a {HOSTILE}"


def test_export_to_a_file_is_private_and_whole(history: History, tmp_path: Path, out: io.StringIO) -> None:
    session = add(history, "é", "a")
    target = tmp_path / "chat.json"

    assert sessions.export(history, session, "json", target, out) == 0

    assert out.getvalue() == ""
    assert json.loads(target.read_bytes())["title"] == "é"
    assert '"é"' in target.read_text(encoding="utf-8")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_export_to_what_is_no_plain_file_writes_into_it(history: History, tmp_path: Path, out: io.StringIO) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        sessions.export(history, add(history, "q", "a"), "md", pipe, out)
        BEHIND.wait()
        assert os.read(reader, 100).startswith(b"# q\n")
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def sure(question: str) -> bool:
    """Agree, whatever the question is."""
    return question.endswith(" for good?")


def test_rename_and_rm_take_the_beginning_of_an_id(history: History, out: io.StringIO) -> None:
    session = add(history, "q", "a")

    assert sessions.rename(history, session[:10], "Mine") == 0
    assert [each.title for each in history.list()] == ["Mine"]
    assert sessions.remove(history, [session[:10]], out, sure) == 0
    assert history.list() == ()
    assert out.getvalue() == f"deleted {session}\n"


def test_one_wrong_name_keeps_all_from_being_deleted(history: History, out: io.StringIO) -> None:
    session = add(history, "q", "a")

    with pytest.raises(InputError):
        sessions.remove(history, [session, "zzz"], out, pytest.fail)

    assert [each.id for each in history.list()] == [session]


def test_the_question_names_what_would_be_deleted_and_no_keeps_it(history: History, out: io.StringIO) -> None:
    session, asked = add(history, "q", "a"), list[str]()

    def no(question: str) -> bool:
        asked.append(question)
        return False

    assert sessions.remove(history, [session[:10]], out, no) == 2
    assert sessions.purge(history, 0.0, out, out, no) == 2
    assert sessions.purge(history, None, out, out, no, everything=True) == 2
    assert [each.id for each in history.list()] == [session]
    assert (out.getvalue(), asked) == (
        "",
        [
            f"Delete {session} for good?",
            "Delete 1 conversation for good?",
            "Delete 1 conversation for good?",
        ],
    )


def test_nothing_is_asked_about_deleting_nothing(history: History, out: io.StringIO) -> None:
    add(history, "q", "a")

    assert sessions.purge(history, 10.0, out, out, pytest.fail) == 0
    history.purge(None)
    assert sessions.purge(history, None, out, out, pytest.fail, everything=True) == 0
    assert out.getvalue() == "deleted 0 conversations\n" * 2


def test_purge_wants_to_be_told_what(history: History, out: io.StringIO) -> None:
    err = io.StringIO()
    add(history, "q", "a")

    assert sessions.purge(history, None, out, err, pytest.fail) == 2
    assert sessions.purge(history, 10.0, out, err, pytest.fail, everything=True) == 2
    assert sessions.purge(history, None, out, err, sure, everything=True) == 0
    assert out.getvalue() == "deleted 1 conversation\n"
    assert err.getvalue() == "usage: fallback-chat sessions purge --older-than 30d   (or --all)\n" * 2


def test_an_age_is_a_number_of_hours_days_or_weeks() -> None:
    assert [parse_age(text) for text in ("12h", "30d", " 2 w")] == [43_200, 2_592_000, 1_209_600]
    for text in ("", "30", "d", "-1d", "1y"):
        with pytest.raises(Exception, match="is not an age"):
            parse_age(text)


def test_the_command_line_reads_the_users_history(history: History) -> None:
    session = add(history, "one", "1")

    assert run("sessions", "list").stdout.split()[0] == session
    assert run("sessions", "search", "one").stdout.split()[0] == session
    assert run("sessions", "rename", session, "Mine").returncode == 0
    assert run("sessions", "show", session).stdout.startswith("# Mine\n")
    assert json.loads(run("sessions", "export", "--format", "json").stdout)["id"] == session
    assert run("sessions", "purge", "--yes", "--older-than", "1d").stdout == "deleted 1 conversation\n"


@pytest.mark.parametrize("command", [("list",), ("search", "one")], ids=" ".join)
@pytest.mark.parametrize("number", ["1", str(2**63), "9" * 400])
def test_a_limit_may_be_as_large_as_it_likes(history: History, command: tuple[str, ...], number: str) -> None:
    session = add(history, "one", "1")

    ran = run("sessions", *command, "-n", number)

    assert (ran.returncode, ran.stdout.split()[0], ran.stderr) == (0, session, "")


@pytest.mark.parametrize(
    "arguments", [("show", "\udcff"), ("rm", "--yes", "a\udcff"), ("rename", "\udcff", "x")], ids=ascii
)
def test_an_id_that_is_no_text_is_an_unknown_one(history: History, arguments: tuple[str, ...]) -> None:
    add(history, "one", "1")

    assert run("sessions", *arguments).returncode == 66


def test_mistakes_have_exit_codes_and_one_line_each(history: History, home: Path) -> None:
    add(history, "one", "1")
    missing, form = run("sessions", "rm", "--yes", "zzz"), run("sessions", "export", "--format", "pdf")

    assert (missing.returncode, missing.stdout) == (66, "")
    assert missing.stderr == (
        "fallback-chat: there is no conversation 'zzz': `fallback-chat sessions list` shows them\n"
    )
    assert (form.returncode, "'pdf' is none of md, json" in form.stderr) == (2, True)
    assert run("sessions", "purge").returncode == 2
    assert run("sessions", "purge", "--older-than", "soon").returncode == 2


def test_a_history_that_cannot_be_opened_is_a_local_failure(home: Path) -> None:
    path = home / "data_home" / "fallback-chat" / "history.db"
    path.mkdir(parents=True)

    failed = run("sessions", "list")

    assert (failed.returncode, failed.stdout) == (74, "")
    assert failed.stderr.startswith(f"fallback-chat: {path}: ")
    assert failed.stderr.count("\n") == 1


def test_a_broken_history_is_said_and_the_command_goes_on(home: Path) -> None:
    path = home / "data_home" / "fallback-chat" / "history.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"garbage " * 1000)

    first, second = run("sessions", "list"), run("sessions", "list")

    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stderr.count("is kept as history.db.broken-") == 1
    assert second.stderr == "there is no conversation yet\n"


@pytest.mark.parametrize("begun", [False, True])
def test_whoever_only_looks_needs_no_room_for_a_history(home: Path, begun: bool) -> None:
    place = home / "data_home" / "fallback-chat"
    if begun:  # and then the disk was full
        place.mkdir(parents=True)
        (place / "history.db").touch()
    before = sorted(home.rglob("*"))

    looked = [run("sessions", *command) for command in (["list"], ["search", "x"], ["list", "--json"])]

    assert [one.returncode for one in looked] == [0, 0, 0]
    assert sorted(home.rglob("*")) == before
