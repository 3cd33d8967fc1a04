"""A running Kamailio, as an MSRP relay on loopback."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

CONFIG = Path(__file__).parent / "peers" / "kamailio.cfg"
REALM = "msrp.test"
PASSWORD = "1234"


@dataclass(frozen=True)
class Kamailio:
    """Where it listens; it relays from one to the other."""

    tcp_port: int
    tls_port: int
    #: Who signed its certificate, which names 127.0.0.1 and localhost.
    ca: bytes

    @property
    def uri(self) -> str:
        """Where its clients log in without TLS."""
        return f"msrp://127.0.0.1:{self.tcp_port};tcp"

    @property
    def secure_uri(self) -> str:
        """Where they do so with TLS."""
        return f"msrps://127.0.0.1:{self.tls_port};tcp"


@contextlib.contextmanager
def run(folder: Path) -> Iterator[Kamailio]:
    """Starts one, whose files and log are in `folder`, and ends it."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    with (folder / "cert.pem").open("wb") as file:
        for pem in certificate.cert_chain_pems:
            file.write(pem.bytes())
    log = folder / "log.txt"
    # A port that is free now may be taken before Kamailio has it.
    for _ in range(5):
        ports = free_ports()
        with log.open("wb") as file:
            process = subprocess.Popen(
                command(folder, *ports),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            if listens(process, ports):
                yield Kamailio(*ports, authority.cert_pem.bytes())
                return
        finally:
            # Its processes end with their parent.
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            # Shown if a test fails.
            print(f"Kamailio's log, {log}, ends:")
            print(log.read_text(errors="replace")[-4000:])
    raise AssertionError(f"Kamailio does not listen; its log is {log}")


def command(folder: Path, tcp_port: int, tls_port: int) -> list[str]:
    text = CONFIG.read_text()
    for word, value in [("TCP_PORT", tcp_port), ("TLS_PORT", tls_port), ("FOLDER", folder)]:
        text = text.replace(f"@{word}@", str(value))
    config = folder / "kamailio.cfg"
    config.write_text(text)
    # Debian has servers where not everyone looks.
    program = shutil.which("kamailio", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program, "Kamailio is missing: Debian packages kamailio and kamailio-tls-modules"
    return [
        *(program, "-f", str(config), "-DD", "-E", "-m", "128", "-M", "8"),
        *("-P", str(folder / "pid"), "-Y", str(folder), "-w", str(folder)),
    ]


def free_ports() -> tuple[int, int]:
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return one.getsockname()[1], two.getsockname()[1]


def listens(process: subprocess.Popen[bytes], ports: tuple[int, int]) -> bool:
    """Whether it listens on these ports, once that can be told."""
    deadline = time.monotonic() + 60
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=10).close()
                break
            except OSError:
                if process.poll() is not None:
                    return False
                assert time.monotonic() < deadline, "Kamailio runs and does not listen"
                time.sleep(0.01)
    # It may be another program that has taken a port meanwhile.
    return process.poll() is None
