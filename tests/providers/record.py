"""Makes a vector from a body that a real server has sent.

    python -m tests.providers.record FAMILY CASE BODY "why it is kept"

BODY is a file with the bytes as they came, cut to what matters and without anything private. The result that stands in
the vector is what the readers make of it now: compare it with what the server meant, and correct it before it is kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.providers.vectors import FAMILIES, VECTORS, dialect_of, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENDS: Final = {"lf": b"\n", "crlf": b"\r\n"}
OUR_ID: Final = re.compile(r"call_[0-9a-f]{16}")
CONTENT_TYPES: Final = {"sse": "text/event-stream", "ndjson": "application/x-ndjson"}


def record(family: str, case: str, body: bytes, why: str, folder: Path = VECTORS / "streams") -> Path:
    """Write the vector and the body with each line end; return where the vector is."""
    name = f"{family}-{case}"
    plain = body.replace(b"\r\n", b"\n")
    files = {}
    for form, end in ENDS.items():
        file = f"{name}.txt" if form == "lf" else f"{name}.{form}.txt"
        data = plain.replace(b"\n", end)
        (folder / file).write_bytes(data)
        files[form] = {
            "file": file,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "split_points": [{"offset": offset, "why": reason} for offset, reason in split_points(data)],
        }
    vector = {
        "vector": name,
        "family": family,
        "case": case,
        "why": why,
        "http": {"status": 200, "content_type": CONTENT_TYPES[dialect_of(family).framing], "endings_tested": ["clean"]},
        "native_newline": "crlf" if b"\r\n" in body else "lf",
        "files": files,
        "note": None,
        "expected": expectation(read(family, [plain])),
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(vector, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def expectation(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result in the words of the vectors; ids that we made ourselves are left out."""
    kind = result.pop("kind")
    calls = [call | {"id": "" if OUR_ID.fullmatch(call["id"]) else call["id"]} for call in result["tool_calls"]]
    return result | {"tool_calls": calls, "error_class": kind and {"kind": kind}}


def split_points(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the offsets at which a cut of a body hurts most, and why."""
    yield 2, "inside the first field name"
    if (crlf := data.find(b"\r\n")) >= 0:
        yield crlf + 1, "between CR and LF of the first CRLF"
    if (wide := next((at for at, byte in enumerate(data) if byte >= 0x80), None)) is not None:
        yield wide + 1, "inside the first character of several bytes"
    yield len(data) - 1, "before the last byte"


def main(arguments: Sequence[str]) -> int:
    """Make a vector as the command line says; return the exit code."""
    if len(arguments) != 4 or arguments[0] not in FAMILIES:
        sys.stderr.write(f"{__doc__}\nFAMILY is one of {', '.join(FAMILIES)}.\n")
        return 64
    family, case, body, why = arguments
    sys.stdout.write(f"{record(family, case, Path(body).read_bytes(), why)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
