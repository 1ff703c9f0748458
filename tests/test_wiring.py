"""What the composition root finds out about this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fallback_chat.wiring import own_paths
from tests.conftest import XDG


@pytest.mark.skipif(os.name != "posix", reason="HOME means nothing there")
@pytest.mark.parametrize("home", [None, "", "relative", "."])
def test_where_home_is_no_path_the_user_database_knows_it(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    import pwd

    for name in XDG:
        monkeypatch.delenv(f"XDG_{name}")
    monkeypatch.delenv("HOME")
    if home is not None:
        monkeypatch.setenv("HOME", home)

    assert own_paths().home == Path(pwd.getpwuid(os.getuid()).pw_dir)


@pytest.mark.skipif(os.name != "posix", reason="HOME means nothing there")
def test_a_user_who_is_in_no_database_lives_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)

    assert own_paths().home == Path("/")
