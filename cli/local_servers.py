"""Which model servers run on this machine, and what they would answer with: asked over loopback, all at once, in a moment."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from threading import Thread
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.core.services import Service

CONNECT_TIMEOUT: Final = 0.05
"""Seconds; nothing on this machine takes longer to accept."""
LIST_TIMEOUT: Final = 1.0
"""Seconds for all of it."""
MAX_BYTES: Final = 1 << 20


def first_models(services: Sequence[Service]) -> dict[str, str]:
    """Give the first model that each of `services` lists, by the service's name; who does not answer as such a server is left out.

    Other programs, too, listen on these ports: only a list of models tells that a prompt may be sent there.
    """
    found: dict[str, str] = {}
    threads = [Thread(target=_look, args=(service, found), daemon=True) for service in services]
    for thread in threads:
        thread.start()
    end = time.monotonic() + LIST_TIMEOUT
    for thread in threads:
        # One that sends its list byte by byte is not waited for.
        thread.join(max(0.0, end - time.monotonic()))
    return {service.name: found[service.name] for service in services if service.name in found}


def _look(service: Service, found: dict[str, str]) -> None:
    if (model := _first_model(service)) is not None:
        found[service.name] = model


def _first_model(service: Service) -> str | None:
    try:
        listed = _names(_get_json(service))
    except (OSError, HTTPException, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return next((name for name in listed if isinstance(name, str) and "embed" not in name.lower()), None)


def _names(answer: Any) -> list[Any]:
    """Read Ollama's list or one in OpenAI's form."""
    return (
        [model["name"] for model in answer["models"]]
        if "models" in answer
        else [model["id"] for model in answer["data"]]
    )


def _get_json(service: Service) -> Any:
    parts = urlsplit(service.base_url)
    if parts.scheme != "http" or parts.hostname is None:
        raise ValueError(service.base_url)
    connection = HTTPConnection(parts.hostname, parts.port or 80, timeout=CONNECT_TIMEOUT)
    with closing(connection):
        connection.connect()
        assert isinstance(connection.sock, socket.socket)
        connection.sock.settimeout(LIST_TIMEOUT)
        path = "/api/tags" if "ollama" in service.kinds else f"{parts.path}/models"
        connection.request("GET", path, headers={"Accept": "application/json"})
        response = connection.getresponse()
        body = response.read(MAX_BYTES)
    if response.status != 200:
        raise ValueError(response.status)
    return json.loads(body)
