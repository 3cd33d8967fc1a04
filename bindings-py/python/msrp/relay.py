"""A relay in this process (RFC 4976)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from . import _msrp
from ._dialling import Asking
from .exceptions import SessionClosed

if TYPE_CHECKING:
    from ._loop import Dispatcher
    from .engine import Engine

__all__ = [
    "Relay",
    "RelayAuthorisation",
    "RelayCredentials",
    "RelayListener",
    "RelayMessage",
    "RelayNextHop",
    "RelayStats",
    "ha1",
]

#: How long `Relay.aclose` lets what is under way be finished, in seconds.
_GRACE = 5.0
#: What is answered to a message that the host cannot judge.
_FORBIDDEN = 403

_tags = itertools.count(1)


def ha1(user: str, realm: str, password: str, algorithm: Literal["MD5", "SHA-256"] = "MD5") -> str:
    """H(A1) of a user's password in a realm, in hex digits: what a relay needs instead of the
    password (RFC 2617 §3.2.2.2, RFC 7616 §3.4.2). It is as good as the password in that realm. The
    text is in the interpreter's memory, which nobody writes over.
    """
    return _msrp.ha1(user, realm, password, algorithm)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayCredentials:
    """Whose secret is wanted."""

    #: The name as the client wrote it, with nothing checked yet.
    user: str
    realm: str
    #: ``MD5`` or ``SHA-256``.
    algorithm: str
    #: Where the AUTH came from: the client, or another relay.
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayAuthorisation:
    """Who wants a URI of the relay, and has given the right password."""

    user: str
    #: Where the AUTH came from: the client, or another relay.
    address: str | None
    #: How long it will hold, in seconds.
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayNextHop:
    """To whom the relay would connect for a client."""

    #: In the URI: a name, or the address itself.
    host: str
    #: What would be dialled. It is in none of the ranges that are refused anyhow.
    address: str
    port: int
    #: Whether it is another relay.
    relay: bool
    #: Whether TLS protects the connection.
    secure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayMessage:
    """A message that wants to pass the relay. The paths name sessions: they are secrets."""

    #: The connection that brings it.
    connection: int
    message_id: str
    content_type: str | None
    #: The announced length.
    size: int | None
    from_path: str
    #: The rest of the way.
    to_path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayStats:
    """Counters of a relay since its start, and sizes now."""

    #: Connections now.
    connections: int
    #: Connections that came.
    accepted: int
    #: Connections to next hops that were made.
    dialled: int
    #: Those that could not be made, or were refused.
    dials_failed: int
    #: Connections closed to make room for others, or unused for too long.
    evicted: int
    #: SENDs taken to be sent on, octets of their bodies, requests of other methods.
    sends: int
    octets: int
    requests: int
    #: Requests answered with an error, or dropped where no answer is wanted.
    refused: int
    #: Requests and responses dropped without a word.
    discarded: int
    #: Responses that were not addressed to us, and taken all the same.
    misaddressed: int
    #: REPORTs made.
    reports: int
    #: SENDs to the next hop without response in time.
    timeouts: int
    #: Chunks sent that are a part of one received.
    cuts: int
    #: Times that a session's flow was shed.
    shed: int
    #: What was decided about requests and AUTHs, by name; ``tokens``: URIs that hold now.
    decisions: dict[str, int]


Credentials: TypeAlias = Callable[[RelayCredentials], str | Awaitable[str | None] | None]
Authorise: TypeAlias = Callable[[RelayAuthorisation], bool | Awaitable[bool]]
NextHop: TypeAlias = Callable[[RelayNextHop], bool | Awaitable[bool]]
Message: TypeAlias = Callable[[RelayMessage], int | Awaitable[int | None] | None]


class Relay:
    """A relay: it forwards what its clients send and what is sent to them. `Engine.relay` makes it.
    An async context manager, which closes it."""

    __slots__ = (
        "__weakref__",
        "_asking",
        "_authorise",
        "_core",
        "_credentials",
        "_dispatcher",
        "_ended",
        "_engine",
        "_message",
        "_next_hop",
        "_tag",
    )

    def __init__(
        self,
        engine: Engine,
        dispatcher: Dispatcher,
        credentials: Credentials,
        authorise: Authorise | None,
        next_hop: NextHop | None,
        message: Message | None,
        options: dict[str, Any],
    ) -> None:
        self._asking = Asking(dispatcher.loop)
        self._engine = engine
        self._dispatcher = dispatcher
        self._credentials = credentials
        self._authorise = authorise
        self._next_hop = next_hop
        self._message = message
        self._ended: asyncio.Future[None] = dispatcher.loop.create_future()
        self._tag = next(_tags)
        self._core = engine._core.relay(dispatcher.domain, self._tag, options)
        dispatcher.relays[self._tag] = self

    async def listen(
        self,
        host: str = "::",
        port: int = 2855,
        *,
        tls: bool = True,
        advertise_port: int | None = None,
        interface: str | None = None,
        dscp: int | None = None,
        tcp_keepalive: float | None = None,
    ) -> RelayListener:
        """Opens a port; it is bound when this returns. 0 is any free one. One without `tls` is for
        peers that come without relays of their own: nobody can log in there. `advertise_port`: the
        one under which others reach it, if that is another one. The other options are those of its
        connections, as in `ConnectionOptions`.

        Raises `ValueError`, also for TLS without a certificate, `ConnectError` when the address
        cannot be bound, and `SessionClosed` when the relay is closed.

        Cancellation: the port stays open until the relay is closed.
        """
        handle = await asyncio.get_running_loop().run_in_executor(
            None,
            self._core.listen,
            {
                "host": host,
                "port": port,
                "secure": tls,
                "advertise_port": advertise_port,
                "interface": interface,
                "dscp": dscp,
                "tcp_keepalive": tcp_keepalive,
            },
        )
        return RelayListener(self._engine, handle)

    def stats(self) -> RelayStats:
        """Counters and sizes now. Raises `SessionClosed` when the relay has ended."""
        raw = self._core.stats()
        own = {name: raw.pop(name) for name in RelayStats.__slots__ if name in raw}
        return RelayStats(**own, decisions=raw)

    def revoke(self, user: str) -> int:
        """Ends all URIs of a user at once; gives how many there were. He can log in again: that is
        for ``credentials`` to say. A login that waits for it now has to prove the password once
        more. Raises `SessionClosed` when the relay has ended.
        """
        return self._core.revoke(user)

    async def aclose(self, timeout: float = _GRACE) -> None:
        """Ends the relay: it accepts no connection, gives out no URI and connects to nobody
        new from now on; what is under way is finished in `timeout` seconds, then its connections
        are closed. Returns when they are.

        Cancellation: the relay ends all the same.
        """
        with contextlib.suppress(SessionClosed):
            self._core.close(timeout)
        await asyncio.shield(self._ended)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"<Relay {'closed' if self._ended.done() else 'running'}>"

    def _lost(self) -> None:
        """It has ended, or its loop has."""
        self._dispatcher.relays.pop(self._tag, None)
        self._asking.end()
        if not self._ended.done() and not self._dispatcher.loop.is_closed():
            self._ended.set_result(None)

    def _ask_host(self, query: int, kind: str, about: tuple[Any, ...]) -> None:
        core = self._core
        match kind:
            case "credentials":
                user, realm, algorithm, address = about
                wanted = RelayCredentials(
                    user=user, realm=realm, algorithm=algorithm, address=address
                )
                self._put(
                    "credentials",
                    lambda: self._credentials(wanted),
                    lambda answer: core.secret(query, answer),
                    lambda: core.secret(query, None),
                )
            case "authorise":
                user, address, expires = about
                who = RelayAuthorisation(user=user, address=address, expires=expires)
                self._put(
                    "authorise",
                    lambda: self._authorise is None or self._authorise(who),
                    lambda answer: core.allow(query, bool(answer)),
                    lambda: core.allow(query, False),
                )
            case "next_hop":
                host, address, port, relay, secure = about
                where = RelayNextHop(
                    host=host, address=address, port=port, relay=relay, secure=secure
                )
                self._put(
                    "next_hop",
                    lambda: self._next_hop is None or self._next_hop(where),
                    lambda answer: core.allow(query, bool(answer)),
                    lambda: core.allow(query, False),
                )
            case "message":
                connection, message_id, content_type, size, from_path, to_path = about
                what = RelayMessage(
                    connection=connection,
                    message_id=message_id,
                    content_type=content_type,
                    size=size,
                    from_path=from_path,
                    to_path=to_path,
                )
                self._put(
                    "message",
                    lambda: None if self._message is None else self._message(what),
                    lambda answer: core.judge(query, answer),
                    lambda: core.judge(query, _FORBIDDEN),
                )

    def _put(
        self,
        name: str,
        function: Callable[[], Any],
        done: Callable[[Any], None],
        refuse: Callable[[], None],
    ) -> None:
        def failed(error: BaseException) -> None:
            if not isinstance(error, asyncio.CancelledError):
                self._asking._report(f"{name} of an MSRP relay", error)
            refuse()

        self._asking._ask(function, done, failed)


class RelayListener:
    """A port of a relay; `Relay.listen` makes it. It ends with its relay, or by `close`."""

    __slots__ = ("_address", "_engine", "_handle")

    def __init__(self, engine: Engine, handle: int) -> None:
        self._engine = engine
        self._handle = handle
        self._address = engine._core.listener_address(handle)

    @property
    def host(self) -> str:
        """The address that it is bound to."""
        return self._address[0]

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return self._address[1]

    def close(self) -> None:
        """Accepts nothing more. Connections that are there live on."""
        with contextlib.suppress(SessionClosed):
            self._engine._core.close_listener(self._handle)
