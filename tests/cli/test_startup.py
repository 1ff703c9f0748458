"""What starting costs: the modules that a command does without."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.cli.program import ANSWERS, ROOT, Ran
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.cli.program import Program

HEAVY: Final = ("asyncio", "fallback_chat.core", "httpx", "prompt_toolkit", "rich", "sqlite3", "typer", "tomllib")

# `os._exit` ends the program, so the list is written just before it.
PROLOGUE: Final = """
import atexit, os, sys
def told(code, exit=os._exit):
    os.write(9, " ".join(sorted(set(sys.modules) & set(%r))).encode())
    exit(code)
os._exit = told
atexit.register(told, 0)
from fallback_chat.__main__ import main
main()
"""


def loaded(program: Program, *args: str) -> tuple[int, str]:
    """Run a command; give its exit code and the heavy modules that it loaded."""
    path = program.directory / "modules"
    shell = f'exec {sys.executable} -c "$0" "$@" 9>{path}'
    command = ["bash", "-c", shell, PROLOGUE % (HEAVY,), *args]
    done = subprocess.run(
        command,
        env=program.environment(COVERAGE_PROCESS_CONFIG=None),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, path.read_text()


@pytest.mark.parametrize(
    ("command", "modules"),
    [
        ("--version", ""),
        ("--help", "typer"),
        ("ask --help", "typer"),
        ("ask hi", "asyncio fallback_chat.core httpx sqlite3 tomllib typer"),
        ("status --short", "asyncio fallback_chat.core sqlite3 tomllib typer"),
        ("ask --json hi", "asyncio fallback_chat.core httpx sqlite3 tomllib typer"),
    ],
)
def test_a_command_loads_only_what_it_needs(program: Program, command: str, modules: str) -> None:
    code, found = loaded(program, *command.split())

    assert (code, set(found.split()) - set(modules.split())) == (0, set())


def test_the_package_runs_as_a_module_and_says_its_version(program: Program) -> None:
    ran = program("--version")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("fallback-chat ")
    assert ran.out.count("\n") == 1


def test_help_needs_no_configuration(program: Program) -> None:
    program.config = {}
    (program.directory / "cwd").mkdir()
    (program.directory / "cwd/fallback.toml").write_text("broken [")

    short, long = program("-h"), program("--help")

    assert (short.code, short.err) == (0, "")
    assert short.out == long.out
    assert "ask" in short.out


def test_with_no_configuration_at_all_the_guide_answers(program: Program) -> None:
    program.config = {}

    ran = program("ask", "how do I add a provider?", env={"SIM_KEY": None, "OLLAMA_HOST": "127.0.0.1:9"})

    assert ran.code == 0
    assert ran.out.strip()
    assert ANSWERS["one"] not in ran.out


def test_without_a_terminal_the_chat_says_what_to_use(program: Program) -> None:
    ran = program()

    assert (ran.code, ran.out) == (2, "")
    assert "ask" in ran.err
    assert ran != Ran(2, "", "")
    assert str(ROOT) not in ran.err
