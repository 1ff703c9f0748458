"""Nothing of an answer is missing: in no frame while it comes in, and on the screen that is left."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Final

import pytest

from fallback_chat.cli.render.cells import cells
from fallback_chat.cli.render.live import FRAME_PAUSE, AnswerView, Below
from tests.cli.render.documents import DOCUMENTS
from tests.cli.render.generated import document, table
from tests.cli.render.support import (
    EXAMPLES,
    Terminal,
    console,
    missing,
    pieces_by_chance,
    rendered,
    words_of,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.sampling import Sample

STATUS: Final = "▸primary model-1 · spare ok"
SIZES: Final = ((20, 5), (10, 6), (40, 10), (80, 24), (120, 35))
_MORE: Final = re.compile(r"⋮ (\d+)")


def frames(chunks: Iterable[str], width: int, height: int) -> Iterator[tuple[str, list[str]]]:
    """Stream into a view, a frame for each chunk. Gives what was received and what is there of it, printed or live, each time."""
    screen, terminal, now = console(width, height), Terminal(width, height), 0.0
    view = AnswerView(screen, below=lambda: Below([((STATUS, "dim"),)]), clock=lambda: now)
    received, sent = "", 0

    def rows() -> list[str]:
        nonlocal sent
        terminal.write(written(screen)[sent:])
        sent = len(written(screen))
        return terminal.rows()

    view.start()
    for chunk in chunks:
        view.feed(chunk)
        received += chunk
        now += FRAME_PAUSE
        view.tick()
        *above, status = rows()
        assert status == STATUS[:width].rstrip()
        assert STATUS[:width].rstrip() not in above
        yield received, above
    view.finish()
    yield received, rows()


def gap_in(text: str, width: int, height: int, chance: random.Random) -> tuple[str, str] | None:
    """What was received when something of it was nowhere, and what that was."""
    longest = chance.choice((2, 9, 40)) if len(text) < 300 else len(text) // 20
    for received, shown in frames(pieces_by_chance(text, chance, longest), width, height):
        if not any(_MORE.search(row) for row in shown) and (lacks := missing(received, shown)):
            return received, lacks
    return None


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_in_every_frame_each_received_word_is_printed_live_or_counted(width: int, height: int, sample: Sample) -> None:
    chance = random.Random(sample.seed)
    documents = [
        *sample(EXAMPLES, 8),
        *sample(list(DOCUMENTS.values()), 2),
        *(document(chance) for _ in sample(range(3), 1)),
    ]
    for text in documents:
        assert gap_in(text, width, height, chance) is None, text


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_only_an_open_table_and_a_row_longer_than_the_screen_are_counted(
    width: int, height: int, sample: Sample
) -> None:
    chance = random.Random(sample.seed)
    for _ in range(3):
        text = document(chance, tables=False)
        if max(map(cells, rendered(text, width))) > width * (height - 2):
            continue
        for received, shown in frames(pieces_by_chance(text, chance, 30), width, height):
            assert [row for row in shown if _MORE.search(row)] == [], received


def test_the_rows_of_an_open_table_that_are_not_shown_are_counted() -> None:
    lines = ["| id | value |", "|---|---|", *(f"| row{n}x | {n * 37} |" for n in range(40))]
    for received, shown in frames([f"{line}\n" for line in lines], 40, 10):
        there = sum(f"row{n}x" in row for n in range(40) for row in shown)
        counted = sum(int(found[1]) for row in shown if (found := _MORE.search(row)))
        assert there + counted == max(0, received.count("\n") - 2), received
        assert "id" in "".join(shown), received


def test_a_row_that_is_longer_than_the_screen_shows_its_end() -> None:
    text = "".join(f"{n:04}" for n in range(200))
    for received, shown in frames([text[start : start + 40] for start in range(0, 800, 40)], 20, 6):
        assert received[-4:] in shown[-1]
        counted = sum(int(found[1]) for row in shown if (found := _MORE.search(row)))
        assert (len(shown) - bool(counted) + counted) == -(-len(received) // 20)


@pytest.mark.parametrize("width", [10, 13, 20, 33, 80])
def test_on_the_final_screen_each_word_of_an_example_is_there_in_order(width: int, sample: Sample) -> None:
    for text in (*sample(EXAMPLES, 150), *DOCUMENTS.values()):
        assert missing(text, rendered(text, width)) == "", text


def test_on_the_final_screen_each_word_of_an_answer_is_there_in_order(sample: Sample) -> None:
    chance = random.Random(sample.seed)
    for _ in range(150):
        text, width = document(chance), chance.randint(10, 120)
        assert missing(text, rendered(text, width)) == "", (width, text)


def test_a_streamed_answer_leaves_the_words_of_one_rendered_at_once(sample: Sample) -> None:
    chance = random.Random(sample.seed)
    for _ in sample(range(10), 4):
        text = document(chance)
        *_, (_, shown) = frames(pieces_by_chance(text, chance, 20), 40, 40)
        assert words_of("".join(shown)) == words_of("".join(rendered(text, 40))), text


def test_a_long_table_that_no_longer_waits_loses_nothing() -> None:
    text = table(random.Random(1), rows=260)
    assert gap_in(text, 60, 12, random.Random(2)) is None
