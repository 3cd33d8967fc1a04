"""CEMA (RFC 6714): sessions through a middlebox that rewrites ``c=`` and ``m=`` line."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest
import trustme

import msrp
from covers import covers

ANCHOR = "127.0.0.2"


class Middlebox:
    """Carries what comes in at its own address to a port of 127.0.0.1."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self.octets = b""
        self._tasks: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        for pair in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self.carry(*pair))
            self._tasks.add(task)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError):
                while octets := await reader.read(65536):
                    self.octets += octets
                    writer.write(octets)
                    await writer.drain()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def anchor(self, sdp: str) -> str:
        sdp = re.sub(r"^c=.*?$", f"c=IN IP4 {ANCHOR}\r", sdp, flags=re.MULTILINE)
        return re.sub(r"^m=message \d+", f"m=message {self.port}", sdp, flags=re.MULTILINE)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def middlebox(target: int) -> AsyncIterator[Middlebox]:
    box = Middlebox(target)
    server = await asyncio.start_server(box.take, ANCHOR, 0)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await box.end()


def config(name: str, verify: str, authority: trustme.CA) -> msrp.TLSConfig:
    leaf = authority.issue_cert(name)
    return msrp.TLSConfig(
        ca=authority.cert_pem.bytes() if verify == "ca" else None,
        cert=b"".join(pem.bytes() for pem in leaf.cert_chain_pems),
        key=leaf.private_key_pem.bytes(),
        verify="ca" if verify == "ca" else "fingerprint",
    )


@pytest.mark.parametrize("verify", ["plain", "ca", "fingerprint"])
async def test_octets_go_by_the_c_line_and_requests_by_the_path(verify: str) -> None:
    authority = trustme.CA()
    tls: dict[str, bool | msrp.TLSConfig] = {
        name: False if verify == "plain" else config(f"{name}.example", verify, authority)
        for name in ("alice", "bob")
    }
    async with (
        msrp.Engine() as engine,
        engine.session(cema=True, setup="active", tls=tls["alice"]) as alice,
        # Nobody can look that name up: only the middlebox knows the way.
        engine.session(cema=True, tls=tls["bob"], advertise=("bob.example", 0)) as bob,
    ):
        offer = alice.create_offer()
        assert offer.count("\r\na=msrp-cema\r\n") == 1
        await bob.prepare_remote(offer)
        answer = bob.create_answer(offer)
        assert answer.count("\r\na=msrp-cema\r\n") == 1
        port = bob.local_path[-1].port
        assert port is not None
        async with middlebox(port) as box:
            seen = box.anchor(answer)
            await alice.prepare_remote(seen)
            alice.set_remote(seen)
            assert not alice.offer_due
            prints = re.findall(r"^a=fingerprint:(.*?)\r$", answer, re.MULTILINE)
            assert alice.remote_fingerprints == tuple(prints)
            assert bool(prints) == (verify != "plain")
            await asyncio.gather(alice.open(), bob.open())
            await alice.send("through the middle")
            assert await (await bob.recv()).text() == "through the middle"
            assert box.connections == 1
            if verify == "plain":
                assert b"To-Path: msrp://bob.example:" in box.octets
            else:
                assert b"MSRP" not in box.octets
            await alice.close()
            await bob.close()
        assert alice.remote_fingerprints == ()
    covers("S-097", "S-104", "S-105", "S-106")


#: A peer that knows no CEMA and would connect, as it comes out of a middlebox.
PAST = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n"
    "m=message 9 TCP/MSRP *\r\na=accept-types:*\r\na=path:msrp://127.0.0.1:7394/theirs;tcp\r\n"
    "a=setup:active\r\n"
)


async def test_an_answer_that_cannot_work_brings_a_new_offer() -> None:
    async with msrp.Engine() as engine, engine.session(cema=True) as alice:
        assert "msrp-cema" in alice.create_offer()
        await alice.prepare_remote(PAST)
        alice.set_remote(PAST)
        assert alice.offer_due
        assert alice.remote_path == ()
        with pytest.raises(ValueError, match="new offer without CEMA is due"):
            await alice.open()
        assert alice.state is msrp.State.NEW
        assert "msrp-cema" not in alice.create_offer()
        assert not alice.offer_due
        await alice.close()
        assert not alice.offer_due
    covers("S-095")


async def test_an_offer_that_was_changed_without_cema_is_refused() -> None:
    async with msrp.Engine() as engine, engine.session(cema=True) as bob:
        with pytest.raises(msrp.InvalidSdp, match=r"c= and m= line say 127\.0\.0\.2:9"):
            bob.create_answer(PAST)
        assert bob.remote_path == ()
        assert "a=msrp-cema" in bob.create_answer(
            PAST.replace("0.0.2", "0.0.1").replace(" 9 ", " 7394 ")
        )
    covers("S-100")


async def test_names_are_looked_up_first() -> None:
    named = PAST.replace("//127.0.0.1:7394", "//localhost:9").replace("127.0.0.2", "127.0.0.1")
    async with msrp.Engine() as engine, engine.session(cema=True) as bob:
        with pytest.raises(ValueError, match="prepare_remote"):
            bob.create_answer(named)
        await asyncio.gather(bob.prepare_remote(named), bob.prepare_remote(named, index=0))
        assert "a=msrp-cema" in bob.create_answer(named)
        with pytest.raises(msrp.InvalidSdp):
            await bob.prepare_remote("v=0")
        cancelled = asyncio.create_task(bob.prepare_remote(named))
        await asyncio.sleep(0)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await bob.prepare_remote(named)
        await bob.close()
        with pytest.raises(msrp.SessionClosed):
            await bob.prepare_remote(named)
    covers("S-099")
