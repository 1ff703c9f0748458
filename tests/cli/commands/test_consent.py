"""Consent at the command line, and the border that is never left."""

from __future__ import annotations

import io
import json
import os
import pty
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.consent import confirmed
from tests.cli.program import ANSWERS, read
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.cli.program import Program


@pytest.fixture
def paid(program: Program) -> Program:
    """One fails; two wants consent."""
    program.play("503", "ok")
    program.config["providers"][1]["switch"] = "ask"
    return program


@pytest.mark.parametrize(
    ("line", "agreed"),
    [
        ("y\n", True),
        (" YES \n", True),
        ("n\n", False),
        ("\n", False),
        ("", False),
        ("delete\n", False),
        ("yess\n", False),
    ],
)
def test_only_yes_means_yes_before_something_is_deleted(line: str, agreed: bool) -> None:
    out = io.StringIO()

    assert confirmed("delete 2 conversations?", io.StringIO(line), out) is agreed
    assert out.getvalue() == "delete 2 conversations? [y/N] "


def test_without_a_terminal_asking_means_no(paid: Program) -> None:
    ran = paid("ask", "hi")

    assert (ran.code, ran.out, paid.asked[1]) == (69, "", 0)
    assert "two is left out (switching to it needs your consent)" in ran.err


@pytest.mark.parametrize(
    ("switch", "why", "hint"),
    [
        ("ask", "switching to it needs your consent", "agree when you are asked, or with --yes; see `switch`"),
        ("never", "the chain never switches to it", "begin with it: --provider, or /use in the chat; see `switch`"),
    ],
)
def test_a_provider_that_is_passed_over_is_told_with_the_reason_and_what_helps(
    paid: Program, switch: str, why: str, hint: str
) -> None:
    paid.config["providers"][1]["switch"] = switch

    lines = paid("ask", "hi").err.splitlines()

    assert f"fallback-chat: two skipped: {why}" in lines
    assert f"fallback-chat:   two is left out ({why})" in lines
    assert lines[-2] == f"fallback-chat: {hint}"
    assert lines[-1].startswith("fallback-chat: next retry in 1")


def test_yes_agrees(paid: Program) -> None:
    ran = paid("ask", "--yes", "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["two"])


@pytest.mark.parametrize(("line", "code", "asked"), [(b"y\n", 0, 1), (b"\n", 69, 0), (b"never\n", 69, 0)])
def test_at_a_terminal_the_user_is_asked(paid: Program, line: bytes, code: int, asked: int) -> None:
    master, slave = pty.openpty()
    with paid.start("ask", "hi", stdin=slave, stderr=slave) as process:
        os.close(slave)
        seen = b""
        while b"may two be asked instead? [y/N]" not in seen:
            piece = read(master)
            assert piece, seen
            seen += piece
        assert paid.asked[1] == 0
        os.write(master, line)
        process.communicate(timeout=PATIENCE)
    os.close(master)

    assert (process.returncode, paid.asked[1]) == (code, asked)


def test_notify_is_told_even_where_notices_are_not(paid: Program) -> None:
    paid.config["providers"][1]["switch"] = "notify"

    ran = paid("ask", "-q", "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert ran.err == "fallback-chat: two is asked instead of one\n"


@pytest.mark.parametrize(
    ("tag", "fault", "code", "asked"),
    [("local", "ok", 0, [1, 0]), ("local", "503", 69, [2, 0]), ("eu", "ok", 0, [0, 1]), ("mars", "ok", 77, [0, 0])],
)
def test_the_chain_never_leaves_the_border(program: Program, tag: str, fault: str, code: int, asked: list[int]) -> None:
    program.play(fault, "ok")
    program.config["providers"][0]["tags"] = ["local"]
    program.config["providers"][1]["tags"] = ["eu"]

    ran = program("ask", "--json", "--require", tag, "hi")

    assert (ran.code, program.asked) == (code, asked)
    if code == 77:
        error = json.loads(ran.out)["error"]
        assert (error["kind"], "the tags are eu, local" in error["message"]) == ("permission", True)
