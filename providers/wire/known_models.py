"""Knowledge from model names, for want of a list: silent thinking, efforts refused.

As of November 2026. Names change monthly, and a wrong row costs little: a rejected option is left
out and the request sent again.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

LEAST_TOKENS: Final = 16
"""Tokens; where OpenAI's models think, a smaller output limit is refused."""
THINKS: Final = frozenset({"reasoning", "thinking"})
"""The names of this ability in lists of models."""


class SilentThinkers(NamedTuple):
    """A row: models with these names may be silent for minutes."""

    kind: str
    names: str
    why: str


SILENT: Final = (
    SilentThinkers(
        "openai",
        r"^(?:o[134]\b|gpt-5(?:-(?!chat)|$)|gpt-5\.[5-9]|gpt-[6-9])",
        "it reasons, and Chat Completions show nothing of that (kind openai-responses does)",
    ),
    SilentThinkers("gemini", r"^gemini-(?:2\.5|[3-9])(?!.*(?:lite|image|tts))", "it thinks before it answers"),
)
SHOWS: Final = frozenset({"anthropic", "openai-responses"})
"""Kinds that open a block or an item as soon as the model begins to think."""

TELLS_NOTHING: Final = {
    "openai-responses": r"^(?:gpt-[34]|chatgpt|gpt-5(?:\.\d+)?-chat|computer-use)",
    "gemini": r"^(?:gemini-1|gemini-2\.0|gemma|learnlm|aqa)",
    # With thinking on by default, asking for a summary changes nothing else: since generation five.
    "anthropic": r"^(?!.*claude-[a-z]+-(?:[5-9]|\d\d)(?!\d))",
}
"""Models that refuse a request for their thoughts, by kind."""


class Efforts(NamedTuple):
    """A row: replacements for the efforts that models with these names always refuse."""

    kind: str
    names: str
    instead: dict[str, str]


EFFORTS: Final = (
    Efforts("openai", r"^o\d", {"none": "low", "minimal": "low", "xhigh": "high", "max": "high"}),
    Efforts("openai", r"^gpt-5(?:-|$)", {"none": "minimal", "xhigh": "high", "max": "high"}),
    Efforts("openai", r"^gpt-6.*astra", {"none": "low", "minimal": "low"}),
    Efforts("openai", r"^gpt-(?:5\.\d|[6-9])", {"minimal": "low"}),
    Efforts("openai", r"^grok-4\.[5-9]", {"none": "low", "minimal": "low", "xhigh": "high", "max": "high"}),
    Efforts("anthropic", r"claude-(?:opus-5-5|fable)", {"none": "low", "minimal": "low"}),
    Efforts("anthropic", "", {"minimal": "low"}),
    # Every model knows all other levels; 2.5 takes a number of tokens, Pro at least 128.
    Efforts("gemini", r"^gemini-2\.5-pro", {"none": "least"}),
    Efforts("gemini", r"^gemini-2", {}),
    Efforts("gemini", r"pro|^gemini-3\.7-flash", {"none": "low", "minimal": "low", "max": "xhigh"}),
    Efforts("gemini", "", {"none": "minimal", "max": "xhigh"}),
    Efforts("ollama", "", {"minimal": "low", "xhigh": "max"}),
)
"""The first matching row of a kind counts; kind `openai` covers both of OpenAI's formats."""


def thinks_silently(kind: str, model: str) -> str | None:
    """Return why a model with this name may be silent for long, or None if unknown."""
    name = _name(model)
    return next((row.why for row in SILENT if row.kind == kind and re.search(row.names, name)), None)


def tells_of_thinking(kind: str, model: str) -> bool:
    """Whether a model with this name accepts a request for its thoughts or a summary of them."""
    return kind in TELLS_NOTHING and not re.search(TELLS_NOTHING[kind], _name(model))


def known_effort(kind: str, model: str, effort: str) -> str:
    """Return the closest effort to `effort` that a model with this name accepts."""
    name, kind = _name(model), kind.partition("-")[0]
    row = next((row for row in EFFORTS if row.kind == kind and re.search(row.names, name)), None)
    return row.instead.get(effort, effort) if row else effort


def _name(model: str) -> str:
    """Return the last part of a model's name: routers and clouds prepend their own."""
    return model.lower().rpartition("/")[2]
