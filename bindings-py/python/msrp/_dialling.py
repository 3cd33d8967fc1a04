"""The host's part in dialling: its functions answer the engine's questions, on the loop's
thread."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .exceptions import SessionClosed

if TYPE_CHECKING:
    from ._session import SessionBase
    from .session import Session

__all__ = [
    "Addresses",
    "AllowDial",
    "Asking",
    "Questions",
    "Resolver",
    "Services",
    "SrvRecord",
]


class SrvRecord(NamedTuple):
    """A service record of the DNS (RFC 2782). Any tuple of these four is as good."""

    priority: int
    """Records with the lowest one are tried first."""
    weight: int
    """Among equals in priority, how often this one comes first, in proportion to the others."""
    port: int
    """The port of the server."""
    target: str
    """The server's name. ``"."`` alone says that the service is not offered."""


Addresses: TypeAlias = Iterable[str | IPv4Address | IPv6Address]
#: Gives the addresses of a name, now or later.
Resolver: TypeAlias = Callable[[str], Addresses | Awaitable[Addresses]]
#: Gives the service records of a name, now or later.
Services: TypeAlias = Callable[
    [str], Iterable[tuple[int, int, int, str]] | Awaitable[Iterable[tuple[int, int, int, str]]]
]
#: Says whether a session may be connected to an address and port, now or later.
AllowDial: TypeAlias = Callable[["Session", str, int], bool | Awaitable[bool]]

#: What is taken of an answer. The engine tries so many addresses as `Limits.addresses` says.
_MOST = 1024


class Asking:
    """Questions that a host is answering, now or by tasks of its loop."""

    __slots__ = ("_loop", "_tasks")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    def end(self) -> None:
        """Nobody waits for the answers any more."""
        if self._loop.is_closed():
            # It would be told of the end of its tasks, and runs no more.
            return
        for task in tuple(self._tasks):
            task.cancel()

    def _ask(
        self,
        function: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        # SessionClosed: the engine has stopped waiting.
        with contextlib.suppress(SessionClosed):
            try:
                answer = function()
                if not inspect.isawaitable(answer):
                    done(answer)
                    return
            except SessionClosed:
                raise
            except Exception as error:
                failed(error)
                return
            task = self._loop.create_task(_wait(answer, done, failed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if inspect.iscoroutine(answer):
                # A task that is cancelled before its first step never awaits it.
                task.add_done_callback(lambda _: answer.close())

    def _report(self, what: str, error: BaseException) -> None:
        context = {"message": f"{what} failed", "exception": error}
        self._loop.call_exception_handler(context)


class Questions(Asking):
    """The questions about one session that its host is answering."""

    __slots__ = ("_session",)

    def __init__(self, session: SessionBase) -> None:
        super().__init__(session._loop)
        self._session = session

    def resolve(self, query: int, name: str) -> None:
        """The addresses of a name are wanted."""
        resolver, core = self._session._engine._resolver, self._session._engine._core

        def resolved(answer: Any) -> None:
            if isinstance(answer, str | IPv4Address | IPv6Address):
                answer = (answer,)
            core.resolved(query, list(itertools.islice(answer, _MOST)))

        def failed(error: BaseException) -> None:
            core.unresolved(query, self._reason("the resolver of an MSRP engine", error))

        if resolver is not None:
            self._ask(lambda: resolver(name), resolved, failed)

    def service(self, query: int, name: str) -> None:
        """The service records of a name are wanted."""
        services, core = self._session._engine._services, self._session._engine._core

        def found(answer: Any) -> None:
            records = itertools.islice(answer, _MOST)
            core.service_found(query, [tuple(record) for record in records])

        def failed(error: BaseException) -> None:
            core.service_unknown(query, self._reason("services of an MSRP engine", error))

        if services is not None:
            self._ask(lambda: services(name), found, failed)

    def dial(self, query: int, address: str, port: int) -> None:
        """May the session be connected there?"""
        session: Any = self._session
        allow_dial, core = session._engine._allow_dial, session._engine._core

        def failed(error: BaseException) -> None:
            if not isinstance(error, asyncio.CancelledError):
                self._report("allow_dial of an MSRP engine", error)
            core.allow_dial(query, False)

        if allow_dial is not None:
            self._ask(
                lambda: allow_dial(session, address, port),
                lambda answer: core.allow_dial(query, bool(answer)),
                failed,
            )

    def _reason(self, what: str, error: BaseException) -> str:
        # What resolvers say of names is no defect of theirs.
        if not isinstance(error, OSError | asyncio.CancelledError):
            self._report(what, error)
        kind = "" if isinstance(error, OSError) else type(error).__name__
        text = ": ".join(filter(None, (kind, str(error))))
        # Without lone surrogates, which names of files can have.
        return text.encode(errors="backslashreplace").decode()


async def _wait(
    answer: Awaitable[Any],
    done: Callable[[Any], None],
    failed: Callable[[BaseException], None],
) -> None:
    with contextlib.suppress(SessionClosed):
        try:
            done(await answer)
        except SessionClosed:
            raise
        except asyncio.CancelledError as error:
            failed(error)
            raise
        except Exception as error:
            failed(error)
