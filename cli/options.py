"""The options shared by all commands, accepted before and after the command's name.

`SharedOptions` is the table: each field is one option. `@command` passes them to a function as one
value.
"""

# No `from __future__ import annotations` where options are declared: typer would have to evaluate
# each string again.

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Self, get_type_hints

import typer
from typer.core import TyperGroup

from fallback_chat.cli.process.guard import guarded

if TYPE_CHECKING:
    from fallback_chat.core.config.overrides import Overrides


def parse_duration(text: str) -> float:
    """Convert `30`, `30s`, `500ms`, `2m` or `1h` to seconds. Raises a usage error."""
    from fallback_chat.core.config.values import duration

    seconds = duration(text)
    if not seconds:
        raise typer.BadParameter(f"{text!r} is not a duration: write 30s, 500ms, 2m or 1h")
    return seconds


def duration_option(flag: str, text: str) -> Any:
    """Return the declaration of an option that takes a duration, with its help text."""
    return typer.Option(flag, parser=parse_duration, metavar="DUR", help=text)


def choice_option(flag: str, choices: tuple[str, ...], text: str) -> Any:
    """Return the declaration of an option that takes one of `choices`, with its help text."""

    def read(given: str) -> str:
        if given not in choices:
            raise typer.BadParameter(f"{given!r} is none of {', '.join(choices)}")
        return given

    def complete(incomplete: str) -> list[str]:
        return [each for each in choices if each.startswith(incomplete)]

    return typer.Option(flag, parser=read, metavar="|".join(choices), help=text, autocompletion=complete)


def completing(what: str) -> Callable[[typer.Context, str], list[tuple[str, str]]]:
    """Make the completion of a value, which is imported when the shell asks for it."""

    def complete(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        from fallback_chat.cli import completing as values

        found: list[tuple[str, str]] = getattr(values, what)(ctx, incomplete)
        return found

    return complete


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Only these providers.", autocompletion=completing("providers")),
]
WHEN: Final = ("auto", "always", "never")
LONGEST: Final = 1000
"""Characters of a command's summary in `--help`: none is cut."""


class Group(TyperGroup):
    """Commands whose summaries are shown in full."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command by its name, or None."""
        found = super().get_command(ctx, cmd_name)
        if found is not None:
            found.short_help = found.get_short_help_str(LONGEST)
        return found


PLAIN: Final[dict[str, Any]] = {
    "cls": Group,
    "context_settings": {"help_option_names": ["-h", "--help"]},
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
}
"""Arguments of every `typer.Typer` here: help without rich, and no tracebacks but our own."""


class SharedOptions(NamedTuple):
    """The options of the user, for any command."""

    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Use this fallback.toml.")] = None
    profile: Annotated[
        str | None, typer.Option("--profile", help="Use this named chain.", autocompletion=completing("profiles"))
    ] = None
    chain: Annotated[
        str | None,
        typer.Option(
            "--chain", metavar="A,B,C", help="Use these providers, in this order.", autocompletion=completing("chains")
        ),
    ] = None
    provider: Annotated[
        str | None,
        typer.Option(
            "-p", "--provider", metavar="NAME", help="Start with this provider.", autocompletion=completing("providers")
        ),
    ] = None
    only: Annotated[
        str | None,
        typer.Option(
            "--only", metavar="NAME", help="Ask this provider and no other.", autocompletion=completing("providers")
        ),
    ] = None
    model: Annotated[
        str | None,
        typer.Option(
            "-m", "--model", help="Use this model at the first provider.", autocompletion=completing("models")
        ),
    ] = None
    continue_: Annotated[bool, typer.Option("-c", "--continue", help="Continue the most recent conversation.")] = False
    session: Annotated[
        str | None,
        typer.Option(
            "--session", metavar="ID", help="Continue this conversation.", autocompletion=completing("sessions")
        ),
    ] = None
    no_log: Annotated[
        bool, typer.Option("--no-log", envvar="FALLBACK_CHAT_NO_LOG", help="Save nothing of the conversation.")
    ] = False
    no_shared_health: Annotated[
        bool,
        typer.Option(
            "--no-shared-health",
            envvar="FALLBACK_CHAT_NO_SHARED_HEALTH",
            help="Neither read nor write the health recorded by other runs.",
        ),
    ] = False
    require: Annotated[
        str | None,
        typer.Option(
            "--require",
            metavar="TAG",
            help="Ask only providers that are tagged TAG; never leave them.",
            autocompletion=completing("tags"),
        ),
    ] = None
    yes: Annotated[bool, typer.Option("--yes", help="Agree to every switch that needs your consent.")] = False
    chaos: Annotated[
        str | None,
        typer.Option(
            "--chaos",
            metavar="NAME=FAULT[,first=N][,until=S],…",
            help="Rehearse an outage: let these providers fail, as in primary=503,first=2.",
        ),
    ] = None
    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="Set the system prompt.")] = None
    role: Annotated[
        str | None,
        typer.Option(
            "--role", metavar="NAME", help="Use this role as the system prompt.", autocompletion=completing("roles")
        ),
    ] = None
    deadline: Annotated[
        float | None, duration_option("--deadline", "Time limit for the whole chain to start answering.")
    ] = None
    timeout_first: Annotated[
        float | None, duration_option("--timeout-first", "Time limit for each provider to start answering.")
    ] = None
    timeout_idle: Annotated[float | None, duration_option("--timeout-idle", "Longest silence within an answer.")] = None
    wait: Annotated[
        float | None, duration_option("--wait", "Wait up to this long if every provider is rate limited.")
    ] = None
    color: Annotated[str, choice_option("--color", WHEN, "Colour the output.")] = "auto"
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Print only errors on stderr.")] = False
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Print more on stderr.")] = 0

    def with_chain(self, names: tuple[str, ...]) -> Self:
        """Return the options with the chain narrowed to `names`."""
        return self._replace(chain=",".join(names))

    def flags(self, *, on_stream_failure: str | None = None) -> "Overrides":
        """Return the changes that these options make to the settings."""
        from fallback_chat.core.config.overrides import Overrides

        return Overrides(
            profile=self.profile,
            chain=None if self.chain is None else tuple(map(str.strip, self.chain.split(","))),
            only=self.only,
            provider=self.provider,
            model=self.model,
            system=self._system(),
            attempt_timeout=self.timeout_first,
            idle_timeout=self.timeout_idle,
            deadline=self.deadline,
            on_stream_failure=on_stream_failure,
            require=self.require,
        )

    def _system(self) -> str | None:
        if self.role is None:
            return self.system
        from fallback_chat.cli.roles import role_prompt

        return role_prompt(self.role)

    @property
    def continues(self) -> bool:
        """Whether to continue a conversation: the one of `session`, or the latest."""
        return self.continue_ or self.session is not None


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Turn `function(shared, **own)` into a command that returns its exit code.

    All shared options join its own. For a group (`ctx` among its own), it only stores the options
    before the command's name.
    """
    return taking(*SHARED_DEFAULTS)(function)


def taking(*names: str) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Turn a function into a command that only takes these shared options after its name.

    The function may do without `shared`. Each option costs every command start-up time.
    """

    def decorate(function: Callable[..., int | None]) -> Callable[..., None]:
        declared = _parameters(function)
        own = [parameter for name, parameter in declared.items() if name not in ("ctx", "shared")]

        def call(ctx: typer.Context, **given: Any) -> None:
            shared = _merge(ctx.obj, {name: given.pop(name) for name in names})
            if "shared" in declared:
                given["shared"] = shared
            if "ctx" in declared:
                given["ctx"], ctx.obj = ctx, shared
            code = guarded(lambda: function(**given))
            if code is not None:
                raise typer.Exit(code)

        context = inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [context, *own, *(_shared_parameters()[name] for name in names)]
        call.__name__ = function.__name__
        call.__doc__ = function.__doc__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return call

    return decorate


SHARED_DEFAULTS: Final = SharedOptions()._asdict()
ROUTING: Final = tuple(name for name in SHARED_DEFAULTS if name not in ("continue_", "session", "no_log"))
"""Options that matter to a command that asks nothing."""
EXCLUSIVE: Final = (
    ("continue_", "session"),
    ("system", "role"),
    ("chain", "profile"),
    ("only", "chain"),
    ("only", "provider"),
)
"""Options that say the same thing in two ways, or contradict each other."""


@cache
def _shared_parameters() -> dict[str, inspect.Parameter]:
    hints = get_type_hints(SharedOptions, include_extras=True)
    return {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
        for name, default in SHARED_DEFAULTS.items()
    }


def _parameters(function: Callable[..., object]) -> dict[str, inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return {
        name: parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, parameter in inspect.signature(function).parameters.items()
    }


def _merge(before: SharedOptions | None, after: dict[str, Any]) -> SharedOptions:
    """Return the options after the command's name, completed by those before it."""
    given = {name: value for name, value in after.items() if value != SHARED_DEFAULTS[name]}
    merged = (before or SharedOptions())._replace(**given)
    for names in EXCLUSIVE:
        if all(getattr(merged, name) != SHARED_DEFAULTS[name] for name in names):
            flags = [f"--{name.removesuffix('_')}" for name in names]
            raise typer.BadParameter(f"{' and '.join(flags)} exclude each other: give one of them")
    return merged
