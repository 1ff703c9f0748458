"""Numbers of tokens, and amounts of money."""

from __future__ import annotations

from fallback_chat.cli.words.amounts import count, money


def test_a_number_of_tokens_is_short() -> None:
    assert [count(tokens) for tokens in (812, 1234, 34_567)] == ["812", "1.2k", "34k"]


def test_an_amount_has_its_currency() -> None:
    assert [money(0.0085, currency) for currency in ("$", "€", "EUR", "kr")] == [
        "$0.0085",
        "€0.0085",
        "0.0085 EUR",
        "0.0085 kr",
    ]
