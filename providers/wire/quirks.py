"""Differences between servers that speak Chat Completions, as one table.

A row belongs to a service that `core/config/services.py` knows by name or by host. All others get
`Quirks()`, which the common local servers understand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.core.config.services import by_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.core.config.settings import ProviderSettings


class Quirks(NamedTuple):
    """How one vendor's Chat Completions differ."""

    max_tokens: str = "max_tokens"
    """The key of the output limit.

    OpenAI's reasoning models refuse the old name; most others know no other.
    """
    stream_options: bool = True
    """Whether usage is only sent on request; Mistral always sends it and refuses the key."""
    auth_header: str = "authorization"
    """`authorization` carries `Bearer KEY`, any other header the bare key."""
    nine_char_ids: bool = False
    bare_image_url: bool = False
    """Whether `image_url` is the URL itself instead of an object."""
    call_type: bool = True
    """Whether calls carry `type: function`."""
    result_name: bool = False
    """Whether results repeat the tool's name."""
    answer_after_results: bool = False
    """Whether an answer, if necessary a placeholder, has to follow results."""
    files: bool = False
    """Whether `file` parts (PDF) are understood."""
    seed: str = "seed"
    effort: Callable[[str], dict[str, Any]] = lambda effort: {"reasoning_effort": effort}
    """Returns the keys that set the effort of thinking."""
    reasoning_back: str | None = None
    """The key of a delta that has to go back with a tool call while the tool loop runs."""
    reasoning_required: bool = False
    """Whether it goes back with every call of the conversation, empty for those of others."""
    own_names: bool = False
    """Models go by the names of the user's own deployments."""
    lists_all: bool = True
    """Whether its list has every name that can be requested."""
    probe_path: str = "models"
    """The path of `probe --light`; a list that anyone may read proves nothing about the key."""


def _thinking_switch(effort: str) -> dict[str, Any]:
    if effort == "none":
        return {"thinking": {"type": "disabled"}}
    return {"thinking": {"type": "enabled"}, "reasoning_effort": effort}


def _template_switch(effort: str) -> dict[str, Any]:
    # Some templates know a level, others a switch; unknown keys are ignored.
    return {"chat_template_kwargs": {"enable_thinking": effort != "none", "reasoning_effort": effort}}


def _three_levels(effort: str) -> dict[str, Any]:
    return {"reasoning_effort": {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)}


PRESETS: Final[dict[str, Quirks]] = {
    "openai": Quirks(max_tokens="max_completion_tokens", files=True),
    "azure": Quirks(max_tokens="max_completion_tokens", auth_header="api-key", own_names=True, lists_all=False),
    "openrouter": Quirks(
        files=True,
        effort=lambda effort: {"reasoning": {"effort": effort}},
        reasoning_back="reasoning_details",
        probe_path="key",
    ),
    "groq": Quirks(effort=_three_levels),
    "mistral": Quirks(
        stream_options=False,
        nine_char_ids=True,
        bare_image_url=True,
        call_type=False,
        result_name=True,
        answer_after_results=True,
        seed="random_seed",
        reasoning_back="content",
    ),
    "deepseek": Quirks(reasoning_back="reasoning_content", reasoning_required=True, effort=_thinking_switch),
    "moonshot": Quirks(reasoning_back="reasoning_content", reasoning_required=True),
    "together": Quirks(effort=lambda effort: {"reasoning": {"enabled": effort != "none"}}),
    "vllm": Quirks(effort=_template_switch),
    "llamacpp": Quirks(lists_all=False, effort=_template_switch),
}

_COMMON: Final = Quirks()


def preset_of(settings: ProviderSettings) -> str | None:
    """Return the service of an entry: the named one, or the one at its base URL."""
    if settings.preset:
        return settings.preset
    try:
        service = by_url(settings.base_url) if settings.base_url else None
    except ValueError:
        return None  # an invalid URL is reported on first use
    return service.name if service else None


def quirks_of(settings: ProviderSettings) -> Quirks:
    """Return the quirks of an entry's server."""
    return PRESETS.get(preset_of(settings) or "", _COMMON)
