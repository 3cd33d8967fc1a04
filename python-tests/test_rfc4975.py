"""The reactions that RFC 4975 asks for, on the wire: messages both ways, responses, REPORTs
and connections. What stands under "S:" in docs/conformance/core.md is sent by the peer.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import msrp
from covers import covers
from meeting import ZIP, answered, body, meeting, sent, text
from msrp import wire
from msrp.testing import RawPeer

Until = Callable[[Callable[[], object]], Awaitable[None]]


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
    limits = msrp.Limits(unbound=3)
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
