"""Sessions with known kinds of peers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import msrp
from msrp.testing import RawPeer, pair
from msrp.wire import Request


async def opened(session: msrp.Session, peer: RawPeer) -> None:
    """Connects to the peer, which answers the first request."""
    session.set_remote_path(peer.path, active=True)
    opening = asyncio.create_task(session.open())
    await peer.respond(await peer.receive())
    await opening


async def chunks(peer: RawPeer) -> list[tuple[Request, bytes]]:
    """Answers the chunks of one message. Gives them with their bodies."""
    taken: list[tuple[Request, bytes]] = []
    while not taken or taken[-1][0].flag == "+":
        chunk = await peer.receive()
        assert isinstance(chunk, Request)
        taken.append((chunk, chunk.body or b""))
        await peer.respond(chunk)
    return taken


@pytest.mark.parametrize(
    ("options", "lengths"),
    [
        ({}, [2048, 2048, 2048, 2048, 1808]),
        ({"profile": msrp.Profile.KAMAILIO}, [8192, 1808]),
        ({"profile": "kamailio"}, [8192, 1808]),
        ({"profile": "kamailio", "chunk_len": 9000}, [9000, 1000]),
        ({"profile": msrp.Profile.BLINK, "chunk_len": 0}, [10_000]),
    ],
)
async def test_chunks_have_the_length_of_the_profile_or_the_given_one(
    options: dict[str, Any], lengths: list[int]
) -> None:
    async with (
        msrp.Engine() as engine,
        RawPeer() as peer,
        engine.session(**options) as session,
    ):
        await opened(session, peer)
        transfer = await session.send(b"x" * 10_000)
        assert [len(body) for _, body in await chunks(peer)] == lengths
        await transfer.acknowledged()


async def test_blink_gets_one_request_at_a_time() -> None:
    async with msrp.Engine() as engine, RawPeer() as peer:
        async with engine.session(profile=msrp.Profile.BLINK) as session:
            await opened(session, peer)
            transfers = [await session.send(f"message {number}") for number in range(5)]
            for transfer in transfers:
                request = await peer.receive()
                assert request.headers["Message-ID"] == transfer.message_id
                # Nothing comes beside a request that was not answered, but an answer.
                await peer.send(session.local_path[0], message_id=f"ping{transfer.message_id}")
                assert (await peer.receive()).status == 200
                await peer.respond(request)
                await transfer.acknowledged()


async def test_opensips_never_sees_crlf_and_seven_hyphens_inside_of_a_body() -> None:
    text = "Title\r\n" + "-" * 40 + "\r\ntext"
    for profile, count in (("strict", 1), ("opensips", 2)):
        async with (
            msrp.Engine() as engine,
            RawPeer() as peer,
            engine.session(profile=profile) as session,
        ):
            await opened(session, peer)
            await session.send(text)
            taken = await chunks(peer)
            assert len(taken) == count
            assert b"".join(body for _, body in taken) == text.encode()
            assert any(b"\r\n-------" in body for _, body in taken) == (profile == "strict")


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, 481),
        ({"profile": "freeswitch"}, 200),
        ({"profile": "sessmatch"}, 200),
        ({"session_match": "session-id"}, 200),
        ({"profile": "sessmatch", "session_match": "uri"}, 481),
    ],
)
async def test_sessions_by_their_id_alone(options: dict[str, Any], status: int) -> None:
    async with (
        msrp.Engine() as engine,
        RawPeer() as peer,
        engine.session(**options) as session,
    ):
        await opened(session, peer)
        await peer.send(f"msrp://gateway.example:9/{session.id};tcp", b"hello")
        assert (await peer.receive()).status == status
        if status == 200:
            assert await (await session.recv()).text() == "hello"


@pytest.mark.parametrize("profile", msrp.Profile)
async def test_every_profile_carries_messages(profile: msrp.Profile) -> None:
    body = b"text\r\n---------\r\n" * 5000
    async with (
        msrp.Engine() as engine,
        pair(engine, profile=profile, accept_types=["*"]) as (alice, bob),
    ):
        transfer = await alice.send(body, "application/octet-stream")
        assert await (await bob.recv()).read() == body
        await transfer.acknowledged()


async def test_unknown_names_are_told_which_there_are() -> None:
    names = ", ".join(msrp.Profile)
    async with msrp.Engine() as engine:
        with pytest.raises(ValueError, match=f'profile is "asterisk", there are: {names}$'):
            engine.session(profile="asterisk")
        with pytest.raises(TypeError, match="profile"):
            engine.session(profile=7)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="session_match is 'uri', 'session-id' or None"):
            engine.session(session_match="host")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="pacing is 'pipelined', 'one' or None"):
            engine.session(pacing="slow")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="dash_split"):
            engine.session(dash_split="on")  # type: ignore[arg-type]
