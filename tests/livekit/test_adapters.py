"""The two adapters of docs/livekit.md, cut out of the page: LiveKit's plugins in our chain, our chain in its agents."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

import fallback_chat as fc
from fallback_chat.providers.simulator import Manner, Simulator
from fallback_chat.providers.simulator.schedule import sequence
from tests.examples import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore")  # of LiveKit and what it brings
agents: Any = pytest.importorskip("livekit.agents", reason="LiveKit is not installed here: make test-livekit")
openai: Any = pytest.importorskip("livekit.plugins.openai", reason="LiveKit is not installed here: make test-livekit")

FOX = Manner().text
HELLO = fc.ChatContext.from_text("hello", system="Be nice.")
LOOKUP = fc.Tool("lookup", "Looks a key up.", {"type": "object", "properties": {"key": {"type": "string"}}})


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that makes an entry of a chain of LiveKit's OpenAI plugin and a simulator."""
    on_the_page(tmp_path, monkeypatch)
    adapter = import_module("livekit_entry").LiveKitEntry
    return lambda server: adapter(openai.LLM(model="sim-model", base_url=f"{server.url}/v1", api_key="sk-x"))


@pytest.fixture
def chain_llm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    on_the_page(tmp_path, monkeypatch)
    return import_module("livekit_chain").ChainLLM


def on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "page", "livekit.md")
    monkeypatch.syspath_prepend(str(tmp_path / "page"))
    for name in ("livekit_entry", "livekit_chain"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def record(answer: fc.Answer) -> list[tuple[str, str | None]]:
    return [(str(one.outcome), str(one.error.kind) if one.error else None) for one in answer.attempts]


# LiveKit's plugins in our chain


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("400", "bad_request"),
        ("401", "auth"),
        ("403", "permission"),
        ("404", "model_not_found"),
        ("429", "rate_limited"),
        ("500", "server_error"),
        ("503", "overloaded"),
        ("accept-close", "connection"),
        ("head-reset", "connection"),
        ("silence", "timeout"),
        ("role-silence", "timeout"),
        ("role-reset", "connection"),
        ("role-error", "connection"),
        ("pings-forever", "timeout"),
        ("empty", "empty"),
        ("terminator-only", "truncated"),
    ],
)
async def test_a_plugin_that_fails_is_asked_once_and_named_and_the_next_one_answers(
    fault: str, kind: str, entry: Any
) -> None:
    async with Simulator(fault) as one, Simulator() as two:
        llms = [entry(one), entry(two)]
        async with fc.FallbackAdapter(llms, attempt_timeout=1, max_retry_per_llm=0, close_llms=True) as chain:
            answer = await chain.chat(chat_ctx=HELLO).collect()

    assert (answer.text, answer.complete, record(answer)) == (FOX, True, [("failed", kind), ("ok", None)])
    assert [len(one.requests), len(two.chats)] == [1, 1]


@pytest.mark.parametrize("fault", ["token-close", "token-done", "token-reset", "token-error"])
async def test_an_answer_that_was_cut_is_never_taken_for_a_whole_one(fault: str, entry: Any) -> None:
    async with Simulator(fault) as one:
        llm = entry(one)
        async with fc.FallbackAdapter([llm], max_retry_per_llm=0, close_llms=True) as chain:
            stream = chain.chat(chat_ctx=HELLO)
            with pytest.raises(fc.APIError):
                await stream.collect()

    assert [str(each.outcome) for each in stream.attempts] == ["partial"]


async def test_tools_and_their_results_go_through_a_plugin(entry: Any) -> None:
    async with (
        Simulator(sequence("tool-call", "ok")) as server,
        fc.FallbackAdapter([entry(server)], close_llms=True) as chain,
    ):
        asked = await chain.chat(chat_ctx=HELLO, tools=[LOOKUP]).collect()
        results = tuple(fc.ToolResult(call.id, "found") for call in asked.tool_calls)
        context = HELLO.add_message(asked.message())
        context = context.add_message(fc.ChatMessage(fc.Role.TOOL, tool_results=results))
        answer = await chain.chat(chat_ctx=context, tools=[LOOKUP]).collect()

    assert [(call.name, call.arguments) for call in asked.tool_calls] == [("lookup", '{"key": "value"}')]
    assert answer.text == FOX
    first, second = (request.json for request in server.chats)
    assert first["tools"][0]["function"]["parameters"] == LOOKUP.parameters
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "tool"]
    assert second["messages"][2]["tool_calls"][0]["id"] == second["messages"][3]["tool_call_id"] == "call_sim1"


async def test_what_a_plugin_is_not_told_is_noticed(entry: Any) -> None:
    notices: list[str] = []
    async with Simulator() as server, fc.FallbackAdapter([entry(server)], close_llms=True) as chain:
        chain.on("notice", lambda event: notices.append(f"{event.llm.model} {event.text}"))
        await chain.chat(chat_ctx=HELLO, options=fc.ChatOptions(max_tokens=5), tool_choice="none").collect()

    assert notices == ["sim-model did not receive 'tool_choice'", "sim-model did not receive 'options'"]


# Our chain in LiveKit's agents


@pytest.fixture
def chain() -> Iterator[Any]:
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.engine.settings import AttemptSettings
    from fallback_chat.providers import load
    from fallback_chat.providers.http.engine import HttpEngine

    http = HttpEngine(environ={})

    def made(*servers: Simulator) -> fc.FallbackAdapter:
        settings = [
            ProviderSettings(name=f"p{n}", kind="openai", model="sim-model", base_url=f"{each.url}/v1")
            for n, each in enumerate(servers)
        ]
        llms = [load("openai").create(each, api_key="sk-x", http=http) for each in settings]
        return fc.FallbackAdapter(llms, attempt_settings=AttemptSettings(max_retry_per_llm=0), close_llms=True)

    return made  # type: ignore[return-value]


async def test_an_agent_talks_and_runs_its_tools_through_a_chain(chain_llm: Any, chain: Any) -> None:
    looked_up: list[str] = []

    class Guide(agents.Agent):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(instructions="Be nice.")

        @agents.function_tool  # type: ignore[untyped-decorator]
        async def lookup(self, key: str) -> str:
            """Look a key up."""
            looked_up.append(key)
            return "found"

    async with (
        Simulator("503") as one,
        Simulator(sequence("tool-call", "ok")) as two,
        chain(one, two) as ours,
        agents.AgentSession(llm=chain_llm(ours)) as session,
    ):
        await session.start(Guide())
        result = await session.run(user_input="hello")

    assert looked_up == ["value"]
    assert [type(event).__name__ for event in result.events] == [
        "FunctionCallEvent",
        "FunctionCallOutputEvent",
        "ChatMessageEvent",
    ]
    assert result.events[-1].item.text_content == FOX
    assert len(one.chats) == 1
    roles = [[message["role"] for message in request.json["messages"]] for request in two.chats]
    assert roles == [["system", "user"], ["system", "user", "assistant", "tool"]]
    assert two.chats[0].json["tools"][0]["function"]["name"] == "lookup"


async def test_a_chain_that_failed_is_a_connection_error_of_livekits_that_names_everybody(
    chain_llm: Any, chain: Any
) -> None:
    async with Simulator("401") as one, Simulator("503") as two, chain(one, two) as ours:
        context = agents.llm.ChatContext.empty()
        context.add_message(role="user", content="hello")
        with pytest.raises(agents.APIConnectionError, match=r"p0: auth \(HTTP 401.*p1: overloaded \(HTTP 503"):
            await chain_llm(ours).chat(chat_ctx=context).collect()

    assert [len(each.chats) for each in (one, two)] == [1, 1]


async def test_the_wishes_of_livekit_reach_the_provider(chain_llm: Any, chain: Any) -> None:
    async def lookup(raw_arguments: dict[str, object]) -> None: ...

    schema = {"name": "lookup", "description": "Looks a key up.", "parameters": LOOKUP.parameters}
    tool = agents.function_tool(lookup, raw_schema=schema)
    async with Simulator() as server, chain(server) as ours:
        context = agents.llm.ChatContext.empty()
        context.add_message(role="developer", content="Be nice.")
        context.add_message(role="user", content="hello")
        llm = chain_llm(ours)
        response = await llm.chat(
            chat_ctx=context,
            tools=[tool],
            tool_choice={"type": "function", "function": {"name": "lookup"}},
            parallel_tool_calls=False,
            extra_kwargs={"user": "u1"},
        ).collect()

    assert (response.text, response.usage.completion_tokens) == (FOX, 5)
    assert (llm.model, llm.provider) == ("sim-model", "p0")
    body = server.chats[0].json
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert (body["parallel_tool_calls"], body["user"]) == (False, "u1")
    assert body["tool_choice"] == {"type": "function", "function": {"name": "lookup"}}


# The table of docs/library.md


def names_of(cls: Any) -> set[str]:
    return {name for name in vars(cls) if not name.startswith("_")}


def test_every_public_name_of_livekits_adapter_is_in_the_table() -> None:
    import inspect

    from tests.test_docs import section

    table = section("library.md", "From LiveKit")
    llm = agents.llm
    names = {
        *inspect.signature(llm.FallbackAdapter).parameters,
        *inspect.signature(llm.FallbackAdapter.chat).parameters,
        *(name for cls in (llm.FallbackAdapter, llm.LLM, llm.LLMStream) for name in names_of(cls)),
        *names_of(sys.modules[llm.FallbackAdapter.__module__].FallbackLLMStream),
        *names_of(sys.modules["livekit.rtc.event_emitter"].EventEmitter),
        *llm.AvailabilityChangedEvent.__dataclass_fields__,
    } - {"self"}

    assert [name for name in sorted(names) if f"`{name}" not in table and f"{name}" not in table] == []


def test_the_defaults_that_the_table_names_are_those_of_this_release() -> None:
    import inspect

    from tests.test_docs import section

    table = section("library.md", "From LiveKit")
    parameters = inspect.signature(agents.llm.FallbackAdapter).parameters
    for name in ("attempt_timeout", "max_retry_per_llm", "retry_interval"):
        assert f"| `{name}` " in table
        assert f"({parameters[name].default})" in table
