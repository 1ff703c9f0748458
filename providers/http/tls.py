"""TLS contexts: one for all providers, created for the first https URL.

Loading a bundle of certificates takes 20 ms; a directory that OpenSSL searches on demand takes next
to nothing.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.core.errors import APIConnectionError
from fallback_chat.core.storage.files import check_regular

if TYPE_CHECKING:
    from collections.abc import Mapping

CA_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""The first one set replaces the system's certificates."""


def verified(environ: Mapping[str, str], ca_file: Path | None) -> ssl.SSLContext:
    """Create a context that verifies servers; `ca_file` is trusted in addition.

    Raises `APIConnectionError` if a configured file or folder is unusable.
    """
    place, _ = trusted(environ)
    folder = Path(place).is_dir()
    try:
        if not folder:
            check_regular(Path(place))  # OpenSSL would wait for somebody to write into a pipe
        context = ssl.create_default_context(cafile=None if folder else place, capath=place if folder else None)
    except OSError as error:
        raise _unusable(place, f"correct or unset {', '.join(CA_VARIABLES)}") from error
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            raise _unusable(ca_file, "correct ca_file") from error
    return context


def trusted(environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the file or folder of the trusted certificates, and what names it."""
    for name in CA_VARIABLES:
        if environ.get(name):
            return environ[name], name
    if (folder := _system_directory()) is not None:
        return folder, "the system"
    import certifi

    return certifi.where(), "certifi"


def _unusable(place: str | Path, hint: str) -> APIConnectionError:
    return APIConnectionError(f"the trusted certificates in {str(place)!r} cannot be used", hint=hint)


def _system_directory() -> str | None:
    """Return the system's certificate directory, if OpenSSL can search it by hash."""
    path = ssl.get_default_verify_paths().openssl_capath
    try:
        with os.scandir(path) as entries:
            return path if any(entry.name.endswith(".0") for entry in entries) else None
    except OSError:
        return None
