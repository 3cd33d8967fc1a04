"""`msrp.wire`: frames read and written, right and wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

import msrp
from covers import covers
from msrp import wire

CAPTURES = Path(__file__).resolve().parent.parent / "msrp-rs" / "tests" / "corpus" / "captures"

A = "msrp://a.example:2855/aaaaaaaaaa;tcp"
B = "msrp://b.example:2855/bbbbbbbbbb;tcp"

#: Frames that are formatted as the engine would.
FRAMES: list[wire.Request | wire.Response] = [
    wire.Request.send(A, B, "Hello", transaction_id="abcd1234", message_id="msg1"),
    wire.Request.send(A, [B, A], b"\r\n-------other$\r\n\x00\xff", success_report="yes"),
    wire.Request.send(A, B, b"x" * 5000, flag="+", byte_range=wire.ByteRange(1, None, 9000)),
    wire.Request.send(A, B, b""),
    wire.Request.send(A, B, None),
    wire.Request.send(A, B, "x", headers=[("X-A", "1"), ("X-A", "2")], flag="#"),
    wire.Request.report(B, A, "msg1", wire.ByteRange(1, 5, 5)),
    wire.Request("FOOBAR", {"To-Path": A, "From-Path": B}),
    wire.Response(200, {"To-Path": A, "From-Path": B}, "OK", transaction_id="abcd1234"),
    wire.Response(481, {"To-Path": A, "From-Path": B}),
    wire.Response(200, {"To-Path": A, "From-Path": B}, body=b"nobody reads it", flag="+"),
]
STREAM = b"".join(map(bytes, FRAMES))


def read(octets: bytes, size: int) -> list[wire.Request | wire.Response]:
    parser = wire.Parser()
    frames = []
    for at in range(0, len(octets), size):
        frames += parser.feed(octets[at : at + size])
    parser.finish()
    assert parser.offset == len(octets)
    return frames


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1 << 20])
def test_what_is_formatted_is_read_at_any_split(size: int) -> None:
    frames = read(STREAM, size)
    assert frames == FRAMES
    assert b"".join(frame.raw or b"" for frame in frames) == STREAM
    at = 0
    for frame in frames:
        assert frame.offset == at
        at += len(bytes(frame))
    covers("C-002", "C-009", "C-011", "C-015", "C-016", "C-018")


def test_every_place_is_a_place_to_split() -> None:
    stream = b"\r\n" + b"".join(map(bytes, [FRAMES[1], FRAMES[4], FRAMES[8]])) + b"\r\n"
    for at in range(len(stream) + 1):
        parser = wire.Parser()
        frames = parser.feed(stream[:at]) + parser.feed(stream[at:])
        parser.finish()
        assert frames == [FRAMES[1], FRAMES[4], FRAMES[8]]
    covers("C-016", "C-019")


@pytest.mark.parametrize("size", [1, 1000, 1 << 16])
def test_pieces_of_a_body_come_as_they_are_fed(size: int) -> None:
    parser = wire.EventParser()
    request = FRAMES[2]
    octets = bytes(request)
    pieces: list[wire.Piece] = []
    for at in range(0, len(octets), size):
        pieces += parser.feed(octets[at : at + size])
    first, last = pieces[0], pieces[-1]
    assert isinstance(first, wire.Head)
    assert first.frame.headers == request.headers
    assert last == wire.End("+", len(octets))
    bodies = [piece.data for piece in pieces[1:-1] if isinstance(piece, wire.Body)]
    assert len(bodies) == len(pieces) - 2
    assert b"".join(bodies) == request.body
    assert all(bodies)


#: Whole directions: an excerpt has a third part in its name, and no facts of its own.
WHOLE = sorted(path for path in CAPTURES.glob("*/*.bin") if path.stem.count(".") == 1)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_captures(path: Path) -> None:
    """Traffic of other implementations: the counts are those of the recording."""
    name, direction = path.stem.split(".")
    facts = json.loads((path.parent / f"{name}.json").read_text())
    facts = facts.get("directions", facts)[direction]
    octets = path.read_bytes()
    parser = wire.Parser(max_body=64 * 1024 * 1024)
    frames: Sequence[wire.Frame]
    try:
        frames = parser.feed(octets)
        parser.finish()
        is_sound, broken_at = True, 0
    except wire.ParseError as error:
        frames = error.frames
        is_sound = False
        broken_at = error.offset
    assert broken_at <= len(octets)
    assert is_sound == facts["well_formed"]
    if is_sound:
        counts: dict[str, int] = {}
        for frame in frames:
            assert isinstance(frame, wire.Request | wire.Response)
            key = frame.method or str(frame.status)
            counts[key] = counts.get(key, 0) + 1
        assert counts == {str(key): count for key, count in facts["counts"].items()}
        assert b"".join(frame.raw or b"" for frame in frames) == octets


def outcome(octets: bytes, size: int) -> tuple[list[wire.Frame], int | None]:
    """The frames of a stream, and where it breaks."""
    parser = wire.Parser()
    frames: list[wire.Frame] = []
    try:
        for at in range(0, len(octets), size):
            frames += parser.feed(octets[at : at + size])
        parser.finish()
    except wire.ParseError as error:
        return frames + list(error.frames), error.offset
    return frames, None


def test_damaged_streams_read_the_same_at_any_split() -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    good = b"".join(map(bytes, FRAMES[:2] + FRAMES[3:]))
    for _ in range(300):
        octets = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(octets))
            kind = chance.randrange(3)
            if kind == 0:
                octets[at] = chance.randrange(256)
            elif kind == 1:
                del octets[at : at + chance.randint(1, 20)]
            else:
                octets[at:at] = chance.choice([b"\r", b"\n", b"\r\n", b"-------", b"MSRP ", b"\0"])
        damaged = bytes(octets)
        whole = outcome(damaged, len(damaged) or 1)
        assert whole == outcome(damaged, 1) == outcome(damaged, chance.randint(2, 50)), seed


def test_a_broken_stream_says_where() -> None:
    parser = wire.Parser()
    good = bytes(FRAMES[0])
    with pytest.raises(wire.ParseError, match="expected a start line") as caught:
        parser.feed(good + b"junk" + good)
    error = caught.value
    assert error.frames == (FRAMES[0],)
    assert (error.offset, error.frame_offset) == (len(good), len(good))
    assert isinstance(error, msrp.ProtocolError)
    assert isinstance(error, ValueError)
    assert error.origin == "remote"
    with pytest.raises(wire.ParseError, match="expected a start line"):
        parser.feed(b"")
    with pytest.raises(wire.ParseError, match="expected a start line"):
        parser.finish()

    parser = wire.Parser()
    parser.feed(good[:-1])
    with pytest.raises(wire.ParseError, match="expected an end-line") as caught:
        parser.finish()
    assert caught.value.offset == len(good) - 1


def test_a_fault_in_a_sound_frame_is_told_and_goes_on() -> None:
    broken = FRAMES[0].with_headers({"Byte-Range": "*-5/5"})
    first, second = wire.Parser().feed(bytes(broken) + bytes(FRAMES[0]))
    assert first.fault is not None
    octets = bytes(broken)
    assert first.fault.offset == octets.index(b"*-5/5")
    assert "range start" in first.fault.expected
    assert first == broken
    with pytest.raises(wire.ParseError, match="range start"):
        _ = first.byte_range
    assert second.fault is None
    covers("C-044")


def test_a_body_beyond_its_bound_ends_the_stream() -> None:
    parser = wire.Parser(max_body=4)
    assert parser.feed(bytes(wire.Request.send(A, B, "four")))
    with pytest.raises(wire.ParseError, match="more than max_body 4 octets"):
        parser.feed(bytes(FRAMES[0]))
    limits = msrp.Limits(header_line=64)
    with pytest.raises(wire.ParseError, match="end of the header line"):
        wire.Parser(limits=limits).feed(bytes(FRAMES[0].with_headers({"X": "y" * 64})))


def test_wrong_frames_are_formatted_as_asked() -> None:
    request = wire.Request.send(A, B, "Hello", transaction_id="abcd1234", message_id="msg1")
    octets = bytes(request)
    head = (
        f"To-Path: {A}\r\nFrom-Path: {B}\r\nMessage-ID: msg1\r\nByte-Range: 1-5/5\r\n"
        "Content-Type: text/plain\r\n\r\nHello\r\n"
    )
    assert octets == f"MSRP abcd1234 SEND\r\n{head}-------abcd1234$\r\n".encode()
    assert request.format(end_line="------abcd1234$") == octets.replace(b"-------", b"------")
    assert request.format(end_line=b"").endswith(b"Hello\r\n")
    assert request.format(start_line=b"MSRP") == octets.replace(b"MSRP abcd1234 SEND", b"MSRP")
    assert request.format(newline="\n") == octets.replace(b"\r\n", b"\n")
    assert bytes(request.replace(flag="!?")).endswith(b"-------abcd1234!?\r\n")
    assert b"\r\nX: \xff\r\n" in bytes(request.with_headers({"X": "\udcff"}))
    swapped = request.replace(headers=[("From-Path", B), ("To-Path", A)])
    assert bytes(swapped).startswith(f"MSRP abcd1234 SEND\r\nFrom-Path: {B}\r\n".encode())
    assert wire.Parser().feed(bytes(swapped)) == [swapped]


def test_headers_are_overridden_left_out_and_added() -> None:
    request = wire.Request.send(
        A, B, "x", headers={"to-path": "junk", "Message-ID": None, "X-New": "1"}
    )
    names = [name for name, _ in request.headers.pairs()]
    assert names == ["to-path", "From-Path", "Byte-Range", "X-New", "Content-Type"]
    assert request.to_path == "junk"
    assert request.message_id is None
    twice = wire.Request.send(A, B, "x", headers=[("Message-ID", "m")])
    assert [name for name, _ in twice.headers.pairs()].count("Message-ID") == 2


def test_responses_go_where_an_endpoint_sends_them() -> None:
    request = wire.Request.send([B, A], [A, B], "x", transaction_id="abcd1234")
    response = wire.Response.to(request, 413)
    assert response.start_line == "MSRP abcd1234 413 Message Too Large"
    assert (response.to_path, response.from_path) == (A, B)
    other = wire.Response.to(request.replace(method="NICKNAME"))
    assert other.to_path == f"{A} {B}"
    assert (request.status, response.method) == (None, None)


def test_values() -> None:
    assert str(wire.ByteRange()) == "1-*/*"
    assert wire.ByteRange.parse("5-8/*") == wire.ByteRange(5, 8, None)
    assert wire.ByteRange.of(b"abc", 4, 10) == wire.ByteRange(5, 7, 10)
    with pytest.raises(wire.ParseError, match="at octet 2") as caught:
        wire.ByteRange.parse("1-/5")
    assert caught.value.offset == 2
    path = wire.UriPath(f"{A} {B}")
    assert path == (wire.Uri(A), wire.Uri(B)) == wire.UriPath.parse(f" {A}  {B} ")
    assert str(path) == f"{A} {B}"
    assert wire.UriPath(wire.Uri(A)) == (wire.Uri(A),)
    with pytest.raises(wire.ParseError, match="at octet 0"):
        wire.UriPath.parse("http://x")
    with pytest.raises(msrp.InvalidUri):
        wire.UriPath("http://x")
    with pytest.raises(ValueError, match="needs a URI"):
        wire.UriPath([])
    assert len({wire.new_id() for _ in range(1000)}) == 1000


def test_texts_for_people() -> None:
    request = wire.Request.send(A, B, b"x" * 5000, transaction_id="abcd1234")
    assert repr(request) == "<MSRP abcd1234 SEND 5000 octets $>"
    assert A not in repr(request)
    assert "(5000 octets of body in all)" in str(request)
    assert str(FRAMES[4]).startswith(f"MSRP {FRAMES[4].transaction_id} SEND\nTo-Path: {A}\n")
    assert hash(FRAMES[0]) == hash(FRAMES[0].replace())


def test_a_broken_parser_keeps_nothing() -> None:
    parser = wire.Parser()
    with pytest.raises(wire.ParseError):
        parser.feed(b"no frame at all\r\n")
    for _ in range(3):
        with pytest.raises(wire.ParseError):
            parser.feed(bytes(1000))
    assert len(parser._held) == 0
