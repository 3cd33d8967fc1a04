"""Sessions: one ``m=message`` line each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import weakref
from collections import deque
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from . import _msrp
from ._loop import Dispatcher, Handlers
from .events import EventStream, wake
from .exceptions import ConcurrencyError, MsrpError, QueueFull, SessionClosed
from .message import Incoming, Lease, Message
from .requests import Answer, HeadersIn, Request, Requests, pairs
from .transfer import (
    ACCEPTED,
    ACKNOWLEDGED,
    DELIVERED,
    ENDED,
    UNCONFIRMED,
    Body,
    Progress,
    Pump,
    Transfer,
    octets,
    source,
)
from .types import (
    CloseReason,
    Event,
    EventsLost,
    Headers,
    Report,
    State,
    StateChanged,
    TransferFailed,
    TransferUnconfirmed,
    Uri,
)

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["Session"]

_MESSAGE = _msrp.EVENT_KINDS.index("message")

#: In the order of their numbers.
_STATES = (State.NEW, State.CONNECTING, State.OPEN, State.CLOSING, State.CLOSED)

#: Credit that is given back at once; less waits for the end of the loop's turn.
_CREDIT_STEP = 64 * 1024

#: What a message counts for beside its octets.
_OVERHEAD = 256

_running_loop = asyncio._get_running_loop


class Session:
    """An MSRP session. `Engine.session` makes it; it belongs to the event loop that ran then.

    An async context manager, which closes it, and an async iterator of its messages, which ends
    when either side closed the session and raises when it broke.
    """

    __slots__ = (
        "__weakref__",
        "_acked",
        "_burst",
        "_close_error",
        "_close_reason",
        "_close_waiters",
        "_core",
        "_credit",
        "_dispatcher",
        "_engine",
        "_flushing",
        "_incoming",
        "_local_path",
        "_loop",
        "_open_waiter",
        "_opened",
        "_queue",
        "_receiver",
        "_remembered",
        "_remote_path",
        "_reported",
        "_requests",
        "_send_lock",
        "_senders",
        "_small",
        "_state",
        "_streams",
        "_taken",
        "_transfers",
        "_window",
        "_writable",
    )

    def __init__(self, engine: Engine, core: _msrp.Session, dispatcher: Dispatcher) -> None:
        self._engine = engine
        self._core = core
        self._dispatcher = dispatcher
        self._loop = dispatcher.loop
        self._local_path: tuple[Uri, ...] = tuple(core.local_path())
        self._remote_path: tuple[Uri, ...] = ()
        self._state = State.NEW
        self._opened = False
        self._close_reason: CloseReason | None = None
        self._close_error: Exception | None = None
        self._open_waiter: asyncio.Future[None] | None = None
        self._close_waiters: list[asyncio.Future[None]] = []
        # Receiving: what was not taken by `recv` yet, and what was taken and not told to the engine
        # yet.
        self._queue: deque[tuple[Any, ...] | Incoming] = deque()
        self._incoming: dict[int, Incoming] = {}
        self._requests = Requests()
        self._receiver: asyncio.Future[None] | None = None
        self._credit = 0
        self._taken: list[int] = []
        self._flushing = False
        # Sending.
        self._transfers: dict[int, Transfer] = {}
        # Acknowledged ones, for late REPORTs: as many as the engine remembers.
        self._acked: deque[int] = deque()
        self._remembered = engine._limits.remembered_ids
        # Older ones that wait for success REPORTs, as long as somebody holds them.
        self._reported: weakref.WeakValueDictionary[int, Transfer] = weakref.WeakValueDictionary()
        self._window = engine._limits.send_window
        self._small = engine._limits.small_message
        self._send_lock = asyncio.Lock()
        self._senders = 0
        self._writable: asyncio.Future[None] | None = None
        self._burst = 0
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        dispatcher.add(core.handle, self)

    # What it is.

    @property
    def id(self) -> str:
        """The session-id in our URI. It is a secret (RFC 4975 §14.1)."""
        return self._local_path[-1].session_id or ""

    @property
    def state(self) -> State:
        """Where the session is in its life, as far as this loop has been told."""
        return self._state

    @property
    def local_path(self) -> tuple[Uri, ...]:
        """Our path: one URI, or our relays' and ours."""
        return self._local_path

    @property
    def remote_path(self) -> tuple[Uri, ...]:
        """The peer's path; empty until it is known."""
        if not self._remote_path and self._state is not State.CLOSED:
            with contextlib.suppress(SessionClosed):
                self._remote_path = tuple(self._core.remote_path() or ())
        return self._remote_path

    @property
    def close_reason(self) -> CloseReason | None:
        """Why the session ended; None before it did."""
        return self._close_reason

    def __repr__(self) -> str:
        return f"<Session {self._short_id()} {self._state.value}>"

    def _short_id(self) -> str:
        return f"{self.id[:4]}…"

    # SDP.

    def create_offer(self) -> str:
        """A whole minimal SDP with our ``m=message`` block as an offer. A host with an SDP of its
        own takes `local_media`.

        Raises `SessionClosed`.
        """
        self._check_loop()
        return self._core.create_offer()

    def create_answer(self, offer: str, *, index: int | None = None) -> str:
        """Takes the peer's offer, and gives a whole SDP that answers it. `index` is the 0-based
        number of the media block, if it is not the first one of MSRP.

        Raises `InvalidSdp`, `InvalidUri`, `SessionClosed`.
        """
        self._check_loop()
        return self._core.create_answer(offer, index)

    def local_media(self) -> str:
        """Our ``m=message`` block: an offer, or the answer to what `set_remote` was given.

        Raises `SessionClosed`.
        """
        self._check_loop()
        return self._core.local_media()

    def set_remote(self, sdp: str, *, index: int | None = None) -> None:
        """The peer's whole SDP or its ``m=`` block: the answer to our offer, or an offer that
        `local_media` then answers. May be called again. `index` as for `create_answer`.

        Raises `InvalidSdp`, `InvalidUri`, `SessionClosed`.
        """
        self._check_loop()
        self._core.set_remote(sdp, index)
        self._remote_path = ()

    def set_remote_path(
        self,
        path: str | Uri | Sequence[str | Uri],
        *,
        active: bool,
        accept_types: str = "*",
    ) -> None:
        """The peer's path without any SDP: text with spaces between the URIs, or a sequence.
        `active`: we connect. `accept_types`: what the peer takes, as in SDP.

        Raises `InvalidUri`, `ValueError`, `SessionClosed`.
        """
        self._check_loop()
        self._core.set_remote_path(path, active, accept_types)
        self._remote_path = ()

    # Life.

    async def open(self, timeout: float | None = 30) -> None:
        """Connects, or waits for the peer, as negotiated; at most `timeout` seconds. Afterwards the
        session is bound: the peer answered our first request, or sent its own.

        Raises `ConnectError`, `TlsError`, `StatusError`, `TransactionTimeout`, `SessionClosed`;
        then the session is over. `ValueError` when the remote side is missing, `ConcurrencyError`
        when another coroutine opens it.

        Cancellation: ends the session.
        """
        self._check_loop()
        if self._state is State.CLOSED:
            raise self._closed_error()
        if self._opened:
            return
        if self._open_waiter is not None:
            raise ConcurrencyError(f"another coroutine opens session {self._short_id()}")
        self._core.open(timeout)
        self._open_waiter = self._loop.create_future()
        try:
            await self._open_waiter
        except asyncio.CancelledError:
            with contextlib.suppress(SessionClosed):
                self._core.abort_session()
            raise
        finally:
            self._open_waiter = None
        if not self._opened:
            raise self._closed_error()

    async def close(self, timeout: float | None = 5) -> None:
        """Ends the session when what is under way is acknowledged; what is left after `timeout`
        seconds is aborted with ``#``. Messages that arrived before can still be received. Does
        nothing when it is closed.

        Cancellation: the session closes nevertheless.
        """
        self._check_loop()
        if self._state is State.CLOSED:
            return
        with contextlib.suppress(SessionClosed):
            self._core.close(timeout)
        # The engine keeps the time; a little more, and then not so gently.
        if not await self._wait_closed(None if timeout is None else timeout + 1):
            with contextlib.suppress(SessionClosed):
                self._core.abort_session()
            await self._wait_closed(1)

    async def _wait_closed(self, timeout: float | None) -> bool:
        if self._state is not State.CLOSED:
            future: asyncio.Future[None] = self._loop.create_future()
            self._close_waiters.append(future)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await future
        return self._closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # After an exception nobody waits for what is under way.
        await self.close(5 if kind is None else 1)

    # Sending.

    async def send(
        self,
        body: Body,
        content_type: str = "text/plain",
        *,
        message_id: str | None = None,
        success_report: bool = False,
        failure_report: Literal["yes", "no", "partial"] = "yes",
        headers: HeadersIn | None = None,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> Transfer:
        """Sends a message. Returns when it is admitted: it is in the send window, or has one of the
        transfer slots; waits while these are full.

        `body` is str, bytes-like, the path of a file (`os.PathLike`; a str is text), a binary file,
        or an (async) iterable of bytes-like blocks. Files and iterables are pulled as the network
        takes them; `size` announces their length where it is known. Immutable `bytes` are not
        copied if they are long. `success_report` and `failure_report` ask the peer for REPORTs (RFC
        4975 §7.1.2). `progress` is called on the loop's thread with octets written and the total.

        Raises `UnacceptedType`, `TooLarge`, `ValueError`, `TypeError`, `OSError` for a file that
        cannot be read, and `SessionClosed` or why the session ended.

        Cancellation: before it returns, nothing was sent.
        """
        if _running_loop() is not self._loop:
            self._check_loop()
        if self._burst >= self._window:
            # A sender that never waits must not starve the readers of its loop.
            self._burst = 0
            await asyncio.sleep(0)
        if not self._senders:
            try:
                return self._admit(
                    body,
                    content_type,
                    message_id,
                    success_report,
                    failure_report,
                    headers,
                    size,
                    progress,
                )
            except QueueFull:
                pass
        # Those who wait are served in turn.
        self._senders += 1
        try:
            async with self._send_lock:
                while True:
                    try:
                        return self._admit(
                            body,
                            content_type,
                            message_id,
                            success_report,
                            failure_report,
                            headers,
                            size,
                            progress,
                        )
                    except QueueFull:
                        await self._until_writable()
        finally:
            self._senders -= 1

    async def _until_writable(self) -> None:
        self._burst = 0
        self._writable = self._loop.create_future()
        try:
            await self._writable
        finally:
            self._writable = None

    def send_nowait(
        self,
        body: Body,
        content_type: str = "text/plain",
        *,
        message_id: str | None = None,
        success_report: bool = False,
        failure_report: Literal["yes", "no", "partial"] = "yes",
        headers: HeadersIn | None = None,
        size: int | None = None,
        progress: Progress | None = None,
    ) -> Transfer:
        """The same as `send`, but raises `QueueFull` where that waits."""
        self._check_loop()
        if self._senders:
            raise QueueFull("other senders wait for the send window")
        return self._admit(
            body, content_type, message_id, success_report, failure_report, headers, size, progress
        )

    def _admit(
        self,
        body: Body,
        content_type: str,
        message_id: str | None,
        success_report: bool,
        failure_report: str,
        headers: HeadersIn | None,
        size: int | None,
        progress: Progress | None,
    ) -> Transfer:
        if self._state is State.CLOSED:
            raise self._closed_error()
        core = self._core
        fields = pairs(headers)
        blocks = None
        state = 0
        total: int | None
        if progress is not None and not callable(progress):
            raise TypeError(f"progress is a function, not {type(progress).__name__}")
        data = body if type(body) is bytes else octets(body)
        if data is not None:
            total = len(data)
            if size is not None and size != total:
                raise ValueError(f"size {size} was announced for a body of {total} octets")
            handle, message_id = core.send(
                data, content_type, message_id, success_report, failure_report, fields
            )
            if total <= self._small:
                state = ACCEPTED
            self._burst += total + _OVERHEAD
        elif isinstance(body, os.PathLike):
            try:
                handle, message_id = core.send_file(
                    os.fspath(body),
                    content_type,
                    message_id,
                    success_report,
                    failure_report,
                    fields,
                )
            except ValueError:
                # Where it is the file that cannot be opened, this says so as Python does.
                with open(body, "rb", opener=_open_at_once):
                    raise
            total = core.transfer_progress(handle)[1]
        else:
            blocks = source(body)
            total = size
            handle, message_id = core.send_stream(
                size, content_type, message_id, success_report, failure_report, fields
            )
        transfer = Transfer(self, handle, message_id, total, state, success_report, progress)
        if blocks is not None:
            transfer._pump = Pump(transfer, blocks)
        self._transfers[handle] = transfer
        return transfer

    # Receiving.

    async def recv(self) -> Message:
        """The next message. A small one is complete; of a larger one the beginning has arrived, see
        `Message`.

        Raises `SessionClosed`, or why the session broke, when there is nothing more;
        `ConcurrencyError` when another coroutine is in it.

        Cancellation: loses nothing.
        """
        if _running_loop() is not self._loop:
            self._check_loop()
        if not self._queue:
            await self._wait_message()
        return self._take(self._queue.popleft())

    async def recv_many(self, max_messages: int = 256) -> list[Message]:
        """Waits for the next message, and gives up to `max_messages` that are there then, at least
        one. For many small messages this is the fast way.

        Raises what `recv` raises, and `ValueError`.

        Cancellation: loses nothing.
        """
        if max_messages < 1:
            raise ValueError(f"max_messages {max_messages} is less than 1")
        if _running_loop() is not self._loop:
            self._check_loop()
        queue = self._queue
        if not queue:
            await self._wait_message()
        take = self._take
        return [take(queue.popleft()) for _ in range(min(len(queue), max_messages))]

    def __aiter__(self) -> AsyncIterator[Message]:
        """The messages, until either side closes the session; raises when it breaks.

        Cancellation: loses nothing.
        """
        return self

    async def __anext__(self) -> Message:
        if _running_loop() is not self._loop:
            self._check_loop()
        if not self._queue:
            try:
                await self._wait_message()
            except MsrpError:
                if self._closed() and self._closed_in_order():
                    raise StopAsyncIteration from None
                raise
        return self._take(self._queue.popleft())

    async def _wait_message(self) -> None:
        while not self._queue:
            if self._state is State.CLOSED:
                raise self._closed_error()
            if self._receiver is not None:
                raise ConcurrencyError(
                    f"another coroutine receives from session {self._short_id()}"
                )
            self._receiver = self._loop.create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None

    def _take(self, item: tuple[Any, ...] | Incoming) -> Message:
        if not isinstance(item, Incoming):
            _, _, handle, head, body, credit = item
            self._taken.append(handle)
            self._credit += credit
            if not self._flushing or self._credit >= _CREDIT_STEP:
                self._flush_soon()
            return Message(self, handle, head, body, None)
        return Message(self, item.handle, item.head, None, Lease(item))

    def _take_credit(self, credit: int) -> None:
        """The consumer took so many octets."""
        self._credit += credit
        if not self._flushing or self._credit >= _CREDIT_STEP:
            self._flush_soon()

    def _take_message(self, handle: int) -> None:
        """The consumer took the last part of a message."""
        self._taken.append(handle)
        if not self._flushing:
            self._flush_soon()

    def _flush_soon(self) -> None:
        """One crossing for all that is taken in this turn of the loop."""
        if self._credit >= _CREDIT_STEP:
            self._flush()
        elif not self._loop.is_closed():
            self._flushing = True
            self._loop.call_soon(self._flush_turn)

    def _flush_turn(self) -> None:
        self._flushing = False
        self._flush()

    def _flush(self) -> None:
        credit, self._credit = self._credit, 0
        taken, self._taken = self._taken, []
        if (credit or taken) and self._state is not State.CLOSED:
            with contextlib.suppress(SessionClosed):
                self._core.took(credit, taken)

    # Requests of other methods.

    async def request(
        self,
        method: str,
        body: bytes | str | None = None,
        content_type: str = "text/plain",
        *,
        message_id: str | None = None,
        headers: HeadersIn | None = None,
    ) -> Answer:
        """Sends a request of another method than SEND and REPORT, an extension that both sides know
        (RFC 4975 §12), and gives the response, whatever its status. The body, if there is one, is
        at most 10 KiB.

        Raises `ValueError`, also for a method that is no word of capital letters or is SEND, REPORT
        or AUTH, `TooLarge`, `TransactionTimeout`, and `SessionClosed` or why the session ended.

        Cancellation: once it is sent, nobody hears of the response.
        """
        self._check_loop()
        return await self._requests.ask(self, method, body, content_type, message_id, headers)

    async def recv_request(self) -> Request:
        """The next request of one of the `methods` that the session was made for; to be answered by
        `Request.respond`. Requests of all other methods are answered 501.

        Raises `SessionClosed`, or why the session broke, when there is nothing more;
        `ConcurrencyError` when another coroutine is in it.

        Cancellation: loses nothing.
        """
        self._check_loop()
        return await self._requests.take(self)

    def _check_open(self) -> None:
        if self._state is State.CLOSED:
            raise self._closed_error()

    # Other events.

    def events(self) -> EventStream:
        """What else happens, from now on: `StateChanged`, `Report`, `TransferFailed`. An async
        iterator that ends with the session. When nobody reads it, it keeps `Limits.event_stream`
        entries, and then says by `EventsLost` how many are missing.

        Cancellation: loses nothing.
        """
        self._check_loop()
        stream = EventStream(self)
        if self._state is State.CLOSED:
            stream._end()
        else:
            self._streams.add(stream)
        return stream

    def _tell(self, event: Event) -> None:
        for stream in self._streams:
            stream._push(event)

    # From the dispatcher. The names are those of `_msrp.EVENT_KINDS`.

    def _on_state(self, event: tuple[int, int, int]) -> None:
        self._enter(_STATES[event[2]])

    def _enter(self, state: State) -> None:
        # `closed` brings the reason, and with it the last state.
        if state is not self._state and state is not State.CLOSED and not self._closed():
            self._state = state
            self._tell(StateChanged(state))

    def _on_opened(self, event: tuple[int, int]) -> None:
        self._opened = True
        self._enter(State.OPEN)
        wake(self._open_waiter)

    def _on_message(self, event: tuple[int, int, int, _msrp.Head, bytes, int]) -> None:
        self._queue.append(event)
        if self._receiver is not None:
            wake(self._receiver)

    def _on_message_begin(self, event: tuple[int, int, int, _msrp.Head, int]) -> None:
        _, _, handle, head, credit = event
        incoming = Incoming(self, handle, head, credit)
        self._incoming[handle] = incoming
        self._queue.append(incoming)
        wake(self._receiver)

    def _on_message_body(self, event: tuple[int, int, int, int, bytes | _msrp.Part, int]) -> None:
        _, _, handle, offset, data, credit = event
        incoming = self._incoming.get(handle)
        if incoming is not None:
            incoming.add(offset, data, credit)
        else:
            self._take_credit(credit)

    def _on_message_end(self, event: tuple[int, int, int, str, int | None]) -> None:
        _, _, handle, end, value = event
        incoming = self._incoming.pop(handle, None)
        if incoming is not None:
            incoming.finish(end, value)

    def _on_request(
        self,
        event: tuple[int, int, int, str, str | None, str | None, list[tuple[str, str]], bytes, int],
    ) -> None:
        self._requests.came(event)

    def _on_response(self, event: tuple[int, int, int, int, str, list[tuple[str, str]]]) -> None:
        _, _, handle, status, comment, headers = event
        self._requests.answered(handle, Answer(status, comment, Headers(headers)))

    def _on_writable(self, event: tuple[int, int]) -> None:
        wake(self._writable)

    def _on_data_wanted(self, event: tuple[int, int, int, int]) -> None:
        transfer = self._transfers.get(event[2])
        if transfer is not None and transfer._pump is not None:
            transfer._pump.want(event[3])

    def _on_progress(self, event: tuple[int, int, int, int]) -> None:
        transfer = self._transfers.get(event[2])
        if transfer is not None:
            transfer._sent_so_far(event[3])

    def _on_accepted(self, event: tuple[int, int, int]) -> None:
        transfer = self._transfers.get(event[2])
        if transfer is not None:
            transfer._advance(ACCEPTED)

    def _on_acknowledged(self, event: tuple[int, int, int]) -> None:
        handle = event[2]
        transfer = self._transfers.get(handle)
        if transfer is None:
            return
        if transfer._success_report and transfer._state & DELIVERED:
            del self._transfers[handle]
        else:
            self._acked.append(handle)
            if len(self._acked) > self._remembered:
                self._forget(self._acked.popleft())
        transfer._advance(ACCEPTED | ACKNOWLEDGED)
        if transfer._progress is not None and transfer._sent < (transfer._total or 0):
            # Of small messages there was no other.
            transfer._sent_so_far(transfer._total or 0)

    def _forget(self, handle: int) -> None:
        transfer = self._transfers.pop(handle, None)
        if transfer is not None and transfer._success_report:
            self._reported[handle] = transfer

    def _find(self, handle: int) -> Transfer | None:
        return self._transfers.get(handle) or self._reported.get(handle)

    def _on_delivered(self, event: tuple[int, int, int]) -> None:
        transfer = self._find(event[2])
        if transfer is not None:
            transfer._advance(DELIVERED)
            if transfer._state & ACKNOWLEDGED:
                self._transfers.pop(event[2], None)
                self._reported.pop(event[2], None)

    def _on_failed(self, event: tuple[int, int, int, Exception]) -> None:
        _, _, handle, error = event
        self._requests.failed(handle, error)
        transfer = self._find(handle)
        if transfer is not None:
            self._transfers.pop(handle, None)
            self._reported.pop(handle, None)
            transfer._fail(error)
            self._tell(TransferFailed(transfer.message_id, transfer._source_error or error))

    def _on_unconfirmed(self, event: tuple[int, int, int, str, Exception]) -> None:
        _, _, handle, message_id, error = event
        transfer = self._find(handle)
        if transfer is not None:
            transfer._unconfirmed = error
            transfer._advance(UNCONFIRMED)
        self._tell(TransferUnconfirmed(message_id, error))

    def _on_report(
        self,
        event: tuple[int, int, int, int, str, tuple[int, int | None, int | None] | None],
    ) -> None:
        _, _, handle, status, comment, byte_range = event
        transfer = self._find(handle)
        if transfer is not None:
            transfer._report = Report(transfer.message_id, status, comment, byte_range)
            self._tell(transfer._report)

    def _on_reports_lost(self, event: tuple[int, int, int]) -> None:
        self._tell(EventsLost(event[2]))

    def _on_shed(self, event: tuple[int, int]) -> None:
        """The open messages were aborted, which their own events say."""

    def _on_recovered(self, event: tuple[int, int]) -> None:
        """Nothing to tell: the next message says it."""

    def _on_closed(
        self,
        event: tuple[
            int, int, tuple[Any, str, int | None, int | None], Exception | None, list[int]
        ],
    ) -> None:
        reason, error, left = event[2], event[3], event[4]
        transfers = (self._transfers.get(handle) for handle in left)
        unacknowledged = tuple(transfer.message_id for transfer in transfers if transfer)
        self._end(CloseReason(*reason, unacknowledged), error)

    def _on_engine_closed(self, event: tuple[int, int]) -> None:
        """Of the dispatcher, not of a session."""

    def _lost(self) -> None:
        """No more events will come: the loop or the engine ended."""
        self._end(CloseReason("local", "the engine or its event loop ended"), None)

    def _end(self, reason: CloseReason, error: Exception | None) -> None:
        if self._closed():
            return
        self._state = State.CLOSED
        self._close_reason = reason
        self._close_error = error
        self._dispatcher.remove(self._core.handle)
        for incoming in self._incoming.values():
            incoming.finish("session-closed", None)
        self._incoming.clear()
        for transfer in [*self._transfers.values(), *self._reported.values()]:
            if not transfer._state & ACKNOWLEDGED:
                transfer._error = transfer._error or self._closed_error()
            elif transfer._error is None:
                transfer._error = error
            transfer._advance(ENDED)
        self._transfers.clear()
        self._reported.clear()
        self._acked.clear()
        self._requests.end(self._closed_error())
        self._tell(StateChanged(State.CLOSED))
        for stream in self._streams:
            stream._end()
        for waiter in (self._open_waiter, self._receiver, self._writable, *self._close_waiters):
            wake(waiter)
        self._close_waiters.clear()

    def _closed(self) -> bool:
        return self._state is State.CLOSED

    def _closed_in_order(self) -> bool:
        reason = self._close_reason
        return reason is not None and reason.kind in ("local", "peer-closed")

    def _closed_error(self) -> Exception:
        # That a peer hangs up after the session was open is its right, and no failure.
        if self._close_error is not None and not (self._opened and self._closed_in_order()):
            return self._close_error
        reason = "" if self._close_reason is None else f": {self._close_reason}"
        return SessionClosed(f"session {self._short_id()} has ended{reason}")

    def _check_loop(self) -> None:
        if _running_loop() is not self._loop:
            raise self._dispatcher.wrong_loop(self._short_id())


def _open_at_once(path: str, flags: int) -> int:
    # A pipe without a writer would block.
    return os.open(path, flags | os.O_NONBLOCK)


HANDLERS: Handlers = tuple(getattr(Session, f"_on_{kind}") for kind in _msrp.EVENT_KINDS)
"""What the dispatcher calls for each kind of event."""
