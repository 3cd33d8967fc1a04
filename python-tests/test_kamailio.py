"""Kamailio as the relay of our sessions, and what is said of it in docs/peers.md and quirks.md."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal, Self

import pytest
import trustme

import kamailio
import msrp
from covers import covers
from kamailio import PASSWORD, REALM, Kamailio
from msrp import wire


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    with kamailio.run(tmp_path_factory.mktemp("kamailio")) as running:
        yield running


class Raw:
    """A client that says what it is told to."""

    def __init__(self, relay: Kamailio, *, tls: bool) -> None:
        self.uri = relay.secure_uri if tls else relay.uri
        self.own = f"{self.uri.split(':')[0]}://127.0.0.1:4444/abcdefgh;tcp"
        port = relay.tls_port if tls else relay.tcp_port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        if tls:
            context = ssl.create_default_context(cadata=relay.ca.decode())
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.parser = wire.Parser()
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, *headers: str) -> str:
        """Sends an AUTH; its transaction id."""
        self.count += 1
        tid = f"tid{self.count:04}"
        lines = [f"MSRP {tid} AUTH", f"To-Path: {self.uri}", f"From-Path: {self.own}", *headers]
        self.socket.sendall("\r\n".join([*lines, f"-------{tid}$", ""]).encode())
        return tid

    def auth(self, *headers: str) -> wire.Response:
        tid = self.ask(*headers)
        while True:
            for frame in self.parser.feed(self.read()):
                assert isinstance(frame, wire.Response)
                assert frame.transaction_id == tid
                return frame

    def read(self) -> bytes:
        octets = self.socket.recv(65536)
        assert octets, "Kamailio closed the connection"
        return octets

    def credentials(self, nonce: str, nc: int, uri: str | None) -> str:
        def digest(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        a1, a2 = digest(f"alice:{REALM}:{PASSWORD}"), digest(f"AUTH:{self.uri}")
        response = digest(f"{a1}:{nonce}:{nc:08x}:0a4f113b:auth:{a2}")
        named = "" if uri is None else f' uri="{uri}",'
        return (
            f'Authorization: Digest username="alice", realm="{REALM}", nonce="{nonce}",{named}'
            f' qop=auth, nc={nc:08x}, cnonce="0a4f113b", response="{response}"'
        )


def nonce_of(response: wire.Response) -> str:
    assert response.status == 401
    value = response.headers["WWW-Authenticate"]
    assert value.startswith("Digest ")
    found = re.search(r'nonce="([^"]+)"', value)
    assert found
    return found[1]


@pytest.mark.parametrize("tls", [False, True])
def test_what_is_measured_of_its_digest(relay: Kamailio, tls: bool) -> None:
    """Without `uri` no access; no Authentication-Info; a new URI for each AUTH."""
    with Raw(relay, tls=tls) as raw:
        nonce = nonce_of(raw.auth())
        for nc in (1, 2):
            nonce = nonce_of(raw.auth(raw.credentials(nonce, nc, None)))
        paths = set()
        for nc in (3, 4):
            granted = raw.auth(raw.credentials(nonce, nc, raw.uri))
            headers = granted.headers
            assert granted.status == 200
            assert "Authentication-Info" not in headers
            assert headers["Expires"] == "3600"
            assert headers["Use-Path"].startswith(raw.uri.removesuffix(";tcp") + "/")
            paths.add(headers["Use-Path"])
        assert len(paths) == 2


def test_what_is_measured_of_its_answer_to_expires(relay: Kamailio) -> None:
    """423, and where Min-Expires should stand, there is what happened to be in memory."""
    with Raw(relay, tls=False) as raw:
        nonce = nonce_of(raw.auth())
        for nc, expires in [(1, 1), (2, 60), (3, 3600), (4, 100_000)]:
            tid = raw.ask(raw.credentials(nonce, nc, raw.uri), f"Expires: {expires}")
            said = b""
            while not said.endswith(f"-------{tid}$\r\n".encode()):
                said += raw.read()
            assert said.startswith(f"MSRP {tid} 423 ".encode())


def login(relay: Kamailio, *, tls: bool, password: str = PASSWORD, **more: Any) -> msrp.RelayLogin:
    uri = relay.secure_uri if tls else relay.uri
    # Without TLS nothing says who it is, and it has no Authentication-Info.
    return msrp.RelayLogin(
        uri, "alice", password, insecure_plain_auth=not tls, accept_unproved=not tls, **more
    )


@contextlib.asynccontextmanager
async def calls(
    relay: Kamailio, *, tls: bool, **options: Any
) -> AsyncIterator[tuple[msrp.Session, msrp.Session]]:
    """Two open sessions, each in an engine of its own and logged in to Kamailio."""
    options = {"profile": "kamailio", "relays": [login(relay, tls=tls)], **options}
    trust = msrp.TLSConfig(ca=relay.ca)
    async with (
        msrp.Engine(tls=trust) as one,
        msrp.Engine(tls=trust) as other,
        one.session(**options) as alice,
        other.session(**options) as bob,
    ):
        await asyncio.gather(alice.authenticate(), bob.authenticate())
        alice.set_remote(bob.create_answer(alice.create_offer()))
        await asyncio.gather(alice.open(), bob.open())
        yield alice, bob


BOTH = pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])


@BOTH
async def test_messages_go_both_ways(relay: Kamailio, tls: bool) -> None:
    async with calls(relay, tls=tls) as (alice, bob):
        for session in (alice, bob):
            (uri,) = session.relay_path
            assert uri.host == "127.0.0.1"
            assert uri.port == (relay.tls_port if tls else relay.tcp_port)
            assert session.local_path[0] == uri
            assert len(session.local_path) == 2
        assert alice.relay_path != bob.relay_path
        for number in range(20):
            for sender, receiver in ((alice, bob), (bob, alice)):
                transfer = await sender.send(f"hello {number}")
                await transfer.acknowledged()
                assert await (await receiver.recv()).text() == f"hello {number}"
    covers("R-022", "R-023", "R-024", "R-029", "R-030", "R-056")


@BOTH
async def test_big_messages_go_both_ways_at_once(relay: Kamailio, tls: bool) -> None:
    """Kamailio takes frames of at most 11 KB; here are 3 MB in each direction."""
    there, back = os.urandom(3_000_000), os.urandom(3_000_000)
    async with calls(relay, tls=tls, accept_types=["*"]) as (alice, bob):
        transfers = await asyncio.gather(
            alice.send(there, content_type="application/octet-stream"),
            bob.send(back, content_type="application/octet-stream"),
        )
        messages = await asyncio.gather(bob.recv(), alice.recv())
        assert await asyncio.gather(*(message.read() for message in messages)) == [there, back]
        await asyncio.gather(*(transfer.acknowledged() for transfer in transfers))


@pytest.mark.parametrize("failure_report", ["yes", "no", "partial"])
async def test_failure_reports(
    relay: Kamailio, failure_report: Literal["yes", "no", "partial"]
) -> None:
    """Kamailio answers 200 whatever is asked, and what it did not forward it does not report."""
    async with calls(relay, tls=False) as (alice, bob):
        for sender, receiver in ((alice, bob), (bob, alice)):
            transfer = await sender.send("hi", failure_report=failure_report)
            assert await (await receiver.recv()).text() == "hi"
            if failure_report == "yes":
                await transfer.acknowledged()
        # The answers that nobody asked for have done no harm.
        transfer = await alice.send("still there")
        await transfer.acknowledged()
        assert await (await bob.recv()).text() == "still there"


async def test_success_reports_come_through_it(relay: Kamailio) -> None:
    async with calls(relay, tls=True) as (alice, bob):
        for sender, receiver in ((alice, bob), (bob, alice)):
            transfer = await sender.send("x" * 100_000, success_report=True)
            assert await (await receiver.recv()).text() == "x" * 100_000
            await transfer.delivered()


async def test_a_wrong_password_is_refused(relay: Kamailio) -> None:
    wrong = login(relay, tls=True, password="12345")
    async with (
        msrp.Engine(tls=msrp.TLSConfig(ca=relay.ca)) as engine,
        engine.session(profile="kamailio", relays=[wrong]) as session,
    ):
        with pytest.raises(msrp.AuthError):
            await session.authenticate()
    covers("R-025")


async def test_its_certificate_is_checked(relay: Kamailio) -> None:
    stranger = trustme.CA().cert_pem.bytes()
    async with (
        msrp.Engine(tls=msrp.TLSConfig(ca=stranger)) as engine,
        engine.session(profile="kamailio", relays=[login(relay, tls=True)]) as session,
    ):
        with pytest.raises(msrp.TlsError):
            await session.authenticate()
    covers("R-020")


async def test_the_profile_knows_its_ways(relay: Kamailio) -> None:
    """By name, it gives a URI with its address; and to an Expires it has no good answer."""
    uri = f"msrps://localhost:{relay.tls_port};tcp"
    named = msrp.RelayLogin(uri, "alice", PASSWORD, expires=600)
    trust = msrp.TLSConfig(ca=relay.ca)
    async with msrp.Engine(tls=trust) as engine:
        async with engine.session(profile="kamailio", relays=[named]) as session:
            (path,) = await session.authenticate()
            assert path.host == "127.0.0.1"
        async with engine.session(relays=[msrp.RelayLogin(uri, "alice", PASSWORD)]) as session:
            with pytest.raises(msrp.ProtocolError, match="IP address"):
                await session.authenticate()
    covers("R-045")
