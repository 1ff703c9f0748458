"""Numbers of things and of tokens, and amounts of money."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return how many there are: `1 turn`, `2 turns`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def count(tokens: int) -> str:
    """Return a number of tokens: `812`, `1.2k`, `34k`."""
    if tokens < 1000:
        return str(tokens)
    return f"{tokens / 1000:.1f}k" if tokens < 10_000 else f"{tokens // 1000}k"


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency: `$0.004`, `0.004 EUR`."""
    number = f"{amount:.4f}".rstrip("0").rstrip(".")
    return f"{number} {currency}" if currency[-1:].isalpha() else f"{currency}{number}"
