"""Roles: system prompts that the user keeps as files."""

from __future__ import annotations

from fallback_chat.cli.input import read_file
from fallback_chat.configuring import own_paths
from fallback_chat.core.errors import InputError


def role_names() -> list[str]:
    """Return the existing roles."""
    return sorted(path.stem for path in own_paths().roles.glob("*.md"))


def role_prompt(name: str) -> str:
    """Return the system prompt of a role. Raises `InputError` if there is none of that name."""
    folder, names = own_paths().roles, role_names()
    if name not in names:
        there = f"there are {', '.join(names)}" if names else f"a role is a file NAME.md in {folder}"
        raise InputError(f"no role is called {name!r}; {there}" if name else there)
    return read_file(str(folder / f"{name}.md"), pipes=False).strip()
