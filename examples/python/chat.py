"""A chat on the terminal between two machines, the SDP carried by hand.

    python examples/python/chat.py offer
    python examples/python/chat.py answer

Each prints its SDP and waits for the other's: paste it, and end it with an empty line. A program
with a SIP stack would carry these texts in INVITE and 200 OK instead. `--host` is our address as
the peer sees it. A line `/send FILE` sends a file; Ctrl-D ends the chat.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msrp


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("role", choices=["offer", "answer"])
    parser.add_argument("--host", default="127.0.0.1", help="our address (default %(default)s)")
    parser.add_argument("--save", type=Path, default=Path(), help="folder for received files")
    arguments = parser.parse_args()

    lines = read_lines()
    async with (
        msrp.Engine() as engine,
        engine.session(host=arguments.host, accept_types=["*"]) as session,
    ):
        if arguments.role == "offer":
            print(session.create_offer(), flush=True)
            session.set_remote(await paste(lines))
        else:
            print(session.create_answer(await paste(lines)), flush=True)
        await session.open(timeout=None)
        print("* connected", flush=True)
        talking = asyncio.create_task(talk(session, lines))
        listening = asyncio.create_task(listen(session, arguments.save))
        done, pending = await asyncio.wait(
            {talking, listening}, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for task in done:
            task.result()
    print(f"* {session.close_reason}")


async def talk(session: msrp.Session, lines: AsyncIterator[str]) -> None:
    """Sends what is typed."""
    async for line in lines:
        try:
            if line.startswith("/send "):
                path = Path(line.removeprefix("/send ").strip())
                transfer = await session.send(path, "application/octet-stream")
            else:
                transfer = await session.send(line)
            await transfer.acknowledged()
        except msrp.SessionClosed:
            return
        except (msrp.MsrpError, OSError, ValueError) as error:
            print(f"* not delivered: {error}", flush=True)


async def listen(session: msrp.Session, folder: Path) -> None:
    """Shows what arrives."""
    async for message in session:
        try:
            if message.content_type.startswith("text/plain"):
                print(f"> {printable(await message.text())}", flush=True)
            else:
                # A Message-ID has no character that means something in a path.
                path = folder / f"{message.message_id}.bin"
                length = await message.save(path)
                print(f"* {length} octets of {message.content_type} are in {path}", flush=True)
        except (msrp.MessageAborted, LookupError, OSError, ValueError) as error:
            print(f"* not received: {error}", flush=True)


def printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


async def paste(lines: AsyncIterator[str]) -> str:
    """The peer's SDP: lines up to an empty one."""
    sdp = []
    async for line in lines:
        if not line.strip():
            break
        sdp.append(line.strip())
    return "".join(f"{line}\r\n" for line in sdp)


async def read_lines() -> AsyncIterator[str]:
    """Standard input, line by line."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode().rstrip("\n")


if __name__ == "__main__":
    asyncio.run(main())
