"""The planted defects: one table for each package, each row a mistake that a person could make."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("core", "providers", "cli")
WIDE: Final = ("tests/failover", "tests/test_library.py", "tests/test_public_api.py", "tests/test_wiring.py")
"""What is tried beside all tests of the package, if nothing closer notices."""


@dataclass(frozen=True)
class Defect:
    """One row: in `file`, the only `old` becomes `new`."""

    name: str
    what: str
    """The mistake in a sentence."""
    file: str
    old: str
    new: str
    equivalent: str | None = None
    """Why no user can notice; such a row is not planted, and counts as one that nothing caught."""

    @property
    def package(self) -> str:
        """The package whose file it is in."""
        return self.file.partition("/")[0]

    def planted(self, source: str) -> str:
        """Return `source` with the defect. Raises ValueError unless `old` is there exactly once."""
        if (count := source.count(self.old)) != 1:
            raise ValueError(
                f"tests/mutants/{self.package}.toml: {self.name}: its old text occurs {count} times in {self.file}: "
                "write the row for the code as it is now"
            )
        return source.replace(self.old, self.new)


def defects() -> list[Defect]:
    """Return all rows, package by package."""
    return [Defect(**row) for package in PACKAGES for row in _table(package)["defect"]]


def stages(defect: Defect) -> list[list[str]]:
    """Return the tests to try, the closest first: those of the module, of its room, of its package."""
    module = Path("tests", defect.file)
    mirrors = [f"{module.parent}/test_{module.stem}.py", f"{module.parent}/test_{module.stem}_*.py"]
    near = _table(defect.package)["near"].get(defect.file) or [path for each in mirrors for path in _matching(each)]
    room = next(place for place in module.parents if (ROOT / place).is_dir())
    return [stage for stage in (near, [room.as_posix()], [f"tests/{defect.package}", *WIDE]) if stage]


@cache
def _table(package: str) -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name(f"{package}.toml").read_text("utf-8"))


def _matching(pattern: str) -> list[str]:
    return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
