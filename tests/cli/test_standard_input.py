"""Standard input is read beside the event loop: to its end, and never longer than it is wanted."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import socket
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.question import Question
from fallback_chat.cli.standard_input import WAITING, is_piped, read_to_end
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def test_pipes_files_and_sockets_are_read_and_devices_are_not(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    device = os.open(os.devnull, os.O_RDONLY)
    try:
        assert [is_piped(fd) for fd in (reading, file, ours.fileno(), device)] == [True, True, True, False]
    finally:
        for fd in (reading, writing, file, device):
            os.close(fd)
        ours.close()
        theirs.close()
    assert not is_piped(reading)


async def test_what_comes_in_pieces_is_read_to_its_end() -> None:
    reading, writing = os.pipe()
    told: list[str] = []
    with os.fdopen(reading, "rb") as stream:
        task = asyncio.ensure_future(read_to_end(100, told.append, stream=stream))
        for piece in (b"one ", b"two ", b"three"):
            await asyncio.sleep(0)
            os.write(writing, piece)
        os.close(writing)

        assert await task == b"one two three"

    assert told in ([], [WAITING])


async def test_a_pipe_that_nobody_closes_is_named_and_a_cancel_ends_the_wait() -> None:
    reading, writing = os.pipe()
    told: asyncio.Queue[str] = asyncio.Queue()
    with os.fdopen(reading, "rb") as stream:
        task = asyncio.ensure_future(read_to_end(100, told.put_nowait, stream=stream, patience=0.01))

        assert await told.get() == WAITING
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        os.close(writing)


async def test_more_than_is_allowed_is_not_waited_for() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        os.write(writing, b"x" * 101)

        assert await read_to_end(100, lambda _: None, stream=stream) == b"x" * 100

        os.close(writing)


class Unreadable(io.BufferedReader):
    """Standard input from a disk that breaks."""

    def read(self, _: int | None = -1) -> bytes:
        raise OSError(errno.EIO, "Input/output error")


async def test_input_that_cannot_be_read_is_not_taken_for_none() -> None:
    with Unreadable(io.FileIO(os.devnull)) as broken, pytest.raises(OSError, match="Input/output error"):
        await read_to_end(100, lambda _: None, stream=broken)


async def test_the_deadline_counts_the_wait_for_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "r") as stream:
        monkeypatch.setattr("sys.stdin", stream)

        with pytest.raises(InputError, match=r"standard input has not ended within the deadline of 0\.1 s") as caught:
            await Question("hi", reads_stdin=True).parts(lambda _: None, deadline=0.1)

        os.close(writing)
    assert caught.value.late


async def test_what_is_added_to_a_question_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "list").write_text("a\nb\n")
    with (tmp_path / "list").open() as stream:
        monkeypatch.setattr("sys.stdin", stream)

        (part,) = await Question("hi", reads_stdin=True).parts(told.append, deadline=None)

    assert (part.text, told) == ("hi\n\nstdin:\n```\na\nb\n```", ["standard input was added: 2 lines"])  # type: ignore[union-attr]
