"""What is left of a session when the peer's process is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

import msrp

PEER = """
import asyncio, sys
import msrp

async def main():
    async with msrp.Engine() as engine:
        session = engine.session(accept_types=["*"])
        offer = sys.stdin.readline().replace("|", "\\r\\n")
        print(session.create_answer(offer).replace("\\r\\n", "|"), flush=True)
        await session.open()
        message = await session.recv()
        taken = 0
        async for part in message:
            taken += len(part)
            print(taken, flush=True)

asyncio.run(main())
"""


async def test_killed_in_mid_transfer(tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 30)
    peer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PEER),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert peer.stdin is not None
    assert peer.stdout is not None
    async with msrp.Engine() as engine:
        session = engine.session()
        peer.stdin.write(session.create_offer().replace("\r\n", "|").encode() + b"\n")
        await peer.stdin.drain()
        session.set_remote((await peer.stdout.readline()).decode().strip().replace("|", "\r\n"))
        await session.open()
        transfer = await session.send(large, "application/octet-stream")
        while int(await peer.stdout.readline()) < 10_000_000:
            pass
        os.kill(peer.pid, signal.SIGKILL)
        # Long before the 30 s of a transaction.
        async with asyncio.timeout(20):
            with pytest.raises((msrp.SessionClosed, msrp.ConnectError)):
                await transfer.acknowledged()
            with pytest.raises((msrp.SessionClosed, msrp.ConnectError)):
                await session.recv()
        assert session.state is msrp.State.CLOSED
        assert session.close_reason is not None
        assert session.close_reason.kind in {"connection-lost", "peer-closed"}
        assert session.close_reason.unacknowledged == (transfer.message_id,)
        assert 10_000_000 <= transfer.sent_bytes < 1 << 30
        # The engine goes on: another session with another peer.
        async with engine.session() as one, engine.session() as other:
            one.set_remote(other.create_answer(one.create_offer()))
            await asyncio.gather(one.open(), other.open())
            await one.send("still here")
            assert await (await other.recv()).text() == "still here"
    await peer.wait()
    peer._transport.close()  # type: ignore[attr-defined]
