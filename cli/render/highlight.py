"""Syntax highlighting of a growing fence: the lexer continues instead of starting over.

Restarting a lexer in its first state at any line gets docstrings and comments wrong; lexing the
whole block again for every line is quadratic. So the stack of states is kept for the last line that
begins with a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pygments.lexer import RegexLexer  # type: ignore[import-untyped]
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]
from pygments.token import Error, Text, Whitespace  # type: ignore[import-untyped]
from pygments.util import ClassNotFound  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Line = list[tuple[Any, str]]
"""Pygments' tokens of one line, without its newline."""

TAB_SIZE: Final = 4
LOOK_AHEAD: Final = 8
LONGEST: Final = 1000
"""Characters per line. Code with a longer one is not coloured, because it would be lexed again for
every frame."""
MAX_OVERLAP: Final = 24
"""Maximum number of lines lexed again if the lexer offers no place to continue."""

_NOT_FRESH: Final = (" ", "\t", "\n", "}", ")", "]")
_ROOT: Final[tuple[str, ...]] = ("root",)


class Highlighter:
    """Lexes the lines of one block of code as they arrive."""

    def __init__(self, language: str) -> None:
        self._lexer = _lexer(language)
        self._overlap: list[str] = []
        self._stack = _ROOT
        """The lexer's states before `_overlap`, whose lines are already settled."""

    @property
    def look_ahead(self) -> int:
        """Number of later lines that can still change a line's colours."""
        return 0 if self._lexer is None else LOOK_AHEAD

    def lex(self, lines: Sequence[str], settle: int = 0) -> list[Line]:
        """Return the tokens of `lines`, which follow the settled ones; settle `settle` lines."""
        lines = [line.expandtabs(TAB_SIZE) for line in lines]
        if self._lexer is None or any(len(line) > LONGEST for line in lines):
            self._lexer = None
            return [[(Text, line)] if line else [] for line in lines]
        settled = [*self._overlap, *lines[:settle]]
        frontier = sum(map(len, settled)) + len(settled)
        resume, stack, tokens = 0, self._stack, []
        try:
            for position, states, step in self._steps([*self._overlap, *lines]):
                tokens += step
                if states is not None and position <= frontier:
                    resume, stack = position, states
        except Exception:  # noqa: BLE001 - some of Pygments' 500 lexers raise on unexpected code
            self._lexer = None
            return self.lex(lines)
        done = len(self._overlap)
        if settle:
            self._go_on_from(settled, resume, stack)
        return _by_line(tokens)[done : done + len(lines)]

    def _go_on_from(self, settled: list[str], resume: int, stack: tuple[str, ...]) -> None:
        passed = "\n".join([*settled, ""]).count("\n", 0, resume)
        if len(settled) - passed > MAX_OVERLAP:
            passed, stack = len(settled), _ROOT
        self._overlap, self._stack = settled[passed:], stack

    def _steps(self, lines: Sequence[str]) -> Iterable[tuple[int, tuple[str, ...] | None, Line]]:
        """Lex `lines` from the kept state.

        Yield the position, the states if lexing can continue from there, and the tokens.
        """
        text = "\n".join([*lines, ""])
        if type(self._lexer).get_tokens_unprocessed is RegexLexer.get_tokens_unprocessed:
            return _regex_steps(self._lexer, text, self._stack)
        return _other_steps(self._lexer, text)


def _lexer(language: str) -> Any:
    """Return Pygments' lexer for a language; None if there is nothing to colour."""
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=True, tabsize=TAB_SIZE)
    except ClassNotFound:
        return None
    return None if lexer.name == "Text only" else lexer


def _by_line(tokens: Iterable[tuple[Any, str]]) -> list[Line]:
    lines: list[Line] = [[]]
    for kind, value in tokens:
        first, *rest = value.split("\n")
        if first:
            lines[-1].append((kind, first))
        lines.extend([(kind, part)] if part else [] for part in rest)
    return lines


def _other_steps(lexer: Any, text: str) -> Iterator[tuple[int, tuple[str, ...] | None, Line]]:
    """Lex with a lexer that hides its states: a line that begins in column one is a fresh start.

    A bracket there closes what began before, so the lexer is still inside it.
    """
    for position, kind, value in lexer.get_tokens_unprocessed(text):
        fresh = (position == 0 or text[position - 1] == "\n") and not value.startswith(_NOT_FRESH)
        yield position, _ROOT if fresh else None, [(kind, value)]


def _regex_steps(lexer: Any, text: str, stack: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...] | None, Line]]:
    """Lex like `RegexLexer.get_tokens_unprocessed`.

    Yield the states as well at each token that begins a line.
    """
    states = list(stack)
    position = 0
    while position < len(text):
        at_line_start = tuple(states) if position == 0 or text[position - 1] == "\n" else None
        for match_here, action, new_state in lexer._tokens[states[-1]]:  # noqa: SLF001
            if not (match := match_here(text, position)):
                continue
            yield position, at_line_start, _tokens(lexer, action, match)
            position = match.end()
            _move(states, new_state)
            break
        else:
            if text[position] == "\n":
                states = list(_ROOT)
                yield position, at_line_start, [(Whitespace, "\n")]
            else:
                yield position, at_line_start, [(Error, text[position])]
            position += 1


def _tokens(lexer: Any, action: Any, match: Any) -> Line:
    if action is None:
        return []
    if callable(action):
        return [(kind, value) for _, kind, value in action(lexer, match)]
    return [(action, match.group())]


def _move(states: list[str], new_state: Any) -> None:
    """Follow a transition in Pygments' processed notation.

    It consists of names, `#push`, `#pop`, or a negative number of states to pop.
    """
    if new_state is None:
        return
    if isinstance(new_state, int):
        del states[max(1, len(states) + new_state) :]
        return
    for state in (new_state,) if isinstance(new_state, str) else new_state:
        if state == "#pop":
            del states[max(1, len(states) - 1) :]
        else:
            states.append(states[-1] if state == "#push" else state)
