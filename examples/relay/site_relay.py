"""What the examples beside this file share: certificates for one machine, and `msrp relay` as a
process.

A real site has certificates of its CA and a relay that its service manager runs; `docs/relay.md`
tells how.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

#: Where the parties' secrets come from in an example. A program asks its user.
PASSWORDS = {"alice": "wonderland", "bob": "builder"}

CONFIGURATION = """\
name = "{name}"
realm = "{realm}"
[[listen]]
address = "127.0.0.1:0"
[tls]
certificate = "{name}.pem"
key = "{name}.key"
ca = "ca.pem"
[users]
file = "{name}.users"
[next_hops]
allow = ["127.0.0.0/8"]  # others are on this machine, too
[insecure]
short_names = true       # names that mean another machine elsewhere
"""


def make_ca(folder: Path) -> None:
    """A CA for the relays of this run: `ca.pem`."""
    _openssl(folder, "req", "-x509", *_KEY, "ca.key", "-out", "ca.pem", "-subj", "/CN=our relays")


@asynccontextmanager
async def relay(folder: Path, name: str, realm: str) -> AsyncIterator[str]:
    """Runs `msrp relay` on this machine, for the users above; gives its URI. `name` is `localhost`
    or `127.0.0.1`: relays have different ones."""
    _make_certificate(folder, name, realm)
    _write_users(folder / f"{name}.users", realm)
    configuration = folder / f"{name}.toml"
    configuration.write_text(CONFIGURATION.format(name=name, realm=realm))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "msrp", "--json", "relay", "--config", str(configuration)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        port = 0
        while True:
            line = await process.stdout.readline()
            if not line:
                raise RuntimeError((await process.stderr.read()).decode())
            event = json.loads(line)
            if event["event"] == "listening":
                port = int(event["address"].rpartition(":")[2])
            elif event["event"] == "ready":
                break
        yield f"msrps://{name}:{port};tcp"
    finally:
        # Ours must not wait in a pipe that nobody reads any more.
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


def _write_users(path: Path, realm: str) -> None:
    lines = []
    for user, password in PASSWORDS.items():
        command = ("relay", "hash-password", "--user", user, "--realm", realm)
        made = subprocess.run(
            [sys.executable, "-m", "msrp", *command],
            input=f"{password}\n",
            check=True,
            capture_output=True,
            text=True,
        )
        lines.append(made.stdout)
    path.touch(mode=0o600)
    path.write_text("".join(lines))


def _make_certificate(folder: Path, name: str, realm: str) -> None:
    """For one relay: `NAME.pem`, `NAME.key`. Other relays know it by the DNS name in it."""
    names = "DNS:localhost" if name == "localhost" else f"DNS:{realm}.example,IP:{name}"
    extensions = f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n"
    (folder / f"{name}.ext").write_text(extensions)
    _openssl(folder, "req", *_KEY, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    _openssl(
        folder,
        *("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", "-days", "2"),
        *("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", f"{name}.ext"),
    )
    (folder / f"{name}.key").chmod(0o600)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")
