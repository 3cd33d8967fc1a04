"""Traces: tshark must see in them what the engine counted."""

from __future__ import annotations

import asyncio
import logging
import stat
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import msrp
from msrp.testing import pair
from test_tls import authority, config  # noqa: F401

Until = Callable[[Callable[[], object]], Awaitable[None]]

FIELDS = (
    "tcp.stream",
    "msrp.method",
    "msrp.status.code",
    "msrp.transaction.id",
    "msrp.messageid",
    "msrp.byte.range",
    "msrp.cnt.flg",
    "tcp.payload",
)


def tshark(*arguments: str | Path) -> str:
    done = subprocess.run(
        ["tshark", *map(str, arguments)], check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def frames(path: Path, port: int) -> list[dict[str, str]]:
    """One row for each MSRP request or response that tshark finds."""
    selected = [argument for field in FIELDS for argument in ("-e", field)]
    text = tshark(
        "-r",
        path,
        "-d",
        f"tcp.port=={port},msrp",
        "-Y",
        "msrp",
        "-T",
        "fields",
        *("-E", "occurrence=f"),
        *selected,
    )
    rows = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(FIELDS, row, strict=True)) for row in rows]


def faults(path: Path) -> str:
    """What tshark finds wrong with the packets: checksums, gaps, repeats, malformed frames."""
    return tshark(
        *("-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"),
        *("-Y", "tcp.analysis.flags or tcp.checksum.status==0 or ip.checksum.status==0"),
    ) + tshark("-r", path, "-Y", "_ws.malformed")


async def talk(alice: msrp.Session, bob: msrp.Session) -> dict[str, int]:
    """Texts of many lengths in both directions, reports, an abort; how many of what were sent."""
    lengths = [0, 1, 2047, 2048, 2049, 10_000, 59_000]
    for sender, receiver in ((alice, bob), (bob, alice)):
        for length in lengths:
            transfer = await sender.send("x" * length, success_report=True)
            message = await receiver.recv()
            assert len(await message.read()) == length
            await transfer.delivered()
    # One that ends with `#`.
    going = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield b"x" * 5000
        await going.wait()

    transfer = await alice.send(half(), size=10_000)
    message = await bob.recv()
    parts = aiter(message)
    assert await anext(parts)
    await transfer.abort()
    with pytest.raises(msrp.MessageAborted):
        while True:
            await anext(parts)
    with pytest.raises(msrp.MessageAborted):
        await transfer.acknowledged()
    return {"messages": 2 * len(lengths)}


async def settled(engine: msrp.Engine, until: Until) -> msrp.Stats:
    """The counts, once every request is answered and every answer read."""

    def is_quiet() -> bool:
        stats = engine.stats()
        sent = stats.sent
        return sent == stats.received and sum(sent.responses.values()) == sent.send

    await until(is_quiet)
    return engine.stats()


def check(path: Path, port: int, stats: msrp.Stats, messages: int) -> list[dict[str, str]]:
    assert faults(path) == ""
    rows = frames(path, port)
    assert {row["tcp.stream"] for row in rows} == {"0"}
    methods = Counter(row["msrp.method"] for row in rows if row["msrp.method"])
    codes = Counter(row["msrp.status.code"] for row in rows if row["msrp.status.code"])
    flags = Counter(row["msrp.cnt.flg"] for row in rows)
    # Both ends are sessions of one engine: what one has sent the other has received.
    assert stats.sent == stats.received
    assert methods == {"SEND": stats.sent.send, "REPORT": stats.sent.report}
    assert codes == {str(code): count for code, count in stats.sent.responses.items()}
    counted = {"$": stats.sent.complete, "+": stats.sent.more, "#": stats.sent.abort}
    assert flags == {flag: count for flag, count in counted.items() if count}
    # A segment holds one whole request or response.
    for row in rows:
        octets = bytes.fromhex(row["tcp.payload"])
        assert octets.startswith(b"MSRP " + row["msrp.transaction.id"].encode())
        assert octets.endswith(
            f"-------{row['msrp.transaction.id']}{row['msrp.cnt.flg']}\r\n".encode()
        )
    assert stats.sent.report == messages
    assert stats.sent.abort == 1
    return rows


@pytest.mark.parametrize(("host", "chunk_len"), [("127.0.0.1", 2048), ("::1", 0)])
async def test_tshark_agrees_with_our_counts(
    tmp_path: Path, host: str, chunk_len: int, until: Until
) -> None:
    path = tmp_path / "trace.pcapng"
    async with msrp.Engine(trace=path) as engine:
        async with pair(engine, host=host, chunk_len=chunk_len) as (alice, bob):
            port = bob.local_path[0].port
            sent = await talk(alice, bob)
            stats = await settled(engine, until)
    assert port is not None
    rows = check(path, port, stats, sent["messages"])
    assert stats.trace_dropped == 0
    # Masked: Byte-Range fits the body, whose octets are not shown.
    payloads = b"".join(bytes.fromhex(row["tcp.payload"]) for row in rows)
    for session in (alice, bob):
        assert str(session.local_path[0].session_id).encode() not in payloads
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_tls_is_decrypted(
    tmp_path: Path,
    config: msrp.TLSConfig,  # noqa: F811
    until: Until,
) -> None:
    path = tmp_path / "trace.pcapng"
    async with msrp.Engine(tls=config, trace=msrp.Trace(path=path, secrets=True)) as engine:
        async with pair(engine, tls=True, chunk_len=0) as (alice, bob):
            port = bob.local_path[0].port
            sent = await talk(alice, bob)
            stats = await settled(engine, until)
    assert port is not None
    rows = check(path, port, stats, sent["messages"])
    first = bytes.fromhex(rows[0]["tcp.payload"])
    assert str(alice.local_path[0].session_id).encode() in first


async def test_long_frames_go_on_in_further_segments(tmp_path: Path) -> None:
    path = tmp_path / "trace.pcapng"
    async with msrp.Engine(trace=msrp.Trace(path=path, secrets=True)) as engine:
        async with pair(engine, chunk_len=0, accept_types=["*"]) as (alice, bob):
            port = bob.local_path[0].port
            data = bytes(range(256)) * 1024
            transfer = await alice.send(data, "application/octet-stream")
            assert await (await bob.recv()).read() == data
            await transfer.acknowledged()
    assert faults(path) == ""
    text = tshark("-r", path, "-q", "-z", "follow,tcp,raw,0")
    octets = bytes.fromhex(
        "".join(
            line.strip()
            for line in text.splitlines()
            if line.strip() and set(line.strip()) <= set("0123456789abcdef")
        )
    )
    assert data in octets
    rows = frames(path, port or 0)
    assert Counter(row["msrp.method"] for row in rows if row["msrp.method"]) == {"SEND": 2}


async def test_files_are_made_anew_and_cut(tmp_path: Path) -> None:
    taken = tmp_path / "taken.pcapng"
    taken.write_text("mine")
    link = tmp_path / "link.pcapng"
    link.symlink_to(tmp_path / "elsewhere")
    for path in (taken, link, tmp_path / "no" / "folder"):
        with pytest.raises(ValueError, match="trace: "):
            msrp.Engine(trace=path)
    assert taken.read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "later.pcapng.1").write_text("mine")
    with pytest.raises(ValueError, match=r"later.pcapng.1 exists"):
        msrp.Engine(trace=tmp_path / "later.pcapng")

    path = tmp_path / "cut.pcapng"
    trace = msrp.Trace(path=path, max_bytes=64 * 1024, files=3)
    async with msrp.Engine(trace=trace) as engine, pair(engine) as (alice, bob):
        for _ in range(12):
            transfer = await alice.send("x" * 30_000)
            assert len(await (await bob.recv()).read()) == 30_000
            await transfer.acknowledged()
    files = sorted(tmp_path.glob("cut.pcapng*"))
    assert [file.name for file in files] == ["cut.pcapng", "cut.pcapng.1", "cut.pcapng.2"]
    for file in files:
        assert file.stat().st_size <= 65 * 1024
        assert tshark("-r", file)


async def test_it_can_be_switched_at_any_time(tmp_path: Path) -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        for number in range(3):
            path = tmp_path / f"{number}.pcapng"
            engine.set_trace(path)
            transfer = await alice.send(f"message {number}")
            assert await (await bob.recv()).text() == f"message {number}"
            await transfer.acknowledged()
            engine.set_trace(None)
            transfer = await alice.send("not in a trace")
            await (await bob.recv()).text()
            await transfer.acknowledged()
            rows = frames(path, bob.local_path[0].port or 0)
            assert [row["msrp.method"] or row["msrp.status.code"] for row in rows] == [
                "SEND",
                "200",
            ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_bytes", 65535), ("files", 0), ("files", 1001), ("queue_bytes", 65535)],
)
async def test_bounds_are_checked(tmp_path: Path, name: str, value: int) -> None:
    options: dict[str, Any] = {name: value}
    trace = msrp.Trace(path=tmp_path / "t", **options)
    with pytest.raises(ValueError, match=rf"trace.{name} is {value}, allowed is"):
        msrp.Engine(trace=trace)
    assert not (tmp_path / "t").exists()


async def test_a_file_that_cannot_be_written_ends_the_trace_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    trace = msrp.Trace(path=folder / "trace.pcapng", max_bytes=64 * 1024)
    async with msrp.Engine(trace=trace) as engine, pair(engine) as (alice, bob):
        (folder / "trace.pcapng").unlink()
        folder.rmdir()
        for _ in range(4):
            # The second file would be in the folder that is gone.
            transfer = await alice.send("x" * 40_000)
            assert len(await (await bob.recv()).read()) == 40_000
            await transfer.acknowledged()
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert any("the trace ended" in record.getMessage() for record in warnings)
