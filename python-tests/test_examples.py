"""The examples do what they say."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
CHAT = EXAMPLES / "python" / "chat.py"


async def test_chat(tmp_path: Path) -> None:
    sent = tmp_path / "photo"
    sent.write_bytes(bytes(range(256)) * 1000)
    offerer, answerer = await start("offer", tmp_path), await start("answer", tmp_path)
    await type_lines(answerer, await sdp(offerer))
    await type_lines(offerer, await sdp(answerer))
    for party in (offerer, answerer):
        assert await line(party) == "* connected"
    await type_lines(offerer, "Hello\n")
    assert await line(answerer) == "> Hello"
    await type_lines(offerer, "\x1b[2JGone?\n")
    assert await line(answerer) == "> \N{REPLACEMENT CHARACTER}[2JGone?"
    await type_lines(answerer, f"/send {tmp_path / 'missing'}\n")
    assert (await line(answerer)).startswith("* not delivered: ")
    await type_lines(answerer, f"/send {sent}\n")
    words = (await line(offerer)).split()
    assert words[:2] == ["*", "256000"]
    assert Path(words[-1]).read_bytes() == sent.read_bytes()
    await end(offerer)
    assert await line(answerer) == "* closed by the peer"
    await end(answerer)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("two_parties", "hops on the way to Alice: 2\n"),
        (
            "chain",
            "Alice's requests pass localhost and 127.0.0.1\n"
            "Bob's requests pass 127.0.0.1 and localhost\n",
        ),
    ],
)
async def test_relay(name: str, expected: str) -> None:
    command = [sys.executable, str(EXAMPLES / "relay" / f"{name}.py")]
    party = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await party.communicate()
    assert output.decode() == f"{expected}Hello, Bob\nHello, Alice\n"
    assert party.returncode == 0


async def start(role: str, folder: Path) -> Process:
    command = [sys.executable, str(CHAT), role, "--save", str(folder)]
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)


async def line(party: Process) -> str:
    assert party.stdout is not None
    return (await party.stdout.readline()).decode().rstrip("\n")


async def sdp(party: Process) -> str:
    text = ""
    while (read := await line(party)).strip():
        text += f"{read}\n"
    return text + "\n"


async def type_lines(party: Process, text: str) -> None:
    assert party.stdin is not None
    party.stdin.write(text.encode())
    await party.stdin.drain()


async def end(party: Process) -> None:
    assert party.stdin is not None
    party.stdin.close()
    assert await party.wait() == 0
