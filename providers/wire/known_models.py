"""What is known of models by their names, where no list says it: who thinks in silence, who tells, which efforts are refused.

As of November 2026. Names change monthly, and a wrong row costs little: what a server refuses is left out and asked again.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

THINKS: Final = frozenset({"reasoning", "thinking"})
"""What lists of models call the ability."""


class SilentThinkers(NamedTuple):
    """A row: models of these names may send nothing for minutes."""

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
    # Where thinking is on unasked, asking for its summary changes nothing else: since the fifth generation.
    "anthropic": r"^(?!.*claude-[a-z]+-(?:[5-9]|\d\d)(?!\d))",
}
"""Models that refuse to be asked for their thoughts, by kind."""


class Efforts(NamedTuple):
    """A row: what models of these names are sent for an effort that they always refuse."""

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
    # Every level but these is known to all; 2.5 takes a number of tokens, of which Pro takes no fewer than 128.
    Efforts("gemini", r"^gemini-2\.5-pro", {"none": "least"}),
    Efforts("gemini", r"^gemini-2", {}),
    Efforts("gemini", r"pro|^gemini-3\.7-flash", {"none": "low", "minimal": "low", "max": "xhigh"}),
    Efforts("gemini", "", {"none": "minimal", "max": "xhigh"}),
    Efforts("ollama", "", {"minimal": "low", "xhigh": "max"}),
)
"""The first row of a kind whose names match counts; kind `openai` stands for both of OpenAI's formats."""


def thinks_silently(kind: str, model: str) -> str | None:
    """Return why a model of this name may say nothing for long, or None where nothing is known."""
    name = _name(model)
    return next((row.why for row in SILENT if row.kind == kind and re.search(row.names, name)), None)


def tells_of_thinking(kind: str, model: str) -> bool:
    """Whether a model of this name can be asked for its thoughts, or for a summary of them."""
    return kind in TELLS_NOTHING and not re.search(TELLS_NOTHING[kind], _name(model))


def known_effort(kind: str, model: str, effort: str) -> str:
    """Return the effort that comes nearest to `effort` among those that a model of this name takes."""
    name, kind = _name(model), kind.partition("-")[0]
    row = next((row for row in EFFORTS if row.kind == kind and re.search(row.names, name)), None)
    return row.instead.get(effort, effort) if row else effort


def _name(model: str) -> str:
    """Return the last part of a model's name: routers and clouds put theirs in front."""
    return model.lower().rpartition("/")[2]
