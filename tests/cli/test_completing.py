"""What the shell completes, as the shell asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.program import Program
    from tests.cli.saved import Saved


def completed(program: Program, line: str, **env: str | None) -> list[str]:
    """The values that bash is given for the last word of `line`; nothing may be said besides."""
    words = line.split(" ")
    asked: dict[str, str | None] = {
        "_FALLBACK_CHAT_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    ran = program(env=asked | env)
    assert ran.err == ""
    return ran.out.split()


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("fallback-chat ask --provider t", ["two", "three"]),
        ("fallback-chat -p o", ["one"]),
        ("fallback-chat --only ", ["one", "two", "three"]),
        ("fallback-chat ask --chain two,", ["two,one", "two,three"]),
        ("fallback-chat ask --profile f", ["fast"]),
        ("fallback-chat probe tw", ["two"]),
        ("fallback-chat models th", ["three"]),
        ("fallback-chat sessions li", ["list"]),
        ("fallback-chat ask --session x", []),
        ("fallback-chat ask --require e", ["eu"]),
        ("fallback-chat --color a", ["auto", "always"]),
        ("fallback-chat ask --render n", ["never"]),
        ("fallback-chat ask --on-stream-failure re", ["restart"]),
        ("fallback-chat sessions export --format ", ["md", "json"]),
    ],
)
def test_names_and_choices_are_completed(program: Program, line: str, values: list[str]) -> None:
    program.play("ok", "ok", "ok")
    program.config["profiles"] = {"fast": {"providers": ["three"]}}
    for provider in program.config["providers"]:
        provider["tags"] = ["eu", "local"]

    assert completed(program, line) == values


def test_conversations_are_completed(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")

    for line in ("fallback-chat --session ", f"fallback-chat sessions show {session[:3]}"):
        assert completed(program, line, **saved.env) == [session]


def test_a_name_that_a_shell_would_act_upon_is_not_offered(program: Program) -> None:
    evil = ("$(touch x)", "`touch x`", "f;touch x", "f*", "f\\", "f'x", 'f"x', "f&x", "f|x", "f>x", "f{x}")
    program.config["profiles"] = {name: {"providers": ["one"]} for name in (*evil, "fast:free/v1.5@x")}

    assert completed(program, "fallback-chat --profile ") == ["fast:free/v1.5@x"]
    assert completed(program, "fallback-chat --chain $(touch${IFS}x),") == []


def test_the_title_of_a_conversation_runs_nothing_in_zsh(program: Program, saved: Saved) -> None:
    """zsh evaluates what follows a dollar sign or a backtick behind two backslashes, but not behind one."""
    session = saved.add(r"evil \$(touch x) \`touch x\` $(touch x) \ ", "No.")
    asked: dict[str, str | None] = {
        "_FALLBACK_CHAT_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": "fallback-chat sessions show ",
    }

    ran = program(env=asked | saved.env)

    text = " ".join(ran.out.split())
    assert text == rf"""_arguments '*: :(("{session}":"evil /\$(touch x) /\`touch x/\` \$(touch x) /"))'"""


def test_roles_are_completed(program: Program) -> None:
    folder = program.directory / "xdg/fallback-chat/roles"
    folder.mkdir(parents=True)
    for name in ("pirate.md", "poet.md", "notes.txt"):
        (folder / name).write_text("Talk like one.")

    found = completed(program, "fallback-chat --role p", XDG_CONFIG_HOME=str(program.directory / "xdg"))

    assert found == ["pirate", "poet"]


def test_models_are_completed_from_what_was_listed_last(program: Program) -> None:
    program.play("ok", "ok")
    env: dict[str, str | None] = {"XDG_CACHE_HOME": str(program.directory / "cache")}
    listed = program("models", "one", env=env).out

    found = completed(program, "fallback-chat ask -p one -m ", **env)
    assert found
    assert all(name in listed for name in found)
    assert completed(program, "fallback-chat ask -p two -m ", **env) == []


def test_a_faulty_configuration_completes_nothing_and_says_nothing(program: Program) -> None:
    program.config = {"providers": [{"name": 7}]}

    assert completed(program, "fallback-chat ask -p ") == []
