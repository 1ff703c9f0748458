from __future__ import annotations

import pytest
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.token import Token  # type: ignore[import-untyped]

from fallback_chat.cli.render.highlight import LOOK_AHEAD, MAX_OVERLAP, Highlighter, Line, _move
from tests.cli.render.documents import PYTHON, YAML

SOURCES = {
    "python": PYTHON.split("\n", 1)[1].rsplit("```", 1)[0] * 3,
    "yaml": YAML.split("\n", 1)[1].rsplit("```", 1)[0],
    "json": '{\n  "a": [1, true, null],\n  "b": {"c": "text"}\n}\n' * 10,
    "html": "<html>\n<body class='a'>\n<!-- one\ntwo -->\n<p>text &amp; more</p>\n</body>\n" * 5,
    "bash": 'for f in *; do\n  echo "$f ${x:-y}"  # say it\ndone\nif [ -n "$a" ]; then\n  exit 1\nfi\n' * 5,
    "rust": 'fn main() {\n    let x: u32 = 1; // one\n    println!("{}", x);\n}\n' * 8,
    "sql": "SELECT a, b\nFROM t -- all of them\nWHERE a = 'x';\n" * 8,
    "ruby": 'def f(x)\n  puts "#{x}" # say\n  {a: 1}\nend\n' * 8,
    "c": "#include <stdio.h>\n/* one\n   two */\nint main(void) {\n    return 0;\n}\n" * 5,
    "text": "no language\n" * 20,
    "no-such-language": "x = 1\n" * 20,
}


def whole(language: str, code: str) -> list[Line]:
    """What Pygments makes of all of it, line by line, neighbours of one kind joined."""
    try:
        tokens = get_lexer_by_name(language, stripnl=False, tabsize=4).get_tokens(code)
    except ValueError:
        tokens = [(Token.Text, code)]
    lines: list[Line] = [[]]
    for kind, value in tokens:
        first, *rest = value.split("\n")
        lines[-1].append((kind, first))
        lines.extend([(kind, part)] for part in rest)
    return [joined(line) for line in lines[:-1]]


def joined(line: Line) -> Line:
    result: Line = []
    for kind, value in line:
        if value and result and result[-1][0] == kind:
            result[-1] = (kind, result[-1][1] + value)
        elif value:
            result.append((kind, value))
    return result


def in_pieces(language: str, code: str, size: int) -> list[Line]:
    highlighter = Highlighter(language)
    pending: list[str] = []
    done: list[Line] = []
    source = code.split("\n")[:-1]
    for start in range(0, len(source), size):
        pending += source[start : start + size]
        settled = max(0, len(pending) - highlighter.look_ahead)
        done += highlighter.lex(pending, settled)[:settled]
        del pending[:settled]
        assert len(highlighter._overlap) <= MAX_OVERLAP
    return [joined(line) for line in [*done, *highlighter.lex(pending)]]


@pytest.mark.parametrize("language", SOURCES)
@pytest.mark.parametrize("size", [1, 5])
def test_code_lexed_in_pieces_has_the_colours_of_code_lexed_at_once(language: str, size: int) -> None:
    assert in_pieces(language, SOURCES[language], size) == whole(language, SOURCES[language])


def test_a_string_of_many_lines_stays_a_string() -> None:
    code = 'x = """Begin\n' + "text with if and for\n" * 100 + '"""\ny = 1\n'
    lines = in_pieces("python", code, 1)
    assert {kind in Token.Literal.String for line in lines[1:101] for kind, _ in line} == {True}
    assert lines[102] == whole("python", code)[102]


def test_the_last_lines_wait_for_what_the_lexer_may_still_see() -> None:
    assert Highlighter("python").look_ahead == LOOK_AHEAD
    assert Highlighter("text").look_ahead == 0
    assert Highlighter("no-such-language").look_ahead == 0


def test_lexing_again_costs_a_bounded_number_of_lines() -> None:
    highlighter = Highlighter("json")
    for number in range(200):
        highlighter.lex([f'  "key{number}": [1, 2],'], 1)
        assert len(highlighter._overlap) <= MAX_OVERLAP


def test_code_that_a_lexer_fails_on_is_left_plain() -> None:
    class Failing:
        def get_tokens_unprocessed(self, text: str) -> object:
            raise KeyError(text)

    highlighter = Highlighter("json")
    highlighter._lexer = Failing()
    assert highlighter.lex(["{", "", "}"], 1) == [[(Token.Text, "{")], [], [(Token.Text, "}")]]
    assert highlighter.lex(["x"]) == [[(Token.Text, "x")]]


@pytest.mark.parametrize(
    ("move", "states"),
    [
        (None, ["root", "a", "b"]),
        (-1, ["root", "a"]),
        (-9, ["root"]),
        ("#push", ["root", "a", "b", "b"]),
        (("c",), ["root", "a", "b", "c"]),
        (("#pop", "c", "d"), ["root", "a", "c", "d"]),
        (("#pop", "#pop", "#pop"), ["root"]),
    ],
)
def test_the_lexers_states_move_as_pygments_moves_them(move: object, states: list[str]) -> None:
    stack = ["root", "a", "b"]
    _move(stack, move)
    assert stack == states
