"""TLS that cannot be trusted, over real sockets: the chain goes on, says which fault it was, and the key stays at home.

Certificates are made by the `openssl` program, since Python cannot make any; without it these tests are skipped.
"""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest

from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings
from fallback_chat.providers.simulator import Simulator
from tests.failover.chains import HEALTHY_TEXT, KEY, Turn, ask, chain, llm
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")

CONFIG: Final = """\
[ca]
default_ca = sim
[sim]
database = index.txt
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = anything
x509_extensions = ext
[anything]
commonName = supplied
[ext]
subjectAltName = {name}
basicConstraints = critical, CA:true
"""


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate and its key."""

    file: Path
    context: ssl.SSLContext
    """For the server."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


def certificate(
    folder: Path, label: str, name: str = "IP:127.0.0.1", years: tuple[int, int] = (2020, 2049)
) -> Certificate:
    """Make a certificate for `name` that is valid from the first to the second of `years`."""
    here = folder / label
    here.mkdir()
    (here / "index.txt").touch()
    (here / "config").write_text(CONFIG.format(name=name))
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "key.pem"]
    first, last = (f"{year}0101000000Z" for year in years)
    dates = ["-startdate", first, "-enddate", last]
    files = ["-keyfile", "key.pem", "-in", "request.pem", "-out", "cert.pem", "-notext"]
    for command in (
        ["req", "-new", *key, "-subj", "/CN=simulator", "-out", "request.pem"],
        ["ca", "-batch", "-config", "config", "-selfsign", *files, *dates],
    ):
        subprocess.run(["openssl", *command], cwd=here, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(here / "cert.pem", here / "key.pem")
    return Certificate(here / "cert.pem", context)


@pytest.fixture(scope="session")
def good(folder: Path) -> Certificate:
    return certificate(folder, "good")


@pytest.fixture(scope="session")
def expired(folder: Path) -> Certificate:
    return certificate(folder, "expired", years=(2020, 2021))


@pytest.fixture(scope="session")
def foreign(folder: Path) -> Certificate:
    return certificate(folder, "foreign", name="DNS:example.com")


async def turn_after(origin: str, ca_file: Path | None = None) -> tuple[Turn, str]:
    """Run a turn whose first provider is at `origin` and give it with what was said about that one."""
    settings = AttemptSettings(attempt_timeout=1.0, max_retry_per_llm=0)
    async with chain("ok") as it:
        faulty = llm("faulty", origin, it.http, attempt=settings, ca_file=ca_file)
        said: list[str] = []
        adapter = FallbackAdapter([faulty, *it.adapter.llms], attempt_settings=settings)
        adapter.on("attempt_failed", lambda event: said.append(f"{event.error.message} {event.error.hint}"))
        return await ask(adapter), " ".join(said)


async def test_a_certificate_of_an_authority_that_the_user_named_is_trusted(good: Certificate) -> None:
    async with Simulator(tls=good.context, key=KEY) as sim:
        turn, said = await turn_after(sim.url, good.file)

    assert (turn.attempts, said) == ([("faulty", "ok", None)], "")


async def test_an_untrusted_certificate_is_named_and_the_key_is_not_sent(good: Certificate) -> None:
    async with Simulator(tls=good.context) as sim:
        turn, said = await turn_after(sim.url)

    assert (turn.text, turn.attempts[0], sim.chats) == (HEALTHY_TEXT, ("faulty", "failed", "connection"), [])
    assert "certificate" in said
    assert "self-signed" in said


async def test_an_expired_certificate_is_named_and_the_key_is_not_sent(expired: Certificate) -> None:
    async with Simulator(tls=expired.context) as sim:
        turn, said = await turn_after(sim.url, expired.file)

    assert (turn.text, turn.attempts[0], sim.chats) == (HEALTHY_TEXT, ("faulty", "failed", "connection"), [])
    assert "expired" in said


async def test_a_certificate_of_another_host_is_named_and_the_key_is_not_sent(foreign: Certificate) -> None:
    async with Simulator(tls=foreign.context) as sim:
        turn, said = await turn_after(sim.url, foreign.file)

    assert (turn.text, turn.attempts[0], sim.chats) == (HEALTHY_TEXT, ("faulty", "failed", "connection"), [])
    assert "another" in said


async def test_a_handshake_that_hangs_costs_the_budget_and_no_more() -> None:
    async with Simulator("accept-silent") as sim:
        turn, _ = await turn_after(sim.url.replace("http:", "https:"))

    assert (turn.text, turn.attempts[0][:2]) == (HEALTHY_TEXT, ("faulty", "failed"))
    assert 0.9 <= turn.elapsed <= 1.01


async def test_the_connection_of_a_handshake_that_hangs_is_closed() -> None:
    async with Simulator("accept-silent") as sim:
        await turn_after(sim.url.replace("http:", "https:"))
        async with asyncio.timeout(PATIENCE):
            await sim.idle()


async def test_https_to_a_server_that_speaks_http_hints_at_the_address() -> None:
    async with Simulator() as sim:
        turn, said = await turn_after(sim.url.replace("http:", "https:"))

    assert (turn.text, turn.attempts[0]) == (HEALTHY_TEXT, ("faulty", "failed", "connection"))
    assert "base_url" in said


async def test_http_to_a_server_that_speaks_tls_fails_over_at_once(good: Certificate) -> None:
    async with Simulator(tls=good.context) as sim:
        turn, said = await turn_after(sim.url.replace("https:", "http:"))

    assert (turn.text, turn.attempts[0]) == (HEALTHY_TEXT, ("faulty", "failed", "connection"))
    assert turn.elapsed < 0.01
    assert said
