"""What has come of an answer is stored within a second, however its pieces lie in time."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.sinks.base import Ending, Sink
from fallback_chat.cli.sinks.recording import RecordingSink
from fallback_chat.core.answer import Answer, AnswerError
from fallback_chat.core.conversations.partial import SAVE_INTERVAL
from fallback_chat.core.conversations.recorder import Recorder
from fallback_chat.core.conversations.store import History
from fallback_chat.core.errors import APIConnectionError
from tests.core.conversations.fakes import SetClock, question
from tests.core.scripted import text
from tests.fake_time import JUMPING

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_chat.core.errors import APIError


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    return JUMPING


@pytest.mark.parametrize(
    "times",
    [(0.0,), (0.5, 1.0, 1.2), (0.0, 0.9, 1.8), (0.2, 1.3, 1.4, 2.2, 2.9), (3.0, 3.1), tuple(n / 7 for n in range(30))],
    ids=str,
)
async def test_what_nothing_follows_is_stored_in_time(tmp_path: Path, times: tuple[float, ...]) -> None:
    history = History.open(tmp_path / "history.db", clock=SetClock(), warn=pytest.fail)
    loop = asyncio.get_running_loop()
    start = loop.time()
    recorder = Recorder(history, monotonic=loop.time, warn=pytest.fail)
    recorder.begin(question("q"))
    sink = RecordingSink(Sink(io.StringIO(), io.StringIO()), recorder, history)
    for when in times:
        await asyncio.sleep(start + when - loop.time())
        sink.chunk(text("x"))
    await asyncio.sleep(SAVE_INTERVAL * 1.001)

    (summary,) = history.list()
    assert history.load(summary.id).turns[0].answer.text == "x" * len(times)
    sink.end(Ending(Answer(text="x" * len(times)), None, ExitCode.OK))


@pytest.mark.parametrize("error", [None, APIConnectionError("refused")], ids=["whole", "failed"])
async def test_a_turn_that_has_ended_is_stored_as_ended(tmp_path: Path, error: APIError | None) -> None:
    path = tmp_path / "history.db"
    history = History.open(path, clock=SetClock(), warn=pytest.fail)
    recorder = Recorder(history, monotonic=SetClock(), warn=pytest.fail)
    recorder.begin(question("q"))

    sink = RecordingSink(Sink(io.StringIO(), io.StringIO()), recorder, history)
    sink.end(Ending(Answer(text="An ans"), error, ExitCode.INCOMPLETE))

    with History.open(path, clock=SetClock(), warn=pytest.fail) as opened:
        (turn,) = opened.load(opened.list()[0].id).turns
    assert turn.ended is not None
    assert (turn.answer.text, turn.answer.error) == ("An ans", None if error is None else AnswerError.of(error))
