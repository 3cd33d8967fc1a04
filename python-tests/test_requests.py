"""Requests of other methods than SEND and REPORT (RFC 4975 §12)."""

from __future__ import annotations

import asyncio

import pytest

import msrp
from covers import covers


async def pair(engine: msrp.Engine, *methods: str) -> tuple[msrp.Session, msrp.Session]:
    """Two open sessions; the second one answers these methods."""
    alice, bob = engine.session(), engine.session(methods=methods)
    alice.set_remote(bob.create_answer(alice.create_offer()))
    await asyncio.gather(alice.open(), bob.open())
    return alice, bob


async def test_a_host_answers_what_it_knows() -> None:
    async with msrp.Engine() as engine:
        alice, bob = await pair(engine, "PING", "NICKNAME")
        for body in (None, "", "how are you?", b"\0" * 10240):
            asked = asyncio.ensure_future(alice.request("PING", body, headers={"X-One": "1"}))
            request = await bob.recv_request()
            assert (request.method, request.headers["x-one"]) == ("PING", "1")
            assert request.body == (body.encode() if isinstance(body, str) else body or b"")
            assert request.content_type == (None if body is None else "text/plain")
            assert request.message_id is not None
            await request.respond(200, "Here", headers=[("X-Mood", "fine")])
            answer = await asked
            assert (answer.status, answer.comment) == (200, "Here")
            assert answer.headers["X-Mood"] == "fine"
            with pytest.raises(RuntimeError, match="was answered"):
                await request.respond()
        with pytest.raises(msrp.TooLarge, match="10240"):
            await alice.request("PING", b"\0" * 10241)
        await alice.send("none of this")
        assert await (await bob.recv()).text() == "none of this"
        covers("C-102")


async def test_what_nobody_knows_is_501() -> None:
    async with msrp.Engine() as engine:
        alice, bob = await pair(engine, "PING")
        assert (await alice.request("PONG")).status == 501
        assert (await bob.request("PING")).status == 501
        await alice.send("it goes on")
        assert await (await bob.recv()).text() == "it goes on"
        covers("C-145", "C-248")


async def test_what_cannot_be_is_refused() -> None:
    async with msrp.Engine() as engine:
        alice, _ = await pair(engine)
        for method in ("", "ping", "FILE_OFFSET", "SEND", "REPORT", "AUTH"):
            with pytest.raises(ValueError, match="method"):
                await alice.request(method)
            with pytest.raises(ValueError, match="method"):
                engine.session(methods=[method])
        with pytest.raises(TypeError, match="sequences"):
            engine.session(methods="PING")
        with pytest.raises(ValueError, match="Byte-Range"):
            await alice.request("PING", headers={"Byte-Range": "1-2/3"})


async def test_the_end_of_the_session_ends_the_waits() -> None:
    async with msrp.Engine() as engine:
        alice, bob = await pair(engine, "PING")
        asked = asyncio.ensure_future(alice.request("PING"))
        request = await bob.recv_request()
        waiting = asyncio.ensure_future(bob.recv_request())
        await asyncio.sleep(0)
        with pytest.raises(msrp.ConcurrencyError):
            await bob.recv_request()
        await bob.close()
        with pytest.raises(msrp.SessionClosed):
            await waiting
        with pytest.raises(msrp.SessionClosed):
            await request.respond()
        # The engine answered for the host, before it closed.
        try:
            assert (await asked).status == 481
        except msrp.MsrpError:
            assert alice.close_reason is not None
        with pytest.raises(msrp.MsrpError):
            await alice.request("PING")
