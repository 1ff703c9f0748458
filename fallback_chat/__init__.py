"""An ordered chain of LLM providers behind one `chat()`: when one fails, the next one answers.

The public names are listed in `_api.py`. They are imported on first use, so that `import
fallback_chat` costs nothing.
"""

from __future__ import annotations

import os.path  # pathlib would double the cost of `--version`

from fallback_chat._version import __version__ as __version__

_HERE = os.path.dirname(__file__)  # noqa: PTH120
if not os.path.isdir(f"{_HERE}/core"):  # noqa: PTH112
    # A checkout on a system where git cannot create the symlinks core, cli and providers: they are
    # one folder up.
    __path__.append(os.path.dirname(_HERE))  # noqa: PTH120

# Importing `typing` takes a third of what `--version` may cost; type checkers go by the name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from fallback_chat._api import *  # noqa: F403 - _api.py lists the names
else:

    def __getattr__(name: str) -> object:
        if name == "__all__":  # asked for by `from fallback_chat import *`
            return __dir__()
        if name.startswith("_") or name not in _names():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _names()[name]

    def __dir__() -> list[str]:
        return sorted(["__version__", *(name for name in _names() if not name.startswith("_"))])

    def _names() -> dict[str, object]:
        from importlib import import_module

        return vars(import_module(f"{__name__}._api"))
