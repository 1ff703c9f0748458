"""What the composition root finds out about this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fallback_chat.configuring import own_paths


@pytest.mark.skipif(os.name != "posix", reason="HOME means nothing there")
@pytest.mark.parametrize("value", [None, "", "relative", "."])
def test_where_home_is_no_path_the_user_database_knows_it(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    import pwd

    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.delenv(f"XDG_{name}_HOME")
    monkeypatch.delenv("HOME")
    if value is not None:
        monkeypatch.setenv("HOME", value)

    assert own_paths().home == Path(pwd.getpwuid(os.getuid()).pw_dir)


@pytest.mark.skipif(os.name != "posix", reason="HOME means nothing there")
def test_a_user_who_is_in_no_database_lives_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)

    assert own_paths().home == Path("/")
