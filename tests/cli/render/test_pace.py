from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.render.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """A clock and the calls that wait for it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def clock(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        self.waiting.append((self.now + delay, callback))

    def advance(self, seconds: float) -> None:
        self.now += seconds
        due = [callback for when, callback in self.waiting if when <= self.now + 1e-9]
        self.waiting = [entry for entry in self.waiting if entry[0] > self.now + 1e-9]
        for callback in due:
            callback()


def test_the_first_call_is_made_at_once_and_the_next_when_the_pause_is_over() -> None:
    loop, calls = Loop(), []
    pace = Pace(lambda: calls.append(loop.now), loop.clock, loop.call_later, pause=2)
    pace.ask()
    pace.ask()
    pace.ask()
    assert calls == [100]
    loop.advance(1)
    assert calls == [100]
    loop.advance(1)
    assert (calls, loop.waiting) == ([100, 102], [])
    loop.advance(5)
    pace.ask()
    assert calls == [100, 102, 107]


def test_without_a_loop_the_caller_asks_again() -> None:
    loop, calls = Loop(), []
    pace = Pace(lambda: calls.append(loop.now), loop.clock, pause=2)
    pace.ask()
    pace.ask()
    loop.advance(2)
    assert calls == [100]
    pace.ask()
    assert calls == [100, 102]


def test_a_slow_action_gets_a_long_rest() -> None:
    loop, calls = Loop(), []

    def action() -> None:
        calls.append(loop.now)
        loop.now += 1

    pace = Pace(action, loop.clock, loop.call_later, pause=2, share=8)
    pace.ask()
    pace.ask()
    loop.advance(7.5)
    assert calls == [100]
    loop.advance(0.5)
    assert calls == [100, 109]


def test_an_error_of_a_late_call_is_raised_by_the_next() -> None:
    loop, calls = Loop(), []

    def action() -> None:
        calls.append(loop.now)
        if loop.now == 102:
            raise BrokenPipeError

    pace = Pace(action, loop.clock, loop.call_later, pause=2)
    pace.ask()
    pace.ask()
    loop.advance(2)
    with pytest.raises(BrokenPipeError):
        pace.ask()
    loop.advance(2)
    pace.ask()
    assert calls == [100, 102, 104]


def test_while_it_is_busy_it_looks_again_and_again() -> None:
    loop, calls = Loop(), []
    busy = True
    pace = Pace(lambda: calls.append(loop.now), loop.clock, loop.call_later, pause=2, busy=lambda: busy)
    pace.ask()
    loop.advance(2)
    loop.advance(2)
    busy = False
    assert calls == []
    loop.advance(2)
    assert (calls, loop.waiting) == ([106], [])
