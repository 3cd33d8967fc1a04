"""Requests and responses as they stand on the wire (RFC 4975 §7, §9).

For tools and tests that look at MSRP traffic or write it by hand. Programs that exchange messages
use `msrp.Session`, and need nothing of this.

::

    from msrp import wire

    parser = wire.Parser()
    for frame in parser.feed(octets):
        if isinstance(frame, wire.Request):
            reply = wire.Response.to(frame, 200)
            octets = bytes(reply)

Reading is the engine's own parser. Writing is free: a frame is formatted as its fields say, also
where no peer would take it.
"""

from __future__ import annotations

import dataclasses
import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from . import _msrp
from ._msrp import Uri
from .exceptions import ProtocolError
from .types import Headers, Limits

__all__ = [
    "Body",
    "ByteRange",
    "End",
    "EventParser",
    "Fault",
    "Frame",
    "Head",
    "Headers",
    "ParseError",
    "Parser",
    "Piece",
    "Request",
    "Response",
    "Uri",
    "UriPath",
    "new_id",
]

HeadersIn: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Headers by name, or pairs where one is repeated."""

PathIn: TypeAlias = str | Uri | Sequence[str | Uri]
"""A path as text with spaces between the URIs, or as a sequence."""

Overrides: TypeAlias = Mapping[str, str | None] | Iterable[tuple[str, str]]
"""Headers beside or instead of those that are built: None leaves one out; pairs are added."""


class ParseError(ProtocolError, ValueError):
    """Octets cannot be read: a stream whose framing is broken, or a value against the grammar."""

    #: 0-based place of the octet that does not fit, in the stream or the text.
    offset: int
    #: 0-based place in the stream where the frame that holds it starts.
    frame_offset: int
    #: Frames that were complete before it, of the same call of `Parser.feed`.
    frames: tuple[Frame, ...]

    def __init__(
        self, text: str, offset: int, frame_offset: int = 0, frames: tuple[Frame, ...] = ()
    ) -> None:
        super().__init__(text, offset)
        self.frame_offset = frame_offset
        self.frames = frames
        self.origin = "remote"


@dataclass(frozen=True, slots=True)
class Fault:
    """A breach of the grammar inside a sound frame: a peer answers it with 400."""

    #: 0-based place in the stream.
    offset: int
    #: What was expected there.
    expected: str


@dataclass(frozen=True, slots=True)
class ByteRange:
    """A Byte-Range: the first octet has position 1, the end is inclusive. None is ``*``.

    `str` gives the value of the header.
    """

    start: int = 1
    end: int | None = None
    total: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the value of a header.

        Raises `ParseError`.
        """
        numbers, breach = _msrp.parse_byte_range(text)
        if numbers is None:
            raise _value_error(breach)
        return cls(*numbers)

    @classmethod
    def of(cls, body: bytes, offset: int = 0, total: int | None = None) -> Self:
        """The range of `body` at the 0-based `offset`; it ends the message if there is no total."""
        end = offset + len(body)
        return cls(offset + 1, end, end if total is None else total)

    def __str__(self) -> str:
        end = "*" if self.end is None else self.end
        total = "*" if self.total is None else self.total
        return f"{self.start}-{end}/{total}"


class UriPath(tuple[Uri, ...]):
    """A path: the leftmost URI is the adjacent hop. `str` gives the value of a header.

    Raises `InvalidUri` for a text that is none, and `ValueError` without any URI.
    """

    __slots__ = ()

    def __new__(cls, uris: Uri | str | Iterable[Uri | str]) -> Self:
        if isinstance(uris, str):
            uris = uris.split()
        elif isinstance(uris, Uri):
            uris = (uris,)
        made = super().__new__(cls, (Uri(uri) if isinstance(uri, str) else uri for uri in uris))
        if not made:
            raise ValueError("a path needs a URI")
        return made

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the value of a header; its error has the offset.

        Raises `ParseError`.
        """
        uris, breach = _msrp.parse_path(text)
        if uris is None:
            raise _value_error(breach)
        return cls(uris)

    def __str__(self) -> str:
        return " ".join(map(str, self))


def new_id() -> str:
    """A transaction id or Message-ID as RFC 4975 §9 wants them: 16 random letters and digits."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(16))


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Frame:
    """A request or a response. Made by hand it is a `Request` or a `Response`.

    Texts may hold what a header must not; octets that are no UTF-8 are surrogates, as of
    ``errors="surrogateescape"``.
    """

    transaction_id: str
    headers: Headers
    #: b"" also where there is none.
    body: bytes
    #: False: there is no empty line before the end-line. An empty body is one, too.
    has_body: bool
    #: ``$``, ``+`` or ``#``.
    flag: str
    #: Of a frame that was read: the place of its first octet in the stream.
    offset: int | None = field(compare=False)
    #: Of a frame that was read: its first breach of the grammar.
    fault: Fault | None = field(compare=False)
    #: Of a frame that was read: its octets as they came.
    raw: bytes | None = field(compare=False)

    def _set(
        self,
        transaction_id: str | None,
        headers: HeadersIn,
        body: bytes | None,
        has_body: bool | None,
        flag: str,
        offset: int | None,
        fault: Fault | None,
        raw: bytes | None,
    ) -> None:
        pairs = headers.pairs() if isinstance(headers, Headers) else _pairs(headers)
        put = object.__setattr__
        put(self, "transaction_id", new_id() if transaction_id is None else transaction_id)
        put(self, "headers", Headers(pairs))
        put(self, "body", body or b"")
        put(self, "has_body", body is not None if has_body is None else has_body)
        put(self, "flag", flag)
        put(self, "offset", offset)
        put(self, "fault", fault)
        put(self, "raw", raw)

    @property
    def start_line(self) -> str:
        """The first line, without its end."""
        raise NotImplementedError

    @property
    def to_path(self) -> str:
        """The value of To-Path as it came; "" without one."""
        return self.headers.get("To-Path", "")

    @property
    def from_path(self) -> str:
        """The value of From-Path as it came; "" without one."""
        return self.headers.get("From-Path", "")

    @property
    def message_id(self) -> str | None:
        """The value of Message-ID."""
        return self.headers.get("Message-ID")

    @property
    def byte_range(self) -> ByteRange | None:
        """The Byte-Range; None without one.

        Raises `ParseError`.
        """
        text = self.headers.get("Byte-Range")
        return None if text is None else ByteRange.parse(text)

    def replace(self, **changes: object) -> Self:
        """The same with other fields; `raw` and what else is of reading goes. `body` None takes the
        body away."""
        fresh: dict[str, object] = {"offset": None, "fault": None, "raw": None}
        if "body" in changes:
            fresh["has_body"] = None
        return dataclasses.replace(self, **{**fresh, **changes})  # type: ignore[arg-type]

    def with_headers(self, overrides: Overrides) -> Self:
        """The same with headers replaced, left out (None), or added; new ones stand before
        Content-Type."""
        return self.replace(headers=_override(self.headers.pairs(), overrides))

    def format(
        self,
        *,
        start_line: str | bytes | None = None,
        end_line: str | bytes | None = None,
        newline: str | bytes = b"\r\n",
    ) -> bytes:
        """The octets of the frame. For wrong ones on purpose: another `start_line`, another
        `end_line` (each without what ends it; ``b""`` leaves the line out), or another `newline`
        everywhere outside the body.
        """
        line_end = _octets(newline)
        first = _octets(self.start_line if start_line is None else start_line)
        last = _octets(f"-------{self.transaction_id}{self.flag}" if end_line is None else end_line)
        lines = [first] if first else []
        lines += [_octets(f"{name}: {value}") for name, value in self.headers.pairs()]
        out = b"".join(line + line_end for line in lines)
        if self.has_body:
            out += line_end + self.body + line_end
        return out + last + line_end if last else out

    def __bytes__(self) -> bytes:
        return self.format()

    def __str__(self) -> str:
        """For people: the frame as text, a long body cut."""
        body = self.body
        shown = self if len(body) <= _SHOWN else self.replace(body=body[:_SHOWN])
        text = bytes(shown).decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        return text if shown is self else f"{text}({len(body)} octets of body in all)\n"

    def __repr__(self) -> str:
        size = f"{len(self.body)} octets" if self.has_body else "no body"
        return f"<{self.start_line} {size} {self.flag}>"


@dataclass(frozen=True, init=False, repr=False)
class Request(Frame):
    """A request (RFC 4975 §7.1)."""

    method: str

    def __init__(
        self,
        method: str,
        headers: HeadersIn = (),
        body: bytes | None = None,
        *,
        transaction_id: str | None = None,
        flag: str = "$",
        has_body: bool | None = None,
        offset: int | None = None,
        fault: Fault | None = None,
        raw: bytes | None = None,
    ) -> None:
        self._set(transaction_id, headers, body, has_body, flag, offset, fault, raw)
        object.__setattr__(self, "method", method)

    @property
    def start_line(self) -> str:
        """``MSRP``, the transaction id, the method."""
        return f"MSRP {self.transaction_id} {self.method}"

    @property
    def status(self) -> None:
        """A request has none; here so that any frame can be asked."""
        return

    @classmethod
    def send(
        cls,
        to_path: PathIn,
        from_path: PathIn,
        body: bytes | str | None = b"",
        *,
        content_type: str | None = "text/plain",
        message_id: str | None = None,
        byte_range: ByteRange | str | None = "auto",
        success_report: str | None = None,
        failure_report: str | None = None,
        headers: Overrides = (),
        flag: str = "$",
        transaction_id: str | None = None,
    ) -> Self:
        """A SEND, right unless the arguments say otherwise. `body` None: a bodiless one, without
        Content-Type. `byte_range` "auto": the whole message; None leaves the header out.
        """
        data = body.encode() if isinstance(body, str) else body
        if byte_range == "auto":
            byte_range = ByteRange.of(data or b"")
        lines = [
            ("To-Path", _path(to_path)),
            ("From-Path", _path(from_path)),
            ("Message-ID", new_id() if message_id is None else message_id),
        ]
        for name, value in (
            ("Byte-Range", byte_range),
            ("Success-Report", success_report),
            ("Failure-Report", failure_report),
            ("Content-Type", None if data is None else content_type),
        ):
            if value is not None:
                lines.append((name, str(value)))
        return cls(
            "SEND", _override(lines, headers), data, flag=flag, transaction_id=transaction_id
        )

    @classmethod
    def report(
        cls,
        to_path: PathIn,
        from_path: PathIn,
        message_id: str,
        byte_range: ByteRange | str | None = None,
        status: str | None = "000 200 OK",
        *,
        headers: Overrides = (),
        body: bytes | None = None,
        flag: str = "$",
        transaction_id: str | None = None,
    ) -> Self:
        """A REPORT (RFC 4975 §7.1.2). `status` with its namespace; None leaves the header out."""
        lines = [
            ("To-Path", _path(to_path)),
            ("From-Path", _path(from_path)),
            ("Message-ID", message_id),
        ]
        if byte_range is not None:
            lines.append(("Byte-Range", str(byte_range)))
        if status is not None:
            lines.append(("Status", status))
        return cls(
            "REPORT", _override(lines, headers), body, flag=flag, transaction_id=transaction_id
        )


@dataclass(frozen=True, init=False, repr=False)
class Response(Frame):
    """A response (RFC 4975 §7.2)."""

    status: int
    comment: str

    def __init__(
        self,
        status: int,
        headers: HeadersIn = (),
        comment: str = "",
        *,
        transaction_id: str | None = None,
        body: bytes | None = None,
        flag: str = "$",
        has_body: bool | None = None,
        offset: int | None = None,
        fault: Fault | None = None,
        raw: bytes | None = None,
    ) -> None:
        self._set(transaction_id, headers, body, has_body, flag, offset, fault, raw)
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "comment", comment)

    @property
    def start_line(self) -> str:
        """``MSRP``, the transaction id, the code, and the comment if there is one."""
        comment = f" {self.comment}" if self.comment else ""
        return f"MSRP {self.transaction_id} {self.status:03}{comment}"

    @property
    def method(self) -> None:
        """A response has none; here so that any frame can be asked."""
        return

    @classmethod
    def to(
        cls,
        request: Request,
        status: int = 200,
        comment: str | None = None,
        *,
        headers: Overrides = (),
        transaction_id: str | None = None,
        flag: str = "$",
    ) -> Self:
        """The answer of an endpoint to `request`: to a SEND, the leftmost URI of its From-Path; to
        others, all of it.
        """
        from_path = request.from_path.split()
        to_path = from_path[:1] if request.method == "SEND" else from_path
        lines = [
            ("To-Path", " ".join(to_path)),
            ("From-Path", " ".join(request.to_path.split()[:1])),
        ]
        return cls(
            status,
            _override(lines, headers),
            _COMMENTS.get(status, "") if comment is None else comment,
            transaction_id=request.transaction_id if transaction_id is None else transaction_id,
            flag=flag,
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The header section is over. `frame` has its start line and headers; a body may follow."""

    frame: Request | Response


@dataclass(frozen=True, slots=True)
class Body:
    """The next octets of the body; never empty."""

    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """The end-line."""

    flag: str
    #: 0-based place in the stream of the octet after it.
    offset: int


Piece: TypeAlias = Head | Body | End
"""What `EventParser` gives: for each frame one `Head`, any number of `Body`, one `End`."""


class EventParser:
    """Reads one direction of a connection piece by piece, bodies of any length among them.

    `limits`: the bounds of `msrp.Limits` on framing; beyond one of them the stream ends.
    """

    __slots__ = ("_core", "_failure")

    def __init__(self, limits: Limits | None = None) -> None:
        self._core = _msrp.Parser(limits or Limits())
        self._failure: ParseError | None = None

    @property
    def offset(self) -> int:
        """Octets of the stream that are read."""
        return self._core.offset

    def feed(self, octets: bytes) -> list[Piece]:
        """The pieces that these octets complete.

        Where the stream is broken, the pieces before the break are given, and every later call
        raises `ParseError`; `error` has it at once.
        """
        if self._failure is not None:
            raise self._failure
        pieces, fault = self._core.feed(octets)
        if fault is not None:
            self._failure = ParseError(fault[2], fault[0], fault[1])
        return [_piece(piece) for piece in pieces]

    @property
    def error(self) -> ParseError | None:
        """Why the stream cannot be read on."""
        return self._failure

    def finish(self) -> None:
        """The stream ends here.

        Raises `ParseError` if it may not: inside a frame.
        """
        if self._failure is not None:
            raise self._failure
        fault = self._core.finish()
        if fault is not None:
            raise ParseError(fault[2], fault[0], fault[1])


class Parser:
    """Reads one direction of a connection as whole frames.

    `max_body`: octets of a body that are gathered; a longer one ends the stream, and
    `EventParser` reads it. `limits` as there.
    """

    __slots__ = ("_body", "_events", "_held", "_held_from", "_open", "max_body")

    def __init__(self, *, max_body: int = 16 * 1024 * 1024, limits: Limits | None = None) -> None:
        self.max_body = max_body
        self._events = EventParser(limits)
        self._open: Request | Response | None = None
        self._body: bytearray | None = None
        #: The octets after the last complete frame.
        self._held = bytearray()
        self._held_from = 0

    @property
    def offset(self) -> int:
        """Octets of the stream that are read."""
        return self._events.offset

    def feed(self, octets: bytes) -> list[Request | Response]:
        """The frames that these octets complete, in their order.

        Raises `ParseError` where the stream cannot be read on, at this call and all later ones;
        `ParseError.frames` has what was complete before.
        """
        if self._events.error is not None:
            raise self._events.error
        self._held += octets
        frames: list[Request | Response] = []
        for piece in self._events.feed(octets):
            if isinstance(piece, Head):
                self._open = piece.frame
                self._body = bytearray() if piece.frame.has_body else None
            elif isinstance(piece, Body) and self._open is not None and self._body is not None:
                self._body += piece.data
                if len(self._body) > self.max_body:
                    at = self._open.offset or 0
                    text = f"body of more than max_body {self.max_body} octets at octet {at}"
                    self._events._failure = ParseError(text, at, at)
                    break
            elif isinstance(piece, End) and self._open is not None:
                frames.append(self._end(self._open, piece))
        error = self._events.error
        if error is not None:
            self._held.clear()
            self._body = None
            error.frames = tuple(frames)
            raise error
        return frames

    def _end(self, frame: Request | Response, end: End) -> Request | Response:
        start = frame.offset or 0
        raw = bytes(self._held[start - self._held_from : end.offset - self._held_from])
        body = b"" if self._body is None else bytes(self._body)
        self._open = self._body = None
        self._drop_until(end.offset)
        return dataclasses.replace(frame, body=body, flag=end.flag, raw=raw)

    def _drop_until(self, offset: int) -> None:
        del self._held[: offset - self._held_from]
        self._held_from = offset

    def finish(self) -> None:
        """The stream ends here.

        Raises `ParseError` if it may not: inside a frame.
        """
        self._events.finish()


_ID_ALPHABET = string.ascii_letters + string.digits

#: Octets of a body that `str` shows.
_SHOWN = 2048

_COMMENTS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    413: "Message Too Large",
    415: "Unsupported Media Type",
    423: "Interval Out Of Bounds",
    481: "Session Does Not Exist",
    501: "Not Implemented",
    506: "Session Already Bound",
}


def _value_error(breach: tuple[int, str] | None) -> ParseError:
    offset, expected = breach or (0, "unreadable")
    return ParseError(f"{expected} at octet {offset}", offset)


def _piece(piece: tuple[object, ...]) -> Piece:
    match piece:
        case ("body", bytes(data)):
            return Body(data)
        case ("end", str(flag), int(offset)):
            return End(flag, offset)
        case (_, int(offset), str(transaction_id), method, status, comment, headers, body, fault):
            pairs = [
                (name, value.decode("utf-8", "surrogateescape"))
                for name, value in headers  # type: ignore[attr-defined]
            ]
            broken = Fault(*fault) if isinstance(fault, tuple) else None
            frame: Request | Response
            if isinstance(status, int):
                frame = Response(
                    status,
                    pairs,
                    str(comment),
                    transaction_id=transaction_id,
                    body=b"" if body else None,
                    offset=offset,
                    fault=broken,
                )
            else:
                frame = Request(
                    str(method),
                    pairs,
                    b"" if body else None,
                    transaction_id=transaction_id,
                    offset=offset,
                    fault=broken,
                )
            return Head(frame)
    raise AssertionError(f"piece of another form: {piece!r}")


def _octets(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text


def _path(path: PathIn) -> str:
    """The text of a path as it is, readable or not."""
    if isinstance(path, str | Uri):
        return str(path)
    return " ".join(map(str, path))


def _pairs(headers: HeadersIn) -> list[tuple[str, str]]:
    return list(headers.items() if isinstance(headers, Mapping) else headers)


def _override(lines: list[tuple[str, str]], overrides: Overrides) -> list[tuple[str, str]]:
    is_mapping = isinstance(overrides, Mapping)
    added: list[tuple[str, str]] = []
    items = overrides.items() if isinstance(overrides, Mapping) else overrides
    for name, value in items:
        places = [at for at, (known, _) in enumerate(lines) if known.lower() == name.lower()]
        if not is_mapping or (not places and value is not None):
            added.append((name, str(value)))
        elif value is None:
            lines = [line for at, line in enumerate(lines) if at not in places]
        else:
            lines = [
                (name, value) if at == places[0] else line
                for at, line in enumerate(lines)
                if at not in places[1:]
            ]
    mime = next(
        (at for at, (name, _) in enumerate(lines) if name.lower() == "content-type"), len(lines)
    )
    return [*lines[:mime], *added, *lines[mime:]]
