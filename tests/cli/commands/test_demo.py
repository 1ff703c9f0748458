"""The demo and the rehearsal, as processes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import ANSWERS, KEY, NAMES, TEXTS, Program, Ran, entry
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fallback_chat.providers.simulator import Simulator


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


@pytest.fixture(scope="module", autouse=True)
def tour(
    servers: tuple[Simulator, ...],
    begin: Callable[..., subprocess.Popen[bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Program]:
    """The demo, which waits for a recovery: it plays while the other tests run, and the last one reads it."""
    program = Program(tmp_path_factory.mktemp("tour"), servers, begin=begin)
    program.start("demo", env={"TMPDIR": str(program.directory)})
    yield program
    program.end()


@pytest.mark.parametrize(
    ("chaos", "attempts"),
    [
        ("one=503", [("one", "overloaded"), ("two", None)]),
        ("one=429,two=hang", [("one", "rate_limited"), ("two", "timeout"), ("three", None)]),
        ("one=refused,two=500", [("one", "connection"), ("two", "server_error"), ("three", None)]),
    ],
)
def test_who_fails_in_a_rehearsal_is_not_asked_and_the_next_one_answers(
    program: Program, chaos: str, attempts: list[tuple[str, str | None]]
) -> None:
    program.play("ok", "ok", "ok")
    for one in program.config["providers"]:
        one["attempt_timeout"] = 0.5 if "hang" in chaos and one["name"] == "two" else 60

    ran = program("ask", "--json", "--chaos", chaos, "hello")
    answer = json.loads(ran.out)

    assert (ran.code, answer["text"]) == (0, TEXTS[attempts[-1][0]])
    assert [(each["provider"], (each["error"] or {}).get("kind")) for each in answer["attempts"]] == attempts
    assert program.asked == [int(name == attempts[-1][0]) for name in NAMES]
    assert f"fallback-chat: rehearsal: {chaos.partition('=')[0]} meets" in ran.err


def test_after_the_fault_the_provider_itself_is_asked(program: Program) -> None:
    program.play("ok", "ok", max_retry_per_llm=1)

    ran = program("ask", "--chaos", "one=500,first=1", "hello")

    assert (ran.code, ran.out, program.asked) == (0, ANSWERS["one"], [1, 0])


@pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic", "gemini", "ollama"])
def test_every_wire_format_can_be_rehearsed(program: Program, kind: str) -> None:
    program.play("ok", "ok")
    url = program.servers[0].url + ("/v1" if kind.startswith("openai") else "")
    program.config["providers"][0] = entry("one", url, kind=kind, base_url=url, attempt_timeout=60)

    ran = program("ask", "--chaos", "one=503", "hello")

    assert (ran.code, ran.out, program.asked) == (0, ANSWERS["two"], [0, 1])
    assert "one is overloaded (HTTP 503" in ran.err


def test_nothing_of_a_rehearsal_is_shared_and_no_key_is_used(program: Program) -> None:
    program.play("ok", "ok")
    del program.config["providers"][0]["api_key_env"]
    program.config["providers"][0]["api_key_cmd"] = ["touch", str(program.directory / "asked-for-a-key")]

    ran = program("ask", "-v", "--chaos", "one=503", "hello")

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert KEY not in ran.err
    assert not [name for name in files(program.directory) if "health" in name or "asked-for" in name]


def test_a_mistake_in_it_is_one_line(program: Program) -> None:
    ran = program.play("ok")("ask", "--chaos", "one=frobnicate", "hello")

    assert (ran.code, program.asked) == (65, [0])
    assert ran.err.startswith("fallback-chat: --chaos: no fault is called 'frobnicate'")


def test_a_probe_meets_the_fault_too(program: Program) -> None:
    ran = program.play("ok", "ok")("probe", "--chaos", "one=401")

    assert ran.code == 0
    assert "one rejected the API key" in ran.out
    assert program.asked == [0, 1]


def test_without_a_terminal_an_outage_is_played_with_its_status_rows(tour: Program) -> None:
    out, err = tour.started[0].communicate(timeout=PATIENCE)
    ran = Ran(tour.started[0].returncode, out.decode(), err.decode())
    rows = re.findall(r"^\[(▸.*)\]$", ran.out, re.MULTILINE)
    states = [row.partition(" │ ")[0] for row in rows]

    assert (ran.code, ran.err) == (0, "")
    assert "↷ primary: overloaded (503: The model is overloaded.), retry in 3 s → backup\n" in ran.out
    assert "primary: available again (a check succeeded)\n" in ran.out
    assert states[0] == "▸primary simulated · backup ok · local ok"
    assert re.fullmatch(r"▸backup simulated · primary (down 0:0\d|retrying) · local ok", states[2])
    assert states[3] == "▸primary simulated · backup ok · local ok"
    assert ran.out.count("\n> ") == 3
    assert not [name for name in files(tour.directory) if "demo" in name or "health" in name]
