"""Whatever stands in the place of a file of the program's own: a clear word or an absent file, and never a wait."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.repl.attachments import attach
from fallback_chat.cli.repl.draft import Draft
from fallback_chat.cli.repl.input_history import InputHistory
from fallback_chat.cli.repl.pastes import Pastes
from fallback_chat.core.config import discovery
from fallback_chat.core.config.keys import key_state, read_key
from fallback_chat.core.config.model_cache import ModelCache
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.settings import KeySource, ProviderSettings
from fallback_chat.core.conversations.store import History
from fallback_chat.core.engine.health_sqlite import known_providers
from fallback_chat.core.errors import ConfigError, InputError
from fallback_chat.core.llm import ModelInfo
from fallback_chat.core.storage.connection import COMPANIONS, StorageError
from fallback_chat.core.storage.files import change_own, check_own, read_own, read_regular, write_own, write_private
from fallback_chat.core.storage.looks import look_at
from fallback_chat.core.storage.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and devices have no names there")


def bound(path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's name has room for a hundred characters
    try:
        server.bind(path.name)
    finally:
        os.chdir(here)
        server.close()


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to(path.with_name("pipe"))


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/full")


def link_in_a_circle(path: Path) -> None:
    path.symlink_to(path)


PLANTED: dict[str, tuple[Callable[[Path], None], str]] = {
    "a pipe": (os.mkfifo, "it is a pipe, not a file"),
    "a directory": (Path.mkdir, "it is a directory"),
    "a socket": (bound, "it is a socket, not a file"),
    "a link to a device": (link_to_device, "it is a device, not a file"),
    "a link to a pipe": (link_to_pipe, "it is a pipe, not a file"),
    "a link in a circle": (link_in_a_circle, "Too many levels of symbolic links"),
}
LINKS = ("a link to a device", "a link to a pipe", "a link in a circle")


@pytest.fixture(params=PLANTED)
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, str]:
    """Something that is no file, what it is, and the words for it."""
    make, words = PLANTED[request.param]
    path = tmp_path / "folder" / "planted"
    path.parent.mkdir()
    make(path)
    return path, request.param, words


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(OSError, match=r".") as caught:
        call()
    return f"{caught.value.strerror}"


def test_it_is_refused_with_a_word_that_says_what_it_is(planted: tuple[Path, str, str]) -> None:
    path, what, words = planted
    own = "it is a link" if what in LINKS else words

    assert refusal(lambda: read_regular(path, 9)) == words
    assert refusal(lambda: read_own(path, 9)) == own
    assert refusal(lambda: changed(path)) == own
    if what != "a directory":
        assert refusal(lambda: write_private(path, b"x")).replace("symbolic link loop", "Too many") in words
    if what not in LINKS:
        assert refusal(lambda: write_own(path, b"x")) == words


def changed(path: Path) -> None:
    with change_own(path, 9):
        pass


@pytest.mark.parametrize("name", ["a\0b", "\0", "\ud800"], ids=ascii)
def test_a_name_that_no_file_can_have_is_an_error_like_any_other(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    calls = [
        lambda: read_regular(path, 9),
        lambda: read_own(path, 9),
        lambda: changed(path),
        lambda: write_private(path, b"x"),
        lambda: write_own(path, b"x"),
    ]
    assert {refusal(call) for call in calls} == {"no file can have such a name"}


def test_a_link_is_replaced_by_a_file_of_the_programs_own_and_what_it_led_to_stays(tmp_path: Path) -> None:
    precious, link = tmp_path / "precious", tmp_path / "link"
    precious.write_text("precious")
    link.symlink_to(precious)

    write_own(link, b"own")

    assert (link.is_symlink(), link.read_bytes(), precious.read_text()) == (False, b"own", "precious")


def test_a_file_of_another_user_is_refused_unless_the_folder_is_theirs_too(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    os.chown(file, 65534, -1)

    file.chmod(0o600)

    assert refusal(lambda: check_own(file)) == "it belongs to another user"
    assert refusal(lambda: changed(file)) == "it belongs to another user"
    assert look_at(file).problem == "it belongs to user 65534: it is not used"
    os.chown(tmp_path, 65534, -1)
    check_own(file)
    assert look_at(file).problem is None  # doctor and the program agree


def test_no_more_is_read_of_a_huge_file_than_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with file.open("wb") as huge:
        huge.truncate(1 << 40)

    assert (read_regular(file, 9), read_own(file, 9)) == (bytes(9), bytes(9))
    assert refusal(lambda: changed(file)) == "it has more than 0 MB"


def test_a_pipe_that_was_put_there_between_the_look_and_the_opening_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    os.mkfifo(path)
    monkeypatch.setattr("fallback_chat.core.storage.files.check_regular", lambda _: None)

    assert refusal(lambda: read_regular(path, 9)) == "it is a pipe, not a file"


PROVIDER = ProviderSettings(name="p", kind="guide", model="m")


def test_a_cache_of_models_is_absent_and_where_it_can_be_is_written_anew(planted: tuple[Path, str, str]) -> None:
    path, what, _ = planted
    cache = ModelCache(path)
    assert cache.get(PROVIDER) is None

    cache.put(PROVIDER, [ModelInfo("m")])
    cache.save()

    assert (ModelCache(path).get(PROVIDER) is not None) is (what in LINKS)


def test_a_cache_of_models_without_end_is_absent(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    with file.open("wb") as huge:
        huge.truncate(1 << 40)

    assert ModelCache(file).get(PROVIDER) is None


def test_nothing_is_remembered_of_what_is_typed_and_that_is_said_once(planted: tuple[Path, str, str]) -> None:
    path, what, words = planted
    told: list[str] = []
    history = InputHistory(path, told.append, Pastes())

    assert list(history.load_history_strings()) == []
    history.add(Draft.typed("typed"))

    words = "it is a link" if what in LINKS else words
    assert told == [f"what you type is not remembered: {path}: {words}"]
    assert history.get_strings() == ["typed"]


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(*(tmp_path / name for name in ("config", "data", "folder", "cache", "home")))


def test_nothing_is_trusted_until_it_is_trusted_anew(planted: tuple[Path, str, str], paths: Paths) -> None:
    path, what, _ = planted
    path.rename(paths.trust_file)
    if what == "a link in a circle":
        paths.trust_file.unlink()
        paths.trust_file.symlink_to(paths.trust_file)
    project = paths.home / "fallback.toml" if paths.home else path

    assert not discovery.is_trusted(paths, project, b"x")
    discovery.trust(paths, project, b"x")

    assert discovery.is_trusted(paths, project, b"x")
    assert json.loads(paths.trust_file.read_bytes())


def test_a_key_in_no_file_is_not_there(planted: tuple[Path, str, str]) -> None:
    path, _, words = planted
    provider = ProviderSettings(name="p", kind="openai", model="m", key=KeySource(file=path))

    assert key_state(provider.key, {}) == "not found"
    with pytest.raises(ConfigError) as caught:
        read_key(provider, {})
    assert str(caught.value) == f"providers.p.api_key_file: {path} cannot be read: {words}"


def test_a_configuration_in_no_file_is_one_mistake(planted: tuple[Path, str, str]) -> None:
    path, _, words = planted

    with pytest.raises(ConfigError) as caught:
        discovery.read_file(path)
    assert str(caught.value) == f"{path}: cannot be read: {words}"


def test_certificates_in_no_file_are_one_mistake(planted: tuple[Path, str, str], paths: Paths) -> None:
    path, _, words = planted
    text = f'[[providers]]\nname = "p"\nkind = "openai"\nmodel = "m"\nca_file = "{path}"\n'
    paths.config.mkdir()
    paths.config_file.write_text(text)
    assert load(text).providers

    with pytest.raises(ConfigError) as caught:
        discovery.load_settings(discovery.Surroundings(paths, {}, paths.config), lambda _: {})
    assert str(caught.value).endswith(f"cannot be used as certificates (PEM): {words}")


def test_what_is_attached_in_a_chat_is_a_file(planted: tuple[Path, str, str]) -> None:
    path, _, words = planted

    with pytest.raises(InputError) as caught:
        attach(str(path))
    assert str(caught.value) == f"cannot read {str(path)!r}: {words}"


@pytest.fixture(params=["", *COMPANIONS, "-journal"])
def beside(request: pytest.FixtureRequest, planted: tuple[Path, str, str]) -> Path:
    """A database, in whose place or in that of whose log is what is planted; gives the database's path."""
    path, what, _ = planted
    name = "data.db" + request.param
    target = path.with_name(name)
    path.rename(target)
    if what == "a link in a circle":
        target.unlink()
        target.symlink_to(target)
    database = path.with_name("data.db")
    if request.param:
        sqlite3.connect(database).close()
        database.touch()
    return database


def test_no_database_is_opened_there(beside: Path) -> None:
    told: list[str] = []

    with pytest.raises(StorageError):
        History.open(beside, clock=lambda: 0.0, warn=told.append)
    if beside.exists():
        with pytest.raises(StorageError):
            known_providers(beside)
    else:
        assert known_providers(beside) == ()
    assert told == []
