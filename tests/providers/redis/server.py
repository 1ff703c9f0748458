"""A real Redis server for one test, on a Unix socket and a port of 127.0.0.1, that can be lost and come back."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fallback_chat.providers.redis.resp import Address, Redis
from fallback_chat.providers.simulator import closed_port
from tests.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD: Final = "a-password-of-redis"
MISSING: Final = "there is no redis-server here: apt-get install redis-server"


def program() -> str | None:
    """Return where the server is."""
    return shutil.which("redis-server")


@dataclass
class Server:
    """Runs in `directory`, between `start()` and `stop()`."""

    directory: Path
    port: int = field(default_factory=closed_port)
    password: str | None = None
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.directory}/redis.sock"

    @property
    def tcp_url(self) -> str:
        login = f":{self.password}@" if self.password else ""
        return f"redis://{login}127.0.0.1:{self.port}/3"

    def start(self) -> None:
        command = [
            program() or "redis-server", "--port", str(self.port), "--bind", "127.0.0.1",
            "--unixsocket", f"{self.directory}/redis.sock", "--save", "", "--appendonly", "no",
            "--dir", str(self.directory), "--daemonize", "no",
            *(("--requirepass", self.password) if self.password else ()),
        ]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        """Kill it, as an outage would; what it held is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def _answers(self) -> bool:
        try:
            redis = Redis(Address.of(self.url)._replace(password=self.password), timeout=1)
        except OSError:
            return False
        redis.close()
        return True
