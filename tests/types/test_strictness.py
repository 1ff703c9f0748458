"""The simulator refuses what the vendors' types refuse, and takes what they take."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
import typing_extensions as te

from fallback_chat.providers.simulator.routes import format_of
from fallback_chat.providers.simulator.wire import Asked
from tests.types.situations import body_of, situations
from tests.types.vendors import GEMINI, SERVERS, Server, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

OWN = ("openai", "responses", "anthropic", "gemini", "ollama")
"""The servers that the simulator stands for."""
PATHS = {
    "openai-chat": "/v1/chat/completions",
    "openai-responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/m:streamGenerateContent",
    "ollama": "/api/chat",
}
USERS_OWN = {"parameters", "input_schema", "parametersJsonSchema", "input", "args", "response", "arguments", "port"}
"""Keys below which anything goes."""
WRONG: dict[type, Any] = {str: 5, int: "x", float: "x", bool: "x", list: {}, dict: [], type(None): {}}


def asked(server: Server, body: Any) -> Asked:
    """Return a request as the simulator looks at it."""
    query = "alt=sse" if server.family == "gemini" else ""
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01", "authorization": "Bearer k"}
    return Asked("POST", PATHS[server.family], query, headers, body)


def rejected(server: Server, body: Any) -> list[str]:
    """Return what the simulator has against a body."""
    request = asked(server, body)
    wire = format_of(request)
    assert wire is not None
    return wire.problems(request)


def bodies(server: Server) -> Iterator[tuple[str, Any]]:
    for name, more in situations():
        if (body := body_of(server, more)) is not None:
            yield name, json.loads(body)


def mutations(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Return every way to spoil one place of a body: another type, another word, a key too few, a key too many."""
    if where:
        yield where, WRONG[type(value)]
        if isinstance(value, str):
            yield where, "zz"
    if isinstance(value, dict):
        yield (*where, "zz"), 1
        for key in value:
            yield (*where, key), ...
            if key not in USERS_OWN:
                yield from mutations(value[key], (*where, key))
    elif isinstance(value, list):
        for position, each in enumerate(value):
            yield from mutations(each, (*where, position))


def spoiled(body: Any, where: tuple[Any, ...], value: Any) -> Any:
    """Return a body with one place of it replaced, or taken out."""
    changed = copy.deepcopy(body)
    holder = changed
    for step in where[:-1]:
        holder = holder[step]
    if value is ...:
        del holder[where[-1]]
    else:
        holder[where[-1]] = value
    return changed


@pytest.mark.parametrize("name", OWN)
def test_the_simulator_takes_every_request_that_the_types_take(name: str) -> None:
    found = {situation: wrong for situation, body in bodies(SERVERS[name]) if (wrong := rejected(SERVERS[name], body))}
    assert found == {}


MODEL_NAMES = {("model",)}
"""The types take any text here; the simulator serves any name, too."""


@pytest.mark.parametrize("name", OWN)
def test_the_simulator_refuses_every_request_that_the_types_refuse(name: str) -> None:
    server = SERVERS[name]
    taken, tried, tests = {}, 0, set()
    for _, body in bodies(server):
        for where, value in mutations(body):
            key = json.dumps([[step for step in where if isinstance(step, str)], repr(value), _kind(body, where)])
            if key in tests:
                continue  # the same place of another message
            tests.add(key)
            wrong = spoiled(body, where, value)
            if refused(server, wrong):
                tried += 1
                if not rejected(server, wrong):
                    taken[f"{where} = {value!r}"] = refused(server, wrong)
    assert taken == {}
    assert tried > 10


def _kind(body: Any, where: tuple[Any, ...]) -> list[Any]:
    """Return what the objects on the way to a place say that they are."""
    kinds, at = [], body
    for step in where[:-1]:
        at = at[step]
        if isinstance(at, dict):
            kinds.append([at.get("type"), at.get("role")])
    return kinds


@pytest.mark.parametrize("name", OWN)
def test_the_simulator_knows_every_key_that_the_types_know(name: str) -> None:
    server = SERVERS[name]
    types = te.get_type_hints(server.type, include_extras=True) if te.is_typeddict(server.type) else GEMINI
    known = types if server.family != "ollama" else server.type.model_fields
    (_, body), *_ = bodies(server)
    unknown = [key for key in known if f"unknown key {key!r}" in rejected(server, body | {key: object()})]
    assert unknown == []
