"""Sessions over TLS."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import trustme

import msrp
from msrp.testing import pair


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def config(authority: trustme.CA) -> msrp.TLSConfig:
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    return msrp.TLSConfig(
        ca=authority.cert_pem.bytes(),
        cert=b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
        key=certificate.private_key_pem.bytes(),
    )


async def test_chat_and_file_over_tls(config: msrp.TLSConfig) -> None:
    async with (
        msrp.Engine(tls=config) as engine,
        pair(engine, tls=True, accept_types=["*"]) as (alice, bob),
    ):
        assert alice.local_path[0].scheme == "msrps"
        assert "TCP/TLS/MSRP" in alice.local_media()
        await alice.send("Hello")
        assert await (await bob.recv()).text() == "Hello"
        data = bytes(range(256)) * 32 * 1024
        for sender, receiver in ((alice, bob), (bob, alice)):
            transfer = await sender.send(data, "application/octet-stream")
            assert await (await receiver.recv()).read() == data
            await transfer.acknowledged()


async def test_files_and_a_configuration_of_the_session(
    authority: trustme.CA, tmp_path: Path
) -> None:
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "cert.pem", append=True)
    config = msrp.TLSConfig(
        ca=tmp_path / "ca.pem", cert=tmp_path / "cert.pem", key=str(tmp_path / "key.pem")
    )
    async with (
        msrp.Engine() as engine,
        await engine.listen("127.0.0.1", tls=config) as listener,
        pair(engine, tls=config, answerer={"listener": listener}) as (alice, bob),
    ):
        await bob.send("Hello")
        assert await (await alice.recv()).text() == "Hello"


async def test_a_peer_of_another_authority_is_refused(config: msrp.TLSConfig) -> None:
    stranger = msrp.TLSConfig(ca=trustme.CA().cert_pem.bytes(), cert=config.cert, key=config.key)
    async with (
        msrp.Engine() as engine,
        engine.session(tls=stranger) as alice,
        engine.session(tls=config) as bob,
    ):
        bob.set_remote_path(alice.local_path, active=False)
        alice.set_remote_path(bob.local_path, active=True)
        waiting = asyncio.create_task(bob.open())
        with pytest.raises(msrp.TlsError):
            await alice.open()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_key_that_is_none() -> None:
    config = msrp.TLSConfig(cert=b"nonsense", key=b"nonsense")
    with pytest.raises((ValueError, msrp.TlsError)):
        async with msrp.Engine(tls=config) as engine, engine.session(tls=True):
            pass
