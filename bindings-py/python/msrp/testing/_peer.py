"""A peer without any engine."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import socket
import ssl
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, overload

from msrp import wire
from msrp.session import Session
from msrp.types import Limits, Uri

from . import _match
from ._log import Log
from ._match import Matcher

Frame = wire.Request | wire.Response


class RawPeer:
    """A peer without any engine: it reads and writes what the test says.

    As an async context manager it listens on a port, for sessions that connect to it::

        async with RawPeer() as peer:
            await peer.meet(session)
            await peer.send_raw(b"MSRP junk")

    and `connect` (or `meet` with ``connect=True``) goes to a session that listens. `session_id` is
    that of its URI. `tls`: a context with a certificate to listen with, or one to connect with; it
    then speaks ``msrps``. `patience`: seconds after which a wait fails. `max_body` and `limits` are
    those of `wire.Parser`, for what it reads.
    """

    def __init__(
        self,
        session_id: str = "rawpeer1234",
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
        patience: float = 30,
        max_body: int = 64 * 1024 * 1024,
        limits: Limits | None = None,
    ) -> None:
        self.session_id = session_id
        self.host = host
        self.port = 0
        self.patience = patience
        #: The peer's path, for `send` and the like: from SDP, or of the last request that came.
        self.remote_path = ""
        #: All octets in and out, over all connections.
        self.log = Log()
        self._tls = tls
        self._parsing = (max_body, limits)
        self._server: asyncio.Server | None = None
        self._arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._arrived = asyncio.Queue()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._parser = self._new_parser()
        self._frames: deque[Frame] = deque()
        self._broken: wire.ParseError | None = None
        self._count = 0

    # Rendezvous.

    @property
    def path(self) -> str:
        """Our path, for `Session.set_remote_path`."""
        scheme = "msrps" if self._tls else "msrp"
        return f"{scheme}://{self.host}:{self.port or 9}/{self.session_id};tcp"

    def sdp(
        self,
        *,
        setup: str = "passive",
        accept_types: str = "*",
        path: str | None = None,
        attributes: Iterable[str] = (),
    ) -> str:
        """An SDP of ours, an offer or an answer as it is used. `path`: another one than `path`;
        `attributes`: more lines, without ``a=``.
        """
        protocol = "TCP/TLS/MSRP" if self._tls else "TCP/MSRP"
        family = "IP6" if ":" in self.host else "IP4"
        address = self.host.strip("[]")
        lines = [
            "v=0",
            f"o=- 1 1 IN {family} {address}",
            "s=-",
            f"c=IN {family} {address}",
            "t=0 0",
            f"m=message {self.port or 9} {protocol} *",
            f"a=path:{self.path if path is None else path}",
            f"a=accept-types:{accept_types}",
            f"a=setup:{setup}",
            *(f"a={attribute}" for attribute in attributes),
        ]
        return "".join(f"{line}\r\n" for line in lines)

    def take_sdp(self, sdp: str) -> None:
        """Reads the path of the other side."""
        found = re.search(r"^a=path:(.*?)\s*$", sdp, re.MULTILINE)
        if found is None:
            raise ValueError("an SDP without a=path")
        self.remote_path = found[1]

    async def meet(self, session: Session, *, connect: bool = False, **sdp: Any) -> None:
        """Exchanges SDP with a session of this process, and opens it: it connects to us, or with
        `connect` we to it. `sdp` are keywords of `sdp`.

        Raises what `Session.open` raises, and `AssertionError` if the session does not do its part.

        Cancellation: ends the session.
        """
        if connect:
            answer = session.create_answer(self.sdp(**{"setup": "active", **sdp}))
            self.take_sdp(answer)
            opening = asyncio.ensure_future(session.open())
        else:
            self.take_sdp(session.create_offer())
            session.set_remote(self.sdp(**sdp))
            opening = asyncio.ensure_future(session.open())
        try:
            if connect:
                await self.connect(self.remote_path)
                first = self.make_send(None)
                await self.send_raw(first)
                await self.expect(200, transaction_id=first.transaction_id)
            else:
                # A session that fails says why; we would only say that nothing came.
                first_request = asyncio.ensure_future(self.expect("SEND"))
                await asyncio.wait((opening, first_request), return_when=asyncio.FIRST_COMPLETED)
                if not first_request.done():
                    first_request.cancel()
                    await opening
                await self.respond(await first_request)
            await opening
        finally:
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await opening

    async def connect(
        self, to: Session | Uri | str, *, local_addr: tuple[str, int] | None = None
    ) -> None:
        """Connects to a session, or to where a URI or the first one of a path says.

        Raises `OSError`.

        Cancellation: nothing is left open.
        """
        path = str(to.local_path[0]) if isinstance(to, Session) else str(to)
        uri = Uri(path.split()[0])
        if not self.remote_path:
            self.remote_path = path
        self._new_connection(
            await asyncio.open_connection(
                uri.host.strip("[]"),
                uri.port,
                ssl=self._tls,
                server_hostname=uri.host.strip("[]") if self._tls else None,
                local_addr=local_addr,
            )
        )

    # Sending.

    def make_send(
        self, body: bytes | str | None = b"", *, to: Uri | str | None = None, **fields: Any
    ) -> wire.Request:
        """A SEND from us to the peer, not sent yet; `fields` as of `wire.Request.send`."""
        self._count += 1
        fields.setdefault("transaction_id", f"raw{self._count:08}")
        target = self.remote_path if to is None else to
        return wire.Request.send(target, self.path, body, **fields)

    def make_report(
        self, message_id: str, *fields: Any, to: Uri | str | None = None, **more: Any
    ) -> wire.Request:
        """A REPORT from us to the peer, not sent yet; `fields` as of `wire.Request.report`."""
        self._count += 1
        more.setdefault("transaction_id", f"raw{self._count:08}")
        target = self.remote_path if to is None else to
        return wire.Request.report(target, self.path, message_id, *fields, **more)

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
        """Writes a request, bodiless without `body`, and gives its transaction id.

        Cancellation: the octets may be written nevertheless.
        """
        request = self.make_send(
            body if body and content_type is not None else None,
            to=to,
            message_id=message_id,
            byte_range=byte_range or f"1-{len(body)}/{len(body)}",
            content_type=content_type,
            headers=headers or {},
            flag=flag,
        ).replace(method=method)
        await self.send_raw(request)
        return request.transaction_id

    async def send_raw(
        self,
        octets: bytes | wire.Frame,
        *,
        at: Iterable[int] = (),
        size: int | None = None,
        between: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Writes these octets as they are. `at`: places where they are cut into writes of their
        own; `size`: or after each so many. `between` is awaited between two writes: a condition
        there decides when the next piece comes.

        Cancellation: the octets may be written nevertheless.
        """
        _, writer = await self._connection()
        pieces = list(cut(bytes(octets), at, size))
        for number, piece in enumerate(pieces):
            if number and between is not None:
                await between()
            elif number:
                await asyncio.sleep(0)
            self.log.add("out", piece)
            writer.write(piece)
            await writer.drain()

    #: Short for `send_raw`.
    write = send_raw

    async def respond(
        self, request: wire.Frame, status: int = 200, comment: str | None = None, **fields: Any
    ) -> None:
        """Answers a request; `fields` are those of `wire.Response.to`.

        Cancellation: the octets may be written nevertheless.
        """
        if not isinstance(request, wire.Request):
            raise TypeError(f"a response is not answered: {request!r}")
        await self.send_raw(wire.Response.to(request, status, comment, **fields))

    # Receiving.

    async def receive(self) -> Frame:
        """The next frame; waits for the connection first.

        Raises `EOFError` at the end, `ConnectionError`, `wire.ParseError` for octets that are no
        frame, `TimeoutError` after `patience` seconds.

        Cancellation: nothing is lost.
        """
        async with asyncio.timeout(self.patience):
            while not self._frames:
                if self._broken is not None:
                    raise self._broken
                reader, _ = await self._connection()
                octets = await reader.read(_BLOCK)
                if not octets:
                    self.log.add("in", event="end")
                    self._parser.finish()
                    raise EOFError("the session has ended its side of the connection")
                self.log.add("in", octets)
                try:
                    self._frames += self._parser.feed(octets)
                except wire.ParseError as error:
                    self._frames += error.frames  # type: ignore[arg-type]
                    self._broken = error
        frame = self._frames.popleft()
        if isinstance(frame, wire.Request) and frame.from_path:
            self.remote_path = frame.from_path
        return frame

    @overload
    async def expect(
        self,
        kind: int,
        *,
        headers: Mapping[str, Matcher] | None = None,
        transaction_id: str | None = None,
        body: bytes | None = None,
        flag: str | None = None,
        comment: str | None = None,
    ) -> wire.Response: ...

    @overload
    async def expect(
        self,
        kind: str,
        *,
        headers: Mapping[str, Matcher] | None = None,
        transaction_id: str | None = None,
        body: bytes | None = None,
        flag: str | None = None,
    ) -> wire.Request: ...

    async def expect(
        self,
        kind: str | int,
        *,
        headers: Mapping[str, Matcher] | None = None,
        transaction_id: str | None = None,
        body: bytes | None = None,
        flag: str | None = None,
        comment: str | None = None,
    ) -> Frame:
        """The next frame, which must be the one that is described: a response with this status or a
        request with this method, and whatever else is given. A header is compared with a text, a
        pattern that must match all of it, or a function; None says that it is not there.

        Raises `AssertionError` with what differs, the frame, and the log.

        Cancellation: nothing is lost.
        """
        fields = {
            "transaction_id": transaction_id,
            "body": body,
            "flag": flag,
            "comment": comment if isinstance(kind, int) else None,
        }
        try:
            frame = await self.receive()
        except (EOFError, ConnectionError, TimeoutError, wire.ParseError) as error:
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            raise AssertionError(
                f"expected {kind}, came no frame: {what}\nso far:\n{self.log}"
            ) from error
        lines = _match.differences(frame, kind, fields, headers or {})
        if lines:
            raise AssertionError(_match.complaint(frame, lines, self.log))
        return frame

    async def expect_silence(self) -> None:
        """What we sent before has led to nothing: a bodiless SEND now is answered, and nothing
        comes before its answer. For a session that is open.

        Raises `AssertionError` with the frame that came.

        Cancellation: the SEND may be written nevertheless.
        """
        probe = self.make_send(None, byte_range=None)
        await self.send_raw(probe)
        await self.expect(200, transaction_id=probe.transaction_id)

    async def expect_end(self) -> None:
        """The session ends the connection, and sends nothing before.

        Raises `AssertionError` with the frame that came.

        Cancellation: nothing is lost.
        """
        try:
            frame = await self.receive()
        except (EOFError, ConnectionError):
            return
        raise AssertionError(_match.complaint(frame, ["expected the end"], self.log))

    # The connection.

    async def connected(self) -> None:
        """Waits for the connection.

        Cancellation: nothing is lost.
        """
        await self._connection()

    async def pause(self) -> None:
        """Reads nothing more from the socket until `resume`, so that the session cannot write.

        Cancellation: nothing is lost.
        """
        _, writer = await self._connection()
        writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def resume(self) -> None:
        """Reads again.

        Cancellation: nothing is lost.
        """
        _, writer = await self._connection()
        writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def half_close(self) -> None:
        """Ends our side of the connection; what comes can still be read. Not with TLS.

        Cancellation: nothing is lost.
        """
        _, writer = await self._connection()
        self.log.add("out", event="end")
        writer.write_eof()

    async def reset(self) -> None:
        """Breaks the connection: the session gets a reset.

        Cancellation: it breaks nevertheless.
        """
        _, writer = await self._connection()
        linger(writer.get_extra_info("socket"))
        self.log.add("out", event="reset")
        writer.transport.abort()
        await self.disconnect()

    async def disconnect(self) -> None:
        """Closes the connection. The next one that comes takes its place.

        Cancellation: it closes nevertheless.
        """
        if self._streams is not None:
            _, writer = self._streams
            self._streams = None
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            lambda reader, writer: self._arrived.put_nowait((reader, writer)),
            self.host.strip("[]"),
            0,
            ssl=self._tls,
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
            return self._new_connection(await self._arrived.get())
        return self._streams

    def _new_connection(
        self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self.log.add("in", event="connected")
        self._streams = streams
        self._parser = self._new_parser()
        self._broken = None
        return streams

    def _new_parser(self) -> wire.Parser:
        max_body, limits = self._parsing
        return wire.Parser(max_body=max_body, limits=limits)


#: Octets of one read.
_BLOCK = 64 * 1024


def cut(octets: bytes, at: Iterable[int] = (), size: int | None = None) -> Iterable[bytes]:
    """The pieces of `octets` between these places, or of `size` octets each."""
    if size is not None and size < 1:
        raise ValueError(f"size {size} is not at least 1")
    places = sorted({0, *at, *range(0, len(octets), size or len(octets) or 1), len(octets)})
    for start, end in itertools.pairwise(places):
        yield octets[start:end]


def linger(sock: socket.socket) -> None:
    """Closing this socket resets the connection."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
