"""What servers that speak Chat Completions do differently, as one table.

A row belongs to a preset of fallback.toml; without one, the host of the base URL finds it. Unknown servers get `Quirks()`, which is
what the common local servers understand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fallback_chat.providers._dialect import host_of

if TYPE_CHECKING:
    from fallback_chat.core.settings import ProviderSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How one vendor's Chat Completions differ."""

    max_tokens: str = "max_tokens"
    """The key of the output cap. OpenAI's reasoning models refuse the old name; most others know no other."""
    stream_options: bool = True
    """Usage is sent only when asked for; Mistral sends it anyway and refuses the key."""
    auth_header: str = "authorization"
    """`authorization` carries `Bearer KEY`, any other header the bare key."""
    nine_char_ids: bool = False
    bare_image_url: bool = False
    """`image_url` is the URL itself, not an object."""
    call_type: bool = True
    """Calls carry `type: function`."""
    result_name: bool = False
    """Results repeat the tool's name."""
    files: bool = False
    """`file` parts (PDF) are understood."""
    seed: str = "seed"
    reasoning_object: bool = False
    """Effort goes to `reasoning: {effort}`."""
    reasoning_back: str | None = None
    """The delta's key that must go back with a tool call, for as long as the tool loop runs."""
    probe_path: str = "models"
    """What `probe --light` asks; a list of models that anybody may read proves nothing about the key."""


PRESETS: Final[dict[str, Quirks]] = {
    "openai": Quirks(max_tokens="max_completion_tokens", files=True),
    "azure": Quirks(max_tokens="max_completion_tokens", auth_header="api-key"),
    "openrouter": Quirks(files=True, reasoning_object=True, reasoning_back="reasoning_details", probe_path="key"),
    "groq": Quirks(),
    "mistral": Quirks(
        stream_options=False,
        nine_char_ids=True,
        bare_image_url=True,
        call_type=False,
        result_name=True,
        seed="random_seed",
    ),
    "deepseek": Quirks(reasoning_back="reasoning_content"),
    "together": Quirks(),
    "xai": Quirks(),
    "cohere": Quirks(),
    "lmstudio": Quirks(),
    "llamacpp": Quirks(),
    "vllm": Quirks(),
}

HOSTS: Final[dict[str, str]] = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "openrouter.ai": "openrouter",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.together.xyz": "together",
    "api.x.ai": "xai",
    "api.cohere.ai": "cohere",
}


def preset_of(settings: ProviderSettings) -> str | None:
    """Give the vendor of an entry: the one it names, or the one whose host (or a subdomain of it) it uses."""
    if settings.preset:
        return settings.preset
    host = host_of(settings.base_url)
    return next((preset for name, preset in HOSTS.items() if host == name or host.endswith(f".{name}")), None)


def quirks_of(settings: ProviderSettings) -> Quirks:
    """Give what is different at the server of an entry."""
    return PRESETS.get(preset_of(settings) or "", Quirks())
