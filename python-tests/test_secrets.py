"""The library leaves no copies of secrets in memory that it has given back."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Each leaves the digits in one object of the interpreter, which is not ours to write over.
MADE = """
import msrp
digits = msrp.ha1("alice", "realm", "secret", "SHA-256")
print("ready", flush=True)
input()
"""
REFUSED = """
import asyncio, hashlib, msrp

async def main():
    async with msrp.Engine() as engine:
        digits = hashlib.sha256(b"alice:realm:secret").hexdigest()
        uri = "msrps://relay.example.com;tcp"
        logins = [msrp.RelayLogin(uri, "alice", ha1=digits) for _ in range(8)]
        try:
            engine.session(relays=logins)
        except ValueError as error:
            assert "realm" in str(error)
            print("ready", flush=True)
            input()

asyncio.run(main())
"""
BLOCK = 1 << 20


def copies(pid: int, wanted: bytes) -> int:
    """How often `wanted` stands in the memory of a process that it can write."""
    count = 0
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, mode = line.split(" ")[:2]
            start, end = (int(number, 16) for number in place.split("-"))
            if not mode.startswith("rw") or end - start > 1 << 30:
                continue
            for at in range(start, end, BLOCK):
                size = min(BLOCK + len(wanted) - 1, end - at)
                try:
                    count += os.pread(memory.fileno(), size, at).count(wanted)
                except OSError:
                    break
    return count


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked at in /proc")
@pytest.mark.parametrize("program", [MADE, REFUSED], ids=["made", "refused"])
def test_h_a1_is_in_the_interpreters_memory_alone(program: str) -> None:
    digits = hashlib.sha256(b"alice:realm:secret").hexdigest().encode()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        # What is freed may be overwritten at its begin.
        assert copies(child.pid, digits[32:]) == 1
        child.communicate(b"\n")
    assert child.returncode == 0
