"""Chat between two sessions of one engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import msrp
from msrp.testing import RawPeer, pair

Until = Callable[[Callable[[], object]], Awaitable[None]]


async def test_chat_both_ways_from_sdp() -> None:
    async with msrp.Engine() as engine, engine.session() as alice, engine.session() as bob:
        assert alice.state.value == "new"
        answer = bob.create_answer(alice.create_offer())
        alice.set_remote(answer)
        assert alice.remote_path == bob.local_path
        await asyncio.gather(alice.open(), bob.open())
        assert alice.state is msrp.State.OPEN

        transfer = await alice.send("Hello, Bob")
        message = await bob.recv()
        assert message.message_id == transfer.message_id
        assert message.content_type == "text/plain"
        assert message.complete
        assert message.total == 10
        assert await message.text() == "Hello, Bob"
        await transfer.acknowledged()
        assert transfer.sent_bytes == transfer.total == 10

        back = await bob.send("Hallo, Älice")
        assert await (await alice.recv()).text() == "Hallo, Älice"
        await back.acknowledged()
    assert alice.state is bob.state is msrp.State.CLOSED


async def test_media_blocks_are_enough() -> None:
    async with msrp.Engine() as engine, engine.session() as alice, engine.session() as bob:
        bob.set_remote(alice.local_media())
        alice.set_remote(bob.local_media())
        await asyncio.gather(alice.open(), bob.open())
        await alice.send("x")
        assert await (await bob.recv()).read() == b"x"


async def test_two_paths_are_enough() -> None:
    async with msrp.Engine() as engine, engine.session() as alice, engine.session() as bob:
        alice.set_remote_path(bob.local_path, active=True)
        bob.set_remote_path(str(alice.local_path[0]), active=False)
        await asyncio.gather(alice.open(), bob.open())
        await bob.send("x")
        assert await (await alice.recv()).read() == b"x"


async def test_sessions_share_a_listener() -> None:
    async with msrp.Engine() as engine, await engine.listen("127.0.0.1") as listener:
        assert listener.host == "127.0.0.1"
        async with (
            pair(engine, answerer={"listener": listener}) as (alice, bob),
            pair(engine, answerer={"listener": listener}) as (carol, dave),
        ):
            assert bob.local_path[0].port == dave.local_path[0].port == listener.port
            await alice.send("to bob")
            await carol.send("to dave")
            assert await (await bob.recv()).text() == "to bob"
            assert await (await dave.recv()).text() == "to dave"


async def test_iteration_ends_when_the_peer_closes() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        for number in range(10):
            await alice.send(str(number))
        await alice.close()
        assert [await message.text() async for message in bob] == [str(n) for n in range(10)]
        assert bob.close_reason is not None
        assert bob.close_reason.kind == "peer-closed"
        with pytest.raises(msrp.SessionClosed):
            await bob.recv()


async def test_recv_many_gives_what_is_there_in_order() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        for number in range(500):
            await alice.send(str(number))
        texts: list[str] = []
        while len(texts) < 500:
            batch = await bob.recv_many(64)
            assert 1 <= len(batch) <= 64
            texts += [await message.text() for message in batch]
        assert texts == [str(number) for number in range(500)]
        with pytest.raises(ValueError, match="max_messages 0"):
            await bob.recv_many(0)


async def test_a_sender_that_never_waits_lets_the_reader_run() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        received = 0

        async def read() -> None:
            nonlocal received
            async for _ in bob:
                received += 1

        reader = asyncio.create_task(read())
        while received < 2000:
            await alice.send("x" * 200)
        await alice.close()
        await reader


async def test_headers_reach_the_peer() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        await alice.send("x", headers={"X-Colour": "blue"}, message_id="abcd1234")
        message = await bob.recv()
        assert message.message_id == "abcd1234"
        assert message.headers["x-colour"] == "blue"
        assert "X-COLOUR" in message.headers
        assert "X-Shape" not in message.headers


async def test_send_refuses_what_the_peer_does_not_accept() -> None:
    async with msrp.Engine() as engine, pair(engine, accept_types=["text/plain"]) as (alice, _):
        with pytest.raises(msrp.UnacceptedType):
            await alice.send(b"x", "image/png")
        with pytest.raises(msrp.UnacceptedType):
            alice.send_nowait(b"x", "image/png")


async def test_send_refuses_wrong_arguments() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, _):
        with pytest.raises(ValueError, match="failure_report"):
            await alice.send("x", failure_report="maybe")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="size 2 was announced"):
            await alice.send("x", size=2)
        with pytest.raises(TypeError, match="a body is str"):
            await alice.send(17)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="binary mode"):
            with open(__file__) as file:  # noqa: PTH123
                await alice.send(file)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="progress is a function, not int"):
            await alice.send("x", progress=3)  # type: ignore[arg-type]
        with pytest.raises(UnicodeEncodeError):
            await alice.send("\ud800")
        for headers in ({"X": "a\r\nB: c"}, {"X\r\nB": "c"}, {"To-Path": "x"}, {"Byte-Range": "x"}):
            with pytest.raises(ValueError, match="refused"):
                await alice.send("x", headers=headers)
        with pytest.raises(ValueError, match="content_type"):
            await alice.send("x", "text/plain\r\nB: c")
        with pytest.raises(ValueError, match=r"message_id|Message-ID|ident"):
            await alice.send("x", message_id="not an ident")


async def test_send_nowait_says_when_the_window_is_full(until: Until) -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        with pytest.raises(msrp.QueueFull):
            for _ in range(100_000):
                session.send_nowait("x" * 2000)
        # The same window makes `send` wait, and those who wait come first.
        waiting = asyncio.create_task(fill(session))
        await until(lambda: session._senders)
        with pytest.raises(msrp.QueueFull):
            for _ in range(100_000):
                session.send_nowait("x")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await peer.disconnect()


async def test_remote_closes_while_a_sender_waits(until: Until) -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        sender = asyncio.create_task(fill(session))
        await until(lambda: session._senders)
        await peer.disconnect()
        with pytest.raises(msrp.MsrpError):
            await sender


async def test_recv_has_one_caller_at_a_time() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        first = asyncio.create_task(bob.recv())
        await asyncio.sleep(0)
        with pytest.raises(msrp.ConcurrencyError):
            await bob.recv()
        await alice.send("x")
        assert await (await first).text() == "x"


async def test_cancelled_recv_loses_nothing() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        for number in range(200):
            receiver = asyncio.create_task(bob.recv())
            await asyncio.sleep(0)
            transfer = await alice.send(str(number))
            if number % 2:
                await transfer.acknowledged()
            receiver.cancel()
            try:
                message = await receiver
            except asyncio.CancelledError:
                message = await bob.recv()
            assert await message.text() == str(number)


async def test_cancelled_send_sends_nothing() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        admitted = []
        cancelled = 0
        while cancelled < 50:
            sending = asyncio.create_task(session.send("x" * 2000))
            for _ in range(3):
                await asyncio.sleep(0)
            sending.cancel()
            try:
                admitted.append(await sending)
            except asyncio.CancelledError:
                cancelled += 1
        seen: set[str] = set()
        while len(seen) < len(admitted):
            frame = await peer.receive()
            seen.add(frame.headers["Message-ID"])
            await peer.respond(frame)
        assert seen == {transfer.message_id for transfer in admitted}
        for transfer in admitted:
            await transfer.acknowledged()


async def test_cancelled_open_ends_the_session() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        session.set_remote_path(peer.path, active=True)
        opening = asyncio.create_task(session.open())
        await peer.receive()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        with pytest.raises(msrp.SessionClosed):
            while True:
                await session.recv()


async def test_open_reports_why_it_failed() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer:
        async with engine.session() as session:
            session.set_remote_path(peer.path, active=True)
            opening = asyncio.create_task(session.open())
            await peer.respond(await peer.receive(), 481, "No such session")
            with pytest.raises(msrp.StatusError) as caught:
                await opening
            assert caught.value.status == 481
            assert caught.value.origin == "remote"
            await peer.disconnect()
        async with engine.session() as session:
            session.set_remote_path(peer.path, active=True)
            with pytest.raises(TimeoutError):
                await session.open(timeout=0.1)
            with pytest.raises(msrp.TransactionTimeout):
                await session.open()
        nobody = peer.path
    async with msrp.Engine() as engine, engine.session() as session:
        session.set_remote_path(nobody, active=True)
        with pytest.raises(msrp.ConnectError):
            await session.open()
        with pytest.raises(ConnectionError):
            await session.send("x")


async def test_open_needs_a_remote_side() -> None:
    async with msrp.Engine() as engine, engine.session() as session:
        with pytest.raises(ValueError, match="remote"):
            await session.open()


async def test_close_waits_for_what_is_under_way_up_to_its_timeout(until: Until) -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        transfer = await session.send("x")
        frame = await peer.receive()
        closing = asyncio.create_task(session.close())
        await until(lambda: session.state is msrp.State.CLOSING)
        assert not closing.done()
        await peer.respond(frame)
        await closing
        await transfer.acknowledged()
        await session.close()
        await peer.disconnect()
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        transfer = await session.send("x")
        await session.close(timeout=0.1)
        with pytest.raises(msrp.MsrpError):
            await transfer.acknowledged()
        with pytest.raises(msrp.SessionClosed):
            await transfer.delivered()


async def test_cancelled_close_closes_nevertheless(until: Until) -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        await session.send("x")
        closing = asyncio.create_task(session.close(timeout=3))
        await until(lambda: session.state is msrp.State.CLOSING)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(msrp.SessionClosed):
            await session.recv()
        assert session.close_reason is not None
        assert session.close_reason.kind == "local"


async def test_use_after_close() -> None:
    async with msrp.Engine() as engine:
        async with pair(engine) as (alice, _):
            pass
        for call in (alice.recv(), alice.send("x"), alice.open()):
            with pytest.raises(msrp.SessionClosed):
                await call
        with pytest.raises(msrp.SessionClosed):
            alice.send_nowait("x")
        with pytest.raises(msrp.SessionClosed):
            alice.create_offer()
        assert [message async for message in alice] == []
        await alice.close()
        assert alice.local_path
        assert repr(alice) == f"<Session {alice.id[:4]}… closed>"
    with pytest.raises(RuntimeError, match="engine is closed"):
        engine.session()
    await engine.aclose()


async def test_protocol_error_of_the_peer() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await bound(session, peer)
        await peer.write(b"this is no MSRP at all\r\n\r\n")
        with pytest.raises(msrp.ProtocolError) as caught:
            await session.recv()
        assert caught.value.origin == "remote"
        assert session.close_reason is not None
        assert session.close_reason.kind == "protocol"


async def test_events_tell_states_reports_and_failures() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        events = session.events()
        await bound(session, peer)
        transfer = await session.send("x", success_report=True)
        frame = await peer.receive()
        await peer.respond(frame, 413, "too much")
        with pytest.raises(msrp.StatusError):
            await transfer.acknowledged()
        await session.close()
        seen = [event async for event in events]
        states = [event.state for event in seen if isinstance(event, msrp.StateChanged)]
        assert states == [
            msrp.State.CONNECTING,
            msrp.State.OPEN,
            msrp.State.CLOSING,
            msrp.State.CLOSED,
        ]
        failed = [event for event in seen if isinstance(event, msrp.TransferFailed)]
        assert [event.message_id for event in failed] == [transfer.message_id]
        assert [event async for event in session.events()] == []


async def test_events_that_nobody_reads_are_counted() -> None:
    limits = msrp.Limits(event_stream=3)
    async with msrp.Engine(limits=limits) as engine, pair(engine) as (alice, bob):
        events = alice.events()
        for _ in range(10):
            transfer = await alice.send("x", success_report=True)
            await bob.recv()
            await transfer.delivered()
        first = await anext(events)
        assert isinstance(first, msrp.EventsLost)
        assert first.count == 7
        assert isinstance(await anext(events), msrp.Report)


async def test_events_tell_reports_about_transfers_that_nobody_holds() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        events = alice.events()
        sent = [(await alice.send("x", success_report=True)).message_id for _ in range(10)]
        for _ in sent:
            await bob.recv()
        reported: list[str] = []
        while len(reported) < len(sent):
            event = await anext(events)
            assert isinstance(event, msrp.Report)
            reported.append(event.message_id)
        assert reported == sent


async def test_session_id_is_cut_in_texts() -> None:
    async with msrp.Engine() as engine, engine.session() as session:
        assert session.id
        assert session.id not in repr(session)
        assert session.id not in repr(session.local_path[0])
        assert session.id in str(session.local_path[0])


async def fill(session: msrp.Session) -> None:
    """Sends until cancelled."""
    while True:
        await session.send("x" * 2000)


async def bound(session: msrp.Session, peer: RawPeer) -> None:
    """Opens a session with a raw peer."""
    session.set_remote_path(peer.path, active=True)
    opening = asyncio.create_task(session.open())
    await peer.respond(await peer.receive())
    await opening
