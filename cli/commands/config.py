"""`fallback-chat config …`: inspect, validate and edit the configuration. No network by itself.

Mistakes in a file are raised as `ConfigError`; the error boundary prints them and returns the exit
code.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final, TextIO

from fallback_chat.cli.editor import edited
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.render.sanitise import sanitise
from fallback_chat.cli.sinks.answer_object import dump
from fallback_chat.cli.words.budgets import budget_words
from fallback_chat.cli.words.config import first_file, shown
from fallback_chat.core.answer_json import milliseconds, redacted
from fallback_chat.core.config.detect import offers
from fallback_chat.core.config.discovery import consequences, is_trusted, load_settings, read_file
from fallback_chat.core.config.discovery import trust as remember_trust
from fallback_chat.core.config.document import MAX_BYTES
from fallback_chat.core.config.keys import key_state, key_variables
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.secrets import secret_values
from fallback_chat.core.errors import ConfigError
from fallback_chat.core.redaction import Redactor
from fallback_chat.core.storage.files import make_private_dir, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fallback_chat.core.config.detect import FirstModels
    from fallback_chat.core.config.discovery import Surroundings
    from fallback_chat.core.config.settings import ProviderSettings, Settings
    from fallback_chat.core.engine.budget import Budget
    from fallback_chat.core.errors import Problem

CHECK_SCHEMA: Final = "fallback-chat.config-check/1"
EXPLAIN_SCHEMA: Final = "fallback-chat.config-explain/1"


def check(where: Surroundings, first_models: FirstModels, out: TextIO, err: TextIO, *, as_json: bool = False) -> int:
    """Look for mistakes. Raises `ConfigError` with all of them, unless they are printed as JSON."""
    if as_json:
        return _check_as_json(where, first_models, out)
    settings = load_settings(where, first_models)
    _check_keys(settings)
    for warning in (*settings.advice, *settings.warnings):
        say(err, f"warning: {warning}")
    redact = Redactor(secret_values(settings, where.env)).redact
    say(out, f"{settings.source}: ok: {redact(', '.join(provider.name for provider in settings.providers))}")
    return ExitCode.OK


def _check_as_json(where: Surroundings, first_models: FirstModels, out: TextIO) -> int:
    mistakes: Sequence[Problem] = ()
    settings = None
    try:
        settings = load_settings(where, first_models)
        _check_keys(settings)
    except ConfigError as error:
        mistakes = error.problems
    told = () if settings is None else (*settings.advice, *settings.warnings)
    redact = str if settings is None else Redactor(secret_values(settings, where.env)).redact
    value = {
        "schema": CHECK_SCHEMA,
        "ok": not mistakes,
        "configuration": str(settings.path) if settings is not None and settings.path else None,
        "providers": [] if settings is None else [one.name for one in settings.providers],
        "mistakes": [_problem(one) for one in mistakes],
        "warnings": [_problem(one) for one in told],
    }
    out.write(dump(redacted(value, redact)))
    return ExitCode.CONFIG if mistakes else ExitCode.OK


def _check_keys(settings: Settings) -> None:
    """Raise `ConfigError` for keys that the chat would not start with."""
    if settings.keys:  # only these need the chat's modules
        from fallback_chat.cli.repl.build import keymap_of

        keymap_of(settings)


def _problem(problem: Problem) -> dict[str, object]:
    file = None if problem.path is None else str(problem.path)
    return {"key": problem.key or None, "message": problem.message, "file": file, "line": problem.line}


def show(settings: Settings, env: Mapping[str, str], out: TextIO, *, origin: bool = False) -> int:
    """Print the effective settings, with `origin` also the layer of each.

    Keys and the values of headers and secret fields are never printed.
    """
    redact = Redactor(secret_values(settings, env)).redact  # a key may be in the wrong setting
    out.writelines(f"{sanitise(redact(line))}\n" for line in shown(settings, env, origin=origin))  # whole, to be copied
    return ExitCode.OK


def path(where: Surroundings, out: TextIO, err: TextIO) -> int:
    """Print the path of the user's file; everything else goes to `err`."""
    out.write(f"{sanitise(str(where.main))}\n")
    if not where.main.exists():
        say(err, "it does not exist yet: `fallback-chat config init` writes it")
    if project := where.project:
        trusted = is_trusted(where.paths, project, read_file(project))
        say(err, f"{project} is layered on top of it ({'trusted' if trusted else 'preferences only'})")
    return ExitCode.OK


def explain(
    settings: Settings, env: Mapping[str, str], budgets: Mapping[str, Budget], out: TextIO, *, as_json: bool = False
) -> int:
    """Print the providers in order, and why; no key is printed and no command run.

    `budgets` holds each provider's time limit to start answering.
    """
    redact = Redactor(secret_values(settings, env)).redact
    if as_json:
        out.write(dump(redacted(_explained_as_json(settings, env, budgets), redact)))
        return ExitCode.OK
    say(out, f"configuration: {settings.source}")
    asked = [provider for provider in settings.providers if provider.enabled]
    for number, provider in enumerate(asked, start=1):
        for line in _explained(number, provider, env, budgets[provider.name]):
            say(out, redact(line))
    for provider in settings.providers:
        if not provider.enabled:
            say(out, redact(f"not asked: {provider.name} (enabled = false)"))
    deadline = settings.chain.deadline
    say(
        out,
        "no limit for the whole chain"
        if deadline is None
        else f"{deadline:g} s for the whole chain to start answering",
    )
    return ExitCode.OK


def _explained_as_json(settings: Settings, env: Mapping[str, str], budgets: Mapping[str, Budget]) -> dict[str, object]:
    def row(one: ProviderSettings) -> dict[str, object]:
        budget = budgets.get(one.name)
        return {
            "provider": one.name,
            "kind": one.kind,
            "model": one.model,
            "base_url": one.base_url,
            "enabled": one.enabled,
            "key": None if one.key is None else {"source": one.key.describe(), "state": key_state(one.key, env)},
            "budget": None if budget is None else budget.reason.value,
            "budget_ms": None if budget is None else milliseconds(budget.seconds),
        }

    deadline = settings.chain.deadline
    return {
        "schema": EXPLAIN_SCHEMA,
        "configuration": None if settings.path is None else str(settings.path),
        "project_file": None if settings.project is None else str(settings.project),
        "deadline_ms": None if deadline is None else milliseconds(deadline),
        "providers": [row(one) for one in settings.providers],
    }


def _explained(number: int, provider: ProviderSettings, env: Mapping[str, str], budget: Budget) -> list[str]:
    when = "first, for every turn" if number == 1 else "if those before it fail or do not answer in time"
    where = f" at {provider.base_url}" if provider.base_url else ""
    lines = [
        f"{number}. {provider.name}: {provider.kind}, model {provider.model}{where}",
        f"   asked {when}; has {budget_words(budget)} to start answering",
    ]
    if provider.key is not None:
        state = key_state(provider.key, env)
        effect = {
            "not found": ": skipped until the key is set",
            "unusable": ": skipped until the key is right",
            "not run": ": only a real question runs it",
        }.get(state, "")
        lines.append(f"   key from {provider.key.describe()}, {state}{effect}")
    return lines


def init(where: Surroundings, first_models: FirstModels, out: TextIO, err: TextIO) -> int:
    """Write a first fallback.toml with what the environment offers, unless there is a file."""
    target = where.main
    tables = offers(where.env, first_models)
    make_private_dir(target.parent)
    try:
        write_private(target, first_file(tables).encode(), overwrite=False)
    except FileExistsError:
        say(err, f"{target} exists already; `fallback-chat config edit` changes it")
        return ExitCode.USAGE
    names = ", ".join(table["name"] for table in tables)
    say(out, f"wrote {target} with: {names}")
    if tables[0].get("kind") == "guide":
        say(err, "no key and no model server was found: add a provider with `fallback-chat config edit`")
    return ExitCode.OK


def trust(where: Surroundings, out: TextIO, err: TextIO) -> int:
    """Let the project's fallback.toml, as it is now, do what the user's own may.

    Raises `ConfigError` for a faulty one.
    """
    project = where.project
    if project is None:
        say(err, f"there is no fallback.toml from {where.cwd} up to the repository's root")
        return ExitCode.INPUT_MISSING
    content = read_file(project)
    for line in consequences(project, content):
        say(out, f"it sets {line}")
    remember_trust(where.paths, project, content)
    say(out, f"trusted: {project}, as it is now")
    return ExitCode.OK


def edit(where: Surroundings, out: TextIO, err: TextIO) -> int:
    """Open a copy of the user's file in an editor, and put it in place if it has no mistakes.

    The old one is kept as .bak, and the user's version whenever it cannot be put in place. Raises
    `InputError` if the editor cannot be run, `ConfigError` if the file cannot be edited here.
    """
    target = where.main
    before = _content(target)
    begun = first_file(offers(where.env, lambda _: {})).encode() if before is None else before
    make_private_dir(target.parent)
    with edited(target.name, begun, where.env, _variables(before, where), beside=target.parent) as draft:
        after = read_file(draft)
        if after == before:
            say(out, f"{target}: unchanged")
            return ExitCode.OK
        try:
            _put_in_place(target, before, after, where)
        except (ConfigError, OSError) as error:
            # The draft itself is kept: renaming it needs no room on a full disk.
            kept = draft.rename(target.with_name(f"draft-{os.urandom(4).hex()}.toml"))
            kept.chmod(0o600)
            reason = error if isinstance(error, ConfigError) else f"{error.filename}: {error.strerror}"
            say(err, f"{reason}\nnothing was changed; your version is kept in {kept}")
            return ExitCode.CONFIG if isinstance(error, ConfigError) else ExitCode.LOCAL_IO
    say(out, f"wrote {target}")
    return ExitCode.OK


def _put_in_place(target: Path, before: bytes | None, after: bytes, where: Surroundings) -> None:
    """Replace the file, unless there are mistakes (`ConfigError`) or it has changed (OSError)."""
    _check_keys(load(after, target, home=where.paths.home))
    if _content(target) != before:
        raise OSError(errno.EEXIST, "it was changed by someone else meanwhile", str(target))
    if before is not None:
        write_private(target.with_name(f"{target.name}.bak"), before)
    write_private(target, after)


def _content(target: Path) -> bytes | None:
    """Return the whole file, None if there is none. Raises `ConfigError` if it is too large."""
    if not target.exists():
        return None
    content = read_file(target)
    if len(content) > MAX_BYTES:
        load(content, target)  # says so: an editor would get the beginning only
    return content


def _variables(content: bytes | None, where: Surroundings) -> frozenset[str]:
    """Return the variables that hold keys; a file with mistakes names none reliably."""
    try:
        return key_variables(load(content or b"", where.main, home=where.paths.home))
    except ConfigError:
        return key_variables()
