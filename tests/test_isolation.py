"""The guards of conftest.py hold."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.conftest import FOREIGN_VARIABLE, XDG, NetworkForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable


def test_home_and_every_xdg_directory_lie_in_the_directory_of_the_tests(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    places = [Path.home(), *(Path(os.environ[f"XDG_{name}"]) for name in XDG)]

    assert all(place.is_relative_to(home) for place in places)
    assert home.is_relative_to(tmp_path_factory.getbasetemp())


def test_a_test_is_given_an_empty_home_whatever_the_last_one_left(home: Path, empty_home: Callable[[], Path]) -> None:
    (home / "left").touch()
    other = empty_home()

    assert (Path.home(), list(other.iterdir()), other.stat().st_mode & 0o777) == (other, [], 0o700)
    assert other != home
    assert empty_home() == other


@pytest.mark.parametrize(
    "name",
    ["OPENAI_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_BASE_URL", "https_proxy", "HTTP_PROXY", "FALLBACK_CHAT_CONFIG"],
)
def test_the_developers_own_keys_proxies_and_settings_are_recognised(name: str) -> None:
    assert FOREIGN_VARIABLE.search(name)


def test_no_key_proxy_or_setting_of_the_developer_is_left() -> None:
    assert [name for name in os.environ if FOREIGN_VARIABLE.search(name)] == []


def test_a_connection_off_this_machine_is_refused_by_address() -> None:
    with socket.socket() as plug, pytest.raises(NetworkForbiddenError, match=r"192\.0\.2\.1"):
        plug.connect(("192.0.2.1", 80))


def test_a_connection_off_this_machine_is_refused_by_name_before_it_is_looked_up() -> None:
    with pytest.raises(NetworkForbiddenError, match=r"example\.com"):
        socket.getaddrinfo("example.com", 80)


async def test_the_async_http_client_cannot_leave_this_machine_either() -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(BaseExceptionGroup) as caught:
            await client.get("http://192.0.2.1/")

    assert caught.group_contains(NetworkForbiddenError)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as plug:
        assert plug.getpeername() == server.getsockname()
