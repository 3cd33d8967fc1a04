"""The relay flows of `make bench`: our relay beside HAProxy in TCP mode and Kamailio.

One round is a run with each means, one right after the other, so that all see the same machine;
what counts is our figure as a share of another's in the same round, and of all rounds the median.
Each run has a process of its own for what is measured, and `msrp-relay-load` for the load: senders
and receivers on loopback that count every message, octet and response; a run that loses one is
no figure. With a relay, a sender's window counts what the relay has answered, and without one what
the receiver has (RFC 4976 section 6.4.1); either way a run ends when the receivers have everything.
CPU seconds are those of the measured processes alone, memory is their proportional set size (PSS).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benches" / "relays"
KIB, MIB, GB = 1024, 1024 * 1024, 1e9
MEANS = ["direct", "ours", "haproxy", "kamailio"]
QUIET = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Aim:
    """What ours is to reach: a figure, or its ratio to that of other means."""

    figure: str
    bound: float
    than: str | None = None
    at_most: bool = False

    def text(self, reached: float | None) -> str:
        """For people."""
        sign = "<=" if self.at_most else ">="
        of = f" of {self.than}" if self.than else ""
        if reached is None:
            return f"{self.figure} {sign} {self.bound:g}{of}: not measured"
        met = reached <= self.bound if self.at_most else reached >= self.bound
        return f"{self.figure} {sign} {self.bound:g}{of}: {reached:.2f}{'' if met else ', missed'}"


@dataclass(frozen=True)
class Flow:
    """What is sent, and what is looked at."""

    name: str
    text: str
    pairs: int
    count: int
    octets: int
    window: int
    chunk_len: int = 0
    herd: bool = False
    idle: bool = False
    aims: tuple[Aim, ...] = field(default=())

    def has(self, means: str) -> bool:
        """Kamailio stores chunks whole, and takes none of more than some 10 KiB."""
        chunk = self.chunk_len or self.octets
        return means != "kamailio" or chunk <= 10 * KIB

    def by(self, means: str) -> Flow:
        """The same, in a size that Kamailio comes through in as many seconds as others."""
        if means != "kamailio" or self.herd or self.idle:
            return self
        if self.count == 1:
            return replace(self, octets=self.octets // 8)
        return replace(self, count=max(self.count // 16, 1))

    def arguments(self) -> list[str]:
        """For the load."""
        return [
            f"--pairs={self.pairs}",
            f"--count={self.count}",
            f"--octets={self.octets}",
            f"--window={self.window}",
            f"--chunk-len={self.chunk_len}",
            *(["--herd"] if self.herd else []),
        ]


@dataclass(frozen=True)
class Figure:
    """One run."""

    seconds: float
    cpu: float
    served: int
    pss: float
    pss_before: float

    def values(self, flow: Flow) -> dict[str, float]:
        """What is printed and compared."""
        if flow.herd:
            return {"served": self.served}
        if flow.idle:
            return {"MB": self.pss / 1e6, "MB more": (self.pss - self.pss_before) / 1e6}
        octets = flow.pairs * flow.count * flow.octets
        if flow.chunk_len or flow.count == 1:
            return {"MB/s": octets / self.seconds / 1e6, "CPU s/GB": self.cpu / octets * GB}
        sends = flow.pairs * flow.count
        return {"SEND/s": sends / self.seconds, "CPU s/M": self.cpu / sends * 1e6}


def flows(quick: bool) -> list[Flow]:
    """All there are."""
    few, size = (20, 64 * MIB) if quick else (1, 2048 * MIB)

    def small(pairs: int, window: int, sends: int, *aims: Aim) -> Flow:
        text = (
            f"{pairs} pairs, 200 octets, {window} at a time" if pairs > 1 else f"1 pair, {window}"
        )
        count = max(sends // few // pairs, 1)
        return Flow(f"{pairs}x{window}", text, pairs, count, 200, window, aims=aims)

    def bulk(name: str, chunk_len: int, *aims: Aim) -> Flow:
        return Flow(name, f"1 pair, {name}", 1, 1, size, 64, chunk_len, aims=aims)

    rate = Aim("SEND/s", 0.7, "haproxy")
    return [
        small(1, 1, 100_000),
        small(1, 64, 1_000_000, rate),
        small(
            1,
            1024,
            2_000_000,
            Aim("SEND/s", 8, "kamailio"),
            Aim("CPU s/M", 1.5, at_most=True),
        ),
        small(100, 64, 2_000_000, rate),
        small(1000, 64, 2_000_000, rate),
        bulk("2K", 2 * KIB),
        bulk("10K", 10 * KIB),
        bulk("64K", 64 * KIB, Aim("MB/s", 0.9, "haproxy"), Aim("CPU s/GB", 1.5, "haproxy", True)),
        bulk("unbounded", 0),
        Flow(
            "herd", "1000 new connections", 1000, 1, 200, 1, herd=True, aims=(Aim("served", 1000),)
        ),
        Flow(
            "idle", "1000 pairs idle", 1000, 1, 200, 1, idle=True, aims=(Aim("MB", 10, None, True),)
        ),
    ]


class LostError(Exception):
    """Not everything arrived, or was answered."""


class Measured:
    """The processes between senders and receivers."""

    def __init__(self, process: subprocess.Popen[bytes] | None) -> None:
        self.process = process

    def pids(self) -> list[int]:
        """It, and all it started."""
        if self.process is None:
            return []
        found, at = [self.process.pid], 0
        while at < len(found):
            children = Path(f"/proc/{found[at]}/task/{found[at]}/children")
            found += [int(child) for child in children.read_text().split()]
            at += 1
        return found

    def cpu(self) -> float:
        """Seconds of all its threads so far."""
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS

    def pss(self) -> float:
        """Its memory, in octets: what it shares, by its share."""
        kib = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    kib += int(line.split()[1])
        return kib * KIB


def free_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Place:
    """Where the load sends to, and what a relay there calls itself."""

    port: int
    host: str = "127.0.0.1"

    def line(self) -> dict[str, str]:
        """The same, for the load."""
        return {
            "address": f"127.0.0.1:{self.port}",
            "uri": f"msrp://{self.host}:{self.port};tcp",
        }


def command(programs: Path, means: str, folder: Path, port: int, receivers: int) -> list[str]:
    """How it is started."""
    for source in HERE.iterdir():
        text = source.read_text().replace("PORT", str(port)).replace("RECEIVERS", str(receivers))
        (folder / source.name).write_text(text)
    if means == "ours":
        return [str(programs / "msrp"), "relay", "--config", str(folder / "ours.toml")]
    if means == "haproxy":
        return [program("haproxy"), "-db", "-q", "-f", str(folder / "haproxy.cfg")]
    memory = ["-m", "1024", "-M", "16"]
    places = ["-P", str(folder / "kamailio.pid"), "-Y", str(folder)]
    config = str(folder / "kamailio.cfg")
    return [program("kamailio"), "-f", config, "-DD", "-E", *memory, *places]


def program(name: str) -> str:
    """Where it is: Debian puts servers where users do not look."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise SystemExit(f"missing: {name}. Install it, or leave it out by --relay-means")
    return found


@contextlib.contextmanager
def between(programs: Path, means: str, receivers: int) -> Iterator[tuple[Measured, Place]]:
    """What is measured, running, and where to send to."""
    if means == "direct":
        yield Measured(None), Place(receivers)
        return
    with tempfile.TemporaryDirectory(prefix="msrp-bench-") as name:
        folder, port = Path(name), free_port()
        started = command(programs, means, folder, port, receivers)
        host = "relay.test" if means == "ours" else "127.0.0.1"
        with (folder / "log").open("w+b") as log:
            process = subprocess.Popen(started, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            try:
                wait_for(port, process, log.name)
                yield Measured(process), Place(port, host)
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], log: str) -> None:
    """Until it listens."""
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        # In what the kernel lists: a connection would be one to a receiver, too.
        wanted = f"0100007F:{port:04X} 00000000:0000 0A"
        if wanted in Path("/proc/net/tcp").read_text():
            return
        time.sleep(0.01)
    raise SystemExit(f"{process.args!r} does not listen:\n{Path(log).read_text()}")


def measure(programs: Path, means: str, flow: Flow, deadline: float) -> Figure:
    """One run."""
    flow = flow.by(means)
    kind = "relay" if means in ("ours", "kamailio") else "tunnel"
    load = str(programs / "msrp-relay-load")
    arguments = [load, f"--between={kind}", f"--deadline={deadline}", *flow.arguments()]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True, bufsize=1) as party:
        # It bounds its own run; this is for the case that it cannot.
        timer = threading.Timer(3 * deadline, party.kill)
        timer.start()
        try:
            receivers = int(read(party)["port"])
            with between(programs, means, receivers) as (measured, place):
                before = measured.pss()
                write(party, place.line())
                read(party)
                cpu = measured.cpu()
                write(party, {})
                done = read(party)
                cpu = measured.cpu() - cpu
                pss = settled(measured) if flow.idle else measured.pss()
        finally:
            timer.cancel()
            party.kill()
    if not done["whole"] and not flow.herd:
        raise LostError(f"{done}")
    return Figure(done["seconds"], cpu, done["served"], pss, before)


def settled(measured: Measured) -> float:
    """Memory when it does not fall any more: what tidies up may wait for a while."""
    least, since = measured.pss(), time.monotonic()
    while time.monotonic() - since < QUIET:
        time.sleep(0.2)
        now = measured.pss()
        if now < least:
            least, since = now, time.monotonic()
    return least


def read(party: subprocess.Popen[str]) -> dict[str, Any]:
    """The next line of the load."""
    line = party.stdout.readline() if party.stdout is not None else ""
    if not line:
        raise SystemExit("the load has ended before its time")
    return dict(json.loads(line))


def write(party: subprocess.Popen[str], line: dict[str, Any]) -> None:
    """A line for the load."""
    if party.stdin is not None:
        party.stdin.write(json.dumps(line) + "\n")
        party.stdin.flush()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    means, names = ",".join(MEANS), ",".join(flow.name for flow in flows(quick=False))
    parser.add_argument(
        "--relay-means",
        type=lambda text: listed(text, MEANS),
        default=MEANS,
        metavar="MEANS",
        help=f"relays and what they are compared with, of {means}",
    )
    parser.add_argument(
        "--relay-flows",
        type=lambda text: listed(text, names.split(",")),
        default=names.split(","),
        metavar="FLOWS",
        help=f"relay flows, of {names}",
    )


def listed(text: str, known: list[str]) -> list[str]:
    """What stands between commas."""
    found = text.split(",")
    if unknown := [one for one in found if one not in known]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not of {', '.join(known)}")
    return found


def run(programs: Path, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Measures and prints; the lines of JSON."""
    means: list[str] = args.relay_means
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rounds: int = args.pairs
    print(f"\nrelays: median of {rounds} rounds; ratio: ours by the other's in the same round\n")
    print(f"{'flow':<10} {'means':<9} {'figures':<46} {'ratio of ours':<30} range")
    lines: list[dict[str, Any]] = []
    aims: list[str] = []
    for flow in flows(args.quick):
        if flow.name not in args.relay_flows:
            continue
        measured = [one for one in means if flow.has(one)]
        values: dict[str, list[dict[str, float]]] = {one: [] for one in measured}
        for _ in range(rounds):
            for one in list(measured):
                try:
                    figure = measure(programs, one, flow, args.deadline)
                except LostError as lost:
                    print(f"{flow.name:<10} {one:<9} no figure: {lost}", flush=True)
                    measured.remove(one)
                    del values[one]
                    continue
                values[one].append(figure.values(flow.by(one)))
        ratios = {one: ratio(values["ours"], values[one]) for one in measured if "ours" in values}
        for one in measured:
            figures = {key: median(values[one], key) for key in values[one][0]}
            text = "  ".join(f"{value:11,.2f} {key}" for key, value in figures.items())
            compared, ranges = "", ""
            if one != "ours" and one in ratios:
                shares = ratios[one]
                compared = ", ".join(f"{k} {statistics.median(v):.2f}" for k, v in shares.items())
                ranges = ", ".join(f"{min(v):.2f} - {max(v):.2f}" for v in shares.values())
            print(f"{flow.name:<10} {one:<9} {text:<46} {compared:<30} {ranges}", flush=True)
            lines.append({"flow": flow.name, "means": one, "text": flow.text, "runs": values[one]})
        for aim in flow.aims:
            aims.append(f"{flow.name}: {aim.text(reached(aim, values, ratios))}")
    if "ours" in means:
        print("\naims:\n" + "\n".join(aims))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return lines


def median(runs: list[dict[str, float]], key: str) -> float:
    """Of one figure of the runs."""
    return statistics.median(run[key] for run in runs)


def ratio(ours: list[dict[str, float]], others: list[dict[str, float]]) -> dict[str, list[float]]:
    """Round by round, of each figure that the other has; nothing is compared with nothing."""
    return {
        key: [one[key] / other[key] for one, other in zip(ours, others, strict=True)]
        for key in others[0]
        if all(other[key] for other in others)
    }


def reached(
    aim: Aim,
    values: dict[str, list[dict[str, float]]],
    ratios: dict[str, dict[str, list[float]]],
) -> float | None:
    """What ours comes to."""
    if aim.than is None:
        return median(values["ours"], aim.figure) if "ours" in values else None
    shares = ratios.get(aim.than, {}).get(aim.figure)
    return statistics.median(shares) if shares else None
