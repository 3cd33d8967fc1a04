"""The reactions that RFC 4975 asks for, on the wire: a session of the binding against a peer that
sends what the lines of docs/conformance/core.md have under "S:".
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

import msrp
from covers import covers
from msrp import wire
from msrp.testing import RawPeer

Until = Callable[[Callable[[], object]], Awaitable[None]]

IDENT = r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}"
ZIP = "application/zip"


@contextlib.asynccontextmanager
async def meeting(
    *, connect: bool = True, sdp: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[msrp.Session, RawPeer]]:
    """An open session and the peer; the peer connects unless told otherwise."""
    limits = options.pop("limits", None)
    async with (
        msrp.Engine(limits=limits) as engine,
        RawPeer() as peer,
        engine.session(**options) as session,
    ):
        await peer.meet(session, connect=connect, **(sdp or {}))
        yield session, peer
        await peer.disconnect()


async def sent(peer: RawPeer, body: bytes | str | None = b"x", **fields: Any) -> wire.Request:
    """Writes a SEND."""
    request = peer.make_send(body, **fields)
    await peer.send_raw(request)
    return request


async def answered(
    peer: RawPeer, status: int, body: bytes | str | None = b"x", **fields: Any
) -> None:
    """Writes a SEND, and the next frame is its answer."""
    request = await sent(peer, body, **fields)
    await peer.expect(status, transaction_id=request.transaction_id)


async def text(session: msrp.Session) -> str:
    return await (await session.recv()).text()


async def body(session: msrp.Session) -> bytes:
    return await (await session.recv()).read()


# Framing.


async def test_start_lines_of_requests() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        request = await peer.expect("SEND", body=b"Hello")
        assert re.match(rf"MSRP {IDENT} SEND\r\n".encode(), request.raw or b"")
        await peer.respond(request)
        await transfer.acknowledged()

        good = peer.make_send("blank")
        await peer.send_raw(good.format(start_line=f"{good.start_line} "))
        await peer.expect(200, transaction_id=good.transaction_id)
        assert await text(session) == "blank"
        for method in ("FILE_OFFSET", "FOOBAR", "send"):
            other = peer.make_send(None).replace(method=method)
            await peer.send_raw(other)
            await peer.expect(501, transaction_id=other.transaction_id)
        await answered(peer, 200, None)

        await peer.send_raw(good.format(start_line=good.start_line.lower()))
        await peer.expect_end()
    covers("C-001", "C-145", "C-291")


@pytest.mark.parametrize("start", ["MSRP {} 200", "MSRP {} 200 ", "MSRP {} 200 OK"])
async def test_start_lines_of_responses(start: str) -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        request = await peer.expect("SEND")
        response = wire.Response.to(request)
        await peer.send_raw(response.format(start_line=start.format(request.transaction_id)))
        await transfer.acknowledged()
    covers("C-002", "C-040")


@pytest.mark.parametrize("status", [299, 499, 999])
async def test_unknown_codes_go_by_their_class(status: int) -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        await peer.respond(await peer.expect("SEND"), status, "Whatever")
        if status == 299:
            await transfer.acknowledged()
        else:
            with pytest.raises(msrp.StatusError) as caught:
                await transfer.acknowledged()
            assert caught.value.status == status
    covers("C-003", "C-183")


@pytest.mark.parametrize("tid", ["a", "abcd", "a.-+%=b", "x" * 32, "x" * 64])
async def test_transaction_ids(tid: str) -> None:
    async with meeting() as (_, peer):
        await answered(peer, 200, transaction_id=tid)
        await sent(peer, transaction_id="x" * 65)
        await peer.expect_end()
    covers("C-005", "C-175")


async def test_end_lines_are_compared_with_case() -> None:
    async with meeting() as (session, peer):
        inside = "-------TIDX$\r\n-------tidx\r\n-------tidxy$"
        await answered(peer, 200, inside, transaction_id="tidx")
        assert await text(session) == inside
    covers("C-006")


async def test_line_ends_around_a_body() -> None:
    async with meeting() as (session, peer):
        await session.send("abc")
        request = await peer.expect("SEND", headers={"Byte-Range": "1-3/3"})
        assert (request.raw or b"").endswith(
            f"\r\n\r\nabc\r\n-------{request.transaction_id}$\r\n".encode()
        )
        await peer.respond(request)
        await answered(peer, 200, b"abc\r\n")
        assert await body(session) == b"abc\r\n"
    covers("C-007", "C-008")


async def test_the_first_request_is_bodiless() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        peer.take_sdp(session.create_offer())
        session.set_remote(peer.sdp())
        opening = asyncio.create_task(session.open())
        first = await peer.expect("SEND", headers={"Content-Type": None})
        assert not first.has_body
        assert not any(name.startswith("Content-") for name in first.headers)
        assert re.search(rb"[^\n]\r\n-------", first.raw or b"")
        assert b"\r\n\r\n" not in (first.raw or b"")
        await peer.respond(first)
        await opening
        await peer.disconnect()
    covers("C-009", "C-010", "C-192")


async def test_an_empty_body_is_a_message_and_no_body_is_none() -> None:
    async with meeting() as (session, peer):
        await answered(peer, 200, None)
        await answered(peer, 200, b"", success_report="yes")
        message = await session.recv()
        assert (await message.read(), message.content_type) == (b"", "text/plain")
        await peer.expect("REPORT", headers={"Byte-Range": "1-0/0"})
        # The empty line may serve as that before the end-line.
        short = peer.make_send(b"")
        await peer.send_raw(bytes(short).replace(b"\r\n\r\n\r\n", b"\r\n\r\n"))
        await peer.expect(200, transaction_id=short.transaction_id)
        assert await body(session) == b""
        short = peer.make_send(b"", content_type=None)
        await peer.send_raw(bytes(short).replace(b"\r\n\r\n\r\n", b"\r\n\r\n"))
        await peer.expect(200, transaction_id=short.transaction_id)
        await answered(peer, 200, "last")
        assert await text(session) == "last"
    covers("C-011", "C-022", "C-113", "C-127")


async def test_any_octets_may_be_body() -> None:
    data = bytes(range(256)) * 8 + b"\r\n-------other$\r\n\r\r\n\n-------" + b"\xff\xfe\x00"
    async with meeting(accept_types=["*"]) as (session, peer):
        await answered(peer, 200, data, content_type=ZIP)
        assert await body(session) == data
    covers("C-015")


async def test_splits_mean_nothing() -> None:
    async with meeting() as (session, peer):
        requests = [peer.make_send(f"message {number}") for number in range(50)]
        await peer.send_raw(b"".join(map(bytes, requests)))
        for request in requests:
            await peer.expect(200, transaction_id=request.transaction_id)
        assert [await text(session) for _ in requests] == [f"message {n}" for n in range(50)]
        for number in range(3):
            request = peer.make_send(f"again {number}")
            await peer.send_raw(request, size=1)
            await peer.expect(200, transaction_id=request.transaction_id)
            assert await text(session) == f"again {number}"
    covers("C-016")


async def test_responses_have_two_paths_and_nothing_else() -> None:
    async with meeting() as (session, peer):
        await answered(peer, 200)
        await answered(peer, 415, content_type="x/y")
        await answered(peer, 481, to=str(session.local_path[0]).replace("/" + session.id, "/other"))
        for response in peer.log.frames("in"):
            assert isinstance(response, wire.Response)
            assert [name for name, _ in response.headers.pairs()] == ["To-Path", "From-Path"]
            assert not response.has_body
            assert response.flag == "$"
            assert response.raw == bytes(response)
    covers("C-017", "C-030", "C-031", "C-180")


async def test_a_response_with_a_body_is_framed() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        request = await peer.expect("SEND")
        assert isinstance(request, wire.Request)
        response = wire.Response.to(request).replace(body=b"what for?", flag="+")
        await peer.send_raw(response.with_headers({"Content-Type": "text/plain", "Foo": "bar"}))
        await transfer.acknowledged()
        await answered(peer, 200)
    covers("C-018", "C-150")


async def test_empty_lines_between_frames() -> None:
    async with meeting() as (session, peer):
        await peer.send_raw(b"\r\n" * 16 + bytes(peer.make_send("one")) + b"\r\n\r\n")
        await peer.expect(200)
        await peer.send_raw(b"\r\n" * 17)
        await peer.expect_end()
        assert await text(session) == "one"
    covers("C-019")


async def test_folded_lines_are_not_unfolded() -> None:
    async with meeting() as (_, peer):
        good = peer.make_send("x")
        folded = bytes(good).replace(b"\r\nMessage-ID", b"\r\n msrp://h:1/s;tcp\r\nMessage-ID")
        await peer.send_raw(folded)
        await peer.expect(400, transaction_id=good.transaction_id)
        await answered(peer, 200, None)
    covers("C-020", "C-064", "C-167")


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"junk", id="junk"),
        pytest.param(b"MSRP " + b"x" * (1 << 20), id="endless-line"),
        pytest.param(b"MSRP abcd1234\r\n", id="no-method"),
        pytest.param(b"MSRP abcd1234 SEND\r\nTo-Path: x\n", id="bare-lf"),
        pytest.param(b"MSRP abcd1234 SEND\r\nX: " + b"x" * 9000 + b"\r\n", id="long-line"),
        pytest.param(b"MSRP abcd1234 SEND\r\n" + b"X: y\r\n" * 65, id="many-headers"),
        pytest.param(b"MSRP abcd1234 SEND\r\n\r\n-------abcd1234$\r\n", id="no-paths"),
    ],
)
async def test_broken_framing_ends_the_connection(octets: bytes) -> None:
    async with meeting() as (session, peer):
        with contextlib.suppress(ConnectionError):
            await peer.send_raw(octets)
        await peer.expect_end()
        with pytest.raises(msrp.MsrpError):
            await session.recv()
        assert session.close_reason is not None
        assert session.close_reason.kind == "protocol"
    covers("C-023", "C-064")


# Headers.


async def test_order_of_the_paths() -> None:
    async with meeting() as (session, peer):
        good = peer.make_send("swapped")
        first, second, *rest = good.headers.pairs()
        await peer.send_raw(good.replace(headers=[second, first, *rest]))
        await peer.expect(200, transaction_id=good.transaction_id)
        assert await text(session) == "swapped"
        await peer.send_raw(good.replace(headers=[("X", "y"), first, second, *rest]))
        await peer.expect(400, transaction_id=good.transaction_id)
        await peer.expect_silence()
    covers("C-030")


async def test_blanks_and_case_in_headers() -> None:
    async with meeting() as (session, peer):
        good = peer.make_send("x", message_id="abcd", failure_report="yes")
        octets = bytes(good)
        for written in (
            b"Message-ID:abcd",
            b"Message-ID:  abcd",
            b"Message-ID:\tabcd ",
            b"MESSAGE-id: abcd",
        ):
            await peer.send_raw(octets.replace(b"Message-ID: abcd", written))
            await peer.expect(200, transaction_id=good.transaction_id)
        # All were the same message, so it came once.
        assert await text(session) == "x"
        await answered(peer, 200, "y", failure_report="YES")
        await sent(peer, "z", failure_report="NO")
        await peer.expect_silence()
        assert [await text(session), await text(session)] == ["y", "z"]
    covers("C-032", "C-033", "C-158")


async def test_unknown_headers_are_ignored() -> None:
    async with meeting() as (session, peer):
        await answered(peer, 200, "x", headers={"X-My_Header": "1", "Foo": ""})
        assert await text(session) == "x"
        transfer = await session.send("y")
        request = await peer.expect("SEND")
        await peer.respond(request, headers={"Message-ID": "abcd", "Byte-Range": "1-1/1"})
        await transfer.acknowledged()
    covers("C-034", "C-150")


@pytest.mark.parametrize(
    "line",
    [
        "1abc: x",
        "no colon",
        "X: \x01",
        "X: \x7f",
        "Failure-Report: maybe",
        "Success-Report: maybe",
        "Byte-Range: *-5/5",
        "Byte-Range: 1 - 5/5",
        "Byte-Range: 1-5",
        "Byte-Range: 0-4/5",
        "Byte-Range: 1-99999999999999999999999/*",
        "Content-Type: nonsense",
        "Message-ID: not an ident",
    ],
)
async def test_faulty_headers_are_400(line: str) -> None:
    async with meeting() as (session, peer):
        name = line.partition(":")[0]
        good = peer.make_send("12345", headers={name: None})
        octets = bytes(good).replace(b"\r\nMessage-ID", f"\r\n{line}\r\nMessage-ID".encode(), 1)
        if name == "Message-ID":
            octets = bytes(good).replace(b"\r\nByte-Range", f"\r\n{line}\r\nByte-Range".encode(), 1)
        await peer.send_raw(octets)
        await peer.expect(400, transaction_id=good.transaction_id)
        await answered(peer, 200, "last")
        assert await text(session) == "last"
    covers("C-034", "C-035", "C-042", "C-043", "C-044", "C-060", "C-064", "C-292")


@pytest.mark.parametrize(
    "name",
    [
        "To-Path",
        "From-Path",
        "Message-ID",
        "Byte-Range",
        "Success-Report",
        "Failure-Report",
        "Content-Type",
    ],
)
async def test_a_header_that_comes_twice_is_400(name: str) -> None:
    async with meeting() as (session, peer):
        good = peer.make_send("x", success_report="no", failure_report="yes")
        twice = [pair for pair in good.headers.pairs() for _ in range(1 + (pair[0] == name))]
        await peer.send_raw(good.replace(headers=twice))
        await peer.expect(400, transaction_id=good.transaction_id)
        await answered(peer, 200, "last")
        assert await text(session) == "last"
    covers("C-053")


async def test_comments_of_any_octets_complete_the_transaction() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        request = await peer.expect("SEND")
        response = wire.Response.to(request, 403, "\udcf8\udc88\udc80 no")
        assert b"403 \xf8\x88\x80 no" in bytes(response)
        await peer.send_raw(response)
        with pytest.raises(msrp.StatusError, match="\ufffd no"):
            await transfer.acknowledged()
    covers("C-038")


async def test_blanks_between_uris_and_no_uri() -> None:
    async with meeting() as (session, peer):
        await answered(
            peer, 200, "x", headers={"From-Path": f"{peer.path}  msrp://h.example:1/s;tcp"}
        )
        assert await text(session) == "x"
        faulty = await sent(peer, "x", headers={"To-Path": ""})
        await peer.expect(400, transaction_id=faulty.transaction_id)
    covers("C-039")


async def test_media_types_and_the_order_of_headers() -> None:
    async with meeting() as (session, peer):
        await answered(peer, 200, "x", content_type="Text/PLAIN; charset=utf-8")
        assert await text(session) == "x"
        good = peer.make_send("y")
        pairs = good.headers.pairs()
        await peer.send_raw(good.replace(headers=[*pairs[:2], pairs[-1], *pairs[2:-1]]))
        await peer.expect(200, transaction_id=good.transaction_id)
        assert await text(session) == "y"
        await answered(peer, 400, "no type", content_type=None)
        await session.send("z", headers={"Content-Disposition": "inline", "X-Mine": "1"})
        request = await peer.expect("SEND")
        names = [name for name, _ in request.headers.pairs()]
        assert names[:2] == ["To-Path", "From-Path"]
        assert names[-2:] == ["Content-Disposition", "Content-Type"]
        assert names.index("X-Mine") < names.index("Content-Disposition")
        assert b"Content-Type: text/plain\r\n\r\nz\r\n-------" in (request.raw or b"")
        assert "Content-Transfer-Encoding" not in request.headers
        await peer.respond(request)
    covers("C-036", "C-047", "C-048", "C-049", "C-050", "C-051")


# URIs.


async def test_paths_are_compared_and_echoed() -> None:
    async with meeting() as (session, peer):
        uri = session.local_path[0]
        spelled = f"MSRP://bob@127.0.0.1:{uri.port}/{uri.session_id};TCP;x=1"
        for path in ("msrp://h.example:1/s;ws", "msrp://h.example:1/s;tcp;foo=bar;baz"):
            request = await sent(peer, "x", to=spelled, headers={"From-Path": path})
            await peer.expect(200, transaction_id=request.transaction_id, headers={"To-Path": path})
            assert await text(session) == "x"
    covers("C-072", "C-078", "C-083", "C-084", "C-089", "C-091", "C-144")


async def test_other_uris_are_unknown() -> None:
    async with meeting() as (session, peer):
        own = str(session.local_path[0])
        assert session.id.swapcase() != session.id
        for path in (
            own.replace(f"/{session.id}", ""),
            own.replace(session.id, session.id.swapcase()),
            own.replace("msrp:", "msrps:"),
            own.replace(";tcp", ";ws"),
            own.replace(session.id, "unknown12345678"),
            f"{own} msrp://h.example:1/s;tcp",
        ):
            request = await sent(peer, "x", to=path)
            await peer.expect(
                481,
                transaction_id=request.transaction_id,
                headers={"From-Path": path.split()[0]},
            )
            await sent(peer, "x", to=path, failure_report="no")
            await peer.expect_silence()
        # It comes before other faults.
        other = peer.make_send(None, to=own.replace(session.id, "other")).replace(method="FOO")
        await peer.send_raw(other)
        await peer.expect(481, transaction_id=other.transaction_id)
        await answered(peer, 200, "last")
        assert await text(session) == "last"
    covers("C-080", "C-083", "C-088", "C-089", "C-140", "C-141", "C-142", "C-178", "C-195")


# Sending.


async def test_paths_of_requests() -> None:
    relay = "msrp://127.0.0.1:{}/relay;tcp"
    async with (
        msrp.Engine() as engine,
        RawPeer() as peer,
        engine.session() as session,
    ):
        path = f"{relay.format(peer.port)} msrp://far.example:2855/far;tcp"
        await peer.meet(session, path=path)
        await session.send("x")
        await peer.respond(
            await peer.expect(
                "SEND",
                headers={"To-Path": path, "From-Path": str(session.local_path[0])},
            )
        )
    covers("C-101")


async def test_chunks_of_a_long_message() -> None:
    async with meeting(chunk_len=2048) as (session, peer):
        transfer = await session.send(b"x" * 5000, success_report=True)
        other = await session.send(b"x" * 5000)
        chunks: dict[str, list[wire.Request]] = {}
        # No response yet: chunks do not wait for each other.
        for _ in range(6):
            chunk = await peer.expect("SEND")
            chunks.setdefault(chunk.message_id or "", []).append(chunk)
        assert set(chunks) == {transfer.message_id, other.message_id}
        assert len({chunk.transaction_id for every in chunks.values() for chunk in every}) == 6
        for message_id, asked in ((transfer.message_id, "yes"), (other.message_id, None)):
            first, second, third = chunks[message_id]
            assert [chunk.flag for chunk in (first, second, third)] == ["+", "+", "$"]
            ranges = [str(chunk.byte_range) for chunk in (first, second, third)]
            assert ranges == ["1-2048/5000", "2049-4096/5000", "4097-5000/5000"]
            assert [len(chunk.body) for chunk in (first, second, third)] == [2048, 2048, 904]
            assert {chunk.headers.get("Success-Report") for chunk in chunks[message_id]} == {asked}
            assert {chunk.headers.get("Failure-Report") for chunk in chunks[message_id]} <= {
                None,
                "yes",
            }
        for every in chunks.values():
            for chunk in every:
                await peer.respond(chunk)
        await transfer.acknowledged()
        await other.acknowledged()
    covers("C-012", "C-103", "C-105", "C-107", "C-109", "C-120", "C-121", "C-122", "C-123")
    covers("C-124", "C-125", "C-128", "C-131", "C-132")


async def test_an_empty_message_is_1_0_0() -> None:
    async with meeting() as (session, peer):
        await session.send(b"")
        request = await peer.expect("SEND", headers={"Byte-Range": "1-0/0"}, body=b"", flag="$")
        assert (request.raw or b"").endswith(
            f"text/plain\r\n\r\n\r\n-------{request.transaction_id}$\r\n".encode()
        )
        await peer.respond(request)
    covers("C-011", "C-126")


async def test_a_stream_of_unknown_length() -> None:
    first_seen = asyncio.Event()

    async def blocks() -> AsyncIterator[bytes]:
        yield b"y" * 3000
        # Its end is not known before this.
        await first_seen.wait()
        yield b"y" * 6000

    async with meeting() as (session, peer):
        transfer = await session.send(blocks())
        data = b""
        while True:
            chunk = await peer.expect("SEND")
            await peer.respond(chunk)
            assert chunk.byte_range is not None
            assert chunk.byte_range.start == len(data) + 1
            data += chunk.body
            if chunk.flag == "$":
                break
            assert chunk.flag == "+"
            assert first_seen.is_set() or chunk.byte_range.total is None
            first_seen.set()
        assert data == b"y" * 9000
        await transfer.acknowledged()
    covers("C-122", "C-124")


async def test_an_aborted_message_ends_with_a_hash() -> None:
    never = asyncio.Event()

    async def blocks() -> AsyncIterator[bytes]:
        yield b"z" * 3000
        await never.wait()

    async with meeting() as (session, peer):
        transfer = await session.send(blocks())
        chunk = await peer.expect("SEND", flag="+")
        await peer.respond(chunk)
        await transfer.abort()
        while chunk.flag != "#":
            chunk = await peer.expect("SEND")
            await peer.respond(chunk)
            assert chunk.message_id == transfer.message_id
        await session.send("next")
        await peer.respond(await peer.expect("SEND", body=b"next"))
    covers("C-012")


async def test_a_chunk_is_interrupted_for_a_response(until: Until) -> None:
    size = 8 * 1024 * 1024
    async with meeting(chunk_len=0, accept_types=["*"]) as (session, peer):
        await peer.pause()
        transfer = await session.send(b"x" * size, ZIP)
        await until(lambda: transfer.sent_bytes > 4096)
        request = await sent(peer, "me first")
        assert await text(session) == "me first"
        await peer.resume()
        data = 0
        is_answered = False
        flags = []
        while data < size:
            frame = await peer.receive()
            if isinstance(frame, wire.Response):
                assert frame.transaction_id == request.transaction_id
                is_answered = True
                assert data < size
                continue
            assert frame.message_id == transfer.message_id
            assert frame.byte_range == wire.ByteRange(data + 1, None, size)
            data += len(frame.body)
            flags.append(frame.flag)
            await peer.respond(frame)
        assert is_answered
        assert set(flags[:-1]) == {"+"}
        assert flags[-1] == "$"
        await transfer.acknowledged()
    covers("C-123", "C-128", "C-129", "C-134")


# Receiving.


async def test_messages_are_put_together() -> None:
    async def chunk(body: str, byte_range: str | None, flag: str, message_id: str) -> None:
        await answered(peer, 200, body, byte_range=byte_range, flag=flag, message_id=message_id)

    async with meeting() as (session, peer):
        for message_id, chunks, expected in (
            ("order", [("abcd", "1-4/8", "+"), ("efgh", "5-8/8", "$")], "abcdefgh"),
            ("turned", [("efgh", "5-8/8", "$"), ("abcd", "1-4/8", "+")], "abcdefgh"),
            ("lying", [("abcd", "1-10/20", "+"), ("e" * 16, "5-20/20", "$")], "abcd" + "e" * 16),
            ("below", [("abcd", "1-4/8", "+"), ("efgh", "5-3/8", "$")], "abcdefgh"),
            ("open", [("abcd", "1-*/*", "+"), ("ef", "5-6/*", "$")], "abcdef"),
            (
                "over",
                [("a" * 100, "1-100/*", "+"), ("b" * 101, "50-150/*", "$")],
                "a" * 49 + "b" * 101,
            ),
            ("norange", [("abcd", None, "+"), ("efgh", "5-8/8", "$")], "abcdefgh"),
            ("whole", [("abcd", "1-*/*", "$")], "abcd"),
            ("bare", [("abcd", None, "$")], "abcd"),
            ("zeros", [("abcd", "0001-0004/4", "$")], "abcd"),
        ):
            for part, byte_range, flag in chunks:
                await chunk(part, byte_range, flag, message_id)
            message = await session.recv()
            assert (message.message_id, await message.text()) == (message_id, expected)
        await chunk("ab", None, "+", "twice1")
        await answered(peer, 400, "cd", byte_range=None, flag="+", message_id="twice1")
        await answered(peer, 200, None, byte_range=None, flag="#", message_id="twice1")
        with pytest.raises(msrp.MessageAborted):
            await text(session)
        for body, byte_range, flag in (("ab", "1-2/4", "+"), ("cd", "3-4/4", "$")):
            for message_id in ("one1", "two2"):
                await chunk(body, byte_range, flag, message_id)
        assert [await text(session), await text(session)] == ["abcd", "abcd"]
    covers("C-044", "C-060", "C-138", "C-147", "C-148", "C-149", "C-151", "C-152", "C-153")
    covers("C-168", "C-170", "C-292")


async def test_chunks_of_any_size() -> None:
    async with meeting(accept_types=["*"]) as (session, peer):
        data = bytes(range(256)) * 4
        receiving = asyncio.create_task(session.recv())
        for at, octet in enumerate(data):
            flag = "$" if at + 1 == len(data) else "+"
            await peer.send_raw(
                peer.make_send(
                    bytes([octet]),
                    message_id="tiny",
                    byte_range=f"{at + 1}-{at + 1}/{len(data)}",
                    content_type=ZIP,
                    flag=flag,
                )
            )
        for _ in data:
            await peer.expect(200)
        assert await (await receiving).read() == data
        large = bytes(1024) * 4096
        reading = asyncio.create_task(body(session))
        await answered(peer, 200, large, content_type=ZIP)
        assert await reading == large
    covers("C-136")


async def test_a_hash_ends_a_message() -> None:
    async with meeting() as (session, peer):
        await answered(
            peer, 200, "abcd", message_id="gone", byte_range="1-4/8", flag="+", success_report="yes"
        )
        message = await session.recv()
        await answered(
            peer, 200, "ef", message_id="gone", byte_range="5-6/8", flag="#", success_report="yes"
        )
        with pytest.raises(msrp.MessageAborted):
            await message.read()
        await answered(peer, 413, "gh", message_id="gone", byte_range="7-8/8")
        await peer.expect_silence()
    covers("C-155")


async def test_data_beyond_the_end() -> None:
    async with meeting() as (session, peer):
        await answered(peer, 200, "xyz", message_id="late", byte_range="3-5/*", flag="$")
        await answered(peer, 400, "9", message_id="late", byte_range="9-9/*", flag="+")
        await answered(peer, 200, "ab", message_id="late", byte_range="1-2/*", flag="+")
        assert await text(session) == "abxyz"
    covers("C-156")


async def test_duplicates_are_answered_and_not_shown() -> None:
    async with meeting() as (session, peer):
        for number in range(2):
            request = await sent(peer, "once", message_id="same", success_report="yes")
            if number == 0:
                assert await text(session) == "once"
            kinds = {(await peer.receive()).start_line.split()[2] for _ in range(2)}
            assert kinds == {"200", "REPORT"}
            assert request.message_id == "same"
        await answered(peer, 200, "next")
        assert await text(session) == "next"
    covers("C-158", "C-159")


async def test_message_ids() -> None:
    async with meeting() as (session, peer):
        await answered(peer, 400, "x", headers={"Message-ID": None})
        await answered(peer, 200, None, headers={"Message-ID": None})
        await answered(peer, 200, "x", message_id="y" * 64)
        assert (await session.recv()).message_id == "y" * 64
        await answered(peer, 400, "x", message_id="y" * 65)
    covers("C-042", "C-106")


async def test_zero_ranges() -> None:
    async with meeting() as (_, peer):
        await answered(peer, 400, "12345", byte_range="0-4/5")
        await answered(peer, 200, None, byte_range="0-0/0")
        await answered(peer, 400, "1", byte_range="0-0/0")
    covers("C-292")


async def test_too_large_is_413_for_every_chunk() -> None:
    async with meeting(max_size=4) as (_, peer):
        await answered(peer, 413, "12345", message_id="fat1", byte_range="1-5/10", flag="+")
        await answered(peer, 413, "67890", message_id="fat1", byte_range="6-10/10")
        await answered(peer, 200, "1234")
    covers("C-164", "C-165")


async def test_a_claimed_size_costs_nothing() -> None:
    async with meeting() as (session, peer):
        huge = 9_000_000_000_000_000_000
        await answered(peer, 200, "12345", byte_range=f"1-5/{huge}", flag="+")
        message = await session.recv()
        assert message.total == huge
        assert session._engine.stats().receive_held < 1024
    covers("C-062")


# Failure-Report and Success-Report (RFC 4975 §7.1.2): what is answered.

CASES = [
    # Failure-Report, what is wrong, the answer.
    (None, "", 200),
    ("yes", "", 200),
    ("partial", "", None),
    ("no", "", None),
    (None, "type", 415),
    ("yes", "type", 415),
    ("partial", "type", 415),
    ("no", "type", None),
    ("partial", "session", 481),
    ("no", "session", None),
    ("partial", "range", 400),
    ("no", "range", None),
    ("partial", "method", 501),
    ("no", "method", None),
]


@pytest.mark.parametrize("success", [None, "no", "yes"])
@pytest.mark.parametrize(("failure", "wrong", "status"), CASES)
async def test_reactions_by_the_reports_asked_for(
    failure: str | None, wrong: str, status: int | None, success: str | None
) -> None:
    async with meeting() as (session, peer):
        request = peer.make_send(
            "12345",
            failure_report=failure,
            success_report=success,
            content_type="x/unknown" if wrong == "type" else "text/plain",
            byte_range="0-4/5" if wrong == "range" else "1-5/5",
            to=f"{peer.remote_path.replace(session.id, 'nobody')}" if wrong == "session" else None,
        )
        if wrong == "method":
            request = request.replace(method="FOOBAR")
        await peer.send_raw(request)
        if status is not None:
            await peer.expect(status, transaction_id=request.transaction_id)
        if not wrong:
            assert await text(session) == "12345"
        if not wrong and success == "yes":
            await peer.expect(
                "REPORT",
                headers={
                    "Message-ID": request.message_id,
                    "Byte-Range": "1-5/5",
                    "Status": re.compile("000 200 .+"),
                    "To-Path": peer.path,
                    "From-Path": str(session.local_path[0]),
                    "Success-Report": None,
                    "Failure-Report": None,
                },
            )
        await peer.expect_silence()
    covers("C-108", "C-141", "C-145", "C-160", "C-170", "C-171", "C-172", "C-173")
    covers("C-210", "C-213", "C-215", "C-216", "C-217", "C-226", "C-233", "C-234")


async def test_responses_and_reports_go_back_their_way() -> None:
    path = "msrp://r2.example:1/r2;tcp msrp://r1.example:2/r1;tcp msrp://a.example:3/a;tcp"
    async with meeting() as (session, peer):
        request = await sent(peer, "x", success_report="yes", headers={"From-Path": path})
        own = str(session.local_path[0])
        await peer.expect(
            200,
            transaction_id=request.transaction_id,
            headers={"To-Path": path.split()[0], "From-Path": own},
        )
        await session.recv()
        await peer.expect(
            "REPORT",
            headers={"To-Path": path, "From-Path": own, "Message-ID": request.message_id},
        )
        other = peer.make_send(None, to=own, headers={"From-Path": path}).replace(method="FOOBAR")
        await peer.send_raw(other)
        await peer.expect(501, headers={"To-Path": path, "From-Path": own})
    covers("C-176", "C-177", "C-178", "C-214")


async def test_success_reports_cover_what_asked_for_them() -> None:
    async with meeting() as (session, peer):
        await answered(
            peer, 200, "abcd", message_id="half", byte_range="1-4/8", flag="+", success_report="yes"
        )
        await answered(
            peer, 200, "efgh", message_id="half", byte_range="5-8/8", success_report="no"
        )
        assert await text(session) == "abcdefgh"
        report = await peer.expect("REPORT", headers={"Message-ID": "half"})
        assert report.byte_range is not None
        assert (report.byte_range.start, report.byte_range.end) == (1, 4)
        await peer.expect_silence()
        for part, byte_range, flag in (
            ("ab", "1-2/6", "+"),
            ("cd", "3-4/6", "+"),
            ("ef", "5-6/6", "$"),
        ):
            await answered(
                peer,
                200,
                part,
                message_id="all3",
                byte_range=byte_range,
                flag=flag,
                success_report="yes",
            )
        assert await text(session) == "abcdef"
        seen: set[int] = set()
        while len(seen) < 6:
            report = await peer.expect("REPORT", headers={"Message-ID": "all3"})
            assert report.byte_range is not None
            assert report.byte_range.end is not None
            seen |= set(range(report.byte_range.start, report.byte_range.end + 1))
        assert seen == set(range(1, 7))
    covers("C-211", "C-294")


async def test_a_bodiless_send_gets_its_report() -> None:
    async with meeting() as (session, peer):
        request = await sent(peer, None, success_report="yes")
        frames = [await peer.receive(), await peer.receive()]
        report = next(frame for frame in frames if frame.method == "REPORT")
        assert report.message_id == request.message_id
        assert str(report.byte_range) == "1-0/0"
        assert {frame.status for frame in frames} == {None, 200}
        # One with the Message-ID of an open message and `#` ends that.
        await answered(peer, 200, "abcd", message_id="open1", byte_range="1-4/8", flag="+")
        message = await session.recv()
        for flag in "$+":
            await answered(peer, 200, None, message_id="open1", byte_range=None, flag=flag)
        await answered(peer, 200, None, message_id="open1", byte_range=None, flag="#")
        with pytest.raises(msrp.MessageAborted):
            await message.read()
    covers("C-166")


async def test_reports_of_the_application() -> None:
    async with meeting(reports="manual") as (session, peer):
        await answered(peer, 200, "yes")
        await (await session.recv()).report(403, "not here")
        await peer.expect(
            "REPORT", headers={"Status": re.compile("000 403 .*"), "Byte-Range": "1-3/3"}
        )
        await sent(peer, "partial", failure_report="partial")
        await (await session.recv()).report(403, "not here")
        await peer.expect("REPORT", headers={"Status": re.compile("000 403 .*")})
        await sent(peer, "no", failure_report="no")
        message = await session.recv()
        with contextlib.suppress(ValueError, msrp.MsrpError):
            await message.report(403, "not here")
        await peer.expect_silence()
    covers("C-045", "C-222", "C-223", "C-224")


# REPORTs that come.


async def test_reports_are_never_answered() -> None:
    async with meeting() as (session, peer):
        good = peer.make_report("unknown1", "1-1/1")
        for report in (
            good,
            good.with_headers({"To-Path": peer.remote_path.replace(session.id, "nobody")}),
            good.with_headers({"Status": None}),
            good.with_headers({"Status": "nonsense"}),
            good.with_headers({"Byte-Range": "nonsense"}),
            good.with_headers({"Failure-Report": "yes"}),
            good.with_headers({"Status": "001 200 OK"}),
            good.replace(flag="+"),
            good.with_headers({"Content-Type": "text/plain"}).replace(body=b"more"),
        ):
            await peer.send_raw(report)
            await peer.expect_silence()
    covers("C-064", "C-174", "C-216", "C-217", "C-219", "C-221")


async def test_success_reports_are_put_together() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("x" * 1000, success_report=True)
        await peer.respond(await peer.expect("SEND", headers={"Success-Report": "yes"}))
        await transfer.acknowledged()
        delivered = asyncio.create_task(transfer.delivered())
        for status, byte_range, flag in (
            ("001 200 OK", "1-1000/1000", "$"),
            ("000 200", "701-1000/1000", "$"),
        ):
            await peer.send_raw(
                peer.make_report(transfer.message_id, byte_range, status, flag=flag)
            )
        await peer.expect_silence()
        assert not delivered.done()
        last = peer.make_report(transfer.message_id, "1-700/1000", flag="+")
        await peer.send_raw(last.with_headers({"Content-Type": "text/plain"}).replace(body=b"more"))
        await delivered
    covers("C-045", "C-135", "C-137", "C-218")


async def test_a_failure_report_for_a_range_ends_the_session() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("x" * 500, success_report=True)
        await peer.respond(await peer.expect("SEND"))
        await peer.send_raw(peer.make_report(transfer.message_id, "1-100/500", "000 408 timeout"))
        with pytest.raises(msrp.MsrpError):
            await transfer.delivered()
        with pytest.raises(msrp.MsrpError):
            await session.recv()
        assert session.state is msrp.State.CLOSED
    covers("C-229")


# Responses that come.


async def test_responses_are_matched_by_their_transaction() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        request = await peer.expect("SEND")
        await peer.respond(request, transaction_id="unknown1")
        await peer.respond(request, headers={"To-Path": "msrp://strange.example:1/s;tcp"})
        await transfer.acknowledged()
        # The second one for the same transaction says nothing any more.
        await peer.respond(request, 481)
        await peer.expect_silence()
        assert session.state is msrp.State.OPEN
    covers("C-182", "C-184")


@pytest.mark.parametrize("status", [400, 403, 413, 415, 423, 501])
async def test_failures_are_of_the_message_alone(status: int) -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        await peer.respond(await peer.expect("SEND"), status, "because")
        with pytest.raises(msrp.StatusError) as caught:
            await transfer.acknowledged()
        assert caught.value.status == status
        assert "because" in caught.value.comment
        assert caught.value.origin == "remote"
        # It is not tried again.
        await peer.expect_silence()
        if status != 415:
            await session.send("next")
            await peer.respond(await peer.expect("SEND", body=b"next"))
    covers("C-065", "C-244")


@pytest.mark.parametrize("status", [481, 506])
async def test_failures_of_the_session(status: int) -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        await peer.respond(await peer.expect("SEND"), status)
        with pytest.raises(msrp.MsrpError):
            await transfer.acknowledged()
        with pytest.raises(msrp.MsrpError):
            while True:
                await session.recv()
        with pytest.raises(msrp.MsrpError):
            await session.send("more")
        assert session.close_reason is not None
        assert (session.close_reason.kind, session.close_reason.status) == ("status", status)
    covers("C-246")


async def test_413_stops_a_message(until: Until) -> None:
    size = 64 * 1024 * 1024
    async with meeting(chunk_len=0, accept_types=["*"]) as (session, peer):
        transfer = await session.send(bytes(size), ZIP)
        reading = asyncio.create_task(peer.receive())
        start = re.compile(rb"MSRP (\S+) SEND\r\n(?:.+\r\n)+\r\n")
        await until(lambda: start.search(peer.log.octets("in")[:4096]))
        found = start.search(peer.log.octets("in"))
        assert found
        # The chunk is under way, and refused.
        request = peer.make_send(None, transaction_id=found[1].decode())
        await peer.send_raw(
            wire.Response.to(request, 413).with_headers({"To-Path": peer.remote_path})
        )
        chunk = await reading
        assert (chunk.message_id, chunk.flag) == (transfer.message_id, "#")
        assert len(chunk.body) < size
        with pytest.raises(msrp.StatusError) as caught:
            await transfer.acknowledged()
        assert caught.value.status == 413
        # Nothing more of it, and others go on.
        await peer.expect_silence()
        await session.send("other")
        await peer.respond(await peer.expect("SEND", body=b"other"))
    covers("C-230", "C-241")


async def test_408_is_a_timeout() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        await peer.respond(await peer.expect("SEND"), 408)
        with pytest.raises(msrp.TransactionTimeout):
            await transfer.acknowledged()
    covers("C-242")


async def test_no_answer_is_a_timeout() -> None:
    async with meeting(limits=msrp.Limits(transaction=0.2)) as (session, peer):
        transfer = await session.send("Hello")
        quiet = await session.send("quiet", failure_report="partial")
        silent = await session.send("silent", failure_report="no")
        request = await peer.expect("SEND", body=b"Hello")
        with pytest.raises(msrp.TransactionTimeout):
            await transfer.acknowledged()
        assert isinstance(request, wire.Request)
        # Too late: it stays failed, and the session lives.
        await peer.respond(request)
        await peer.expect("SEND", body=b"quiet", headers={"Failure-Report": "partial"})
        last = await peer.expect("SEND", body=b"silent", headers={"Failure-Report": "no"})
        await peer.respond(last)
        await quiet.acknowledged()
        await silent.acknowledged()
        await peer.expect_silence()
        with pytest.raises(msrp.TransactionTimeout):
            await transfer.acknowledged()
        assert session.state is msrp.State.OPEN
    covers("C-250", "C-252")


# Connections.


async def test_a_session_is_on_one_connection() -> None:
    async with meeting() as (session, peer), RawPeer("stranger1234") as second:
        await second.connect(session)
        request = await sent(second, "mine", to=peer.remote_path)
        await second.expect(506, transaction_id=request.transaction_id)
        await sent(second, "mine", to=peer.remote_path, failure_report="no")
        await second.send_raw(second.make_report("abcd", "1-1/1", to=peer.remote_path))
        # Nothing came of those two: the next answer is that of the third.
        third = await sent(second, "mine", to=peer.remote_path)
        await second.expect(506, transaction_id=third.transaction_id)
        await answered(peer, 200, "ours")
        assert await text(session) == "ours"
        await second.disconnect()
    covers("C-143", "C-195", "C-196")


async def test_who_is_connected_to_waits_for_a_request() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer, engine.session() as session:
        peer.take_sdp(session.create_answer(peer.sdp(setup="active")))
        opening = asyncio.create_task(session.open())
        await peer.connect(session)
        transfer = session.send_nowait("queued")
        # The first octet that comes is the answer to ours.
        await answered(peer, 200, None)
        await opening
        await peer.respond(await peer.expect("SEND", body=b"queued"))
        await transfer.acknowledged()
        await peer.disconnect()
    covers("C-193", "C-194")


async def test_sessions_share_a_connection() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer:
        async with engine.session() as first, engine.session() as second:
            await peer.meet(first)
            second.create_offer()
            second.set_remote(peer.sdp(path=peer.path.replace("rawpeer", "another")))
            opening = asyncio.create_task(second.open())
            request = await peer.expect("SEND", headers={"From-Path": str(second.local_path[0])})
            await peer.respond(request)
            await opening
            assert engine.stats().connections == 1
            await second.close()
            # The connection stays for the other.
            peer.remote_path = str(first.local_path[0])
            await answered(peer, 200, "x")
            assert await text(first) == "x"
            await peer.disconnect()
    covers("C-190", "C-201")


async def test_a_reset_ends_the_session() -> None:
    async with meeting() as (session, peer):
        transfer = await session.send("Hello")
        await peer.expect("SEND")
        await peer.reset()
        with pytest.raises(msrp.MsrpError):
            await transfer.acknowledged()
        with pytest.raises(msrp.ConnectError):
            await session.recv()
        assert session.close_reason is not None
        assert session.close_reason.kind == "connection-lost"
        assert session.close_reason.unacknowledged == (transfer.message_id,)
    covers("C-197")


async def test_an_end_inside_a_chunk() -> None:
    async with meeting() as (session, peer):
        whole = bytes(peer.make_send("x" * 100, success_report="yes"))
        await peer.send_raw(whole[: whole.index(b"xxx") + 50])
        message = await session.recv()
        await peer.half_close()
        with pytest.raises(msrp.MsrpError):
            await message.read()
        await peer.expect_end()
        assert session.state is msrp.State.CLOSED
    covers("C-204")


async def test_a_connection_without_a_session_is_closed() -> None:
    limits = msrp.Limits(unbound=0.2)
    async with (
        msrp.Engine(limits=limits) as engine,
        RawPeer() as peer,
        engine.session() as session,
    ):
        session.set_remote_path(peer.path, active=False)
        await peer.connect(session)
        await sent(peer, "x", to=peer.remote_path.replace(session.id, "nobody"))
        await peer.expect(481)
        await peer.expect_end()
    covers("C-203")
