"""An answer that another provider has finished: what every output of `ask`, and the history, says of the two."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fallback_chat.providers.simulator import Manner
from tests.cli.program import Ran

if TYPE_CHECKING:
    from tests.cli.program import Program
    from tests.cli.saved import Saved

TEXT = (
    "A sort is stable when equal elements keep their order. That matters when records are sorted twice: first by name, "
    "then by age, because people of the same age stay sorted by name."
)
CUT = len(" ".join(TEXT.split()[: len(TEXT.split()) // 2]))
SEGMENTS = [
    {"provider": "one", "model": "sim-model", "from": 0, "to": CUT},
    {"provider": "two", "model": "sim-model", "from": CUT, "to": len(TEXT)},
]
BROKE_OFF = "one ended its stream early (it ended without a finish)"
TOLD = (
    f"fallback-chat: {BROKE_OFF}; asking two\n"
    "fallback-chat: ⋯ two continues\n"
    "fallback-chat: begun by one/sim-model, finished by two/sim-model (2nd of 2)\n"
)


@pytest.fixture
def continued(program: Program) -> Program:
    return playing(program, "half-close", "continues")


def playing(program: Program, *scripts: str) -> Program:
    program.play(*scripts, on_stream_failure="continue")
    for server in program.servers:
        server.manner = Manner(TEXT)
    return program


@pytest.mark.parametrize("flags", [[], ["--buffer"]])
def test_text_names_both(continued: Program, flags: list[str]) -> None:
    assert continued("ask", *flags, "hi") == Ran(0, f"{TEXT}\n", TOLD)


def test_the_object_has_the_parts_and_the_seam(continued: Program) -> None:
    ran = continued("ask", "--json", "hi")

    said = json.loads(ran.out)
    assert (ran.code, ran.err) == (0, TOLD)
    assert {name: said[name] for name in ("text", "complete", "provider", "segments", "seam")} == {
        "text": TEXT,
        "complete": True,
        "provider": "two",
        "segments": SEGMENTS,
        "seam": "clean",
    }


def test_the_lines_have_the_place_of_the_seam_and_discard_nothing(continued: Program) -> None:
    lines = [json.loads(line) for line in continued("ask", "--jsonl", "hi").out.splitlines()]

    deltas = "".join(line["text"] for line in lines if line.get("type") == "delta")
    seams = [(line["from"], line["to"], line["at"]) for line in lines if line.get("type") == "continue"]
    assert (deltas, seams, lines[-1]["segments"]) == (TEXT, [("one", "two", CUT)], SEGMENTS)
    assert "discard" not in {line.get("type") for line in lines}


def test_the_history_and_what_is_exported_of_it_have_the_parts(continued: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    continued("ask", "-c", "hi", env=saved.env)

    turn = json.loads(continued("sessions", "export", session, "--format", "json", env=saved.env).out)["turns"][-1]
    told = continued("sessions", "export", session, env=saved.env).out
    assert saved.told(session)[-1] == ("hi", TEXT, True)
    assert (turn["answer"]["segments"], turn["answer"]["seam"]) == (SEGMENTS, "clean")
    assert told.endswith(f"## You\n\nhi\n\n## one/sim-model, two/sim-model\n\n{TEXT}\n")


def test_a_failure_of_the_one_that_was_to_go_on_is_not_blamed_on_the_one_that_began(program: Program) -> None:
    ran = playing(program, "half-close", "500")("ask", "hi")

    assert (ran.code, ran.out) == (3, f"{TEXT[:CUT]}\n")
    words = len(TEXT[:CUT].split())
    assert (
        f"fallback-chat: incomplete: one's stream ended early, after {words} words (it ended without a finish)\n"
        in ran.err
    )
    assert "one failed" not in ran.err


def test_one_that_does_not_go_on_is_told_and_asked_to_start_over(program: Program) -> None:
    ran = playing(program, "half-close", "ok")("ask", "--buffer", "hi")

    assert (ran.code, ran.out) == (0, f"{TEXT}\n")
    assert ran.err == TOLD  # it repeats all of the text, which proves as much as the anchor does


def test_one_that_answers_anew_is_told_and_asked_to_start_over(program: Program) -> None:
    playing(program, "half-close", "ok")
    program.servers[1].manner = Manner("Something else.")
    ran = program("ask", "--buffer", "hi")

    assert (ran.code, ran.out) == (0, "Something else.\n")
    assert ran.err == (
        f"fallback-chat: {BROKE_OFF}; asking two\n"
        "fallback-chat: two did not continue (it did not begin where the answer was cut); asking it again\n"
        "fallback-chat: the text of one is discarded; two starts over\n"
        "fallback-chat: answered by two/sim-model (2nd of 2)\n"
    )
