"""Each wire format at each server that speaks it: answers, probes, lists of models, and mistakes of the user's."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from tests.cli.program import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program
    from tests.real.servers import Server

TOKENS: Final = 16


class Way(NamedTuple):
    """A wire format at a server, and what that server makes of it."""

    server: str
    kind: str
    finish: str = "length"
    usage: tuple[int | None, int | None] = (5, TOKENS)
    """Tokens in and out; (0, 0) where the gateway counts nothing."""
    wrong_model: tuple[str, int] = ("model_not_found", 400)
    lists: bool = True


WAYS: Final = {
    f"{way.server}-{way.kind}": way
    for way in (
        Way("inference", "openai"),
        # transformers 5.24 calls an answer that ran into the limit completed.
        Way("inference", "openai-responses", finish="stop"),
        Way("gateway", "openai"),
        Way("gateway", "openai-responses", finish="stop"),
        # LiteLLM 1.82.6 translates `length` to `end_turn`.
        Way("gateway", "anthropic", finish="stop", usage=(0, 0)),
        # LiteLLM 1.82.6 has no list in Gemini's format, and fails itself over a model that it does not know.
        Way("gateway", "gemini", usage=(0, 0), wrong_model=("server_error", 500), lists=False),
    )
}
GATEWAY: Final = [name for name in WAYS if name.startswith("gateway")]


@pytest.fixture(scope="session")
def reference(inference: Server, model: Path) -> str:
    """Give what the inference server says to "hi" without the program: it takes the likeliest token each time."""
    body = {"model": str(model), "messages": [{"role": "user", "content": "hi"}], "max_tokens": TOKENS}
    request = urllib.request.Request(
        f"{inference.url}/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = json.load(answer)["choices"][0]["message"]["content"]
    return text


@pytest.fixture
def one(request: pytest.FixtureRequest, program: Program) -> Any:
    """Give a function that runs the program over one way, and reads its JSON."""

    def run(way: Way, *args: str, **more: Any) -> dict[str, Any]:
        server: Server = request.getfixturevalue(way.server)
        model = str(request.getfixturevalue("model")) if way.server == "inference" else "tiny"
        entry = {
            "name": "real",
            "kind": way.kind,
            "model": model,
            "base_url": server.url + ("/v1" if way.kind.startswith("openai") else ""),
            "api_key": KEY,
            "max_tokens": TOKENS,
        }
        program.config = {"chain": {"attempt_timeout": 10.0}, "providers": [entry | more]}
        value: dict[str, Any] = json.loads(program(*args, "--json").out)
        return value

    return run


@pytest.mark.parametrize("options", [(), ("--no-stream",)], ids=["streamed", "whole"])
@pytest.mark.parametrize("name", WAYS)
def test_the_answer_is_what_the_model_said(one: Any, reference: str, name: str, options: tuple[str, ...]) -> None:
    way = WAYS[name]

    answer = one(way, "ask", "hi", *options)

    whole = way.finish == "stop"
    assert (answer["text"], answer["finish_reason"], answer["complete"]) == (reference, way.finish, whole)
    assert (answer["usage"]["input"], answer["usage"]["output"]) == way.usage
    assert [(each["outcome"], each["error"]) for each in answer["attempts"]] == [("ok", None)]
    assert (answer["kind"], answer["error"], answer["exit_code"]) == (way.kind, None, 0 if whole else 3)


@pytest.mark.parametrize("name", WAYS)
def test_a_probe_finds_it_well(one: Any, name: str) -> None:
    (row,) = one(WAYS[name], "probe")["providers"]

    assert (row["ok"], row["state"], row["check"], row["error"]) == (True, "closed", "completion", None)
    assert row["first_token_ms"] <= row["total_ms"]


@pytest.mark.parametrize("name", WAYS)
def test_the_list_of_models_is_read_or_said_to_be_missing(one: Any, model: Path, name: str) -> None:
    way = WAYS[name]

    (row,) = one(way, "probe", "--light")["providers"]
    (listing,) = one(way, "models")["providers"]

    missing = None if way.lists else ("unsupported", 404)
    names = ([str(model)] if way.server == "inference" else ["tiny"]) if way.lists else []
    assert (row["ok"], row["check"], row["state"] == "blocked") == (way.lists, "models", False)
    assert [each["id"] for each in listing["models"]] == names
    assert [error and (error["kind"], error["status"]) for error in (row["error"], listing["error"])] == [missing] * 2


@pytest.mark.parametrize("name", WAYS)
def test_a_model_that_is_not_there_is_said_to_be_so(one: Any, name: str) -> None:
    way = WAYS[name]

    answer = one(way, "ask", "hi", model="nope")

    error = answer["attempts"][0]["error"]
    assert ((error["kind"], error["status"]), answer["text"], answer["complete"]) == (way.wrong_model, "", False)


@pytest.mark.parametrize("name", GATEWAY)
def test_a_key_that_the_gateway_does_not_know_is_said_to_be_wrong(one: Any, name: str) -> None:
    answer = one(WAYS[name], "ask", "hi", api_key="sk-of-somebody-else")

    (attempt,) = answer["attempts"]
    assert (attempt["error"]["kind"], attempt["error"]["status"], answer["exit_code"]) == ("auth", 400, 77)
