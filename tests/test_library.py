"""The library as its users see it: a file, `load_chain`, a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallback_chat import AvailabilityChangedEvent, ChatContext, load_chain
from fallback_chat.providers.simulator import Simulator

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
[chain]
attempt_timeout = 0.5

[[providers]]
name = "primary"
kind = "openai"
model = "sim-model"
base_url = "{primary}/v1"
api_key = "sk-primary-key"

[[providers]]
name = "secondary"
kind = "openai"
model = "sim-model"
base_url = "{secondary}/v1"
api_key = "sk-secondary-key"
"""


async def test_a_chain_from_a_file_fails_over_and_sends_each_key_to_its_own_server(tmp_path: Path) -> None:
    path = tmp_path / "fallback.toml"
    events: list[AvailabilityChangedEvent] = []
    text = ""
    async with Simulator("503", key="sk-primary-key") as one, Simulator(key="sk-secondary-key") as two:
        path.write_text(FILE.format(primary=one.url, secondary=two.url))
        path.chmod(0o600)
        async with load_chain(path) as llm:
            llm.on("llm_availability_changed", events.append)
            async with llm.chat(chat_ctx=ChatContext.from_text("hi")) as stream:
                async for chunk in stream:
                    text += (chunk.delta and chunk.delta.content) or ""

    assert text == two.manner.text
    assert [(event.llm.label, event.available) for event in events] == [("primary", False)]
    assert [len(one.requests), len(two.requests)] == [1, 1]
    assert "sk-secondary-key" not in str(one.requests)
    assert "sk-primary-key" not in str(two.requests)
