"""S1-S4: what the program costs before and around its answer, beside the bare interpreter, typer, and a bare httpx script."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ENVIRONMENT, alternate, ratio, row, run, upstream, verdict

PYTHON = sys.executable
PROGRAM = [str(Path(PYTHON).with_name("fallback-chat"))]


def config(folder: str, *urls: str, attempt_timeout: float = 5.0) -> dict[str, str]:
    """Write a chain over `urls` and give the environment in which it counts."""
    path = Path(folder) / "fallback.toml"
    entries = [f"[chain]\nattempt_timeout = {attempt_timeout}\n"]
    entries += [
        f'[[providers]]\nname = "p{n}"\nkind = "openai"\nmodel = "m"\nbase_url = "{url}/v1"\napi_key = "test-key"\n'
        for n, url in enumerate(urls)
    ]
    path.write_text("\n".join(entries))
    path.chmod(0o600)
    return {**ENVIRONMENT, "HOME": folder, "FALLBACK_CHAT_CONFIG": str(path)}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, upstream() as url:
        env = config(folder, f"{url}/good/1")
        results = alternate(
            {
                "pass": lambda: run([PYTHON, "-c", "print(1)"]),
                "version": lambda: run([*PROGRAM, "--version"]),
                "help": lambda: run([*PROGRAM, "--help"]),
                "floor": lambda: run([PYTHON, "benchmarks/floor_ask.py", f"{url}/good/1/v1/chat/completions"]),
                "ask": lambda: run([*PROGRAM, "ask", "hi"], env),
            }
        )
        cpu = {name: [one.cpu for one in runs] for name, runs in results.items()}
        row("S1", "--version, CPU / python -c pass", ratio(cpu["version"], cpu["pass"]), 2.0)
        row("S2", "--help, CPU / python -c pass", ratio(cpu["help"], cpu["pass"]), 12.0)
        row("S3", "ask of one token, CPU / httpx async script", ratio(cpu["ask"], cpu["floor"]), 1.25)
        first = {name: [one.first_byte for one in runs] for name, runs in results.items()}
        row("S3", "ask of one token, first byte / httpx async script", ratio(first["ask"], first["floor"]), 1.25)
        row("S4", "ask, peak memory", max(one.rss for one in results["ask"]) / 1024, 36, "MB")
        row("S4", "ask, modules imported", count_modules(env), 400, "")
    return verdict()


def count_modules(env: dict[str, str]) -> int:
    """Count what `ask` to a pipe has imported by its end, without what only an editable install brings along."""
    code = (
        "import atexit, os, sys; leave = os._exit; editable = ('_distutils_hack', '__editable__')\n"
        "def count(code):\n"
        "    sys.stderr.write(str(sum(not name.startswith(editable) for name in sys.modules)))\n"
        "    sys.stderr.flush(); leave(code)\n"
        "os._exit = count; sys.argv[1:] = ['ask', '-q', 'hi']\n"
        "from fallback_chat.__main__ import main; main()"
    )
    done = subprocess.run(
        [PYTHON, "-c", code], env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True
    )
    return int(done.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
