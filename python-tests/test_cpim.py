"""message/cpim: who it names as its senders, and what a gateway needs of its sessions."""

from __future__ import annotations

import hashlib

import pytest
import trustme

import msrp
from covers import covers
from msrp import cpim
from msrp.testing import pair


def wrap(sender: str, content: bytes, content_type: str = "text/plain") -> bytes:
    head = f"From: {sender}\r\nTo: <im:x@y>\r\n\r\nContent-Type: {content_type}\r\n\r\n"
    return head.encode() + content


async def test_trust_is_a_sessions_own_and_nested_senders_are_a_chain() -> None:
    """Two peers write the same names; only one of them has proved something."""
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1", "localhost")
    shown = msrp.TLSConfig(
        ca=authority.cert_pem.bytes(),
        cert=b"".join(pem.bytes() for pem in made.cert_chain_pems),
        key=made.private_key_pem.bytes(),
    )
    asking = msrp.TLSConfig(
        ca=authority.cert_pem.bytes(), cert=shown.cert, key=shown.key, client_auth="require"
    )
    body = wrap("Desk <im:desk@b>", wrap('"Alice" <im:alice@a>', b"hi"), "message/cpim")
    cpim_only = {"accept_types": ["message/cpim"], "accept_wrapped_types": ["*"]}
    async with (
        msrp.Engine() as engine,
        pair(
            engine,
            offerer={"tls": shown, "setup": "active", **cpim_only},
            answerer={"tls": asking, "setup": "passive", **cpim_only},
        ) as (proven, by_proven),
        pair(engine, offerer=cpim_only, answerer=cpim_only) as (other, by_other),
    ):
        named = []
        for sender, receiver in ((proven, by_proven), (other, by_other)):
            await sender.send(body, content_type="message/cpim")
            message = await receiver.recv()
            assert message.content_type == "message/cpim"
            named.append(cpim.senders(await message.read()))
        chain = [cpim.Sender("Desk", "im:desk@b"), cpim.Sender("Alice", "im:alice@a")]
        assert named == [chain, chain]
        certificate = by_proven.peer_certificate
        assert certificate is not None
        assert certificate.proof == "ca"
        assert hashlib.sha256(certificate.der).digest().hex(":").upper() in certificate.fingerprint
        assert by_other.peer_certificate is None
    covers("C-288")


async def test_a_gateway_asks_for_wrapped_messages_and_keeps_its_sessions_apart() -> None:
    async with (
        msrp.Engine() as engine,
        pair(engine, offerer={"accept_types": ["message/cpim", "text/plain"]}, answerer={}) as (
            gateway,
            peer,
        ),
        pair(engine, offerer={"accept_types": ["message/cpim"], "accept_wrapped_types": ["*"]}) as (
            strict,
            other,
        ),
    ):
        for session, first in ((peer, "message/cpim text/plain"), (other, "message/cpim")):
            assert session.remote_description is not None
            assert session.remote_description.accept_types == tuple(first.split())
        with pytest.raises(msrp.UnacceptedType):
            await other.send("not wrapped")
        bodies = [wrap(f"<im:{name}@a>", name.encode()) for name in ("one", "two")]
        for sender, body in ((peer, bodies[0]), (other, bodies[1])):
            transfer = await sender.send(body, content_type="message/cpim")
            await transfer.acknowledged()
        for session, body in ((gateway, bodies[0]), (strict, bodies[1])):
            assert await (await session.recv()).read() == body
        # Each has its own state: one ends, the other goes on.
        await peer.close()
        with pytest.raises(msrp.SessionClosed):
            await gateway.recv()
        assert gateway.state is msrp.State.CLOSED
        await other.send(bodies[1], content_type="message/cpim")
        assert await (await strict.recv()).read() == bodies[1]
    covers("C-290")


def test_what_cannot_be_read_is_named_with_its_place() -> None:
    with pytest.raises(cpim.ParseError, match="expected a From header at octet 0") as caught:
        cpim.senders(b"To: <im:a@b>\r\n\r\n\r\n")
    assert caught.value.offset == 0
    with pytest.raises(cpim.ParseError, match="no more than 8 nested messages"):
        cpim.senders(wrap("<im:a@b>", b"", "message/cpim") * 8)
    assert "alice" not in repr(cpim.senders(wrap("alice <im:alice@a>", b"")))
