"""`msrp.testing`: the raw peer and the faults, against sessions of this engine."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme

import msrp
from msrp import wire
from msrp.testing import Faults, Log, RawPeer, faults, pair

Until = Callable[[Callable[[], object]], Awaitable[None]]


@contextlib.asynccontextmanager
async def meeting(*, connect: bool = False) -> AsyncIterator[tuple[msrp.Session, RawPeer]]:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        await peer.meet(session, connect=connect)
        yield session, peer
        await peer.disconnect()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def config(authority: trustme.CA) -> msrp.TLSConfig:
    certificate = authority.issue_cert("127.0.0.1")
    return msrp.TLSConfig(
        ca=authority.cert_pem.bytes(),
        cert=b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
        key=certificate.private_key_pem.bytes(),
    )


# The raw peer.


@pytest.mark.parametrize("connect", [False, True])
async def test_meeting_and_chat(connect: bool) -> None:
    async with meeting(connect=connect) as (session, peer):
        request = peer.make_send("Hello")
        await peer.send_raw(request)
        await peer.expect(200, transaction_id=request.transaction_id, comment="OK")
        assert await (await session.recv()).text() == "Hello"
        transfer = await session.send("Hi")
        await peer.respond(await peer.expect("SEND", body=b"Hi", flag="$"))
        await transfer.acknowledged()
        await peer.expect_silence()


@pytest.mark.parametrize("connect", [False, True])
async def test_a_raw_peer_speaks_tls(
    connect: bool, authority: trustme.CA, config: msrp.TLSConfig
) -> None:
    context = ssl.create_default_context(
        ssl.Purpose.SERVER_AUTH if connect else ssl.Purpose.CLIENT_AUTH
    )
    if connect:
        authority.configure_trust(context)
    else:
        authority.issue_cert("127.0.0.1").configure_cert(context)
    async with (
        msrp.Engine(tls=config) as engine,
        RawPeer(tls=context) as peer,
        engine.session(tls=True) as session,
    ):
        await peer.meet(session, connect=connect)
        assert session.local_path[0].scheme == "msrps"
        await session.send("Hi")
        await peer.respond(await peer.expect("SEND", body=b"Hi"))
        await peer.disconnect()


async def test_a_session_that_cannot_open_says_why() -> None:
    async with RawPeer() as gone:
        path = gone.path
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        with pytest.raises(msrp.ConnectError):
            await peer.meet(session, path=path)


async def test_an_expectation_says_what_differs() -> None:
    async with meeting() as (session, peer):
        await session.send("Hello", message_id="msg1")
        with pytest.raises(AssertionError) as caught:
            await peer.expect(
                "SEND",
                body=b"Hallo",
                flag="+",
                headers={
                    "Message-ID": "msg2",
                    "Byte-Range": re.compile("1-4/.*"),
                    "Content-Type": None,
                    "Success-Report": "yes",
                    "From-Path": lambda text: text.startswith("msrp://"),
                },
            )
        text = str(caught.value)
        for line in (
            "body: expected b'Hallo', came b'Hello'",
            "flag: expected '+', came '$'",
            "Message-ID: expected 'msg2', came 'msg1'",
            "Byte-Range: expected a match of '1-4/.*', came '1-5/5'",
            "Content-Type: expected absent, came 'text/plain'",
            "Success-Report: expected 'yes', came absent",
            "Hello",
            "<- connected",
        ):
            assert line in text
        assert "From-Path: expected" not in text
        await session.send("Again")
        with pytest.raises(AssertionError, match=r"status: expected 200, came MSRP .* SEND"):
            await peer.expect(200)
        await session.send("And again")
        with pytest.raises(AssertionError, match=r"method: expected REPORT, came MSRP .* SEND"):
            await peer.expect("REPORT")
        await peer.send_raw(peer.make_send("answered"))
        with pytest.raises(AssertionError, match="another frame came"):
            await peer.expect_silence()


async def test_an_expectation_of_nothing_fails_in_time() -> None:
    async with meeting() as (session, peer):
        peer.patience = 0.01
        with pytest.raises(AssertionError, match="expected SEND, came no frame: TimeoutError"):
            await peer.expect("SEND")
        peer.patience = 30
        session._core.abort_session()
        with pytest.raises(AssertionError, match="EOFError: the session has ended"):
            await peer.expect("SEND")
        await peer.expect_end()


async def test_writes_are_split_where_the_test_says(until: Until) -> None:
    async with meeting() as (session, peer):
        received = session._engine.stats
        request = peer.make_send("Hello")
        octets = bytes(request)
        start = received().bytes_received
        cuts = [10, 20, len(octets) - 2]
        written = iter(cuts)

        async def seen() -> None:
            place = next(written)
            await until(lambda: received().bytes_received == start + place)

        await peer.send_raw(request, at=cuts, between=seen)
        await peer.expect(200, transaction_id=request.transaction_id)
        assert [len(e.octets) for e in peer.log if e.direction == "out"][-4:] == [
            10,
            10,
            len(octets) - 22,
            2,
        ]
        await peer.send_raw(peer.make_send("again"), size=1)
        await peer.expect(200)
        with pytest.raises(ValueError, match="size 0"):
            await peer.send_raw(b"x", size=0)


async def test_the_log_has_everything() -> None:
    async with meeting() as (session, peer):
        await session.send("Hello")
        await peer.respond(await peer.expect("SEND", body=b"Hello"), 413, "No")
        frames = peer.log.frames("in")
        assert [frame.method for frame in frames] == ["SEND", "SEND"]
        assert [frame.status for frame in peer.log.frames("out")] == [200, 413]
        times = [entry.time for entry in peer.log]
        assert times == sorted(times)
        assert "-> MSRP" in str(peer.log)
        assert "413 No" in str(peer.log)
        peer.log.max_bytes = 10
        await session.send("more")
        await peer.expect("SEND")
        assert len(peer.log) == 1
        assert peer.log.lost_bytes > 0


async def test_ends_of_all_kinds() -> None:
    async with meeting() as (session, peer):
        await peer.half_close()
        with pytest.raises(msrp.SessionClosed):
            await session.recv()
    async with meeting() as (session, peer):
        await peer.reset()
        with pytest.raises(msrp.ConnectError):
            await session.recv()
        assert "reset" in str(session.close_reason)


async def test_a_paused_peer_stops_the_sender(until: Until) -> None:
    async with meeting() as (session, peer):
        await peer.pause()
        sending = asyncio.create_task(session.send(bytes(8 * 1024 * 1024)))
        transfer = await sending
        assert transfer.acknowledged().__await__().__next__() is not None
        await peer.resume()
        chunk = await peer.expect("SEND")
        assert chunk.message_id == transfer.message_id


# Faults in live sessions.


async def test_a_lost_response_is_a_timeout() -> None:
    limits = msrp.Limits(transaction=3)
    async with msrp.Engine(limits=limits) as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            f.drop_responses(count=1)
            transfer = await alice.send("lost?")
            assert await (await bob.recv()).text() == "lost?"
            with pytest.raises(msrp.TransactionTimeout):
                await transfer.acknowledged()
            # Only that one.
            await (await alice.send("not lost")).acknowledged()
            assert "held back or dropped: <MSRP" in str(f.log)
        await (await alice.send("without faults")).acknowledged()


async def test_a_late_response() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            held = f.hold_responses()
            first = await alice.send("first")
            second = await alice.send("second")
            await second.acknowledged()
            (response,) = await held.wait()
            assert response.status == 200
            assert [await (await bob.recv()).text() for _ in range(2)] == ["first", "second"]
            acknowledged = asyncio.create_task(first.acknowledged())
            await asyncio.sleep(0)
            assert not acknowledged.done()
            held.release()
            await acknowledged
            f.delay_responses(0.01)
            await (await alice.send("third")).acknowledged()


async def test_what_is_held_goes_out_at_the_end() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, _):
        with faults(alice) as f:
            held = f.hold_responses(count=None)
            transfer = await alice.send("x")
            await held.wait()
        await transfer.acknowledged()


async def test_other_responses() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            f.alter_responses(403, "Forbidden")
            transfer = await alice.send("x")
            with pytest.raises(msrp.StatusError) as caught:
                await transfer.acknowledged()
            assert caught.value.status == 403
            f.replay_responses(times=3)
            await (await alice.send("y")).acknowledged()
            f.alter(200, lambda frame: frame.format(end_line="-------other$"))
            transfer = await alice.send("z")
            with pytest.raises(msrp.MsrpError):
                await transfer.acknowledged()
            assert alice.close_reason is not None
        assert [await message.text() async for message in until_lost(bob)] == ["x", "y", "z"]


async def until_lost(session: msrp.Session) -> AsyncIterator[msrp.Message]:
    with contextlib.suppress(msrp.MsrpError):
        async for message in session:
            yield message


async def test_reports_are_lost_or_doubled() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            f.drop_reports()
            lost = await alice.send("x", success_report=True)
            await bob.recv()
            f_doubled = await alice.send("y", success_report=True)
            await bob.recv()
            await f_doubled.delivered()
            assert lost.delivered().__await__().__next__() is not None
            f.duplicate_reports()
            twice = await alice.send("z", success_report=True)
            await bob.recv()
            await twice.delivered()
            await (await alice.send("last")).acknowledged()
            reports = [frame for frame in f.log.frames("in") if frame.method == "REPORT"]
            assert [report.message_id for report in reports] == [
                f_doubled.message_id,
                twice.message_id,
                twice.message_id,
            ]


async def test_octets_between_frames() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            extra = wire.Request.send(bob.local_path, alice.local_path, "smuggled")
            await f.send_raw(extra)
            assert await (await bob.recv()).text() == "smuggled"
            await f.send_raw(
                wire.Request.send(alice.local_path, bob.local_path, "back"), to="session"
            )
            assert await (await alice.recv()).text() == "back"
            await f.send_raw(b"junk")
            with pytest.raises(msrp.ProtocolError):
                await bob.recv()
            assert bob.close_reason is not None
            assert bob.close_reason.kind == "protocol"


async def test_octets_wait_for_the_end_of_a_frame() -> None:
    size = 4 * 1024 * 1024
    async with msrp.Engine() as engine, pair(engine, chunk_len=0) as (alice, bob):
        with faults(alice) as f:
            transfer = await alice.send(bytes(size))
            receiving = asyncio.create_task(bob.recv())
            await f.send_raw(wire.Request.send(bob.local_path, alice.local_path, "between"))
            messages = [await receiving, None]
            data = await messages[0].read() if messages[0] else b""
            other = await bob.recv()
            texts = {len(data), len(await other.read())}
            assert texts == {size, len("between")}
            await transfer.acknowledged()


async def test_flags_and_splits() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            f.split(size=1, direction="out")
            f.flags("#", direction="out")
            aborted = await alice.send("gone")
            await aborted.acknowledged()
            whole = await alice.send("whole")
            while True:
                message = await bob.recv()
                with contextlib.suppress(msrp.MessageAborted):
                    assert await message.text() == "whole"
                    break
            await whole.acknowledged()
            assert max(len(e.octets) for e in f.log if e.direction == "out") == 1


async def test_a_stall_is_back_pressure() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            f.stall("out")
            transfer = await alice.send(bytes(16 * 1024 * 1024))
            receiving = asyncio.create_task(bob.recv())
            await alice.send("x")
            assert transfer.sent_bytes < 16 * 1024 * 1024
            f.resume("out")
            message = await receiving
            other = await bob.recv()
            assert {len(await message.read()), len(await other.read())} == {16 * 1024 * 1024, 1}


@pytest.mark.parametrize("reset", [False, True])
async def test_a_cut(reset: bool) -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f:
            f.cut(reset=reset)
            for session in (alice, bob):
                with pytest.raises(msrp.MsrpError):
                    await session.recv()
                assert session.close_reason is not None


async def test_faults_see_through_tls(config: msrp.TLSConfig) -> None:
    async with msrp.Engine(tls=config) as engine, pair(engine, tls=True) as (alice, bob):
        with faults(bob) as f:
            f.alter(
                "SEND",
                lambda frame: frame.replace(body=frame.body.upper()),
            )
            transfer = await alice.send("whisper")
            assert await (await bob.recv()).text() == "WHISPER"
            await transfer.acknowledged()
        data = bytes(range(256)) * 4096
        transfer = await bob.send(data)
        assert await (await alice.recv()).read() == data
        await transfer.acknowledged()


async def test_a_function_that_raises_is_heard() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, _):
        with pytest.raises(ZeroDivisionError):
            with faults(alice) as f:
                f.alter("response", lambda frame: bytes(1 // (frame.status or 0) - 1 // 0))
                transfer = await alice.send("x")
                with pytest.raises(msrp.MsrpError):
                    await transfer.acknowledged()


async def test_faults_of_both_ends_and_twice() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        with faults(alice) as f, faults(bob) as g, faults(alice) as h:
            for each in (f, g, h):
                each.replay("SEND", direction="out")
            await alice.send("x")
            await bob.send("y")
            assert await (await bob.recv()).text() == "x"
            assert await (await alice.recv()).text() == "y"


async def test_faults_need_an_open_session() -> None:
    async with msrp.Engine() as engine, engine.session() as session:
        with pytest.raises(ValueError, match="no connection to intercept"):
            with faults(session):
                pass
    with pytest.raises(msrp.SessionClosed):
        with faults(session):
            pass


async def test_a_side_that_is_gone_ends_both_lanes() -> None:
    session, session_side = socket.socketpair()
    peer, peer_side = socket.socketpair()
    with session, peer:
        at_work = Faults(session_side, peer_side)
        session.close()
        peer.sendall(b"to nobody")
        # What cannot be written any more is not waited for.
        await asyncio.wait_for(asyncio.wait([at_work._work]), 30)
    assert at_work.failure is None
    assert (session_side.fileno(), peer_side.fileno()) == (-1, -1)


def test_the_log_is_bounded_in_entries() -> None:
    log = Log(max_bytes=100_000)
    for _ in range(10_000):
        log.add("in", b"x")
    # An entry of one octet is held as more than that.
    assert len(log) < 1000
    assert log.lost_bytes == 10_000 - len(log)
    for _ in range(10_000):
        log.add("in", event="dropped")
    assert len(log) < 1000
