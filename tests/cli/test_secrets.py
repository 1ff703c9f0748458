"""No key in anything that comes out, and no escape sequence of foreign origin."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.words.notices import REDACTED
from fallback_chat.core.redaction import visible
from tests.cli.canned import canned, frame, spoken
from tests.cli.program import ANSWERS, KEY, Ran, entry, stop
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.cli.program import Program
    from tests.sampling import Sample

MODES = [[], ["--json"], ["--jsonl"], ["--no-stream"], ["-v"]]
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b1mX\x1bP\x7f\r\x08\u202e"
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What steers a terminal; in a pipe, marks of direction are text."""
REORDERS = re.compile("[\u202a-\u202e]")


def over(program: Program, url: str, **more: object) -> Program:
    program.config["providers"] = [entry("one", url, **more)]
    return program


def text_of(ran: Ran, flags: list[str]) -> object:
    """Give the answer's text, in whichever form it was asked for."""
    if "--json" in flags:
        return json.loads(ran.out)["text"]
    if "--jsonl" in flags:
        return "".join(line["text"] for line in map(json.loads, ran.out.splitlines()) if line["type"] == "delta")
    return ran.out.rstrip("\n")


def files(program: Program) -> list[bytes]:
    """Give the content of every file under the homes, the configuration apart."""
    found = (path for path in program.directory.rglob("*") if path.is_file() and path.name != "fallback.toml")
    return [path.read_bytes() for path in found]


@pytest.mark.parametrize("flags", MODES, ids=str)
def test_a_server_that_echoes_the_key_in_its_error(program: Program, flags: list[str]) -> None:
    ran = program.play("key-in-message", "key-in-message")("ask", *flags, "hi")

    everything = ran.out + ran.err
    assert ran.code == 77
    assert KEY not in everything
    assert "[redacted]" in everything
    assert UNSAFE.search(everything) is None
    assert "owned" in everything


@pytest.mark.parametrize("flags", MODES, ids=str)
def test_an_answer_with_the_key_cut_across_chunks(program: Program, flags: list[str]) -> None:
    with canned(spoken("The key is ", KEY[:3], KEY[3:9], KEY[9:], ", and sk-te", "st is none.")) as url:
        ran = over(program, url)("ask", *flags, "hi")

    assert ran.code == 0
    assert KEY not in ran.out + ran.err
    shown = text_of(ran, flags)
    assert shown == "The key is [redacted], and sk-test is none."


@pytest.mark.parametrize("flags", MODES, ids=str)
def test_a_key_is_found_through_invisible_characters(program: Program, flags: list[str], sample: Sample) -> None:
    for gap in sample(["\u200b", "\u00ad", "\0", "\u200d", "\u202e"], 2):
        with canned(spoken("The key is ", *gap.join(KEY), "!")) as url:
            ran = over(program, url)("ask", *flags, "hi")

        assert KEY not in visible(ran.out + ran.err), ascii(gap)
        assert (ran.code, visible(str(text_of(ran, flags)))) == (0, "The key is [redacted]!"), ascii(gap)


@pytest.mark.parametrize("flags", MODES, ids=str)
def test_that_a_secret_stood_in_the_answer_is_told_once(program: Program, flags: list[str]) -> None:
    with canned(spoken(KEY, " and ", KEY)) as url:
        ran = over(program, url)("ask", *flags, "hi")

    told = [line for line in ran.err.splitlines() if "[redacted]" in line]
    assert told == [f"fallback-chat: {REDACTED}"]


@pytest.mark.parametrize("flags", MODES, ids=str)
def test_the_words_of_a_configuration_are_never_cut_out_of_an_answer(program: Program, flags: list[str]) -> None:
    words = {
        "x-portkey-provider": "openai",
        "x-title": "My chat program",
        "max-tokens": "4096",
        "x-team": "search-and-more",
    }
    text = f"import openai, and {', '.join(words.values())}"
    with canned(spoken(*text)) as url:
        over(program, url)
        program.config["providers"].append(entry("never asked", url, headers=words, api_key_env="UNSET", enabled=False))
        ran = program("ask", *flags, "hi")

    assert (ran.code, text_of(ran, flags)) == (0, text)
    assert "redacted" not in ran.err


@pytest.mark.parametrize("flags", [*MODES, ["-o", "answer.md"], ["--render", "always"]], ids=str)
def test_an_answer_that_ends_in_the_first_letters_of_a_key_is_whole(
    program: Program, flags: list[str], sample: Sample
) -> None:
    for size in sample([1, 2, len(KEY) - 1], 1):
        text = f"It begins with {KEY[:size]}"
        with canned(spoken(*text)) as url:
            ran = over(program, url)("ask", *flags, "hi")

        in_file = program.directory / "cwd/answer.md"
        shown = in_file.read_text().rstrip("\n") if "-o" in flags else str(text_of(ran, flags))
        assert (ran.code, " ".join(shown.split())) == (0, text)


@pytest.mark.parametrize("flags", [[], ["--jsonl"]], ids=str)
def test_what_is_held_back_comes_before_the_word_that_the_answer_broke_off(program: Program, flags: list[str]) -> None:
    with canned([frame({"content": f"It begins with {KEY[:4]}"})]) as url:
        ran = over(program, url).shell(f"$fc ask {' '.join(flags)} hi 2>&1")

    assert ran.code == 3
    assert ran.out.index(KEY[:4]) < ran.out.index("incomplete" if not flags else "attempt_failed")


def test_a_key_in_reasoning_refusals_and_tool_calls(program: Program) -> None:
    call = {"index": 0, "id": KEY, "type": "function", "function": {"name": "f", "arguments": json.dumps({"k": KEY})}}
    pieces = [
        frame({"reasoning_content": f"thinking of {KEY}"}),
        frame({"content": "words"}),
        frame({"tool_calls": [call]}),
        frame(finish="tool_calls"),
        b"data: [DONE]\n\n",
    ]
    with canned(pieces) as url:
        for flag in ("--json", "--jsonl"):
            ran = over(program, url)("ask", flag, "hi")
            assert (ran.code, KEY in ran.out + ran.err) == (0, False)


def test_a_key_in_headers_codes_and_model_names(program: Program) -> None:
    error = json.dumps({"error": {"message": "no", "code": f"code-{KEY}", "type": KEY, "param": KEY}}).encode()
    hostile = {"x-request-id": f"id-{KEY}", "content-type": "application/json", "retry-after": KEY}
    with canned([error], status=429, headers=hostile) as url:
        for flag in ("--json", "--jsonl"):
            ran = over(program, url)("ask", flag, "hi")
            assert (ran.code, KEY in ran.out + ran.err) == (75, False)
    with canned([frame({"content": "x"}, model=f"m-{KEY}"), frame(finish="stop", model=f"m-{KEY}")]) as url:
        for flags in (["--json"], ["--jsonl"], ["-v"]):
            ran = over(program, url)("ask", *flags, "hi")
            assert (ran.code, KEY in ran.out + ran.err) == (0, False)


def test_no_file_holds_the_key(program: Program) -> None:
    program.play("key-in-message", "500", "ok")("ask", "-o", "answer.md", "hi")
    with canned(spoken(f"It is {KEY}.")) as url:
        over(program, url)("ask", "hi")
    with canned([json.dumps({"data": [{"id": f"m-{KEY}"}]}).encode()]) as url:
        assert over(program, url)("models").out == "one (1 model)\n  m-[redacted]\n"

    assert [content for content in files(program) if KEY.encode() in content] == []


def test_the_process_list_does_not_show_the_key(program: Program) -> None:
    process = program.play("silence").start("ask", "hi")
    wait_until(lambda: program.asked == [1])
    command_line = Path(f"/proc/{process.pid}/cmdline").read_bytes()
    stop(process)

    assert KEY.encode() not in command_line


def test_the_key_goes_to_its_server_in_a_header_and_nowhere_else(program: Program) -> None:
    elsewhere = program.servers[2]
    elsewhere.requests.clear()
    from fallback_chat.providers.simulator import Manner

    ran = program.play("307-away", "ok", manner=Manner(redirect_to=elsewhere.url))("ask", "hi")

    (request,) = program.servers[0].requests
    assert (ran.code, ran.out, elsewhere.requests) == (0, ANSWERS["two"], [])
    assert KEY not in request.path + request.body.decode()
    assert request.headers["authorization"] == f"Bearer {KEY}"


BAD_KEYS = {
    "a newline": ("sk-test-123\nX-Evil: 1", "line break"),
    "quotes": ('"sk-test-1234567"', "quotation mark"),
    "another script": ("sk-tést-1234567", "outside ASCII"),
    "a space": ("sk-test 1234567", "space"),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_key_that_cannot_be_right_is_one_clear_error_before_any_network(program: Program, name: str) -> None:
    value, words = BAD_KEYS[name]

    ran = program("ask", "hi", env={"SIM_KEY": value})

    assert (ran.code, ran.out, program.asked) == (77, "", [0])
    assert words in ran.err
    assert value not in ran.err
    assert value.strip('"')[:10] not in ran.err


def test_a_key_is_stripped(program: Program) -> None:
    assert program("ask", "hi", env={"SIM_KEY": f"  {KEY}\r\n"}) == Ran(0, ANSWERS["one"], "")


def test_without_its_key_a_provider_is_passed_over_and_the_variable_named(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][0]["api_key_env"] = "MISSING_KEY"

    for asked in (1, 2):  # no run tells the next one that the key is bad: nobody has refused it
        ran = program("ask", "hi")

        assert (ran.code, ran.out, program.asked) == (0, ANSWERS["two"], [0, asked])
        first, _ = ran.err.splitlines()
        assert "MISSING_KEY is not set" in first
        assert first.endswith("; asking two")


@pytest.mark.parametrize("flags", MODES, ids=str)
def test_escape_sequences_in_an_answer_never_come_out(program: Program, flags: list[str]) -> None:
    with canned(spoken("be", *ESCAPES, "fore \x1b", "]8;;http://x\x1b\\link", " after")) as url:
        ran = over(program, url)("ask", *flags, "hi")

    assert ran.code == 0
    assert UNSAFE.search(ran.out + ran.err) is None
    assert REORDERS.search(ran.err + (ran.out if flags in (["--json"], ["--jsonl"]) else "")) is None
    assert "be" in ran.out
    assert "after" in ran.out


def test_escape_sequences_on_a_terminal_are_the_programs_own(program: Program) -> None:
    import pyte

    with canned(
        spoken("text ", ESCAPES, "\x1b]52;c;AAAA\x07", "[bold]not markup[/bold] [link=file:///x]y[/link]")
    ) as url:
        code, data = over(program, url).on_terminal("ask", "hi")

    screen = pyte.Screen(80, 24)
    pyte.ByteStream(screen).feed(data)
    assert code == 0
    assert b"\x1b]" not in data
    assert screen.title == ""
    assert "[bold]not markup[/bold]" in "".join(screen.display)


def test_escape_sequences_in_errors_and_names_never_come_out(program: Program) -> None:
    with canned([json.dumps({"error": {"message": f"a{ESCAPES}b"}}).encode()], status=500) as url:
        ran = over(program, url)("ask", "-v", "hi")
    unknown = program("ask", "--only", "x\x1b[2J", "hi")
    faulty = over(program, url, model="m\x1b[31m")("ask", "hi")
    missing = program("ask", "-f", "/nowhere/\x1b[2J", "hi")

    assert [each.code for each in (ran, unknown, faulty)] == [69, 78, 78]
    told = [each.err for each in (ran, unknown, faulty, missing)]
    assert [UNSAFE.search(text) or REORDERS.search(text) for text in told] == [None] * 4


def test_what_was_held_back_of_a_void_text_does_not_come_after_it(program: Program) -> None:
    with canned([frame({"content": f"words {KEY[:6]}"})]) as url:
        program.play("ok", "ok")
        program.config["providers"][0] = entry("one", url)
        lines = program("ask", "--jsonl", "--on-stream-failure", "restart", "hi").out
        text = program("ask", "--on-stream-failure", "restart", "hi").out

    events = [json.loads(line) for line in lines.splitlines()]
    types = [event["type"] for event in events]
    after = "".join(event["text"] for event in events[types.index("discard") :] if event["type"] == "delta")
    assert after + "\n" == ANSWERS["two"]
    assert text == ANSWERS["two"]  # what a pipe cannot take back is not written before the answer is whole
