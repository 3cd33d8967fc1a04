"""The engine and its listeners."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import socket
import threading
import warnings
import weakref
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Literal, Self

from . import _msrp, sdp
from ._dialling import AllowDial, Resolver, Services
from ._log import emit
from ._loop import Dispatcher
from ._session import HANDLERS
from ._sockets import give, octets_read
from .exceptions import ForkedError, SessionClosed
from .login import RelayLogin
from .relay import Authorise, Credentials, Message, NextHop, Relay
from .sdp import AttributesIn
from .session import Session
from .tls import TLSConfig, _tls
from .types import ConnectionOptions, Direction, Limits, Profile, Stats, Trace, _stats, _trace

__all__ = ["Engine", "Listener"]

#: How long `aclose` lets sessions finish what is under way, in seconds.
_GRACE = 5.0


class Engine:
    """An MSRP engine: it owns the threads, sockets and connections. One is enough for a process.

    ::

        async with msrp.Engine() as engine:
            async with engine.session() as session:
                offer = session.create_offer()
                ...

    `worker_threads`: threads of the engine beside the interpreter. `limits`: every bound. `tls`:
    for sessions and listeners that ask for TLS without a configuration of their own. `trace`: the
    path of a masked pcapng file of all that goes over its connections, or a `Trace`. `resolver`:
    called with a name in a remote path, gives its addresses, in the order in which they are to be
    tried, or an awaitable of them; what it raises goes into the `ConnectError`. Default: the
    operating system. `services`: called with the name of a service, ``_msrps._tcp.example.com``, to
    find a relay whose URI has no port, gives a list of `SrvRecord` or an awaitable of one; none:
    the relay is looked for at the name itself. Default: the name servers of the system, and nobody
    where there is a `resolver`. `allow_dial`: called with a session, an address and a port before
    anything is sent there, says whether the session may be connected to it, or gives an awaitable
    of that. All run on the session's event loop, and are cancelled with the session;
    `docs/connections.md` tells when they are asked.

    An engine may serve several event loops; a session belongs to the loop that made it. After
    `os.fork` the child makes its own: everything here raises `ForkedError` there. Raises
    `ValueError` for options out of their range.
    """

    __slots__ = (
        "__weakref__",
        "_allow_dial",
        "_closed",
        "_core",
        "_dispatchers",
        "_finalizer",
        "_joined",
        "_limits",
        "_lock",
        "_pid",
        "_resolver",
        "_services",
    )

    def __init__(
        self,
        *,
        worker_threads: int = 1,
        limits: Limits | None = None,
        tls: TLSConfig | None = None,
        trace: str | os.PathLike[str] | Trace | None = None,
        resolver: Resolver | None = None,
        services: Services | None = None,
        allow_dial: AllowDial | None = None,
        port_range: tuple[int, int] | None = None,
    ) -> None:
        self._closed = True
        asked = {"resolver": resolver, "services": services, "allow_dial": allow_dial}
        for name, function in asked.items():
            if function is not None and not callable(function):
                raise TypeError(f"{name} is a function, not {type(function).__name__}")
        if limits is not None and not isinstance(limits, Limits):
            raise TypeError(f"limits is a Limits, not {type(limits).__name__}")
        self._limits = limits or Limits()
        self._core = _msrp.Engine(
            worker_threads,
            self._limits,
            _tls(tls)[1],
            _trace(trace),
            (resolver is not None, allow_dial is not None, services is not None),
            port_range,
        )
        self._resolver = resolver
        self._services = services
        self._allow_dial = allow_dial
        self._pid = os.getpid()
        # The loop owns its dispatcher; a strong value here would keep the loop, its key, for ever.
        self._dispatchers: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, weakref.ref[Dispatcher]
        ] = weakref.WeakKeyDictionary()
        # Around the dictionary: loops in several threads may ask at the same time.
        self._lock = threading.Lock()
        self._joined: concurrent.futures.Future[None] = concurrent.futures.Future()
        self._closed = False
        # At the interpreter's exit, too: the threads must be gone before it is finalized.
        self._finalizer = weakref.finalize(self, _stop, self._core)

    def session(
        self,
        *,
        listener: Listener | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: bool | TLSConfig = False,
        advertise: tuple[str, int] | None = None,
        accept_types: Sequence[str] | None = None,
        accept_wrapped_types: Sequence[str] = (),
        setup: Literal["actpass", "active", "passive"] = "actpass",
        direction: Direction | str = "sendrecv",
        max_size: int | None = None,
        title: str | None = None,
        attributes: AttributesIn = (),
        profile: Profile | str = "strict",
        chunk_len: int | None = None,
        session_match: Literal["uri", "session-id"] | None = None,
        pacing: Literal["pipelined", "one"] | None = None,
        dash_split: bool | None = None,
        relays: Sequence[RelayLogin] = (),
        connection_sharing: Literal["peer", "session"] = "peer",
        cema: bool = False,
        connection: ConnectionOptions | None = None,
        reports: Literal["auto", "manual"] = "auto",
        methods: Sequence[str] = (),
        keep_alive: float | None = None,
        report_timeout: float | None = None,
    ) -> Session:
        """A new session of the running event loop. It listens on `listener`, or on a port of its
        own at `host`.

        `tls`: whether its URI is ``msrps``, and with which configuration. `advertise`: host and
        port for our URI and SDP, where they differ from the bound ones. `accept_types`: what we
        take; the default is text/plain and the types that RFC 4975 makes mandatory. `setup`: which
        side we want to be (RFC 6135). `direction`: who sends ordinary messages, as our first offer
        or answer wishes it; later `Session.set_direction`. `max_size`: the largest message that we
        take, in octets. `title` and `attributes`: an ``i=`` line and further attributes of our
        ``m=`` section (``label``, ``content``, ...); `Session.set_attributes` replaces them.
        `profile`: what is known of the peer, a `Profile` or its name. The next four come from it
        unless they are given. `chunk_len`: most octets in one chunk, 0 for no bound; ``STRICT`` is
        careful with peers that are not this engine. `session_match`: ``"session-id"`` takes
        requests that name the session by its id alone. `pacing`: ``"one"`` sends a request only
        when the one before is answered, and each in a write of its own. `dash_split`: no chunk
        holds what hasty peers take for its end. `relays`: our relays, from the one that we connect
        to, to the one that the peer reaches, at most 8; the session listens nowhere then, and logs
        in with `Session.authenticate` before anything is offered. `connection_sharing`:
        ``"session"`` gives it a connection of its own, for bulk. `connection`: how its connection
        is made and kept. `cema`: connections go through middleboxes that rewrite addresses in SDP
        (RFC 6714); best with `tls`. `reports`: who makes REPORTs. `methods`: those beside SEND and
        REPORT whose requests come by `Session.recv_request` (RFC 4975 §12). `keep_alive`: bodiless
        SENDs after so many seconds without anything sent. `report_timeout`: our own time for
        success REPORTs, in seconds from the last octet of a message that asked for them (RFC 4975
        §7.1.1); then `TransferUnconfirmed`. None: they may come as long as the session lasts.

        Raises `ValueError`, `ConnectError` when the address cannot be bound, `LimitExceeded`, and
        `RuntimeError` without a running loop.
        """
        self._check_place(listener, connection)
        if any(isinstance(names, str) for names in (accept_types, accept_wrapped_types, methods)):
            raise TypeError("accept_types, accept_wrapped_types and methods are sequences of str")
        if not all(isinstance(relay, RelayLogin) for relay in relays):
            raise TypeError("relays is a sequence of RelayLogin")
        secure, config = _tls(tls)
        dispatcher = self._dispatcher()
        core = self._core.session(
            dispatcher.domain,
            {
                "listener": None if listener is None else listener._handle,
                "host": host,
                "port": port,
                "secure": secure or (listener is not None and listener.secure),
                "tls": config,
                "advertise": advertise,
                "accept_types": None if accept_types is None else list(accept_types),
                "accept_wrapped_types": list(accept_wrapped_types),
                "setup": setup,
                "direction": direction,
                "max_size": max_size,
                "title": title,
                "attributes": sdp._pairs(attributes),
                "profile": profile,
                "chunk_len": chunk_len,
                "session_match": session_match,
                "pacing": pacing,
                "dash_split": dash_split,
                "relays": list(relays),
                "connection_sharing": connection_sharing,
                "cema": cema,
                "connection": connection or ConnectionOptions(),
                "reports": reports,
                "methods": list(methods),
                "keep_alive": keep_alive,
                "report_timeout": report_timeout,
            },
        )
        return Session(self, core, dispatcher, bool(relays))

    async def listen(
        self,
        host: str,
        port: int = 0,
        *,
        tls: bool | TLSConfig | None = None,
        advertise: tuple[str, int] | None = None,
        port_range: tuple[int, int] | None = None,
        interface: str | None = None,
        dscp: int | None = None,
        tcp_keepalive: float | None = None,
        idle: float | None = None,
    ) -> Listener:
        """One port for many sessions. It is bound when this returns; port 0 is any free one.
        `tls` and `advertise` as for `session`. On a wildcard address without `advertise` each
        session needs its own, because 0.0.0.0 cannot stand in a path.

        With port 0 `port_range`, the first and the last one, says out of which ports it gets a free
        one; without it the engine's does. The other options are those of its connections, as in
        `ConnectionOptions`.

        Raises `ValueError`, also for TLS without a certificate, `ConnectError` when the address
        cannot be bound, `TlsError` and `RuntimeError` when the engine is closed.

        Cancellation: the port is given back.
        """
        secure, config = _tls(tls)
        self._dispatcher()
        # In a thread: a name may have to be resolved.
        bound = asyncio.get_running_loop().run_in_executor(
            None,
            self._core.listen,
            host,
            secure,
            {
                "port": port,
                "tls": config,
                "advertise": advertise,
                "port_range": port_range,
                "interface": interface,
                "dscp": dscp,
                "tcp_keepalive": tcp_keepalive,
                "idle": idle,
            },
        )
        try:
            handle = await asyncio.shield(bound)
        except asyncio.CancelledError:
            core = self._core
            bound.add_done_callback(lambda future: _unbind(core, future))
            raise
        return Listener(self, handle, secure)

    def relay(
        self,
        host: str,
        *,
        credentials: Credentials,
        authorise: Authorise | None = None,
        next_hop: NextHop | None = None,
        message: Message | None = None,
        tls: TLSConfig | None = None,
        hosts: Sequence[str] = (),
        port: int = 0,
        realm: str | None = None,
        algorithms: Sequence[str] = ("MD5",),
        networks: Sequence[str] = (),
        numeric_hosts: bool = False,
        insecure_plain_auth: bool = False,
        block_unknown_methods: bool = False,
        abort_cut_chunks: bool = False,
        lifetime: float = 3600.0,
        min_lifetime: float = 60.0,
        max_lifetime: float = 86400.0,
        nonce_lifetime: float = 300.0,
        answer_timeout: float = 10.0,
        probation: float = 30.0,
        idle: float | None = None,
        max_tokens: int = 100_000,
        max_tokens_per_user: int = 1000,
        max_tokens_per_connection: int = 1000,
        max_connections: int = 16_384,
        max_connections_per_address: int = 4096,
        max_questions: int = 1024,
        max_failures: int = 5,
        max_failed_auths: int = 5,
        remembered_failures: int = 4096,
    ) -> Relay:
        """A relay (RFC 4976) named `host`, beside sessions or alone. It serves nobody before
        `Relay.listen`.

        The functions run on the running event loop; each gives its answer or an awaitable of it, in
        `answer_timeout` seconds: without an answer, and where one raises, it is refused.
        `credentials` gives the H(A1) of a user in hex digits (see `ha1`), or None if there is no
        such user. `authorise` says whether an authenticated user may have a URI, `next_hop` whether
        the relay may connect to an address; it never does to loopback, link-local, private and
        other special ones that are not in `networks`. `message` is asked once for each message:
        None lets it pass, a status code from 400 on rejects it.

        `tls`: its certificate and key, and in ``ca`` the CAs of other relays. `hosts`: domains that
        it serves beside `host`. `port`: the one in its URIs; 0: that of its first TLS listener.
        `realm`: default `host`. `algorithms`: ``MD5`` and ``SHA-256``, best first. `numeric_hosts`
        and `insecure_plain_auth` are for tests: addresses as names; logins on this machine without
        TLS. `docs/limits.md` tells of the bounds.

        Raises `ValueError` for options out of their range, `InvalidUri`, `TlsError`, and
        `RuntimeError` without a running loop.
        """
        functions: dict[str, Callable[..., object] | None] = {
            "credentials": credentials,
            "authorise": authorise,
            "next_hop": next_hop,
            "message": message,
        }
        for name, function in functions.items():
            if not callable(function) and (name == "credentials" or function is not None):
                raise TypeError(f"{name} is a function, not {type(function).__name__}")
        if any(isinstance(names, str) for names in (hosts, algorithms, networks)):
            raise TypeError("hosts, algorithms and networks are sequences of str")
        return Relay(
            self,
            self._dispatcher(),
            credentials,
            authorise,
            next_hop,
            message,
            {
                "hosts": [host, *hosts],
                "port": port,
                "numeric_hosts": numeric_hosts,
                "realm": realm,
                "algorithms": list(algorithms),
                "tls": _tls(tls)[1],
                "asks_policy": authorise is not None or next_hop is not None or message is not None,
                "ask_authorise": authorise is not None,
                "ask_messages": message is not None,
                "block_unknown_methods": block_unknown_methods,
                "abort_cut_chunks": abort_cut_chunks,
                "insecure_plain_auth": insecure_plain_auth,
                "networks": list(networks),
                "lifetime": lifetime,
                "min_lifetime": min_lifetime,
                "max_lifetime": max_lifetime,
                "nonce_lifetime": nonce_lifetime,
                "answer_timeout": answer_timeout,
                "probation": probation,
                "idle": idle,
                "max_tokens": max_tokens,
                "max_tokens_per_user": max_tokens_per_user,
                "max_tokens_per_connection": max_tokens_per_connection,
                "max_connections": max_connections,
                "max_connections_per_address": max_connections_per_address,
                "max_questions": max_questions,
                "max_failures": max_failures,
                "max_failed_auths": max_failed_auths,
                "remembered_failures": remembered_failures,
            },
        )

    def set_trace(self, trace: str | os.PathLike[str] | Trace | None) -> None:
        """Starts a trace, or ends it with None. One that is there ends first; that may take up to
        a second. Connections that exist are traced from their next request or response on.

        Raises `ValueError` for options out of their range and for a file that cannot be made.
        """
        self._core.set_trace(_trace(trace))

    def reload_tls(self) -> None:
        """Reads the files of all TLS configurations again, and the system's CAs, for those who are
        told that they changed; the engine looks by itself when sessions and connections are made.
        New handshakes use what is there now; connections that are there live on.

        Raises `ValueError` naming the first file that cannot be used: its old content stays in use;
        `SessionClosed` when the engine is closed.
        """
        self._core.reload_tls()

    def stats(self) -> Stats:
        """Counters since the start, and sizes now."""
        return _stats(self._core.stats())

    async def aclose(self) -> None:
        """Closes every session, giving what is under way up to 5 seconds, then the connections, and
        joins the threads; bounded to about 7 seconds in all. The second time it only waits for
        that.

        Cancellation: what is under way is aborted; the threads are joined nevertheless.
        """
        if self._closed:
            await self._wait_joined()
            return
        dispatcher = self._dispatcher()
        self._closed = True
        try:
            self._core.shutdown(_GRACE)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GRACE + 1):
                    await dispatcher.wait_engine_closed()
        finally:
            dispatcher.close()
            self._finalizer.detach()
            # Not in the loop's executor: that may be busy or gone, and this must be done.
            threading.Thread(target=self._join, name="msrp-aclose").start()
            await self._wait_joined()
            # What was logged at the very end.
            emit(self._core)

    def _join(self) -> None:
        try:
            self._core.join()
        finally:
            self._joined.set_result(None)

    async def _wait_joined(self) -> None:
        await asyncio.shield(asyncio.wrap_future(self._joined))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not self._closed and self._pid == os.getpid():
            warnings.warn(
                "an MSRP engine was not closed", ResourceWarning, stacklevel=2, source=self
            )

    def __repr__(self) -> str:
        return f"<Engine {'closed' if self._closed else 'running'}>"

    @staticmethod
    def _check_place(listener: object, connection: object) -> None:
        """What says where a session is, and how it connects, is of its type."""
        if listener is not None and not isinstance(listener, Listener):
            raise TypeError(f"listener is what Engine.listen gave, not {type(listener).__name__}")
        if connection is not None and not isinstance(connection, ConnectionOptions):
            raise TypeError(f"connection is a ConnectionOptions, not {type(connection).__name__}")

    def _dispatcher(self) -> Dispatcher:
        """The dispatcher of the running loop."""
        self._core.check_process()
        loop = asyncio.get_running_loop()
        with self._lock:
            dispatchers = list(self._dispatchers.items())
        for other, reference in dispatchers:
            dispatcher = reference()
            if dispatcher is not None and other.is_closed():
                dispatcher.loop_ending()
        if self._closed:
            raise RuntimeError("the engine is closed")
        with self._lock:
            reference_here = self._dispatchers.get(loop)
        dispatcher = None if reference_here is None else reference_here()
        if dispatcher is None or dispatcher.closed:
            dispatcher = Dispatcher(self._core, loop, HANDLERS)
            with self._lock:
                self._dispatchers[loop] = weakref.ref(dispatcher)
        return dispatcher


class Listener:
    """One port for many sessions; `Engine.listen` makes it. An async context
    manager, which closes it."""

    __slots__ = ("_address", "_engine", "_handle", "secure")

    #: Whether it speaks TLS.
    secure: bool

    def __init__(self, engine: Engine, handle: int, secure: bool) -> None:
        self._engine = engine
        self._handle = handle
        self.secure = secure
        self._address = engine._core.listener_address(handle)

    @property
    def host(self) -> str:
        """The address that it is bound to."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return self._address[1]

    def adopt(self, sock: socket.socket, initial: bytes = b"") -> None:
        """Takes a connection that was accepted elsewhere, for servers with an accept loop of their
        own that do not know which session it is for: as one that came here. `initial` is what was
        read from it already. The socket is the engine's then, and `sock` is closed.

        Raises `TypeError`, `ValueError` for anything but a connected TCP socket, `TooLarge`,
        `ConnectError` for a connection that has failed, and `SessionClosed` when the listener or
        the engine is closed; then the socket stays as it was.
        """
        read, core = octets_read(initial), self._engine._core
        give(sock, lambda fd: core.adopt_connection(self._handle, fd, read))

    def close(self) -> None:
        """Accepts nothing more. Its sessions live on."""
        with contextlib.suppress(SessionClosed):
            self._engine._core.close_listener(self._handle)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Listener {self.host}:{self.port}{' tls' if self.secure else ''}>"


def _stop(core: _msrp.Engine) -> None:
    """The end of an engine that nobody closed."""
    with contextlib.suppress(ForkedError):
        core.shutdown(0)
        core.join()


def _unbind(core: _msrp.Engine, future: asyncio.Future[int]) -> None:
    if not future.cancelled() and future.exception() is None:
        with contextlib.suppress(SessionClosed):
            core.close_listener(future.result())
