"""Known secrets are kept out of texts, whole and in pieces, however they are spelled and cut; nothing else is touched."""

from __future__ import annotations

import json
import sys
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.core.redaction import RedactingStream, Redactor, quoted, visible

KEY = "sk-live-Zq7xT0p"
INVISIBLE = ["\u200b", "\u00ad", "\0", "\u200d", "\u202e", "\u2066", "\ufeff", "\r", "\ufe0f", "\U000e0041", "\x1b"]


def streamed(redactor: Redactor, pieces: list[str]) -> str:
    stream = RedactingStream(redactor)
    return "".join(map(stream.feed, pieces)) + stream.flush()


def test_a_secret_is_redacted_in_every_spelling() -> None:
    secret = 'pa"ss/wörd \\'
    text = f"{secret} {json.dumps(secret)} {json.dumps({'k': secret}, ensure_ascii=False)} ?key={quote(secret)}&"
    text += f"key={quote(secret, safe='')}&"

    assert Redactor([secret]).redact(text) == (
        '[redacted] "[redacted]" {"k": "[redacted]"} ?key=[redacted]&key=[redacted]&'
    )


@pytest.mark.parametrize(
    "spelled",
    [
        r"""p\/a+s&s<w>o'r"d`""".replace('"', r"\""),  # PHP
        r"""p/a+s\u0026s\u003cw\u003eo'r\"d`""",  # Go
        r"""p/a+s\u0026s\u003cw\u003eo\u0027r\"d`""",  # Flask
        r"""p/a\u002Bs\u0026s\u003Cw\u003Eo\u0027r\u0022d\u0060""",  # .NET
        """p/a+s&amp;s&lt;w&gt;o'r&quot;d`""",
        """p/a+s&amp;s&lt;w&gt;o&#39;r&quot;d`""",
        "p%2fa%2bs%26s%3cw%3eo%27r%22d%60",
        "p/a%2Bs%26s%3Cw%3Eo%27r%22d%60",
    ],
)
def test_a_secret_is_redacted_however_a_server_escapes_its_punctuation(spelled: str) -> None:
    redactor = Redactor(["""p/a+s&s<w>o'r"d`"""])

    assert redactor.redact(f"the key {spelled} is wrong") == "the key [redacted] is wrong"
    assert streamed(redactor, list(f"the key {spelled} is wrong")) == "the key [redacted] is wrong"


def test_of_two_secrets_the_longer_one_is_redacted_whole() -> None:
    assert Redactor(["abcd", "abcdef"]).redact("abcd abcdef abcde") == "[redacted] [redacted] [redacted]e"


def test_short_and_missing_secrets_change_nothing() -> None:
    assert [Redactor(["abc", ""]).redact("abc"), RedactingStream(Redactor([])).feed("abc")] == ["abc", "abc"]


def test_a_secret_that_is_learned_later_is_kept_out_from_then_on() -> None:
    redactor = Redactor(["abcd"])
    redactor.add("efgh")

    assert redactor.redact("abcd efgh") == "[redacted] [redacted]"


def test_a_stream_holds_back_no_more_than_what_could_begin_a_secret() -> None:
    stream = RedactingStream(Redactor(["sk-1234"]))

    shown = [stream.feed(delta) for delta in ("ask", "-12", "34", "5 as", "k sk-", "12x sk-1")]

    assert [*shown, stream.flush(), stream.flush()] == ["a", "", "[redacted]", "5 a", "sk ", "sk-12x ", "sk-1", ""]


def test_a_secret_is_found_through_invisible_characters_and_what_is_around_it_stays() -> None:
    for gap in INVISIBLE:
        spelled = gap.join(KEY)
        text = f"be{gap}fore {gap}{spelled}{gap} be{gap}hind"
        expected = f"be{gap}fore {gap}[redacted]{gap} be{gap}hind"

        assert Redactor([KEY]).redact(text) == expected
        assert Redactor([KEY]).redact(quoted(f"be{spelled}")) == "'be[redacted]'"
        assert streamed(Redactor([KEY]), list(text)) == expected


def test_every_character_that_is_dropped_before_text_is_shown_is_looked_through() -> None:
    dropped = [char for char in map(chr, range(sys.maxunicode + 1)) if sanitise(char) == ""]

    assert [char for char in dropped if visible(char)] == []


def test_every_format_character_without_a_shape_is_looked_through_and_no_letter_is() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1)]
    formats = [char for char in characters if unicodedata.category(char) == "Cf" and visible(char)]
    letters = [char for char in characters if unicodedata.category(char) in {"Lu", "Ll", "Nd", "Po", "Pd"}]

    # Some of them have a shape: signs around numbers, and joiners of hieroglyphs.
    shaped = ("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")
    assert [char for char in formats if not unicodedata.name(char).startswith(shaped)] == []
    assert [char for char in letters if not visible(char)] == []


@given(
    secrets=st.lists(st.text("abc-", min_size=4, max_size=8), max_size=3),
    pieces=st.lists(st.text("abc-x\u200b", max_size=6), max_size=12),
)
def test_a_stream_shows_what_the_whole_text_would_show_however_it_is_cut(secrets: list[str], pieces: list[str]) -> None:
    redactor = Redactor(secrets)

    assert streamed(redactor, pieces) == redactor.redact("".join(pieces))


@st.composite
def texts_made_of_secrets(draw: st.DrawFn) -> tuple[list[str], str]:
    """Secrets that overlap and begin alike, and a text made of them, of their beginnings, and of invisible gaps."""
    secrets = draw(st.lists(st.text("abs-", min_size=4, max_size=7), min_size=1, max_size=3))
    piece = st.sampled_from(secrets).flatmap(
        lambda secret: st.integers(1, len(secret)).map(lambda size: secret[:size]) | st.just(secret)
    )
    gap = st.sampled_from(["", "", " ", "\u200b", "\u00ad\u200d", "\n"])
    parts = draw(st.lists(st.tuples(piece, gap), max_size=6))
    return secrets, "".join(part for pair in parts for part in pair)


@given(texts_made_of_secrets())
def test_no_secret_comes_out_and_nothing_else_is_lost_wherever_the_text_is_cut(made: tuple[list[str], str]) -> None:
    secrets, text = made
    redactor = Redactor(secrets)
    whole = redactor.redact(text)

    assert [secret for secret in secrets if secret in visible(whole)] == []
    assert ("[redacted]" in whole) == any(secret in visible(text) for secret in secrets)
    if "[redacted]" not in whole:
        assert whole == text
    for cut in range(len(text) + 1):
        assert streamed(redactor, [text[:cut], text[cut:]]) == whole


def test_what_was_held_back_of_a_void_text_is_forgotten() -> None:
    stream = RedactingStream(Redactor([KEY]))
    stream.feed("It begins with sk-live")
    stream.begin_anew()

    assert [stream.feed("-Zq7xT0p"), stream.feed(" sk-"), stream.flush()] == ["-Zq7xT0p", " ", "sk-"]


def test_an_answer_may_end_in_the_first_letters_of_a_key() -> None:
    for size in range(len(KEY)):
        text = f"It begins with {KEY[:size]}"
        assert streamed(Redactor([KEY]), list(text)) == text


def test_a_stream_says_whether_it_touched_the_text() -> None:
    touched = []
    for pieces in (["sk-", "live"], ["sk-live-", "Zq7xT0p", " x"], [KEY], ["nothing"]):
        stream = RedactingStream(Redactor([KEY]))
        assert len("".join(map(stream.feed, pieces)) + stream.flush()) > 0
        touched.append(stream.touched)

    assert touched == [False, True, True, False]


def test_a_key_spelled_with_endless_gaps_costs_what_its_pieces_cost() -> None:
    """The text held back is joined when it is shown, not for every piece."""
    stream = RedactingStream(Redactor([KEY]))
    pieces = ["s", *["\u200b" * 1000] * 2000, "k", *["\u200b" * 1000] * 2000, "!"]

    assert "".join(map(stream.feed, pieces)) == "".join(pieces)
