"""The members of a chain, validated once: names, settings and health records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fallback_chat.core.checks import check_count, check_type
from fallback_chat.core.engine.order import Candidate
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.core.llm import LLM


def members(llms: Any, settings: Any, keys: Any) -> list[Candidate]:
    """Return the candidates of a chain of `llms`, with `settings` for all of them or for each.

    Raises TypeError or ValueError, naming what is wrong.
    """
    llms = _listed("llm", llms, LLM)
    if not llms:
        raise ValueError("llm is empty: a chain needs at least one LLM")
    for position, llm in enumerate(llms):
        _check_llm(f"llm[{position}]", llm)
    each = [settings] * len(llms) if isinstance(settings, AttemptSettings) else settings
    each = _one_for_each("attempt_settings", each, AttemptSettings, len(llms))
    if keys is None:
        keys = [f"{position}:{llm.label}:{llm.model}" for position, llm in enumerate(llms)]
    keys = _one_for_each("keys", keys, str, len(llms))
    if len(set(keys)) < len(keys):
        raise ValueError("keys must differ: each provider needs a health record of its own")
    return [Candidate(*one) for one in zip(llms, each, keys, _names(llms), strict=True)]


def _names(llms: Sequence[LLM]) -> list[str]:
    """Return the labels, numbered where several are equal, as by default in one class."""
    total, seen = Counter(llm.label for llm in llms), Counter[str]()
    names = []
    for llm in llms:
        seen[llm.label] += 1
        names.append(llm.label if total[llm.label] == 1 else f"{llm.label} #{seen[llm.label]}")
    return names


def _check_llm(field: str, llm: LLM) -> None:
    """Raise TypeError, naming the property, if an LLM describes itself with wrong types."""
    for name in ("label", "kind", "model"):
        check_type(f"{field}.{name}", getattr(llm, name), str)
    check_type(f"{field}.machine", llm.machine, str, none=True)
    check_count(f"{field}.context_window", llm.context_window, none=True)


def _one_for_each(field: str, values: Any, type_: type[Any], count: int) -> list[Any]:
    found = _listed(field, values, type_)
    if len(found) != count:
        raise ValueError(f"{field} must be as many as there are LLMs, {count}, not {len(found)}")
    return found


def _listed(field: str, values: Any, type_: type[Any]) -> list[Any]:
    if isinstance(values, str | bytes | Mapping | type_) or not hasattr(values, "__iter__"):
        raise TypeError(f"{field} must be a list of {type_.__name__}, not {_full_name(values)}")
    found = list[Any](values)
    for position, value in enumerate(found):
        if not isinstance(value, type_):
            raise TypeError(f"{field}[{position}] must be {_full_name_of(type_)}, not {_full_name(value)}")
    return found


def _full_name(value: object) -> str:
    return "None" if value is None else _full_name_of(type(value))


def _full_name_of(type_: type[Any]) -> str:
    return type_.__name__ if type_.__module__ == "builtins" else f"{type_.__module__}.{type_.__qualname__}"
