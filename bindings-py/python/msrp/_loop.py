"""One dispatcher per event loop and engine: waits on the domain's descriptor and hands events to
sessions.

All Python work of an engine happens here, on the loop's own thread. The engine's threads only write
to the descriptor.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import TYPE_CHECKING, Any

from . import _log, _msrp
from .exceptions import ForkedError, SessionClosed

if TYPE_CHECKING:
    from ._session import SessionBase
    from .relay import Relay

#: A drain takes at most so many events and octets, so that other callbacks of the loop get their
#: turn.
MAX_EVENTS = 1024
MAX_BYTES = 256 * 1024

_ENGINE_CLOSED = _msrp.EVENT_KINDS.index("engine_closed")
_RELAY = _msrp.EVENT_KINDS.index("relay")
_RELAY_CLOSED = _msrp.EVENT_KINDS.index("relay_closed")

Handlers = tuple[Callable[["SessionBase", Any], None], ...]


class Dispatcher:
    """The sessions of one engine on one loop.

    The loop owns it, by the reader callback, and it owns the guard by which it learns of the loop's
    end.
    """

    __slots__ = (
        "__weakref__",
        "_core",
        "_drain",
        "_ended",
        "_fd",
        "_finalizer",
        "_guard",
        "_handlers",
        "_level",
        "_open",
        "closed",
        "domain",
        "loop",
        "pid",
        "relays",
        "sessions",
        "thread",
    )

    def __init__(
        self, core: _msrp.Engine, loop: asyncio.AbstractEventLoop, handlers: Handlers
    ) -> None:
        self.loop = loop
        self.thread = threading.get_ident()
        self.pid = os.getpid()
        self.domain = core.domain()
        self._core = core
        self._level = _log.wanted()
        core.set_log(self._level)
        self.sessions: dict[int, SessionBase] = {}
        # By their tags.
        self.relays: dict[int, Relay] = {}
        self.closed = False
        self._handlers = handlers
        self._drain = self.domain.drain
        self._ended: asyncio.Future[None] = loop.create_future()
        # A list, because the finalizer needs the number and must not hold the sessions, which hold
        # the loop.
        self._open = [0]
        fd = self.domain.fd
        if fd is None:
            raise RuntimeError("the engine's domain has no descriptor to wait on")
        self._fd = fd
        try:
            loop.add_reader(fd, self._ready)
        except NotImplementedError:
            raise RuntimeError(
                f"{type(loop).__name__} cannot watch a descriptor; "
                "use a selector event loop or uvloop"
            ) from None
        # `shutdown_asyncgens`, which `asyncio.run` calls, closes the guard; a loop that is closed
        # without it is noticed when it is collected, or at the interpreter's exit.
        self._guard = _watch_loop(weakref.ref(self))
        with contextlib.suppress(StopIteration):
            self._guard.__anext__().send(None)
        self._finalizer = weakref.finalize(loop, _loop_lost, self.domain, self._open)

    def add(self, handle: int, session: SessionBase) -> None:
        self.sessions[handle] = session
        self._open[0] += 1

    def remove(self, handle: int) -> None:
        if self.sessions.pop(handle, None) is not None:
            self._open[0] -= 1

    async def wait_engine_closed(self) -> None:
        """Returns when the engine said that it is shut down, or this dispatcher was closed."""
        await asyncio.shield(self._ended)

    def close(self) -> None:
        """Aborts the sessions of this loop. On the loop's thread, or when the loop runs no more."""
        if self.closed:
            return
        self.closed = True
        self._finalizer.detach()
        if self.forked():
            # The selector is the parent's, too: what is removed here is removed there.
            return
        if not self.loop.is_closed():
            # First, because the number may be used again as soon as the domain is gone.
            self.loop.remove_reader(self._fd)
        self.domain.close()
        for session in list(self.sessions.values()):
            session._lost()
        self.sessions.clear()
        for relay in list(self.relays.values()):
            relay._lost()
        self.relays.clear()
        self._open[0] = 0
        if not self._ended.done() and not self.loop.is_closed():
            self._ended.set_result(None)
        # RuntimeError: it is the guard itself that called.
        with contextlib.suppress(StopIteration, RuntimeError):
            self._guard.aclose().send(None)

    def loop_ending(self) -> None:
        """The loop shuts down."""
        if self.closed:
            return
        left = 0 if self.forked() else self._open[0]
        self.close()
        _warn(left)

    def forked(self) -> bool:
        """Whether this is a child, forked from the process whose loop it is."""
        return os.getpid() != self.pid

    def _ready(self) -> None:
        self._dispatch(self._drain(MAX_EVENTS, MAX_BYTES))
        self._log()

    def _log(self) -> None:
        """Emits the engine's log, and asks for what the loggers want from now on."""
        level = _log.wanted()
        if level != self._level:
            self._level = level
            self._core.set_log(level)
        if level:
            _log.emit(self._core)

    def _dispatch(self, batch: Iterable[tuple[Any, ...]]) -> None:
        handlers = self._handlers
        sessions = self.sessions
        events = iter(batch)
        try:
            for event in events:
                session = sessions.get(event[1])
                if session is not None:
                    try:
                        handlers[event[0]](session, event)
                    except Exception as error:
                        self.report(error, "error in the dispatch of an MSRP event", session)
                elif event[0] in (_RELAY, _RELAY_CLOSED):
                    self._tell_relay(event)
                elif event[0] == _ENGINE_CLOSED and not self._ended.done():
                    self._ended.set_result(None)
                    self.loop.call_soon(self.close)
        except BaseException:
            # KeyboardInterrupt and the like: what was drained must not be lost.
            self.loop.call_soon(self._dispatch, events)
            raise

    def _tell_relay(self, event: tuple[Any, ...]) -> None:
        relay = self.relays.get(event[2])
        if relay is None:
            return
        if event[0] == _RELAY:
            relay._ask_host(*event[3:])
        else:
            relay._lost()

    def report(self, error: BaseException, text: str, session: SessionBase) -> None:
        """Tells the loop's exception handler of an error that nobody awaits."""
        self.loop.call_exception_handler({"message": text, "exception": error, "session": session})

    def wrong_loop(self, session_id: str) -> RuntimeError:
        """The error for a call that does not come from this loop. Raises `ForkedError` itself in a
        forked child, where no loop runs.
        """
        self._core.check_process()
        running = asyncio._get_running_loop()
        here = "no running loop" if running is None else repr(running)
        return RuntimeError(
            f"session {session_id} belongs to {self.loop!r} (thread {self.thread}), "
            f"but was used from {here} (thread {threading.get_ident()})"
        )


async def _watch_loop(reference: weakref.ref[Dispatcher]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        dispatcher = reference()
        if dispatcher is not None:
            dispatcher.loop_ending()


def _loop_lost(domain: _msrp.Domain, left: list[int]) -> None:
    with contextlib.suppress(ForkedError, SessionClosed):
        domain.close()
        _warn(left[0])


def _warn(left: int) -> None:
    if left:
        warnings.warn(
            f"an event loop ended with {left} MSRP session(s) open; they were aborted",
            ResourceWarning,
            stacklevel=2,
        )
