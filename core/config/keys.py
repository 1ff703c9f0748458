"""API keys: read from where the settings say, and kept out of everything printed or stored."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from fallback_chat.core.config.secrets import findable, secret_values
from fallback_chat.core.config.services import SERVICES
from fallback_chat.core.errors import ConfigError, Problem
from fallback_chat.core.storage.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from fallback_chat.core.config.key_command import KeyCommand, Launch, Start
    from fallback_chat.core.config.settings import KeySource, ProviderSettings, Settings

COMMAND_TIMEOUT: Final = 10.0
"""Seconds that `api_key_cmd` may take."""
_SHARE: Final = 0.9
"""Share of an attempt's time for the key command: the rest lets its time-out be reported as its
own."""
_MAX_KEY: Final = 8_192
"""Bytes; some keys are tokens of a few kilobytes."""
_STANDS_FOR_A_KEY: Final = re.compile(
    r"\$(?:\w+|\{[^}]*\}|\(.*\))|%\w+%|\{\{.*\}\}|<.*>|(?:env|file|cmd|secret):.*|os\.environ.*|op://.*",
    re.IGNORECASE,
)
"""Ways in which other programs refer to a key that is somewhere else."""
_FLAWS: Final[tuple[tuple[Callable[[str], bool], str], ...]] = (
    (lambda key: not key, "the key is empty"),
    (
        lambda key: _STANDS_FOR_A_KEY.fullmatch(key) is not None,
        "the key only stands for one, and nothing is filled in: use api_key_env, api_key_file or api_key_cmd",
    ),
    (lambda key: not key.isascii(), "the key holds a character outside ASCII: copy it again"),
    (lambda key: "\n" in key or "\r" in key, "the key holds a line break: it must be one line"),
    (lambda key: " " in key or not key.isprintable(), "the key holds a space or a control character: copy it again"),
    (lambda key: any(quote in key for quote in "\"'`"), "the key holds a quotation mark: leave the quotes out"),
    (
        lambda key: re.fullmatch(r"[A-Z][A-Z0-9_]*_(?:KEY|TOKEN)=.*", key) is not None,
        "the key begins with the name of a variable: leave that and the `=` out",
    ),
    (lambda key: len(key) > _MAX_KEY, "the key is far too long"),
)
"""Flaws that make a key unusable in an HTTP header; no message repeats any part of it."""


def at_once(start: Start) -> KeyCommand:
    """Start a command that needs no supervision."""
    return start()


def flaw(key: str) -> str | None:
    """Return what is wrong with a stripped key, or None."""
    return next((sentence for is_flawed, sentence in _FLAWS if is_flawed(key)), None)


def read_key(
    provider: ProviderSettings,
    env: Mapping[str, str],
    *,
    key_variables: Iterable[str] = (),
    launch: Launch = at_once,
) -> str | None:
    """Read the provider's key; None if it needs none.

    `key_variables` are kept from the child process of `api_key_cmd`, which has slightly less time
    than an attempt; `launch` starts it. Raises `ConfigError` if a required key cannot be read or
    used, and its subclass `SlowKeyError` if the command takes too long; the message never holds the
    key.
    """
    source = provider.key
    if source is None:
        return None
    try:
        if source.cmd is None:
            value = _read(source, env).strip()
        else:
            seconds = min(COMMAND_TIMEOUT, _SHARE * provider.attempt.attempt_timeout)
            value = _printed(source.cmd, without_keys(env, key_variables), launch, seconds).strip()
    except TimeoutError as error:
        raise SlowKeyError(_error(provider, source, str(error)).problems) from error
    except _NoKeyError as error:
        raise _error(provider, source, str(error)) from error
    if wrong := flaw(value):
        raise _error(provider, source, wrong)
    return value


def fingerprint(*identity: object) -> str:
    """Return an irreversible name for values that may hold a key.

    It has 32 hexadecimal digits and is the same in every process.
    """
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]


def account(provider: ProviderSettings, env: Mapping[str, str]) -> str:
    """Return the fingerprint of a server and of the account used there.

    A key command is not run: the command itself stands for the key it prints. Raises `ConfigError`
    if the key cannot be read.
    """
    source = provider.key
    credential = source.cmd if source and source.cmd else read_key(provider, env)
    return fingerprint(provider.kind, provider.base_url, provider.headers, credential)


def key_state(source: KeySource | None, env: Mapping[str, str]) -> str:
    """Return in a word or two whether the key is available.

    Reads no more than necessary and runs nothing.
    """
    if source is None:
        return "not needed"
    if source.cmd is not None:
        return "not run"
    try:
        found = _read(source, env).strip()
    except _NoKeyError:
        return "not found"
    return "unusable" if flaw(found) else "set"


def key_variables(settings: Settings | None = None) -> frozenset[str]:
    """Return the variables that hold keys: those of known services and those in the settings."""
    names = {name for service in SERVICES for name in service.key_env}
    for provider in settings.providers if settings else ():
        if provider.key and provider.key.env:
            names |= {provider.key.env, *provider.key.alternatives}
    return frozenset(names)


def without_keys(env: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the environment for a child process: without `names` and names in `_API_KEY`."""
    kept_out = frozenset(names)
    return {name: value for name, value in env.items() if name not in kept_out and not name.endswith("_API_KEY")}


def known_secrets(settings: Settings, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets to keep out of answers, as far as known without running a command."""
    keys = []
    for provider in settings.providers:
        if provider.key is not None and provider.key.cmd is None:
            with suppress(_NoKeyError):
                keys.append(_read(provider.key, env).strip())
    return (*secret_values(settings, env), *findable(keys))


class SlowKeyError(ConfigError):
    """The command that prints a key took too long."""


class _NoKeyError(Exception):
    """The source has no key; the text says why."""


def _error(provider: ProviderSettings, source: KeySource, message: str) -> ConfigError:
    field = next(name for name in ("env", "cmd", "file", "inline") if getattr(source, name) is not None)
    key = "api_key" if field == "inline" else f"api_key_{field}"
    return ConfigError([Problem(f"providers.{provider.name}.{key}", message)])


def _read(source: KeySource, env: Mapping[str, str]) -> str:
    """Read a key without running a command."""
    if source.env is not None:
        return _from_env((source.env, *source.alternatives), env)
    if source.file is not None:
        return _from_file(source.file)
    return source.inline or ""


def _from_env(names: tuple[str, ...], env: Mapping[str, str]) -> str:
    for name in names:
        if env.get(name, "").strip():
            return env[name]
    raise _NoKeyError(f"{' or '.join(names)} is not set: export it, or name another source of the key")


def _from_file(path: Path) -> str:
    try:
        return read_regular(path, _MAX_KEY + 2).decode("utf-8-sig", "replace")
    except OSError as error:
        raise _NoKeyError(f"{path} cannot be read: {error.strerror}") from error


def _printed(command: tuple[str, ...], env: dict[str, str], launch: Launch, seconds: float) -> str:
    """Return the first line that a command prints. Raises TimeoutError after `seconds`."""
    from fallback_chat.core.config.key_command import KeyCommand

    try:
        running = launch(lambda: KeyCommand(command, env))
    except OSError as error:
        raise _NoKeyError(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        status = running.wait(seconds)
    except TimeoutError as error:
        raise TimeoutError(f"{command[0]} took longer than {seconds:g} s") from error
    if status:
        raise _NoKeyError(f"{command[0]} ended with status {status}; run it by hand to see why")
    # Password managers print the secret on the first line and notes below it.
    return running.output.decode("utf-8-sig", "replace").lstrip().partition("\n")[0]
