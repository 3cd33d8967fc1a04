"""REPORTs: of parts, late, or never, and what a 415 leaves (RFC 4975 §7.1.2, §7.1.3, §10.6)."""

from __future__ import annotations

import asyncio

import pytest

import msrp
from covers import covers
from msrp.testing import pair


async def strangers(
    engine: msrp.Engine, *, report_timeout: float | None = None
) -> tuple[msrp.Session, msrp.Session]:
    """Two open sessions; the second one makes its own REPORTs."""
    alice = engine.session(accept_types=["*"], report_timeout=report_timeout)
    bob = engine.session(accept_types=["*"], reports="manual")
    alice.set_remote(bob.create_answer(alice.create_offer()))
    await asyncio.gather(alice.open(), bob.open())
    return alice, bob


async def test_a_message_is_reported_in_parts() -> None:
    async with msrp.Engine() as engine:
        alice, bob = await strangers(engine)
        events = alice.events()
        transfer = await alice.send("0123456789", success_report=True)
        message = await bob.recv()
        for octets, told in (((4, 10), (5, 10, 10)), ((0, 4), (1, 4, 10))):
            await message.report(comment="so far", octets=octets)
            report = await anext(events)
            assert report == msrp.Report(transfer.message_id, 200, "so far", told)
        assert (await transfer.delivered(timeout=60)).byte_range == (1, 4, 10)
        with pytest.raises(ValueError, match="octets 3 to 3"):
            await message.report(octets=(3, 3))
        with pytest.raises(ValueError, match="octets"):
            await message.report(octets=(-1, 3))
        with pytest.raises(TypeError, match="octets"):
            await message.report(octets=3)  # type: ignore[arg-type]
        await alice.close()
        covers("C-210", "C-211", "C-212", "T-09")


async def test_what_is_not_confirmed_by_the_end_is_told() -> None:
    async with msrp.Engine() as engine:
        alice, _bob = await strangers(engine)
        events = alice.events()
        silent = await alice.send("nobody asked")
        transfer = await alice.send("nobody says a word", success_report=True)
        await transfer.acknowledged()
        await silent.acknowledged()
        waiting = asyncio.create_task(transfer.delivered())
        await asyncio.sleep(0)
        await alice.close()
        with pytest.raises(msrp.SessionClosed, match="not confirmed"):
            await waiting
        # And for who asks later.
        with pytest.raises(msrp.SessionClosed, match="not confirmed"):
            await transfer.delivered()
        seen = [event async for event in events]
        told = [event for event in seen if isinstance(event, msrp.TransferUnconfirmed)]
        assert [event.message_id for event in told] == [transfer.message_id]
        assert seen.index(told[0]) < seen.index(msrp.StateChanged(msrp.State.CLOSED))
        covers("C-232")


async def test_an_own_time_for_success_reports() -> None:
    async with msrp.Engine() as engine:
        alice, bob = await strangers(engine, report_timeout=0.001)
        events = alice.events()
        transfer = await alice.send("quick", success_report=True)
        with pytest.raises(msrp.TransactionTimeout, match="not confirmed"):
            await transfer.delivered()
        told = await anext(events)
        assert isinstance(told, msrp.TransferUnconfirmed)
        assert told.message_id == transfer.message_id
        # Late is not never.
        await (await bob.recv()).report()
        assert await anext(events) == msrp.Report(transfer.message_id, 200, "OK", (1, 5, 5))
        async with asyncio.timeout(60):
            while True:
                try:
                    await transfer.delivered()
                    break
                except msrp.TransactionTimeout:
                    await asyncio.sleep(0.001)
        await alice.close()
        covers("C-231")


async def test_a_type_that_was_answered_415_is_not_sent_again() -> None:
    async with msrp.Engine() as engine:
        alice, bob = await strangers(engine)
        transfer = await alice.send("<p>", "text/html", success_report=True)
        await (await bob.recv()).report(415, "no HTML")
        with pytest.raises(msrp.StatusError) as raised:
            await transfer.delivered(timeout=60)
        assert raised.value.status == 415
        with pytest.raises(msrp.UnacceptedType, match="415"):
            await alice.send("<p>", "TEXT/html; charset=utf-8")
        await alice.send("hi")
        assert await (await bob.recv()).text() == "hi"
        await alice.close()
        covers("C-245", "T-51")


async def test_a_cpim_wrapper_is_not_blamed_for_its_content() -> None:
    def wrapped(inner: str) -> str:
        return f"From: <im:a@b>\r\n\r\nContent-Type: {inner}\r\n\r\nhi"

    async with msrp.Engine() as engine:
        alice, bob = await strangers(engine)
        transfer = await alice.send(wrapped("text/html"), "message/cpim", success_report=True)
        await (await bob.recv()).report(415)
        with pytest.raises(msrp.StatusError):
            await transfer.delivered(timeout=60)
        with pytest.raises(msrp.UnacceptedType, match="text/html in message/cpim"):
            await alice.send(wrapped("text/html"), "message/cpim")
        await alice.send(wrapped("text/plain"), "message/cpim")
        assert (await bob.recv()).content_type == "message/cpim"
        await alice.close()
        covers("C-245", "T-67")


async def test_automatic_reports_are_nobody_elses() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        await alice.send("hi", success_report=True)
        message = await bob.recv()
        with pytest.raises(ValueError, match="automatic"):
            await message.report(octets=(0, 1))
