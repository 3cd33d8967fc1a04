"""The reactions that RFC 4975 asks for, on the wire: framing, headers and URIs. What stands under
"S:" in docs/conformance/core.md is sent by the peer.
"""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

import msrp
from covers import covers
from meeting import ZIP, answered, body, meeting, sent, text
from msrp import wire
from msrp.testing import RawPeer

IDENT = r"[A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}"


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
