"""SDP as values, and texts with several sessions."""

from __future__ import annotations

import asyncio
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import msrp
from covers import covers
from msrp import sdp

SHA256 = ":".join(["AB"] * 32)

#: An offer of a host with more than MSRP in it.
OFFER = f"""v=0\r
o=alice 7 1 IN IP4 192.0.2.1\r
s=-\r
c=IN IP4 192.0.2.1\r
t=0 0\r
a=setup:active\r
a=fingerprint:sha-256 {SHA256}\r
m=audio 4000 RTP/AVP 0 8\r
a=ptime:20\r
m=message 2855 TCP/MSRP *\r
i=a chat\r
c=IN IP6 2001:db8::1\r
a=path:msrp://[2001:db8::1]:2855/9di4eae923wzd;tcp\r
a=accept-types:message/cpim text/*\r
a=accept-wrapped-types:image/png\r
a=max-size:1000\r
a=sendonly\r
a=label:7\r
a=x-flag\r
m=message 2855 TCP/MSRP *\r
a=path:msrp://192.0.2.1:2855/second;tcp\r
a=accept-types:*\r
"""


def test_lines_are_read_as_they_stand() -> None:
    parsed = sdp.parse(OFFER)
    assert parsed.is_whole
    assert str(parsed) == OFFER
    assert parsed.attributes[0] == ("setup", "active")
    assert [line.is_msrp for line in parsed.media] == [False, True, True]
    audio, chat, second = parsed.media
    assert (audio.media, audio.port, audio.protocol, audio.formats) == (
        "audio",
        4000,
        "RTP/AVP",
        "0 8",
    )
    assert audio.text == "m=audio 4000 RTP/AVP 0 8\r\na=ptime:20\r\n"
    assert (chat.address, chat.title, second.address) == ("2001:db8::1", "a chat", "192.0.2.1")
    assert chat.values("label") == ["7"]
    assert chat.values("x-flag") == [None]
    assert chat.values("LABEL") == []
    assert str(chat) == chat.text
    assert pickle.loads(pickle.dumps(parsed)) == parsed
    covers("S-149", "S-152", "S-153")


def test_a_section_says_what_it_means() -> None:
    index, chat = sdp.parse(OFFER).select()
    assert index == 1
    assert chat == sdp.MediaDescription.parse(OFFER) == sdp.MediaDescription.parse(OFFER, 1)
    assert chat.protocol == "TCP/MSRP"
    assert [str(uri) for uri in chat.path] == ["msrp://[2001:db8::1]:2855/9di4eae923wzd;tcp"]
    assert chat.accept_types == ("message/cpim", "text/*")
    assert chat.accept_wrapped_types == ("image/png",)
    assert chat.accepts("text/html")
    assert not chat.accepts("image/png")
    assert chat.accepts_wrapped("image/png")
    assert not chat.accepts_wrapped("image/gif")
    assert chat.max_size == 1000
    # A default of the session part, and one that the section has itself.
    assert chat.setup == "active"
    assert chat.direction == "sendonly"
    assert chat.fingerprints == (sdp.Fingerprint("sha-256", bytes([0xAB] * 32)),)
    assert str(chat.fingerprints[0]) == f"sha-256 {SHA256}"
    assert (chat.title, chat.cema) == ("a chat", False)
    assert chat.attributes == (("label", "7"), ("x-flag", None))
    assert sdp.MediaDescription.parse(str(chat)) == chat
    # The session-id is a secret.
    assert "9di4eae923wzd" not in repr(chat) + repr(sdp.parse(OFFER))
    with pytest.raises(dataclasses.FrozenInstanceError):
        chat.port = 1  # type: ignore[misc]
    covers("S-041", "S-043", "S-049", "S-081", "S-147", "S-148")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("a=path:msrp://192.0.2.1:2855/second;tcp\r\n", "", "m-line 3: attribute path is missing"),
        ("a=accept-types:*\r\n", "", "m-line 3: attribute accept-types is missing"),
        ("a=label:7", "a=inactive", "m-line 2: attributes sendonly and inactive"),
        ("s=-", "y=1", "line 3 has the unknown type letter"),
        ("a=ptime:20", "ptime", "line 9 is not of the form"),
    ],
)
def test_what_breaks_a_rule_names_the_line(old: str, new: str, told: str) -> None:
    broken = OFFER.replace(old, new)
    with pytest.raises(msrp.InvalidSdp, match=told):
        for index in (1, 2):
            sdp.MediaDescription.parse(broken, index)


def test_values_break_rules_where_they_are_given() -> None:
    path = "msrp://192.0.2.1:2855/s;tcp"
    line = sdp.MediaLine(
        port=2855, protocol="TCP/MSRP", attributes=[("path", path), ("accept-types", "*")]
    )
    assert line.description().accept_types == ("*",)
    assert line.description(defaults={"setup": "passive"}).setup == "passive"
    for change, told in (
        ({"media": "audio"}, 'media "audio"'),
        ({"protocol": "UDP/FOO"}, 'protocol "UDP/FOO"'),
        ({"port_count": 2}, "port count"),
        ({"address": "a b"}, "address"),
        ({"title": "a\r\nb"}, "title"),
        ({"attributes": [("path", path)]}, "accept-types is missing"),
        ({"attributes": [("x", "a\r\nb")]}, "attribute x"),
        ({"attributes": [("path", path), ("path", path)]}, "2 path attributes"),
        ({"attributes": [("fingerprint", "sha-256 00")]}, "attribute fingerprint"),
    ):
        wrong = dataclasses.replace(line, **change)
        with pytest.raises(msrp.InvalidSdp, match=told):
            wrong.description()
    with pytest.raises(msrp.SessionClosed, match="port 0"):
        dataclasses.replace(line, port=0).description()
    covers("S-014", "S-030", "S-040")


async def test_attribute_by_attribute() -> None:
    async with (
        msrp.Engine() as engine,
        engine.session(title="a chat", attributes={"label": "7", "x-flag": None}) as alice,
        engine.session() as bob,
    ):
        ours = alice.local_attributes()
        assert (ours.media, ours.protocol, ours.formats) == ("message", "TCP/MSRP", "*")
        assert (ours.address, ours.port) == ("127.0.0.1", alice.local_path[0].port)
        assert ours.values("path") == [str(alice.local_path[0])]
        assert ours.values("setup") == ["actpass"]
        assert ours.attributes[-2:] == (("label", "7"), ("x-flag", None))
        assert bob.remote_description is None

        # As a SIP stack would carry them.
        bob.set_remote_attributes(
            sdp.MediaLine(
                port=ours.port,
                protocol=ours.protocol,
                address=ours.address,
                title=ours.title,
                attributes=[(name, value) for name, value in ours.attributes if name != "setup"],
            ),
            defaults={"setup": "active", "group": "BUNDLE 1"},
        )
        theirs = bob.remote_description
        assert theirs is not None
        assert theirs.attributes == (("label", "7"), ("x-flag", None))
        assert (theirs.title, theirs.setup) == ("a chat", "active")
        bob.set_attributes(theirs.attributes[:1])
        answer = bob.local_attributes()
        assert answer.values("setup") == ["passive"]
        assert answer.values("label") == ["7"]
        assert "a=label:7\r\n" in bob.local_media()
        alice.set_remote_attributes(answer)
        assert alice.remote_path == bob.local_path

        await asyncio.gather(alice.open(), bob.open())
        await alice.send("hello")
        assert await (await bob.recv()).text() == "hello"

        # A later offer of the same way: a hold, and its answer.
        bob.set_direction("sendonly")
        alice.set_remote_attributes(bob.offer_attributes())
        held = alice.local_attributes()
        assert held.values("recvonly") == [None]
        bob.set_remote_attributes(held)
        assert alice.direction is msrp.Direction.RECVONLY
        # Port 0: the stream is over, whatever else is said.
        bob.set_remote_attributes(sdp.MediaLine(port=0, protocol="TCP/MSRP"))
        with pytest.raises(msrp.SessionClosed):
            await bob.recv()
        assert bob.close_reason is not None
        assert bob.close_reason.kind == "stream-ended"
    covers("S-142", "S-144", "S-149", "S-153")


async def test_attributes_of_ours_cannot_be_added() -> None:
    async with msrp.Engine() as engine:
        for attributes, told in (
            ({"path": "x"}, "path cannot be added"),
            ({"a b": None}, "no token"),
            ({"x": "a\r\nb"}, "CR, LF"),
            ([("x", None)] * 129, "attributes is 129"),
            ({"x": "y" * 20000}, "16384"),
        ):
            with pytest.raises(ValueError, match=told):
                engine.session(attributes=attributes)
        with pytest.raises(ValueError, match="title"):
            engine.session(title="a\nb")
        async with engine.session() as session:
            with pytest.raises(ValueError, match="setup cannot be added"):
                session.set_attributes({"setup": "active"})


async def test_several_sessions_in_one_text() -> None:
    async with (
        msrp.Engine() as engine,
        await engine.listen("127.0.0.1") as listener,
        engine.session() as alice,
        engine.session() as carol,
        engine.session(listener=listener) as bob,
        engine.session(listener=listener) as dave,
    ):
        offer = sdp.offer([alice, carol])
        assert [line.is_msrp for line in sdp.parse(offer).media] == [True, True]
        # The host adds audio in front.
        head, block = offer.split("m=", 1)
        offer = f"{head}m=audio 4000 RTP/AVP 0\r\nm={block}"
        answer = sdp.answer(offer, {1: bob, 2: dave})
        # Those of one side share a port.
        assert [line.port for line in sdp.parse(answer).media] == [0, listener.port, listener.port]
        assert bob.remote_path == alice.local_path
        assert dave.remote_path == carol.local_path
        alice.set_remote(answer, index=1)
        carol.set_remote(answer, index=2)
        await asyncio.gather(*(one.open() for one in (alice, bob, carol, dave)))
        await alice.send("to bob")
        await dave.send("to carol")
        assert await (await bob.recv()).text() == "to bob"
        assert await (await carol.recv()).text() == "to carol"
    covers("S-007", "S-130")


async def test_an_answer_takes_all_its_lines_or_none() -> None:
    async with msrp.Engine() as engine, msrp.Engine() as other:
        bob, dave = engine.session(), engine.session()
        stranger = other.session()
        with pytest.raises(msrp.InvalidSdp, match="m-line 1"):
            sdp.answer(OFFER, {0: bob, 2: dave})
        assert bob.remote_path == dave.remote_path == ()
        for sessions, told in (
            ({}, "no session"),
            ({1: bob, 2: bob}, "given twice"),
            ({2: bob, 9: dave}, "index 9"),
            ({1: bob, 2: stranger}, "different engines"),
        ):
            with pytest.raises(ValueError, match=told):
                sdp.answer(OFFER, sessions)
            assert bob.remote_path == ()
        with pytest.raises(ValueError, match="index 0"):
            sdp.offer({1: bob})
        answer = sdp.answer(OFFER, {2: dave})
        assert [line.port != 0 for line in sdp.parse(answer).media] == [False, False, True]


async def test_a_disabled_line_is_used_again() -> None:
    async with msrp.Engine() as engine:
        first, second, third = engine.session(), engine.session(), engine.session()
        offer = sdp.offer([first])
        last = offer.replace("m=message", "m=audio 0 RTP/AVP 0\r\nm=message")
        again = sdp.offer({0: second, 1: first, 2: third}, last=last)
        paths = [line.values("path") for line in sdp.parse(again).media]
        assert paths == [[str(it.local_path[0])] for it in (second, first, third)]
        version = [int(text.splitlines()[1].split()[2]) for text in (last, again)]
        assert version[1] == version[0] + 1
        with pytest.raises(ValueError, match="in use for audio"):
            sdp.offer({0: second}, last=last.replace("audio 0", "audio 4000"))
    covers("S-132", "S-143")


def test_refusals() -> None:
    refused = sdp.refuse(OFFER)
    assert [line.port for line in sdp.parse(refused).media] == [0, 0, 0]
    assert "t=0 0\r\n" in refused
    assert sdp.refuse(OFFER, last=refused) == refused
    assert sdp.refuse(OFFER, index=1) == "m=message 0 TCP/MSRP *\r\n"
    with pytest.raises(ValueError, match="index 3"):
        sdp.refuse(OFFER, index=3)
    with pytest.raises(msrp.InvalidSdp):
        sdp.refuse("hello")
    assert sdp.refuse(OFFER.encode(), last=refused.encode()) == refused
    assert sdp.parse(OFFER.encode()) == sdp.parse(OFFER)
    with pytest.raises(msrp.InvalidSdp, match="line 3"):
        sdp.parse(OFFER.encode().replace(b"s=-", b"s=\xff"))
    covers("S-006", "S-131")


def test_check_names_every_broken_rule_with_its_line() -> None:
    broken = OFFER.replace("m=message 2855 TCP/MSRP *", "m=message 2855 TCP/MSRP text/plain", 1)
    broken = broken.replace("a=max-size:1000", "a=max-size:many")
    found = [(one.line, one.rule, one.media) for one in sdp.check(broken) if one.media == 1]
    assert (10, "format", 1) in found
    assert (16, "max-size", 1) in found
    first = next(one for one in sdp.check(broken) if one.rule == "format")
    assert first.severity is sdp.Severity.ERROR
    assert str(first) == ("line 10: error: format list does not begin with * (RFC 4975 §8.1)")
    with pytest.raises(msrp.InvalidSdp):
        sdp.parse(broken).select(1)


def test_check_has_no_errors_where_a_stream_can_be_taken() -> None:
    assert [one for one in sdp.check(OFFER) if one.severity is sdp.Severity.ERROR] == []
    assert "setup-passive" not in [one.rule for one in sdp.check(OFFER, kind="answer")]


def test_check_looks_at_an_answer_beside_its_offer() -> None:
    answer = sdp.refuse(OFFER)
    assert [one.rule for one in sdp.check(answer, offer=OFFER)] == ["port-zero", "port-zero"]
    shorter = answer[: answer.rindex("m=message")]
    assert "answer-lines" in [one.rule for one in sdp.check(shorter, offer=OFFER)]


def test_check_takes_any_octets_and_no_other_kind() -> None:
    assert sdp.check(b"\xff")[0].rule == "encoding"
    assert sdp.check("")[0].rule == "version"
    with pytest.raises(ValueError, match="kind"):
        sdp.check(OFFER, kind="question")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no offer"):
        sdp.check(OFFER, kind="offer", offer=OFFER)


async def test_wrong_arguments_are_named() -> None:
    """Neither an OverflowError of somebody else, nor an AttributeError of ours."""
    async with msrp.Engine() as engine, engine.session() as alice, engine.session() as bob:
        offer = alice.create_offer()
        calls: tuple[Callable[[Any], object], ...] = (
            lambda index: bob.create_answer(offer, index=index),
            lambda index: bob.set_remote(offer, index=index),
            lambda index: bob.prepare_remote(offer, index=index).send(None),
            lambda index: sdp.refuse(offer, index=index),
            lambda index: sdp.MediaDescription.parse(offer, index),
            lambda index: sdp.offer({index: alice}),
        )
        for index, error in ((-1, ValueError), (1 << 70, ValueError), ("0", TypeError)):
            for call in calls:
                with pytest.raises(error, match="index"):
                    call(index)
        none: Any = 5
        for call in (bob.set_remote, sdp.parse, sdp.refuse, sdp.check):
            with pytest.raises(TypeError, match="an SDP is str or bytes, not int"):
                call(none)
        with pytest.raises(TypeError, match="line is a MediaLine, not int"):
            bob.set_remote_attributes(none)
        with pytest.raises(TypeError, match=r"what Engine\.session gave, not int"):
            sdp.offer({0: none})
        for port in (-1, 65536):
            with pytest.raises(ValueError, match=f"port {port} is out of range"):
                sdp.MediaLine(port=port, protocol="TCP/MSRP")
        with pytest.raises(TypeError, match="port_count is an int, not str"):
            sdp.MediaLine(port=9, port_count="1", protocol="TCP/MSRP")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"what Engine\.listen gave, not str"):
            bob.relocate(listener="here")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"connection\.dscp is 64"):
            bob.relocate(connection=msrp.ConnectionOptions(dscp=64))
        bob.relocate(connection=msrp.ConnectionOptions(dscp=46))
        # Lone surrogates come of octets that are no text: a finding, and no error of the codec.
        assert [it.rule for it in sdp.check(offer + "\udcff")] == [
            it.rule for it in sdp.check(offer.encode() + b"\xff")
        ]


async def test_reprs_cut_session_ids() -> None:
    """Paths are secrets (RFC 4975 §14.1): `str` gives them, and `repr` does not."""
    async with msrp.Engine() as engine, engine.session() as alice, engine.session() as bob:
        offer = alice.create_offer()
        bob.set_remote(offer)
        whole = sdp.parse(offer)
        shown = (whole, whole.media, whole.select(), bob.remote_description)
        for value in (*shown, alice.local_attributes(), sdp.check(offer.replace(";tcp", ";udp"))):
            assert alice.id not in repr(value)
        assert alice.id in str(whole)
        assert alice.id in str(whole.media[0])
