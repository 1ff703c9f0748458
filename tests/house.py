"""The house as it stands: its rooms, and which room imports which. `python -m tests.house` draws it for docs/design.md."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).parent.parent
PACKAGE: Final = "fallback_chat"
LAYERS: Final = ("core", "providers", "cli")


@cache
def modules() -> dict[str, Path]:
    """Return the file of every module, by its full name."""
    files = [file for layer in LAYERS for file in (ROOT / layer).rglob("*.py")]
    files += (ROOT / PACKAGE).glob("*.py")
    return {_name(file): file for file in sorted(files)}


def imports(names: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return what each module imports: at its top, in bodies, and for annotations alone."""
    return {name: set(_imported(file, names)) - {name} for name, file in names.items()}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the groups of names that import each other, directly or round about (Tarjan's components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            at = stack.index(name)
            group = stack[at:]
            del stack[at:]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return sorted(found)


@cache
def rooms() -> dict[str, set[str]]:
    """Return for each room which rooms it imports from."""
    seen: dict[str, set[str]] = defaultdict(set)
    for name, others in imports(modules()).items():
        seen[_room(name)] |= {_room(other) for other in others} - {_room(name)}
    return dict(seen)


def drawing() -> str:
    """Return the rooms, each with what its `__init__` says about it and where its imports lead."""
    lines = []
    for room, others in sorted(rooms().items(), key=lambda pair: (_layer(pair[0]), pair[0])):
        lines.append(f"{room}/".ljust(24) + _about(room))
        if others:
            lines.append(" " * 24 + "→ " + ", ".join(sorted(others)))
    return "\n".join(lines)


def _layer(room: str) -> int:
    return (*LAYERS, PACKAGE).index(room.partition("/")[0])


def _about(room: str) -> str:
    file = ROOT / room / "__init__.py"
    about = ast.get_docstring(ast.parse(file.read_text("utf-8"))) or ""
    return about.splitlines()[0].rstrip(".")


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    if parts[0] != PACKAGE:
        parts = (PACKAGE, *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(name: str) -> str:
    file = modules()[name]
    return file.parent.relative_to(ROOT).as_posix()


def _imported(file: Path, names: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and (module := node.module or "") in names:
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield whole if whole in names else module


if __name__ == "__main__":
    sys.stdout.write(drawing() + "\n")
