"""Plain data: what goes in as options and what comes out beside messages."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Literal, TypeAlias

from ._msrp import Uri

__all__ = [
    "CloseReason",
    "ConnectionOptions",
    "Direction",
    "Event",
    "EventsLost",
    "Headers",
    "Histogram",
    "Limits",
    "Profile",
    "Report",
    "State",
    "StateChanged",
    "Stats",
    "Trace",
    "Traffic",
    "TransferFailed",
    "Uri",
]


class Direction(enum.StrEnum):
    """Who sends ordinary messages (RFC 4975 §8.9), seen from one side: a session's from ours, a
    description's from the describing one.
    """

    SENDRECV = "sendrecv"
    """Both sides."""
    SENDONLY = "sendonly"
    """Only this side."""
    RECVONLY = "recvonly"
    """Only the other side."""
    INACTIVE = "inactive"
    """Neither."""


class State(enum.Enum):
    """Where a session is in its life."""

    NEW = "new"
    """Made; its remote side or `open` is missing."""
    CONNECTING = "connecting"
    """Dialling, or waiting for the peer."""
    OPEN = "open"
    """Bound: messages flow."""
    CLOSING = "closing"
    """`close` was called; what is under way is being finished."""
    CLOSED = "closed"
    """Over."""


class Profile(enum.StrEnum):
    """A known kind of peer: presets of how `Engine.session` treats it. Chosen, never guessed; what
    each does and why stands in ``docs/peers.md``.
    """

    STRICT = "strict"
    """A peer of unknown kind, by the letter of RFC 4975."""
    KAMAILIO = "kamailio"
    """Kamailio as a relay: takes whole frames up to a limit."""
    OPENSIPS = "opensips"
    """OpenSIPS as a relay: CRLF and seven hyphens inside of a body end its connection."""
    FREESWITCH = "freeswitch"
    """FreeSWITCH: reads a body at once, by its exact range, and looks at session-ids alone."""
    BLINK = "blink"
    """Blink and its library, and the relay of AG Projects: one frame at a time."""
    DOUBANGO = "doubango"
    """Doubango tinyMSRP: frames by exact ranges."""
    SESSMATCH = "sessmatch"
    """Gateways and peers that compare session-ids alone."""


@dataclass(frozen=True, slots=True)
class CloseReason:
    """Why a session ended."""

    #: ``local``: by us. ``peer-closed``: by the peer between two messages. ``status``: the peer's
    #: response or REPORT ended the session. ``bind-timeout``: the first request was not answered.
    #: ``stream-ended``: port 0 in an SDP.
    kind: Literal[
        "local",
        "peer-closed",
        "connection-lost",
        "write-stall",
        "protocol",
        "status",
        "bind-timeout",
        "stream-ended",
    ]
    #: For people.
    text: str
    #: The status code, for ``status``.
    status: int | None = None
    #: 0-based offset in the peer's octet stream, for ``protocol``.
    offset: int | None = None
    #: The Message-IDs of messages that were under way: neither acknowledged nor failed before.
    unacknowledged: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Report:
    """A REPORT about one of our messages (RFC 4975 §7.1.2), or several of them together."""

    #: The message that it is about.
    message_id: str
    #: The status code: 200 says that these octets arrived.
    status: int
    #: What went with it.
    comment: str = ""
    #: First octet (counted from 1), last octet and total, as they stood there; None: the whole
    #: message.
    byte_range: tuple[int, int | None, int | None] | None = None


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The session's state changed."""

    state: State


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """An outgoing message failed, maybe after it was acknowledged."""

    message_id: str
    error: Exception


@dataclass(frozen=True, slots=True)
class TransferUnconfirmed:
    """Success REPORTs that we asked for do not cover a message of ours: the session ended, their
    time is over (``report_timeout``), or too many later messages were sent. Told once for a message
    (RFC 4975 §7.1.1).
    """

    message_id: str
    error: Exception


@dataclass(frozen=True, slots=True)
class EventsLost:
    """Nobody read the stream: so many of its oldest entries were dropped."""

    count: int


@dataclass(frozen=True, slots=True)
class RelayPath:
    """Our relays gave this path: `Session.authenticate` is done, or the URIs that it got would have
    expired and there are new ones (RFC 4976 §9.4).
    """

    #: In the order in which our requests pass the relays.
    path: tuple[Uri, ...]
    #: For how many seconds it is good; None if no relay said.
    lifetime: float | None
    #: Whether a new offer is due, which tells the peer the new path. Look at `Session.offer_due`
    #: after each answer, too: while a first offer is open none is due, and then one is.
    offer_due: bool


Event: TypeAlias = (
    StateChanged | Report | TransferFailed | TransferUnconfirmed | RelayPath | EventsLost
)
"""What `Session.events` gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound of an engine. Sizes are octets, times are seconds.

    What happens at each bound stands in `docs/limits.md`. `ValueError` when an engine is made with
    one that is out of its range.
    """

    start_line: int = 1024
    header_line: int = 8 * 1024
    header_section: int = 16 * 1024
    headers: int = 64
    path_uris: int = 64
    non_send_body: int = 10 * 1024
    #: Of messages admitted and not yet written, per session. Beyond: `send` waits.
    send_window: int = 256 * 1024
    small_message: int = 64 * 1024
    read_ahead: int = 256 * 1024
    #: Received for a session and not yet taken by its consumer. Beyond: back-pressure.
    receive_window: int = 256 * 1024
    connection_slack: int = 1024 * 1024
    control_lane: int = 256 * 1024
    write_ahead: int = 64 * 1024
    #: How long a connection with one session may stay paused for its consumer; None: for ever.
    stall: float | None = 20.0
    max_transactions: int = 1024
    incomplete_messages: int = 64
    remembered_ids: int = 1024
    gaps: int = 1024
    incomplete_idle: float = 600.0
    #: Large messages and streams under way, per session. Beyond: `send` waits.
    transfers: int = 16
    early_len: int = 64 * 1024
    early: float = 30.0
    unbound_connections: int = 1024
    unbound_per_address: int = 64
    unbound: float = 30.0
    tls_handshake: float = 10.0
    dials_per_target: int = 4
    dials: int = 64
    #: Dials that may start in a second to one target; after a pause so many at once.
    dial_rate: int = 10
    #: For a connection to a peer, over all its addresses, without a TLS handshake.
    connect: float = 20.0
    #: For the addresses of one name.
    resolve: float = 10.0
    #: Of one name that are tried.
    addresses: int = 16
    #: How long the connection to a relay of ours stays open when no session uses it.
    relay_kept: float = 3600.0
    #: The same for the connection to a relay of a peer.
    foreign_relay_kept: float = 300.0
    transaction: float = 30.0
    write_stall: float = 30.0
    engine_memory: int = 256 * 1024 * 1024
    #: Entries of `Session.events` that nobody reads. Beyond: the oldest are dropped and counted.
    event_stream: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How a session's connection is made and kept. Times are seconds.

    Sessions share a connection that we dialled only where all of these are equal. `ValueError` when
    a session is made with what cannot be.
    """

    #: The address of this machine that we dial from; only peer addresses of the same family are
    #: dialled then. None: what the system's routes say.
    source_address: str | IPv4Address | IPv6Address | None = None
    #: The port that we dial from; it serves one connection to each peer address at a time. 0: any
    #: free one.
    source_port: int = 0
    #: Dial from the port on which the session listens, for peers that let only it in.
    source_port_from_path: bool = False
    #: Most time for the connection to the peer, over all its addresses, without a TLS handshake.
    #: None: `Limits.connect`, which a longer one does not exceed.
    connect_timeout: float | None = None
    #: The network interface through which we dial, by its name, and to which peers must come where
    #: the session has a listener of its own. Not every system has that, and some ask for a
    #: privilege. None: what the system's routes say.
    interface: str | None = None
    #: The differentiated services code point of what is sent, 0 to 63. None: the system's.
    dscp: int | None = None
    #: After so long without traffic the system asks the peer whether it is there, 1 to 32,767; who
    #: does not answer for as long again has timed out. None: never.
    tcp_keepalive: float | None = None
    #: A connection without any traffic for so long is closed with that reason. None: never.
    idle: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests and responses that went one way, since the start of an engine."""

    #: Requests by method.
    send: int
    report: int
    auth: int
    nickname: int
    other: int
    #: Requests and responses by the flag at their end: ``$``, ``+``, ``#``.
    complete: int
    more: int
    abort: int
    #: Responses by status code.
    responses: dict[int, int]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How values were distributed, since the start of an engine. Times are seconds, lengths
    octets.
    """

    #: Upper bounds of the buckets but the last, which has none.
    bounds: tuple[float, ...]
    #: How many values were at most as large as each bound; the last is how many there were at all.
    buckets: tuple[int, ...]
    sum: float

    @property
    def count(self) -> int:
        """How many values there were."""
        return self.buckets[-1]


@dataclass(frozen=True, slots=True)
class Stats:
    """Counters since the start of an engine, and sizes now. `docs/observability.md` tells them
    all."""

    connections: int
    unbound_connections: int
    sessions: int
    messages_sent: int
    messages_received: int
    bytes_sent: int
    bytes_received: int
    receive_held: int
    send_held: int
    receive_held_peak: int
    sessions_shed: int
    reading_paused: int
    protocol_errors: int
    messages_failed: int
    #: Requests, responses and parts of long ones written into traces.
    trace_written: int
    #: The same, dropped because the trace's queue was full.
    trace_dropped: int
    #: TLS connections whose peer nobody verified (``verify="none"``).
    tls_unverified: int
    #: What was handed to the operating system, and what came.
    sent: Traffic
    received: Traffic
    #: Requests of ours without a response in time.
    timeouts: int
    #: Chunks received of messages that were complete already.
    duplicate_chunks: int
    #: Chunks received that began behind a gap.
    gaps: int
    #: From the last octet of a request to its response.
    transaction_time: Histogram
    #: From the first octet of a message to its acknowledgement.
    message_time: Histogram
    #: From the admission of a message to its first octet.
    queue_time: Histogram
    #: How long reading was paused for slow consumers.
    pause_time: Histogram
    #: Lengths of chunks.
    chunk_sent: Histogram
    chunk_received: Histogram

    def as_dict(self) -> dict[str, Any]:
        """All of it in plain types, for exporters: a histogram is a dict of ``buckets`` (cumulative
        counts by upper bound as a text, the last ``"+Inf"``), ``sum`` and ``count``.
        """
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def _plain(value: Any) -> Any:
    if isinstance(value, Histogram):
        bounds = [f"{bound:.12g}" for bound in value.bounds] + ["+Inf"]
        buckets = dict(zip(bounds, value.buckets, strict=True))
        return {"buckets": buckets, "sum": value.sum, "count": value.count}
    if isinstance(value, Traffic):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return dict(value) if isinstance(value, dict) else value


def _stats(raw: dict[str, Any]) -> Stats:
    for name, value in raw.items():
        if isinstance(value, dict):
            raw[name] = Traffic(**value)
        elif isinstance(value, tuple):
            bounds, buckets, total = value
            raw[name] = Histogram(tuple(bounds), tuple(buckets), total)
    return Stats(**raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A trace: what goes over the connections of an engine, as a pcapng file for tshark and
    Wireshark. `docs/observability.md` tells what is in it.

    ``path``: the file, made with mode 0600; it must not exist, and no link is followed.
    ``secrets``: whether content, credentials and whole session-ids are written; without it each of
    their octets is an ``x``. ``max_bytes``: most octets of a file; then the next one is begun.
    ``files``: how many are kept, ``path``, before it ``path.1``, and so on. ``queue_bytes``: octets
    that may wait to be written; what comes beyond them is dropped and counted.
    """

    path: str | os.PathLike[str]
    secrets: bool = False
    max_bytes: int = 64 * 1024 * 1024
    files: int = 2
    queue_bytes: int = 4 * 1024 * 1024


def _trace(value: str | os.PathLike[str] | Trace | None) -> Trace | None:
    if value is None or isinstance(value, Trace):
        return value
    if isinstance(value, str | os.PathLike):
        return Trace(path=value)
    raise TypeError(f"trace is a path or a Trace, not {type(value).__name__}")


class Headers(Mapping[str, str]):
    """Headers of a message by name, in any case. Of a repeated one, the first."""

    __slots__ = ("_fields", "_pairs")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._fields: dict[str, tuple[str, str]] = {}
        for pair in pairs:
            self._fields.setdefault(pair[0].lower(), pair)

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self._pairs == other._pairs
        return Mapping.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(tuple(self._pairs))

    def __repr__(self) -> str:
        # Values are content, and stay out of logs.
        return f"<Headers {', '.join(name for name, _ in self._pairs)}>"

    def pairs(self) -> list[tuple[str, str]]:
        """All of them, in the order in which they came."""
        return list(self._pairs)
