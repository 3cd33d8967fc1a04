"""The demo: a Python party and a C party chat and exchange files in one MSRP session.

The Python party makes the SDP offer, the C party (`examples/c/party.c`, with its own poll loop)
answers. The SDP texts travel over a pipe, as a SIP stack would carry them; the session itself is a
TCP or TLS connection on loopback. With TLS the parties have certificates of one CA, or, with
`--fingerprint`, certificates that they make themselves and know by the SDP. Ten chat lines go each
way, each with a success report, while a file goes from Python to C and another from C to Python.
With `--relay` all of it passes a relay (`msrp relay`, RFC 4976), at which the Python party logs in
over TLS: nobody can connect to that party, and the C party connects to the relay.
Both ends check the SHA-256 of what they got. The last line printed is `demo: ok`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msrp

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "examples" / "relay"))
import site_relay  # noqa: E402

LINES = 10
MIB = 1024 * 1024


class Screen:
    """A transcript that scrolls, with two progress bars in the last line."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._done = {"sent": 0, "received": 0}
        self._tenths = {"sent": -1, "received": -1}
        self._total = 1

    def line(self, who: str, text: str) -> None:
        """Print one line of the transcript."""
        if self._live:
            sys.stdout.write("\r\x1b[K")
        print(f"{who:>7} | {text}", flush=True)
        self._draw()

    def progress(self, direction: str, done: int, total: int) -> None:
        """Show how far a file is: `direction` is `sent` or `received`, in octets."""
        self._done[direction], self._total = done, max(total, 1)
        if self._live:
            self._draw()
            return
        tenths = 10 * done // self._total
        if tenths > self._tenths[direction]:
            self._tenths[direction] = tenths
            bar = "#" * tenths + "." * (10 - tenths)
            self.line(
                "python", f"file {direction:<8} [{bar}] {done / MIB:5.1f} of {total / MIB:.1f} MiB"
            )

    def _draw(self) -> None:
        if self._live and any(self._done.values()):
            bars = []
            for direction, done in self._done.items():
                filled = 20 * done // self._total
                bar = "#" * filled + "." * (20 - filled)
                bars.append(f"{direction} [{bar}] {100 * done // self._total:3d}%")
            sys.stdout.write("\r\x1b[K" + "   ".join(bars))
            sys.stdout.flush()


async def main() -> int:
    """Run both parties; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    security = parser.add_mutually_exclusive_group()
    security.add_argument(
        "--tls",
        action="store_true",
        help="TCP/TLS/MSRP with certificates of a CA made for this run",
    )
    security.add_argument(
        "--fingerprint",
        action="store_true",
        help="TCP/TLS/MSRP without a CA: each party makes a certificate, and the SDP names it",
    )
    security.add_argument(
        "--relay",
        action="store_true",
        help="through a relay over TLS, with a certificate of a CA made for this run",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=64,
        metavar="MIB",
        help="size of each file (default: %(default)s)",
    )
    parser.add_argument(
        "--party", type=Path, default=ROOT / "build/c/example/party", help="the C party's program"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="msrp-demo-") as name:
        folder = Path(name)
        if not arguments.relay:
            return await demo(arguments, folder)
        site_relay.make_ca(folder)
        async with site_relay.relay(folder, "localhost", "demo") as uri:
            return await demo(arguments, folder, uri)


async def demo(arguments: argparse.Namespace, folder: Path, relay: str | None = None) -> int:
    """Start the C party, make the session, run chat and files, compare."""
    screen = Screen()
    size = arguments.size * MIB
    ours, theirs = make_file(folder / "from-python", size), make_file(folder / "from-c", size)
    command = [
        arguments.party,
        "--send-file",
        folder / "from-c",
        "--recv-file",
        folder / "at-c",
        "--lines",
        str(LINES),
    ]
    tls = None
    if arguments.tls:
        make_certificates(folder)
        tls = msrp.TLSConfig(
            ca=folder / "ca.pem", cert=folder / "python.pem", key=folder / "python.key"
        )
        for option, name in (("--ca", "ca.pem"), ("--cert", "c.pem"), ("--key", "c.key")):
            command += [option, folder / name]
    elif arguments.fingerprint:
        tls = msrp.TLSConfig.self_signed("im:python@demo.invalid")
        command += ["--fingerprint", "im:c@demo.invalid"]
    relays = []
    if relay is not None:
        tls = msrp.TLSConfig(ca=folder / "ca.pem")
        relays = [msrp.RelayLogin(relay, "alice", site_relay.PASSWORDS["alice"], tls=tls)]
        command += ["--ca", folder / "ca.pem"]

    party = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert party.stdin is not None
    assert party.stdout is not None
    try:
        async with asyncio.timeout(300), msrp.Engine(tls=tls) as engine:
            session = engine.session(
                tls=bool(tls),
                accept_types=("text/plain", "application/octet-stream"),
                relays=relays,
            )
            if relays:
                path = await session.authenticate()
                screen.line("python", f"logged in to the relay at {path[0].host}")
            offer = session.create_offer()
            screen.line("python", "offer over the pipe, as a SIP stack would carry it")
            party.stdin.write(offer.encode() + b".\n")
            await party.stdin.drain()
            answer = await read_answer(party.stdout)
            screen.line(
                "c",
                "answer: " + next(line for line in answer.splitlines() if line.startswith("m=")),
            )
            if arguments.fingerprint:
                screen.line("python", "pinned: " + pinned(offer))
                screen.line("c", "pinned: " + pinned(answer))
            session.set_remote(answer)
            await session.open()
            screen.line(
                "python",
                f"session open over {'TLS' if tls else 'TCP'}{' and a relay' if relay else ''}",
            )

            started = time.monotonic()
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(read_party(party.stdout, screen))
                receiver = tasks.create_task(receive(session, folder / "at-python", size, screen))
                tasks.create_task(chat(session, screen))
                tasks.create_task(send_file(session, folder / "from-python", size, screen))
                digest = await receiver
                # Everything that C sent is here, and C has said the same of what we sent.
                party.stdin.write(b"BYE\n")
                await party.stdin.drain()
                digest_at_c = await reader
            seconds = time.monotonic() - started
            await session.close()
        status = await party.wait()
    finally:
        if party.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                party.kill()
            await party.wait()

    total = 2 * size / MIB
    rate = total / seconds
    screen.line("demo", f"{total:.0f} MiB in {seconds:.1f} s: {rate:.0f} MiB/s both ways together")
    problems = []
    if digest != theirs:
        problems.append("the file from C differs")
    if digest_at_c != ours:
        problems.append("the file from Python differs at C")
    if status != 0:
        problems.append(f"the C party ended with {status}")
    for problem in problems:
        print(f"demo: {problem}", file=sys.stderr)
    if not problems:
        print("demo: ok", flush=True)
    return 1 if problems else 0


def pinned(sdp: str) -> str:
    """The certificate that an SDP names."""
    lines = [line for line in sdp.splitlines() if line.startswith("a=fingerprint:")]
    return lines[0].partition(":")[2][:31] + "..."


async def chat(session: msrp.Session, screen: Screen) -> None:
    """Send the lines, each with a success report, and wait for all reports."""
    transfers = []
    for number in range(1, LINES + 1):
        text = f"line {number} from Python"
        transfers.append((text, await session.send(text, success_report=True)))
        screen.line("python", f"says: {text}")
    for text, transfer in transfers:
        await transfer.delivered(timeout=120)
        screen.line("python", f"knows that it was delivered: {text}")


async def send_file(session: msrp.Session, path: Path, size: int, screen: Screen) -> None:
    """Send the file and wait until C has confirmed all of it."""
    transfer = await session.send(
        path,
        "application/octet-stream",
        success_report=True,
        progress=lambda sent, total: screen.progress("sent", sent, total or size),
    )
    await transfer.delivered(timeout=240)
    screen.line("python", f"file of {size} octets delivered to C")


async def receive(session: msrp.Session, path: Path, size: int, screen: Screen) -> str:
    """Take C's lines and its file; gives the file's SHA-256."""
    lines, digest = 0, ""
    saving: asyncio.Task[int] | None = None
    while lines < LINES or saving is None:
        message = await session.recv()
        if message.content_type == "application/octet-stream":
            # The file arrives beside the chat.
            saving = asyncio.create_task(
                message.save(
                    path,
                    progress=lambda done, total: screen.progress("received", done, total or size),
                )
            )
        else:
            screen.line("python", f"hears: {await message.text()}")
            lines += 1
    length = await saving
    digest = await asyncio.to_thread(sha256, path)
    screen.line("python", f"file of {length} octets received from C, sha256 {digest[:16]}...")
    return digest


async def read_answer(stdout: asyncio.StreamReader) -> str:
    """`SDP <n>` and n octets of answer."""
    word, _, length = (await stdout.readline()).decode().partition(" ")
    if word != "SDP":
        raise RuntimeError(f"the C party gave no answer: {word!r}")
    return (await stdout.readexactly(int(length))).decode()


async def read_party(stdout: asyncio.StreamReader, screen: Screen) -> str:
    """Show what the C party tells; gives the SHA-256 of the file that it got."""
    digest = ""
    while line := (await stdout.readline()).decode().rstrip("\n"):
        word, _, rest = line.partition(" ")
        if word == "chat<":
            screen.line("c", f"hears: {rest}")
        elif word == "chat>":
            screen.line("c", f"says: {rest}")
        elif word == "delivered":
            screen.line("c", f"knows that it was delivered: {rest}")
        elif line.startswith("file received "):
            digest = line.split()[-1]
            screen.line("c", f"file received, sha256 {digest[:16]}...")
        elif word != "progress":
            screen.line("c", line)
    return digest


def make_file(path: Path, size: int) -> str:
    """Random octets; gives their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            block = os.urandom(min(MIB, size - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_certificates(folder: Path) -> None:
    """A CA for this run, and a certificate for 127.0.0.1 for each party."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        "req",
        "-x509",
        *key,
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        "-days",
        "2",
        "-subj",
        "/CN=demo CA",
    )
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n")
    for name in ("python", "c"):
        openssl(
            "req",
            *key,
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.csr",
            "-subj",
            f"/CN=demo {name}",
        )
        openssl(
            *(
                "x509",
                "-req",
                "-in",
                f"{name}.csr",
                "-CA",
                "ca.pem",
                "-CAkey",
                "ca.key",
                "-CAcreateserial",
            ),
            *("-out", f"{name}.pem", "-days", "2", "-extfile", "names"),
        )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
