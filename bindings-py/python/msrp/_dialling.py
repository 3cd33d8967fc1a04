"""The host's part in dialling: its functions answer the engine's questions, on the loop's
thread."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import itertools
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, TypeAlias

from .exceptions import SessionClosed

if TYPE_CHECKING:
    from ._session import SessionBase
    from .session import Session

__all__ = ["Addresses", "AllowDial", "Questions", "Resolver"]

Addresses: TypeAlias = Iterable[str | IPv4Address | IPv6Address]
#: Gives the addresses of a name, now or later.
Resolver: TypeAlias = Callable[[str], Addresses | Awaitable[Addresses]]
#: Says whether a session may be connected to an address and port, now or later.
AllowDial: TypeAlias = Callable[["Session", str, int], bool | Awaitable[bool]]

#: Addresses that are taken from a resolver. The engine tries so many as `Limits.addresses` says.
_MOST = 1024


class Questions:
    """The questions about one session that its host is answering."""

    __slots__ = ("_session", "_tasks")

    def __init__(self, session: SessionBase) -> None:
        self._session = session
        self._tasks: set[asyncio.Task[None]] = set()

    def resolve(self, query: int, name: str) -> None:
        """The addresses of a name are wanted."""
        resolver, core = self._session._engine._resolver, self._session._engine._core

        def resolved(answer: Any) -> None:
            if isinstance(answer, str | IPv4Address | IPv6Address):
                answer = (answer,)
            core.resolved(query, list(itertools.islice(answer, _MOST)))

        def failed(error: BaseException) -> None:
            # What resolvers say of names is no defect of theirs.
            if not isinstance(error, OSError | asyncio.CancelledError):
                self._report("the resolver of an MSRP engine", error)
            kind = "" if isinstance(error, OSError) else type(error).__name__
            text = ": ".join(filter(None, (kind, str(error))))
            # Without lone surrogates, which names of files can have.
            core.unresolved(query, text.encode(errors="backslashreplace").decode())

        if resolver is not None:
            self._ask(lambda: resolver(name), resolved, failed)

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

    def end(self) -> None:
        """Nobody waits for the answers any more."""
        if self._session._loop.is_closed():
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
            task = self._session._loop.create_task(_wait(answer, done, failed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            if inspect.iscoroutine(answer):
                # A task that is cancelled before its first step never awaits it.
                task.add_done_callback(lambda _: answer.close())

    def _report(self, what: str, error: BaseException) -> None:
        context = {"message": f"{what} failed", "exception": error}
        self._session._loop.call_exception_handler(context)


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
