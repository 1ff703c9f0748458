"""Answers such as models write, made by chance: prose, lists, sources, formulas, poems, tables and code in all forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_WORDS: Final = (  # noqa: SIM905
    "the server answers with a stream of tokens and sometimes it does not so another one is asked instead "
    "`code_span` **bold words** *emphasis* snake_case ~~struck~~ 2*3 [docs](https://example.com/a_b_c) https://a.example/x_y_z"
).split(" ")
_CHINESE: Final = (
    "服务器用一串词元回答问题「有时它不回答」于是另一台服务器会被询问。排序是稳定的当相等的元素保持原来的顺序"
)
_EMOJI: Final = ("✅ done", "👨‍👩‍👧 family", "🏴󠁧󠁢󠁥󠁮󠁧󠁿 England", "🇫🇷 France", "⚠️ careful", "👍🏽 yes", "é ñ ü")
_CODE: Final = {
    "python": 'def f{n}(a):\n    """Say {n}."""\n    return [a, "{n}"]  # done\n',
    "sh": "curl -X POST https://example.com/api/v{n}/long/endpoint --header 'Authorization: Bearer TOKEN' --data '{{}}' | jq .\n",
    "json": '{{"key{n}": [1, true, null, "text"]}}\n',
    "": "plain text {n}\n\n    indented by four\n",
}


def _prose(chance: Random, most: int) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(chance.randint(1, most)))


def _paragraph(chance: Random) -> str:
    return "\n".join(_prose(chance, 60) for _ in range(chance.randint(1, 3))) + "\n"


def _heading(chance: Random) -> str:
    return f"{'#' * chance.randint(1, 4)} {_prose(chance, 6)}\n"


def _list(chance: Random) -> str:
    lines = []
    for number in range(1, chance.randint(2, 14)):
        mark = chance.choice(("-", "*")) if number % 2 else f"{number}."
        lines.append(f"{mark} {_prose(chance, 20)}\n")
        if chance.random() < 0.3:
            lines.append(f"    - {_prose(chance, 8)}\n")
        if chance.random() < 0.1:
            lines.append("\n")
    return "".join(lines)


def _sources(chance: Random) -> str:
    return "Sources:\n\n" + "".join(
        f'[{n}]: https://example.com/{"path_" * chance.randint(1, 12)}{n} "Title {n}"\n' for n in range(1, 5)
    )


def _formula(chance: Random) -> str:
    return chance.choice(
        (
            "The sum \\(a_1 + b_1\\) of $x_i$ and \\{y\\} costs $5 \\\\ or so.\n",
            "$$\na_1 = b_1\n+ c_1 \\\\\n= d\n$$\n",
            "\\[\nx = \\frac{1}{2}\n- y\n\\]\n",
            "As $$E = mc^2$$ says.\n",
        )
    )


def _poem(chance: Random) -> str:
    return "".join(f"{_prose(chance, 5)}\n" for _ in range(chance.randint(2, 6)))


def _fence(chance: Random) -> str:
    language = chance.choice(list(_CODE))
    code = "".join(_CODE[language].format(n=n) for n in range(chance.randint(1, 12)))
    marks = chance.choice(("```", "~~~~"))
    fence = f"{marks}{language}\n{code}{marks}\n"
    if chance.random() < 0.3:
        return "1. Do this:\n\n" + "".join(f"   {line}\n" if line else "\n" for line in fence.splitlines())
    return fence if chance.random() < 0.8 else fence.removesuffix(f"{marks}\n") + f"{marks}\n"


def _indented(chance: Random) -> str:
    return "".join(f"    x{n} = {chance.randint(0, 99)}\n" for n in range(chance.randint(1, 9)))


def table(chance: Random, rows: int | None = None) -> str:
    """A table, with cells of one word or of many."""
    columns, most = chance.randint(1, 7), chance.choice((1, 2, 12))
    lines = ["| " + " | ".join(f"head{n}" for n in range(columns)) + " |", "|" + " --- |" * columns]
    count = chance.randint(0, 12) if rows is None else rows
    lines += ["| " + " | ".join(_prose(chance, most) for _ in range(columns)) + " |" for _ in range(count)]
    return "\n".join(lines) + "\n"


def _quote(chance: Random) -> str:
    return "".join(f"> {line}\n" for line in _document(chance, 2).splitlines())


def _chinese(chance: Random) -> str:
    return "".join(chance.choice(_CHINESE) for _ in range(chance.randint(5, 150))) + "\n"


def _emoji(chance: Random) -> str:
    return " ".join(chance.choice(_EMOJI) for _ in range(chance.randint(1, 12))) + "\n"


def _word(chance: Random) -> str:
    return f"Open https://example.com/{'a' * chance.randint(10, 300)} now.\n"


_MAKERS: Final[tuple[Callable[[Random], str], ...]] = (
    *(_paragraph, _heading, _list, _sources, _formula, _poem, _fence, _indented, table, _chinese, _emoji, _word),
    lambda _: "---\n",
)


def _document(chance: Random, most: int) -> str:
    return "\n".join(chance.choice(_MAKERS)(chance) for _ in range(chance.randint(1, most)))


def document(chance: Random, *, tables: bool = True) -> str:
    """An answer of a few blocks."""
    makers = [maker for maker in (*_MAKERS, _quote) if tables or maker not in (table, _quote)]
    return "\n".join(chance.choice(makers)(chance) for _ in range(chance.randint(1, 5)))
