"""The options that every command shares, accepted before and after the command's name.

`SharedOptions` is the table: each field is one option. `@command` gives a function these options as one value.
"""

# No `from __future__ import annotations` where options are declared: typer would have to evaluate each text again.

import inspect
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, Self, get_type_hints

import typer

from fallback_chat.cli.words.failures import guarded

if TYPE_CHECKING:
    from fallback_chat.core.config.overrides import Overrides

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Read `30`, `30s`, `500ms`, `2m` or `1h` as seconds. Raises the usage error of the command line."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*(ms|s|m|min|h)?", text.strip())
    if match is None or float(match[1]) <= 0:
        raise typer.BadParameter(f"{text!r} is not a duration: write 30s, 500ms, 2m or 1h")
    return float(match[1]) * _UNITS[match[2] or "s"]


def one_of(*choices: str) -> Callable[[str], str]:
    """Make the reader of an option that knows these words only. What it raises is the usage error of the command line."""

    def read(text: str) -> str:
        if text not in choices:
            raise typer.BadParameter(f"{text!r} is none of {', '.join(choices)}")
        return text

    return read


WHEN: Final = ("auto", "always", "never")
PLAIN: Final[dict[str, Any]] = {
    "context_settings": {"help_option_names": ["-h", "--help"]},
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
}
"""How every `typer.Typer` here is made: no rich for the help, and no tracebacks but our own."""


class SharedOptions(NamedTuple):
    """What the user asked for, whatever the command."""

    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Use this fallback.toml.")] = None
    profile: Annotated[str | None, typer.Option("--profile", help="Use this named chain.")] = None
    chain: Annotated[
        str | None, typer.Option("--chain", metavar="A,B,C", help="Use these providers, in this order.")
    ] = None
    provider: Annotated[
        str | None, typer.Option("-p", "--provider", metavar="NAME", help="Start with this provider.")
    ] = None
    only: Annotated[str | None, typer.Option("--only", metavar="NAME", help="Ask this provider and no other.")] = None
    model: Annotated[str | None, typer.Option("-m", "--model", help="Use this model at the first provider.")] = None
    continue_: Annotated[bool, typer.Option("-c", "--continue", help="Go on with the latest conversation.")] = False
    session: Annotated[str | None, typer.Option("--session", metavar="ID", help="Go on with this conversation.")] = None
    no_log: Annotated[
        bool, typer.Option("--no-log", envvar="FALLBACK_CHAT_NO_LOG", help="Save nothing of the conversation.")
    ] = False
    no_shared_health: Annotated[
        bool,
        typer.Option(
            "--no-shared-health",
            envvar="FALLBACK_CHAT_NO_SHARED_HEALTH",
            help="Neither read nor write what other runs have found out about the providers.",
        ),
    ] = False
    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="Set the system prompt.")] = None
    deadline: Annotated[
        float | None,
        typer.Option(
            "--deadline",
            parser=parse_duration,
            metavar="DUR",
            help="Give the whole chain this long to the first words.",
        ),
    ] = None
    timeout_first: Annotated[
        float | None,
        typer.Option(
            "--timeout-first",
            parser=parse_duration,
            metavar="DUR",
            help="Give each provider this long to its first words.",
        ),
    ] = None
    timeout_idle: Annotated[
        float | None,
        typer.Option(
            "--timeout-idle",
            parser=parse_duration,
            metavar="DUR",
            help="Give up on a provider that is silent this long.",
        ),
    ] = None
    wait: Annotated[
        float | None,
        typer.Option(
            "--wait",
            parser=parse_duration,
            metavar="DUR",
            help="Wait up to this long when every provider is rate-limited.",
        ),
    ] = None
    color: Annotated[
        str, typer.Option("--color", parser=one_of(*WHEN), metavar="|".join(WHEN), help="Colour the output.")
    ] = "auto"
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing on stderr but errors.")] = False
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more on stderr.")] = 0

    def with_chain(self, names: tuple[str, ...]) -> Self:
        """Give the options with the chain narrowed to `names`."""
        return self._replace(chain=",".join(names))

    def flags(self, *, on_stream_failure: str | None = None) -> "Overrides":
        """Give what these options change about the settings."""
        from fallback_chat.core.config.overrides import Overrides

        return Overrides(
            profile=self.profile,
            chain=None if self.chain is None else tuple(self.chain.split(",")),
            only=self.only,
            provider=self.provider,
            model=self.model,
            system=self.system,
            attempt_timeout=self.timeout_first,
            idle_timeout=self.timeout_idle,
            deadline=self.deadline,
            on_stream_failure=on_stream_failure,
        )

    @property
    def continues(self) -> bool:
        """A conversation is to be gone on with: the one of `session`, or the latest."""
        return self.continue_ or self.session is not None


def command(function: Callable[..., int | None]) -> Callable[..., None]:
    """Make a command of `function(shared, **own)`: all shared options join its own, its result is the exit code.

    Called for a group (`ctx` among its own), it only keeps what stands before the command's name.
    """
    return taking(*SHARED_DEFAULTS)(function)


def taking(*names: str) -> Callable[[Callable[..., int | None]], Callable[..., None]]:
    """Make a command that takes only these shared options behind its name: each costs start-up time, for every command."""

    def decorate(function: Callable[..., int | None]) -> Callable[..., None]:
        own = [parameter for parameter in _parameters(function) if parameter.name not in ("ctx", "shared")]
        takes_context = "ctx" in inspect.signature(function).parameters

        def call(ctx: typer.Context, **given: Any) -> None:
            shared = _merge(ctx.obj, {name: given.pop(name) for name in names})
            if takes_context:
                given["ctx"], ctx.obj = ctx, shared
            code = guarded(lambda: function(shared=shared, **given))
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
"""What matters to a command that asks nothing."""


@cache
def _shared_parameters() -> dict[str, inspect.Parameter]:
    hints = get_type_hints(SharedOptions, include_extras=True)
    return {
        name: inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
        for name, default in SHARED_DEFAULTS.items()
    }


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
        for parameter in inspect.signature(function).parameters.values()
    ]


def _merge(before: SharedOptions | None, after: dict[str, Any]) -> SharedOptions:
    """Lay what stands behind the command's name over what stands before it."""
    given = {name: value for name, value in after.items() if value != SHARED_DEFAULTS[name]}
    merged = (before or SharedOptions())._replace(**given)
    if merged.continue_ and merged.session is not None:
        raise typer.BadParameter(
            "--continue goes on with the latest conversation, --session with another one: give one of the two"
        )
    return merged
