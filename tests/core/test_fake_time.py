"""The loop that does not wait."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from tests.fake_time import AutojumpLoop, SocketAutojumpLoop

if TYPE_CHECKING:
    from tests.core.scripted import FakeClock


async def test_an_hour_passes_at_once(clock: FakeClock) -> None:
    began = clock()

    await clock.sleep(3600)

    assert (clock() - began, clock.slept) == (3600, [3600])


async def test_timers_fire_in_their_order() -> None:
    seen: list[int] = []

    async def note(seconds: int) -> None:
        await asyncio.sleep(seconds)
        seen.append(seconds)

    await asyncio.gather(note(3), note(1), note(2))

    assert seen == [1, 2, 3]


def test_waiting_for_what_cannot_come_is_told() -> None:
    with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
        task = runner.get_loop().create_future()
        with pytest.raises(RuntimeError, match="deadlock"):
            runner.get_loop().run_until_complete(task)


async def test_no_time_passes_while_a_thread_works() -> None:
    loop, may_end = asyncio.get_running_loop(), threading.Event()
    job = asyncio.ensure_future(asyncio.to_thread(may_end.wait))
    await asyncio.sleep(0)
    threading.Timer(0.02, may_end.set).start()

    async with asyncio.timeout(0.01):
        assert await job

    assert loop.time() == 0


def test_no_time_passes_while_bytes_are_under_way_on_loopback() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1000):
            writer.write(piece)
            await writer.drain()
        writer.close()

    async def exchange() -> tuple[int, float]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        received = 0
        for _ in range(20):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            async with asyncio.timeout(1e-6):
                writer.write(b"x" * 100_000)
                writer.write_eof()
                received += len(await reader.read())
            writer.close()
        server.close()
        return received, asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=SocketAutojumpLoop) as runner:
        assert runner.run(exchange()) == (2_000_000, 0)
