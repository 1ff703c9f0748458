"""The programs of the manual's pages on the library, cut out of them: what is shown is what is run and checked.

`python -m tests.examples DIR PAGE…` writes those of some pages into a folder.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).parents[1] / "docs"


def programs(page: str) -> dict[str, str]:
    """Return the programs of a page by the name of the file that each says it is; the first one of all says none."""
    codes = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return {name[1] if (name := re.match(r"# (\w+\.py)\n", code)) else "first.py": code for code in codes}


def write(folder: Path, *pages: str) -> None:
    """Write the programs of `pages` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for page in pages:
        for name, code in programs(page).items():
            (folder / name).write_text(code, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), *sys.argv[2:])
