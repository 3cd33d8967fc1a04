"""A relay of this process: its host's functions, and peers that speak to it by hand."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

import msrp
from covers import covers

#: Generous: reached only when something hangs.
PATIENCE = 30.0
PASSWORD = "secret"

PLAIN: dict[str, Any] = {
    "insecure_plain_auth": True,
    "numeric_hosts": True,
    "networks": ["127.0.0.0/8"],
}


def secret(wanted: msrp.RelayCredentials) -> str | None:
    """Everybody whose name does not begin with ``un`` has the password."""
    if wanted.user.startswith("un"):
        return None
    algorithm: Any = wanted.algorithm
    return msrp.ha1(wanted.user, wanted.realm, PASSWORD, algorithm)


async def later(wanted: msrp.RelayCredentials) -> str | None:
    await asyncio.sleep(0)
    return secret(wanted)


@contextlib.asynccontextmanager
async def running(
    credentials: Any = secret, **options: Any
) -> AsyncIterator[tuple[msrp.Relay, int]]:
    async with (
        msrp.Engine() as engine,
        engine.relay("127.0.0.1", credentials=credentials, **PLAIN, **options) as relay,
    ):
        listener = await relay.listen("127.0.0.1", 0, tls=False)
        yield relay, listener.port


class Peer:
    """Speaks MSRP by hand."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, user: str, port: int
    ) -> None:
        self._reader, self._writer = reader, writer
        self.own = f"msrp://127.0.0.1:9/{user};tcp"
        self.user = user
        self._relay = f"msrp://127.0.0.1:{port};tcp"
        self._ids = (f"{user}tid{number:04}" for number in itertools.count())
        self.token = ""

    @classmethod
    async def connect(cls, port: int, user: str) -> Peer:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        return cls(reader, writer, user, port)

    async def frame(self) -> str:
        async with asyncio.timeout(PATIENCE):
            frame = await self._reader.readline()
            tid = frame.split(b" ")[1]
            while not re.search(rb"-------" + tid + rb"[$+#]\r\n\Z", frame):
                line = await self._reader.readline()
                assert line, f"the end of the stream; before it {frame!r}"
                frame += line
        return frame.decode()

    async def request(self, method: str, to: str, lines: str = "") -> str:
        tid = next(self._ids)
        self._writer.write(
            f"MSRP {tid} {method}\r\nTo-Path: {to}\r\nFrom-Path: {self.own}\r\n{lines}"
            f"-------{tid}$\r\n".encode()
        )
        return await self.frame()

    async def auth(self, password: str = PASSWORD) -> str:
        challenged = await self.request("AUTH", self._relay)
        if " 401" not in challenged.splitlines()[0]:
            return challenged
        (challenge,) = re.findall("WWW-Authenticate: Digest (.*)\r\n", challenged)
        given = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        ha1 = msrp.ha1(self.user, given["realm"], password)
        ha2 = hashlib.md5(f"AUTH:{self._relay}".encode()).hexdigest()
        digest = f"{ha1}:{given['nonce']}:00000001:cn:auth:{ha2}"
        response = hashlib.md5(digest.encode()).hexdigest()
        answer = (
            f'Authorization: Digest username="{self.user}", realm="{given["realm"]}", '
            f'nonce="{given["nonce"]}", uri="{self._relay}", qop=auth, nc=00000001, cnonce="cn", '
            f'response="{response}"'
        )
        if "opaque" in given:
            answer += f', opaque="{given["opaque"]}"'
        granted = await self.request("AUTH", self._relay, f"{answer}\r\n")
        for token in re.findall("Use-Path: (.*)\r\n", granted):
            self.token = token
        return granted

    async def log_in(self) -> Peer:
        assert " 200 " in (await self.auth()).splitlines()[0]
        return self

    async def send(self, to: str, text: str) -> str:
        lines = (
            f"Message-ID: {text}\r\nByte-Range: 1-{len(text)}/{len(text)}\r\n"
            f"Content-Type: text/plain\r\n\r\n{text}\r\n"
        )
        return await self.request("SEND", f"{self.token} {to}", lines)

    async def take(self) -> str:
        frame = await self.frame()
        (to,) = re.findall("From-Path: (.*)\r\n", frame)
        (own,) = re.findall("To-Path: (.*)\r\n", frame)
        tid = frame.split(" ")[1]
        self._writer.write(
            f"MSRP {tid} 200 OK\r\nTo-Path: {to}\r\nFrom-Path: {own}\r\n-------{tid}$\r\n".encode()
        )
        return frame

    async def is_closed(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


def is_status(frame: str, status: int) -> bool:
    return frame.split(" ")[2].rstrip().startswith(str(status))


@pytest.mark.parametrize("credentials", [secret, later])
async def test_two_clients(credentials: Callable[..., Any]) -> None:
    async with running(credentials) as (relay, port):
        alice = await (await Peer.connect(port, "alice")).log_in()
        bob = await (await Peer.connect(port, "bob")).log_in()
        for text in ("one", "two"):
            assert is_status(await alice.send(f"{bob.token} {bob.own}", text), 200)
            assert f"\r\n\r\n{text}\r\n" in await bob.take()
        for name in ("unknown", "alice"):
            stranger = await Peer.connect(port, name)
            assert is_status(await stranger.auth("wrong"), 401)
            stranger.close()
        stats = relay.stats()
        assert stats.decisions["auth_granted"] == 2
        assert stats.decisions["tokens"] == 2
        assert relay.revoke("bob") == 1
        assert is_status(await alice.send(f"{bob.token} {bob.own}", "three"), 481)
        alice.close()
        bob.close()
        await relay.aclose()
        with pytest.raises(msrp.SessionClosed):
            relay.stats()
    covers("R-100", "R-101")


async def test_policy() -> None:
    asked: list[object] = []

    async def authorise(who: msrp.RelayAuthorisation) -> bool:
        asked.append(who)
        return who.user != "carol"

    def next_hop(where: msrp.RelayNextHop) -> bool:
        asked.append(where)
        return False

    async def message(what: msrp.RelayMessage) -> int | None:
        asked.append(what)
        return 415 if what.message_id == "bad" else None

    async with running(authorise=authorise, next_hop=next_hop, message=message) as (
        _,
        port,
    ):
        carol = await Peer.connect(port, "carol")
        assert is_status(await carol.auth(), 403)
        alice = await (await Peer.connect(port, "alice")).log_in()
        bob = await (await Peer.connect(port, "bob")).log_in()
        path = f"{bob.token} {bob.own}"
        assert is_status(await alice.send(path, "good"), 200)
        assert "good" in await bob.take()
        assert is_status(await alice.send(path, "bad"), 415)
        assert is_status(await alice.send("msrp://127.0.0.1:9/x;tcp", "away"), 200)
        assert "Status: 000 403" in await alice.frame()
        for peer in (alice, bob, carol):
            peer.close()
    users = [who.user for who in asked if isinstance(who, msrp.RelayAuthorisation)]
    assert users == ["carol", "alice", "bob"]
    (where,) = [where for where in asked if isinstance(where, msrp.RelayNextHop)]
    assert (where.address, where.port, where.relay, where.secure) == ("127.0.0.1", 9, False, False)
    texts = [what.message_id for what in asked if isinstance(what, msrp.RelayMessage)]
    assert texts == ["good", "bad", "away"]
    covers("R-102")


async def test_functions_that_fail_refuse() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def broken(_: object) -> Any:
        raise ValueError("no database")

    async with running(broken) as (_, port):
        peer = await Peer.connect(port, "alice")
        assert is_status(await peer.auth(), 401)
        peer.close()
    assert [str(context["exception"]) for context in reported] == ["no database"]


async def test_closing_ends_connections() -> None:
    async with running() as (_, port):
        alice = await (await Peer.connect(port, "alice")).log_in()
    assert await alice.is_closed()
    alice.close()


async def test_options() -> None:
    async with msrp.Engine() as engine:
        await check_options(engine)


async def check_options(engine: msrp.Engine) -> None:
    with pytest.raises(TypeError, match="credentials"):
        engine.relay("relay.example.com", credentials="secret")  # type: ignore[arg-type]
    wrongs: list[dict[str, Any]] = [
        {"lifetime": 1.0},
        {"networks": ["everything"]},
        {"algorithms": ["SHA-1"]},
        {"idle": 1.0},
        {"max_connections": 0},
    ]
    for wrong in wrongs:
        with pytest.raises(ValueError):
            engine.relay("relay.example.com", credentials=secret, **wrong)
    with pytest.raises(ValueError, match="qualified"):
        engine.relay("relay", credentials=secret)
    relay = engine.relay("relay.example.com", credentials=secret)
    with pytest.raises(ValueError, match="cert"):
        await relay.listen("127.0.0.1", 0)
    await relay.aclose()


def test_ha1_is_that_of_rfc_2617() -> None:
    assert (
        msrp.ha1("Mufasa", "testrealm@host.com", "Circle Of Life")
        == "939e7578ed9e3c518a452acee763bce9"
    )
    assert len(msrp.ha1("a", "b", "c", "SHA-256")) == 64
