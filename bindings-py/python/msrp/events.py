"""What happens in a session beside messages, and how those who wait are woken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from .exceptions import ConcurrencyError
from .types import Event, EventsLost

if TYPE_CHECKING:
    from ._session import SessionBase

__all__ = ["EventStream"]


class EventStream(AsyncIterator[Event]):
    """The events of a session beside messages; see `Session.events`."""

    __slots__ = ("__weakref__", "_ended", "_entries", "_limit", "_lost", "_session", "_waiter")

    def __init__(self, session: SessionBase) -> None:
        self._session = session
        self._entries: deque[Event] = deque()
        self._limit = session._engine._limits.event_stream
        self._lost = 0
        self._ended = False
        self._waiter: asyncio.Future[None] | None = None

    async def __anext__(self) -> Event:
        """The next event.

        Cancellation: loses nothing.
        """
        self._session._check_loop()
        while not self._entries:
            if self._ended:
                raise StopAsyncIteration
            if self._waiter is not None:
                raise ConcurrencyError("another coroutine reads these events")
            self._waiter = self._session._dispatcher.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._lost:
            lost, self._lost = self._lost, 0
            return EventsLost(lost)
        return self._entries.popleft()

    def _push(self, event: Event) -> None:
        self._entries.append(event)
        if len(self._entries) > self._limit:
            self._entries.popleft()
            self._lost += 1
        wake(self._waiter)

    def _end(self) -> None:
        self._ended = True
        wake(self._waiter)


def wake(future: asyncio.Future[None] | None) -> None:
    """Wakes who waits for `future`, if anybody does."""
    if future is not None and not future.done() and not future.get_loop().is_closed():
        future.set_result(None)
