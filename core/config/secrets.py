"""Which configured values are secrets: those declared as such, and look-alikes anywhere else.

There are two standards. Users want answers verbatim, so only values that nobody writes by chance
are redacted there. A server's error message may lose a word more.
"""

from __future__ import annotations

import re
from base64 import b64decode
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from fallback_chat.core.lookalikes import is_ordinary, marked_in, secrets_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fallback_chat.core.config.settings import ProviderSettings, Settings

SHORTEST: Final = 8
"""Characters; a shorter secret would turn up in answers by chance."""
_TELLING: Final = frozenset(
    {
        "authorization",
        "auth",
        "cookie",
        "credential",
        "credentials",
        "key",
        "apikey",
        "passwd",
        "password",
        "secret",
        "token",
    }
)
"""Words in a name that make its value a secret. `tokens` is not one: `max_tokens` is a number."""
_WORDS: Final = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_IDENTITIES: Final = frozenset({"openai-organization", "openai-project", "user-agent", "referer", "http-referer"})
"""Headers that name a customer or a program: irregular values, but not secrets."""
PROXY_VARIABLES: Final = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
URL_VARIABLES: Final = (*PROXY_VARIABLES, "FALLBACK_CHAT_HEALTH_URL")
"""Environment variables whose URLs may hold a password."""


def is_telling(name: str) -> bool:
    """Whether a header or field with this name holds a secret."""
    return not _TELLING.isdisjoint(word.lower() for word in _WORDS.findall(name))


def findable(values: Iterable[str]) -> Iterator[str]:
    """Yield the secrets worth searching for in answers: neither ordinary words nor too short."""
    return (value for value in values if len(value) >= SHORTEST and not is_ordinary(value))


def secret_values(settings: Settings, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets in the configuration and in the environment's proxy variables."""
    found = [secret for provider in settings.providers for secret in secrets_of(provider)]
    found += _userinfo(settings.health_url)
    found += [secret for name in URL_VARIABLES for secret in _userinfo(env.get(name, ""))]
    found += [secret for name in settings.profiles for secret in marked_in(name)]
    return tuple(dict.fromkeys(findable(found)))


def secrets_of(provider: ProviderSettings) -> list[str]:
    """Return the secrets in one provider's entry, wherever they were written."""
    found: list[str] = []
    if provider.key and provider.key.inline:
        found.append(provider.key.inline.strip())
    for name, value in provider.headers:
        if is_telling(name):
            found += _credentials(name.lower(), value)
        elif name.lower() not in _IDENTITIES:
            found += secrets_in(value)
        found += secrets_in(name)
    change_secret_fields(provider.extra_body, found.append)
    for url in (provider.proxy or "", provider.base_url):
        found += [*_userinfo(url), *secrets_in(url)]
    return [*found, *_misplaced(provider)]


def error_secrets(provider: ProviderSettings) -> list[str]:
    """Return what to redact in a provider's errors: its secrets and all unusual header values."""
    values = (value for name, value in provider.headers if name.lower() not in _IDENTITIES)
    return [*secrets_of(provider), *findable(values)]


def change_secret_fields(body: Any, change: Callable[[str], Any], *, secret: bool = False) -> Any:
    """Return extra request fields with `change(text)` in place of each string below a telling name.

    Nested tables are searched to any depth.
    """
    if isinstance(body, dict):
        return {
            name: change_secret_fields(value, change, secret=secret or is_telling(name)) for name, value in body.items()
        }
    if isinstance(body, list):
        return [change_secret_fields(value, change, secret=secret) for value in body]
    return change(body) if secret and isinstance(body, str) else body


def _credentials(name: str, value: str) -> list[str]:
    """Return the secrets in the value of a telling header.

    That is the whole value, the value without its scheme, and each cookie or password alone.
    """
    if name == "cookie":
        return [value, *(cookie.partition("=")[2] for cookie in value.split("; "))]
    scheme, _, bare = value.partition(" ")
    found = [value, bare]
    if scheme.lower() == "basic":
        with suppress(ValueError):
            found.append(b64decode(bare, validate=True).decode().partition(":")[2])
    return [secret for secret in found if secret]


def _userinfo(url: str) -> list[str]:
    """Return the password in an address, as written and decoded; a lone user name is a token."""
    authority = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]
    user, _, password = authority.rpartition("@")[0].partition(":")
    secret = password or user
    return [secret, unquote(secret)] if secret else []


def _misplaced(provider: ProviderSettings) -> Iterator[str]:
    """Yield values in other settings that carry the mark of a key."""
    key = provider.key
    command = key.cmd if key and key.cmd else ()
    files = (str(path) for path in (key.file if key else None, provider.ca_file) if path is not None)
    for text in (*command, *files):
        yield from secrets_in(text)
    for text in (provider.name, provider.model, *provider.tags, *_texts(provider.extra_body)):
        # Model names and hashes in requests look irregular, too.
        yield from marked_in(text)


def _texts(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict | list):
        for item in (*body, *body.values()) if isinstance(body, dict) else body:
            yield from _texts(item)
