"""Makes the pictures of the README and the screens of docs/walk.md out of the real program over simulated providers.

    make screenshots

Pictures are what the program drew on a pseudo-terminal; the walk is what tmux says its screen holds.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, Protocol

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text

from fallback_chat.cli.repl.status import NARROW
from fallback_chat.providers.simulator import Manner, running
from fallback_chat.providers.simulator.schedule import always
from tests.cli.program import KEY, Program, entry
from tests.cli.repl.pseudo_terminal import on_terminal
from tests.cli.repl.terminals import Emulator
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyte.screens import Char

    from fallback_chat.providers.simulator import Simulator
    from tests.cli.repl.pseudo_terminal import OnTerminal

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs/images"
WALK: Final = ROOT / "docs/walk.md"
NAMES: Final = {"primary": "large", "backup": "medium", "local": "small"}
SORTS: Final = "Quicksort, merge sort and heapsort."
STABLE: Final = "**Merge sort** is; the other two are not."
MEMORY: Final = "**Heapsort**: it sorts in place."
RENDERED: Final = """\
A *stable* sort keeps the order of equal items. In Python, `sorted` is one:

```python
people = [("Ada", 36), ("Bob", 25), ("Cleo", 36)]
by_age = sorted(people, key=lambda person: person[1])
```

| algorithm | stable | memory |
| --- | --- | --- |
| merge sort | yes | O(n) |
| heapsort | no | O(1) |

1. Sort by the *second* key first.
2. Then by the first one: **stability** keeps the rest.
"""
WIDTH: Final = 84
NARROW_ROW: Final = "▸backup (2/3)"
ENV: Final[dict[str, str | None]] = {"COLORTERM": "truecolor"}
DIM: Final = re.compile(r"(\x1b\[(?:\d+;)*)2((?:;\d+)*m)")
"""What pyte does not know; the program uses no blinking, which pyte does."""
FONT: Final = re.compile(r"\s*@font-face \{\{.*?\}\}", re.DOTALL)
"""Rich has the picture load a font from elsewhere; the reader's own will do."""


class Stage:
    """Three simulated providers, and the program over them."""

    def __init__(self, directory: Path, servers: dict[str, Simulator]) -> None:
        self.servers = servers
        self.program = Program(directory, tuple(servers.values()))
        providers = [entry(name, servers[name].url, model=model) for name, model in NAMES.items()]
        self.program.config = {"chain": {"attempt_timeout": 3.0}, "providers": providers}

    def play(self, name: str, fault: str = "ok", text: str = "") -> None:
        """Let a provider answer with `text`, or fail."""
        self.servers[name].script, self.servers[name].manner = always(fault), Manner(text)

    def outage(self, look: Look) -> None:
        """Have the first provider answer, fail and rest, and come back."""
        self.play("primary", text=SORTS)
        look.ask("name three sorting algorithms", "heapsort.")
        look.keep("before")
        self.play("primary", "503")
        self.play("backup", text=STABLE)
        look.ask("which of them is stable?", "2nd of 3")
        look.wait(look.resting)
        look.keep("outage")
        self.play("primary", text=MEMORY)
        look.wait("available again")
        look.ask("and which needs no memory?", "sorts in place.")
        look.keep("recovery")


class Look(Protocol):
    """A terminal on which the outage is seen. `resting` is what its status row says when to look."""

    resting: str

    def ask(self, question: str, end: str) -> None:
        """Type a question and wait for `end`."""

    def wait(self, text: str) -> None:
        """Wait for a text to appear."""

    def keep(self, name: str) -> None:
        """Keep the screen as it is, once the prompt is back."""


class Drawn:
    """Keeps a pseudo-terminal's screen in colours."""

    resting = "down 0:09"

    def __init__(self, run: OnTerminal) -> None:
        self._run = run
        self.kept: dict[str, list[Text]] = {}

    def ask(self, question: str, end: str) -> None:
        self.wait("? help")
        self._run.type(f"{question}\r")
        self.wait(end)

    def wait(self, text: str) -> None:
        self._run.sees(text)

    def keep(self, name: str) -> None:
        self._run.until(lambda: self._run.rows[-2:-1] == [">"])
        self.kept[name] = rows(self._run)


class InTmux:
    """Keeps what tmux says that its screen holds."""

    def __init__(self, program: Program, columns: int, lines: int) -> None:
        self.resting = Drawn.resting if columns >= NARROW else NARROW_ROW
        self.size = f"{columns}x{lines}"
        self.kept: dict[str, str] = {}
        self._socket = str(program.directory / "tmux")
        words = [f"{name}={value}" for name, value in program.environment(**ENV).items()]
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines),
                   "env", *words, sys.executable, "-m", "fallback_chat", ";", "set", "status", "off")  # fmt: skip

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-S", self._socket, *words], capture_output=True, text=True, check=True)
        return done.stdout

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def wait(self, text: str) -> None:
        wait_until(lambda: text in " ".join(self.screen.split()), shown=lambda: self.screen)

    def ask(self, question: str, end: str) -> None:
        self._tmux("send-keys", "-l", question)
        self._tmux("send-keys", "Enter")
        self.wait(end)

    def keep(self, name: str) -> None:
        wait_until(lambda: "\n>\n" in self.screen, shown=lambda: self.screen)
        self.kept[f"{name} {self.size}"] = self.screen.rstrip()

    def close(self) -> None:
        self._tmux("kill-server")


@contextmanager
def stage() -> Iterator[Stage]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        yield Stage(directory, {name: stack.enter_context(running(key=KEY)) for name in NAMES})


def picture_of_an_outage() -> list[Text]:
    with stage() as scene, on_terminal(scene.program, size=(WIDTH, 30), env=ENV) as run:
        drawn = Drawn(run)
        scene.outage(drawn)
    resting, after = drawn.kept["outage"], drawn.kept["recovery"]
    new = next(number for number, row in enumerate(after) if "available again" in row.plain)
    return [*resting, Text(), Text("… some seconds later …", "dim"), Text(), *after[new:]]


def picture_of_an_answer() -> list[Text]:
    with stage() as scene:
        scene.play("primary", text=RENDERED)
        with on_terminal(scene.program, "ask", "what is a stable sort?", size=(WIDTH, 40), env=ENV) as run:
            run.exit_code()
            return [Text('$ fallback-chat ask "what is a stable sort?"'), *rows(run)]


def picture_of_a_probe() -> list[Text]:
    with stage() as scene:
        scene.play("primary", "401")
        scene.play("backup", text="OK")
        scene.play("local", "503")
        with on_terminal(scene.program, "probe", size=(WIDTH, 30), env=ENV) as run:
            run.exit_code()
            return [Text("$ fallback-chat probe"), *map(without_times, rows(run))]


PICTURES: Final = {"outage": picture_of_an_outage, "answer": picture_of_an_answer, "probe": picture_of_a_probe}


def rows(run: OnTerminal) -> list[Text]:
    """Return the screen without the empty rows at its end."""
    emulator = Emulator(run.screen.columns, run.screen.lines)
    emulator.feed(DIM.sub("\\g<1>5\\g<2>", run.written))
    screen = emulator.screen
    found = [painted([screen.buffer[y][x] for x in range(screen.columns)]) for y in range(screen.lines)]
    while found and not found[-1].plain:
        found.pop()
    return found


def painted(cells: list[Char]) -> Text:
    row = Text(no_wrap=True)
    for cell in cells:
        style = Style(
            color=color(cell.fg),
            bgcolor=color(cell.bg),
            bold=cell.bold,
            italic=cell.italics,
            underline=cell.underscore,
            reverse=cell.reverse,
            strike=cell.strikethrough,
            dim=cell.blink,
        )
        row.append(cell.data, style)
    row.rstrip()
    return row


def color(name: str) -> str | None:
    """Return Rich's name of a colour of pyte's."""
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return None if name == "default" else name.replace("brown", "yellow").replace("bright", "bright_")


def without_times(row: Text) -> Text:
    """Have every run's picture show the same times."""
    row.plain = re.sub(r" *\d+ ms", lambda found: "12 ms".rjust(len(found[0])), row.plain)
    row.plain = re.sub(r"down 0:\d\d", "down 0:15", row.plain)
    return row


def svg(name: str, lines: list[Text]) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines:
        console.print(line)
    drawn = console.export_svg(title="fallback-chat", unique_id=name, code_format=FONT.sub("", CONSOLE_SVG_FORMAT))
    return re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE)


def walk(columns: int, lines: int) -> dict[str, str]:
    """Return the screens of an outage, by their names on the page."""
    with stage() as scene, closing(InTmux(scene.program, columns, lines)) as tmux:
        tmux.wait(">")
        scene.outage(tmux)
        return tmux.kept


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    for name, make in PICTURES.items():
        (IMAGES / f"{name}.svg").write_text(svg(name, make()), "utf-8")
    page = WALK.read_text("utf-8")
    for name, screen in (walk(120, 35) | walk(80, 24) | walk(40, 10)).items():
        before, place, after = page.partition(f"```text {name}\n")
        assert place, f"{WALK} has no place for {name}"
        end = after.index("```\n")
        page = f"{before}{place}{screen}\n{after[end:]}"
    WALK.write_text(page, "utf-8")


if __name__ == "__main__":
    main()
