"""What is written waits for its readers, and nobody waits for what is written."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.process import behind as behind_module
from fallback_chat.cli.process.behind import ENOUGH, MOST_ON_SCREEN, Behind, Queue
from fallback_chat.cli.process.outlet import Outlet, outlet_of, waiting
from tests.waiting import PATIENCE, until, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO


def text(fd: int, *, forgiven: bool = False) -> TextIO:
    return io.TextIOWrapper(io.BufferedWriter(Outlet(fd, forgiven=forgiven)), "utf-8")


MOST = 1 << 20
"""Less than the program allows, so that it takes less time."""
pytestmark = pytest.mark.usefixtures("way")


@contextmanager
def standard(monkeypatch: pytest.MonkeyPatch, out: int, err: int) -> Iterator[Behind]:
    """Have standard output and error lead to these descriptors, and be written behind."""
    monkeypatch.setattr(sys, "stdout", text(out))
    monkeypatch.setattr(sys, "stderr", text(err, forgiven=True))
    behind = Behind()
    behind.begin()
    behind.begin()
    yield behind
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def say(stream: TextIO, words: str) -> None:
    stream.write(words)
    stream.flush()


class Pipe:
    """A pipe, whose reader reads when it is told to."""

    def __init__(self) -> None:
        self.reading, self.writing = os.pipe()

    def read(self, count: int = 1 << 30) -> bytes:
        """Read until so much is there, or the writers have gone."""
        found = b""
        while len(found) < count and (piece := os.read(self.reading, min(count - len(found), 1 << 16))):
            found += piece
        return found


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture(params=["at once", "by a thread"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have the system write without waiting where it can, or know of no such thing."""
    if request.param == "by a thread":
        monkeypatch.delattr("os.RWF_NOWAIT", raising=False)
    return str(request.param)


def test_until_it_begins_a_write_is_a_write(pipe: Pipe) -> None:
    stream = text(pipe.writing)

    say(stream, "words")

    assert (pipe.read(5), waiting(stream)) == (b"words", 0)


def test_a_write_waits_for_its_reader_in_a_pipe_that_another_program_made_non_blocking(pipe: Pipe) -> None:
    os.set_blocking(pipe.writing, False)
    words = "words" * 100_000
    with ThreadPoolExecutor() as pool:
        found = pool.submit(pipe.read, len(words))
        try:
            say(text(pipe.writing), words)
        finally:
            os.close(pipe.writing)
        assert found.result(PATIENCE) == words.encode()


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_does_not_read_holds_nobody_up_and_gets_everything_in_order(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, *, blocking: bool
) -> None:
    os.set_blocking(pipe.writing, blocking)
    words = "".join(f"[{number:06d}]" for number in range(100_000))
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        for start in range(0, len(words), 1000):
            say(sys.stdout, words[start : start + 1000])
        assert waiting(sys.stdout) > 0
        assert pipe.read(len(words)) == words.encode()
        behind.wait()
        behind.check()
        assert (waiting(sys.stdout), behind.size) == (0, 0)


def test_what_goes_to_one_place_by_two_streams_keeps_its_order(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with standard(monkeypatch, pipe.writing, os.dup(pipe.writing)) as behind:
        for number in range(100):
            say((sys.stdout, sys.stderr)[number % 2], f"{number} ")
        behind.wait()
        assert pipe.read(290) == "".join(f"{number} " for number in range(100)).encode()


def test_a_file_is_written_to_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    with file.open("wb") as opened, standard(monkeypatch, opened.fileno(), os.dup(2)):
        say(sys.stdout, "words")
        assert file.read_bytes() == b"words"
        outlet = outlet_of(sys.stdout)
        assert outlet is not None
        assert outlet.queue is None


async def test_whoever_produces_much_waits_until_there_is_room(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind_module, "MOST", MOST)
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        produced = 0
        while not behind.full:
            say(sys.stdout, "x" * 50_000)
            produced += 50_000
        assert MOST < produced <= MOST + 50_000 + 2 * (1 << 16)
        waiter = asyncio.ensure_future(behind.room())
        await asyncio.sleep(0)
        assert not waiter.done()

        reader = asyncio.ensure_future(asyncio.to_thread(pipe.read, produced))
        await waiter
        assert not behind.full
        assert behind.size <= MOST * ENOUGH
        await behind.room()
        assert len(await reader) == produced
        behind.wait()


async def test_less_waits_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with standard(monkeypatch, slave, os.dup(2)) as behind:
        say(sys.stdout, "x" * MOST_ON_SCREEN)
        assert not behind.full
        say(sys.stdout, "x" * MOST_ON_SCREEN)
        assert behind.full
        while behind.size:
            await asyncio.to_thread(os.read, master, 1 << 16)
        await behind.room()


async def test_a_producer_that_has_given_up_is_not_woken(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind_module, "MOST", MOST)
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        say(sys.stdout, "x" * (MOST + (1 << 17)))
        waiter = asyncio.ensure_future(behind.room())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.to_thread(pipe.read, MOST + (1 << 17))
        await until(lambda: behind.size == 0)
        assert waiter.cancelled()


def test_in_haste_an_absent_reader_is_left(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind_module, "NO_READER", 0.01)
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        say(sys.stdout, "x" * (1 << 20))
        behind.wait(hasty=True)
        behind.check()
        assert waiting(sys.stdout) > 0
        pipe.read(1 << 20)


class Impatient(threading.Condition):
    """A condition of which the first wait with a limit is over at once; that calls `over`."""

    over: Callable[[], object] | None = None

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None or self.over is None:
            return super().wait(timeout)
        over, self.over = self.over, None
        over()
        return False


def test_in_haste_a_thread_that_gets_no_processor_is_not_taken_for_an_absent_reader(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind_module, "LAST_WORD", PATIENCE)
    held = threading.Event()

    @contextmanager
    def opened() -> Iterator[int]:
        assert held.wait(PATIENCE)
        yield pipe.writing

    behind = Behind()
    behind.changed = condition = Impatient()
    queue = behind.add(Queue(behind, opened, most=MOST, fd=pipe.writing))
    queue.put(b"the last words")
    condition.over = held.set
    behind.wait(hasty=True)
    os.close(pipe.writing)
    assert pipe.read() == b"the last words"


def test_in_haste_a_slow_reader_is_left_after_a_while(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behind_module, "LAST_WORD", 0.0)
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        say(sys.stdout, "x" * (1 << 20))
        behind.wait(hasty=True)
        assert waiting(sys.stdout) > 0
        pipe.read(1 << 20)


def test_that_the_reader_has_gone_is_told_once_and_the_rest_is_dropped(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.close(pipe.reading)
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        with pytest.raises(BrokenPipeError):
            say_twice(behind, sys.stdout)
        say(sys.stdout, "z")
        behind.wait()
        behind.check()
        assert behind.size == 0


def say_twice(behind: Behind, stream: TextIO) -> None:
    """Write, and write again when the first has failed, if it has not been told by then."""
    say(stream, "x")
    behind.wait()
    say(stream, "y")


def test_a_failure_is_told_once_however_much_is_written_before_it_is_known(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        say(sys.stdout, "x" * (1 << 20))
        os.close(pipe.reading)
        behind.wait()
        outlet = outlet_of(sys.stdout)
        assert outlet is not None
        assert outlet.queue is not None
        for _ in range(3):  # by a writer that has looked before the failure came
            outlet.queue.put(b"y")
            behind.wait()
        with pytest.raises(BrokenPipeError):
            say(sys.stdout, "z")
        behind.check()
        assert behind.size == 0


def test_a_failure_of_what_both_streams_lead_to_is_told_by_standard_output(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standard(monkeypatch, pipe.writing, os.dup(pipe.writing)) as behind:
        say(sys.stdout, "x" * (1 << 20))
        os.close(pipe.reading)
        behind.wait()
        say(sys.stderr, "a notice")
        with pytest.raises(BrokenPipeError):
            behind.check()


def test_that_the_reader_has_gone_is_told_at_the_end_where_nothing_follows(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standard(monkeypatch, pipe.writing, os.dup(2)) as behind:
        say(sys.stdout, "x" * (1 << 20))
        os.close(pipe.reading)
        behind.wait()
        with pytest.raises(BrokenPipeError):
            behind.check()
        behind.check()


def test_what_cannot_be_written_to_standard_error_is_lost(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    with standard(monkeypatch, os.dup(2), pipe.writing) as behind:
        say(sys.stderr, "x" * (1 << 20))
        os.close(pipe.reading)
        behind.wait()
        behind.check()


def test_a_terminal_has_no_way_to_be_written_to_at_once_and_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with standard(monkeypatch, slave, os.dup(2)) as behind:
        say(sys.stdout, "one ")
        say(sys.stdout, "two")
        behind.wait()
        assert b"".join(os.read(master, 1) for _ in range(7)) == b"one two"


def test_a_pipe_with_a_name_is_opened_when_somebody_reads_and_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    behind = Behind()

    behind.deliver(path, b"words")
    assert behind.size == 5
    assert path.read_bytes() == b"words"
    behind.wait()
    behind.check()


def test_a_device_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    behind = Behind()

    behind.deliver(tmp_path / "full", b"words")
    behind.wait()

    with pytest.raises(OSError, match="No space left on device") as caught:
        behind.check()
    assert caught.value.filename == str(tmp_path / "full")


def test_a_stream_of_another_sort_has_nothing_waiting() -> None:
    assert (waiting(io.StringIO()), waiting(sys.stdin)) == (0, 0)


def test_an_outlet_that_failed_once_swallows_the_rest() -> None:
    outlet = Outlet(os.open("/dev/full", os.O_WRONLY))
    wait_until(outlet.writable)

    with pytest.raises(OSError, match="No space"):
        outlet.write(b"x")
    assert outlet.write(b"yy") == 2
