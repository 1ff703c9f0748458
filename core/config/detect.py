"""The chain without a configuration: services with a key in the environment, then local servers.

Probing ports and asking a server for its models is I/O, so it is passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from fallback_chat.core.config.document import ConfigFile, Problems, ProviderTable, Value
from fallback_chat.core.config.provider_entry import wrong_end
from fallback_chat.core.config.resolve import resolve
from fallback_chat.core.config.services import SERVICES, Service
from fallback_chat.core.config.settings import Origin
from fallback_chat.core.config.values import LINE, URL, Mistake, ValueType
from fallback_chat.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from fallback_chat.core.config.settings import ProviderSettings

FirstModels = Callable[[Sequence[Service]], Mapping[str, str]]
"""Asks all servers at once for the first model they list: model names by service name; a server
that does not answer is left out."""


def detect(env: Mapping[str, str], first_models: FirstModels) -> tuple[ProviderSettings, ...]:
    """Return the providers that the environment offers, or the guide alone.

    Raises `ConfigError` if a variable such as OPENAI_BASE_URL holds no usable address.
    """
    return resolve([environment(env, first_models)], Problems()).providers


def environment(env: Mapping[str, str], first_models: FirstModels) -> ConfigFile:
    """Return the detected providers as a document that others can be layered on."""
    entries = (
        ProviderTable(
            table["name"],
            f"providers.{table['name']}",
            {key: Value(value, Origin.ENV) for key, value in table.items()},
            Origin.ENV,
        )
        for table in offers(env, first_models)
    )
    return ConfigFile(Origin.ENV, providers=tuple(entries))


def offers(env: Mapping[str, str], first_models: FirstModels) -> list[dict[str, str]]:
    """Return the detected providers as keys and values of [[providers]] entries."""
    tables = [table for service in SERVICES if service.model and (table := _with_key(service, env))]
    local = [_at_home(service, env) for service in SERVICES if service.local]
    models = first_models(local)
    tables += [_table(service, models[service.name]) for service in local if _usable(models.get(service.name), LINE)]
    return tables or [{"name": "guide", "kind": "guide"}]


def _with_key(service: Service, env: Mapping[str, str]) -> dict[str, str] | None:
    """Return the entry of a service whose key is set, or None."""
    variable = next((name for name in service.key_env if env.get(name, "").strip()), None)
    if variable is None:
        return None
    address = env.get(service.base_url_env or "", "").strip()
    if not address:
        return _table(service, service.model) | {"api_key_env": variable}
    if not _usable(address, URL):
        message = "must hold an address such as https://HOST/v1: correct it, or unset it"
        raise ConfigError([Problem(service.base_url_env or "", message)])
    # A key and an address set together belong together: the key must not go to the vendor then.
    base_url: str = URL.read(address)
    end = wrong_end(service.kinds[0], base_url)
    return _table(service._replace(base_url=base_url.removesuffix(end)), service.model) | {"api_key_env": variable}


def _at_home(service: Service, env: Mapping[str, str]) -> Service:
    """Return a local server at the address that its own variable names."""
    address = env.get(service.base_url_env or "", "").strip()
    return service._replace(base_url=ollama_url(address)) if address else service


def ollama_url(host: str) -> str:
    """Return the address that OLLAMA_HOST means.

    It may lack scheme, host or port, and may be the address that the server listens on.
    """
    scheme, _, rest = host.rpartition("://")
    rest = rest.rstrip("/")
    bracket = rest.rfind("]")
    name, colon, port = rest.rpartition(":") if rest.rfind(":") > bracket else (rest, "", "")
    if name in {"", "0.0.0.0", "[::]"}:  # noqa: S104 - compared, not bound
        name = "127.0.0.1"
    if not colon and not scheme:
        port = "11434"
    return f"{scheme or 'http'}://{name}" + (f":{port}" if port else "")


def _table(service: Service, model: str) -> dict[str, str]:
    known = next(known for known in SERVICES if known.name == service.name)
    table = {"name": service.name, "preset": service.name, "model": model}
    return table if service.base_url == known.base_url else table | {"base_url": service.base_url}


def _usable(value: str | None, type_: ValueType) -> bool:
    try:
        type_.read(value)
    except Mistake:
        return False
    return True
