"""SDP of MSRP streams as values (RFC 4975 §8), and SDP texts with several sessions.

A host with one session needs nothing of this: `Session.create_offer`, `Session.create_answer` and
`Session.set_remote` take and give texts. Here are

- `offer` and `answer`: several sessions in one SDP, one for each ``m=message`` line; `refuse`:
  an answer without any::

    from msrp import sdp

    for index, line in enumerate(sdp.parse(offer).media):
        if line.is_msrp:
            sessions[index] = engine.session()
    answer = sdp.answer(offer, sessions)

- `MediaLine`: an ``m=`` section value by value, for a SIP stack that keeps an SDP as objects:
  `Session.local_attributes` gives ours, `Session.set_remote_attributes` takes the peer's::

    session.set_remote_attributes(
        sdp.MediaLine(port=2855, protocol="TCP/MSRP", address="192.0.2.1", attributes=theirs)
    )

- `MediaDescription`: what a section says, checked and typed.
- `check`: every rule that a text breaks, with its line; for test tools::

    for finding in sdp.check(offer, kind="offer"):
        print(finding)
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from . import _msrp
from ._msrp import Uri
from ._session import SessionBase
from .types import Direction

if TYPE_CHECKING:
    from .session import Session

__all__ = [
    "Attribute",
    "AttributesIn",
    "Direction",
    "Finding",
    "Fingerprint",
    "MediaDescription",
    "MediaLine",
    "SessionDescription",
    "Setup",
    "Severity",
    "answer",
    "check",
    "offer",
    "parse",
    "refuse",
]

Attribute: TypeAlias = tuple[str, str | None]
"""The name of an attribute, without ``a=``, and its value; None for one that is a name alone."""

AttributesIn: TypeAlias = Mapping[str, str | None] | Iterable[tuple[str, str | None]]
"""Attributes by name, or pairs where one is repeated."""


class Setup(enum.StrEnum):
    """Who connects (RFC 6135, RFC 4145 §4). ``holdconn`` counts as no attribute."""

    ACTIVE = "active"
    """The side that says it will connect."""
    PASSIVE = "passive"
    """The side that says it will be connected to."""
    ACTPASS = "actpass"
    """Either; the answerer chooses."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A certificate's fingerprint (RFC 8122 §5). `str` gives the value of the attribute."""

    #: The hash function, as ``sha-256``.
    function: str
    #: Its octets.
    digest: bytes

    def __str__(self) -> str:
        return f"{self.function} {self.digest.hex(':').upper()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaLine:
    """An ``m=`` section as it stands in an SDP, of any media, value by value. `str` gives its text
    anew.
    """

    #: The kind of media.
    media: str = "message"
    #: The port; 0 says that the stream is refused or ended.
    port: int
    #: The number of ports behind it (``7654/2``).
    port_count: int = 1
    #: The transport protocol: ``TCP/MSRP`` or ``TCP/TLS/MSRP`` for MSRP.
    protocol: str
    #: The format list.
    formats: str = "*"
    #: The address of the ``c=`` line that counts: of the section, else of the session part. An IP
    #: address without brackets, or a name.
    address: str | None = None
    #: The title of the ``i=`` line.
    title: str | None = None
    #: All attributes in their order, pairs of name and value; kept as a tuple.
    attributes: Sequence[Attribute] = field(default=(), repr=False)
    #: Of a section that was parsed: its text, octet for octet.
    text: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("port", "port_count"):
            value = getattr(self, name)
            if not isinstance(value, int):
                raise TypeError(f"{name} is an int, not {type(value).__name__}")
            if not 0 <= value <= 65535:
                raise ValueError(f"{name} {value} is out of range")
        object.__setattr__(self, "attributes", tuple(self.attributes))

    @property
    def is_msrp(self) -> bool:
        """Whether it is one of MSRP: ``message`` with one of its protocols."""
        return self.media == "message" and self.protocol.upper() in ("TCP/MSRP", "TCP/TLS/MSRP")

    def values(self, name: str) -> list[str | None]:
        """The values of all attributes of this name, in their order; names have case."""
        return [value for its, value in self.attributes if its == name]

    def description(self, *, defaults: AttributesIn = ()) -> MediaDescription:
        """What it says, if it is one of MSRP. `defaults`: attributes of the session part.

        Raises `InvalidSdp`, which names the attribute and the rule, and `SessionClosed` where the
        port is 0.
        """
        return MediaDescription._of(_msrp.Media.build(_line(self), _pairs(defaults)))

    def __str__(self) -> str:
        count = f"/{self.port_count}" if self.port_count != 1 else ""
        lines = [f"m={self.media} {self.port}{count} {self.protocol} {self.formats}"]
        if self.title:
            lines.append(f"i={self.title}")
        if self.address:
            lines.append(f"c=IN {'IP6' if ':' in self.address else 'IP4'} {self.address}")
        for name, value in self.attributes:
            lines.append(f"a={name}" if value is None else f"a={name}:{value}")
        return "".join(f"{line}\r\n" for line in lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaDescription:
    """What an ``m=message`` section of MSRP says, the peer's or our own (RFC 4975 §8). `parse` and
    `MediaLine.description` make it; `str` gives its block, with unknown attributes as they came.
    """

    #: ``TCP/MSRP`` or ``TCP/TLS/MSRP``: TLS whenever the first URI is ``msrps``.
    protocol: str
    #: Port of the ``m=`` line; the path alone says where to connect.
    port: int
    #: Address of the ``c=`` line that counts here.
    address: str | None
    #: The URIs to this endpoint: first the one to connect to, last the endpoint.
    path: tuple[Uri, ...]
    #: Types that it takes as a whole message, most preferred first.
    accept_types: tuple[str, ...]
    #: Further types that it takes inside of containers only.
    accept_wrapped_types: tuple[str, ...]
    #: The largest message that it wishes to get, in octets.
    max_size: int | None
    #: Who connects; None if it does not say.
    setup: Setup | None
    #: Who sends ordinary messages.
    direction: Direction
    #: Of its certificate.
    fingerprints: tuple[Fingerprint, ...]
    #: Whether it offers CEMA (RFC 6714).
    cema: bool
    #: The title of the ``i=`` line.
    title: str | None
    #: All other attributes, in their order.
    attributes: tuple[Attribute, ...]
    #: All of it as it is written, with every attribute.
    line: MediaLine = field(repr=False)
    _core: _msrp.Media = field(repr=False, compare=False)

    @classmethod
    def parse(cls, text: str | bytes, index: int | None = None) -> Self:
        """Reads the MSRP section at the 0-based `index` of a whole SDP or of ``m=`` blocks; without
        it the first that can be used.

        Raises `InvalidSdp`, which names the line and the rule, `SessionClosed` where the port is
        0, `LimitExceeded`, and `ValueError` for an index without a line.
        """
        return cls._of(_msrp.Media.parse(text, index)[1])

    @classmethod
    def _of(cls, core: _msrp.Media) -> Self:
        line = _media_line(core.line())
        setup = core.setup()
        return cls(
            protocol=line.protocol,
            port=line.port,
            address=line.address,
            path=tuple(core.path()),
            accept_types=tuple(core.accept_types()),
            accept_wrapped_types=tuple(core.accept_wrapped_types()),
            max_size=core.max_size(),
            setup=None if setup is None else Setup(setup),
            direction=Direction(core.direction()),
            fingerprints=tuple(Fingerprint(*it) for it in core.fingerprints()),
            cema=core.cema(),
            title=line.title,
            attributes=tuple(core.attributes()),
            line=line,
            _core=core,
        )

    def accepts(self, content_type: str) -> bool:
        """Whether a whole message of this type may be sent to this side (RFC 4975 §8.6)."""
        return self._core.accepts(content_type)

    def accepts_wrapped(self, content_type: str) -> bool:
        """Whether content of this type may be sent to this side inside of a container."""
        return self._core.accepts_wrapped(content_type)

    def __str__(self) -> str:
        return str(self.line)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """An SDP: a whole one, or ``m=`` blocks without a session part. `parse` makes it."""

    #: Its ``m=`` lines, in their order.
    media: tuple[MediaLine, ...]
    #: Attributes of the session part. ``setup``, a direction and ``fingerprint`` are defaults of
    #: each section.
    attributes: tuple[Attribute, ...] = field(repr=False)
    #: Whether it has a session part.
    is_whole: bool
    #: As it was parsed.
    text: str = field(repr=False, compare=False)

    def select(self, index: int | None = None) -> tuple[int, MediaDescription]:
        """What the MSRP section at `index` says, or the first that can be used; with its index.

        Raises as `MediaDescription.parse`.
        """
        index, core = _msrp.Media.parse(self.text, index)
        return index, MediaDescription._of(core)

    def __str__(self) -> str:
        return self.text


class Severity(enum.StrEnum):
    """What a `Finding` means."""

    NOTE = "note"
    """Worth to know: legal, or without effect."""
    WARNING = "warning"
    """A rule is broken, and this engine goes on all the same; others may not."""
    ERROR = "error"
    """This engine refuses the stream, or the whole text."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that a text breaks, and where. `str` tells it in a line."""

    #: Line of the text, from 1. What is missing is told at the ``m=`` line, or at line 1.
    line: int
    #: 0-based index of the ``m=`` line whose stream it is about; None if about the whole text.
    media: int | None
    severity: Severity
    #: Name of the rule, which does not change; ``msrp sdp check --rules`` lists all.
    rule: str
    #: Where the rule stands, as ``RFC 4975 §8.2``.
    reference: str
    #: What is wrong. Session-ids in it are cut to 4 characters.
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.severity}: {self.text} ({self.reference})"


def check(
    text: str | bytes,
    *,
    kind: Literal["offer", "answer"] | None = None,
    offer: str | None = None,
) -> list[Finding]:
    """Every rule that a whole SDP, or ``m=`` blocks, break, in the order of their lines. No error
    among them means that a stream can be taken. Rules for offers or for answers alone are looked at
    with `kind`. With `offer` the text is an answer to that one, and is looked at beside it.

    Takes any octets. Raises `ValueError` for another `kind`, or one beside `offer`.
    """
    if offer is not None and kind not in {None, "answer"}:
        raise ValueError("text that is an answer to an offer is no offer")
    if not isinstance(text, str | bytes):
        raise TypeError(f"an SDP is str or bytes, not {type(text).__name__}")
    # Lone surrogates come of octets that are no UTF-8, and are told as such.
    octets = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    return [
        Finding(line, media, Severity(severity), rule, reference, words)
        for line, media, severity, rule, reference, words in _msrp.sdp_check(octets, kind, offer)
    ]


def parse(text: str | bytes) -> SessionDescription:
    """Reads an SDP of any media: a whole one, or ``m=`` blocks. Rules of MSRP are not checked: that
    is done by `SessionDescription.select`.

    Raises `InvalidSdp`, which names the line, and `LimitExceeded` above 256 KiB, 4096 lines, 64
    ``m=`` lines or 1024 attributes in a section.
    """
    is_whole, attributes, lines = _msrp.sdp_parse(text)
    media = tuple(_media_line(line) for line in lines)
    whole = text if isinstance(text, str) else text.decode()
    return SessionDescription(media, tuple(attributes), is_whole, whole)


def offer(
    sessions: Mapping[int, Session] | Sequence[Session], *, last: str | bytes | None = None
) -> str:
    """One SDP that offers several sessions of one engine, each on the ``m=`` line of its 0-based
    index; a sequence takes the first lines.

    Without `last` a minimal one: its lines are those of the sessions. `last` is the last SDP, offer
    or answer, that this side sent in the same dialog: its session part and its other media are
    kept, its version is raised if anything changes, a line with port 0 may be taken by a new
    session, further lines go last, and MSRP lines that no session takes are disabled with port 0
    (RFC 3264 §8).

    Raises `ValueError` without any session, for an index or session that is there twice, a line
    that is in use for other media, or a gap; `InvalidSdp` for `last`; `SessionClosed`.
    """
    return _msrp.sdp_offer(_streams(sessions), last)


def answer(
    offer: str | bytes,
    sessions: Mapping[int, Session] | Sequence[Session],
    *,
    last: str | bytes | None = None,
) -> str:
    """Takes an offer with several ``m=message`` lines, each for the session of its index, and gives
    the one SDP that answers it: as many lines as the offer, all others refused with port 0.

    `last` is the last SDP, offer or answer, that this side sent in the same dialog, if there is
    one: the answer goes on with its ``o=`` line. Either all sessions take their line, or none is
    changed and the error names the line.

    Raises `ValueError`, `InvalidSdp`, `InvalidUri`, `UnacceptedType`, `SessionClosed`.
    """
    streams = _streams(sessions)
    text = _msrp.sdp_answer(offer, streams, last)
    for session in _values(sessions):
        session._remote_path = ()
    return text


def refuse(offer: str | bytes, *, index: int | None = None, last: str | bytes | None = None) -> str:
    """The answer that refuses every stream of `offer` with port 0 (RFC 3264 §6). With `index` only
    the ``m=`` line that refuses that one, for a host that builds its own SDP. `last` as for
    `answer`. Needs no engine.

    Raises `InvalidSdp`, `LimitExceeded`, and `ValueError` for an index without a line.
    """
    return _msrp.sdp_refuse(offer, index, last)


def _pairs(attributes: AttributesIn) -> list[Attribute]:
    return list(attributes.items() if isinstance(attributes, Mapping) else attributes)


def _values(sessions: Mapping[int, Session] | Sequence[Session]) -> Iterable[Session]:
    return sessions.values() if isinstance(sessions, Mapping) else sessions


def _streams(
    sessions: Mapping[int, Session] | Sequence[Session],
) -> list[tuple[int, _msrp.Session]]:
    items = sessions.items() if isinstance(sessions, Mapping) else enumerate(sessions)
    streams = []
    for index, session in items:
        if not isinstance(session, SessionBase):
            raise TypeError(f"sessions are what Engine.session gave, not {type(session).__name__}")
        session._check_loop()
        streams.append((index, session._core))
    return streams


_Line: TypeAlias = tuple[str, int, int, str, str, str | None, str | None, list[Attribute], str]


def _line(line: MediaLine) -> _Line:
    if not isinstance(line, MediaLine):
        raise TypeError(f"line is a MediaLine, not {type(line).__name__}")
    return (
        line.media,
        line.port,
        line.port_count,
        line.protocol,
        line.formats,
        line.address,
        line.title,
        list(line.attributes),
        line.text,
    )


def _media_line(line: _Line) -> MediaLine:
    media, port, port_count, protocol, formats, address, title, attributes, text = line
    return MediaLine(
        media=media,
        port=port,
        port_count=port_count,
        protocol=protocol,
        formats=formats,
        address=address,
        title=title,
        attributes=tuple(attributes),
        text=text,
    )
