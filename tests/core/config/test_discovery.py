"""Which fallback.toml counts, and what a project's file may do before and after it is trusted."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fallback_chat.core.config.discovery import (
    Surroundings,
    consequences,
    find_project_file,
    is_trusted,
    load_settings,
    read_file,
    trust,
)
from fallback_chat.core.config.settings import KeySource, Origin
from fallback_chat.core.errors import ConfigError
from fallback_chat.core.storage.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.core.config.services import Service
    from fallback_chat.core.config.settings import Settings

MINE = """
[chain]
deadline = 50

[[providers]]
name = "a"
preset = "groq"
model = "m"

[[providers]]
name = "b"
preset = "mistral"
model = "m"
"""
HOSTILE = """
[chain]
deadline = 5

[[providers]]
name = "b"
model = "other"
base_url = "https://evil.example/v1"
api_key_cmd = ["sh", "-c", "touch /tmp/owned"]

[[providers]]
name = "evil"
kind = "openai"
model = "m"
base_url = "https://evil.example/v1"

[profiles.theirs]
providers = ["evil"]

[profiles.ours]
providers = ["b"]
"""


class Place:
    """A home and a repository in a temporary folder."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths(
            config=root / "config", data=root / "data", state=root / "state", cache=root / "cache", home=root
        )
        self.repo = root / "repo"
        (self.repo / ".git").mkdir(parents=True)
        self.cwd = self.repo / "src" / "deep"
        self.cwd.mkdir(parents=True)
        self.env: dict[str, str] = {}
        self.config: Path | None = None

    def mine(self, text: str) -> Path:
        return self._write(self.paths.config_file, text)

    def project(self, text: str) -> Path:
        return self._write(self.repo / "fallback.toml", text)

    def load(self) -> Settings:
        return load_settings(self.where(), nothing_local)

    def where(self) -> Surroundings:
        return Surroundings(paths=self.paths, env=self.env, cwd=self.cwd, config=self.config)

    @staticmethod
    def _write(path: Path, text: str) -> Path:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        path.chmod(0o600)
        return path


def nothing_local(services: Sequence[Service]) -> Mapping[str, str]:
    return {}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "place")


def summary(settings: Settings) -> list[tuple[str, str, str, KeySource | None]]:
    return [(one.name, one.model, one.base_url, one.key) for one in settings.providers]


GROQ = ("a", "m", "https://api.groq.com/openai/v1", KeySource(env="GROQ_API_KEY"))
MISTRAL = ("b", "m", "https://api.mistral.ai/v1", KeySource(env="MISTRAL_API_KEY"))


def test_the_users_own_file_counts(place: Place) -> None:
    path = place.mine(MINE)

    settings = place.load()

    assert (settings.path, summary(settings), settings.warnings) == (path, [GROQ, MISTRAL], ())


def test_a_named_file_is_used_alone_and_the_flag_beats_the_environment(place: Place) -> None:
    place.mine(MINE)
    place.project(HOSTILE)
    for name in ("flag", "env"):
        (place.cwd / f"{name}.toml").write_text(f'[[providers]]\nname = "{name}"\nkind = "guide"\n')

    place.env["FALLBACK_CHAT_CONFIG"] = "env.toml"
    by_env = place.load()
    place.config = Path("flag.toml")
    by_flag = place.load()

    assert [summary(by_env), summary(by_flag)] == [[("env", "manual", "", None)], [("flag", "manual", "", None)]]
    assert by_flag.path == place.cwd / "flag.toml"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.toml", "No such file or directory"),
        (".", "it is a directory"),
        ("a\0b", "no file can have such a name"),
    ],
)
def test_a_named_file_that_cannot_be_read_is_an_error(place: Place, name: str, reason: str) -> None:
    place.mine(MINE)
    place.config = Path(name)

    with pytest.raises(ConfigError) as caught:
        place.load()

    assert str(caught.value) == f"{place.cwd / name}: cannot be read: {reason}"


def test_without_any_file_the_environment_counts(place: Place) -> None:
    place.env["GROQ_API_KEY"] = "x"

    settings = place.load()

    assert (settings.path, [one.name for one in settings.providers]) == (None, ["groq"])
    assert settings.origins == {
        f"providers.groq.{key}": Origin.ENV for key in ("name", "preset", "model", "api_key_env")
    }


def test_a_project_file_may_change_preferences_and_the_order(place: Place) -> None:
    place.mine(MINE)
    place.project(
        '[chain]\nidle_timeout = 3\n[[providers]]\nname = "b"\nmodel = "big"\ntemperature = 0\nenabled = false'
    )

    settings = place.load()

    assert summary(settings) == [("b", "big", *MISTRAL[2:]), GROQ]
    first = settings.providers[0]
    assert (first.enabled, first.temperature, first.attempt.idle_timeout) == (False, 0.0, 3.0)
    assert settings.warnings == ()
    assert settings.path == place.paths.config_file
    assert settings.origins == {
        "chain.deadline": Origin.USER,
        "chain.idle_timeout": Origin.PROJECT,
        "providers.a.name": Origin.USER,
        "providers.a.preset": Origin.USER,
        "providers.a.model": Origin.USER,
        "providers.b.name": Origin.PROJECT,
        "providers.b.preset": Origin.USER,
        "providers.b.model": Origin.PROJECT,
        "providers.b.temperature": Origin.PROJECT,
        "providers.b.enabled": Origin.PROJECT,
    }


def test_an_untrusted_project_file_redirects_nothing_and_says_so_in_one_line(place: Place) -> None:
    place.mine(MINE)
    project = place.project(HOSTILE)

    settings = place.load()

    refused = "providers.evil (not one of yours), providers.b.base_url, providers.b.api_key_cmd, profiles.theirs"
    assert summary(settings) == [("b", "other", *MISTRAL[2:]), GROQ]
    assert settings.chain.deadline == 5.0
    assert settings.profiles == {"ours": ("b",)}
    assert [str(warning) for warning in settings.warnings] == [
        f"{project}: not trusted, so ignored: {refused}; to allow it, run fallback-chat config trust"
    ]


@pytest.mark.parametrize(
    "row",
    [
        'kind = "openai"',
        'preset = "groq"',
        'base_url = "https://evil.example/v1"',
        'api_key_env = "AWS_SECRET"',
        'api_key_cmd = ["id"]',
        'api_key_file = "/etc/passwd"',
        'api_key = "k"',
        'headers = { X = "1" }',
        'proxy = "http://evil.example:1"',
        'ca_file = "evil.pem"',
        "extra_body = { a = 1 }",
        "context_window = 5",
        'tags = ["local"]',
        "prices = { input = 1 }",
    ],
)
def test_each_key_that_is_no_preference_is_refused(place: Place, row: str) -> None:
    place.mine(MINE)
    without = place.load().providers

    place.project(f'[[providers]]\nname = "a"\n{row}\n')
    settings = place.load()

    assert settings.providers == without
    assert len(settings.warnings) == 1


def test_many_refusals_still_fit_on_one_line(place: Place) -> None:
    place.mine(MINE)
    place.project("".join(f'[[providers]]\nname = "e{number}"\nkind = "guide"\n' for number in range(60)))

    (warning,) = place.load().warnings

    assert "providers.e4 (not one of yours) and 55 more; to allow it, run fallback-chat config trust" in warning.message


def test_a_trusted_project_file_counts_whole_with_its_providers_first(place: Place) -> None:
    place.mine(MINE)
    project = place.project(HOSTILE)

    trust(place.paths, project, read_file(project))
    settings = place.load()

    assert summary(settings) == [
        ("b", "other", "https://evil.example/v1", KeySource(cmd=("sh", "-c", "touch /tmp/owned"))),
        ("evil", "m", "https://evil.example/v1", None),
        GROQ,
    ]
    assert (settings.profiles, settings.warnings) == ({"theirs": ("evil",), "ours": ("b",)}, ())


@pytest.mark.parametrize(
    "mine", ['api_key_env = "MY_KEY"', 'api_key_cmd = ["pass", "mine"]', 'api_key_file = "mine"', ""]
)
@pytest.mark.parametrize("theirs", ['api_key_file = "/theirs"', 'api_key = "sk-theirs-0123456789"'])
def test_the_key_of_a_trusted_project_file_replaces_the_users_whatever_its_source(
    place: Place, mine: str, theirs: str
) -> None:
    entry = '[[providers]]\nname = "a"\nkind = "openai"\nmodel = "m"\nbase_url = "https://{}/v1"\n{}\n'
    place.mine(entry.format("mine.example", mine))
    project = place.project(entry.format("theirs.example", theirs))
    trust(place.paths, project, read_file(project))

    (one,) = place.load().providers

    expected = KeySource(file=Path("/theirs")) if "file" in theirs else KeySource(inline="sk-theirs-0123456789")
    assert (one.base_url, one.key) == ("https://theirs.example/v1", expected)


def test_a_trusted_project_file_stands_alone_where_the_user_has_none(place: Place) -> None:
    place.env["GROQ_API_KEY"] = "x"
    project = place.project('[[providers]]\nname = "own"\nkind = "guide"\n')

    trust(place.paths, project, read_file(project))
    settings = place.load()

    assert (settings.path, summary(settings)) == (project, [("own", "manual", "", None)])


def test_without_a_file_of_the_user_preferences_hold_for_what_is_detected(place: Place) -> None:
    place.env["GROQ_API_KEY"] = "x"
    place.project('[[providers]]\nname = "groq"\nmodel = "big"\nbase_url = "https://evil.example/v1"\n')

    settings = place.load()

    assert summary(settings) == [("groq", "big", *GROQ[2:])]
    assert len(settings.warnings) == 1


def test_what_trust_would_allow_is_told_before(place: Place) -> None:
    project = place.project(HOSTILE)

    assert consequences(project, read_file(project)) == [
        "providers.b.base_url = 'https://evil.example/v1'",
        "providers.b.api_key_cmd = 'sh' '-c' 'touch /tmp/owned'",
        "providers.evil.kind = 'openai'",
        "providers.evil.base_url = 'https://evil.example/v1'",
    ]


def test_trust_ends_with_any_change_and_does_not_move_to_another_place(place: Place) -> None:
    project = place.project(HOSTILE)
    content = read_file(project)

    trust(place.paths, project, content)

    assert is_trusted(place.paths, project, content)
    assert not is_trusted(place.paths, project, content + b"\n")
    assert not is_trusted(place.paths, project.with_name("other.toml"), content)
    assert stat.S_IMODE(place.paths.trust_file.stat().st_mode) == 0o600


@pytest.mark.parametrize("broken", ["", "[", "[1]", '{"a": 1}', "[" * 100_000])
def test_a_broken_list_of_trust_vouches_for_nothing_and_is_set_aside(place: Place, broken: str) -> None:
    project = place.project(HOSTILE)
    place.paths.state.mkdir()
    place.paths.trust_file.write_text(broken)
    assert not is_trusted(place.paths, project, read_file(project))

    trust(place.paths, project, read_file(project))

    assert place.paths.trust_file.with_suffix(".broken").read_text() == broken
    assert list(json.loads(place.paths.trust_file.read_text())) == [str(project)]


def test_mistakes_of_both_files_are_told_together(place: Place) -> None:
    mine = place.mine('[[providers]]\nkind = "openai"\n')
    project = place.project("[chain]\nidle = 3\n")

    with pytest.raises(ConfigError) as caught:
        place.load()

    assert [str(problem) for problem in caught.value.problems] == [
        f"{mine}:1: providers.openai.model: is missing: for example 'gpt-6.2-sol'",
        f"{project}:2: chain.idle: unknown key; did you mean 'idle_timeout'?",
    ]


def test_a_key_in_a_file_that_others_can_read_is_warned_about(place: Place) -> None:
    path = place.mine('[[providers]]\npreset = "groq"\nmodel = "m"\napi_key = "gsk-12345"\n')
    assert place.load().warnings == ()

    path.chmod(0o640)

    assert [str(warning) for warning in place.load().warnings] == [
        f"{path}: holds a key and can be read by other users: chmod 600 {path}"
    ]


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_holds_no_certificates_is_a_mistake(place: Place, content: str | None) -> None:
    path = place.mine('[[providers]]\npreset = "groq"\nmodel = "m"\nca_file = "ca.pem"\n')
    file = path.with_name("ca.pem")
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigError) as caught:
        place.load()

    prefix = f"{path}: providers.groq.ca_file: {file} cannot be used as certificates (PEM): "
    assert str(caught.value).startswith(prefix)


def test_the_nearest_file_up_to_the_root_of_the_repository_is_the_projects(place: Place) -> None:
    own = place.paths.config_file
    assert find_project_file(place.cwd, own=own) is None

    (place.repo.parent / "fallback.toml").touch()
    assert find_project_file(place.cwd, own=own) is None

    at_root = place.project("")
    assert find_project_file(place.cwd, own=own) == at_root

    (place.cwd.parent / "fallback.toml").touch()
    assert find_project_file(place.cwd, own=own) == place.cwd.parent / "fallback.toml"


def test_outside_of_a_repository_only_the_working_directory_counts(tmp_path: Path) -> None:
    (tmp_path / "fallback.toml").touch()
    below = tmp_path / "below"
    below.mkdir()

    found = [find_project_file(directory, own=tmp_path / "own") for directory in (tmp_path, below)]

    assert found == [tmp_path / "fallback.toml", None]


def test_a_folder_that_cannot_be_looked_into_holds_no_file(tmp_path: Path) -> None:
    assert find_project_file(tmp_path / ("x" * 300), own=tmp_path) is None


def test_the_users_own_file_is_no_project_file_even_by_another_path(tmp_path: Path) -> None:
    own = tmp_path / "fallback.toml"
    own.touch()
    link = tmp_path / "link"
    link.symlink_to(tmp_path)

    assert find_project_file(link, own=own) is None
