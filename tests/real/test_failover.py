"""A real server that is not there, or is killed in the middle of an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fallback_chat.providers.simulator import closed_port
from tests.cli.program import KEY
from tests.real import servers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.program import Program

CUT = "closed the connection before the answer was complete"
NO_FINISH = "it ended without a finish"
LONG = 3000
"""Tokens that take several seconds, so that there is a middle to be killed in."""


def entry(name: str, url: str, model: str, kind: str = "openai", max_tokens: int = LONG) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "model": model,
        "base_url": url + ("/v1" if kind.startswith("openai") else ""),
        "api_key": KEY,
        "max_tokens": max_tokens,
    }


def chain(*providers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"chain": {"attempt_timeout": 10.0, "max_retry_per_llm": 0} | more, "providers": list(providers)}


def killed_in_the_middle(program: Program, server: servers.Server) -> tuple[list[dict[str, Any]], int]:
    """Kill the server when text has come; give all events and the exit code."""
    with program.start("ask", "--jsonl", "hi") as process:
        assert process.stdout is not None
        events = []
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["type"] == "delta" and server.process.poll() is None:
                server.kill()
        return events, process.wait(15)


def outcomes(end: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return [(each["provider"], each["outcome"], each["error"] and each["error"]["kind"]) for each in end["attempts"]]


def message(end: dict[str, Any]) -> str:
    """Give what the first attempt ended in, without the address."""
    said: str = end["attempts"][0]["error"]["message"]
    return said.split(" ", 1)[1] if said.startswith("127.") else said


def test_a_killed_server_leaves_a_part_and_the_next_turn_goes_to_the_other(
    program: Program, inference: servers.Server, model: Path, place: Path
) -> None:
    with servers.inference(model, place) as server:
        program.config = chain(
            entry("dying", server.url, str(model)), entry("other", inference.url, str(model), max_tokens=8)
        )
        events, code = killed_in_the_middle(program, server)
        after = json.loads(program("ask", "--json", "hi").out)

    end = events[-1]
    assert (outcomes(end), message(end)) == ([("dying", "partial", "stream_error")], CUT)
    assert (end["text"] != "", end["complete"], code) == (True, False, 3)
    assert outcomes(after) == [("dying", "failed", "connection"), ("other", "ok", None)]
    assert (after["provider"], after["finish_reason"]) == ("other", "length")


def test_where_the_user_wants_it_the_other_begins_anew(
    program: Program, inference: servers.Server, model: Path, place: Path
) -> None:
    with servers.inference(model, place) as server:
        other = entry("other", inference.url, str(model), "openai-responses", max_tokens=16)
        program.config = chain(
            entry("dying", server.url, str(model), "openai-responses"), other, on_stream_failure="restart"
        )
        events, code = killed_in_the_middle(program, server)

    program.config = chain(other)
    alone = json.loads(program("ask", "--json", "hi").out)
    end = events[-1]
    assert outcomes(end) == [("dying", "partial", "stream_error"), ("other", "ok", None)]
    assert (end["text"], end["complete"], end["provider"], code) == (alone["text"], True, "other", 0)


class Fragile(NamedTuple):
    """A gateway, and the port of its only server, which each test starts and kills."""

    url: str
    upstream_port: int


@pytest.fixture(scope="module")
def fragile(model: Path, place: Path) -> Iterator[Fragile]:
    port = closed_port()
    with servers.gateway(model, f"http://127.0.0.1:{port}", place) as server:
        yield Fragile(server.url, port)


@pytest.mark.parametrize("kind", ["openai-responses", "anthropic"])
def test_a_cut_behind_the_gateway_is_seen_where_the_gateway_does_not_finish_the_answer(
    program: Program, fragile: Fragile, model: Path, place: Path, kind: str
) -> None:
    with servers.inference(model, place, fragile.upstream_port) as server:
        program.config = chain(entry("gateway", fragile.url, "tiny", kind))
        events, code = killed_in_the_middle(program, server)

    end = events[-1]
    assert (outcomes(end), message(end)) == ([("gateway", "partial", "truncated")], NO_FINISH)
    assert (end["text"] != "", end["complete"], code) == (True, False, 3)


@pytest.mark.parametrize("kind", ["openai", "gemini"])
def test_a_cut_behind_the_gateway_is_hidden_where_the_gateway_says_stop(
    program: Program, fragile: Fragile, model: Path, place: Path, kind: str
) -> None:
    # LiteLLM 1.82.6 sends its own finish, and for openai usage and [DONE]: no client can tell. When this fails, it is mended.
    with servers.inference(model, place, fragile.upstream_port) as server:
        program.config = chain(entry("gateway", fragile.url, "tiny", kind))
        events, code = killed_in_the_middle(program, server)

    end = events[-1]
    assert outcomes(end) == [("gateway", "ok", None)]
    assert (end["finish_reason"], end["complete"], code) == ("stop", True, 0)
