"""Changes that flags and environment variables make to the settings for one run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from fallback_chat.core.config import schema
from fallback_chat.core.config.settings import Origin
from fallback_chat.core.config.values import Mistake, describe, suggest
from fallback_chat.core.engine.settings import TimeoutSource
from fallback_chat.core.errors import ConfigError, NobodyInsideError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fallback_chat.core.config.settings import ProviderSettings, Settings

_ATTEMPT_KEYS: Final = ("attempt_timeout", "idle_timeout", "on_stream_failure")
_CHAIN_KEYS: Final = ("deadline",)
_FIELDS: Final = {**schema.CHAIN_KEYS, **schema.PROVIDER_KEYS}


class Overrides(NamedTuple):
    """Settings for one run; None leaves the configured value. Times are in seconds."""

    profile: str | None = None
    chain: tuple[str, ...] | None = None
    """The providers to use, in this order (`--chain`)."""
    only: str | None = None
    """The only provider to use."""
    provider: str | None = None
    """The provider to begin with; the others follow."""
    model: str | None = None
    """The model for the provider that the turn begins with."""
    system: str | None = None
    """The system prompt for every provider."""
    attempt_timeout: float | None = None
    idle_timeout: float | None = None
    deadline: float | None = None
    on_stream_failure: str | None = None
    require: str | None = None
    """The tag of the providers that may be asked; the others take no part (`--require`)."""
    health_url: str | None = None
    """Where the health of providers is shared."""

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read `FALLBACK_CHAT_…` of `_VARIABLES`; an empty variable counts as not set."""
        found: dict[str, Any] = {name: env.get(_variable(name)) or None for name in _VARIABLES}
        return cls(**found)


_VARIABLES: Final = ("profile", "provider", "model", "health_url")
_ROUTING: Final = ("profile", "chain", "only")
"""Each decides which providers take part; any such flag outweighs all of them in the environment,
the order included."""


def apply(settings: Settings, *layers: tuple[Overrides, Origin]) -> Settings:
    """Return `settings` with all layers of overrides applied, the weakest first.

    Raises `ConfigError` with every unknown name and every value out of range.
    """
    overrides, origin_of = _merged(layers)
    wishes, problems = _checked(overrides, origin_of)
    if problems := [*_unknown_names(settings, overrides, origin_of), *problems]:
        raise ConfigError(problems)
    settings = _with_order(settings, overrides)
    attempt: dict[str, Any] = {name: wishes[name] for name in _ATTEMPT_KEYS if name in wishes}
    chain: dict[str, Any] = {name: wishes[name] for name in _CHAIN_KEYS if name in wishes}
    if "attempt_timeout" in attempt:
        attempt["attempt_timeout_source"] = TimeoutSource.ASKED
    system: dict[str, Any] = {} if overrides.system is None else {"system": overrides.system}
    settings = _inside(settings, overrides.require)
    providers = [replace(one, attempt=replace(one.attempt, **attempt), **system) for one in settings.providers]
    for_all = [name for name in wishes if name in schema.CHAIN_KEYS]
    origins = {f"chain.{name}": origin_of[name] for name in for_all if name in origin_of}
    for provider in settings.providers:
        origins |= {
            f"providers.{provider.name}.{name}": origin_of[name] for name in (*attempt, *system) if name in origin_of
        }
    if "model" in wishes:
        first = next(index for index, one in enumerate(providers) if one.enabled)
        providers[first] = replace(providers[first], model=wishes["model"])
        origins[f"providers.{providers[first].name}.model"] = origin_of["model"]
    return replace(
        settings,
        attempt=replace(settings.attempt, **attempt),
        chain=replace(settings.chain, **chain),
        health_url=wishes.get("health_url", settings.health_url),
        providers=tuple(providers),
        origins={**settings.origins, **origins},
    )


def _inside(settings: Settings, tag: str | None) -> Settings:
    """Return the settings without the providers that lack `tag`. Raises `NobodyInsideError`."""
    if tag is None:
        return settings
    providers = tuple(one for one in settings.providers if tag in one.tags)
    if not any(one.enabled for one in providers):
        raise NobodyInsideError(tag, (known for one in settings.providers for known in one.tags))
    return replace(settings, providers=providers)


def _checked(overrides: Overrides, origin_of: Mapping[str, Origin]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values among the overrides, and what is wrong with the others."""
    wishes: dict[str, Any] = {}
    problems = []
    for name in (*_ATTEMPT_KEYS, *_CHAIN_KEYS, "model", "health_url"):
        value, field = getattr(overrides, name), _FIELDS[name]
        if value is None:
            continue
        try:
            wishes[name] = field.type.read(value)
        except Mistake:
            got = "" if field.secret else f", not {describe(value)}"
            problems.append(Problem(_place(name, origin_of), f"must be {field.type.words}{got}"))
    return wishes, problems


def wished_health_url(env: Mapping[str, str]) -> str | None:
    """Return where the environment wants health to be shared. Raises `ConfigError`."""
    wish = Overrides(health_url=Overrides.from_env(env).health_url)
    wishes, problems = _checked(wish, {"health_url": Origin.ENV})
    if problems:
        raise ConfigError(problems)
    return wishes.get("health_url")


def _unknown_names(settings: Settings, overrides: Overrides, origin_of: Mapping[str, Origin]) -> Iterator[Problem]:
    """Yield a problem for each profile or provider that does not exist."""
    providers = tuple(one.name for one in settings.providers)
    named = (
        ("profile", overrides.profile, tuple(settings.profiles)),
        *(("chain", name, providers) for name in overrides.chain or ()),
        ("provider", overrides.provider, providers),
        ("only", overrides.only, providers),
    )
    for field, name, known in named:
        if name is not None and name not in known:
            yield _unknown(_place(field, origin_of), name, known)


def _place(field: str, origin_of: Mapping[str, Origin]) -> str:
    """Return where the user has named a value: a variable, or else what the value is."""
    if origin_of.get(field) is Origin.ENV:
        return _variable(field)
    return "provider" if field in {"chain", "only"} else field


def _variable(field: str) -> str:
    return f"FALLBACK_CHAT_{field.upper()}"


def _merged(layers: Iterable[tuple[Overrides, Origin]]) -> tuple[Overrides, dict[str, Origin]]:
    """Return the strongest value of each override, and its origin."""
    wishes: dict[str, Any] = {}
    origin_of: dict[str, Origin] = {}
    for overrides, origin in layers:
        own = {name: wish for name, wish in overrides._asdict().items() if wish is not None}
        if own.keys() & set(_ROUTING):
            wishes = {name: wish for name, wish in wishes.items() if name not in (*_ROUTING, "provider")}
        wishes |= own
        origin_of |= dict.fromkeys(own, origin)
    return Overrides(**wishes), origin_of


def _with_order(settings: Settings, overrides: Overrides) -> Settings:
    """Return the settings with the requested providers, in the requested order."""
    providers = settings.providers
    if overrides.profile is not None:
        providers = _pick(settings.providers, settings.profiles[overrides.profile])
    if overrides.chain is not None:
        providers = _wanted(settings.providers, overrides.chain)
    if overrides.provider is not None:
        (begin,) = _wanted(settings.providers, (overrides.provider,))
        providers = (begin, *(provider for provider in providers if provider.name != begin.name))
    if overrides.only is not None:
        providers = _wanted(settings.providers, (overrides.only,))
    if not any(provider.enabled for provider in providers):
        key = f"profiles.{overrides.profile}.providers"
        raise ConfigError([Problem(key, "all of them are disabled: remove an `enabled = false`")])
    return replace(settings, providers=providers)


def _pick(providers: Sequence[ProviderSettings], names: Sequence[str]) -> tuple[ProviderSettings, ...]:
    by_name = {provider.name: provider for provider in providers}
    return tuple(by_name[name] for name in dict.fromkeys(names))


def _wanted(providers: Sequence[ProviderSettings], names: Sequence[str]) -> tuple[ProviderSettings, ...]:
    """Return the providers called `names`; naming one also enables it for this run."""
    return tuple(replace(provider, enabled=True) for provider in _pick(providers, names))


def _unknown(place: str, name: str, known: tuple[str, ...]) -> Problem:
    there_are = f"there are {', '.join(map(describe, known))}" if known else "there is none at all"
    return Problem(place, f"none is called {describe(name)}; {suggest(name, known) or there_are}")
