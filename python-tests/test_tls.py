"""Sessions over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import hashlib
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import pytest
import trustme

import msrp
from covers import covers
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


async def test_a_certificate_made_here_for_each_session() -> None:
    async with (
        msrp.Engine() as engine,
        pair(
            engine,
            offerer={"tls": msrp.TLSConfig.self_signed()},
            answerer={"tls": msrp.TLSConfig.self_signed("im:bob@example.com", "bob.example.com")},
        ) as (alice, bob),
        engine.session(tls=msrp.TLSConfig.self_signed()) as other,
    ):
        await alice.send("who am I?")
        assert await (await bob.recv()).text() == "who am I?"
        prints = {fingerprint(session) for session in (alice, bob, other)}
        assert len(prints) == 3
    covers("C-276")


def fingerprint(session: msrp.Session) -> str:
    lines = session.local_media().splitlines()
    (line,) = [line for line in lines if line.startswith("a=fingerprint:")]
    return line.removeprefix("a=fingerprint:")


async def test_fingerprints_for_hosts_that_tell_them_themselves() -> None:
    config = msrp.TLSConfig.self_signed("alice.example.com", "192.0.2.1", "2001:db8::1", days=7)
    assert config.verify == "fingerprint"
    async with msrp.Engine() as engine, engine.session(tls=config) as session:
        assert config.fingerprints() == (fingerprint(session),)
    sha256, sha384 = config.fingerprints("sha-256", "SHA-384")
    assert config.fingerprints() == (sha256,)
    assert sha384.startswith("sha-384 ")
    assert len(sha384) == len("sha-384 ") + 48 * 3 - 1
    assert msrp.TLSConfig().fingerprints() == ()
    for weak in ("md5", "md2", "sha3-256", ""):
        with pytest.raises(ValueError, match="fingerprint"):
            config.fingerprints(weak)
    with pytest.raises(ValueError, match="cert"):
        msrp.TLSConfig(cert=b"nonsense", key=b"nonsense").fingerprints()
    covers("S-107")


@pytest.mark.parametrize(
    "name", ["msrps://alice.example.com/abc;tcp", "", "alice bob", "im:", "im:a b", "x" * 300]
)
def test_what_is_no_name_of_a_certificate(name: str) -> None:
    with pytest.raises(ValueError, match="certificate"):
        msrp.TLSConfig.self_signed(name)


def test_what_a_configuration_refuses() -> None:
    for days in (0, 36501, -1, 2**40):
        with pytest.raises(ValueError, match="days"):
            msrp.TLSConfig.self_signed(days=days)
    with pytest.raises(TypeError, match="key is made here"):
        msrp.TLSConfig.self_signed(key=b"")
    with pytest.raises(TypeError):
        msrp.TLSConfig.self_signed(unknown=1)
    with pytest.raises(ValueError, match="'ca', 'fingerprint' or 'none', not 'None'"):
        msrp.TLSConfig(verify="None")  # type: ignore[arg-type]
    for option in ("client_auth", "min_version", "max_version"):
        with pytest.raises(ValueError, match=f"{option} is '"):
            msrp.TLSConfig(**{option: "1.1"})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sequence"):
        msrp.TLSConfig(peer_fingerprints="sha-256 AB")
    with pytest.raises(ValueError, match="together"):
        msrp.TLSConfig(cert=b"")
    for wrong in ({"ca": ssl.create_default_context()}, {"cert": 1, "key": b""}):
        with pytest.raises(TypeError, match="PEM"):
            msrp.TLSConfig(**wrong)


@pytest.mark.parametrize(
    ("option", "value", "error"),
    [
        ("peer_fingerprints", ["sha-256 AB"], ValueError),
        ("peer_fingerprints", ["md5 " + ":".join(["AB"] * 16)], ValueError),
        ("peer_fingerprints", [1], TypeError),
        ("peer_names", "yes", TypeError),
        ("keylog", 1, TypeError),
        ("server_name", 1, TypeError),
        ("server_name", "no name", ValueError),
        ("ca", "/nowhere/ca.pem", ValueError),
    ],
)
async def test_what_a_session_refuses(option: str, value: object, error: type[Exception]) -> None:
    config = msrp.TLSConfig.self_signed(**{option: value})  # type: ignore[arg-type]
    async with msrp.Engine() as engine:
        with pytest.raises(error):
            engine.session(tls=config)


async def test_versions(config: msrp.TLSConfig) -> None:
    only = {
        version: dataclasses.replace(config, min_version=version, max_version=version)
        for version in ("1.2", "1.3")
    }
    async with msrp.Engine() as engine:
        for one in only.values():
            async with pair(engine, tls=one) as (alice, bob):
                await alice.send("Hello")
                await bob.recv()
        with pytest.raises(msrp.TlsError, match=r"(?i)version"):
            async with pair(
                engine,
                offerer={"tls": only["1.2"], "setup": "active"},
                answerer={"tls": only["1.3"]},
            ):
                pass


async def test_what_nobody_verified_is_counted(config: msrp.TLSConfig) -> None:
    anyone = dataclasses.replace(config, verify="none")
    async with msrp.Engine() as engine:
        async with pair(engine, tls=config):
            assert engine.stats().tls_unverified == 0
        async with pair(engine, tls=anyone):
            assert engine.stats().tls_unverified >= 1


TROUBLES = [
    ("another CA", "no CA that is trusted has signed it"),
    ("another name", "it is not for elsewhere.example"),
    ("another version", "no version of TLS in common"),
    ("our CA is unknown to the peer", "the peer sent the alert unknown_ca"),
    ("known by another fingerprint", "its fingerprint is not that of tls.fingerprints"),
]


@pytest.mark.parametrize(("trouble", "text"), TROUBLES)
async def test_errors_say_what_is_wrong(config: msrp.TLSConfig, trouble: str, text: str) -> None:
    stranger = trustme.CA().cert_pem.bytes()
    asking = dataclasses.replace(config, client_auth="require", ca=stranger)
    ours, theirs = {
        "another CA": (dataclasses.replace(config, ca=stranger), config),
        "another name": (dataclasses.replace(config, server_name="elsewhere.example"), config),
        "another version": (
            dataclasses.replace(config, max_version="1.2"),
            dataclasses.replace(config, min_version="1.3"),
        ),
        "our CA is unknown to the peer": (config, asking),
        "known by another fingerprint": (
            dataclasses.replace(
                config, peer_fingerprints=msrp.TLSConfig.self_signed().fingerprints()
            ),
            config,
        ),
    }[trouble]
    error = await refused(ours, theirs)
    assert isinstance(error, msrp.TlsError)
    assert text in str(error)
    if "certificate is refused" in str(error):
        # Which one, of whom, for whom, and when.
        for part in (
            "127.0.0.1:",
            'subject "',
            'issuer "',
            "IP:127.0.0.1",
            "valid from 20",
            "sha-256 ",
        ):
            assert part in str(error)
    assert text.replace("elsewhere.example", "HOST") in documented()


async def refused(
    ours: msrp.TLSConfig, theirs: msrp.TLSConfig, change: Callable[[str], str] = str
) -> Exception:
    """What the side that connects says; `change` is what happens to the answer on its way."""
    async with (
        msrp.Engine() as engine,
        engine.session(tls=ours, setup="active") as alice,
        engine.session(tls=theirs, setup="passive") as bob,
    ):
        answer = bob.create_answer(alice.create_offer())
        waiting = asyncio.create_task(bob.open())
        with pytest.raises(msrp.MsrpError) as caught:
            alice.set_remote(change(answer))
            await alice.open()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    return caught.value


def documented() -> str:
    """What docs/tls.md says of errors."""
    text = (Path(__file__).parent.parent / "docs" / "tls.md").read_text()
    return text.partition("## When it fails")[2].partition("\n## ")[0]


async def test_errors_of_fingerprints_say_what_is_wrong() -> None:
    ours, theirs = msrp.TLSConfig.self_signed(), msrp.TLSConfig.self_signed()
    (right,), (wrong,) = theirs.fingerprints(), ours.fingerprints()
    for change, text in (
        (
            lambda answer: answer.replace(right, wrong),
            "its fingerprint is not that of the peer's SDP",
        ),
        (lambda answer: answer.replace("a=fingerprint:", "a=x-print:"), "peer gave no fingerprint"),
    ):
        error = await refused(ours, theirs, change)
        assert text in str(error)
        assert text in documented()
    covers("C-274")


@pytest.mark.parametrize(
    ("says", "patience", "text"),
    [
        (b"MSRP abcd 400\r\n", 30, "the peer speaks MSRP without TLS"),
        (b"", 0.5, "no handshake within"),
    ],
)
async def test_a_port_that_does_not_speak_tls(
    config: msrp.TLSConfig, says: bytes, patience: float, text: str
) -> None:
    heard = bytearray()

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        while octets := await reader.read(4096):
            heard.extend(octets)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    limits = msrp.Limits(tls_handshake=patience)
    try:
        async with (
            msrp.Engine(limits=limits) as engine,
            engine.session(tls=config) as alice,
        ):
            alice.set_remote_path(f"msrps://127.0.0.1:{port}/abcd1234;tcp", active=True)
            with pytest.raises(msrp.TlsError, match=text):
                await alice.open()
            assert engine.stats().bytes_sent == 0
    finally:
        server.close()
    assert text in documented()
    assert b"MSRP" not in heard


class Tap:
    """A TCP relay that keeps what went through it, as `text2pcap` reads it."""

    def __init__(self) -> None:
        self.dump: list[str] = []
        self.target = 0

    @contextlib.asynccontextmanager
    async def listen(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        await asyncio.gather(self.pump("O", reader, back), self.pump("I", there, writer))

    async def pump(
        self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while octets := await reader.read(16384):
                self.dump.append(f"{direction}\n0000 {octets.hex(' ')}\n")
                writer.write(octets)
                await writer.drain()
        writer.close()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_tshark_decrypts_with_the_key_log(
    version: Literal["1.2", "1.3"], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = tmp_path / "keys"
    config = msrp.TLSConfig.self_signed(keylog=keys, min_version=version, max_version=version)
    tap = Tap()
    async with (
        tap.listen() as port,
        msrp.Engine() as engine,
        await engine.listen("127.0.0.1", tls=config) as listener,
    ):
        tap.target = listener.port
        answerer = {"listener": listener, "advertise": ("127.0.0.1", port), "setup": "passive"}
        async with pair(engine, tls=config, answerer=answerer) as (alice, bob):
            transfer = await alice.send("in the dark", success_report=True)
            await bob.recv()
            await transfer.delivered()
    assert f"keys of connections are written to {keys}" in caplog.text
    assert b"in the dark".hex(" ") not in "".join(tap.dump)
    (tmp_path / "dump").write_text("\n".join(tap.dump))

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout

    run("text2pcap", "-q", "-D", "-T", "40000,2855", "dump", "pcap")
    given = ("-o", f"tls.keylog_file:{keys}", "-d", "tcp.port==2855,tls")
    shown = run("tshark", "-r", "pcap", *given, "-q", "-z", "follow,tls,ascii,0")
    assert "\nin the dark\n" in shown
    assert len(re.findall(r"MSRP \w+ (?:SEND|REPORT)\b", shown)) >= 2
    assert "in the dark" not in run("tshark", "-r", "pcap", *given[2:], "-x")


async def test_mutual_authentication(authority: trustme.CA, config: msrp.TLSConfig) -> None:
    asking = dataclasses.replace(config, client_auth="require")
    bare = msrp.TLSConfig(ca=config.ca)
    async with msrp.Engine() as engine:
        async with pair(
            engine,
            offerer={"tls": config, "setup": "active"},
            answerer={"tls": asking, "setup": "passive"},
        ) as (alice, bob):
            ours, theirs = alice.peer_certificate, bob.peer_certificate
            assert ours is not None
            assert theirs is not None
            assert (ours.proof, theirs.proof) == ("ca-and-name", "ca")
            assert ours.names == ("IP:127.0.0.1", "DNS:localhost")
            assert ours.fingerprint == config.fingerprints()[0]
            assert hashlib.sha256(ours.der).digest().hex(":").upper() in ours.fingerprint
            assert "trustme" in ours.issuer
            assert ours.not_before < dt.datetime.now(dt.UTC) < ours.not_after
        # Known after its end, too.
        assert alice.state is msrp.State.CLOSED
        assert (alice.peer_certificate, bob.peer_certificate) == (ours, theirs)
        async with pair(
            engine,
            offerer={"tls": bare, "setup": "active"},
            answerer={"tls": dataclasses.replace(asking, client_auth="request")},
        ) as (alice, bob):
            assert bob.peer_certificate is None
        async with engine.session(tls=asking, setup="passive") as bob:
            opening = asyncio.create_task(bob.open())
            with pytest.raises(msrp.MsrpError, match="certificate"):
                async with engine.session(tls=bare, setup="active") as alice:
                    bob.set_remote_path(alice.local_path, active=False)
                    alice.set_remote_path(bob.local_path, active=True)
                    await alice.open()
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        with pytest.raises(ValueError, match="client_auth needs ca"):
            engine.session(tls=dataclasses.replace(asking, ca=None))


async def test_fingerprints_that_the_host_knows() -> None:
    alices, bobs = msrp.TLSConfig.self_signed(), msrp.TLSConfig.self_signed()
    ours = dataclasses.replace(alices, peer_fingerprints=bobs.fingerprints("sha-512"))
    theirs = dataclasses.replace(bobs, peer_fingerprints=alices.fingerprints())
    async with (
        msrp.Engine() as engine,
        engine.session(tls=ours) as alice,
        engine.session(tls=theirs) as bob,
    ):
        # Two paths are enough: no SDP says a fingerprint.
        bob.set_remote_path(alice.local_path, active=False)
        alice.set_remote_path(bob.local_path, active=True)
        await asyncio.gather(alice.open(), bob.open())
        assert bob.peer_certificate is not None
        assert bob.peer_certificate.proof == "fingerprint"
    wrong = dataclasses.replace(ours, peer_fingerprints=alices.fingerprints())
    async with msrp.Engine() as engine:
        with pytest.raises(msrp.TlsError, match=r"not that of tls\.fingerprints"):
            async with pair(
                engine, offerer={"tls": wrong, "setup": "active"}, answerer={"tls": bobs}
            ):
                pass


async def test_files_are_read_again(authority: trustme.CA, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    files = msrp.TLSConfig(ca=authority.cert_pem.bytes(), cert=cert, key=key)

    def renew() -> str:
        made = authority.issue_cert("127.0.0.1")
        made.private_key_pem.write_to_path(key)
        cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        return files.fingerprints()[0]

    first = renew()
    async with (
        msrp.Engine() as engine,
        await engine.listen("127.0.0.1", tls=files) as listener,
    ):

        async def shown() -> str:
            async with pair(
                engine,
                offerer={"tls": msrp.TLSConfig(ca=files.ca), "connection_sharing": "session"},
                answerer={"listener": listener},
            ) as (alice, _):
                assert alice.peer_certificate is not None
                return alice.peer_certificate.fingerprint

        assert await shown() == first
        second = renew()
        engine.reload_tls()
        assert await shown() == second != first
        cert.write_bytes(b"half a certificate")
        with pytest.raises(ValueError, match="cert"):
            engine.reload_tls()
        assert await shown() == second
    with pytest.raises(msrp.SessionClosed):
        engine.reload_tls()


def test_the_key_stays_out_of_texts() -> None:
    config = msrp.TLSConfig.self_signed("alice.example.com")
    assert isinstance(config.key, bytes)
    secret = config.key.splitlines()[1].decode()
    assert secret not in repr(config)
    assert "PRIVATE" not in repr(config)


async def test_a_key_that_is_none() -> None:
    config = msrp.TLSConfig(cert=b"nonsense", key=b"nonsense")
    with pytest.raises((ValueError, msrp.TlsError)):
        async with msrp.Engine(tls=config) as engine, engine.session(tls=True):
            pass
