"""`make bench`: how close an MSRP session comes to a plain TCP connection on this machine.

Each figure comes from two processes on loopback, a sender and a receiver. A *pair* is the bare
connection and then the session, one right after the other, so that both see the same machine;
what counts is the speed of the session as a share of the bare one, and of all pairs the median.
Python is also given as a share of Rust, measured in the same round. Times are the sender's,
from the first octet given to the last one confirmed, without start-up and connection set-up. The
bare connection reads and writes at most 64 KiB at once, and each message by a write of its own;
what TLS is compared with is a plain tokio-rustls stream.

The relay is measured by flows of its own, `--flows relay`: see relay.py.

Prints the machine, a table, and the same as lines of JSON. Nothing here passes or fails by time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import relay

ROOT = Path(__file__).resolve().parent.parent
MIB = 1024 * 1024


@dataclass(frozen=True)
class Flow:
    """What is sent, and how."""

    name: str
    text: str
    octets: int
    count: int
    window: int
    chunk_len: int = 0
    tls: bool = False

    def arguments(self) -> list[str]:
        """The same, for a party."""
        return [
            f"--octets={self.octets}",
            f"--count={self.count}",
            f"--window={self.window}",
            f"--chunk-len={self.chunk_len}",
            *(["--tls"] if self.tls else []),
        ]

    def has(self, means: str) -> bool:
        """Whether it is measured with these means. TLS costs the same behind every face."""
        return means == "rust" or not self.tls

    def rate(self, seconds: float) -> str:
        """The speed, in the unit that fits."""
        if self.count == 1:
            return f"{self.octets / MIB / seconds:8.0f} MiB/s"
        if self.window == 1:
            return f"{seconds / self.count * 1e6:8.1f} us each"
        return f"{self.count / seconds:8.0f} msg/s"


def flows(args: argparse.Namespace) -> list[Flow]:
    """The flows that were asked for."""
    size = f"{args.size / MIB:.0f} MiB"
    every = [
        Flow("large", f"one message, {size}, chunks unbounded", args.size, 1, 1),
        Flow("large-2048", f"one message, {size}, chunks of 2048", args.size, 1, 1, 2048),
        Flow("tls", f"one message, {size}, over TLS", args.size, 1, 1, tls=True),
        Flow("pipelined", "messages of 200 octets, 1024 at a time", 200, args.messages, 1024),
        Flow("serial", "messages of 200 octets, one at a time", 200, args.serial, 1),
    ]
    return [flow for flow in every if flow.name in args.flows]


def binaries() -> Path:
    """Where the programs are, built as released."""
    packages = ["-p", "msrp-bench", "-p", "msrp-cli"]
    build = ["cargo", "build", "--locked", "--quiet", "--release", *packages]
    subprocess.run(build, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def measure(parties: dict[str, list[str]], means: str, flow: Flow, deadline: float) -> float:
    """Runs a sender and a receiver; the sender's seconds."""
    ends: list[subprocess.Popen[str]] = []

    def stop() -> None:
        for party in ends:
            party.kill()

    try:
        for end in ("send", "recv"):
            ends.append(
                subprocess.Popen(
                    [*parties[means], end, *flow.arguments()],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    bufsize=1,
                )
            )
        sender, receiver = ends
        # A party that hangs must not hang us: its pipes end with it.
        timer = threading.Timer(deadline, stop)
        timer.start()
        try:
            if means != "bare":
                carry(sender, receiver)
            carry(receiver, sender)
            sent, received = (json.loads(line(party) or "{}") for party in ends)
        finally:
            timer.cancel()
    finally:
        stop()
        for party in ends:
            party.wait()
    expected = {"octets": flow.octets * flow.count, "messages": flow.count}
    for done in (sent, received):
        if {key: done.get(key) for key in expected} != expected:
            raise SystemExit(f"{flow.name} by {means}: expected {expected}, got {done}")
    return float(sent["seconds"])


def carry(from_: subprocess.Popen[str], to: subprocess.Popen[str]) -> None:
    """Takes a line from one party to the other."""
    text = line(from_)
    if not text or to.stdin is None:
        raise SystemExit("a party ended before the connection was there")
    to.stdin.write(text)
    to.stdin.flush()


def line(party: subprocess.Popen[str]) -> str:
    """The next line of a party; empty when it has ended."""
    return party.stdout.readline() if party.stdout is not None else ""


def machine() -> dict[str, Any]:
    """What this was measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].partition(":")[2].strip() if models else cpu
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    return {
        "cpu": cpu,
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "rustc": rustc.stdout.split()[1],
        "python": platform.python_version(),
    }


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    names = ["large", "large-2048", "tls", "pipelined", "serial", "relay"]
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").strip(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, one pair: does it run?")
    parser.add_argument("--pairs", type=int, help="pairs per figure (5)")
    parser.add_argument("--size", type=int, help="octets of the large message (1 GiB)")
    parser.add_argument("--messages", type=int, help="messages sent 1024 at a time (200000)")
    parser.add_argument("--serial", type=int, help="messages sent one at a time (20000)")
    parser.add_argument("--flows", nargs="+", choices=names, default=names, help="only these")
    parser.add_argument(
        "--means", nargs="+", choices=["rust", "python"], default=["rust", "python"]
    )
    relay.add_arguments(parser)
    parser.add_argument(
        "--deadline", type=float, default=600, help="seconds after which one run has hung (600)"
    )
    args = parser.parse_args(argv)
    full = {"pairs": 5, "size": 1024 * MIB, "messages": 200_000, "serial": 20_000}
    quick = {"pairs": 1, "size": 16 * MIB, "messages": 5_000, "serial": 500}
    for name, value in (quick if args.quick else full).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    return args


def quotients(dividends: Sequence[float], divisors: Sequence[float]) -> list[float]:
    """Pair by pair."""
    return [one / other for one, other in zip(dividends, divisors, strict=True)]


def against_bare(args: argparse.Namespace, rust: str) -> list[dict[str, Any]]:
    """Measures sessions and prints; the lines of JSON."""
    parties = {
        "bare": [rust, "bare"],
        "rust": [rust, "msrp"],
        "python": [sys.executable, str(ROOT / "benches" / "python" / "party.py")],
    }
    print(f"\nmedian of {args.pairs} pairs; share: its speed by the other's (1 = equal)\n")
    heads = ("flow", "means", "speed", "bare", "share of bare", "range", "of rust")
    print("{:<11} {:<7} {:>15} {:>15}  {:>13}  {:>13}  {:>7}".format(*heads))
    lines: list[dict[str, Any]] = []
    for flow in flows(args):
        measured = [means for means in args.means if flow.has(means)]
        times: dict[str, list[float]] = {means: [] for means in measured}
        bares: dict[str, list[float]] = {means: [] for means in measured}
        for _ in range(args.pairs):
            for means in measured:
                bares[means].append(measure(parties, "bare", flow, args.deadline))
                times[means].append(measure(parties, means, flow, args.deadline))
        for means in measured:
            shares = quotients(bares[means], times[means])
            seconds, bare = statistics.median(times[means]), statistics.median(bares[means])
            share = statistics.median(shares)
            of_rust = None
            if means != "rust" and "rust" in times:
                of_rust = statistics.median(quotients(times["rust"], times[means]))
            print(
                f"{flow.name:<11} {means:<7} {flow.rate(seconds):>15} {flow.rate(bare):>15}  "
                f"{share:>13.2f}  {min(shares):>5.2f} - {max(shares):>5.2f}  "
                + (f"{of_rust:>7.2f}" if of_rust else f"{'':>7}"),
                flush=True,
            )
            lines.append(
                {
                    "flow": flow.name,
                    "text": flow.text,
                    "octets": flow.octets,
                    "count": flow.count,
                    "means": means,
                    "seconds": times[means],
                    "bare_seconds": bares[means],
                    "share_of_bare": share,
                    "share_of_rust": of_rust,
                }
            )
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Measures and prints."""
    args = arguments(argv)
    programs = binaries()
    about = machine()
    print(
        f"{about['cpu']}, {about['cpus']} CPUs, load {about['load']}, {about['system']}, "
        f"rustc {about['rustc']}, Python {about['python']}"
    )
    lines: list[dict[str, Any]] = [{"machine": about}]
    if args.flows != ["relay"]:
        lines += against_bare(args, str(programs / "msrp-bench"))
    if "relay" in args.flows:
        lines += relay.run(programs, args)
    print()
    for line in lines:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
