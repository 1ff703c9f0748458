"""What is remembered of the providers' lists of models."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core.config.model_cache import FRESH, ModelCache
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.llm import ModelInfo
from tests.core.scripted import ScriptedLLM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PROVIDER = ProviderSettings(name="a", kind="openai", model="m", base_url="http://127.0.0.1:9/v1")
MODELS = [ModelInfo("m", 8000, ("tools", "reasoning"), 4096), ModelInfo("old", retired=True)]


def test_a_list_is_read_back_as_it_was(tmp_path: Path) -> None:
    cache = ModelCache(tmp_path / "models.json")
    cache.put(PROVIDER, MODELS)
    cache.save()
    assert ModelCache(tmp_path / "models.json").get(PROVIDER) == MODELS


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> ModelCache:
    """Read a stored list after `change` has been made to its entry in the file."""
    cache = ModelCache(path)
    cache.put(PROVIDER, MODELS)
    cache.save()
    stored = json.loads(path.read_bytes())
    (held,) = stored.values()
    change(held)
    path.write_text(json.dumps(stored))
    return ModelCache(path)


def test_a_list_of_an_older_version_is_understood(tmp_path: Path) -> None:
    cache = changed(tmp_path / "models.json", lambda held: held.update(models=[row[:3] for row in held["models"]]))
    assert cache.get(PROVIDER) == [ModelInfo("m", 8000, ("tools", "reasoning")), ModelInfo("old")]


@pytest.mark.parametrize(
    ("age", "known", "known_however_old"), [(0, True, True), (FRESH + 1, False, True), (-FRESH, False, False)]
)
def test_a_list_is_kept_for_a_day(tmp_path: Path, age: float, known: bool, known_however_old: bool) -> None:
    cache = changed(tmp_path / "models.json", lambda held: held.update(at=held["at"] - age))

    found = cache.get(PROVIDER) == MODELS, cache.get(PROVIDER, max_age=math.inf) == MODELS
    assert found == (known, known_however_old)


def test_a_provider_learns_of_its_model_although_its_window_is_configured(tmp_path: Path) -> None:
    learned: list[ModelInfo] = []

    class Pupil(ScriptedLLM):
        def learn(self, models: Iterable[ModelInfo]) -> None:
            learned.extend(models)

    cache = ModelCache(tmp_path / "models.json")
    cache.put(PROVIDER, MODELS)
    cache.teach(Pupil("a", [], context_window=5), PROVIDER)
    assert learned == MODELS
