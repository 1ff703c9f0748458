"""Each exit code for its reason, and never 0 for an answer that is not whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.process.guard import guarded
from tests.cli.program import Ran

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program

CHAINS = [
    ("ok", 0),
    ("500 ok", 0),
    ("finish-hang", 0),
    ("no-terminator", 0),
    ("json-for-stream", 0),
    ("token-close", 3),
    ("token-error", 3),
    ("length", 3),
    ("filter", 4),
    ("token-filter", 4),
    ("refusal", 4),
    ("bad-input bad-input", 65),
    ("context context", 65),
    ("context 429", 75),
    ("context 503", 69),
    ("context 401", 65),
    ("413 context", 65),
    ("500 503", 69),
    ("accept-close accept-reset", 69),
    ("silence head-silent", 69),
    ("empty whitespace", 69),
    ("html-200 null-200", 69),
    ("500 bad-key", 69),
    ("404 500", 69),
    ("rate-limit rate-limit", 75),
    ("bad-key rate-limit", 75),
    ("rate-limit 500", 75),
    ("quota quota", 75),
    ("bad-key quota", 75),
    ("quota 500", 69),
    ("bad-key 500", 69),
    ("bad-key 403", 77),
    ("bad-key no-model", 77),
    ("no-model no-model", 78),
]


@pytest.mark.parametrize(("faults", "code"), CHAINS)
def test_what_became_of_the_chain_is_the_exit_code(program: Program, faults: str, code: int) -> None:
    ran = program.play(*faults.split(), attempt_timeout=0.4, idle_timeout=0.4)("ask", "hi")

    assert ran.code == code
    assert (ran.err == "") == (code == 0 and " " not in faults)
    assert "Traceback" not in ran.err


USAGE = [
    ["ask"],
    ["ask", "--nonsense", "hi"],
    ["nonsense"],
    ["ask", "hi", "--deadline", "soon"],
    ["ask", "hi", "--deadline", "0"],
    ["ask", "hi", "--render", "sometimes"],
    ["ask", "hi", "--color", "sometimes"],
    ["ask", "hi", "--on-stream-failure", "explode"],
    ["ask", "hi", "--json", "--jsonl"],
    ["probe", "--timeout", "-1s"],
]


@pytest.mark.parametrize("args", USAGE, ids=" ".join)
def test_wrong_usage_is_2_says_what_is_wrong_and_asks_nobody(program: Program, args: list[str]) -> None:
    ran = program(*args)

    assert (ran.code, program.asked) == (2, [0])
    assert ran.err.strip()
    assert "Traceback" not in ran.err
    # A program that asked for JSON gets some; what it cannot get is a parse of its own wrong words.
    assert ran.out == "" or (json.loads(ran.out)["exit_code"] == 2 and "--json" in args)


def test_without_a_prompt_json_is_one_object_all_the_same(program: Program) -> None:
    ran = program("ask", "--json")
    value = json.loads(ran.out)
    assert (ran.code, value["exit_code"], value["error"]["kind"], value["attempts"]) == (2, 2, "input", [])


def test_an_answer_that_is_only_a_tool_call_is_no_success_as_text_and_whole_as_json(program: Program) -> None:
    program.play("tool-call")
    text, as_json = program("ask", "hi"), program("ask", "hi", "--json")
    assert (text.code, text.out) == (3, "")
    assert "one answered with a tool call only (" in text.err
    value = json.loads(as_json.out)
    assert (as_json.code, value["complete"], value["finish_reason"]) == (0, True, "tool_calls")
    assert len(value["tool_calls"]) == 1


def test_a_configuration_that_cannot_be_used_is_78(program: Program) -> None:
    program.config["providers"][0]["kind"] = "opnai"

    ran = program("ask", "hi")

    assert (ran.code, ran.out) == (78, "")
    assert "'openai'" in ran.err


def test_every_mistake_of_a_configuration_is_a_line_that_says_whose_it_is(program: Program) -> None:
    program.config["chain"] |= {"attempt_timeout": -1, "on_refusal": "maybe"}

    ran = program("ask", "hi")

    heads = [line.partition(".")[0].partition(" ")[0] for line in ran.err.splitlines()]
    assert (ran.code, heads) == (78, ["fallback-chat:"] * 2)


def test_a_missing_file_is_66_and_one_that_is_not_text_65(program: Program, tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\x7fELF\x00\xff")

    missing = program("ask", "hi", "-f", str(tmp_path / "nowhere"))
    binary = program("ask", "hi", "-f", str(tmp_path / "binary"))

    assert missing == Ran(66, "", f"fallback-chat: there is no file '{tmp_path}/nowhere'\n")
    assert binary == Ran(
        65,
        "",
        f"fallback-chat: {tmp_path}/binary is a compiled program: attach its source\n",
    )
    assert program.asked == [0]


def test_a_bug_is_70_one_sentence_and_a_file_to_send(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def body() -> int:
        raise RuntimeError("\x1b[2J secret")

    code = guarded(body)

    (report,) = tmp_path.glob("fallback-chat-*.log")
    assert code == 70
    assert capsys.readouterr().err == (
        f"fallback-chat: this is a bug in fallback-chat (RuntimeError). "
        f"Please report it where you got the program, with the file {report}; look through it first.\n"
    )
    assert "raise RuntimeError" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_bug_is_reported_at_the_page_that_the_package_names(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    installed = tmp_path / "fallback_chat-9.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(
        "Name: fallback-chat\nProject-URL: Home, https://example.org\nProject-URL: Issues, https://example.org/issues\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def body() -> int:
        raise RuntimeError

    assert guarded(body) == 70
    assert "Please report it at https://example.org/issues, with the file " in capsys.readouterr().err


def test_a_bug_without_a_place_for_its_report_is_70_all_the_same(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/nowhere")

    def body() -> int:
        raise RuntimeError

    assert guarded(body) == 70
    assert capsys.readouterr().err == (
        "fallback-chat: this is a bug in fallback-chat (RuntimeError). "
        "Please report it where you got the program; there was no place for the details.\n"
    )
