"""What the package raises.

::

    MsrpError
     ├── InvalidUri            (also ValueError)
     ├── InvalidSdp            (also ValueError)
     ├── QueueFull             (also asyncio.QueueFull)
     ├── TooLarge              (also ValueError)
     ├── SessionClosed
     ├── ConnectError          (also ConnectionError)
     │    └── TlsError
     ├── AuthError
     ├── StatusError           .status, .comment
     ├── TransactionTimeout    (also TimeoutError)
     ├── ProtocolError         .offset
     ├── MessageAborted
     ├── LimitExceeded
     ├── UnacceptedType
     ├── ConcurrencyError
     ├── ForkedError           (also RuntimeError)
     └── InternalError

Beside these, a wrong argument is `ValueError` or `TypeError`, and a call on the wrong event loop is
`RuntimeError`. `asyncio.CancelledError` always propagates. Texts name the thing and the limit; a
session-id is cut to four characters.
"""

# ruff: noqa: N818 - the names are those of the table of errors, the same in every language.

from __future__ import annotations

import asyncio
import builtins
from typing import Literal

__all__ = [
    "AuthError",
    "ConcurrencyError",
    "ConnectError",
    "ForkedError",
    "InternalError",
    "InvalidSdp",
    "InvalidUri",
    "LimitExceeded",
    "MessageAborted",
    "MsrpError",
    "ProtocolError",
    "QueueFull",
    "SessionClosed",
    "StatusError",
    "TlsError",
    "TooLarge",
    "TransactionTimeout",
    "UnacceptedType",
]


class MsrpError(Exception):
    """Root of the errors of this package."""

    #: Who caused it: the caller or this library, the peer by what it sent, or the network.
    origin: Literal["local", "remote", "transport"] = "local"


class InvalidUri(MsrpError, ValueError):
    """A text is no MSRP URI (RFC 4975 §9), or may not be used where it was given."""


class InvalidSdp(MsrpError, ValueError):
    """An SDP text breaks a rule; the text names the line and the rule."""


class QueueFull(MsrpError, asyncio.QueueFull):
    """The send window or the transfer slots are full now. `Session.send` waits instead."""


class TooLarge(MsrpError, ValueError):
    """Larger than a limit that does not change by waiting."""


class SessionClosed(MsrpError):
    """The session, message or transfer has ended. `Session.close_reason` says why."""


class ConnectError(MsrpError, ConnectionError):
    """A connection could not be made or was lost."""


class TlsError(ConnectError):
    """TLS refused the peer, or the peer refused us."""


class AuthError(MsrpError):
    """Credentials were refused."""


class StatusError(MsrpError):
    """The peer or a relay answered or reported a failure."""

    #: The code of RFC 4975 §10, such as 413.
    status: int
    #: What went with it.
    comment: str

    def __init__(self, status: int, comment: str = "") -> None:
        super().__init__(status, comment)
        self.status = status
        self.comment = comment

    def __str__(self) -> str:
        return self.comment or f"status {self.status}"


class TransactionTimeout(MsrpError, TimeoutError):
    """No answer in time: 30 s after the last octet of a request (RFC 4975 §7.1.1), or a deadline
    passed.
    """


class ProtocolError(MsrpError):
    """The peer broke the protocol so that the connection cannot go on."""

    #: 0-based offset in the peer's octet stream, where it is known.
    offset: int | None

    def __init__(self, text: str, offset: int | None = None) -> None:
        super().__init__(text, offset)
        self.offset = offset

    def __str__(self) -> str:
        return str(self.args[0])


class MessageAborted(MsrpError):
    """The message was ended with ``#``, by either side, or its session ended first."""


class LimitExceeded(MsrpError):
    """A configured limit was reached."""


class UnacceptedType(MsrpError):
    """The peer does not accept this content type."""


class ConcurrencyError(MsrpError):
    """Another coroutine is using this object in a way that excludes this call."""


class ForkedError(MsrpError, RuntimeError):
    """The engine was made by another process, before a fork. Make an engine after the fork."""


class InternalError(MsrpError):
    """A defect of this library."""


def _from_engine(
    name: str,
    text: str,
    origin: Literal["local", "remote", "transport"],
    status: int | None,
    offset: int | None,
) -> Exception:
    """The exception for an error of the engine; called by `_msrp` with the class that its table
    names.
    """
    cls: type[Exception] = globals().get(name) or getattr(builtins, name)
    if cls is StatusError:
        error: Exception = StatusError(status or 0, text)
    elif cls is ProtocolError:
        error = ProtocolError(text, offset)
    else:
        error = cls(text)
    if isinstance(error, MsrpError):
        error.origin = origin
    return error
