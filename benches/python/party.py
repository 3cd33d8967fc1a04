"""One party of a measurement of `make bench`, in Python: the same as `benches/src/session.rs`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import deque

import msrp


async def send(session: msrp.Session, args: argparse.Namespace) -> float:
    """Offers, sends, and gives the seconds from the first octet given to the last confirmed."""
    print(json.dumps({"sdp": session.create_offer()}), flush=True)
    session.set_remote(json.loads(sys.stdin.readline())["sdp"])
    await session.open()
    body = b"x" * args.octets
    pending: deque[msrp.Transfer] = deque()
    start = time.perf_counter()
    for _ in range(args.count):
        transfer = await session.send(
            body, "application/octet-stream", success_report=args.count == 1
        )
        pending.append(transfer)
        if len(pending) >= args.window:
            oldest = pending.popleft()
            await oldest.acknowledged()
            if args.count == 1:
                await oldest.delivered()
    for transfer in pending:
        await transfer.acknowledged()
    return time.perf_counter() - start


async def receive(session: msrp.Session) -> tuple[int, int]:
    """Answers, and takes messages until the session ends; gives octets and messages."""
    offer = json.loads(sys.stdin.readline())["sdp"]
    print(json.dumps({"sdp": session.create_answer(offer)}), flush=True)
    await session.open()
    octets = messages = 0
    while True:
        try:
            batch = await session.recv_many(256)
        except msrp.SessionClosed:
            return octets, messages
        for message in batch:
            async for part in message:
                octets += len(part)
            messages += 1


async def main() -> None:
    """Does what the arguments say and prints what was done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("end", choices=["send", "recv"])
    parser.add_argument("--octets", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--window", type=int, required=True)
    parser.add_argument("--chunk-len", type=int, default=0)
    args = parser.parse_args()
    async with (
        msrp.Engine() as engine,
        engine.session(
            chunk_len=args.chunk_len, accept_types=("*",), connection_sharing="session"
        ) as session,
    ):
        if args.end == "send":
            seconds = await send(session, args)
            octets, messages = args.octets * args.count, args.count
        else:
            seconds = 0.0
            octets, messages = await receive(session)
    print(json.dumps({"octets": octets, "messages": messages, "seconds": seconds}))


asyncio.run(main())
