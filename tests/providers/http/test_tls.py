"""Encrypted connections: who is trusted, and how a refusal is said."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING, Final

import httpx
import pytest

from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.errors import APIConnectionError, ErrorKind
from fallback_chat.providers import load
from fallback_chat.providers.failures.connection import connection_error
from fallback_chat.providers.http import tls
from fallback_chat.providers.http.engine import HttpEngine
from tests.providers.asking import WHOLE, ask, llm, sends
from tests.providers.certificates import certificate, needs_openssl
from tests.providers.raw_server import Peer, RawServer, raw_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@needs_openssl
async def test_an_own_authority_is_trusted_by_its_file(tmp_path: Path) -> None:
    cert, context = certificate(tmp_path, "IP:127.0.0.1")
    async with raw_server(sends(WHOLE), tls=context) as server:
        async with llm(server.url) as stranger:
            _, error = await ask(stranger)
        async with llm(server.url, ca_file=cert) as one:
            assert await ask(one) == ("Hi there", None)
        told = HttpEngine(environ={"SSL_CERT_FILE": str(cert)})
        async with llm(server.url, http=told) as one:
            assert await ask(one) == ("Hi there", None)
    assert isinstance(error, APIConnectionError)
    assert error.message == f"the certificate of 127.0.0.1:{server.port} is self-signed"
    assert sum(len(peer.requests) for peer in server.peers) == 2


@needs_openssl
async def test_a_certificate_for_another_host_is_said_to_be_so(tmp_path: Path) -> None:
    cert, context = certificate(tmp_path, "DNS:other.test")
    async with raw_server(sends(WHOLE), tls=context) as server, llm(server.url, ca_file=cert) as one:
        _, error = await ask(one)
    assert error is not None
    assert error.message == f"the certificate of 127.0.0.1:{server.port} is for another address"
    assert all(not peer.requests for peer in server.peers)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "is not valid yet"),
        (10, "has expired"),
        (20, "is signed by an authority that is not trusted"),
        (99, "cannot be verified: odd"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(code: int, words: str) -> None:
    cause = ssl.SSLCertVerificationError(1, "quoted")
    cause.verify_code, cause.verify_message = code, "odd"
    error = httpx.ConnectError("quoted")
    error.__cause__ = cause
    assert connection_error(error, "https://h.test/v1").message == f"the certificate of h.test {words}"


async def test_plain_http_on_the_port_is_said_to_be_so() -> None:
    async def play(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(play) as server, llm(https(server)) as one:
        _, error = await ask(one)
    assert error is not None
    assert (error.kind, error.message) == (ErrorKind.CONNECTION, f"127.0.0.1:{server.port} does not speak TLS")


def https(server: RawServer) -> str:
    return server.url.replace("http://", "https://")


PLACES: Final[dict[str, Callable[[Path], None]]] = {
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link in a circle": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("put", PLACES.values(), ids=PLACES)
def test_certificates_that_are_no_file_are_not_opened(put: Callable[[Path], None], tmp_path: Path) -> None:
    put(place := tmp_path / "certificates.pem")
    with pytest.raises(APIConnectionError, match="cannot be used"):
        tls.verified({"SSL_CERT_FILE": str(place)}, None)


@pytest.mark.parametrize("variable", tls.CA_VARIABLES)
async def test_certificates_that_are_not_there_are_an_error_of_the_connection(variable: str, tmp_path: Path) -> None:
    http = HttpEngine(environ={variable: str(tmp_path / "missing.pem")})
    async with llm("https://nowhere.invalid/v1", proxy="none", http=http) as one:
        _, error = await ask(one)
    assert isinstance(error, APIConnectionError)
    assert error.message == f"the trusted certificates in {str(tmp_path / 'missing.pem')!r} cannot be used"
    assert error.hint == "correct or unset SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE"


async def test_a_ca_file_that_is_none_is_an_error_of_the_connection(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    async with llm("https://nowhere.invalid/v1", proxy="none", ca_file=tmp_path / "ca.pem") as one:
        _, error = await ask(one)
    assert error is not None
    assert (error.message.endswith("ca.pem' cannot be used"), error.hint) == (True, "correct ca_file")


def test_without_a_folder_of_the_system_the_bundle_of_certifi_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_system_directory", lambda: None)
    context = tls.verified({}, None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.get_ca_certs()


def test_a_folder_is_one_of_the_system_only_if_openssl_can_look_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ssl.get_default_verify_paths()
    for folder, wanted in ((tmp_path, None), (tmp_path / "missing", None)):
        monkeypatch.setattr(
            ssl, "get_default_verify_paths", lambda path=folder: paths._replace(openssl_capath=str(path))
        )
        assert tls._system_directory() == wanted
    (tmp_path / "0a1b2c3d.0").touch()
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths._replace(openssl_capath=str(tmp_path)))
    assert tls._system_directory() == str(tmp_path)


async def test_one_context_serves_all_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[ssl.SSLContext] = []
    verified = tls.verified

    def counting(environ: dict[str, str], ca_file: Path | None) -> ssl.SSLContext:
        made.append(verified(environ, ca_file))
        return made[-1]

    monkeypatch.setattr(tls, "verified", counting)
    http = HttpEngine(environ={})
    for kind in ("openai", "anthropic"):
        settings = ProviderSettings(name=kind, kind=kind, model="m", base_url="https://nowhere.invalid", proxy="none")
        one = load(kind).create(settings, api_key=None, http=http)
        assert not (await one.probe()).ok
    await http.aclose()
    assert len(made) == 1
