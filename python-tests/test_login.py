"""Sessions behind a relay of their own (RFC 4976)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

import msrp
from covers import covers
from fake_relay import FakeRelay, fake_relay, header

Until = Callable[[Callable[[], object]], Awaitable[None]]


def session(engine: msrp.Engine, relay: FakeRelay) -> msrp.Session:
    return engine.session(relays=[relay.login()], tls=relay.tls)


async def test_messages_pass_the_relay() -> None:
    async with (
        fake_relay() as relay,
        msrp.Engine() as engine,
        session(engine, relay) as alice,
        session(engine, relay) as bob,
    ):
        assert not alice.local_path
        assert not alice.relay_path
        assert alice.id
        with pytest.raises(ValueError, match="authenticate"):
            alice.create_offer()
        path = await alice.authenticate()
        assert alice.relay_path == path
        assert alice.local_path[0] == path[-1]
        assert alice.local_path[-1].session_id == alice.id
        await bob.authenticate(timeout=None)
        alice.set_remote(bob.create_answer(alice.create_offer()))
        await asyncio.gather(alice.open(), bob.open())
        await (await alice.send("hello")).acknowledged()
        assert await (await bob.recv()).text() == "hello"
        await (await bob.send("hello to you")).acknowledged()
        assert await (await alice.recv()).text() == "hello to you"
        assert relay.connections == 1
        sent = relay.requests("SEND")[0]
        to = [str(uri) for uri in (*path, *bob.local_path)]
        assert header(sent, "To-Path") == " ".join(to)
    covers("R-029", "R-030", "R-039")


async def test_new_uris_come_as_an_event() -> None:
    async with fake_relay() as relay, msrp.Engine() as engine, session(engine, relay) as alice:
        relay.expires = 6
        events = alice.events()
        before = await alice.authenticate()
        alice.create_offer()
        async with asyncio.timeout(30):
            first = await anext(events)
            relay.expires = 900
            second = await anext(events)
        assert isinstance(first, msrp.RelayPath)
        assert isinstance(second, msrp.RelayPath)
        assert first.path == before
        assert not first.offer_due
        assert first.lifetime is not None
        assert first.lifetime <= 6
        # The first offer has no answer yet, and no other one can be made before.
        assert not second.offer_due
        assert not alice.offer_due
        assert alice.relay_path == second.path != before
        assert alice.local_path[0] == second.path[-1]
    covers("R-034")


async def test_a_wrong_password_is_refused_and_the_session_lives() -> None:
    async with fake_relay() as relay, msrp.Engine() as engine:
        wrong = engine.session(relays=[relay.login("wrong")], tls=relay.tls)
        with pytest.raises(msrp.AuthError, match="password"):
            await wrong.authenticate()
        assert wrong.state is msrp.State.NEW
        with pytest.raises(msrp.AuthError):
            await wrong.authenticate()
        await wrong.close()
        with pytest.raises(msrp.SessionClosed):
            await wrong.authenticate()
        # A relay that nobody vouches for.
        untrusted = engine.session(relays=[relay.login()])
        with pytest.raises(msrp.TlsError):
            await untrusted.authenticate()


async def test_the_session_ends_with_the_connection_to_the_relay(until: Until) -> None:
    async with fake_relay() as relay, msrp.Engine() as engine, session(engine, relay) as alice:
        await alice.authenticate()
        relay.hang_up()
        await until(lambda: alice.state is msrp.State.CLOSED)
        assert alice.relay_path == ()
        reason = alice.close_reason
        assert reason is not None
        assert "relay was lost" in str(reason)
    covers("R-038")


async def test_one_login_at_a_time() -> None:
    async with fake_relay() as relay, msrp.Engine() as engine, session(engine, relay) as alice:
        login = asyncio.create_task(alice.authenticate())
        await asyncio.sleep(0)
        with pytest.raises(msrp.ConcurrencyError):
            await alice.authenticate()
        await login
        async with engine.session() as plain:
            with pytest.raises(ValueError, match="no relays"):
                await plain.authenticate()


async def test_a_cancelled_login_is_given_up(until: Until) -> None:
    async with fake_relay() as relay, msrp.Engine() as engine, session(engine, relay) as alice:
        relay.is_silent = True
        login = asyncio.create_task(alice.authenticate())
        await until(lambda: relay.requests("AUTH"))
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        # The next one begins anew, and gets its own answer.
        relay.is_silent = False
        relay.refuses = True
        with pytest.raises(msrp.AuthError):
            await alice.authenticate()
        relay.refuses = False
        path = await alice.authenticate()
        assert alice.relay_path == path


async def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="either a password or ha1"):
        msrp.RelayLogin("msrps://relay.example.com;tcp", "alice")
    with pytest.raises(TypeError, match="TLSConfig"):
        msrp.RelayLogin("msrps://relay.example.com;tcp", "alice", "secret", tls=True)  # type: ignore[arg-type]
    login = msrp.RelayLogin("msrps://relay.example.com;tcp", "alice", "secret")
    assert "secret" not in repr(login)
    async with msrp.Engine() as engine:
        with pytest.raises(TypeError, match="sequence of RelayLogin"):
            engine.session(relays=["msrps://relay.example.com;tcp"])  # type: ignore[list-item]
        for login, error, text in (
            (msrp.RelayLogin("msrp://localhost:1;tcp", "a", "b"), msrp.InvalidUri, "msrps"),
            (msrp.RelayLogin("msrps://x;tcp", "a", ha1="12", realm="r"), ValueError, "hex"),
            (msrp.RelayLogin("msrps://x;tcp", "a", ha1="0" * 32), ValueError, "realm"),
            (msrp.RelayLogin("msrps://x;tcp", "a", "b", expires=1.5), ValueError, "whole seconds"),
        ):
            with pytest.raises(error, match=text):
                engine.session(relays=[login])
