"""Incoming messages."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from . import _msrp
from .events import wake
from .exceptions import ConcurrencyError, MessageAborted
from .types import Headers

if TYPE_CHECKING:
    from ._session import SessionBase
    from .transfer import Progress

__all__ = ["Message"]

#: `save` writes so many octets at a time, when they are there.
_WRITE_BLOCK = 256 * 1024

_CHARSET = re.compile(r';\s*charset\s*=\s*"?([^\s";]+)', re.IGNORECASE)


class Message:
    """An incoming message. `Session.recv` gives it when it begins; a larger body is then still on
    its way.

    The body is taken once: by `read`, `text`, `save`, or part by part with ``async for part in
    message``. What is not taken holds the session's receive window shut, and with it the peer, so a
    message that is not wanted is to be refused with `reject`, or dropped: when the last reference
    goes, its octets are thrown away.
    """

    __slots__ = ("_body", "_handle", "_head", "_headers", "_lease", "_session")

    def __init__(
        self,
        session: SessionBase,
        handle: int,
        head: _msrp.Head,
        body: bytes | None,
        lease: Lease | None,
    ) -> None:
        self._session = session
        self._handle = handle
        self._head = head
        self._body = body
        self._lease = lease
        self._headers: Headers | None = None

    @property
    def message_id(self) -> str:
        """The Message-ID (RFC 4975 §7.1)."""
        return self._head.message_id

    @property
    def content_type(self) -> str:
        """The media type with its parameters, as it came; "" for a message without content."""
        return self._head.content_type

    @property
    def headers(self) -> Headers:
        """All headers but the paths, from the first chunk, by name in any case."""
        if self._headers is None:
            self._headers = Headers(self._head.headers)
        return self._headers

    @property
    def total(self) -> int | None:
        """Octets in all: what the sender announced, until the message is complete."""
        if self._body is not None:
            return len(self._body)
        incoming = self._incoming()
        if incoming.end == "complete":
            return incoming.length
        return self._head.total

    @property
    def complete(self) -> bool:
        """Whether all octets have arrived."""
        return self._lease is None or self._lease.incoming.end == "complete"

    async def read(self) -> bytes:
        """The whole content. May be called again.

        Raises `MessageAborted` when the sender ended the message with ``#``, it was refused, or it
        stopped coming; why the session ended, when that came first; `ConcurrencyError` when parts
        were taken otherwise.

        Cancellation: loses nothing; call it again.
        """
        if self._body is None:
            incoming = self._incoming()
            incoming.claim("read()")
            collected = incoming.collected
            while (part := await incoming.next_part()) is not None:
                offset, data = part
                # Where a range came again, the later octets count (RFC 4975 §7.3.1).
                collected[offset : offset + len(data)] = memoryview(data)
            self._body = bytes(collected)
            incoming.collected = bytearray()
        return self._body

    async def text(self) -> str:
        """The whole content as text, by the charset of the content type, UTF-8 without one.

        Raises what `read` raises, `UnicodeDecodeError`, and `LookupError` for a charset that Python
        does not know.

        Cancellation: loses nothing; call it again.
        """
        charset = _CHARSET.search(self.content_type)
        return (await self.read()).decode(charset[1] if charset else "utf-8")

    def __aiter__(self) -> AsyncIterator[memoryview]:
        """The parts in order, as views on the engine's memory without a copy. Keeping one keeps its
        octets, but not the window: that opens when the next part is asked for. Raises what `read`
        raises.

        Cancellation: loses nothing; the next part comes with the next step.
        """
        if self._body is not None:
            return _WholeParts(self._body)
        self._incoming().claim("an iteration")
        return _Parts(self)

    async def save(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> int:
        """Writes the content to a file, and gives its length in octets. The file appears under its
        name when it is complete. `progress` is called on the loop's thread with the octets written
        so far and `total`.

        Raises what `read` raises, and `OSError`; when the file cannot be made, the message can
        still be taken.

        Cancellation: the unfinished file is removed and the rest of the message is thrown away.
        """
        loop = asyncio.get_running_loop()
        target = _Target(Path(path))
        if self._body is None:
            self._incoming().claim("save()")
        finished = False
        try:
            try:
                await loop.run_in_executor(None, target.open)
            except OSError:
                finished = True
                if self._body is None:
                    self._incoming().disclaim()
                raise
            position = 0
            while (blocks := await self._next_blocks(position)) is not None:
                await loop.run_in_executor(None, target.write, *blocks)
                position = target.length
                if progress is not None:
                    progress(position, self.total)
            await loop.run_in_executor(None, target.finish)
            finished = True
        finally:
            if not finished:
                if self._lease is not None:
                    self._lease.incoming.discard()
                # Not awaited: this may be a cancellation, and a write may still be running in its
                # thread.
                loop.run_in_executor(None, target.discard)
        return target.length

    async def _next_blocks(self, position: int) -> tuple[int, list[bytes | _msrp.Part]] | None:
        """What is there of the body next, with its 0-based offset."""
        if self._body is not None:
            return (0, [self._body]) if position < len(self._body) else None
        incoming = self._incoming()
        part = await incoming.next_part()
        if part is None:
            return None
        offset, data = part
        return offset, [data, *incoming.following(offset + len(data), _WRITE_BLOCK)]

    async def report(
        self, status: int = 200, comment: str = "", *, octets: tuple[int, int] | None = None
    ) -> None:
        """Sends a REPORT about this message (RFC 4975 §7.1.2), for a session with
        ``reports="manual"``. Nothing goes out that the sender did not ask for.

        Without `octets` it is the one REPORT about a message that is complete, and the last. With
        ``octets=(start, end)``, 0-based positions, it is about these alone: as often as wanted,
        also while the message goes on (§7.1.3), so that its sender sees how far it got. Success is
        told only of octets in chunks that have ended.

        Raises `ValueError` in a session with automatic reports, `TooLarge` for a comment beyond
        `Limits.start_line`, and `SessionClosed`.

        Cancellation: it does not suspend.
        """
        self._session._check_loop()
        self._session._core.report(self._handle, status, comment, octets)

    async def reject(self, status: int = 413, comment: str = "") -> None:
        """Refuses the rest of the message: its chunks are answered with `status`, and what has come
        of it is thrown away.

        Where all of it has come by then, the REPORT about it carries `status`: if this side makes
        them itself, or if one of success was asked for and not everything is read yet. Does nothing
        otherwise.

        Raises `ValueError` for a status that is none, `TooLarge` for a comment beyond
        `Limits.start_line`, and `SessionClosed`.

        Cancellation: it does not suspend.
        """
        self._session._check_loop()
        incoming = self._lease.incoming if self._lease is not None else None
        if incoming is not None and incoming.end not in (None, "complete"):
            return
        self._session._core.reject(self._handle, status, comment)
        if incoming is not None:
            incoming.discard()

    def _incoming(self) -> Incoming:
        if self._lease is None:
            raise ValueError("a small message has no parts under way")
        return self._lease.incoming

    def __repr__(self) -> str:
        how = "complete" if self.complete else "arriving"
        return f"<Message {self.message_id} {self.content_type} {how}>"


class Incoming:
    """A message whose body comes in parts: what has come of it and was not taken yet."""

    __slots__ = (
        "_claimed",
        "_discarded",
        "_owed",
        "_parts",
        "_session",
        "_told",
        "_waiter",
        "collected",
        "end",
        "given",
        "handle",
        "head",
        "length",
        "status",
    )

    def __init__(self, session: SessionBase, handle: int, head: _msrp.Head, credit: int) -> None:
        self._session = session
        self.handle = handle
        self.head = head
        self._parts: deque[tuple[int, bytes | _msrp.Part, int]] = deque()
        #: How it ended, once it did: "complete", "aborted", "rejected", "idle" or "session-closed".
        self.end: str | None = None
        self.length = 0
        self.status: int | None = None
        self.collected = bytearray()
        #: Octets given by an iteration; another one goes on there.
        self.given = 0
        # What the consumer took, and holds until it asks for more. Starts with what the headers
        # count.
        self._owed = credit
        self._waiter: asyncio.Future[None] | None = None
        self._claimed: str | None = None
        self._discarded = False
        self._told = False

    def claim(self, how: str) -> None:
        """The body is taken in one way only."""
        if self._claimed is not None and (self._claimed != how or how == "save()"):
            raise ConcurrencyError(
                f"the parts of this message are taken by {self._claimed} already"
            )
        self._claimed = how

    def disclaim(self) -> None:
        """Nothing was taken, and nobody takes it now."""
        self._claimed = None

    def add(self, offset: int, data: bytes | _msrp.Part, credit: int) -> None:
        """The next part has come."""
        if self._discarded:
            self._session._take_credit(credit)
            return
        self._parts.append((offset, data, credit))
        wake(self._waiter)

    def finish(self, end: str, value: int | None) -> None:
        """No more will come."""
        self.end = end
        if end == "complete":
            self.length = value or 0
        else:
            self.status = value
            # Undelivered octets of it were dropped on the engine's side, too.
            self._drop_parts()
        wake(self._waiter)

    async def next_part(self) -> tuple[int, bytes | _msrp.Part] | None:
        """The next part and its 0-based offset; None after the last. Asking gives back the credit
        of the one before.
        """
        session = self._session
        if self._owed:
            session._take_credit(self._owed)
            self._owed = 0
        while not self._parts:
            if self.end is not None or self._discarded:
                self._finished()
                return None
            session._check_loop()
            if self._waiter is not None:
                raise ConcurrencyError("another coroutine waits for the next part of this message")
            self._waiter = session._dispatcher.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        offset, data, self._owed = self._parts.popleft()
        return offset, data

    def following(self, offset: int, limit: int) -> list[bytes | _msrp.Part]:
        """Parts that are there and follow at `offset`, up to about `limit` octets."""
        taken: list[bytes | _msrp.Part] = []
        while self._parts and self._parts[0][0] == offset and limit > 0:
            _, data, credit = self._parts.popleft()
            taken.append(data)
            self._owed += credit
            offset += len(data)
            limit -= len(data)
        return taken

    def _finished(self) -> None:
        """Raises unless the message is complete; tells the engine that the last part was taken."""
        if self.end == "complete" and not self._discarded:
            if not self._told:
                self._told = True
                self._session._take_message(self.handle)
            return
        if self.end == "session-closed":
            raise self._session._closed_error()
        raise MessageAborted(
            {
                "aborted": "the sender ended the message with #",
                "rejected": f"the message was refused with {self.status}",
                "idle": "no further chunk of the message came",
            }.get(self.end or "", "the message was refused or dropped")
        )

    def idle(self) -> bool:
        """Whether it ended, with nothing left to be given back."""
        return self.end is not None and not self._parts and not self._owed

    def discard(self) -> None:
        """The consumer does not want the rest: it flows past."""
        self._discarded = True
        self._drop_parts()
        wake(self._waiter)

    def _drop_parts(self) -> None:
        credit = self._owed + sum(credit for _, _, credit in self._parts)
        self._owed = 0
        self._parts.clear()
        if credit:
            self._session._take_credit(credit)


class Lease:
    """Held by a `Message` only: when it goes, nobody wants the rest of the body."""

    __slots__ = ("incoming",)

    def __init__(self, incoming: Incoming) -> None:
        self.incoming = incoming

    def __del__(self) -> None:
        # May run at any time and, in a free-threaded interpreter, on any thread.
        incoming = self.incoming
        dispatcher = incoming._session._dispatcher
        if incoming.idle() or dispatcher.forked():
            return
        with contextlib.suppress(RuntimeError):
            dispatcher.loop.call_soon_threadsafe(incoming.discard)


class _Parts(AsyncIterator[memoryview]):
    __slots__ = ("_message",)

    def __init__(self, message: Message) -> None:
        # The message, not only what has come of it: dropped messages are thrown away.
        self._message = message

    async def __anext__(self) -> memoryview:
        incoming = self._message._incoming()
        while (part := await incoming.next_part()) is not None:
            offset, data = part
            # A range that came again was given already; only what goes beyond is new.
            view = memoryview(data)[max(incoming.given - offset, 0) :]
            if view:
                incoming.given += len(view)
                return view
        raise StopAsyncIteration


class _WholeParts(AsyncIterator[memoryview]):
    __slots__ = ("_body",)

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __anext__(self) -> memoryview:
        if not self._body:
            raise StopAsyncIteration
        view, self._body = memoryview(self._body), b""
        return view


class _Target:
    """The file that a message is saved to. Every method runs in a thread, one at a time."""

    __slots__ = ("_at", "_discarded", "_file", "_lock", "_path", "_written", "length")

    def __init__(self, path: Path) -> None:
        self._path = path
        # Beside it, so that the last step is a rename in one file system; and of nobody else, who
        # may be saving to the same path.
        self._written = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
        self._file: BinaryIO | None = None
        self._discarded = False
        self._lock = threading.Lock()
        self._at = 0
        self.length = 0

    def open(self) -> None:
        """Makes the file."""
        with self._lock:
            if self._discarded:
                # A cancellation was faster than this thread.
                return
            if self._path.exists() and not self._path.is_file():
                # A pipe or device is written as it is.
                self._written = self._path
                self._file = self._written.open("wb")
            else:
                self._file = self._written.open("xb")

    def write(self, offset: int, parts: list[bytes | _msrp.Part]) -> None:
        """Writes parts that follow each other from `offset`."""
        with self._lock:
            file = self._opened()
            # Where a range came again, the later octets count (RFC 4975 §7.3.1).
            if offset != self._at:
                self._at = file.seek(offset)
            for part in parts:
                self._at += file.write(part)
            self.length = max(self.length, self._at)

    def finish(self) -> None:
        """Gives the complete file its name."""
        with self._lock:
            self._opened().close()
            if self._written != self._path:
                self._written.replace(self._path)

    def discard(self) -> None:
        """Removes the incomplete file."""
        with self._lock:
            self._discarded = True
            if self._file is not None:
                self._file.close()
                if self._written != self._path:
                    self._written.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the file is not open")
        return self._file
