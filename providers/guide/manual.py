"""The bundled manual in sections, and its search: BM25 with light stemming, offline.

Two guards keep the search honest: the best section has to hold at least `MIN_COVERAGE` of the
question's weight, and a word that the manual never uses weighs as much as its rarest ones.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from fallback_chat.core.value import dataclass

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

MIN_COVERAGE: Final = 0.6
RELATED_SHARE: Final = 0.38
"""Minimum score of a related section, relative to the best one."""
MAX_MATCHES: Final = 4
TITLE_WEIGHT: Final = 3
K1: Final = 1.2
B: Final = 0.6
FILE_WEIGHTS: Final = dict.fromkeys(("adding-a-provider.md", "design.md", "kinds.md", "library.md", "livekit.md"), 0.5)
"""Questions come from users: pages for programmers and complete tables come second."""
HOW: Final = re.compile(r"\bhow (?:do|can|could|should|to)\b")
HOW_WEIGHTS: Final = {"errors.md": 0.8}
"""A question about how to do something is about a setting or command, not about an error."""

_UNSPECIFIC: Final = """
    a able about actually all also am an and any are as at automatically be been being between but by can cannot
    correctly could couldn describe did didn do does doesn doing don done easily exactly explain for from get
    gets getting give go going good got had happen happens has have hello help here hey hi how i if in into is
    isn it its just know let like make makes me mean means mine must my need needs no not of off often on one or
    other our out please possible program properly quickly really safely securely see should show simply so some
    tell than thank thanks that the their them then there these they thing things this those to too understand
    up us use used uses using very want wants was way we were what when where which while who why will with
    without won work works would wouldn you your
"""
STOP_WORDS: Final = frozenset(_UNSPECIFIC.split())
"""Words that any question may contain."""

SYNONYMS: Final = {
    # The unit of time, not the ordinal.
    "seconds": "sec",
    "additional": "second",
    "another": "second",
    "backup": "fallback",
    "bash": "script",
    "certificate": "cert",
    "certificates": "cert",
    "chatgpt": "openai",
    "claude": "anthropic",
    "color": "colour",
    "colors": "colour",
    "configuration": "config",
    "configure": "config",
    "configured": "config",
    "configuring": "config",
    "credential": "key",
    "credentials": "key",
    "custom": "extra",
    "forbidden": "403",
    "found": "find",
    "google": "gemini",
    "gpt": "openai",
    "internet": "network",
    "invalid": "rejected",
    "limit": "limited",
    "limits": "limited",
    "live": "find",
    "lives": "find",
    "llm": "provider",
    "llms": "provider",
    "located": "find",
    "location": "find",
    "pick": "choose",
    "repl": "chat",
    "select": "choose",
    "settings": "config",
    "setup": "config",
    "shell": "script",
    "ssl": "cert",
    "throttled": "limited",
    "throttling": "limited",
    "tls": "cert",
    "unauthorised": "401",
    "unauthorized": "401",
    "vendor": "provider",
    "vendors": "provider",
}

SUFFIXES: Final = (
    ("ies", "y"),
    ("ied", "y"),
    ("sses", "ss"),
    ("ing", ""),
    ("ed", ""),
    ("ly", ""),
    ("s", ""),
    ("e", ""),
)
MIN_STEM: Final = 3


CODE_OR_ROW: Final = re.compile(r" {4}|\|")
"""Begins a line of code or of a table, which is never joined."""
OWN_LINE: Final = re.compile(rf"{CODE_OR_ROW.pattern}|\s*(?:[-*+>]|\d+[.)])\s")
"""Begins a line that does not continue the paragraph above it: an item of a list is one, too."""


@dataclass(frozen=True, slots=True)
class Section:
    """The text under one heading of the manual."""

    file: str
    page: str
    """The title of the whole file."""
    title: str
    body: str

    @property
    def place(self) -> str:
        """The position in the manual, for readers."""
        return f"“{self.title}” in {self.file}"


def split_sections(file: str, text: str) -> Iterator[Section]:
    """Split a Markdown text at its headings, ignoring `#` inside code fences.

    A heading without text yields nothing.
    """
    page, title, lines, fenced = "", "", list[str](), False
    for line in [*text.splitlines(), "# "]:
        if line.startswith("```"):
            fenced = not fenced
        if fenced or not line.startswith("#"):
            lines.append(line)
            continue
        body = "\n".join(_flowing(lines)).strip()
        if title and body:
            yield Section(file, page, title, body)
        title, lines = line.lstrip("#").strip(), []
        page = page or title


def _flowing(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of each paragraph: a single newline of an answer is shown as a line break."""
    paragraph, fenced = "", False
    for line in lines:
        fence = line.startswith("```")
        if paragraph and not fenced and line and not fence and not OWN_LINE.match(line):
            paragraph += f" {line.lstrip()}"
            continue
        if paragraph:
            yield paragraph
        fenced ^= fence
        prose = line and not (fenced or fence or CODE_OR_ROW.match(line))
        paragraph = line if prose else ""
        if not prose:
            yield line
    if paragraph:
        yield paragraph


def stem(word: str) -> str:
    """Reduce the forms of an English word to one, roughly: enough for a short manual."""
    for suffix, instead in SUFFIXES:
        if word.endswith(suffix) and not word.endswith(("ss", "us", "is")) and len(word) - len(suffix) >= MIN_STEM:
            word = word[: len(word) - len(suffix)] + instead
            break
    if word[-1:] == word[-2:-1] and word[-1:] not in "lsz":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > MIN_STEM else word


def terms(text: str) -> list[str]:
    """Return the significant words of `text`, stemmed, with synonyms merged."""
    words = re.findall(r"[^\W_]+", text.lower())
    return [stem(SYNONYMS.get(w, w)) for w in words if w not in STOP_WORDS and (len(w) > 1 or w.isdigit())]


class Manual:
    """A searchable collection of sections."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self.sections = tuple(sections)
        self._counts = [_count(section) for section in self.sections]
        self._sizes = [counts.total() for counts in self._counts]
        self._mean_size = sum(self._sizes) / len(self._sizes)
        self._found_in = Counter(term for counts in self._counts for term in counts)

    def search(self, question: str) -> tuple[Section, ...]:
        """Return the section that answers `question` and up to three related ones, best first.

        Return nothing if none fits.
        """
        wanted = sorted(set(terms(question)))
        weights = FILE_WEIGHTS | (HOW_WEIGHTS if HOW.search(question.lower()) else {})
        scores = [
            (self._score(wanted, index) * weights.get(section.file, 1), index)
            for index, section in enumerate(self.sections)
        ]
        ranked = sorted(scores, key=lambda pair: (-pair[0], pair[1]))
        best_score, best = ranked[0]
        if best_score <= 0 or self._share(wanted, self._counts[best]) < MIN_COVERAGE:
            return ()
        return tuple(self.sections[i] for score, i in ranked[:MAX_MATCHES] if score >= RELATED_SHARE * best_score)

    def _weight(self, term: str) -> float:
        """Return BM25's inverse document frequency."""
        found = max(1, self._found_in[term])
        return math.log(1 + (len(self.sections) - found + 0.5) / (found + 0.5))

    def _score(self, wanted: Sequence[str], index: int) -> float:
        """Return the BM25 score, raised by the share of the heading that the question names."""
        counts, section = self._counts[index], self.sections[index]
        norm = K1 * (1 - B + B * self._sizes[index] / self._mean_size)
        score = sum(self._weight(t) * counts[t] * (K1 + 1) / (counts[t] + norm) for t in wanted if t in counts)
        return score * (1 + self._share(terms(section.title), wanted))

    def _share(self, whole: Sequence[str], held: Container[str]) -> float:
        """Return the weighted share of `whole` that is in `held`."""
        total = sum(map(self._weight, whole))
        return sum(self._weight(term) for term in whole if term in held) / total if total else 0.0


def _count(section: Section) -> Counter[str]:
    """Count the words of a section; those of headings and first table cells count several times.

    Hyphenated words also count as one (`back-off`). Quoted sentences are left out: they are
    examples of questions.
    """
    text = re.sub(r'"([^"\n]*)"', lambda quoted: "" if quoted[1].count(" ") > 1 else quoted[0], section.body)
    joined = " ".join(re.findall(r"\w+-\w+", f"{section.title} {text}")).replace("-", "")
    entries = " ".join(re.findall(r"^\|([^|]+)\|", section.body, re.MULTILINE))
    return Counter(terms(f"{section.page} {text} {joined}") + terms(f"{section.title} {entries}") * TITLE_WEIGHT)


@cache
def bundled() -> Manual:
    """Return the bundled manual, read once."""
    pages = sorted((each.name, each) for each in files("fallback_chat.manual").iterdir() if each.name.endswith(".md"))
    return Manual([s for name, page in pages for s in split_sections(name, page.read_text(encoding="utf-8"))])
