"""A forked child: everything raises, nothing hangs, the parent goes on."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_use_in_a_child_names_both_processes() -> None:
    output = run(
        """
        import asyncio, os, sys, msrp

        async def main():
            async with msrp.Engine() as engine, engine.session() as session:
                bytes_held = bytes(1_000_000)
                child = os.fork()
                if child == 0:
                    calls = (
                        session.create_offer, engine.stats, engine.session,
                        lambda: session.send_nowait(bytes_held),
                    )
                    for call in calls:
                        try:
                            call()
                        except msrp.ForkedError as error:
                            assert isinstance(error, RuntimeError)
                            assert str(os.getpid()) in str(error), error
                            assert str(os.getppid()) in str(error), error
                        else:
                            os._exit(3)
                    os._exit(0)
                _, status = await asyncio.to_thread(os.waitpid, child, 0)
                assert os.waitstatus_to_exitcode(status) == 0, status
                assert session.create_offer()
            print("parent done")

        asyncio.run(main())
        """
    )
    assert output == "parent done\n"


def test_a_child_keeps_its_sockets() -> None:
    output = run(
        """
        import asyncio, os, socket, msrp

        async def main():
            async with (
                msrp.Engine() as engine,
                await engine.listen("127.0.0.1") as listener,
                engine.session() as alice,
                engine.session(listener=listener) as bob,
            ):
                alice.set_remote_path(bob.local_path, active=True)
                bob.set_remote_path(alice.local_path, active=False)
                with socket.create_server(("127.0.0.1", 0)) as server:
                    there = socket.create_connection(server.getsockname())
                    here, _ = server.accept()
                child = os.fork()
                if child == 0:
                    coroutine = bob.adopt(here)
                    for adopt in (lambda: coroutine.send(None), lambda: listener.adopt(here)):
                        try:
                            adopt()
                        except msrp.ForkedError as error:
                            assert str(os.getppid()) in str(error), error
                        else:
                            os._exit(3)
                    assert os.get_blocking(here.fileno())
                    os._exit(0)
                _, status = await asyncio.to_thread(os.waitpid, child, 0)
                assert os.waitstatus_to_exitcode(status) == 0, status
                # What the child did to its copy did nothing to the connection.
                await asyncio.gather(alice.adopt(there, inbound=False), bob.adopt(here))
            print("parent done")

        asyncio.run(main())
        """
    )
    assert output == "parent done\n"


def test_a_child_exits_without_joining() -> None:
    output = run(
        """
        import asyncio, gc, os, sys, msrp

        engine = msrp.Engine()

        async def main():
            async with engine.session() as session:
                session.create_offer()

        asyncio.run(main())
        child = os.fork()
        if child == 0:
            # The whole way out, atexit included; and the objects go away before it.
            del engine
            gc.collect()
            sys.exit(7)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7, status
        asyncio.run(engine.aclose())
        print("parent done")
        """
    )
    assert output == "parent done\n"


def test_a_child_makes_its_own_engine() -> None:
    output = run(
        """
        import asyncio, os, sys, msrp
        from msrp.testing import pair

        engine = msrp.Engine()

        async def chat():
            async with msrp.Engine() as own, pair(own) as (alice, bob):
                await alice.send("x")
                assert await (await bob.recv()).text() == "x"

        child = os.fork()
        if child == 0:
            asyncio.run(chat())
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0, status
        asyncio.run(chat())
        asyncio.run(engine.aclose())
        print("parent done")
        """
    )
    assert output == "parent done\n"


def test_a_child_that_ends_the_loop_leaves_that_of_the_parent_alone() -> None:
    # They share the selector: a descriptor that the child took out would be out for the parent.
    output = run(
        """
        import asyncio, os, sys, msrp
        from msrp.testing import pair

        async def main():
            async with msrp.Engine() as engine, pair(engine) as (alice, bob):
                await alice.send(b"x" * 100_000)
                message = await bob.recv()
                child = os.fork()
                if child == 0:
                    del message
                    raise SystemExit
                os.waitpid(child, 0)
                assert len(await message.read()) == 100_000
                for _ in range(100):
                    await alice.send("x")
                    assert await (await bob.recv()).text() == "x"
                print("parent done", flush=True)
                # The loop's own way of being woken did not survive the child.
                os._exit(0)

        asyncio.run(main())
        """
    )
    assert output == "parent done\n"
