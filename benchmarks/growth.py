"""How costs grow with what they are about: the exponent of a power law, fitted to some sizes. 1 is linear."""

from __future__ import annotations

import asyncio
import tempfile
import time
from math import log
from pathlib import Path
from statistics import linear_regression, median
from typing import TYPE_CHECKING, Final

from benchmarks.failover import chain, closed_port, first_token
from benchmarks.measure import row, upstream, verdict
from benchmarks.parallel import TOKENS, crowd, ours
from benchmarks.readers import FORMATS, READ, read
from fallback_chat.cli.repl.session import Session
from fallback_chat.core.answer import Answer
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text
from fallback_chat.core.conversations.store import History

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES: Final = (250, 500, 1000, 2000, 4000)
ROUNDS: Final = 3


def exponent(sizes: Sequence[int], cost: Callable[[int], float]) -> float:
    """Fit cost = a · size^b to the medians of some rounds; return b."""
    costs = [median(cost(size) for _ in range(ROUNDS)) for size in sizes]
    print("     " + ", ".join(f"{size}: {one * 1000:.2f} ms" for size, one in zip(sizes, costs, strict=True)))
    return linear_regression([log(size) for size in sizes], [log(max(one, 1e-9)) for one in costs]).slope


def taken(job: Callable[[], object]) -> float:
    """Return the CPU seconds of a job."""
    began = time.process_time()
    job()
    return time.process_time() - began


def message(role: Role, text: str) -> ChatMessage:
    return ChatMessage(role, (Text(text),))


def conversation(turns: int) -> ChatContext:
    """Make a conversation of so many turns."""
    pair = (message(Role.USER, "a question of some words"), message(Role.ASSISTANT, "an answer of some more"))
    return ChatContext(pair * turns)


def redraws(turns: int) -> float:
    """Cost of what the status row asks a conversation, with a hundred keys."""
    session = Session(sticky=False)
    session.context = conversation(turns)
    session.context_tokens  # noqa: B018 - the first look counts
    return taken(lambda: [session.context_tokens for _ in range(100)])


def stored(folder: Path, turns: int) -> float:
    """Cost of twenty more turns in a history of so many."""
    with (
        tempfile.TemporaryDirectory(dir=folder) as place,
        History.open(Path(place) / "h.db", clock=time.time, warn=print) as history,
    ):
        session = history.new_session()

        def add(count: int) -> None:
            for number in range(count):
                turn = history.begin_turn(session, message(Role.USER, f"question {number}"))
                history.finish_turn(turn, Answer(text=f"answer {number}", complete=True))

        add(turns)
        return taken(lambda: add(20))


def failed_over(base: str, count: int) -> float:
    """Seconds to the first token of the server at `base` behind so many providers that refuse connections."""

    async def run() -> float:
        refused = f"http://127.0.0.1:{closed_port()}"
        async with chain(*[refused] * count, f"{base}/good/5") as adapter:
            return await first_token(adapter)

    return asyncio.run(run())


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, upstream() as base:
        row("G1", "key presses by turns of the conversation, exponent", exponent(SIZES, redraws), 0.3, "")
        row(
            "G2",
            "a turn stored by turns in the history, exponent",
            exponent((100, 200, 400, 800), lambda n: stored(Path(folder), n)),
            0.5,
            "",
        )
        row(
            "G3",
            "failover by providers that refuse, exponent",
            exponent((2, 4, 8, 16, 32), lambda n: failed_over(base, n)),
            1.2,
            "",
        )
        url = f"{base}/good/{TOKENS}/v1"
        row(
            "G4",
            "CPU by chats at once, exponent",
            exponent((25, 50, 100, 200, 400), lambda n: crowd(ours, url, n).cpu),
            1.15,
            "",
        )

        def answered(tokens: int) -> float:
            stream = b"".join(FORMATS["openai"].events(tokens))
            pieces = [stream[start : start + READ] for start in range(0, len(stream), READ)]
            return taken(lambda: read("openai", pieces, tokens))

        row("G5", "CPU by tokens of an answer, exponent", exponent((2000, 4000, 8000, 16000), answered), 1.1, "")
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
