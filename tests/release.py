"""The checklist before a release, walked step by step until one fails.

    make release VERSION=0.2.0

Each step is a command that can be repeated alone. Nothing is tagged or published: the last lines say how.
"""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from fallback_chat.cli.process.border import ISSUES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import date

ROOT: Final = Path(__file__).parents[1]
PYTHON: Final = ".venv/bin/python"
DIST: Final = "build/release"
MUST_BE: Final = ("Name", "Summary", "License-Expression", "Requires-Python", "Classifier", "Description-Content-Type")


class Step(NamedTuple):
    """One line of the checklist."""

    name: str
    command: str
    """For a shell in the checkout; `$VERSION` is the release."""


def _check(name: str) -> str:
    return f"{PYTHON} -m tests.release $VERSION {name}"


_BACKEND: Final = f"import setuptools.build_meta as b; b.build_sdist('{DIST}'); b.build_wheel('{DIST}')"
_INSTALLED: Final = f"env -i HOME=$PWD/{DIST} PATH=$PATH TERM=dumb {DIST}/venv/bin/fallback-chat"
STEPS: Final = (
    Step("the version is set", _check("version")),
    Step("the changelog has its section, with the date", _check("changelog")),
    Step("a page for bug reports is named", _check("issues")),
    Step("nothing is uncommitted", 'test -z "$(git status --porcelain)" || { git status --short; false; }'),
    Step("the tag is free", '! git rev-parse -q --verify "refs/tags/v$VERSION"'),
    Step("it can be built", f'rm -rf {DIST} && mkdir -p {DIST} && {PYTHON} -c "{_BACKEND}" >/dev/null'),
    Step("an index can show it", _check("metadata")),
    Step("it can be installed", f"{PYTHON} -m venv {DIST}/venv && {DIST}/venv/bin/pip install -q {DIST}/*.whl"),
    Step(
        "the README's first commands work",
        f"make demo && {_INSTALLED} --version && {_INSTALLED} ask 'what is a chain?'",
    ),
    # Minutes, and half an hour: after all that fails in seconds.
    Step("tests and linters pass", "make check"),
    Step("every case, version and lowest dependency passes", "make test-all"),
)
LAST: Final = "ready; tag it with: git tag -a v{0} -m 'fallback-chat {0}', and publish " + DIST


def version_problems(root: Path, version: str) -> Iterator[str]:
    """Yield what is wrong with the version in the package."""
    text = (root / "fallback_chat" / "_version.py").read_text("utf-8")
    if f'__version__ = "{version}"\n' not in text:
        yield f'fallback_chat/_version.py does not say __version__ = "{version}"'


def changelog_problems(root: Path, version: str, today: date) -> Iterator[str]:
    """Yield what is wrong with the section of a release: it is dated today, is not empty, and nothing is left above it."""
    parts = re.split(r"^## \[(.+?)\](.*)\n", (root / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    sections = {
        name: (rest.removeprefix(" - "), text.strip()) for name, rest, text in zip(*[iter(parts[1:])] * 3, strict=True)
    }
    if sections.get("Unreleased", ("", ""))[1]:
        yield "CHANGELOG.md: something stands under [Unreleased]: move it into the section of the release"
    if version not in sections:
        yield f"CHANGELOG.md has no section ## [{version}] - {today}"
        return
    dated, text = sections[version]
    if dated != str(today):
        yield f"CHANGELOG.md: [{version}] has the date {dated or 'of no day'}, and today is {today}"
    if not text:
        yield f"CHANGELOG.md: [{version}] is empty"


def issues_problems(root: Path) -> Iterator[str]:
    """Yield what is wrong with the page for bug reports, which a report of a crash names."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    if not project.get("urls", {}).get(ISSUES, "").startswith("https://"):
        yield f'pyproject.toml names no page for bug reports: add [project.urls] {ISSUES} = "https://…"'


def metadata_problems(dist: Path, version: str) -> Iterator[str]:
    """Yield what an index would refuse or could not show of the distributions in a folder."""
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    with tarfile.open(sdist) as archive:
        (name,) = (name for name in archive.getnames() if re.fullmatch(r"[^/]+/PKG-INFO", name))
        member = archive.extractfile(name)
        assert member
        texts = {sdist.name: member.read().decode()}
    with zipfile.ZipFile(wheel) as archive_:
        (name,) = (name for name in archive_.namelist() if name.endswith(".dist-info/METADATA"))
        texts[wheel.name] = archive_.read(name).decode()
    for file, text in texts.items():
        said = email.message_from_string(text)
        yield from (f"{file}: no {field}" for field in MUST_BE if not said[field])
        if said["Version"] != version:
            yield f"{file} is of version {said['Version']}"
        if said["Description-Content-Type"] != "text/markdown":
            yield f"{file}: its description is {said['Description-Content-Type']}, not text/markdown"
        for link in re.findall(r"\]\((?!https://|#)([^)]*)\)", str(said.get_payload())):
            yield f"{file}: its description links to {link}, which an index does not have"


def _today() -> date:
    return datetime.now(UTC).date()


CHECKS: Final[Mapping[str, Callable[[str], Iterator[str]]]] = {
    "version": lambda version: version_problems(ROOT, version),
    "changelog": lambda version: changelog_problems(ROOT, version, _today()),
    "issues": lambda _: issues_problems(ROOT),
    "metadata": lambda version: metadata_problems(ROOT / DIST, version),
}


def walk(steps: Sequence[Step], version: str, root: Path = ROOT) -> Step | None:
    """Take the steps in their order; return the first that fails."""
    for number, step in enumerate(steps, start=1):
        sys.stdout.write(f"== {number} of {len(steps)}: {step.name}\n$ {step.command}\n")
        sys.stdout.flush()
        done = subprocess.run(step.command, shell=True, cwd=root, env=os.environ | {"VERSION": version}, check=False)
        if done.returncode:
            sys.stdout.write(f"FAILED: {step.name}\n")
            return step
    return None


def main(arguments: Sequence[str]) -> int:
    """Walk the checklist, or make one check of it; return the exit code."""
    match arguments:
        case [version] if re.fullmatch(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?", version):
            failed = walk(STEPS, version)
            if failed is None:
                sys.stdout.write(LAST.format(version) + "\n")
            return int(failed is not None)
        case [version, check] if check in CHECKS:
            problems = list(CHECKS[check](version))
            sys.stdout.write("".join(f"{problem}\n" for problem in problems))
            return int(bool(problems))
        case _:
            sys.stderr.write(__doc__ or "")
            return 64


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
