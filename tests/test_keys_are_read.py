"""No key of fallback.toml is only declared: something reads its value, and does more than show it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from fallback_chat.core.config.schema import CHAIN, CHAT, KEYS, PRICES, PROFILE, PROVIDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[1]
ELSEWHERE: Final = {
    "core/config/schema.py": "declares the keys",
    "core/config/settings.py": "holds and checks the values",
    "core/engine/settings.py": "holds and checks the values",
    "cli/words/config.py": "shows them",
    "cli/commands/config.py": "shows them",
}
"""Modules in which a key's name is no sign that its value matters."""


def constants(nodes: Iterable[ast.expr]) -> Iterator[str]:
    """Yield the strings among some expressions."""
    yield from (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def reads(tree: ast.AST) -> Iterator[str]:
    """Yield the names under which a module reads values: attributes, items, arguments of a getter, lists of wishes."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()):
                yield name
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                yield name
            case ast.Call(args=[*arguments]):
                yield from constants(arguments)
            case ast.AnnAssign(target=ast.Name(id="WISHES" | "KEY_SOURCES"), value=ast.Tuple(elts=names)):
                yield from constants(names)
            case _:
                pass


@cache
def read() -> set[str]:
    """Return the names that the program reads."""
    return {
        name
        for room in ("core", "providers", "cli", "fallback_chat")
        for path in sorted((ROOT / room).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in ELSEWHERE
        for name in reads(ast.parse(path.read_bytes()))
    }


@pytest.mark.parametrize(
    "name", sorted({field.name for table in (CHAIN, CHAT, PRICES, PROFILE, PROVIDER, KEYS) for field in table})
)
def test_every_key_is_read(name: str) -> None:
    assert name in read()


def test_a_key_that_is_only_declared_would_be_noticed() -> None:
    declared = (
        "class Chain:\n    pause_total: float = 0.0\n\nDEFAULTS = {'pause_total': 0.0}\nNAMES = ('pause_total',)\n"
    )

    assert "pause_total" not in set(reads(ast.parse(declared)))
    assert "pause_total" in set(reads(ast.parse(f"{declared}wait(settings.pause_total)")))
