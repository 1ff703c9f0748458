"""Steps that answer with one complete document: errors, redirects, pages, unstreamed answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.providers.simulator.steps import hang
from fallback_chat.providers.simulator.wire import Said, dump

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fallback_chat.providers.simulator.exchange import Exchange
    from fallback_chat.providers.simulator.steps import Step


def document(text: str, content_type: str = "application/json") -> Step:
    """Answer 200 with `text` as the complete body."""

    async def step(ex: Exchange) -> None:
        await ex.document(200, text.encode(), content_type)

    return step


async def whole(ex: Exchange) -> None:
    """Answer with one JSON document, whatever was requested."""
    await ex.document(200, dump(ex.wire.whole(Said(text=ex.manner.text, reason="stop"))), "application/json")


def error(
    status: int,
    message: str = "",
    code: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    *,
    type_at_openrouter: str | None = None,
) -> Step:
    """Answer with the format's JSON document of an error, with OpenRouter's own type if any."""

    async def step(ex: Exchange) -> None:
        body = ex.wire.error_body(status, message or f"The simulator answers {status}.", code)
        if type_at_openrouter and isinstance(body["error"], dict):
            body["error"]["metadata"] = {"error_type": type_at_openrouter}
        await ex.document(status, dump(body), "application/json", *headers)

    return step


async def key_in_error(ex: Exchange) -> None:
    """Answer 401 with the client's own key and escape sequences in the message."""
    key = ex.request.headers.get("authorization", "Bearer none").removeprefix("Bearer ")
    await error(401, f"\x1b]0;owned\x07Incorrect API key: {key}\x1b[2J", "invalid_api_key")(ex)


def redirect(status: int, *, away: bool) -> Step:
    """Redirect to another path on this server, or to another origin."""

    async def step(ex: Exchange) -> None:
        target = ex.manner.redirect_to + ex.request.path if away else "/moved" + ex.request.path
        await ex.document(status, b"", "", ("location", target))

    return step


def status_body(status: int, form: str) -> Step:
    """Answer `status` with one of the bodies in STATUS_BODIES."""

    async def step(ex: Exchange) -> None:
        await STATUS_BODIES[form](ex, status)

    return step


async def _hanging(ex: Exchange, status: int) -> None:
    await ex.head(status, content_type="application/json")
    await ex.send(b'{"error": ')
    await hang(ex)


async def _broken(ex: Exchange, status: int) -> None:
    await ex.document(status, b'{"error": {"message": "cut', "application/json")


async def _html(ex: Exchange, status: int) -> None:
    page = f"<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>Sorry</h1></body></html>"
    await ex.document(status, page.encode(), "text/html; charset=utf-8")


async def _text(ex: Exchange, status: int) -> None:
    await ex.document(status, f"status {status}".encode(), "text/plain")


async def _empty(ex: Exchange, status: int) -> None:
    await ex.document(status, b"", "")


async def _large(ex: Exchange, status: int) -> None:
    await ex.document(status, b"x" * 1_000_000, "text/plain")


async def _json(ex: Exchange, status: int) -> None:
    await error(status)(ex)


STATUS_BODIES: Final[dict[str, Callable[[Exchange, int], Awaitable[None]]]] = {
    "json": _json,
    "html": _html,
    "text": _text,
    "empty": _empty,
    "1mb": _large,
    "hanging": _hanging,
    "broken": _broken,
}
