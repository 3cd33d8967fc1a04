"""MSRP (RFC 4975) sessions for asyncio.

::

    import msrp

    async with msrp.Engine() as engine, engine.session() as session:
        answer = await exchange_by_sip(session.create_offer())
        session.set_remote(answer)
        await session.open()
        await session.send("hello")
        async for message in session:
            print(await message.text())

The names below are the whole public API; `msrp.exceptions` shows the tree of errors.
"""

from ._dialling import SrvRecord
from ._msrp import Uri, __version__
from .engine import Engine, Listener
from .events import EventStream
from .exceptions import (
    AuthError,
    ConcurrencyError,
    ConnectError,
    ForkedError,
    InternalError,
    InvalidSdp,
    InvalidUri,
    LimitExceeded,
    MessageAborted,
    MsrpError,
    ProtocolError,
    QueueFull,
    SessionClosed,
    StatusError,
    TlsError,
    TooLarge,
    TransactionTimeout,
    UnacceptedType,
)
from .login import RelayLogin
from .message import Message
from .relay import (
    Relay,
    RelayAuthorisation,
    RelayCredentials,
    RelayListener,
    RelayMessage,
    RelayNextHop,
    RelayStats,
    ha1,
)
from .requests import Answer, Request
from .session import Session
from .tls import PeerCertificate, TLSConfig
from .transfer import Body, Transfer
from .types import (
    CloseReason,
    ConnectionOptions,
    Direction,
    Event,
    EventsLost,
    Headers,
    Histogram,
    Limits,
    Profile,
    RelayPath,
    Report,
    State,
    StateChanged,
    Stats,
    Trace,
    Traffic,
    TransferFailed,
    TransferUnconfirmed,
)

__all__ = [
    "Answer",
    "AuthError",
    "Body",
    "CloseReason",
    "ConcurrencyError",
    "ConnectError",
    "ConnectionOptions",
    "Direction",
    "Engine",
    "Event",
    "EventStream",
    "EventsLost",
    "ForkedError",
    "Headers",
    "Histogram",
    "InternalError",
    "InvalidSdp",
    "InvalidUri",
    "LimitExceeded",
    "Limits",
    "Listener",
    "Message",
    "MessageAborted",
    "MsrpError",
    "PeerCertificate",
    "Profile",
    "ProtocolError",
    "QueueFull",
    "Relay",
    "RelayAuthorisation",
    "RelayCredentials",
    "RelayListener",
    "RelayLogin",
    "RelayMessage",
    "RelayNextHop",
    "RelayPath",
    "RelayStats",
    "Report",
    "Request",
    "Session",
    "SessionClosed",
    "SrvRecord",
    "State",
    "StateChanged",
    "Stats",
    "StatusError",
    "TLSConfig",
    "TlsError",
    "TooLarge",
    "Trace",
    "Traffic",
    "TransactionTimeout",
    "Transfer",
    "TransferFailed",
    "TransferUnconfirmed",
    "UnacceptedType",
    "Uri",
    "__version__",
    "ha1",
]
