"""`fallback-chat doctor`: everything that decides how the program works here, for a bug report.

The report names keys by their source, never by their value. Servers are reached with a request that
carries neither a key nor a question, so nothing is spent.
"""

from __future__ import annotations

import asyncio
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.sinks.answer_object import dump
from fallback_chat.cli.words.failures import hint, sentence
from fallback_chat.core.answer_json import milliseconds, redacted
from fallback_chat.core.config.keys import key_state, key_variables
from fallback_chat.core.config.secrets import PROXY_VARIABLES, secret_values
from fallback_chat.core.errors import ConfigError
from fallback_chat.core.lookalikes import masked
from fallback_chat.core.redaction import Redactor
from fallback_chat.core.storage.files import write_private
from fallback_chat.core.storage.looks import look_at

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from fallback_chat.core.config.discovery import Surroundings
    from fallback_chat.core.config.settings import ProviderSettings, Settings
    from fallback_chat.core.llm import Reach
    from fallback_chat.sharing import StoredHealth

DOCTOR_SCHEMA: Final = "fallback-chat.doctor/1"
TIMEOUT: Final = 5.0
"""Seconds within which a server has to be reached."""
PACKAGES: Final = ("httpx", "h11", "certifi", "typer", "rich", "prompt-toolkit", "tomli-w")
OF_INTEREST: Final = (
    *(*PROXY_VARIABLES, "NO_PROXY", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"),
    *("TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "TMUX", "SSH_TTY", "VISUAL", "EDITOR", "LANG", "LC_ALL"),
)
"""Variables that change how the program works; only their names are shown."""


SHARED_ADVICE: Final = (
    "until that is mended each process keeps its own records; health_url in [chain], or FALLBACK_CHAT_HEALTH_URL,"
    " says where they are shared"
)


class Patient(NamedTuple):
    """The subject of the examination."""

    where: Surroundings
    load: Callable[[], Settings]
    """Returns the effective settings. Raises `ConfigError`."""
    reach: Callable[[Sequence[ProviderSettings], float], Awaitable[list[Reach]]]
    shared: Callable[[], StoredHealth]
    """Reads the shared health. Raises `ConfigError`, or OSError."""


async def doctor(patient: Patient, out: TextIO, *, as_json: bool = False) -> tuple[ExitCode, dict[str, Any]]:
    """Print the report, as text or as JSON; return it with the exit code.

    The code tells whether the configuration has mistakes, or else whether any server can be
    reached.
    """
    report, redact = await examine(patient)
    report = redacted(report, redact, names=True)
    if as_json:
        out.write(dump(report))
    else:
        for line in as_text(report):
            say(out, line)
    out.flush()
    return ExitCode(report["exit_code"]), report


async def examine(patient: Patient) -> tuple[dict[str, Any], Callable[[str], str]]:
    """Return the report, and the function that removes secrets from it."""
    where, env = patient.where, patient.where.env
    settings, mistakes = None, []
    try:
        settings = patient.load()
    except ConfigError as error:
        mistakes = [str(problem.masked()) for problem in error.problems]
    providers = settings.providers if settings else ()
    ways, shared = await asyncio.gather(patient.reach(providers, TIMEOUT), asyncio.to_thread(_shared, patient.shared))
    known = [env[name] for name in key_variables(settings) if env.get(name)]
    redactor = Redactor([*known, *(secret_values(settings, env) if settings else ())])
    rows = [_provider(one, way, env) for one, way in zip(providers, ways, strict=True)]
    enabled = [row for row in rows if row["enabled"]]
    is_reached = any(row["reached"] is not False for row in enabled)
    code = ExitCode.CONFIG if mistakes else ExitCode.OK if is_reached else ExitCode.UNAVAILABLE
    report = {
        "schema": DOCTOR_SCHEMA,
        "versions": _versions(),
        "configuration": {
            "file": _file(settings, where),
            "project_file": str(where.project) if where.project else None,
            "mistakes": mistakes,
            "warnings": [str(one.masked()) for one in (*settings.advice, *settings.warnings)] if settings else [],
        },
        "providers": rows,
        "shared_health": shared,
        "paths": [look_at(path, folder=folder)._asdict() for path, folder in _paths(where, settings)],
        "variables": sorted(name for name in (*OF_INTEREST, *key_variables(settings), *_own(env)) if env.get(name)),
        "exit_code": int(code),
    }
    return report, lambda text: masked(redactor.redact(text))


def _file(settings: Settings | None, where: Surroundings) -> str | None:
    path = settings.path if settings else where.main
    return str(path) if path else None


def _versions() -> dict[str, str | None]:
    import sqlite3
    import ssl

    def installed(name: str) -> str | None:
        try:
            return version(name)
        except PackageNotFoundError:
            return None

    return {
        "fallback-chat": installed("fallback-chat"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "openssl": ssl.OPENSSL_VERSION,
        "sqlite": sqlite3.sqlite_version,
    } | {name: installed(name) for name in PACKAGES}


def _provider(provider: ProviderSettings, way: Reach, env: Mapping[str, str]) -> dict[str, Any]:
    error = way.error
    advice = hint(error) if error else None
    return {
        "name": provider.name,
        "kind": provider.kind,
        "model": provider.model,
        "enabled": provider.enabled,
        "base_url": provider.base_url,
        "key_source": provider.key.describe() if provider.key else None,
        "key_state": key_state(provider.key, env),
        "proxy": way.proxy,
        "certificates": way.certificates,
        "reached": error is None if provider.base_url else None,
        "connect_ms": milliseconds(way.connect),
        "status": way.status,
        "problem": None if error is None else sentence(provider.name, error) + (f": {advice}" if advice else ""),
    }


def _shared(read: Callable[[], StoredHealth]) -> dict[str, Any]:
    try:
        stored = read()
    except ConfigError as error:
        return _shared_row(None, problem="; ".join(str(one.masked()) for one in error.problems))
    except OSError as error:
        return _shared_row(error.filename, problem=f"{error.strerror or error}: {SHARED_ADVICE}")
    return _shared_row(stored.place, server=stored.server)


def _shared_row(place: str | None, *, server: str | None = None, problem: str | None = None) -> dict[str, Any]:
    return {"place": place, "reached": problem is None, "server": server, "problem": problem}


def _paths(where: Surroundings, settings: Settings | None) -> Iterator[tuple[Path, bool]]:
    """Yield the program's folders and files and those of the keys, and whether each is a folder."""
    paths = where.paths
    for folder, files in {
        where.main.parent: [where.main],
        paths.data: [paths.history_db],
        paths.state: [paths.health_db, paths.trust_file, paths.input_history],
        paths.cache: [paths.models_file],
    }.items():
        yield folder, True
        for file in files:
            yield file, False
    keys = (provider.key for provider in settings.providers) if settings else ()
    yield from ((key.file, False) for key in keys if key is not None and key.file is not None)


def _own(env: Mapping[str, str]) -> list[str]:
    return [name for name in env if name.startswith("FALLBACK_CHAT_")]


def as_text(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of a report."""
    found = report["configuration"]
    yield "versions: " + ", ".join(f"{name} {number}" for name, number in report["versions"].items() if number)
    yield f"configuration: {found['file'] or 'no file: the chain comes from the environment'}"
    if found["project_file"]:
        yield f"  layered on top of it: {found['project_file']}"
    yield from (f"  mistake: {line}" for line in found["mistakes"])
    yield from (f"  warning: {line}" for line in found["warnings"])
    for row in report["providers"]:
        yield f"{row['name']}: {row['kind']}, model {row['model']}{'' if row['enabled'] else ' (enabled = false)'}"
        key = f"{row['key_source']}, {row['key_state']}" if row["key_source"] else row["key_state"]
        yield f"  key: {key}"
        if row["base_url"]:
            yield f"  server: {row['base_url']}, {_reached(row)}"
        for name in ("proxy", "certificates"):
            if row[name]:
                yield f"  {name}: {row[name]}"
        if row["problem"]:
            yield f"  {row['problem']}"
    shared = report["shared_health"]
    server = f" ({shared['server']})" if shared["server"] else ""
    yield f"shared health: {shared['place'] or 'nowhere'}, {'usable' if shared['reached'] else 'not usable'}{server}"
    if shared["problem"]:
        yield f"  {shared['problem']}"
    yield "files:"
    for look in report["paths"]:
        size = "" if look["size"] is None else f", {look['size']:,} bytes"
        mode = f", {look['mode']}" if look["mode"] else ""
        yield f"  {look['path']}: {look['kind']}{mode}{size}" + (f" — {look['problem']}" if look["problem"] else "")
    yield f"variables that are set: {', '.join(report['variables']) or 'none'}"


def _reached(row: Mapping[str, Any]) -> str:
    if not row["reached"]:
        return "not reached"
    took = "" if row["connect_ms"] is None else f" in {row['connect_ms']:.0f} ms"
    return f"reached{took} (HTTP {row['status']})"


def write_bundle(report: Mapping[str, Any], folder: Path, sure: Callable[[str], bool], err: TextIO) -> None:
    """Write a printed report to a new private file in `folder` if the user is `sure`; name it.

    Raises OSError.
    """
    path = folder / f"fallback-chat-doctor-{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    if not sure(f"Write this to {path}?"):
        say(err, "no file was written")
        return
    write_private(path, dump(dict(report)).encode(), overwrite=False)
    say(err, f"wrote {path}: what is printed above, for a bug report")
