"""`ask` between other programs: pipes, files, closed and full streams, and no colour where there is no terminal."""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.attack.rude import rude
from tests.cli.canned import canned, frame, spoken
from tests.cli.program import ANSWERS, TEXTS, Ran, entry, stop
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.cli.attack.rude import Send
    from tests.cli.program import Program

MARKDOWN = "# Title\n\n* *one*   two  \n\n```python\nx = [1, 2]\t# é 😀\n```\n| a | b |\n|---|---|\n" + "long " * 60


def over(program: Program, url: str) -> Program:
    program.config["providers"] = [entry("one", url)]
    return program


@pytest.mark.parametrize("ending", ["", "\n", "\n\n\n"])
def test_a_pipe_gets_the_source_byte_for_byte_and_one_newline(program: Program, ending: str) -> None:
    pieces = [MARKDOWN[i : i + 7] for i in range(0, len(MARKDOWN), 7)]
    with canned(spoken(*pieces, ending)) as url:
        ran = over(program, url)("ask", "hi")

    assert ran == Ran(0, MARKDOWN + "\n", "")


def test_text_is_written_as_it_comes(program: Program) -> None:
    process = program.play("token-silence").start("ask", "hi")
    assert process.stdout is not None

    first = os.read(process.stdout.fileno(), 100)
    stop(process)

    assert first == b"These"


SWITCHES = {
    "FORCE_COLOR": (None, "", "0", "1", "3"),
    "NO_COLOR": (None, "1"),
    "CLICOLOR_FORCE": (None, "1"),
    "TERM": ("dumb", "xterm-256color", None),
}
COMBINATIONS = [dict(zip(SWITCHES, values, strict=True)) for values in itertools.product(*SWITCHES.values())]


@pytest.mark.parametrize("environment", COMBINATIONS[::11], ids=str)
def test_no_environment_brings_an_escape_sequence_into_a_pipe(
    program: Program, environment: dict[str, str | None]
) -> None:
    ran = program.play("500", "ok")("ask", "hi", env=environment)

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert "\x1b" not in ran.err


@pytest.mark.parametrize("args", [["--help"], ["ask", "--help"], ["probe"], ["config", "show"], ["ask", "--nonsense"]])
def test_nor_does_it_into_any_other_output(program: Program, args: list[str]) -> None:
    ran = program(*args, env={"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "GITHUB_ACTIONS": "1"})

    assert "\x1b" not in ran.out + ran.err


def test_a_reader_that_has_seen_enough_ends_it_quietly_with_141(program: Program) -> None:
    with canned([*(frame({"content": f"{n} " * 500}) for n in range(300)), frame(finish="stop")], pause=0) as url:
        ran = over(program, url).shell("$fc ask hi | head -c 5; exit ${PIPESTATUS[0]}")

    assert ran == Ran(141, "0 0 0", "")


@pytest.mark.parametrize("flags", [["--json"], ["--jsonl"], ["--no-stream"], []])
def test_a_reader_that_is_not_there_ends_it_quietly_with_141(program: Program, flags: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    ran = program("ask", *flags, "hi", stdout=writing)
    os.close(writing)

    assert ran == Ran(141, "", "")


def test_a_reader_that_leaves_in_the_middle_ends_a_slow_answer(program: Program) -> None:
    with canned(itertools.repeat(frame({"content": "word "})), pause=0) as url:
        process = over(program, url).start("ask", "hi")
        assert process.stdout is not None
        process.stdout.read(5)
        process.stdout.close()
        assert process.wait(PATIENCE) == 141
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()


@pytest.mark.parametrize("second", ["ok", "500"])
def test_a_reader_that_leaves_before_an_event_is_told_ends_it_with_141(program: Program, second: str) -> None:
    left = threading.Event()

    def fail(send: Send) -> None:
        left.wait(PATIENCE)
        send(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")

    with rude(fail) as url:
        program.play(second).config["providers"].insert(0, entry("gated", url))
        process = program.start("ask", "--jsonl", "hi")
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline())["type"] for _ in range(2)]
        process.stdout.close()
        left.set()
        code = process.wait(PATIENCE)
        stop(process)

    assert (told, code) == (["start", "attempt"], 141)


@pytest.mark.parametrize("flags", [[], ["--no-stream"], ["--json"], ["--jsonl"], ["-o", "/dev/full"]], ids=" ".join)
def test_a_full_disk_is_74_and_said_in_one_line(program: Program, flags: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = program("ask", *flags, "hi", stdout=full)

    assert ran.code == 74
    (line,) = ran.err.splitlines()
    assert line.startswith("fallback-chat: ")
    assert "No space left on device" in line


@pytest.mark.parametrize("command", ["ask hi", "ask --json hi", "probe", "--version", "--help", "config show"])
def test_a_closed_stdout_is_74_and_said_in_one_line(program: Program, command: str) -> None:
    ran = program.shell(f"$fc {command} >&-")

    assert ran == Ran(74, "", "fallback-chat: standard output: Bad file descriptor\n")


def test_closed_stdin_and_stderr_do_no_harm(program: Program) -> None:
    assert program.shell("$fc ask hi <&-") == Ran(0, ANSWERS["one"], "")
    assert program.shell("$fc ask hi 2>&-") == Ran(0, ANSWERS["one"], "")
    assert program.play("500", "ok").shell("$fc ask hi <&- 2>&-") == Ran(0, ANSWERS["two"], "")


def test_a_full_stderr_costs_the_notices_and_not_the_answer(program: Program) -> None:
    ran = program.play("500", "ok").shell("$fc ask hi 2>/dev/full")

    assert (ran.code, ran.out) == (0, ANSWERS["two"])


def test_stdin_is_read_only_where_it_is_a_pipe_or_a_file(program: Program, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("from a file\n")

    program.shell(f"$fc ask hi < {tmp_path}/in.txt")
    program.shell("$fc ask hi < /dev/zero")
    program.shell("printf 'from a pipe\\n\\n' | $fc ask hi")

    asked = [request.json["messages"][0]["content"] for request in program.servers[0].requests]
    assert asked == [
        "hi\n\nstdin:\n```\nfrom a file\n```",
        "hi",
        "hi\n\nstdin:\n```\nfrom a pipe\n\n```",
    ]


def test_the_prompt_can_come_through_the_pipe_and_begin_with_a_dash(program: Program) -> None:
    program("ask", "-", stdin="Grüße\n".encode())
    program("ask", stdin=b"no words")
    program("ask", "--", "-x", "--json")

    asked = [request.json["messages"][0]["content"] for request in program.servers[0].requests]
    assert asked == ["Grüße", "no words", "-x --json"]


@pytest.mark.parametrize(
    "variables", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}]
)
def test_the_answer_is_utf_8_in_any_locale(program: Program, variables: dict[str, str | None]) -> None:
    with canned(spoken("é😀\u4e2d")) as url:
        ran = over(program, url)("ask", "hi", env=variables)

    assert ran == Ran(0, "é😀\u4e2d\n", "")


def test_a_prompt_that_is_not_utf_8_is_refused_and_never_altered(program: Program) -> None:
    ran = program.shell("$fc ask $'caf\\xe9'")

    assert (ran, program.asked) == (
        Ran(
            65,
            "",
            "fallback-chat: the prompt is not text in the encoding of your locale: convert it to UTF-8\n",
        ),
        [0],
    )


def test_an_output_file_holds_the_answer_and_nothing_goes_to_stdout(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "answer.md"

    ran = program.shell(f"umask 027; $fc ask hi -o {path}")

    assert (ran, path.read_text()) == (Ran(0, "", ""), ANSWERS["one"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_an_output_file_stays_as_it_was_when_there_is_no_text(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "answer.md"
    path.write_text("precious")
    path.chmod(0o604)

    failed = program.play("500", "bad-key")("ask", "hi", "-o", str(path))
    kept = path.read_text()
    answered = program.play("ok")("ask", "hi", "-o", str(path))

    assert (failed.code, kept) == (69, "precious")
    assert (answered.code, path.read_text(), stat.S_IMODE(path.stat().st_mode)) == (0, ANSWERS["one"], 0o604)


def test_a_cut_answer_is_kept_in_the_file_and_is_no_success(program: Program, tmp_path: Path) -> None:
    ran = program.play("token-close")("ask", "hi", "-o", str(tmp_path / "answer.md"))

    assert (ran.code, ran.out, (tmp_path / "answer.md").read_text()) == (3, "", "These\n")


def test_an_output_can_be_a_device(program: Program) -> None:
    assert program("ask", "hi", "-o", "/dev/stdout") == Ran(0, ANSWERS["one"], "")
    assert program("ask", "hi", "-o", "/dev/null") == Ran(0, "", "")


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_an_output_in_a_directory_that_is_missing_is_74_before_anybody_is_asked(
    program: Program, tmp_path: Path, flags: list[str]
) -> None:
    ran = program("ask", "hi", *flags, "-o", str(tmp_path / "nope" / "answer.md"))

    assert ran == Ran(74, "", f"fallback-chat: {tmp_path / 'nope'}: No such file or directory\n")
    assert (program.asked, (tmp_path / "nope").exists()) == ([0], False)


def test_an_output_that_is_a_directory_is_74_before_anybody_is_asked(program: Program, tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()

    ran = program("ask", "hi", "-o", str(tmp_path / "directory"))

    assert ran == Ran(74, "", f"fallback-chat: {tmp_path / 'directory'}: Is a directory\n")
    assert program.asked == [0]


def screen(data: bytes, columns: int = 80, lines: int = 24) -> list[str]:
    """Give what a terminal shows, scrollback included."""
    import pyte

    from tests.cli.scrollback import Scrollback

    terminal = Scrollback(columns, lines)
    pyte.ByteStream(terminal).feed(data)
    return terminal.every_row()


def test_on_a_terminal_the_scrollback_is_the_answer_rendered_at_once(program: Program) -> None:
    text = "\n\n".join(f"# Part {n}\n\n* item *{n}*\n\n```python\nx = {n}\n```" for n in range(12))
    pieces = [text[i : i + 9] for i in range(0, len(text), 9)]
    with canned(spoken(*pieces)) as url:
        code, streamed = over(program, url).on_terminal("ask", "hi")
    with canned(spoken(text)) as url:
        _, at_once = over(program, url).on_terminal("ask", "hi")

    shown = "\n".join(screen(streamed)).strip()
    assert code == 0
    assert shown == "\n".join(screen(at_once)).strip()
    assert "Part 11" in shown
    assert "```" not in shown
    assert b"\x1b[" in streamed
    assert b"\x1b[?1049h" not in streamed


def test_a_dumb_terminal_gets_no_escape_sequence(program: Program) -> None:
    code, data = program.play("500", "ok").on_terminal("ask", "hi", env={"TERM": "dumb"})

    assert (code, b"\x1b" in data, TEXTS["two"].encode() in data) == (0, False, True)


@pytest.mark.parametrize(
    ("flags", "environment", "coloured"),
    [
        ([], {}, True),
        (["--color", "never"], {}, False),
        ([], {"NO_COLOR": "1"}, False),
        (["--color", "always"], {"NO_COLOR": "1"}, True),
        (["--render", "never"], {}, False),
    ],
    ids=str,
)
def test_colour_on_a_terminal(
    program: Program, flags: list[str], environment: dict[str, str | None], coloured: bool
) -> None:
    with canned(spoken("`code` here")) as url:
        code, data = over(program, url).on_terminal("ask", *flags, "hi", env=environment)

    colours = re.findall(rb"\x1b\[[\d;]*3[0-9][\d;]*m", data)
    assert (code, bool(colours)) == (0, coloured)


def test_a_terminal_is_not_waited_for_as_input(program: Program) -> None:
    code, data = program.on_terminal("ask", "hi", stdout=subprocess.DEVNULL)
    usage, _ = program.on_terminal("ask")

    assert (code, data, usage) == (0, b"", 2)


def test_without_a_home_or_with_one_that_cannot_be_written_the_answer_comes_all_the_same(
    program: Program, tmp_path: Path
) -> None:
    config = f"{program.environment()['HOME']}/.config/fallback-chat/fallback.toml"
    elsewhere = {f"XDG_{name}_HOME": str(tmp_path) for name in ("CONFIG", "DATA", "STATE")}

    homeless = program("ask", "--config", config, "hi", env={"HOME": None, **elsewhere})
    nowhere = program("ask", "--config", config, "hi", env={"HOME": "/proc/nowhere"})

    assert (homeless.code, homeless.out) == (0, ANSWERS["one"])
    assert (nowhere.code, nowhere.out) == (0, ANSWERS["one"])
    assert "Traceback" not in homeless.err + nowhere.err


def test_a_working_directory_that_was_deleted_does_no_harm(program: Program) -> None:
    assert program.shell('mkdir gone; cd gone; rmdir "$PWD"; $fc ask hi') == Ran(0, ANSWERS["one"], "")
