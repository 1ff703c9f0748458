"""Where files go on each system."""

from __future__ import annotations

from pathlib import Path

import pytest

from fallback_chat.core.errors import ConfigError
from fallback_chat.core.storage.paths import Paths


def test_the_xdg_variables_decide_and_relative_ones_are_ignored() -> None:
    env = {"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "rel", "XDG_STATE_HOME": ""}

    paths = Paths.from_env(env, platform="linux")

    assert paths == Paths(
        config=Path("/c/fallback-chat"),
        data=Path("/h/.local/share/fallback-chat"),
        state=Path("/h/.local/state/fallback-chat"),
        cache=Path("/h/.cache/fallback-chat"),
        home=Path("/h"),
    )
    assert [paths.config_file, paths.history_db, paths.health_db, paths.trust_file] == [
        Path("/c/fallback-chat/fallback.toml"),
        Path("/h/.local/share/fallback-chat/history.db"),
        Path("/h/.local/state/fallback-chat/health.db"),
        Path("/h/.local/state/fallback-chat/trusted.json"),
    ]


def test_a_home_is_not_needed_where_every_variable_is_set() -> None:
    env = {f"XDG_{name}_HOME": "/x" for name in ("CONFIG", "DATA", "STATE", "CACHE")}

    place = Path("/x/fallback-chat")
    assert Paths.from_env(env, platform="linux") == Paths(config=place, data=place, state=place, cache=place)


def test_without_a_home_the_error_says_what_to_set() -> None:
    with pytest.raises(ConfigError) as caught:
        Paths.from_env({}, platform="linux")

    assert str(caught.value) == "HOME is not set, so there is no place for files: set HOME, or XDG_CONFIG_HOME"


def test_a_mac_keeps_files_in_its_library(tmp_path: Path) -> None:
    library = tmp_path / "Library"

    assert Paths.from_env({"HOME": str(tmp_path)}, platform="darwin") == Paths(
        config=library / "Application Support/fallback-chat",
        data=library / "Application Support/fallback-chat",
        state=library / "Application Support/fallback-chat",
        cache=library / "Caches/fallback-chat",
        home=tmp_path,
    )


@pytest.mark.parametrize(
    ("role", "place"),
    [("config", ".config"), ("data", ".local/share"), ("state", ".local/state"), ("cache", ".cache")],
)
def test_on_a_mac_a_folder_that_is_in_the_usual_place_stays_and_moves_no_other(
    role: str, place: str, tmp_path: Path
) -> None:
    before = Paths.from_env({"HOME": str(tmp_path)}, platform="darwin")
    (tmp_path / place / "fallback-chat").mkdir(parents=True)

    after = Paths.from_env({"HOME": str(tmp_path)}, platform="darwin")

    assert after == before._replace(**{role: tmp_path / place / "fallback-chat"})


@pytest.mark.parametrize(
    "name", ["config_file", "roles", "history_db", "health_db", "trust_file", "input_history", "models_file"]
)
def test_on_a_mac_no_file_is_lost_from_sight_when_an_empty_folder_appears(name: str, tmp_path: Path) -> None:
    def kept() -> Path:
        path: Path = getattr(Paths.from_env({"HOME": str(tmp_path)}, platform="darwin"), name)
        return path

    in_library, usual = kept(), getattr(Paths.from_env({"HOME": str(tmp_path)}, platform="linux"), name)
    in_library.parent.mkdir(parents=True)
    in_library.touch()
    usual.parent.mkdir(parents=True)
    assert kept() == in_library

    usual.touch()

    assert kept() == usual
