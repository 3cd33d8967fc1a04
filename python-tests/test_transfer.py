"""Outgoing messages: bodies of every form, reports, failures."""

from __future__ import annotations

import array
import asyncio
import contextlib
import gc
import hashlib
import io
import math
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path

import pytest

import msrp
from msrp.testing import RawPeer, pair

Until = Callable[[Callable[[], object]], Awaitable[None]]

MIB = 1024 * 1024
TYPES = ["text/plain", "application/octet-stream"]


async def sent(body: msrp.Body, **options: object) -> bytes:
    """What arrives of a body."""
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        transfer = await alice.send(body, "application/octet-stream", **options)  # type: ignore[arg-type]
        received = await (await bob.recv()).read()
        await transfer.acknowledged()
        assert transfer.sent_bytes == len(received)
        return received


async def test_every_form_of_body(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    path = tmp_path / "data"
    path.write_bytes(data)

    async def blocks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 10_000):
            await asyncio.sleep(0)
            yield data[start : start + 10_000]

    def halves() -> Iterator[memoryview]:
        yield memoryview(data)[:100_000]
        yield memoryview(data)[100_000:]

    assert await sent("ünï") == "ünï".encode()
    assert await sent(b"") == b""
    assert await sent(data) == data
    assert await sent(bytearray(data)) == data
    assert await sent(memoryview(data)[5:]) == data[5:]
    assert await sent(array.array("I", [1, 2, 3])) == array.array("I", [1, 2, 3]).tobytes()  # type: ignore[arg-type]
    assert await sent(path) == data
    assert await sent(io.BytesIO(data)) == data
    assert await sent(io.BytesIO(data), size=len(data)) == data
    assert await sent(blocks()) == data
    assert await sent(blocks(), size=len(data)) == data
    assert await sent(halves()) == data
    assert await sent([b"a", bytearray(b"b"), b"", memoryview(b"c")]) == b"abc"
    assert await sent([]) == b""
    with path.open("rb") as file:
        assert await sent(file) == data


@pytest.mark.parametrize("form", ["bytes", "path"])
async def test_eight_mebibytes_both_ways(tmp_path: Path, form: str) -> None:
    data = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(8192)) * 32
    assert len(data) == 8 * MIB
    source = tmp_path / "source"
    source.write_bytes(data)
    body: msrp.Body = data if form == "bytes" else source
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):

        async def give(session: msrp.Session) -> None:
            seen: list[int] = []
            transfer = await session.send(
                body,
                "application/octet-stream",
                success_report=True,
                progress=lambda done, total: seen.append(done),
            )
            await transfer.accepted()
            await transfer.acknowledged()
            report = await transfer.delivered(timeout=60)
            assert report.status == 200
            assert report.message_id == transfer.message_id
            assert transfer.total == len(data)
            assert seen == sorted(seen)
            assert seen[-1] == len(data)

        async def take(session: msrp.Session, path: Path) -> None:
            message = await session.recv()
            seen: list[tuple[int, int | None]] = []
            length = await message.save(path, progress=lambda *so_far: seen.append(so_far))
            assert length == message.total == len(data)
            assert seen[-1] == (len(data), len(data))
            assert path.read_bytes() == data

        await asyncio.gather(
            give(alice), give(bob), take(alice, tmp_path / "a"), take(bob, tmp_path / "b")
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "source"]


async def test_long_bytes_are_held_and_let_go(until: Until) -> None:
    # No Python object is dropped by an engine thread.
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        data = bytes(MIB)
        before = sys.getrefcount(data)
        transfer = await alice.send(data, "application/octet-stream")
        assert sys.getrefcount(data) > before
        assert engine._core.held() == 1
        assert len(await (await bob.recv()).read()) == MIB
        await transfer.acknowledged()
        await until(lambda: not engine._core.held())
        assert sys.getrefcount(data) == before


async def test_held_bytes_are_let_go_at_the_end() -> None:
    data = bytes(MIB)
    before = sys.getrefcount(data)
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        await session.send(data)
        await peer.receive()
        await session.close(timeout=0)
    del session, engine
    gc.collect()
    assert sys.getrefcount(data) == before


async def test_exception_in_the_body_ends_the_message() -> None:
    arrived = asyncio.Event()

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 5000
        await arrived.wait()
        raise KeyError("broken")

    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        transfer = await alice.send(broken())
        message = await bob.recv()
        arrived.set()
        with pytest.raises(KeyError):
            await transfer.acknowledged()
        with pytest.raises(KeyError):
            await transfer.delivered()
        with pytest.raises(msrp.MessageAborted):
            await message.read()
        await alice.send("the session goes on")
        assert await (await bob.recv()).text() == "the session goes on"


async def test_wrong_blocks_end_the_message() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, _):
        transfer = await alice.send(["text"])  # type: ignore[list-item]
        with pytest.raises(TypeError, match="blocks of a body are bytes-like, not str"):
            await transfer.acknowledged()
        for size in (-1, 1 << 64):
            with pytest.raises(ValueError, match=f"size {size} is out of range"):
                await alice.send([b"abc"], size=size)
        short = await alice.send([b"abc"], size=4)
        with pytest.raises(ValueError, match="announced 4 octets and gave 3"):
            await short.acknowledged()


async def test_the_body_is_pulled_as_the_peer_takes_it(until: Until) -> None:
    given = 0
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        try:
            while True:
                given += 64 * 1024
                yield bytes(64 * 1024)
        finally:
            closed.set()

    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        transfer = await alice.send(endless(), "application/octet-stream")
        message = await bob.recv()
        await until(lambda: engine.stats().reading_paused)
        # Read-ahead, the windows of both sides, and what the sockets hold.
        assert given < 16 * MIB
        async for _ in message:
            break
        await transfer.abort()
        await closed.wait()
        with pytest.raises(msrp.MessageAborted):
            await transfer.acknowledged()
        with pytest.raises(msrp.MessageAborted):
            async for _ in message:
                pass


async def test_the_source_is_closed_when_the_session_ends() -> None:
    started, closed = asyncio.Event(), asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        try:
            yield b"x"
            started.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        transfer = await alice.send(waiting())
        await started.wait()
        await bob.close(timeout=0)
        await closed.wait()
        with pytest.raises(msrp.MsrpError):
            await transfer.acknowledged()


async def test_a_message_can_be_passed_on() -> None:
    data = bytes(range(256)) * 4096
    async with (
        msrp.Engine() as engine,
        pair(engine, accept_types=TYPES) as (alice, bob),
        pair(engine, accept_types=TYPES) as (carol, dave),
    ):
        await alice.send(data, "application/octet-stream")
        message = await bob.recv()
        await carol.send(message, message.content_type, size=message.total)
        assert await (await dave.recv()).read() == data


async def test_missing_file_is_an_error(tmp_path: Path) -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, _):
        with pytest.raises(FileNotFoundError):
            await alice.send(tmp_path / "missing")
        with pytest.raises(IsADirectoryError):
            await alice.send(tmp_path)


async def test_a_pipe_is_no_file_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    async with msrp.Engine() as engine, pair(engine) as (alice, _):
        with pytest.raises(ValueError, match="no regular file"):
            await alice.send(tmp_path / "pipe")


async def test_failure_of_the_peer() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        transfer = await session.send("x")
        assert "accepted" in repr(transfer)
        await peer.respond(await peer.receive(), 415, "no")
        with pytest.raises(msrp.StatusError) as caught:
            await transfer.acknowledged()
        assert caught.value.status == 415
        with pytest.raises(msrp.StatusError):
            await transfer.delivered()
        assert "failed" in repr(transfer)


async def test_reports_of_the_peer() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        transfer = await session.send("hello", success_report=True)
        frame = await peer.receive()
        assert frame.headers["Success-Report"] == "yes"
        await peer.respond(frame)
        await transfer.acknowledged()
        for timeout in (-1, 0, 0.05):
            with pytest.raises(TimeoutError):
                await transfer.delivered(timeout=timeout)
        with pytest.raises(ValueError, match="NaN"):
            await transfer.delivered(timeout=math.nan)
        await peer.send(
            session.local_path[0],
            method="REPORT",
            message_id=transfer.message_id,
            byte_range="1-5/5",
            headers={"Status": "000 200 OK"},
        )
        report = await transfer.delivered()
        assert report == msrp.Report(transfer.message_id, 200, "OK", (1, 5, 5))

        failed = await session.send("hello", success_report=True)
        await peer.respond(await peer.receive())
        await failed.acknowledged()
        await peer.send(
            session.local_path[0],
            method="REPORT",
            message_id=failed.message_id,
            byte_range="1-5/5",
            headers={"Status": "000 413 no"},
        )
        with pytest.raises(msrp.StatusError):
            await failed.delivered()
        await failed.acknowledged()


async def test_failure_report_no_is_acknowledged_when_written() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        transfer = await session.send("x", failure_report="no")
        await transfer.acknowledged()


async def test_progress_ends_with_the_total() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        bodies: list[msrp.Body] = [b"small", bytes(MIB), [b"x" * 1000] * 100]
        for body in bodies:
            seen: list[tuple[int, int | None]] = []
            transfer = await alice.send(
                body,
                "application/octet-stream",
                progress=lambda *so_far, seen=seen: seen.append(so_far),
            )
            length = len(await (await bob.recv()).read())
            await transfer.acknowledged()
            assert seen[-1] == (length, length)
            assert transfer.total == transfer.sent_bytes == length


async def test_random_cancellations_lose_and_invent_nothing() -> None:
    rng = random.Random(4975)
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        sent: list[str] = []
        received: list[str] = []

        async def give() -> None:
            for number in range(1500):
                body = bytes(rng.choice([10, 3000, 60_000]))
                message_id = f"message{number:04}"
                sending = asyncio.create_task(alice.send(body, TYPES[1], message_id=message_id))
                for _ in range(rng.randrange(3)):
                    await asyncio.sleep(0)
                if rng.random() < 0.3:
                    sending.cancel()
                try:
                    await sending
                    sent.append(message_id)
                except asyncio.CancelledError:
                    pass
            await alice.close(timeout=60)

        async def take() -> None:
            while True:
                receiving = asyncio.create_task(bob.recv())
                for _ in range(rng.randrange(3)):
                    await asyncio.sleep(0)
                if rng.random() < 0.3:
                    receiving.cancel()
                try:
                    message = await receiving
                except asyncio.CancelledError:
                    continue
                except msrp.SessionClosed:
                    return
                reading = asyncio.create_task(message.read())
                await asyncio.sleep(0)
                reading.cancel()
                await asyncio.wait([reading])
                await message.read()
                received.append(message.message_id)

        await asyncio.gather(give(), take())
        assert received == sent


@pytest.mark.parametrize("seed", range(4))
async def test_random_cancellations_of_everything_leave_nothing(
    tmp_path: Path, until: Until, seed: int
) -> None:
    rng = random.Random(seed)
    print("seed", seed)
    expected = (asyncio.CancelledError, msrp.MsrpError, TimeoutError, KeyError)
    large = tmp_path / "large"
    large.write_bytes(bytes(300_000))
    files = 0

    async def blocks(fails: bool) -> AsyncIterator[bytes]:
        for _ in range(5):
            await asyncio.sleep(0)
            yield bytes(20_000)
        if fails:
            raise KeyError

    async def perhaps(step: Coroutine[object, object, object]) -> object:
        """Runs a coroutine and cancels it after some turns of the loop, or does not."""
        task = asyncio.ensure_future(step)
        for _ in range(rng.randrange(6)):
            await asyncio.sleep(0)
        if rng.random() < 0.25:
            task.cancel()
        await asyncio.wait([task])
        return task.result()

    async def give(session: msrp.Session) -> None:
        for _ in range(30):
            bodies: list[msrp.Body] = [b"small", bytes(500_000), large, io.BytesIO(bytes(200_000))]
            body = rng.choice([*bodies, blocks(False), blocks(True), bytearray(100)])
            with contextlib.suppress(*expected):
                transfer = await perhaps(
                    session.send(body, TYPES[1], success_report=rng.random() < 0.5)
                )
                assert isinstance(transfer, msrp.Transfer)
                wait = rng.choice(["acknowledged", "delivered", "accepted", "abort", None])
                if wait is not None:
                    options = {"timeout": 0.1} if wait == "delivered" else {}
                    await perhaps(getattr(transfer, wait)(**options))

    async def take(session: msrp.Session) -> None:
        nonlocal files
        while session.state is not msrp.State.CLOSED:
            with contextlib.suppress(*expected):
                message = await perhaps(session.recv())
                assert isinstance(message, msrp.Message)
                files += 1
                path = tmp_path / f"file{files}"
                how = rng.randrange(4)
                if how == 0:
                    await perhaps(message.read())
                elif how == 1:
                    await perhaps(message.save(path))
                elif how == 2:
                    await perhaps(message.reject())

    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        takers = [asyncio.create_task(take(session)) for session in (alice, bob)]
        await asyncio.gather(give(alice), give(bob))
        with contextlib.suppress(asyncio.CancelledError):
            await perhaps(alice.close(rng.choice([0, 1])))
        await asyncio.gather(*(session.close(1) for session in (alice, bob)))
        await asyncio.gather(*takers)
        # Another pair drains what the engine lets go of.
        async with pair(engine):
            await until(lambda: not engine._core.held())
        await until(lambda: not list(tmp_path.glob("*.part")))
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_done_transfers_do_not_suspend() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        transfer = await alice.send("x")
        await bob.recv()
        await transfer.acknowledged()
        step = transfer.acknowledged()
        with pytest.raises(StopIteration):
            step.send(None)


async def test_cancelled_waits_change_nothing() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        transfer = await session.send("hello", success_report=True)
        for wait in (transfer.acknowledged(), transfer.delivered(), transfer.delivered(60)):
            waiting = asyncio.ensure_future(wait)
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        first, second = (asyncio.create_task(transfer.acknowledged()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await peer.respond(await peer.receive())
        await second


async def test_many_acknowledged_messages_are_forgotten() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):

        async def read() -> None:
            async for _ in bob:
                pass

        reader = asyncio.create_task(read())
        for _ in range(3000):
            transfer = await alice.send("x")
        await transfer.acknowledged()
        assert len(alice._transfers) <= 1100
        await alice.close()
        await reader


async def bound(session: msrp.Session, peer: RawPeer) -> None:
    """Opens a session with a raw peer."""
    session.set_remote_path(peer.path, active=True)
    opening = asyncio.create_task(session.open())
    await peer.respond(await peer.receive())
    await opening
