"""The prose of the code and of the manual is idiomatic English: these forms stay out of it."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT: Final = Path(__file__).parents[1]
MODULES: Final = [
    *(path for room in ("core", "providers", "cli") for path in sorted((ROOT / room).rglob("*.py"))),
    *sorted((ROOT / "fallback_chat").glob("*.py")),
]
PAGES: Final = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
WIDTH: Final = 100
DOCUMENTED: Final = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef

BEGINNINGS: Final = {
    r"(Gives?|Says?|Tells?|Have|Take in)\b": 'begin with "Return …", "Whether …" or a noun phrase',
    r"(Who|Whom|Whoever|What|Whatever|That)\b(?! follows)(?!.*\?)": "name the thing: a bare clause is not a noun",
}
"""How no docstring begins, and what to write instead."""
FORMS: Final = {
    r"\b(go|goes|going|gone|went) on with\b": "continue",
    r"\b(begin|begins|begun|start|starts|answers|draw) anew\b": "start over, again",
    r"\bhanded in\b": "passed in",
    r"\bis no matter\b": "is ignored",
    r"\b(what|who) is no\b": "an invalid …, anything but …",
    r"\bwho has no\b": "without …",
    r"\b(is|are|was|were) told of\b": "receives",
    r"\b(must be|is|as) a text\b": "a string",
    r"\btexts in quotes\b": "strings",
    r"\bhow (it|they) (is|are) called\b": "its name",
    r"\bshall\b": "is to, must",
    r"\bpassed over\b": "skipped",
    r'(?<!")\b([Cc]ool-?downs?|cool(s|ing)? down)\b': "rest; in quotes it is the word of others",
    r"(?<=[.!?] )(Who|What|Whoever|Whatever)\b(?![^.!?]*\?)": "no sentence begins with a bare who or what",
}
"""Forms that say in another language's grammar what English has a word for, and the word."""


def docstrings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the docstrings of a module, and the strings under its attributes."""
    for node in nodes:
        if isinstance(node, DOCUMENTED):
            yield from (
                statement.value.value
                for statement in node.body
                if isinstance(statement, ast.Expr)
                and isinstance(statement.value, ast.Constant)
                and isinstance(statement.value.value, str)
            )


def comments(source: str) -> Iterator[str]:
    if "#" in source:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                yield token.string.lstrip("# ")


def messages(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the strings of a module that are sentences."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(" ") > 2:
            yield node.value


def prose(page: Path) -> Iterator[str]:
    """Yield the lines of a page outside its code."""
    is_code = False
    for line in page.read_text(encoding="utf-8").splitlines():
        is_code ^= line.startswith("```")
        if not is_code and not line.startswith(("    ", "#")):
            yield line


def found(forms: Iterable[str], text: str) -> list[str]:
    flat = " ".join(text.split())
    return [match.group() for form in forms for match in re.finditer(form, flat)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_speaks_english(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    documented = list(docstrings(nodes))
    texts = [*documented, *comments(source), *messages(nodes)]

    assert [text for text in documented if re.match("|".join(BEGINNINGS), text.strip())] == []
    assert {text: hits for text in texts if (hits := found(FORMS, text))} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_speaks_english(page: Path) -> None:
    lines = list(prose(page))

    assert found(FORMS, "\n".join(lines)) == []
    assert [line for line in lines if len(line) > WIDTH and not line.startswith(("|", "!", "#", "-"))] == []
