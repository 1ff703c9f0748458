"""The code blocks of an answer, as `/copy code` and `--extract` number them."""

from __future__ import annotations

import re

import pytest

from fallback_chat.cli.code_blocks import Code, code_blocks
from fallback_chat.cli.render.append import rendered
from fallback_chat.cli.sinks.extract import extracted
from tests.cli.render.support import EXAMPLES, PAGE, plain


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```python\nx = 1\n```\n", [Code("python", "x = 1\n")]),
        ("```python title=a.py\nx\n```\n", [Code("python", "x\n")]),
        ("```\n```\n", [Code("", "")]),
        ("~~~~ sh\n~~~\n~~~~\n", [Code("sh", "~~~\n")]),
        ("```\n\n  a\n\n```\n", [Code("", "\n  a\n\n")]),
        (
            "1. Write:\n\n   ```python\n   def f():\n       return 1\n   ```\n",
            [Code("python", "def f():\n    return 1\n")],
        ),
        ("10. Run:\n    ```sh\n    ls\n    ```\n", [Code("sh", "ls\n")]),
        ("- a\n  - b\n\n    ```\n    c\n    ```\n", [Code("", "c\n")]),
        ("> ```\n> a\n> ```\n", [Code("", "a\n")]),
        ("Text:\n\n    a\n\n      b\n\nText\n", [Code("", "a\n\n  b\n")]),
        ("  ```\n  a\n   b\n  ```\n", [Code("", "a\n b\n")]),
        ("```sh\r\nls\r\n```\r\nmore\r\n", [Code("sh", "ls\n")]),
        ("```\n1\n```\n\n~~~\n2\n~~~\n", [Code("", "1\n"), Code("", "2\n")]),
        ("```\nno end", [Code("", "no end\n")]),
        ("a `code` b, ``` not a fence ```\n", []),
        ("- item\n\n  with `code`\n", []),
        ("", []),
    ],
)
def test_code_is_found_wherever_it_stands_without_what_surrounds_it(text: str, blocks: list[Code]) -> None:
    assert [*code_blocks(text)] == blocks


@pytest.mark.parametrize(
    ("which", "code"),
    [
        ("1", "a\n"),
        ("2", "b\n"),
        ("3", "c\n"),
        ("0", ""),
        ("4", ""),
        ("sh", "a\n\nc\n"),
        ("all", "a\n\nb\n\nc\n"),
        ("c", ""),
    ],
)
def test_blocks_are_chosen_by_number_or_language(which: str, code: str) -> None:
    assert extracted("```sh\na\n```\n\n```py\nb\n```\n\n```sh\nc\n```\n", which) == code


def test_every_code_block_has_the_number_that_the_screen_shows() -> None:
    page = PAGE._replace(copies=True)
    for text in EXAMPLES:
        shown = [int(number) for row in plain(rendered(text)(page)) for number in re.findall(r"/copy code (\d+)$", row)]
        assert shown == [*range(1, 1 + len([*code_blocks(text)]))], text
