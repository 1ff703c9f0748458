"""What is installed: one package, from a source distribution that can build it, and a command that runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from fallback_chat.__main__ import main

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS: Final = PROJECT["tool"]["setuptools"]


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command in the test's own home; give what it printed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tracked() -> list[str]:
    """Give the files that belong to the project."""
    return run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT).splitlines()


def copied(place: Path) -> Path:
    """Copy the project's files, so that a build leaves nothing behind in them."""
    for name in tracked():
        source, target = ROOT / name, place / name
        if source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source.readlink())
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    return place


def test_the_packages_are_the_folders_that_hold_one() -> None:
    places = SETUPTOOLS["package-dir"]
    folders = {
        folder
        for top in ("cli", "core", "providers", "docs")
        for folder in (path.parent.relative_to(ROOT).as_posix() for path in (ROOT / top).rglob("__init__.py"))
    }

    def folder_of(package: str) -> str:
        if package in places:
            return str(places[package])
        parent, _, name = package.rpartition(".")
        return f"{folder_of(parent)}/{name}"

    assert sorted(map(folder_of, SETUPTOOLS["packages"])) == sorted(folders | {"fallback_chat"})


def test_every_folder_with_code_is_a_package() -> None:
    code = {
        path.parent for top in ("cli", "core", "providers") for path in (ROOT / top).rglob("*.py") if path.parts[-1]
    }

    assert [folder for folder in code if not (folder / "__init__.py").is_file()] == []


def built(what: str, source: Path, place: Path) -> Path:
    """Let the build backend put a distribution of `source` into `place`."""
    code = "import setuptools.build_meta as b, sys; print(getattr(b, sys.argv[1])(sys.argv[2]))"
    return place / run(sys.executable, "-c", code, f"build_{what}", str(place), cwd=source).splitlines()[-1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unpack a source distribution."""
    place = tmp_path_factory.mktemp("build")
    with tarfile.open(built("sdist", copied(place / "source"), place)) as archive:
        archive.extractall(place / "unpacked", filter="data")
    (folder,) = (place / "unpacked").iterdir()
    return folder


@pytest.fixture(scope="module")
def wheel(unpacked: Path) -> Path:
    """Build a wheel from the source distribution, as an installer does."""
    return built("wheel", unpacked, unpacked.parents[1])


def test_the_source_distribution_holds_no_tests_that_could_not_run(unpacked: Path) -> None:
    assert not (unpacked / "tests").exists()
    assert (unpacked / "LICENSE").is_file()


def test_an_index_can_show_the_description_as_it_is(unpacked: Path) -> None:
    _, description = (unpacked / "PKG-INFO").read_text("utf-8").split("\n\n", 1)

    assert description.startswith("# Getting started")
    assert re.findall(r"\]\((?!https://)", description) == []


def test_windows_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 69
    assert capsys.readouterr().err == "fallback-chat runs on Linux and macOS; on Windows, use it in WSL\n"


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    python = {name for name in names if name.endswith(".py")}

    assert tops == {"fallback_chat", f"fallback_chat-{wheel.name.split('-')[1]}.dist-info"}
    expected = {
        f"fallback_chat/{'manual' + name.removeprefix('docs') if name.startswith('docs/') else name}"
        for name in tracked()
        if name.endswith(".py") and name.split("/")[0] in ("cli", "core", "providers", "docs")
    }
    assert python == expected | {
        f"fallback_chat/{name}.py"
        for name in ("__init__", "__main__", "_api", "_version", "configuring", "sharing", "wiring")
    }
    assert {"fallback_chat/py.typed", "fallback_chat/manual/exit-codes.md"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_installed_wheel_runs(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from fallback_chat.__main__ import main; main()"
    python = (sys.executable, "-c", code, site)

    version = run(*python, "--version", cwd=tmp_path)
    answer = run(*python, "ask", "how do I add a provider?", cwd=tmp_path)

    assert version == f"fallback-chat {wheel.name.split('-')[1]}\n"
    assert answer.strip()


def test_an_editable_install_runs_the_sources(tmp_path: Path) -> None:
    source, site = copied(tmp_path / "source"), tmp_path / "site"
    with zipfile.ZipFile(built("editable", source, tmp_path)) as archive:
        archive.extractall(site)
    (source / "fallback_chat/_version.py").write_text('__version__ = "7.7.7"\n', "utf-8")
    code = "import site, sys; site.addsitedir(sys.argv.pop(1)); from fallback_chat.__main__ import main; main()"

    # -S: the environment of the tests may have an editable install of its own.
    assert run(sys.executable, "-S", "-c", code, site, "--version", cwd=tmp_path) == "fallback-chat 7.7.7\n"


def test_the_checkout_runs_as_a_module() -> None:
    assert run(sys.executable, "-m", "fallback_chat", "--version", cwd=ROOT).startswith("fallback-chat ")


def test_the_minimal_versions_are_the_lowest_that_are_allowed() -> None:
    wanted = {
        requirement.name: min(Version(each.version) for each in requirement.specifier if each.operator == ">=")
        for requirement in map(Requirement, PROJECT["project"]["dependencies"])
    }
    pins = re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "requirements/minimal.txt").read_text("utf-8"), re.MULTILINE)

    assert {name: Version(version) for name, version in pins if name in wanted} == wanted
