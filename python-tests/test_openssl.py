"""`openssl s_client` and `s_server` speak MSRP over TLS with an engine, in both roles."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import msrp
from covers import covers
from msrp import wire

FRAME = re.compile(rb"MSRP (\S+) [^\r\n]*\r\n.*?-------\1[$+#]\r\n", re.DOTALL)
VERSIONS = ["1.2", "1.3"]


class OpenSSL:
    """A running `openssl` that does TLS: what is written to it goes into the connection, and what
    comes from there can be read, behind what it says of the connection itself."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said = b""

    @classmethod
    @contextlib.asynccontextmanager
    async def run(cls, *arguments: str) -> AsyncIterator[OpenSSL]:
        process = await asyncio.create_subprocess_exec(
            "openssl",
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            yield cls(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def until(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Reads until it has said this, and drops all up to the end of it."""
        async with asyncio.timeout(30):
            while not (found := pattern.search(self.said)):
                assert self.process.stdout is not None
                octets = await self.process.stdout.read(65536)
                assert octets, f"openssl ended: {self.said.decode(errors='replace')}"
                self.said += octets
        self.said = self.said[found.end() :]
        return found

    async def frame(self) -> wire.Request | wire.Response:
        """The next request or response that came."""
        found = await self.until(FRAME)
        (frame,) = wire.Parser().feed(found[0])
        return frame

    async def write(self, frame: wire.Frame) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(bytes(frame))
        await self.process.stdin.drain()

    async def serve(self) -> wire.Request:
        """Takes the next request and answers it 200."""
        request = await self.frame()
        assert isinstance(request, wire.Request)
        await self.write(wire.Response.to(request))
        return request

    async def port(self) -> int:
        return int((await self.until(re.compile(rb"ACCEPT 127\.0\.0\.1:(\d+)\r?\n")))[1])

    async def end(self) -> str:
        """Waits for its end; the rest of what it said."""
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            rest = await self.process.stdout.read()
            await self.process.wait()
        return (self.said + rest).decode(errors="replace")


@dataclasses.dataclass(frozen=True)
class Material:
    """Certificates that openssl made: of a CA, and one that signs itself."""

    folder: Path

    def __getitem__(self, name: str) -> str:
        """The path of a file."""
        return str(self.folder / name)

    def openssl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout

    def fingerprint(self, name: str) -> str:
        """As openssl computes it, in the form of SDP."""
        text = self.openssl("x509", "-in", name, "-noout", "-fingerprint", "-sha256")
        return "sha-256 " + text.strip().partition("=")[2]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    made = Material(tmp_path_factory.mktemp("openssl"))
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    rsa = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    for ca in ("ca", "other"):
        subject = ("-subj", f"/CN=the-{ca}")
        files = ("-keyout", f"{ca}.key", "-out", f"{ca}.pem")
        made.openssl("req", "-x509", *rsa, *files, *subject)
    (made.folder / "names").write_text(f"{names}\nbasicConstraints=CA:FALSE\n")
    for name, ca in (("server", "ca"), ("client", "ca"), ("stranger", "other")):
        files = ("-keyout", f"{name}.key", "-out", f"{name}.csr")
        made.openssl("req", *rsa[:3], *files, "-subj", f"/CN=the-{name}")
        by = ("-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-extfile", "names")
        made.openssl("x509", "-req", "-in", f"{name}.csr", *by, "-out", f"{name}.pem", "-days", "2")
    files = ("-keyout", "self.key", "-out", "self.pem")
    made.openssl("req", "-x509", *rsa, *files, "-subj", "/CN=itself", "-addext", names)
    return made


def sdp(port: int, setup: str, fingerprint: str) -> str:
    """What the side of openssl says of itself."""
    return (
        f"m=message {port} TCP/TLS/MSRP *\r\nc=IN IP4 127.0.0.1\r\n"
        f"a=setup:{setup}\r\na=path:{path(port)}\r\na=accept-types:*\r\n"
        f"a=fingerprint:{fingerprint}\r\n"
    )


def path(port: int) -> str:
    return f"msrps://127.0.0.1:{port}/openssl1234;tcp"


async def both_ways(session: msrp.Session, peer: OpenSSL) -> None:
    """A message of each side, each answered by the other."""
    transfer = await session.send("from the engine")
    while (request := await peer.serve()).body != b"from the engine":
        # Bodiless: the first request of a session.
        assert not request.body
    await transfer.acknowledged()
    answer = wire.Request.send(request.from_path, request.to_path, "from openssl")
    await peer.write(answer)
    message = await session.recv()
    assert await message.text() == "from openssl"
    response = await peer.frame()
    assert (response.status, response.transaction_id) == (200, answer.transaction_id)


def options(version: str) -> tuple[str, ...]:
    return (f"-tls{version.replace('.', '_')}",)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
async def test_the_engine_connects_to_s_server(
    material: Material, version: str, mutual: bool
) -> None:
    config = msrp.TLSConfig(ca=material["ca.pem"])
    demand: tuple[str, ...] = ()
    if mutual:
        config = dataclasses.replace(
            config, cert=material["client.pem"], key=material["client.key"]
        )
        demand = ("-Verify", "2", "-verify_return_error", "-CAfile", material["ca.pem"])
    own = ("-cert", material["server.pem"], "-key", material["server.key"])
    async with (
        OpenSSL.run(
            "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", *own, *options(version), *demand
        ) as server,
        msrp.Engine() as engine,
        engine.session(tls=config, setup="active") as session,
    ):
        session.set_remote_path(path(await server.port()), active=True)
        opening = asyncio.create_task(session.open())
        told = await server.until(
            re.compile(rb"(?s)-----END SSL SESSION PARAMETERS-----.*?(?=MSRP )")
        )
        if mutual:
            assert b"the-client" in told[0]
        first = await server.serve()
        assert first.from_path == str(session.local_path[0])
        await opening
        await both_ways(session, server)
        shown = session.peer_certificate
        assert shown is not None
        assert (shown.subject, shown.issuer) == ("CN=the-server", "CN=the-ca")
        assert shown.names == ("DNS:localhost", "IP:127.0.0.1")
        assert shown.proof == "ca-and-name"
        assert shown.not_after - shown.not_before == dt.timedelta(days=2)
    covers("C-079", "C-270")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mutual", [False, True], ids=["server", "mutual"])
async def test_s_client_connects_to_the_engine(
    material: Material, version: str, mutual: bool
) -> None:
    config = msrp.TLSConfig(cert=material["server.pem"], key=material["server.key"])
    own: tuple[str, ...] = ()
    if mutual:
        config = dataclasses.replace(config, ca=material["ca.pem"], client_auth="require")
        own = ("-cert", material["client.pem"], "-key", material["client.key"])
    async with (
        msrp.Engine() as engine,
        engine.session(tls=config, setup="passive") as session,
    ):
        session.set_remote_path(path(9), active=False)
        opening = asyncio.create_task(session.open())
        uri = session.local_path[0]
        connect: tuple[str, ...] = (
            *("s_client", "-connect", f"127.0.0.1:{uri.port}", "-verify_ip", "127.0.0.1"),
            *("-CAfile", material["ca.pem"], "-verify_return_error", *options(version)),
        )
        if mutual:
            # Without a certificate, and with one of another CA.
            for wrong, alert in (
                ((), "certificate required"),
                (
                    ("-cert", material["stranger.pem"], "-key", material["stranger.key"]),
                    "unknown ca",
                ),
            ):
                async with OpenSSL.run(*connect, *wrong) as client:
                    said = await client.end()
                    assert alert in said, said
        async with OpenSSL.run(*connect, *own) as client:
            await client.until(re.compile(rb"TLSv" + version.encode() + rb", Cipher is "))
            await client.write(wire.Request.send(str(uri), path(9), None))
            await opening
            assert (await client.frame()).status == 200
            await both_ways(session, client)
            shown = session.peer_certificate
            if mutual:
                assert shown is not None
                assert (shown.subject, shown.proof) == ("CN=the-client", "ca")
                assert shown.fingerprint == material.fingerprint("client.pem")
            else:
                assert shown is None
    covers("C-079", "C-270")


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_key_log_is_that_of_openssl(
    material: Material, version: str, tmp_path: Path
) -> None:
    config = msrp.TLSConfig(
        cert=material["server.pem"], key=material["server.key"], keylog=tmp_path / "ours"
    )
    async with (
        msrp.Engine() as engine,
        engine.session(tls=config, setup="passive") as session,
    ):
        session.set_remote_path(path(9), active=False)
        opening = asyncio.create_task(session.open())
        uri = session.local_path[0]
        async with OpenSSL.run(
            *("s_client", "-connect", f"127.0.0.1:{uri.port}", "-CAfile", material["ca.pem"]),
            *("-keylogfile", str(tmp_path / "theirs"), *options(version)),
        ) as client:
            await client.write(wire.Request.send(str(uri), path(9), None))
            await opening
    ours, theirs = (
        {
            line.lower()
            for line in (tmp_path / name).read_text().splitlines()
            if line and not line.startswith("#")
        }
        for name in ("ours", "theirs")
    )
    assert ours == theirs
    assert (tmp_path / "ours").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("version", VERSIONS)
async def test_fingerprints_with_s_server(material: Material, version: str, tmp_path: Path) -> None:
    config = msrp.TLSConfig.self_signed("im:alice@example.com", "alice.example.com")
    assert isinstance(config.cert, bytes)
    (tmp_path / "ours.pem").write_bytes(config.cert)
    own = ("-cert", material["self.pem"], "-key", material["self.key"])
    demand: tuple[str, ...] = (
        "-Verify",
        "1",
        "-verify_return_error",
        "-CAfile",
        str(tmp_path / "ours.pem"),
    )
    for right in (True, False):
        async with (
            OpenSSL.run(
                *("s_server", "-accept", "127.0.0.1:0", "-naccept", "1"),
                *(*own, *options(version), *demand),
            ) as server,
            msrp.Engine() as engine,
            engine.session(tls=config, setup="active") as session,
        ):
            session.create_offer()
            named = material.fingerprint("self.pem" if right else "server.pem")
            session.set_remote(sdp(await server.port(), "passive", named))
            if right:
                opening = asyncio.create_task(session.open())
                assert not (await server.serve()).body
                await opening
                await both_ways(session, server)
            else:
                with pytest.raises(msrp.TlsError):
                    await session.open()
                said = await server.end()
                assert "bad certificate" in said
                assert "MSRP/" not in said
                assert "SEND" not in said
    covers("C-273", "C-274", "S-107", "S-116")


@pytest.mark.parametrize("version", VERSIONS)
async def test_fingerprints_with_s_client(material: Material, version: str, tmp_path: Path) -> None:
    config = msrp.TLSConfig.self_signed("127.0.0.1")
    assert isinstance(config.cert, bytes)
    (tmp_path / "ours.pem").write_bytes(config.cert)
    own = ("-cert", material["self.pem"], "-key", material["self.key"])
    async with (
        msrp.Engine() as engine,
        engine.session(tls=config, setup="passive") as session,
    ):
        session.create_offer()
        session.set_remote(sdp(9, "active", material.fingerprint("self.pem")))
        opening = asyncio.create_task(session.open())
        uri = session.local_path[0]
        client: tuple[str, ...] = (
            *("s_client", "-connect", f"127.0.0.1:{uri.port}", *options(version)),
            *("-CAfile", str(tmp_path / "ours.pem"), "-verify_return_error"),
            *("-verify_ip", "127.0.0.1"),
        )
        # Another certificate than the SDP's, and none at all: told so; then the right one.
        for wrong in (("-cert", material["client.pem"], "-key", material["client.key"]), ()):
            async with OpenSSL.run(*client, *wrong) as peer:
                said = await peer.end()
                assert "alert" in said
                assert "bad certificate" in said or "certificate required" in said
                assert "MSRP" not in said
        assert not opening.done()
        async with OpenSSL.run(*client, *own) as peer:
            await peer.write(wire.Request.send(str(uri), path(9), None))
            await opening
            assert (await peer.frame()).status == 200
            await both_ways(session, peer)
    covers("C-273", "C-274", "S-115")


def test_openssl_reads_our_certificates(material: Material, tmp_path: Path) -> None:
    names = ("alice.example.com", "192.0.2.1", "2001:db8::1", "im:alice@example.com")
    config = msrp.TLSConfig.self_signed(*names, days=10)
    assert isinstance(config.cert, bytes)
    assert isinstance(config.key, bytes)
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(config.cert)
    key.write_bytes(config.key)
    assert config.fingerprints() == (material.fingerprint(str(cert)),)
    material.openssl("verify", "-x509_strict", "-CAfile", str(cert), str(cert))
    material.openssl("pkey", "-in", str(key), "-check", "-noout")
    text = material.openssl("x509", "-in", str(cert), "-noout", "-text")
    assert (
        "DNS:alice.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1,"
        " URI:im:alice@example.com" in text
    )
    assert "Signature Algorithm: ecdsa-with-SHA256" in text
    assert "NIST CURVE: P-256" in text
    # It ends within the tenth day from now.
    material.openssl("x509", "-in", str(cert), "-noout", "-checkend", str(9 * 86400))
    with pytest.raises(subprocess.CalledProcessError):
        material.openssl("x509", "-in", str(cert), "-noout", "-checkend", str(11 * 86400))
    covers("C-277", "S-107", "S-109", "S-117")


async def test_a_server_of_another_ca_is_told_nothing(material: Material) -> None:
    own = ("-cert", material["server.pem"], "-key", material["server.key"])
    async with (
        OpenSSL.run("s_server", "-accept", "127.0.0.1:0", "-naccept", "1", *own) as server,
        msrp.Engine() as engine,
        engine.session(tls=msrp.TLSConfig(ca=material["other.pem"])) as session,
    ):
        session.set_remote_path(path(await server.port()), active=True)
        with pytest.raises(msrp.TlsError, match=r"127\.0\.0\.1"):
            await session.open()
        assert engine.stats().bytes_sent == 0
        said = await server.end()
        assert "unknown ca" in said
        assert "SEND" not in said
    covers("C-272")


async def test_a_client_that_does_not_trust_us(material: Material) -> None:
    config = msrp.TLSConfig(cert=material["server.pem"], key=material["server.key"])
    async with (
        msrp.Engine() as engine,
        engine.session(tls=config, setup="passive") as session,
    ):
        session.set_remote_path(path(9), active=False)
        opening = asyncio.create_task(session.open())
        connect = ("s_client", "-connect", f"127.0.0.1:{session.local_path[0].port}")
        for trust in ("other.pem", "ca.pem"):
            async with OpenSSL.run(
                *connect, "-CAfile", material[trust], "-verify_return_error"
            ) as client:
                if trust == "other.pem":
                    assert "verify error" in await client.end()
                    assert not opening.done()
                else:
                    uri = session.local_path[0]
                    await client.write(wire.Request.send(str(uri), path(9), None))
                    await opening
