"""What a session is to its event loop: the engine's events come here, and the credit of what the
consumer took goes back. `session` has what a program calls."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from . import _msrp
from ._dialling import Questions
from ._loop import Dispatcher, Handlers
from .events import EventStream, wake
from .exceptions import SessionClosed
from .message import Incoming
from .requests import Answer, Requests
from .tls import PeerCertificate, _peer_certificate
from .transfer import ACCEPTED, ACKNOWLEDGED, DELIVERED, ENDED, UNCONFIRMED, Transfer
from .types import (
    CloseReason,
    Event,
    EventsLost,
    Headers,
    RelayPath,
    Report,
    State,
    StateChanged,
    TransferFailed,
    TransferUnconfirmed,
    Uri,
)

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["CREDIT_STEP", "HANDLERS", "SessionBase", "running_loop"]

#: In the order of their numbers.
_STATES = (State.NEW, State.CONNECTING, State.OPEN, State.CLOSING, State.CLOSED)

#: Credit that is given back at once; less waits for the end of the loop's turn.
CREDIT_STEP = 64 * 1024

running_loop = asyncio._get_running_loop


class SessionBase:
    """The part of `Session` that the engine's events change."""

    __slots__ = (
        "__weakref__",
        "_acked",
        "_burst",
        "_certificate",
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
        "_login",
        "_lookups",
        "_loop",
        "_open_waiter",
        "_opened",
        "_questions",
        "_queue",
        "_receiver",
        "_relayed",
        "_remembered",
        "_remote_path",
        "_reported",
        "_requests",
        "_send_lock",
        "_senders",
        "_session_id",
        "_small",
        "_state",
        "_streams",
        "_taken",
        "_transfers",
        "_window",
        "_writable",
    )

    def __init__(
        self, engine: Engine, core: _msrp.Session, dispatcher: Dispatcher, relayed: bool
    ) -> None:
        self._engine = engine
        self._core = core
        self._dispatcher = dispatcher
        self._loop = dispatcher.loop
        self._session_id = core.session_id()
        # Behind relays there is none before they have given theirs.
        self._relayed = relayed
        self._local_path: tuple[Uri, ...] = () if relayed else tuple(core.local_path())
        # The login at the relays that somebody waits for, by its number.
        self._login: tuple[int, asyncio.Future[tuple[Uri, ...]]] | None = None
        self._remote_path: tuple[Uri, ...] = ()
        # What the peer has shown, since the session is over.
        self._certificate: PeerCertificate | None = None
        self._state = State.NEW
        self._opened = False
        self._close_reason: CloseReason | None = None
        self._close_error: Exception | None = None
        self._open_waiter: asyncio.Future[None] | None = None
        self._close_waiters: list[asyncio.Future[None]] = []
        # Those who wait for names of an SDP.
        self._lookups: dict[int, asyncio.Future[None]] = {}
        # Receiving: what was not taken by `recv` yet, and what was taken and not told to the engine
        # yet.
        self._queue: deque[tuple[Any, ...] | Incoming] = deque()
        self._incoming: dict[int, Incoming] = {}
        self._requests = Requests()
        self._questions = Questions(self)
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

    def _short_id(self) -> str:
        return f"{self._session_id[:4]}…"

    # Those who wait for room.

    async def _until_writable(self) -> None:
        self._burst = 0
        self._writable = self._loop.create_future()
        try:
            await self._writable
        finally:
            self._writable = None

    # What the consumer took.

    def _take_credit(self, credit: int) -> None:
        """The consumer took so many octets."""
        self._credit += credit
        if not self._flushing or self._credit >= CREDIT_STEP:
            self._flush_soon()

    def _take_message(self, handle: int) -> None:
        """The consumer took the last part of a message."""
        self._taken.append(handle)
        if not self._flushing:
            self._flush_soon()

    def _flush_soon(self) -> None:
        """One crossing for all that is taken in this turn of the loop."""
        if self._credit >= CREDIT_STEP:
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

    # Events.

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

    def _on_resolve(self, event: tuple[int, int, int, str]) -> None:
        self._questions.resolve(event[2], event[3])

    def _on_service(self, event: tuple[int, int, int, str]) -> None:
        self._questions.service(event[2], event[3])

    def _on_dial(self, event: tuple[int, int, int, str, int]) -> None:
        self._questions.dial(event[2], event[3], event[4])

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

    def _on_prepared(self, event: tuple[int, int, int]) -> None:
        wake(self._lookups.pop(event[2], None))

    def _on_relay_path(
        self, event: tuple[int, int, int | None, list[Uri], float | None, bool]
    ) -> None:
        _, _, login, uris, lifetime, offer_due = event
        path = tuple(uris)
        with contextlib.suppress(SessionClosed):
            self._local_path = tuple(self._core.local_path())
        self._tell(RelayPath(path, lifetime, offer_due))
        waiter = self._waits_for(login)
        if waiter is not None:
            waiter.set_result(path)

    def _on_relay_failed(self, event: tuple[int, int, int, Exception]) -> None:
        _, _, login, error = event
        waiter = self._waits_for(login)
        if waiter is not None:
            waiter.set_exception(error)

    def _waits_for(self, login: int | None) -> asyncio.Future[tuple[Uri, ...]] | None:
        if self._login is None or self._login[0] != login or self._login[1].done():
            return None
        return self._login[1]

    def _on_shed(self, event: tuple[int, int]) -> None:
        """The open messages were aborted, which their own events say."""

    def _on_recovered(self, event: tuple[int, int]) -> None:
        """Nothing to tell: the next message says it."""

    def _on_other(self, event: tuple[Any, ...]) -> None:
        """Of no session."""

    def _on_closed(
        self,
        event: tuple[
            int,
            int,
            tuple[Any, str, int | None, int | None],
            Exception | None,
            list[int],
            tuple[list[Uri] | None, list[Uri] | None, tuple[Any, ...] | None],
        ],
    ) -> None:
        _, _, reason, error, left, (local_path, remote_path, certificate) = event
        self._local_path = tuple(local_path or ())
        self._remote_path = tuple(remote_path or ())
        self._certificate = _peer_certificate(certificate)
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
        self._questions.end()
        self._tell(StateChanged(State.CLOSED))
        for stream in self._streams:
            stream._end()
        waiters = (self._open_waiter, self._receiver, self._writable)
        for waiter in (*waiters, *self._close_waiters, *self._lookups.values()):
            wake(waiter)
        if self._login is not None and not self._login[1].done():
            self._login[1].set_exception(self._closed_error())
        self._close_waiters.clear()
        self._lookups.clear()

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

    def _check_open(self) -> None:
        if self._state is State.CLOSED:
            raise self._closed_error()

    def _check_loop(self) -> None:
        if running_loop() is not self._loop:
            raise self._dispatcher.wrong_loop(self._short_id())


HANDLERS: Handlers = tuple(
    getattr(SessionBase, f"_on_{kind}", SessionBase._on_other) for kind in _msrp.EVENT_KINDS
)
"""What the dispatcher calls for each kind of event."""
