"""Starts the real servers on loopback, without any key or setting of the developer's, and ends them by their id."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.providers.simulator import closed_port
from tests.cli.program import KEY, ROOT
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

BIN: Final = ROOT / ".venv-real/bin"
START: Final = 120.0
"""Seconds; importing torch or the gateway takes about ten, on a machine that does nothing else."""
OFFLINE: Final = {
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it fetches a list of prices when it starts
}


@dataclass(frozen=True)
class Server:
    """A server that runs; it ends when the block that started it does, or with `kill`."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it as the kernel would, in the middle of whatever it does."""
        self.process.kill()
        self.process.wait()


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home)} | OFFLINE


@contextmanager
def started(command: Sequence[str], port: int, health: str, home: Path) -> Iterator[Server]:
    """Run a server until the block ends. Raises TimeoutError, or RuntimeError with its last words, when it does not start."""
    url = f"http://127.0.0.1:{port}"
    log = home / f"{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment(home), cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )

    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(url + health, timeout=2):
                return True
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    try:
        wait_until(ready, patience=START)
        yield Server(url, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def inference(model: Path, home: Path, port: int | None = None) -> Iterator[Server]:
    """Serve the model in the folder `model` with transformers; its folder is its name."""
    port = port or closed_port()
    command = [BIN / "transformers", "serve", model, "--host", "127.0.0.1", "--port", port, "--device", "cpu"]
    with started([str(word) for word in command], port, "/health", home) as server:
        yield server


@contextmanager
def gateway(model: Path, upstream: str, home: Path) -> Iterator[Server]:
    """Serve `tiny`, which is the inference server at `upstream`, with LiteLLM; KEY is its master key."""
    port = closed_port()
    upstream_params = {"model": f"openai/{model}", "api_base": f"{upstream}/v1", "api_key": "none"}
    config: dict[str, Any] = {
        "model_list": [{"model_name": "tiny", "litellm_params": upstream_params}],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"telemetry": False, "num_retries": 0, "drop_params": True},
    }
    file = home / f"gateway-{port}.yaml"
    file.write_text(json.dumps(config), "utf-8")  # JSON is YAML
    command = [BIN / "litellm", "--config", file, "--host", "127.0.0.1", "--port", port]
    with started([str(word) for word in command], port, "/health/liveliness", home) as server:
        yield server
