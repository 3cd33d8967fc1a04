"""Runs short scripts many times and counts those that do not exit with 0.

    python python-tests/stress_exit.py --runs 1000        (--tls: only those over TLS)

The scripts end where an engine is most likely to hurt the interpreter: right after an await that
an engine thread resolved, with messages still under way, with an engine that nobody closed.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import subprocess
import sys

_CHAT = """
import asyncio, msrp
from msrp.testing import pair
options = {{}}

async def main():
    {engine}
    {open}
    await asyncio.gather(*[alice.send("x" * 200) for _ in range(50)])
    transfer = await alice.send("last")
    {last}

{run}
"""

_OPEN = """
    alice, bob = engine.session(**options), engine.session(**options)
    alice.set_remote(bob.create_answer(alice.create_offer()))
    await asyncio.gather(alice.open(), bob.open())
""".strip()

SCRIPTS = {
    # Everything is closed as it should be.
    "closed": """
import asyncio, msrp
from msrp.testing import pair
options = {}

async def main():
    async with msrp.Engine() as engine, pair(engine, **options) as (alice, bob):
        transfer = await alice.send("x")
        await bob.recv()
        await transfer.acknowledged()

asyncio.run(main())
""",
    # The last await comes from the engine, and nothing is closed.
    "last await": _CHAT.format(
        engine="engine = msrp.Engine()",
        open=_OPEN,
        last="await transfer.acknowledged()",
        run="asyncio.run(main())",
    ),
    # Octets are on their way in both directions when the interpreter goes.
    "under way": _CHAT.format(
        engine="engine = msrp.Engine()",
        open=_OPEN,
        last="await alice.send(bytes(1_000_000)); await bob.send(bytes(1_000_000))",
        run="asyncio.run(main())",
    ),
    # The loop is never told that it ends.
    "loop left": _CHAT.format(
        engine="global engine; engine = msrp.Engine()",
        open=_OPEN,
        last="await transfer.acknowledged()",
        run="loop = asyncio.new_event_loop(); loop.run_until_complete(main())",
    ),
    # An engine alone, in a variable of the module.
    "engine left": "import msrp\nengine = msrp.Engine()\n",
}

#: The same over TLS, each side with a certificate of its own.
TLS_SCRIPTS = {
    f"{name}, TLS": script.replace(
        "options = {}", "options = {'tls': msrp.TLSConfig.self_signed()}"
    )
    for name, script in SCRIPTS.items()
    if "options = {}" in script
}
# A peer that says nothing in the handshake.
TLS_SCRIPTS["handshake, TLS"] = """
import asyncio, msrp, socket

async def main():
    engine = msrp.Engine()
    silent = socket.create_server(("127.0.0.1", 0))
    trusted = msrp.TLSConfig.self_signed().cert
    session = engine.session(tls=msrp.TLSConfig(ca=trusted))
    port = silent.getsockname()[1]
    session.set_remote_path(f"msrps://127.0.0.1:{port}/silent1234;tcp", active=True)
    opening = asyncio.create_task(session.open())
    loop = asyncio.get_running_loop()
    connection, _ = await loop.run_in_executor(None, silent.accept)
    await loop.run_in_executor(None, connection.recv, 1)
    opening.cancel()

asyncio.run(main())
"""
SCRIPTS |= TLS_SCRIPTS


def run(name: str) -> tuple[str, int, str]:
    """One run: the script's name, its exit code, and what it wrote."""
    # In debug mode a loop writes of callbacks that took long, on a machine that is busy.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONASYNCIODEBUG"}
    try:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPTS[name]],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return name, -1, "did not end"
    return name, done.returncode, done.stdout + done.stderr


def main() -> int:
    """The command: exit code 1 when any run failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100, help="runs in all (default 100)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument("--tls", action="store_true", help="only over TLS")
    arguments = parser.parse_args()
    names = list(TLS_SCRIPTS if arguments.tls else SCRIPTS)
    failed: collections.Counter[str] = collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as executor:
        order = [names[number % len(names)] for number in range(arguments.runs)]
        for name, code, output in executor.map(run, order):
            if code != 0 or output:
                failed[name] += 1
                print(f"{name}: exit code {code}\n{output}", file=sys.stderr)
    total = sum(failed.values())
    print(f"{arguments.runs} runs, {total} failed", *(f"{n}: {c}" for n, c in failed.items()))
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
