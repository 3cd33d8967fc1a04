"""Sessions: one ``m=message`` line each."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from ._session import CREDIT_STEP, SessionBase, running_loop
from ._sockets import give, octets_read
from .events import EventStream
from .exceptions import ConcurrencyError, MsrpError, QueueFull, SessionClosed
from .message import Incoming, Lease, Message
from .requests import Answer, HeadersIn, Request, pairs
from .sdp import AttributesIn, MediaDescription, MediaLine, _line, _media_line, _pairs
from .tls import PeerCertificate, _peer_certificate
from .transfer import ACCEPTED, Body, Progress, Pump, Transfer, octets, source
from .types import CloseReason, ConnectionOptions, Direction, State, Uri

if TYPE_CHECKING:
    from .engine import Listener

__all__ = ["Session"]

#: What a message counts for beside its octets.
_OVERHEAD = 256


class Session(SessionBase):
    """An MSRP session. `Engine.session` makes it; it belongs to the event loop that ran then.

    An async context manager, which closes it, and an async iterator of its messages, which ends
    when either side closed the session and raises when it broke.
    """

    __slots__ = ()

    # What it is.

    @property
    def id(self) -> str:
        """The session-id in our URI. It is a secret (RFC 4975 §14.1)."""
        return self._session_id

    @property
    def state(self) -> State:
        """Where the session is in its life, as far as this loop has been told."""
        return self._state

    @property
    def local_path(self) -> tuple[Uri, ...]:
        """Our path: one URI, or our relays' and ours. Empty for a session with relays before
        `authenticate`.
        """
        return self._local_path

    @property
    def relay_path(self) -> tuple[Uri, ...]:
        """The URIs that our relays gave, in the order in which our requests pass them;
        `local_path` begins with them the other way round. Empty before `authenticate`, and when the
        session is over.
        """
        with contextlib.suppress(SessionClosed):
            return tuple(self._core.relay_path() or ())
        return ()

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

    @property
    def peer_certificate(self) -> PeerCertificate | None:
        """The certificate that the peer showed, and what proves it: None without TLS, before `open`
        is done, and for a peer that connected and showed none. It is known after the end of the
        session, too: a peer may be gone by the time that `open` is done.
        """
        if self._state is not State.CLOSED:
            with contextlib.suppress(SessionClosed):
                return _peer_certificate(self._core.peer_certificate())
        return self._certificate

    def __repr__(self) -> str:
        return f"<Session {self._short_id()} {self._state.value}>"

    # Relays.

    async def authenticate(self, timeout: float | None = 30) -> tuple[Uri, ...]:
        """Logs in to the `relays` of the session, each through those before it (RFC 4976 §5.1), and
        gives the URIs that they gave: see `relay_path`. To be done before there is anything to
        offer or answer, since the session's path begins with them; until then what gives or takes
        an SDP raises `ValueError`.

        Before they expire the engine gets new ones by itself. Then the event `RelayPath` says that
        a new offer is due. When the connection to the relay is lost, the session is over.

        Raises `AuthError` when a relay refuses the user or does not prove itself, `ConnectError`,
        `TlsError`, `StatusError` for any other answer of a relay, `TransactionTimeout`,
        `ProtocolError` for an answer that cannot be used; after these it may be tried again.
        `ValueError` without relays, `ConcurrencyError` when another coroutine does it,
        `SessionClosed`.

        Cancellation: the login is given up, and another one may begin at once. A path that the
        relays have given already stays: see `relay_path`.
        """
        self._check_loop()
        self._check_open()
        if self._login is not None:
            raise ConcurrencyError(f"another coroutine logs session {self._short_id()} in")
        waiter: asyncio.Future[tuple[Uri, ...]] = self._loop.create_future()
        login = self._core.authenticate(timeout)
        self._login = login, waiter
        try:
            return await waiter
        except asyncio.CancelledError:
            with contextlib.suppress(SessionClosed):
                self._core.cancel_login(login)
            raise
        finally:
            self._login = None

    # SDP.

    def create_offer(self) -> str:
        """A whole minimal SDP with our ``m=message`` block as an offer. It is open until
        `set_remote` is given its answer, or `rollback_offer` takes it back; called again while
        nothing has changed, it is the same text. The version in ``o=`` grows with every change (RFC
        3264 §8). A host with an SDP of its own takes `offer_media`.

        Raises `ConcurrencyError` while another offer is open, ours or one of the peer that
        `local_media` has not answered, and `SessionClosed`.
        """
        self._check_loop()
        return self._core.create_offer()

    def create_answer(self, offer: str | bytes, *, index: int | None = None) -> str:
        """Takes the peer's offer, and gives a whole SDP that answers it. An offer that repeats the
        last one gets the same answer; one with port 0 ends the session and is answered with port 0.
        `index` is the 0-based number of the media block, if it is not the first one of MSRP.

        Raises `InvalidSdp`, `InvalidUri`, `UnacceptedType`, `SessionClosed`, and
        `ConcurrencyError` while an offer of ours is open (RFC 3264 §4).
        """
        self._check_loop()
        return self._core.create_answer(offer, index)

    def local_media(self) -> str:
        """Our ``m=message`` block: the answer to an offer that `set_remote` was given, our open
        offer, else our side as it stands. The first time it is an offer; later ones come from
        `offer_media`.

        Raises `SessionClosed`.
        """
        self._check_loop()
        return self._core.local_media()

    def offer_media(self) -> str:
        """As `create_offer`, only the ``m=message`` block, for a host that builds its own SDP.

        Raises what `create_offer` raises.
        """
        self._check_loop()
        return self._core.offer_media()

    def rollback_offer(self) -> None:
        """Takes our open offer back: it was refused (SIP 488), or crossed one of the peer (491).
        Does nothing where none is open.

        Raises `SessionClosed`.
        """
        self._check_loop()
        self._core.rollback_offer()

    def set_remote(self, sdp: str | bytes, *, index: int | None = None) -> None:
        """The peer's whole SDP or its ``m=`` block: the answer to our offer, or an offer that
        `local_media` then answers. May be called again. Port 0 ends the session. `index` as for
        `create_answer`. With CEMA, `offer_due` says afterwards whether the answer was one that can
        be used.

        Raises `InvalidSdp`, `InvalidUri`, `UnacceptedType`, `SessionClosed`.
        """
        self._check_loop()
        self._core.set_remote(sdp, index)
        self._remote_path = ()

    async def prepare_remote(self, sdp: str | bytes, *, index: int | None = None) -> None:
        """Looks up the names of the peer's SDP that decide about CEMA, before `set_remote` and
        `create_answer`, which do not wait. Without ``cema=True``, and where addresses are equal as
        texts, there is nothing to look up. A name that the resolver does not find in its time has
        no address.

        Raises `InvalidSdp`, `SessionClosed`.

        Cancellation: the lookup goes on, and the next call finds what it found.
        """
        self._check_loop()
        lookup = self._core.prepare_remote(sdp, index)
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._lookups[lookup] = waiter
        try:
            await waiter
        finally:
            self._lookups.pop(lookup, None)
        self._check_open()

    @property
    def offer_due(self) -> bool:
        """Whether a new offer is to be sent, which `create_offer` gives: with CEMA, the answer said
        that no connection would come about (RFC 6714 §4.2); it was not taken, and the new offer is
        without ``a=msrp-cema``. Or our relays gave other URIs, as those that the peer knows expire
        (`RelayPath`).
        """
        if self._state is State.CLOSED:
            return False
        with contextlib.suppress(SessionClosed):
            return self._core.offer_due()
        return False

    @property
    def remote_fingerprints(self) -> tuple[str, ...]:
        """The fingerprints in the peer's SDP as they stand there, ``"sha-256 AB:CD:..."``; empty
        until it is known. A host that stores them with the peer's identity can warn when the next
        session brings others (RFC 6714 §7.7).
        """
        with contextlib.suppress(SessionClosed):
            return tuple(self._core.remote_fingerprints())
        return ()

    def local_attributes(self) -> MediaLine:
        """Our ``m=message`` section value by value, for a SIP stack that keeps an SDP as objects:
        what `local_media` says as text. ``sendrecv``, the default, is not among its attributes: a
        host whose session part has a direction adds it.

        Raises `SessionClosed`.
        """
        self._check_loop()
        return _media_line(self._core.local_description().line())

    def offer_attributes(self) -> MediaLine:
        """Our ``m=message`` section value by value, as a later offer: what `offer_media` says as
        text.

        Raises `ConcurrencyError`, `SessionClosed`.
        """
        self._check_loop()
        return _media_line(self._core.offer_description().line())

    def set_remote_attributes(self, line: MediaLine, *, defaults: AttributesIn = ()) -> None:
        """The peer's ``m=`` section value by value: as `set_remote`, without a text. Port 0 ends
        the session: the stream was refused or is over. `defaults`: the attributes of the session
        part; those that are no defaults of sections are passed over.

        Raises `InvalidSdp`, which names the attribute and the rule, and what `set_remote` raises.
        """
        self._check_loop()
        self._core.set_remote_attributes(_line(line), _pairs(defaults))
        self._remote_path = ()

    @property
    def remote_description(self) -> MediaDescription | None:
        """What the peer's ``m=`` section said last, attributes that are unknown here among it. None
        before, and where there is only a path.

        Raises `SessionClosed`.
        """
        theirs = self._core.remote_description()
        return None if theirs is None else MediaDescription._of(theirs)

    def set_attributes(self, attributes: AttributesIn) -> None:
        """Replaces the `attributes` of `Engine.session` from the next offer or answer on: an answer
        may need others than an offer, once the offer is known.

        Raises `ValueError`, `SessionClosed`.
        """
        self._check_loop()
        self._core.set_attributes(_pairs(attributes))

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

    def relocate(
        self,
        *,
        listener: Listener | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        advertise: tuple[str, int] | None = None,
        connection: ConnectionOptions | None = None,
    ) -> None:
        """Moves the session to another place of this machine: our URI is another one in the next
        offer or answer, and the session goes over when the peer uses it, or it has connected from
        there. The one of before is served until then. The arguments are those of `Engine.session`;
        without `connection` those of before stay.

        Raises `TypeError`, `ValueError`, `ConnectError` when the address cannot be bound,
        `SessionClosed`.
        """
        self._check_loop()
        self._engine._check_place(listener, connection)
        self._core.relocate(
            {
                "listener": None if listener is None else listener._handle,
                "host": host,
                "port": port,
                "advertise": advertise,
                "connection": connection,
            }
        )
        self._local_path = tuple(self._core.local_path())

    # Direction.

    @property
    def direction(self) -> Direction:
        """Who sends ordinary messages now, as the last exchange agreed on it: ``sendonly`` is what
        only we send. ``inactive`` when the session is over.
        """
        return self._directions()[1]

    @property
    def remote_direction(self) -> Direction | None:
        """What the peer said last, seen from our side: ``recvonly`` where it holds us. None before,
        without SDP, and when the session is over.
        """
        return self._directions()[0]

    def _directions(self) -> tuple[Direction | None, Direction]:
        if self._state is not State.CLOSED:
            with contextlib.suppress(SessionClosed):
                remote, agreed = self._core.directions()
                return None if remote is None else Direction(remote), Direction(agreed)
        return None, Direction.INACTIVE

    def set_direction(self, direction: Direction | str) -> None:
        """What our next offer or answer says of the direction: a hold is ``sendonly`` or
        ``inactive``, its end ``sendrecv``. It holds when that exchange is done; without SDP at
        once. Ordinary messages that are under way when we must not send any more wait until we
        may, large ones at the end of a chunk; new ones raise `StatusError` (403). What the peer
        began before goes on to its end; what it begins then gets 403.

        Raises `ValueError`, `SessionClosed`.
        """
        self._check_loop()
        self._core.set_direction(direction)

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
        self._open_waiter = self._loop.create_future()
        try:
            # One that has ended in this moment says by its event why, which is on its way.
            with contextlib.suppress(SessionClosed):
                self._core.open(timeout)
            await self._open_waiter
        except asyncio.CancelledError:
            with contextlib.suppress(SessionClosed):
                self._core.abort_session()
            raise
        finally:
            self._open_waiter = None
        if not self._opened:
            raise self._closed_error()

    async def adopt(
        self,
        sock: socket.socket,
        *,
        initial: bytes = b"",
        inbound: bool = True,
        tls: bool = False,
        timeout: float | None = 30,
    ) -> None:
        """Opens the session over a TCP socket that is connected, instead of dialling or waiting at
        a port. `initial` is what was read from it already. `inbound` says that the peer connected,
        which makes us the server of TLS. `tls` is that of the session: the engine does the
        handshake, and the initial octets belong to it. Only this session is served on it.

        Once it is taken the socket is the engine's, and `sock` is closed. A socket that asyncio
        watches is not to be given away.

        Raises `TypeError`, `ValueError` for anything but a connected TCP socket and for TLS that
        does not fit, `TooLarge` for more initial octets than `Limits.early_len`, `ConnectError` for
        a connection that has failed, and `ConcurrencyError` when the session has a connection; then
        the socket stays as it was. After that as `open`.

        Cancellation: ends the session.
        """
        self._check_loop()
        if self._state is State.CLOSED:
            raise self._closed_error()
        if self._open_waiter is not None:
            raise ConcurrencyError(f"another coroutine opens session {self._short_id()}")
        if not self.remote_path:
            raise ValueError(
                "adopt needs the remote side: call set_remote or set_remote_path first"
            )
        read = octets_read(initial)
        give(sock, lambda fd: self._core.adopt(fd, read, inbound, tls, timeout))
        await self.open(timeout)

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
        control: bool = False,
    ) -> Transfer:
        """Sends a message. Returns when it is admitted: it is in the send window, or has one of the
        transfer slots; waits while these are full.

        `body` is str, bytes-like, the path of a file (`os.PathLike`; a str is text), a binary file,
        or an (async) iterable of bytes-like blocks. Files and iterables are pulled as the network
        takes them; `size` announces their length where it is known. Immutable `bytes` are not
        copied if they are long. `success_report` and `failure_report` ask the peer for REPORTs (RFC
        4975 §7.1.2). `progress` is called on the loop's thread with octets written and the total.
        `control`: it is control or a report rather than a message for a reader, and the direction
        does not stop it (RFC 4975 §8.9); IMDN and isComposing are known by their types.

        Raises `StatusError` (403) while the direction forbids it, `UnacceptedType`, `TooLarge`,
        `ValueError`, `TypeError`, `OSError` for a file that cannot be read, and `SessionClosed` or
        why the session ended.

        Cancellation: before it returns, nothing was sent.
        """
        if running_loop() is not self._loop:
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
                    control,
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
                            control,
                        )
                    except QueueFull:
                        await self._until_writable()
        finally:
            self._senders -= 1

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
        control: bool = False,
    ) -> Transfer:
        """The same as `send`, but raises `QueueFull` where that waits."""
        self._check_loop()
        if self._senders:
            raise QueueFull("other senders wait for the send window")
        return self._admit(
            body,
            content_type,
            message_id,
            success_report,
            failure_report,
            headers,
            size,
            progress,
            control,
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
        control: bool,
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
                data, content_type, message_id, success_report, failure_report, fields, control
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
                    control,
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
                size, content_type, message_id, success_report, failure_report, fields, control
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
        if running_loop() is not self._loop:
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
        if running_loop() is not self._loop:
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
        if running_loop() is not self._loop:
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
            if not self._flushing or self._credit >= CREDIT_STEP:
                self._flush_soon()
            return Message(self, handle, head, body, None)
        return Message(self, item.handle, item.head, None, Lease(item))

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


def _open_at_once(path: str, flags: int) -> int:
    # A pipe without a writer would block.
    return os.open(path, flags | os.O_NONBLOCK)
