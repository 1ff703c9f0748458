"""The matrix of seams: wherever an answer is cut, in whatever format, and whatever the next provider does, nothing is glued.

`python -m tests.providers.seams` tries every case over sockets, and prints what came of each as a table.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import asynccontextmanager
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.core.answer import AnswerBuilder
from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.seam import anchor_of
from fallback_chat.core.engine.settings import AttemptSettings, OnStreamFailure
from fallback_chat.core.errors import APIError
from fallback_chat.providers import load
from fallback_chat.providers.http.engine import HttpEngine
from fallback_chat.providers.simulator.exchange import Recorded
from fallback_chat.providers.simulator.routes import format_of, parse
from tests.core.engine.continuing import BEHAVIOURS, FOLLOW, OTHER, RESET, TEXTS, pieces
from tests.core.scripted import STOP
from tests.failover.chains import SIMULATED
from tests.providers.raw_server import Peer, head, raw_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Sequence

    from fallback_chat.core.llm import LLM
    from tests.core.scripted import Step

SETTINGS: Final = AttemptSettings(max_retry_per_llm=0, on_stream_failure=OnStreamFailure.CONTINUE)
CLEAN: Final = "clean"
VERDICTS: Final = (CLEAN, "over", "marked", "glued")
"""One text joined at a proven seam; the second text alone; the first one with an error, as far as it came; anything else."""
MARKER: Final = "cut off by a technical fault"
"""Stands in the request to continue, and in no other."""


class Case(NamedTuple):
    """One cell of the matrix. The answer begins in one format and goes on in the next one of the list."""

    format: str
    text: str
    behaviour: str
    cut: int
    """Pieces that came before the cut."""
    can_discard: bool
    """Whether the text shown can be taken back, which a pipe's cannot."""

    @property
    def partial(self) -> str:
        return "".join(map(str, pieces(TEXTS[self.text])[: self.cut]))

    @property
    def should_be_clean(self) -> bool:
        """Whether the next provider does as it is asked, and there is enough to ask with."""
        return self.behaviour in FOLLOW and anchor_of(self.partial) is not None


def cases() -> list[Case]:
    """Return every case."""
    return [
        Case(format_, text, behaviour, cut, can_discard)
        for format_, text, behaviour, can_discard in product(SIMULATED, TEXTS, BEHAVIOURS, (True, False))
        for cut in range(1, len(pieces(TEXTS[text])))
    ]


async def verdict(case: Case, http: HttpEngine) -> str:
    """Play one case, and name what the reader of the answer got."""
    whole, partial = TEXTS[case.text], case.partial

    def go_on(request: Recorded) -> list[Step]:
        asked_to_continue = MARKER.encode() in request.body
        return BEHAVIOURS[case.behaviour](whole, partial) if asked_to_continue else [*pieces(OTHER), STOP]

    second_format = SIMULATED[(SIMULATED.index(case.format) + 1) % len(SIMULATED)]
    builder = AnswerBuilder()
    shown, failed = "", False
    async with (
        _provider("a", case.format, lambda _: [*pieces(whole)[: case.cut], RESET], http) as first,
        _provider("b", second_format, go_on, http) as second,
        FallbackAdapter([first, second], attempt_settings=SETTINGS) as chain,
        chain.chat(chat_ctx=ChatContext.from_text("hello"), can_discard=case.can_discard) as stream,
    ):
        try:
            async for chunk in stream:
                builder.add(chunk)
                shown += (chunk.delta and chunk.delta.content) or ""
        except APIError:
            failed = True
        answer = builder.build(stream)
    if not case.can_discard and shown != answer.text:
        return "glued"  # two texts on a pipe
    if failed:
        return "marked" if whole.startswith(answer.text) and not answer.complete else "glued"
    if answer.text == OTHER:
        return "over"
    parts = "".join(answer.text[part.start : part.end] for part in answer.segments)
    return CLEAN if answer.text == whole == (parts or whole) and answer.complete else "glued"


@asynccontextmanager
async def _provider(
    name: str, kind: str, script: Callable[[Recorded], list[Step]], http: HttpEngine
) -> AsyncIterator[LLM]:
    async def play(peer: Peer) -> None:
        while True:
            await peer.send(_spoken(await peer.request(), script))
            peer.writer.close()

    async with raw_server(play) as server:
        base = f"{server.url}/v1" if kind.startswith("openai") else server.url
        settings = ProviderSettings(name=name, kind=kind, model="m", base_url=base)
        async with load(kind).create(settings, api_key="sk-x", http=http) as made:
            yield made


def _spoken(raw: bytes, script: Callable[[Recorded], list[Step]]) -> bytes:
    """Return a script in the format that a request speaks. A cut ends the connection inside of the body."""
    top, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = top.decode().split("\r\n")
    method, path, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    request = Recorded(0, 0.0, 0, method=method, path=path, headers=headers, body=body)
    asked = parse(request)
    wire_type = format_of(asked)
    assert wire_type is not None
    assert wire_type.problems(asked) == []
    wire = wire_type("m")
    steps = script(request)
    said = wire.start()
    for step in steps:
        if isinstance(step, str):
            said += wire.text(step)
        elif step is STOP:
            said += wire.finish("stop") + wire.usage() + wire.terminator + wire.end()
    missing = 100 if steps[-1] is RESET else 0
    length = ("Content-Length", str(len(said) + missing))
    return head(200, (("Content-Type", wire.stream_type), length)) + said


async def verdicts(chosen: Iterable[Case]) -> dict[Case, str]:
    """Play cases one after the other."""
    http = HttpEngine(environ={})
    return {case: await verdict(case, http) for case in chosen}


def table(found: dict[Case, str]) -> str:
    """Return verdicts by behaviour, format and text, counted, and how many were clean of those that should be."""
    rows: list[Sequence[object]] = [("", *VERDICTS)]
    for part, names in (("behaviour", BEHAVIOURS), ("format", SIMULATED), ("text", TEXTS)):
        for name in names:
            counts = Counter(said for case, said in found.items() if getattr(case, part) == name)
            rows.append((name, *(counts[said] for said in VERDICTS)))
        rows.append(("", *("" for _ in VERDICTS)))
    good = [said == CLEAN for case, said in found.items() if case.should_be_clean]
    lines = ["".join(f"{cell!s:>10}" if n else f"{cell!s:<18}" for n, cell in enumerate(row)).rstrip() for row in rows]
    return "\n".join((*lines, f"clean where the instruction was followed: {sum(good)} of {len(good)}"))


if __name__ == "__main__":
    sys.stdout.write(table(asyncio.run(verdicts(cases()))) + "\n")
