"""What `import fallback_chat` offers, and what it costs."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys

import pytest

import fallback_chat
from fallback_chat import (
    LLM,
    AllProvidersFailed,
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AvailabilityChangedEvent,
    ChatChunk,
    ChatContext,
    FallbackAdapter,
    _api,
    load_chain,
)
from fallback_chat.core.events import EVENT_NAMES


def in_a_fresh_process(code: str) -> object:
    result = subprocess.run(
        [sys.executable, "-c", f"import json, sys\n{code}"], check=True, capture_output=True, text=True
    )
    return json.loads(result.stdout)


def heavy_modules_after(statement: str) -> object:
    heavy = ["asyncio", "httpx", "prompt_toolkit", "rich", "typer"]
    return in_a_fresh_process(f"{statement}\nprint(json.dumps([name for name in {heavy!r} if name in sys.modules]))")


def parameters(function: object) -> dict[str, object]:
    """Give the names and defaults that a caller relies on."""
    signature = inspect.signature(function)  # type: ignore[arg-type]
    return {name: one.default for name, one in signature.parameters.items()}


def test_what_is_visible_is_what_is_exported() -> None:
    names = dict[str, object]()
    exec("from fallback_chat import *", names)

    assert dir(fallback_chat) == sorted(names.keys() - {"__builtins__"})


@pytest.mark.parametrize("name", dir(fallback_chat))
def test_every_name_can_be_had(name: str) -> None:
    assert getattr(fallback_chat, name) is not None


def test_each_name_is_said_once_in_the_form_that_type_checkers_take_for_an_export() -> None:
    statements = ast.parse(inspect.getsource(_api)).body[1:]
    names = [alias for statement in statements for alias in statement.names]  # type: ignore[attr-defined]

    assert all(alias.name == alias.asname for alias in names)
    assert sorted(alias.name for alias in names) == [name for name in dir(fallback_chat) if name != "__version__"]


def test_a_public_name_is_imported_from_where_it_is_defined() -> None:
    for name in dir(fallback_chat):
        value = getattr(fallback_chat, name)
        if isinstance(value, type):
            assert f"from {value.__module__} import {name} as {name}\n" in inspect.getsource(_api)


def test_everything_that_a_handler_is_given_is_public() -> None:
    assert {event.__name__ for event in EVENT_NAMES} <= set(dir(fallback_chat))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'fallback_chat' has no attribute 'FallbackAdaptor'"):
        _ = fallback_chat.FallbackAdaptor  # type: ignore[attr-defined]


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert heavy_modules_after("import fallback_chat") == []


def test_the_engine_needs_neither_http_client_nor_terminal() -> None:
    assert heavy_modules_after("from fallback_chat import FallbackAdapter, ChatContext") == ["asyncio"]


def test_the_adapter_takes_what_livekits_takes() -> None:
    taken = parameters(FallbackAdapter)

    assert {name: taken[name] for name in list(taken)[:5]} == {
        "llm": inspect.Parameter.empty,
        "attempt_timeout": 10.0,
        "max_retry_per_llm": 1,
        "retry_interval": 5.0,
        "retry_on_chunk_sent": False,
    }
    assert [one.kind for one in inspect.signature(FallbackAdapter).parameters.values()][1:] == [
        inspect.Parameter.KEYWORD_ONLY
    ] * (len(taken) - 1)


@pytest.mark.parametrize("kind", [LLM, FallbackAdapter])
def test_a_chat_is_asked_for_by_these_names(kind: type[LLM]) -> None:
    names = ["chat_ctx", "tools", "tool_choice", "parallel_tool_calls", "options"]

    assert list(parameters(kind.chat))[1:6] == names


def test_a_chain_is_loaded_from_a_file_or_from_what_is_there() -> None:
    assert parameters(load_chain) == {"path": None}


def test_the_names_of_the_events_and_chunks_are_livekits() -> None:
    assert list(parameters(AvailabilityChangedEvent))[:2] == ["llm", "available"]
    assert list(parameters(ChatChunk))[:2] == ["delta", "usage"]
    assert ChatContext.from_text("hi").turns[0].text == "hi"


def test_one_except_clause_catches_every_failure_of_a_provider() -> None:
    for kind in (APIConnectionError, APITimeoutError, APIStatusError, AllProvidersFailed):
        assert issubclass(kind, APIError)
