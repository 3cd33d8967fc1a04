"""Outgoing messages: how far they are, and the sources that bodies are pulled from."""

from __future__ import annotations

import asyncio
import contextlib
import io
import math
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

from .events import wake
from .exceptions import MsrpError, SessionClosed
from .types import Report

if TYPE_CHECKING:
    from ._session import SessionBase

__all__ = ["Body", "Transfer"]

BytesLike: TypeAlias = bytes | bytearray | memoryview
Body: TypeAlias = (
    str | BytesLike | os.PathLike[str] | BinaryIO | Iterable[BytesLike] | AsyncIterable[BytesLike]
)
"""What can be sent: text, octets, a file by path or open, or blocks of octets."""

Progress: TypeAlias = Callable[[int, int | None], object]
"""Called with octets so far and the total, where it is known."""

ACCEPTED = 1
ACKNOWLEDGED = 2
DELIVERED = 4
FAILED = 8
ENDED = 16
UNCONFIRMED = 32

#: Octets read from a file object at a time.
_FILE_BLOCK = 256 * 1024


class Transfer:
    """An outgoing message under way. `Session.send` makes it.

    Four kinds of "done": *admitted* (it will be sent; `send` returned), *accepted* (the last octet
    was taken from the caller), *acknowledged* (the next hop answered 200 to every chunk),
    *delivered* (success REPORTs cover it all).
    """

    __slots__ = (
        "__weakref__",
        "_error",
        "_handle",
        "_progress",
        "_pump",
        "_report",
        "_sent",
        "_session",
        "_source_error",
        "_state",
        "_success_report",
        "_total",
        "_unconfirmed",
        "_waiters",
        "message_id",
    )

    #: The Message-ID (RFC 4975 §7.1).
    message_id: str

    def __init__(
        self,
        session: SessionBase,
        handle: int,
        message_id: str,
        total: int | None,
        state: int,
        success_report: bool,
        progress: Progress | None,
    ) -> None:
        self.message_id = message_id
        self._session = session
        self._handle = handle
        self._total = total
        self._sent = 0
        self._state = state
        self._success_report = success_report
        self._progress = progress
        self._error: Exception | None = None
        self._source_error: Exception | None = None
        self._report: Report | None = None
        self._unconfirmed: Exception | None = None
        self._waiters: list[tuple[int, asyncio.Future[None]]] | None = None
        self._pump: Pump | None = None

    @property
    def sent_bytes(self) -> int:
        """Octets written so far, 0 <= sent_bytes <= total. Grows when the network took them, not
        when the peer answered.
        """
        if self._state & ACKNOWLEDGED and self._total is not None:
            return self._total
        self._ask()
        return self._sent

    @property
    def total(self) -> int | None:
        """Octets in all, where it is known."""
        if self._total is None:
            self._ask()
        return self._total

    def _ask(self) -> None:
        if not self._state & (ACKNOWLEDGED | FAILED | ENDED):
            with contextlib.suppress(MsrpError):
                self._sent, self._total = self._session._core.transfer_progress(self._handle)

    async def accepted(self) -> None:
        """Waits until the last octet was taken from the caller: the body may be changed or closed.

        Raises what `acknowledged` raises, if the message fails before.

        Cancellation: changes nothing; the message goes on.
        """
        if not self._state & ACCEPTED:
            await self._until(ACCEPTED)
            if not self._state & ACCEPTED:
                raise self._failure()

    async def acknowledged(self) -> None:
        """Waits until every chunk was answered 200 by the next hop; with Failure-Report "no" or
        "partial", until the last octet was written. Returns without suspending if that is so
        already.

        Raises `StatusError`, `TransactionTimeout`, `MessageAborted`, `SessionClosed` or why the
        session ended, and whatever the body's own iterator raised.

        Cancellation: changes nothing; the message goes on.
        """
        if not self._state & ACKNOWLEDGED:
            await self._until(ACKNOWLEDGED)
            if not self._state & ACKNOWLEDGED:
                raise self._failure()

    async def delivered(self, timeout: float | None = None) -> Report:
        """Waits until success REPORTs cover the whole message, at most `timeout` seconds. Ask for
        them with ``success_report=True``; without, this waits for a late failure, or the session's
        end.

        Raises `TimeoutError`, what `acknowledged` raises, the `StatusError` of a failure REPORT,
        and `ValueError` for a timeout that is no number. When nothing can confirm it any more:
        `SessionClosed` or why the session ended, `TransactionTimeout` when the session's
        ``report_timeout`` is over, `LimitExceeded` after ``Limits.remembered_ids`` later messages.

        Cancellation: changes nothing.
        """
        if timeout is not None and math.isnan(timeout):
            # The loop would put its timers into disorder.
            raise ValueError("timeout NaN is no number of seconds")
        if not self._state & (DELIVERED | UNCONFIRMED | FAILED | ENDED):
            async with asyncio.timeout(timeout):
                await self._until(DELIVERED | UNCONFIRMED)
        if self._state & DELIVERED:
            return self._report or Report(self.message_id, 200)
        raise self._unconfirmed or self._failure()

    async def abort(self) -> None:
        """Ends the message with ``#``. Does nothing when it is complete. `acknowledged` then raises
        `MessageAborted`.

        Cancellation: it does not suspend.
        """
        self._session._check_loop()
        if not self._state & (ACKNOWLEDGED | FAILED | ENDED):
            with contextlib.suppress(SessionClosed):
                self._session._core.abort(self._handle)

    def __repr__(self) -> str:
        if self._state & FAILED:
            how = f"failed: {self._error}"
        else:
            names = (
                (DELIVERED, "delivered"),
                (ACKNOWLEDGED, "acknowledged"),
                (ACCEPTED, "accepted"),
            )
            how = next((name for flag, name in names if self._state & flag), "admitted")
        return f"<Transfer {self.message_id} {how}>"

    async def _until(self, flag: int) -> None:
        self._session._check_loop()
        mask = flag | FAILED | ENDED
        if self._state & mask:
            return
        future: asyncio.Future[None] = self._session._dispatcher.loop.create_future()
        if self._waiters is None:
            self._waiters = []
        entry = (mask, future)
        self._waiters.append(entry)
        try:
            await future
        finally:
            with contextlib.suppress(ValueError):
                self._waiters.remove(entry)

    def _failure(self) -> Exception:
        return self._source_error or self._error or SessionClosed("the session ended")

    def _advance(self, flags: int) -> None:
        """The message got further: wakes those who wait for it."""
        self._state |= flags
        if self._waiters:
            for mask, future in self._waiters:
                if mask & flags:
                    wake(future)
        if flags & (FAILED | ENDED) and self._pump is not None:
            self._pump.stop()
            self._pump = None

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._unconfirmed = None
        self._advance(FAILED)

    def _sent_so_far(self, sent: int) -> None:
        self._sent = sent
        if self._progress is not None:
            self._progress(sent, self._total)


class Pump:
    """Pulls a body out of an iterable, as much as the engine wants, on the loop's thread."""

    __slots__ = ("_given", "_source", "_task", "_transfer", "_waiter", "_wanted")

    def __init__(self, transfer: Transfer, source: AsyncIterator[bytes]) -> None:
        self._transfer = transfer
        self._source = source
        self._wanted = 0
        self._given = 0
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    def want(self, octets: int) -> None:
        """The engine can take so many octets more."""
        self._wanted += octets
        if self._task is None:
            loop = self._transfer._session._dispatcher.loop
            self._task = loop.create_task(
                self._run(), name=f"msrp body of {self._transfer.message_id}"
            )
        else:
            wake(self._waiter)

    def stop(self) -> None:
        """The message is over; the source is closed."""
        if self._task is not None and not self._task.get_loop().is_closed():
            self._task.cancel()

    async def _run(self) -> None:
        transfer = self._transfer
        core = transfer._session._core
        finished = destroyed = False
        try:
            async for block in self._source:
                if not await self._push(block):
                    return
            finished = True
        except Exception as error:
            transfer._source_error = error
        except GeneratorExit:
            # The loop went without running us to our end: nothing can be awaited.
            destroyed = True
            raise
        finally:
            # They hold each other, and the source may be a file.
            transfer._pump = None
            with contextlib.suppress(MsrpError):
                if finished:
                    transfer._total = self._given
                    core.stream_end(transfer._handle)
                else:
                    core.abort(transfer._handle)
            close = getattr(self._source, "aclose", None)
            if close is not None and not destroyed:
                await close()

    async def _push(self, block: bytes) -> bool:
        """Gives the engine a block, as it wants it. False when the message is over."""
        transfer = self._transfer
        start, end = 0, len(block)
        while start < end:
            if not self._wanted:
                self._waiter = transfer._session._dispatcher.loop.create_future()
                try:
                    await self._waiter
                finally:
                    self._waiter = None
                continue
            step = min(self._wanted, end - start)
            self._wanted -= step
            self._given += step
            try:
                transfer._session._core.stream_push(transfer._handle, block, start, start + step)
            except SessionClosed:
                return False
            start += step
        return True


def octets(body: object) -> bytes | None:
    """The body as immutable octets, if it is text or octets."""
    if isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytearray | memoryview):
        return bytes(body)
    try:
        return bytes(memoryview(cast("bytes", body)))
    except TypeError:
        return None


def source(body: object) -> AsyncIterator[bytes]:
    """The body as blocks, if it is a binary file or an iterable."""
    if isinstance(body, io.TextIOBase):
        raise TypeError("a file is opened in binary mode to be sent")
    # First, because what is read asynchronously often has a `read`, too.
    if isinstance(body, AsyncIterable):
        return _async_blocks(body)
    if hasattr(body, "read"):
        return _file_blocks(cast("BinaryIO", body))
    if isinstance(body, Iterable):
        return _blocks(body)
    raise TypeError(
        "a body is str, bytes-like, a path, a binary file or an iterable of bytes, "
        f"not {type(body).__name__}"
    )


async def _file_blocks(file: BinaryIO) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    # In a thread of the executor: a read may block on a disk or a pipe.
    while block := await loop.run_in_executor(None, file.read, _FILE_BLOCK):
        yield _block(block)


async def _async_blocks(blocks: AsyncIterable[Any]) -> AsyncIterator[bytes]:
    iterator = aiter(blocks)
    try:
        async for block in iterator:
            yield _block(block)
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()


async def _blocks(blocks: Iterable[Any]) -> AsyncIterator[bytes]:
    for block in blocks:
        yield _block(block)


def _block(block: object) -> bytes:
    if not isinstance(block, str):
        data = octets(block)
        if data is not None:
            return data
    raise TypeError(f"blocks of a body are bytes-like, not {type(block).__name__}")
