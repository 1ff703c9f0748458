"""Markdown as language models write it: one document for each construct that a stream could get wrong."""

from __future__ import annotations

from typing import Final

PYTHON: Final = '''```python
import sys


def greet(name: str) -> str:
    """Say hello.

    The greeting is 'plain', not "quoted".
    """
    total = 0
    for index, letter in enumerate(name):
        total += ord(letter) * index  # a comment
    return f"hello {name!r}, {total:>10}"


class Thing:
    attribute = {"a": [1, 2.5, None], "b": (True, False)}

    def method(self) -> None:
        print(self.attribute, file=sys.stderr)


if __name__ == "__main__":
    greet("world")
```
'''
YAML: Final = "```yaml\nservices:\n" + "".join(f"  s{n}:\n    port: {n}\n    on: true\n" for n in range(8)) + "```\n"
TABLE: Final = "| Name | Value | Note |\n|:-----|------:|:----:|\n" + "".join(
    f"| row {n} | {n * 37} | `code` and **bold {n}** |\n" for n in range(12)
)

DOCUMENTS: Final[dict[str, str]] = {
    "heading and paragraph": "# Title\n\nSome text that is long enough to be wrapped on a narrow terminal, *twice* even.\n",
    "all headings": "".join(f"{'#' * n} Heading {n}\n\ntext\n\n" for n in range(1, 7)),
    "setext": "Title\n=====\n\nSub\ntitle\n---\n\ntext\n\n---\n",
    "soft wrapped paragraph": "one two three four five six seven\n" * 20,
    "hard breaks": "one  \ntwo\\\nthree\n\nfour  \n",
    "tight bullets": "Intro:\n- one\n- two `code`\n- three **bold**\n\nOutro.\n",
    "loose bullets": "- one\n\n- two\n\n  more of two\n\n- three\n",
    "nested bullets": "- a\n  - b\n    - c\n      - d\n  - e\n- f\n",
    "ordered over ten": "".join(f"{n}. item number {n}\n" for n in range(1, 13)) + "\nafter\n",
    "ordered all ones": "1. one\n1. two\n\n   second paragraph\n1. three\n",
    "ordered from seven": "7) seven\n8) eight\n9) nine\n10) ten\n",
    "ordered with nested": "1. one\n   - a\n   - b\n\n     text\n2. two\n   1. x\n   2. y\n3. three\n",
    "empty items": "- \n- a\n-\n- b\n\n1.\n2. x\n3.\n",
    "only empty items": "-\n-\n\ntext\n",
    "list then other list": "- a\n- b\n* c\n* d\n+ e\n",
    "task list": "- [ ] open\n- [x] done\n",
    "fence": PYTHON,
    "fence in item": "1. Do this:\n\n   " + PYTHON.replace("\n", "\n   ") + "\n   and then that\n2. next\n",
    "fence in quote": "> " + PYTHON.replace("\n", "\n> ") + "\n> end\n\nafter\n",
    "fence in item in quote": "> - x\n>   " + PYTHON.replace("\n", "\n>   ") + "\n> - y\n",
    "fence yaml": YAML,
    "fence text": "```\nno language\n\n\n    indented\n\n```\n",
    "fence unknown language": "```nonsense-9\na = 1\n```\n",
    "fence tilde": "~~~json\n" + '{"a": [1, true, null, "text"]}\n' * 20 + "~~~\ntext\n",
    "fence longer": "````md\n```python\nx = 1\n```\n````\n",
    "fence unclosed": 'text\n\n```bash\nfor f in *; do\n  echo "$f"\ndone\n',
    "fence blank lines": "```python\n\n\nx = 1\n\n\n\n\n\n\n\n\n\n\n\n\ny = 2\n\n\n```\n",
    "fence only blank": "```\n\n\n\n```\ntext\n",
    "fence empty": "```python\n```\n\n```\n\n",
    "fence tabs": '```go\nfunc main() {\n\tfmt.Println("x")\n\t\treturn\n}\n' + "\tx := 1\n" * 12 + "```\n",
    "fence trailing blanks": "```text\n" + "a   \n" * 12 + "b   \n```\n",
    "fence long lines": "```python\n" + f"value = '{'x' * 150}'\n" * 12 + "```\n",
    "fence interrupts": "text\n```\ncode\n```\ntext\n",
    "indented code": "text\n\n    code\n\n    more\n\ntext\n",
    "table": TABLE + "\nafter\n",
    "table at end": TABLE,
    "table without blank line": "intro\n\n" + TABLE + "> quote\n",
    "table in item": "- item\n\n  " + TABLE.replace("\n", "\n  ") + "\n- next\n",
    "table ragged": "a | b\n--|--\n1\n1 | 2 | 3\n\n|x|\n|-|\n",
    "heading before delimiter row": "# a | b\n|---|---|\n- c | d\n|---|---|\n",
    "wide characters": "你好世界。" * 20 + "\n\n- 日本語の項目" * 3 + "\n\n| 列 | 値 |\n|---|---|\n| 漢字 | 한국어 |\n",
    "emoji": "👩‍👩‍👧 family, 🇫🇷 flag, ❤️ heart\n\n- 🎉 party\n",
    "quote": "> one\n> two\n>\n> - a\n> - b\n>\n> three\nlazy\n\nafter\n",
    "nested quote": "> a\n>\n> > b\n> >\n> > c\n>\n> d\n",
    "quote with odd marks": "> a\n>\n>   > b\n   >   > c\n",
    "quote with marks far in": "> > a\n> >\n     > > b\n> >\n      > > c\n",
    "empty quote": ">\n\ntext\n\n>\n> \n",
    "long quote": "".join(f"> paragraph {n} of a long quote\n>\n" for n in range(20)),
    "rules": "a\n\n---\n\nb\n\n***\n___\n\n- - -\nc\n",
    "rule in item": "- a\n\n  ---\n\n  b\n",
    "links": "[text](https://example.com/a_b), <https://example.com>, <me@example.com> and ![image](a.png) ![](b.png)\n",
    "linked image": "[![badge](https://example.com/b.svg)](https://example.com)\n",
    "references": '[one]: https://example.com/1 "t"\n[two]:\n  <https://example.com/2>\n\nSee [one], [two] and [three].\n',
    "references in quote": "> [one]: /1\n\n[one]\n",
    "footnotes": "Text[^1] and[^two].\n\n[^1]: one\n    more\n\n    - a\n\n[^two]: two\n\nafter\n",
    "html": "<div>\n<b>bold</b> text\n</div>\n\nVec<String> and <think>thought</think>\n\n<!-- comment -->\n",
    "entities": "&amp; &lt; &copy; &#35; &#x1F600; &nosuch; &#x202e;abc\n",
    "escapes": "\\*not emphasis\\* \\# \\[x\\] \\\\ \\`\n",
    "emphasis over lines": "**bold\nover lines** and *a\n**b** c*\n\n~~struck~~ ``a ` b``\n",
    "unclosed emphasis": "**bold that never ends\n\nnext *paragraph\n",
    "markup of rich": "[bold]not bold[/bold] [/oops] list[int] [link=file:///etc/passwd]x[/link]\n",
    "crlf": "# a\r\n\r\n- b\r\n- c\r\n\r\n```\r\ncode\r\n```\r\n",
    "tabs": "-\ta\n\n\tb\n\n\t\tcode\n",
    "blank only": "\n\n  \n\n",
    "no newline at end": "# a\n\nb",
    "leading blank lines": "\n\n\n# a\n",
    "deep nesting": "".join("  " * n + "- x\n" for n in range(15)) + "> " * 12 + "deep\n",
    "long word": "x" * 500 + "\n\n- " + "y" * 300 + "\n",
    "mixed answer": f"# Plan\n\nText.\n\n1. First\n   ```sh\n   ls -la\n   ```\n2. Second\n\n{TABLE}\n{PYTHON}\n> done\n",
}
