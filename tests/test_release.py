"""The checklist before a release: it stops at the first step that fails, and its own checks find what they are for."""

from __future__ import annotations

import io
import re
import tarfile
import zipfile
from datetime import date
from pathlib import Path

import pytest

from tests.release import (
    STEPS,
    Step,
    changelog_problems,
    issues_problems,
    main,
    metadata_problems,
    version_problems,
    walk,
)

TODAY = date(2026, 11, 27)
ROOT = Path(__file__).parents[1]
GOOD = """\
Metadata-Version: 2.4
Name: fallback-chat
Version: 0.2.0
Summary: A chat.
License-Expression: MIT
Classifier: Typing :: Typed
Requires-Python: >=3.11
Description-Content-Type: text/markdown

# Getting started, [elsewhere](https://example.org)
"""


def test_the_walk_ends_at_the_first_step_that_fails(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = Step("no", "test $VERSION = 9")
    steps = (Step("yes", "echo $VERSION > said"), bad, Step("never", "touch never"))

    assert walk(steps, "0.2.0", tmp_path) is bad
    assert not (tmp_path / "never").exists()
    assert (tmp_path / "said").read_text() == "0.2.0\n"
    assert capfd.readouterr().out.splitlines() == [
        *("== 1 of 3: yes", "$ echo $VERSION > said"),
        *("== 2 of 3: no", "$ test $VERSION = 9", "FAILED: no"),
    ]
    assert walk(steps[:1], "0.2.0", tmp_path) is None


def test_the_contributors_page_has_the_same_steps() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    (listed,) = re.findall(r"^## Release\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)

    assert re.findall(r"^\d+\. (.*)$", listed, re.MULTILINE) == [step.name for step in STEPS]


def test_a_version_that_is_not_set_is_found(tmp_path: Path) -> None:
    (tmp_path / "fallback_chat").mkdir()
    (tmp_path / "fallback_chat" / "_version.py").write_text('"""The version."""\n\n__version__ = "0.2.0"\n')

    assert list(version_problems(tmp_path, "0.2.0")) == []
    assert list(version_problems(tmp_path, "0.2.1")) == ['fallback_chat/_version.py does not say __version__ = "0.2.1"']


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("## [Unreleased]\n\n## [0.2.0] - 2026-11-27\n\n- New.\n\n## [0.1.0]\n\n- First.\n", []),
        ("## [0.2.0] - 2026-11-27\n- New.\n", []),
        (
            "## [Unreleased]\n- Left.\n## [0.2.0] - 2026-11-27\n- New.\n",
            ["CHANGELOG.md: something stands under [Unreleased]: move it into the section of the release"],
        ),
        ("## [Unreleased]\n\n## [0.1.0]\n- First.\n", ["CHANGELOG.md has no section ## [0.2.0] - 2026-11-27"]),
        (
            "## [0.2.0] - 2026-11-26\n- New.\n",
            ["CHANGELOG.md: [0.2.0] has the date 2026-11-26, and today is 2026-11-27"],
        ),
        ("## [0.2.0]\n- New.\n", ["CHANGELOG.md: [0.2.0] has the date of no day, and today is 2026-11-27"]),
        ("## [0.2.0] - 2026-11-27\n\n## [0.1.0]\n", ["CHANGELOG.md: [0.2.0] is empty"]),
    ],
)
def test_a_section_that_is_not_ready_is_found(tmp_path: Path, text: str, problems: list[str]) -> None:
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{text}")

    assert list(changelog_problems(tmp_path, "0.2.0", TODAY)) == problems


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("", "", None),
        ("Version: 0.2.0", "Version: 0.1.0", "is of version 0.1.0"),
        ("License-Expression: MIT\n", "", ": no License-Expression"),
        ("text/markdown", "text/plain", ": its description is text/plain, not text/markdown"),
        ("https://example.org", "docs/a.md", ": its description links to docs/a.md, which an index does not have"),
    ],
)
def test_what_an_index_could_not_show_is_found(tmp_path: Path, old: str, new: str, problem: str | None) -> None:
    text = GOOD.replace(old, new, 1) if old else GOOD
    data = text.encode()
    with tarfile.open(tmp_path / "x-0.2.0.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("x-0.2.0/PKG-INFO")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    with zipfile.ZipFile(tmp_path / "x-0.2.0-py3-none-any.whl", "w") as archive_:
        archive_.writestr("x-0.2.0.dist-info/METADATA", data)

    found = list(metadata_problems(tmp_path, "0.2.0"))

    separator = "" if problem is None or problem.startswith(":") else " "
    files = ("x-0.2.0.tar.gz", "x-0.2.0-py3-none-any.whl")
    assert found == ([] if problem is None else [f"{file}{separator}{problem}" for file in files])


@pytest.mark.parametrize(
    ("urls", "is_named"),
    [
        ("", False),
        ('[project.urls]\nHome = "https://example.org"', False),
        ('[project.urls]\nIssues = "example.org"', False),
        ('[project.urls]\nIssues = "https://example.org/issues"', True),
    ],
)
def test_a_release_names_a_page_for_bug_reports(tmp_path: Path, urls: str, is_named: bool) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "fallback-chat"\n{urls}\n')
    missing = 'pyproject.toml names no page for bug reports: add [project.urls] Issues = "https://…"'

    assert list(issues_problems(tmp_path)) == ([] if is_named else [missing])


@pytest.mark.parametrize("arguments", [[], ["next"], ["0.2"], ["0.2.0", "coffee"]])
def test_anything_else_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert "make release VERSION=" in capsys.readouterr().err


def test_a_check_says_what_is_wrong_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["99.0.0", "version"]) == 1
    assert capsys.readouterr().out == 'fallback_chat/_version.py does not say __version__ = "99.0.0"\n'
