"""What the chat does while nobody asks anything: it finds out who is well again, and says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fallback_chat.core.engine import recovery
from tests.cli.repl.harness import chatting
from tests.core.engine.test_recovery import REFUSED, Patient, no_route
from tests.core.scripted import STOP, ScriptedLLM

pytestmark = pytest.mark.usefixtures("each_terminal")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "ROUND", 0.01)


async def test_a_provider_that_is_well_again_is_said_to_be_and_the_next_turn_begins_with_it() -> None:
    a, b = Patient("a", [REFUSED], ["Back.", STOP]), ScriptedLLM("b", ["An answer.", STOP], context_window=1000)
    async with chatting(a, b) as chat:
        await chat.ask("Go")
        store, (candidate, _) = chat.adapter._board._store, chat.adapter._candidates
        record = store.read(candidate.key)
        store.keep(candidate.key, replace(record, until=record.since))  # its rest is over

        await chat.sees("a: available again (a check succeeded)")
        await chat.ask("And now?")
        await chat.sees("Back.")


async def test_offline_is_said_once_and_so_is_the_way_back() -> None:
    a = Patient("a", [no_route()], machine="a.example:443")
    a.light = no_route()
    b = Patient("b", ["From here.", STOP], machine="local")
    async with chatting(a, b) as chat:
        await chat.ask("Go")
        await chat.sees("↷ you seem to be offline → b, which is on this machine")
        assert chat.screen.rows[-1].startswith("▸b b-1 · a offline")
        a.light = None
        await chat.sees("back online")
        assert "\n".join(chat.screen.rows).count("you seem to be offline") == 1


async def test_with_nobody_on_this_machine_the_error_says_that_you_seem_to_be_offline() -> None:
    a = Patient("a", [no_route()], machine="a.example:443")
    a.light = no_route()
    async with chatting(a) as chat:
        await chat.ask("Go")
        await chat.sees("✗ you seem to be offline: a unreachable")


async def test_wait_says_and_sets_how_long_a_turn_waits() -> None:
    async with chatting(ScriptedLLM("a", ["An answer.", STOP])) as chat:
        await chat.ask("/wait")
        await chat.sees("a turn waits up to 30 s when every provider is busy")
        await chat.ask("/wait 5m")
        await chat.sees("a turn waits up to 5 min when every provider is busy")
        assert chat.repl.longest_wait == 300
        await chat.ask("/wait long")
        await chat.sees("'long' is not a duration")
