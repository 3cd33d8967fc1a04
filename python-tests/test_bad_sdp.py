"""Broken and hostile SDP: each is refused with an exception that names the line and the rule, and
the session is what it was."""

from __future__ import annotations

import pytest

import msrp
from covers import covers

HEAD = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
LINE = "m=message 7394 TCP/MSRP *\r\n"
PATH = "a=path:msrp://127.0.0.1:7394/theirs;tcp\r\n"
TYPES = "a=accept-types:*\r\n"
GOOD = HEAD + LINE + PATH + TYPES

INVALID: dict[str, tuple[str | bytes, str]] = {
    "nothing": ("", "no version line"),
    "no bytes": (b"", "no version line"),
    "nonsense": ("nonsense", "SDP line 1 "),
    "no path": (HEAD + LINE + TYPES, "m-line 1: attribute path is missing"),
    "no types": (HEAD + LINE + PATH, "m-line 1: attribute accept-types is missing"),
    "two paths": (HEAD + LINE + PATH + PATH + TYPES, "m-line 1: 2 path attributes"),
    "another scheme": (GOOD.replace("msrp://", "sip://"), "m-line 1: attribute path"),
    "another transport": (GOOD.replace(";tcp", ";udp"), 'transport "udp"'),
    "msrps": (GOOD.replace("msrp://", "msrps://"), "protocol TCP/MSRP but the leftmost URI is"),
    "port count": (GOOD.replace("7394 TCP", "7394/2 TCP"), "port count"),
    "fingerprint": (GOOD + "a=fingerprint:sha-256 AB\r\n", "attribute fingerprint with sha-256"),
    "NUL": (GOOD.replace("types:*", "types:*\0"), "SDP line 8 holds a NUL"),
    "CR": (GOOD.replace("types:*", "types:\r*"), "SDP line 8 holds a CR"),
    "Latin-1": (GOOD.replace("s=-", "s=café").encode("latin-1"), "SDP line 3 is not UTF-8"),
    "surrogates": (GOOD.replace("s=-", "s=caf\udce9"), "SDP line 3 is not UTF-8"),
}
TOO_LARGE: dict[str, tuple[str | bytes, str]] = {
    "attributes": (GOOD + "a=x\r\n" * 10_000, "limit of 1024 attributes"),
    "lines": (GOOD + "\r\n" * 10_000, "more than 4096 lines"),
    "media": (GOOD + "m=audio 1 RTP/AVP 0\r\n" * 1000, "limit of 64"),
    "octets": (GOOD + "a=x:" + "y" * (1 << 20), "limit of 262144"),
    "bytes": (b"\xff" * (1 << 20), "limit of 262144"),
}
CASES = [
    *(pytest.param(*case, msrp.InvalidSdp, id=name) for name, case in INVALID.items()),
    *(pytest.param(*case, msrp.LimitExceeded, id=name) for name, case in TOO_LARGE.items()),
]


def peer_of(session: msrp.Session) -> list[str]:
    return [str(uri) for uri in session.remote_path]


@pytest.mark.parametrize(("sdp", "says", "error"), CASES)
async def test_it_is_refused_and_changes_nothing(
    sdp: str | bytes, says: str, error: type[msrp.MsrpError]
) -> None:
    async with msrp.Engine() as engine, engine.session() as bob:
        before = bob.local_path
        for take in (bob.set_remote, bob.create_answer):
            with pytest.raises(error) as refused:
                take(sdp)
            assert says in str(refused.value)
            assert len(str(refused.value)) < 300
            assert "theirs" not in str(refused.value)
        with pytest.raises(error):
            await bob.prepare_remote(sdp)
        assert (bob.state, peer_of(bob), bob.local_path) == (msrp.State.NEW, [], before)
        # Nobody is known whom we could connect to.
        with pytest.raises(ValueError, match="needs the remote side"):
            await bob.open()
        # As an answer.
        offer = bob.create_offer()
        with pytest.raises(error):
            bob.set_remote(sdp)
        assert str(before[-1]) in offer
        assert peer_of(bob) == []
        bob.set_remote(GOOD.encode())
        assert peer_of(bob) == [PATH[len("a=path:") : -2]]
    covers("S-012", "S-014", "S-020", "S-030")


async def test_octets_are_as_good_as_text() -> None:
    async with msrp.Engine() as engine, engine.session() as alice, engine.session() as bob:
        answer = bob.create_answer(alice.create_offer().encode())
        alice.set_remote(answer.encode(), index=0)
        assert alice.remote_path == bob.local_path
        with pytest.raises(TypeError):
            alice.set_remote(7)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            alice.set_remote(bytearray(answer.encode()))  # type: ignore[arg-type]
