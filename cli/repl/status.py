"""The status row: one description of the chain, fitted to a width.

A painter receives pieces of text with a tone. Everything is said in words and symbols; the tone
only repeats it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fallback_chat.cli.render.cells import cells, shortened
from fallback_chat.cli.words.amounts import count
from fallback_chat.cli.words.health import state_word as health_word
from fallback_chat.cli.words.health import tone
from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fallback_chat.core.engine.breaker import Health

NARROW: Final = 60
"""Columns below which the chain is only counted."""
MAX_MODEL: Final = 24
"""Columns of a model's name."""


class Tone(StrEnum):
    """The tone of a piece; the themes define its look."""

    PLAIN = "plain"
    ACTIVE = "active"
    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    DIM = "dim"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one tone."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One provider of the chain in the row."""

    name: str
    model: str
    word: str
    """Its state: `ok`, `rate limited 0:42`, `down 0:12`."""
    tone: Tone


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that the row can show."""

    entries: tuple[StatusEntry, ...]
    active: int = 0
    """The index of the entry that answers, or would be asked first."""
    activity: str = ""
    """The activity of the active entry."""
    way_out: str = ""
    """The key that helps if it does nothing."""
    context: float | None = None
    """Used share of the active entry's context window."""
    tokens: int = 0
    cost: str = ""
    flags: tuple[str, ...] = ()
    hint: str = "?"


def status_word(health: Health, now: float, *, skipped: bool = False, slow: bool = False) -> tuple[str, Tone]:
    """Return a provider's state (`words.health.STATES`), and its tone."""
    word = "skipped" if skipped else health_word(health, now)
    if slow and word == "ok":
        word = "slow"
    return word, Tone(tone(word))


def compose(status: Status, width: int) -> tuple[Piece, ...]:
    """Return the row in at most `width` columns.

    Segments without room are omitted from the right; the active entry is cut last.
    """
    groups = _narrow(status) if width < NARROW else _wide(status)
    row = list(groups[0])
    for group in groups[1:]:
        if columns(row) + columns(group) > width:
            break
        row += group
    return tuple(_cut(row, width))


def _wide(status: Status) -> list[Sequence[Piece]]:
    """Return the segments, the most important first, each with its separator."""
    active = status.entries[status.active]
    head = [Piece(f"▸{active.name}", Tone.ACTIVE), Piece(f" {shortened(active.model, MAX_MODEL)}", Tone.DIM)]
    groups: list[Sequence[Piece]] = [head + _doing(status, active)]
    if status.way_out:
        groups.append([Piece(f" ({status.way_out})")])
    groups += [
        [Piece(" · ", Tone.DIM), Piece(f"{entry.name} "), Piece(entry.word, entry.tone)]
        for index, entry in enumerate(status.entries)
        if index != status.active
    ]
    return groups + [[Piece(" │ ", Tone.DIM), *group] for group in _numbers(status)]


def _narrow(status: Status) -> list[Sequence[Piece]]:
    active = status.entries[status.active]
    groups: list[Sequence[Piece]] = [[Piece(f"▸{active.name}", Tone.ACTIVE), *_doing(status, active)]]
    if not status.activity:
        groups.append([Piece(f" ({status.active + 1}/{len(status.entries)})", Tone.DIM)])
    if status.way_out:
        groups.append([Piece(f" ({status.way_out})")])
    if status.context is not None:
        groups.append([Piece(f" {status.context:.0%}", Tone.DIM)])
    return groups + [[Piece(f" {flag}")] for flag in status.flags]


def _doing(status: Status, active: StatusEntry) -> list[Piece]:
    if status.activity:
        return [Piece(f" {status.activity}", Tone.WAITING)]
    return [] if active.word == "ok" else [Piece(f" {active.word}", active.tone)]


def _numbers(status: Status) -> Iterable[Sequence[Piece]]:
    if status.context is not None:
        yield [Piece(f"ctx {status.context:.0%}", Tone.BAD if status.context > 0.9 else Tone.DIM)]
    if status.tokens:
        yield [Piece(f"{count(status.tokens)} tok {status.cost}".rstrip(), Tone.DIM)]
    for flag in status.flags:
        yield [Piece(flag)]
    if status.hint:
        yield [Piece(status.hint, Tone.DIM)]


def columns(pieces: Iterable[Piece]) -> int:
    """Return the columns of some pieces."""
    return sum(cells(piece.text) for piece in pieces)


def _cut(row: Sequence[Piece], width: int) -> Iterable[Piece]:
    left = width
    for piece in row:
        if left <= 0:
            return
        text = shortened(piece.text, left)
        yield Piece(text, piece.tone)
        left -= cells(text)
