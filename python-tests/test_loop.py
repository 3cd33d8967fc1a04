"""Event loops: several of them, their ends, errors in callbacks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import msrp
from msrp.testing import pair

Until = Callable[[Callable[[], object]], Awaitable[None]]
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


async def test_use_from_another_loop_names_both() -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, _):

        async def elsewhere() -> None:
            for call in (alice.send("x"), alice.recv(), alice.close(), alice.open()):
                with pytest.raises(RuntimeError, match=r"belongs to .*Loop.* was used from .*Loop"):
                    await call
            calls: list[Callable[[], object]] = [
                lambda: alice.send_nowait("x"),
                lambda: alice.set_remote_path(alice.local_path, active=True),
                lambda: alice.set_remote(""),
                lambda: alice.create_answer(""),
                alice.create_offer,
                alice.local_media,
                alice.events,
            ]
            for function in calls:
                with pytest.raises(RuntimeError, match="belongs to"):
                    function()

        await asyncio.to_thread(asyncio.run, elsewhere())
        with pytest.raises(RuntimeError, match="no running loop"):
            await asyncio.to_thread(alice.send_nowait, "x")


def test_two_loops_in_two_threads_with_one_engine(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()
    failures: list[BaseException] = []

    async def chat() -> None:
        async with pair(engine) as (alice, bob):
            for number in range(300):
                await alice.send(str(number))
                assert await (await bob.recv()).text() == str(number)

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=loop_factory) as runner:
                runner.run(chat())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(engine.aclose())
    assert failures == []


def test_sessions_of_two_loops_talk(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()
    offers: list[str] = []
    answers: list[str] = []
    texts: list[str] = []
    offered, answered = threading.Event(), threading.Event()

    async def bob() -> None:
        async with engine.session() as session:
            await asyncio.to_thread(offered.wait)
            answers.append(session.create_answer(offers[0]))
            answered.set()
            await session.open()
            texts.append(await (await session.recv()).text())

    def work() -> None:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(bob())

    async def alice() -> None:
        async with engine, engine.session() as session:
            offers.append(session.create_offer())
            offered.set()
            await asyncio.to_thread(answered.wait)
            session.set_remote(answers[0])
            await session.open()
            transfer = await session.send("hello")
            await transfer.acknowledged()
            await asyncio.to_thread(thread.join)

    thread = threading.Thread(target=work)
    thread.start()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(alice())
    assert texts == ["hello"]


def test_a_loop_that_ends_aborts_its_sessions(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()
    sessions: list[msrp.Session] = []

    async def leave_open() -> None:
        sessions.append(engine.session())

    with pytest.warns(ResourceWarning, match=r"ended with 1 MSRP session\(s\) open"):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(leave_open())
    assert sessions[0].state is msrp.State.CLOSED
    assert engine.stats().sessions == 0
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(engine.aclose())


def test_a_loop_that_is_closed_without_notice(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()

    async def leave_open() -> None:
        engine.session()

    loop = loop_factory()
    loop.run_until_complete(leave_open())
    loop.close()
    del loop
    with pytest.warns(ResourceWarning, match=r"ended with 1 MSRP session\(s\) open"):
        gc.collect()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(engine.aclose())


def test_a_closed_loop_that_is_kept_is_noticed_by_the_next(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()
    sessions: list[msrp.Session] = []

    async def leave_open() -> None:
        sessions.append(engine.session())

    loop = loop_factory()
    loop.run_until_complete(leave_open())
    loop.close()
    with pytest.warns(ResourceWarning, match=r"ended with 1 MSRP session\(s\) open"):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(engine.aclose())
    assert sessions[0].state is msrp.State.CLOSED


def test_a_closed_loop_with_tasks_that_wait(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()
    sessions: list[msrp.Session] = []
    tasks: list[asyncio.Task[object]] = []

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 50_000
        await asyncio.Event().wait()

    async def leave_waiting() -> None:
        alice, bob = engine.session(), engine.session()
        alice.set_remote(bob.create_answer(alice.create_offer()))
        await asyncio.gather(alice.open(), bob.open())
        transfer = await alice.send(endless())
        message = await bob.recv()
        for wait in (
            *(transfer.acknowledged(), message.read(), alice.recv(), bob.recv(), alice.close(60)),
            anext(bob.events()),
        ):
            tasks.append(asyncio.ensure_future(wait))
        await asyncio.sleep(0)
        sessions.extend((alice, bob))

    loop = loop_factory()
    loop.run_until_complete(leave_waiting())
    loop.close()
    with pytest.warns(ResourceWarning, match=r"ended with 2 MSRP session\(s\) open"):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(engine.aclose())
    assert [session.state for session in sessions] == [msrp.State.CLOSED] * 2
    for task in tasks:
        # Nobody runs them any more; asyncio is not to speak of them.
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_a_closed_loop_with_questions_and_requests(loop_factory: LoopFactory) -> None:
    """What waits for the host, or for a request, is left as it is: its loop runs no more."""
    asked = 0
    waits = asyncio.Event()

    async def forever(*_: object) -> bool:
        nonlocal asked
        asked += 1
        if asked == 1:
            return True
        waits.set()
        await asyncio.Event().wait()
        return False

    engine = msrp.Engine(allow_dial=forever)
    kept: list[object] = []
    tasks: set[asyncio.Task[object]] = set()

    async def leave_waiting() -> None:
        alice, bob = engine.session(), engine.session(methods=["PING"])
        alice.set_remote(bob.create_answer(alice.create_offer()))
        await asyncio.gather(alice.open(), bob.open())
        first, second = engine.session(), engine.session()
        first.set_remote(second.create_answer(first.create_offer()))
        asking = asyncio.ensure_future(alice.request("PING"))
        await bob.recv_request()
        for wait in (bob.recv_request(), first.open()):
            tasks.add(asyncio.ensure_future(wait))
        await waits.wait()
        tasks.update((asking, *first._questions._tasks))
        kept.extend((alice, bob, first, second))

    loop = loop_factory()
    loop.run_until_complete(leave_waiting())
    loop.close()
    with pytest.warns(ResourceWarning, match=r"ended with 4 MSRP session\(s\) open"):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(engine.aclose())
    for task in tasks:
        # Nobody runs them any more; asyncio is not to speak of them.
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_loops_in_many_threads_begin_at_the_same_time(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()
    failures: list[BaseException] = []
    count = 12
    barrier = threading.Barrier(count)

    async def begin() -> None:
        barrier.wait()
        async with engine.session() as session:
            session.create_offer()

    def work() -> None:
        try:
            for _ in range(10):
                with asyncio.Runner(loop_factory=loop_factory) as runner:
                    runner.run(begin())
        except BaseException as error:
            failures.append(error)
            barrier.abort()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(engine.aclose())
    assert failures == []


def test_a_loop_that_ends_wakes_those_who_wait(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()
    outcome: list[str] = []

    async def wait() -> None:
        async with engine.session() as session:
            try:
                await session.recv()
            except asyncio.CancelledError:
                outcome.append("cancelled")
                raise

    async def main() -> None:
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        outcome.append(repr(task.done()))

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
        # `async with` closed the session on the way out, so nothing is warned of.
    assert outcome == ["False", "cancelled"]
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(engine.aclose())


def test_an_engine_serves_one_loop_after_another(loop_factory: LoopFactory) -> None:
    engine = msrp.Engine()

    async def chat() -> None:
        async with pair(engine) as (alice, bob):
            await alice.send("x")
            await bob.recv()

    for _ in range(5):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(chat())
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(engine.aclose())


async def test_an_exception_in_a_callback_goes_to_the_loop() -> None:
    contexts: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))

    def progress(sent: int, total: int | None) -> None:
        raise ZeroDivisionError

    async with msrp.Engine() as engine, pair(engine, accept_types=["*"]) as (alice, bob):
        transfer = await alice.send(bytes(1_000_000), "a/b", progress=progress)
        assert len(await (await bob.recv()).read()) == 1_000_000
        await transfer.acknowledged()
        await alice.send("goes on")
        assert await (await bob.recv()).text() == "goes on"
    assert contexts
    assert all(isinstance(context["exception"], ZeroDivisionError) for context in contexts)


async def test_an_engine_that_was_not_closed_warns() -> None:
    engine = msrp.Engine()
    held = [engine]
    del engine
    with pytest.warns(ResourceWarning, match="was not closed"):
        held.clear()


async def test_closing_the_engine_closes_sessions_within_bounds() -> None:
    engine = msrp.Engine()
    session = engine.session()
    receiving = asyncio.create_task(session.recv())
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        await engine.aclose()
    with pytest.raises(msrp.SessionClosed):
        await receiving
    assert session.state is msrp.State.CLOSED


async def test_cancelled_aclose_joins_nevertheless() -> None:
    engine = msrp.Engine()
    session = engine.session()
    closing = asyncio.create_task(engine.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert session.state is msrp.State.CLOSED
    await engine.aclose()


async def test_aclose_joins_with_a_busy_executor(until: Until) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(1))
    release = threading.Event()
    busy = loop.run_in_executor(None, release.wait)
    engine = msrp.Engine()
    first, second = (asyncio.create_task(engine.aclose()) for _ in range(2))
    # The second waits for what the first began.
    await second
    await until(lambda: threads_of_engines() == 0)
    await first
    release.set()
    await busy


def threads_of_engines() -> int:
    """Threads of this process that are an engine's; Linux only."""
    count = 0
    for path in Path("/proc/self/task").glob("*/comm"):
        # One may end between the two.
        with contextlib.suppress(OSError):
            count += path.read_text().startswith("msrp-engine")
    return count


def test_no_running_loop() -> None:
    engine = msrp.Engine()
    with pytest.raises(RuntimeError, match="no running event loop"):
        engine.session()
    asyncio.run(engine.aclose())


def test_nothing_is_left_over_in_a_quiet_loop(loop_factory: LoopFactory) -> None:
    async def main() -> None:
        async with msrp.Engine() as engine:
            async with pair(engine) as (alice, bob):
                await alice.send("x")
                await bob.recv()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())
            gc.collect()
