"""The services the program knows by name: address, wire formats, key variable.

This table is the only place that knows a vendor's address, key variable or model. It feeds the
defaults of fallback.toml, the chain without a configuration, and `config init`.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

KNOWN_KINDS: Final = ("openai", "openai-responses", "anthropic", "gemini", "ollama", "guide")
"""The wire formats, and the offline guide: each has a module of its name in `providers/`."""

_OPENAI: Final = ("openai", "openai-responses")
_CHAT: Final = ("openai",)


class Service(NamedTuple):
    """One vendor or local server."""

    name: str
    base_url: str
    """Empty if each customer has a separate host."""
    kinds: tuple[str, ...] = _CHAT
    """The wire formats at `base_url`; the first is the default."""
    host_suffix: str | None = None
    """The common ending of such hosts."""
    key_env: tuple[str, ...] = ()
    """Variables that hold the key, the first one set wins; empty for servers that need none."""
    base_url_env: str | None = None
    """The variable in which other programs, too, look for another address."""
    model: str = ""
    """A sensible model; empty if there is no telling, and then only a local server is detected."""

    @property
    def local(self) -> bool:
        """Whether it runs on this machine."""
        return is_loopback(self.base_url)


SERVICES: Final = (
    Service(
        name="openai",
        kinds=_OPENAI,
        base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",),
        base_url_env="OPENAI_BASE_URL",
        model="gpt-6.2-sol",
    ),
    Service(
        name="anthropic",
        kinds=("anthropic",),
        base_url="https://api.anthropic.com",
        key_env=("ANTHROPIC_API_KEY",),
        base_url_env="ANTHROPIC_BASE_URL",
        model="claude-sonnet-5-5",
    ),
    Service(
        name="gemini",
        kinds=("gemini",),
        base_url="https://generativelanguage.googleapis.com",
        key_env=("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        base_url_env="GOOGLE_GEMINI_BASE_URL",
        model="gemini-3.8-flash",
    ),
    Service(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        key_env=("OPENROUTER_API_KEY",),
        model="openrouter/auto",
    ),
    Service(
        name="groq", base_url="https://api.groq.com/openai/v1", key_env=("GROQ_API_KEY",), model="openai/gpt-oss-120b"
    ),
    Service(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        key_env=("MISTRAL_API_KEY",),
        model="mistral-medium-latest",
    ),
    Service(
        name="deepseek", base_url="https://api.deepseek.com", key_env=("DEEPSEEK_API_KEY",), model="deepseek-flash"
    ),
    Service(
        name="together",
        base_url="https://api.together.xyz/v1",
        key_env=("TOGETHER_API_KEY",),
        model="openai/gpt-oss-120b",
    ),
    Service(name="xai", kinds=_OPENAI, base_url="https://api.x.ai/v1", key_env=("XAI_API_KEY",), model="grok-4.3"),
    Service(
        name="azure", kinds=_OPENAI, base_url="", host_suffix=".openai.azure.com", key_env=("AZURE_OPENAI_API_KEY",)
    ),
    Service(
        name="cohere",
        base_url="https://api.cohere.ai/compatibility/v1",
        key_env=("COHERE_API_KEY", "CO_API_KEY"),
        model="command-a",
    ),
    Service(name="cerebras", base_url="https://api.cerebras.ai/v1", key_env=("CEREBRAS_API_KEY",)),
    Service(name="fireworks", base_url="https://api.fireworks.ai/inference/v1", key_env=("FIREWORKS_API_KEY",)),
    Service(name="nvidia", base_url="https://integrate.api.nvidia.com/v1", key_env=("NVIDIA_API_KEY",)),
    Service(name="huggingface", base_url="https://router.huggingface.co/v1", key_env=("HF_TOKEN",)),
    Service(name="moonshot", base_url="https://api.moonshot.ai/v1", key_env=("MOONSHOT_API_KEY",)),
    Service(name="vercel", base_url="https://ai-gateway.vercel.sh/v1", key_env=("AI_GATEWAY_API_KEY",)),
    Service(name="perplexity", base_url="https://api.perplexity.ai", key_env=("PERPLEXITY_API_KEY",)),
    Service(name="deepinfra", base_url="https://api.deepinfra.com/v1/openai", key_env=("DEEPINFRA_API_KEY",)),
    Service(name="ollama", kinds=("ollama",), base_url="http://127.0.0.1:11434", base_url_env="OLLAMA_HOST"),
    Service(name="lmstudio", base_url="http://127.0.0.1:1234/v1"),
    Service(name="llamacpp", base_url="http://127.0.0.1:8080/v1"),
    Service(name="vllm", base_url="http://127.0.0.1:8000/v1"),
    Service(name="ollama-cloud", kinds=("ollama",), base_url="https://ollama.com", key_env=("OLLAMA_API_KEY",)),
)
"""In the order of the chain without a configuration: clouds first, then local servers."""

_BY_NAME: Final = {service.name: service for service in SERVICES}


def by_name(name: str) -> Service | None:
    """Return the service called `name`."""
    return _BY_NAME.get(name)


@lru_cache(maxsize=64)
def by_url(url: str) -> Service | None:
    """Return the service at `url`, by scheme, host and port: only it may see the service's key."""
    origin = _origin(url)
    for service in SERVICES:
        if service.base_url and _origin(service.base_url) == origin:
            return service
        if service.host_suffix and origin[0] == "https" and origin[1].endswith(service.host_suffix):
            return service
    return None


def by_kind(kind: str) -> Service | None:
    """Return the default service of a kind."""
    return next((service for service in SERVICES if kind in service.kinds), None)


def is_loopback(url: str) -> bool:
    """Whether `url` points to this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@lru_cache(maxsize=64)
def machine(kind: str, base_url: str | None) -> str | None:
    """Return the machine behind an entry: host and port, or `local`; None if unknown."""
    service = by_kind(kind)
    url = base_url or (service.base_url if service else "")
    return "local" if is_loopback(url) else urlsplit(url).netloc or None


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or default
