"""T4: what a streamed Markdown answer costs on a terminal, beside Rich's own live view and a render of the whole at once.

200 tokens a second by a clock of our own, so that both views draw as many frames as they would; the time counted is CPU time.
Rich's live view renders the whole text in each frame: it is sampled, and the samples are added up.
"""

from __future__ import annotations

import io
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown

from benchmarks.measure import row, verdict
from fallback_chat.cli.render.live import FRAME_PAUSE, AnswerView, Below
from fallback_chat.cli.render.markdown import MarkdownStream
from fallback_chat.cli.render.page import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RATE: Final = 200
"""Tokens a second."""
SIZES: Final = (1_000, 10_000, 50_000)
SAMPLES: Final = 12
WORDS: Final = [
    "the",
    "answer",
    "names",
    "servers",
    "providers",
    "streams",
    "tokens",
    "and",
    "sometimes",
    "`a_span`",
    "or",
    "**bold",
    "words**",
    "with",
    "*emphasis*",
    "in",
    "a",
    "sentence",
    "that",
    "is",
    "long",
    "enough",
    "to",
    "be",
    "wrapped",
]
FUNCTION: Final = '''def function_{n}(value: int) -> str:
    """Say what {n} is."""
    for index in range({n}):
        print("text", index)  # a comment
    return str(value + {n})

'''


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of the whole, of the first and of the last thousand tokens; bytes written for one byte of text."""

    total: float
    first: float
    last: float
    bytes_per_text: float


def words(random_: random.Random, count: int) -> str:
    return " ".join(random_.choice(WORDS) for _ in range(count))


def sections(random_: random.Random) -> Iterator[str]:
    """Write like a model: headings, paragraphs, lists, code, tables, quotes, without end."""
    while True:
        yield f"## {words(random_, 5)}\n\n{words(random_, 60)}\n\n"
        yield "".join(f"{n}. {words(random_, 12)}\n" for n in range(1, 7)) + "\n"
        yield "```python\n" + "".join(FUNCTION.format(n=n) for n in range(4)) + "```\n\n"
        yield "".join(f"- {words(random_, 10)}\n  - {words(random_, 6)}\n" for _ in range(4)) + "\n"
        cells = "".join(f"| {words(random_, 1)} | {n} | {words(random_, 4)} |\n" for n in range(6))
        yield f"| name | value | note |\n|---|---:|---|\n{cells}\n{words(random_, 80)}\n\n> {words(random_, 20)}\n\n"


def tokens(count: int) -> list[str]:
    """Cut such a text into tokens of 4.5 characters on average."""
    random_ = random.Random(7)
    found: list[str] = []
    rest = ""
    for section in sections(random_):
        rest += section
        while len(rest) > 6:
            size = random_.choice((3, 4, 5, 6))
            found.append(rest[:size])
            rest = rest[size:]
        if len(found) >= count:
            break
    return found[:count]


def terminal() -> Console:
    return Console(
        file=io.StringIO(),
        width=100,
        height=30,
        force_terminal=True,
        color_system="truecolor",
        _environ={"TERM": "xterm-256color"},
    )


def written(console: Console) -> int:
    assert isinstance(console.file, io.StringIO)
    return len(console.file.getvalue().encode())


def cpu_of(job: Callable[[], object]) -> float:
    started = time.process_time()
    job()
    return time.process_time() - started


def ours(text: list[str]) -> Cost:
    """Stream into our view."""
    console, now = terminal(), 0.0
    view = AnswerView(console, below=lambda: Below([(("▸primary model · spare ok", "dim"),)]), clock=lambda: now)
    view.start()
    marks = [time.process_time()]
    for number, token in enumerate(text, 1):
        view.feed(token)
        now += 1 / RATE
        if number % 1000 == 0:
            marks.append(time.process_time())
    view.finish()
    marks[-1] = time.process_time()
    ratio = written(console) / len("".join(text).encode())
    return Cost(marks[-1] - marks[0], marks[1] - marks[0], marks[-1] - marks[-2], ratio)


def rich_live(text: list[str]) -> float:
    """Sample Rich's live view, as many frames a second as ours; CPU seconds for all of them."""
    frames = int(len(text) / RATE / FRAME_PAUSE)
    samples = [int((number + 0.5) * len(text) / SAMPLES) for number in range(SAMPLES)]
    with Live(console=terminal(), auto_refresh=False) as live:
        costs = [
            cpu_of(lambda end=end: live.update(Markdown("".join(text[:end])), refresh=True))  # type: ignore[misc]
            for end in samples
        ]
    return sum(costs) / SAMPLES * frames


def at_once(text: str) -> None:
    stream = MarkdownStream()
    stream.feed(text)
    stream.finish(Page(100))


def main() -> int:
    print(
        f"{'tokens':>8} {'ours ms/token':>14} {'Rich Live':>10} {'at once':>8} {'Rich / ours':>12} {'last / first':>13}"
    )
    ours(tokens(1000))
    costs = {}
    for size in SIZES:
        text = tokens(size)
        cost, live = ours(text), rich_live(text)
        whole = cpu_of(lambda text=text: at_once("".join(text)))  # type: ignore[misc]
        ms = [1000 * seconds / size for seconds in (cost.total, live, whole)]
        print(
            f"{size:8} {ms[0]:14.3f} {ms[1]:10.2f} {ms[2]:8.3f} {live / cost.total:12.1f} {cost.last / cost.first:13.2f}",
            flush=True,
        )
        costs[size] = (cost, live)
    cost, live = costs[10_000]
    row("T4", "streamed Markdown, CPU / Rich's live view, 10,000 tokens", cost.total / live, 1 / 40)
    row("T4", "bytes written / bytes of text, 10,000 tokens", cost.bytes_per_text, 15)
    last = costs[50_000][0]
    row("T4", "CPU of the last thousand of 50,000 tokens / the first", last.last / last.first, 1.3)
    return verdict()


if __name__ == "__main__":
    raise SystemExit(main())
