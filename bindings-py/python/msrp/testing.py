"""For tests of programs that use this package: connected sessions, and a peer that does what a test
says.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from .engine import Engine
from .session import Session
from .types import Uri

__all__ = ["Frame", "RawPeer", "pair"]


@contextlib.asynccontextmanager
async def pair(
    engine: Engine,
    *,
    offerer: Mapping[str, Any] | None = None,
    answerer: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[Session, Session]]:
    """Two open sessions with each other, closed at the end. `options` are those of `Engine.session`
    for both; `offerer` and `answerer` are for one.

    Raises what `Session.open` raises.
    """
    async with (
        engine.session(**{**options, **(offerer or {})}) as first,
        engine.session(**{**options, **(answerer or {})}) as second,
    ):
        first.set_remote(second.create_answer(first.create_offer()))
        await asyncio.gather(first.open(), second.open())
        yield first, second


@dataclass(frozen=True, slots=True)
class Frame:
    """One request or response as it stood on the wire."""

    transaction_id: str
    #: The method of a request; "" for a response.
    method: str
    #: The status code of a response; 0 for a request.
    status: int
    #: By the names as they came; of a repeated one, the last.
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    #: ``$``, ``+`` or ``#``.
    flag: str = "$"


class RawPeer:
    """A peer without any engine: it listens on a port, and reads and writes what the test says.

    ::

        async with RawPeer() as peer:
            session.set_remote_path(peer.path, active=True)
            opening = asyncio.create_task(session.open())
            await peer.respond(await peer.receive())
            await opening
    """

    def __init__(self, session_id: str = "rawpeer1234") -> None:
        self._session_id = session_id
        self._server: asyncio.Server | None = None
        self._arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._arrived = asyncio.Queue()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._count = 0
        self.port = 0

    @property
    def path(self) -> str:
        """Our path, for `Session.set_remote_path`."""
        return f"msrp://127.0.0.1:{self.port}/{self._session_id};tcp"

    async def receive(self) -> Frame:
        """The next frame; waits for the connection first. `EOFError` at the end.

        Cancellation: octets read so far may be lost.
        """
        reader, _ = await self._connection()
        start = (await reader.readuntil(b"\r\n")).decode().split()
        transaction_id = start[1]
        end_line = b"-------" + transaction_id.encode()
        rest = await reader.readuntil(end_line)
        flag = (await reader.readexactly(3))[:1].decode()
        head, separator, body = rest.removesuffix(end_line).partition(b"\r\n\r\n")
        headers = {}
        for line in head.decode().splitlines():
            name, _, value = line.partition(":")
            headers[name] = value.strip()
        is_response = start[2].isdigit()
        return Frame(
            transaction_id,
            "" if is_response else start[2],
            int(start[2]) if is_response else 0,
            headers,
            body.removesuffix(b"\r\n") if separator else b"",
            flag,
        )

    async def respond(self, request: Frame, status: int = 200, comment: str = "OK") -> None:
        """Answers a request.

        Cancellation: the octets may be written nevertheless.
        """
        await self.write(
            f"MSRP {request.transaction_id} {status} {comment}\r\n"
            f"To-Path: {request.headers['From-Path'].split()[0]}\r\n"
            f"From-Path: {request.headers['To-Path'].split()[0]}\r\n"
            f"-------{request.transaction_id}$\r\n".encode()
        )

    async def send(
        self,
        to: Uri | str,
        body: bytes = b"",
        *,
        method: str = "SEND",
        message_id: str = "message1",
        byte_range: str | None = None,
        content_type: str | None = "text/plain",
        headers: Mapping[str, str] | None = None,
        flag: str = "$",
    ) -> str:
        """Writes a request, and gives its transaction id.

        Cancellation: the octets may be written nevertheless.
        """
        self._count += 1
        transaction_id = f"raw{self._count:08}"
        lines = [
            f"MSRP {transaction_id} {method}",
            f"To-Path: {to}",
            f"From-Path: {self.path}",
            f"Message-ID: {message_id}",
            f"Byte-Range: {byte_range or f'1-{len(body)}/{len(body)}'}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        content = b""
        if body and content_type is not None:
            lines.append(f"Content-Type: {content_type}")
            content = b"\r\n" + body + b"\r\n"
        head = "".join(f"{line}\r\n" for line in lines).encode()
        await self.write(head + content + f"-------{transaction_id}{flag}\r\n".encode())
        return transaction_id

    async def write(self, octets: bytes) -> None:
        """Writes these octets as they are.

        Cancellation: the octets may be written nevertheless.
        """
        _, writer = await self._connection()
        writer.write(octets)
        await writer.drain()

    async def disconnect(self) -> None:
        """Closes the connection.

        Cancellation: it closes nevertheless.
        """
        if self._streams is not None:
            _, writer = self._streams
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._streams = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            lambda reader, writer: self._arrived.put_nowait((reader, writer)), "127.0.0.1", 0
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
        await self.disconnect()
        while not self._arrived.empty():
            self._streams = self._arrived.get_nowait()
            await self.disconnect()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await self._arrived.get()
        return self._streams
