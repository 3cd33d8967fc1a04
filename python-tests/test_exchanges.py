"""Offers and answers over the life of a session: holds, refreshes, glare, port 0."""

from __future__ import annotations

import asyncio
import contextlib
import re

import pytest

import msrp
from covers import covers
from msrp.testing import pair


def version(sdp: str) -> int:
    found = re.search(r"^o=\S+ \S+ (\d+) ", sdp, re.MULTILINE)
    assert found
    return int(found[1])


def exchange(offerer: msrp.Session, answerer: msrp.Session) -> tuple[str, str]:
    offer = offerer.create_offer()
    answer = answerer.create_answer(offer)
    offerer.set_remote(answer)
    return offer, answer


async def test_a_hold_and_its_end() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        assert alice.direction == bob.direction == "sendrecv"
        alice.set_direction("sendonly")
        assert alice.direction == "sendrecv", "it holds when it is agreed on"
        exchange(alice, bob)
        assert (alice.direction, bob.direction) == ("sendonly", "recvonly")
        assert (alice.remote_direction, bob.remote_direction) == ("sendonly", "recvonly")
        with pytest.raises(msrp.StatusError) as refused:
            await bob.send("not now")
        assert refused.value.status == 403
        with pytest.raises(msrp.StatusError):
            bob.send_nowait("not now")
        await (await alice.send("music")).acknowledged()
        assert await (await bob.recv()).text() == "music"
        composing = "application/im-iscomposing+xml"
        with pytest.raises(msrp.UnacceptedType):
            await bob.send("<isComposing/>", composing)
        alice.set_direction("sendrecv")
        exchange(alice, bob)
        await (await bob.send("now")).acknowledged()
        assert await (await alice.recv()).text() == "now"
        covers("S-145")


async def test_control_passes_a_hold() -> None:
    types = {"accept_types": ["*"], "direction": "inactive"}
    async with (
        msrp.Engine() as engine,
        engine.session(accept_types=["*"], direction="inactive") as alice,
        engine.session(**types) as bob,  # type: ignore[arg-type]
    ):
        exchange(alice, bob)
        await asyncio.gather(alice.open(), bob.open())
        assert alice.direction == bob.direction == "inactive"
        sent = await alice.send("<isComposing/>", "application/im-iscomposing+xml")
        await sent.acknowledged()
        assert (await bob.recv()).content_type == "application/im-iscomposing+xml"
        # What only the sender knows to be control, the other side refuses.
        marked = await alice.send("a report", control=True)
        with pytest.raises(msrp.StatusError) as refused:
            await marked.acknowledged()
        assert refused.value.status == 403
        covers("S-145", "S-146")


async def test_a_message_under_way_waits_for_the_end_of_a_hold() -> None:
    body = bytes(range(256)) * 8000
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        receiving = asyncio.create_task(bob.recv())
        sent = await alice.send(body)
        message = await receiving
        bob.set_direction("sendonly")
        exchange(bob, alice)
        reading = asyncio.create_task(message.read())
        await (await bob.send("on hold")).acknowledged()
        bob.set_direction("sendrecv")
        exchange(bob, alice)
        assert await reading == body
        await sent.acknowledged()


async def test_versions_and_open_offers() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        first = exchange(alice, bob)
        assert exchange(alice, bob) == first
        offer = alice.create_offer()
        assert alice.create_offer() == offer
        assert alice.offer_media().splitlines()[0] in offer
        alice.set_direction("inactive")
        with pytest.raises(msrp.ConcurrencyError):
            alice.create_offer()
        with pytest.raises(msrp.ConcurrencyError):
            alice.create_answer(bob.create_offer())
        alice.rollback_offer()
        changed = alice.create_offer()
        assert version(changed) == version(offer) + 1
        assert "a=inactive" in changed
        bob.rollback_offer()
        alice.set_remote(bob.create_answer(changed))
        assert bob.direction == "inactive"
        covers("S-132", "S-133", "S-141")


async def test_blocks_are_enough_for_later_exchanges() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        bob.set_direction("inactive")
        alice.set_remote(bob.offer_media())
        bob.set_remote(alice.local_media())
        assert alice.direction == bob.direction == "inactive"


async def test_port_0_ends_the_session() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        ended = re.sub(r"m=message \d+", "m=message 0", alice.create_offer())
        answer = bob.create_answer(ended)
        assert "m=message 0 " in answer
        # The end of the connection may be quicker.
        with contextlib.suppress(msrp.SessionClosed):
            alice.set_remote(answer)
        for session in (alice, bob):
            with pytest.raises(msrp.SessionClosed):
                await session.recv()
            assert session.close_reason is not None
            assert session.close_reason.kind in {"stream-ended", "peer-closed"}
            assert session.direction == "inactive"
            assert session.remote_direction is None
            with pytest.raises(msrp.SessionClosed):
                session.set_direction("sendrecv")
        assert bob.close_reason is not None
        assert bob.close_reason.kind == "stream-ended"
        covers("S-142")


async def test_a_session_moves_with_messages_under_way() -> None:
    body = bytes(range(256)) * 4000
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        before = alice.local_path
        receiving = asyncio.create_task(bob.recv())
        sent = await alice.send(body)
        message = await receiving
        alice.relocate()
        assert alice.local_path != before
        exchange(alice, bob)
        assert bob.remote_path == alice.local_path
        assert await message.read() == body
        await sent.acknowledged()
        for number in range(10):
            await alice.send(str(number))
        assert [await (await bob.recv()).text() for _ in range(10)] == [str(n) for n in range(10)]
        await (await bob.send("there")).acknowledged()
        assert await (await alice.recv()).text() == "there"
        with pytest.raises(ValueError, match="wildcard"):
            alice.relocate(host="0.0.0.0")
        covers("S-137")


async def test_unknown_directions_are_refused() -> None:
    async with msrp.Engine() as engine:
        with pytest.raises(ValueError, match='"both"'):
            engine.session(direction="both")
        async with engine.session() as session:
            with pytest.raises(ValueError, match="direction is"):
                session.set_direction("SENDONLY")
