"""A relay made for tests of its clients: it challenges, gives URIs, and forwards whole frames."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import AsyncIterator

import trustme

import msrp

USER, PASSWORD, REALM = "alice", "secret", "relay.example.com"

TEMPLATE = "MSRP {id} {status}\r\nTo-Path: {to}\r\nFrom-Path: {by}\r\n{headers}-------{id}$\r\n"


def md5(*parts: str) -> str:
    return hashlib.md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()


def header(frame: str, name: str) -> str | None:
    found = re.search(rf"^{name}: (.*)\r$", frame, re.MULTILINE)
    return found and found[1]


class FakeRelay:
    """Listens at ``uri``; `ca` is its authority."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.expires = 900
        self.frames: list[str] = []
        self.connections = 0
        # AUTHs get no answer.
        self.is_silent = False
        # AUTHs get a 403.
        self.refuses = False
        self.port = 0
        self._tokens: dict[str, asyncio.StreamWriter] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._counter = 0

    @property
    def uri(self) -> str:
        return f"msrps://localhost:{self.port};tcp"

    @property
    def tls(self) -> msrp.TLSConfig:
        return msrp.TLSConfig(ca=self.ca.cert_pem.bytes())

    def login(self, password: str = PASSWORD) -> msrp.RelayLogin:
        return msrp.RelayLogin(self.uri, USER, password)

    def requests(self, method: str) -> list[str]:
        return [frame for frame in self.frames if frame.split("\r\n")[0].endswith(f" {method}")]

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                start = (await reader.readuntil(b"\r\n")).decode()
                end = f"-------{start.split(' ')[1]}"
                frame = start
                while not frame.split("\r\n")[-2].startswith(end):
                    frame += (await reader.readuntil(b"\r\n")).decode()
                self.frames.append(frame)
                self.take(frame, writer)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    def take(self, frame: str, writer: asyncio.StreamWriter) -> None:
        method = frame.split("\r\n")[0].split(" ")[2]
        to, by = header(frame, "To-Path") or "", header(frame, "From-Path") or ""

        def answer(status: str, headers: str = "") -> None:
            text = TEMPLATE.format(
                id=frame.split(" ")[1], status=status, to=by, by=to, headers=headers
            )
            writer.write(text.encode())

        if method == "AUTH":
            if self.is_silent:
                return
            if self.refuses:
                answer("403 Forbidden")
            else:
                answer(*self.auth(frame, to.split(" ")[-1], writer))
        elif method in ("SEND", "REPORT"):
            ours = [uri for uri in to.split(" ") if uri in self._tokens]
            if method == "SEND":
                answer("200 OK" if ours else "481 No such session")
            if ours:
                rest = to.split(" ")[len(ours) :]
                sent = frame.replace(f"To-Path: {to}", f"To-Path: {' '.join(rest)}")
                passed = " ".join([*reversed(ours), by])
                sent = sent.replace(f"From-Path: {by}", f"From-Path: {passed}")
                self._tokens[ours[-1]].write(sent.encode())

    def auth(self, frame: str, uri: str, writer: asyncio.StreamWriter) -> tuple[str, str]:
        given = dict(re.findall(r'(\w+)="?([^",\s]*)', header(frame, "Authorization") or ""))
        ha1, ha2 = md5(USER, REALM, PASSWORD), md5("AUTH", uri)
        keys = [given.get(name, "") for name in ("nonce", "nc", "cnonce", "qop")]
        self._counter += 1
        if given.get("response") != md5(ha1, *keys, ha2):
            challenge = f'Digest realm="{REALM}", nonce="n{self._counter}", qop="auth"'
            return "401 Unauthorized", f"WWW-Authenticate: {challenge}\r\n"
        token = f"msrps://localhost:{self.port}/token{self._counter};tcp"
        self._tokens[token] = writer
        return "200 OK", f"Use-Path: {token}\r\nExpires: {self.expires}\r\n"


@contextlib.asynccontextmanager
async def fake_relay() -> AsyncIterator[FakeRelay]:
    """A relay on loopback."""
    relay = FakeRelay()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    relay.ca.issue_cert("localhost").configure_cert(context)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, ssl=context)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.hang_up()
        await server.wait_closed()
