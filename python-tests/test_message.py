"""Incoming messages: reading, parts, back-pressure, refusal."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import msrp
from msrp.message import _Target
from msrp.testing import RawPeer, pair

Until = Callable[[Callable[[], object]], Awaitable[None]]

MIB = 1024 * 1024
TYPES = ["text/plain", "application/octet-stream"]
DATA = bytes(range(256)) * (4 * 1024)


async def test_parts_are_views_without_a_copy() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        await alice.send(DATA, "application/octet-stream")
        message = await bob.recv()
        assert not message.complete
        assert message.total == len(DATA)
        parts = []
        async for part in message:
            assert part.readonly
            parts.append(part)
        # Keeping parts is the reader's memory, and never a stall.
        assert b"".join(parts) == DATA
        assert message.complete
        with pytest.raises(msrp.ConcurrencyError):
            await message.read()


async def test_read_may_be_called_again() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        for body in (b"small", DATA):
            await alice.send(body, "application/octet-stream")
            message = await bob.recv()
            assert await message.read() == body
            assert await message.read() == body
            assert b"".join([part async for part in message]) == body
            assert message.total == len(body)


async def test_cancelled_read_loses_nothing() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        to = session.local_path[0]
        half = len(DATA) // 2
        await peer.send(to, DATA[:half], byte_range=f"1-{half}/{len(DATA)}", flag="+")
        message = await session.recv()
        for _ in range(5):
            reading = asyncio.create_task(message.read())
            for _ in range(3):
                await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        await peer.send(to, DATA[half:], byte_range=f"{half + 1}-{len(DATA)}/{len(DATA)}")
        assert await message.read() == DATA


async def test_text_knows_the_charset() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=["*"]) as (alice, bob):
        await alice.send("Ä".encode("latin-1"), 'text/plain; charset="iso-8859-1"')
        assert await (await bob.recv()).text() == "Ä"
        await alice.send(b"\xff", "text/plain")
        with pytest.raises(UnicodeDecodeError):
            await (await bob.recv()).text()
        await alice.send(b"x", "text/plain;charset=klingon")
        with pytest.raises(LookupError):
            await (await bob.recv()).text()


async def test_a_slow_consumer_holds_the_sender_back(until: Until) -> None:
    # Back-pressure goes from the consumer to the peer.
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        transfer = await alice.send(bytes(64 * MIB), "application/octet-stream")
        message = await bob.recv()
        await until(lambda: engine.stats().reading_paused)
        # What the sockets hold may still go out, not more.
        assert transfer.sent_bytes < 32 * MIB
        assert engine.stats().receive_held <= 8 * MIB
        length = 0
        async for part in message:
            length += len(part)
        assert length == 64 * MIB
        await transfer.acknowledged()


async def test_abort_by_the_sender() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        await peer.send(session.local_path[0], b"x" * 20_000, byte_range="1-*/100000", flag="#")
        message = await session.recv()
        with pytest.raises(msrp.MessageAborted, match="sender ended the message with #"):
            await message.read()
        assert not message.complete


async def test_the_session_ends_before_the_message() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        await peer.send(session.local_path[0], b"x" * 20_000, byte_range="1-*/100000", flag="+")
        message = await session.recv()
        parts = aiter(message)
        taken = 0
        while taken < 20_000:
            taken += len(await anext(parts))
        waiting = asyncio.ensure_future(anext(parts))
        await asyncio.sleep(0)
        await peer.disconnect()
        with pytest.raises(msrp.MsrpError):
            await waiting
        with pytest.raises(msrp.MsrpError):
            await anext(parts)


async def test_reject_answers_with_the_status() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        transfer = await alice.send(bytes(16 * MIB), "application/octet-stream")
        message = await bob.recv()
        await message.reject(413, "not today")
        with pytest.raises(msrp.StatusError) as caught:
            await transfer.acknowledged()
        assert caught.value.status == 413
        with pytest.raises(msrp.MessageAborted):
            await message.read()
        await alice.send("goes on")
        assert await (await bob.recv()).text() == "goes on"


@pytest.mark.parametrize("length", [5, 100_000])
async def test_reject_of_what_is_all_here_is_a_report(length: int) -> None:
    async with (
        msrp.Engine() as engine,
        pair(engine, accept_types=TYPES, reports="manual") as (alice, bob),
    ):
        transfer = await alice.send(bytes(length), "application/octet-stream", success_report=True)
        message = await bob.recv()
        await transfer.acknowledged()
        await message.reject(413, "not today")
        with pytest.raises(msrp.StatusError) as caught:
            await transfer.delivered()
        assert (caught.value.status, bob.state) == (413, msrp.State.OPEN)
        # Nothing contradicts it.
        await message.report(200)
        await message.reject(413, "not today")
        await alice.send("goes on")
        assert await (await bob.recv()).text() == "goes on"
        await bob.close()
        with pytest.raises(msrp.SessionClosed):
            await message.reject()


async def test_a_dropped_message_does_not_hold_the_window() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        transfer = await alice.send(bytes(4 * MIB), "application/octet-stream")
        message = await bob.recv()
        del message
        gc.collect()
        await transfer.acknowledged()
        # Also one that only the collector finds.
        transfer = await alice.send(bytes(4 * MIB), "application/octet-stream")
        cycle: list[object] = [await bob.recv()]
        cycle.append(cycle)
        del cycle
        gc.collect()
        await transfer.acknowledged()


async def test_cancelled_save_removes_the_file(tmp_path: Path, until: Until) -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        await peer.send(session.local_path[0], DATA, byte_range="1-*/100000000", flag="+")
        message = await session.recv()
        saving = asyncio.create_task(message.save(tmp_path / "file"))
        await until(lambda: any(path.stat().st_size for path in tmp_path.iterdir()))
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await saving
        await until(lambda: not list(tmp_path.iterdir()))


async def test_a_save_that_cannot_begin_takes_nothing(tmp_path: Path) -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        await alice.send(DATA, "application/octet-stream")
        message = await bob.recv()
        with pytest.raises(FileNotFoundError):
            await message.save(tmp_path / "missing" / "file")
        with pytest.raises(IsADirectoryError):
            await message.save(tmp_path)
        assert await message.save(tmp_path / "file") == len(DATA)
        assert (tmp_path / "file").read_bytes() == DATA


async def test_the_body_is_taken_in_one_way(tmp_path: Path) -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        await alice.send(DATA, "application/octet-stream")
        message = await bob.recv()
        await alice.send("the next one does not wait")
        assert await (await bob.recv()).text() == "the next one does not wait"
        taken = b""
        async for part in message:
            taken += part
            break
        for other in (message.read(), message.text(), message.save(tmp_path / "file")):
            with pytest.raises(msrp.ConcurrencyError, match="by an iteration already"):
                await other
        # Another iteration goes on where the first one stopped.
        async for part in message:
            taken += part
        assert taken == DATA
        assert [part async for part in message] == []
        assert list(tmp_path.iterdir()) == []


async def test_a_second_taker_does_not_disturb_the_first(tmp_path: Path) -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        to = session.local_path[0]
        half = len(DATA) // 2
        await peer.send(to, DATA[:half], byte_range=f"1-{half}/{len(DATA)}", flag="+")
        message = await session.recv()
        reading = asyncio.create_task(message.read())
        await asyncio.sleep(0)
        with pytest.raises(msrp.ConcurrencyError):
            await message.save(tmp_path / "file")
        with pytest.raises(msrp.ConcurrencyError):
            aiter(message)
        await peer.send(to, DATA[half:], byte_range=f"{half + 1}-{len(DATA)}/{len(DATA)}")
        assert await reading == DATA
        assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_discarded_first_is_not_made(tmp_path: Path) -> None:
    # A cancellation may be faster than the thread that makes the file.
    target = _Target(tmp_path / "file")
    target.discard()
    target.open()
    assert list(tmp_path.iterdir()) == []


async def test_save_of_a_small_message(tmp_path: Path) -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        for text in ("", "small"):
            await alice.send(text)
            assert await (await bob.recv()).save(tmp_path / "file") == len(text)
            assert (tmp_path / "file").read_text() == text
        await alice.send("x")
        with pytest.raises(FileNotFoundError):
            await (await bob.recv()).save(tmp_path / "missing" / "file")


async def test_success_report_goes_out_when_the_message_was_taken() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=TYPES) as (alice, bob):
        for body in (b"small", bytes(100_000)):
            transfer = await alice.send(body, "application/octet-stream", success_report=True)
            await transfer.acknowledged()
            await not_reported(transfer, bob, alice)
            await (await bob.recv()).read()
            assert (await transfer.delivered()).status == 200


async def test_manual_reports() -> None:
    options = {"reports": "manual"}
    async with msrp.Engine() as engine, pair(engine, answerer=options) as (alice, bob):
        transfer = await alice.send("x", success_report=True)
        message = await bob.recv()
        await message.read()
        await not_reported(transfer, bob, alice)
        await message.report(200, "read")
        report = await transfer.delivered()
        assert report.status == 200
        await alice.send("x")
        await bob.send("y")
        with pytest.raises(ValueError, match="automatic"):
            await (await alice.recv()).report()


async def test_peers_that_interleave_messages() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        to = session.local_path[0]
        half = b"a" * 20_000, b"b" * 20_000
        for name, part in zip(("one", "two"), half, strict=True):
            await peer.send(to, part, message_id=f"{name}1", byte_range="1-20000/40000", flag="+")
        first, second = await session.recv(), await session.recv()
        for name, part in zip(("two", "one"), reversed(half), strict=True):
            await peer.send(to, part, message_id=f"{name}1", byte_range="20001-40000/40000")
        assert await second.read() == half[1] * 2
        assert await first.read() == half[0] * 2


async def not_reported(transfer: msrp.Transfer, peer: msrp.Session, here: msrp.Session) -> None:
    """The peer sent no REPORT so far: one would have come before a message that it sends now."""
    waiting = asyncio.create_task(transfer.delivered())
    await peer.send("marker")
    await (await here.recv()).read()
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


async def bound(session: msrp.Session, peer: RawPeer) -> None:
    """Opens a session with a raw peer."""
    session.set_remote_path(peer.path, active=True)
    opening = asyncio.create_task(session.open())
    await peer.respond(await peer.receive())
    await opening
