"""Requests of other methods than SEND and REPORT: the extension point of RFC 4975 §12."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .events import wake
from .exceptions import ConcurrencyError, QueueFull, SessionClosed
from .types import Headers

if TYPE_CHECKING:
    from ._session import SessionBase

__all__ = ["Answer", "HeadersIn", "Request", "Requests", "pairs"]

HeadersIn: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]

_Event = tuple[
    int, int, int, str, str | None, str | None, list[tuple[str, str]], bytes, int
]  # kind, session, request, method, Message-ID, Content-Type, headers, body, credit


@dataclass(frozen=True)
class Answer:
    """The response to a request of ours."""

    #: Its status code: 501 from a peer that does not know the method.
    status: int
    #: The text after it.
    comment: str
    #: The headers after the paths.
    headers: Headers


class Request:
    """A request of the peer, of one of the methods that the session was made for.

    Its sender waits for 30 seconds (`Limits.transaction`); a later answer has no effect.
    """

    __slots__ = (
        "_answered",
        "_handle",
        "_session",
        "body",
        "content_type",
        "headers",
        "message_id",
        "method",
    )

    #: The method.
    method: str
    #: The Message-ID, if there is one.
    message_id: str | None
    #: The media type of the body; None: there is no body.
    content_type: str | None
    #: The headers but for the paths, Message-ID and Content-Type.
    headers: Headers
    #: The body, at most 10 KiB (RFC 4975 §7.1).
    body: bytes

    def __init__(self, session: SessionBase, event: _Event) -> None:
        _, _, self._handle, self.method, self.message_id, self.content_type, headers, body, _ = (
            event
        )
        self._session = session
        self._answered = False
        self.headers = Headers(headers)
        self.body = body

    async def respond(
        self, status: int = 200, comment: str = "", *, headers: HeadersIn | None = None
    ) -> None:
        """Answers it. Without a comment the usual one of the status is written.

        Raises `ValueError`, `TooLarge` for headers or a comment beyond the limits, `SessionClosed`,
        and `RuntimeError` when it was answered.

        Cancellation: it does not wait.
        """
        self._session._check_loop()
        if self._answered:
            raise RuntimeError(f"the {self.method} request was answered")
        try:
            self._session._core.answer(self._handle, status, comment, pairs(headers) or [])
        except SessionClosed:
            # With the session open, the request's sender has given up.
            self._session._check_open()
        self._answered = True

    def __repr__(self) -> str:
        return f"<Request {self.method} of {len(self.body)} octets>"


def pairs(headers: HeadersIn | None) -> list[tuple[str, str]] | None:
    """Headers as the engine takes them."""
    if headers is None:
        return None
    return list(headers.items() if isinstance(headers, Mapping) else headers)


class Requests:
    """What a session has of requests in both directions: the peer's that were not taken yet, and
    ours that were not answered yet."""

    __slots__ = ("asked", "receiver", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Event] = deque()
        self.asked: dict[int, asyncio.Future[Answer]] = {}
        self.receiver: asyncio.Future[None] | None = None

    async def take(self, session: SessionBase) -> Request:
        """The next request of the peer."""
        while not self.waiting:
            session._check_open()
            if self.receiver is not None:
                raise ConcurrencyError("another coroutine receives requests from the session")
            self.receiver = session._loop.create_future()
            try:
                await self.receiver
            finally:
                self.receiver = None
        event = self.waiting.popleft()
        session._take_credit(event[8])
        return Request(session, event)

    async def ask(
        self,
        session: SessionBase,
        method: str,
        body: bytes | str | None,
        content_type: str,
        message_id: str | None,
        headers: HeadersIn | None,
    ) -> Answer:
        """Sends a request and waits for the response."""
        while True:
            session._check_open()
            try:
                handle = session._core.request(
                    method, body, content_type, message_id, pairs(headers)
                )
                break
            except QueueFull:
                async with session._send_lock:
                    await session._until_writable()
        future: asyncio.Future[Answer] = session._loop.create_future()
        self.asked[handle] = future
        try:
            return await future
        finally:
            self.asked.pop(handle, None)

    def came(self, event: _Event) -> None:
        """A request of the peer."""
        self.waiting.append(event)
        if self.receiver is not None and not self.receiver.done():
            self.receiver.set_result(None)

    def answered(self, handle: int, answer: Answer) -> None:
        """A response to one of ours."""
        future = self.asked.pop(handle, None)
        if future is not None and not future.done():
            future.set_result(answer)

    def failed(self, handle: int, error: Exception) -> None:
        """One of ours has no response."""
        future = self.asked.pop(handle, None)
        # A loop that is closed runs nobody who waits.
        if future is not None and not future.done() and not future.get_loop().is_closed():
            future.set_exception(error)

    def end(self, error: Exception) -> None:
        """The session has ended."""
        for handle in list(self.asked):
            self.failed(handle, error)
        wake(self.receiver)
