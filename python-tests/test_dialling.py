"""The host's part in dialling: names, addresses that may be dialled, sources."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

import msrp
from covers import covers
from msrp.testing import pair

Until = Callable[[Callable[[], object]], Awaitable[None]]

NAMED: dict[str, Any] = {"advertise": ("Bob.Example", 0)}


@contextlib.asynccontextmanager
async def dialled(engine: msrp.Engine) -> AsyncIterator[msrp.Session]:
    """A session that is opened towards one that nobody opens, at a name."""
    async with engine.session() as first, engine.session(**NAMED) as second:
        first.set_remote(second.create_answer(first.create_offer()))
        yield first


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        "127.0.0.1",
        ip_address("127.0.0.1"),
        ("127.0.0.7", IPv4Address("127.0.0.1")),
        {"127.0.0.7": 1, "127.0.0.1": 2}.keys(),
    ],
)
@pytest.mark.parametrize("later", [False, True])
async def test_a_resolver_gives_addresses_now_or_later(addresses: Any, later: bool) -> None:
    asked: list[str] = []

    def resolver(name: str) -> Any:
        asked.append(name)
        return answer() if later else addresses

    async def answer() -> Any:
        await asyncio.sleep(0)
        return addresses

    async with (
        msrp.Engine(resolver=resolver) as engine,
        pair(engine, answerer=NAMED) as (first, second),
    ):
        await (await first.send("hello")).acknowledged()
        assert await (await second.recv()).text() == "hello"
    assert asked == ["bob.example"]
    covers("C-093")


async def test_what_a_resolver_raises_is_told() -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    def gives(what: Any) -> Callable[[str], Any]:
        def resolver(_: str) -> Any:
            if isinstance(what, BaseException):
                raise what
            return what

        return resolver

    async def later(what: Exception) -> list[str]:
        raise what

    for resolver, text, is_defect in [
        (gives(socket.gaierror(-2, "unknown")), r"bob\.example: \[Errno -2\] unknown", False),
        (lambda _: later(OSError("unreachable")), r"bob\.example: unreachable", False),
        (gives(ZeroDivisionError("oops")), r"bob\.example: ZeroDivisionError: oops", True),
        (lambda _: later(KeyError("x")), r"bob\.example: KeyError: 'x'", True),
        (gives(OSError("\udcff")), r"bob\.example: \\udcff", False),
        (gives([]), r"bob\.example: the name has no address", False),
        (gives(["bob"]), r"bob\.example: ValueError: ", True),
        (gives(None), r"bob\.example: TypeError: ", True),
        (gives([f"127.3.{n >> 8}.{n & 255}" for n in range(10_000)]), "and 8 more", False),
    ]:
        told.clear()
        async with msrp.Engine(resolver=resolver) as engine, dialled(engine) as session:
            with pytest.raises(msrp.ConnectError, match=text):
                await session.open()
        assert [bool(told)] == [is_defect], text


@pytest.mark.parametrize("later", [False, True])
async def test_a_relay_is_found_by_the_hosts_records(later: bool) -> None:
    asked: list[str] = []
    tried: list[tuple[str, int]] = []
    records = [(5, 1, 4, "second.example."), msrp.SrvRecord(1, 0, 3, "first.example.")]

    def services(name: str) -> Any:
        asked.append(name)
        return answer() if later else records

    async def answer() -> Any:
        await asyncio.sleep(0)
        return records

    def resolver(name: str) -> list[str]:
        asked.append(name)
        return ["127.0.0.7"]

    def allow_dial(_: msrp.Session, address: str, port: int) -> bool:
        tried.append((address, port))
        return False

    login = msrp.RelayLogin("msrps://Example.com;tcp", "alice", "secret")
    async with (
        msrp.Engine(resolver=resolver, services=services, allow_dial=allow_dial) as engine,
        engine.session(relays=[login]) as session,
    ):
        with pytest.raises(msrp.ConnectError, match=r"no server of relay example\.com can be used"):
            await session.authenticate()
    assert asked == ["_msrps._tcp.example.com", "first.example", "second.example"]
    assert tried == [("127.0.0.7", 3), ("127.0.0.7", 4)]
    covers("R-191")


async def test_what_the_hosts_records_say_of_a_relay(until: Until) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    asked: list[str] = []

    def resolver(name: str) -> list[str]:
        asked.append(name)
        return []

    def gives(what: Any) -> Callable[[str], Any]:
        def services(_: str) -> Any:
            if isinstance(what, BaseException):
                raise what
            return what

        return services

    login = msrp.RelayLogin("msrps://example.com;tcp", "alice", "secret")
    for services, text, is_defect in [
        (None, "cannot resolve example.com: the name has no address", False),
        (gives([]), "cannot resolve example.com: the name has no address", False),
        (gives([(0, 0, 0, ".")]), "offers no relay", False),
        (gives([(0, 0, 9, "a b")]), "no record of example.com names a server", False),
        (gives(OSError("SERVFAIL")), "_msrps._tcp.example.com: SERVFAIL", False),
        (gives(KeyError("x")), "KeyError: 'x'", True),
        (gives([(0, 0, 70_000, "a.example")]), "OverflowError", True),
        (gives([1]), "TypeError", True),
        (gives(None), "TypeError", True),
    ]:
        told.clear()
        asked.clear()
        async with (
            msrp.Engine(resolver=resolver, services=services) as engine,
            engine.session(relays=[login]) as session,
        ):
            with pytest.raises(msrp.ConnectError, match=text):
                await session.authenticate()
        assert [bool(told)] == [is_defect], text
        assert asked == (["example.com"] if "cannot resolve" in text else [])
    with pytest.raises(TypeError, match="services is a function, not list"):
        msrp.Engine(services=[])  # type: ignore[arg-type]
    covers("R-193")


async def test_allow_dial_refuses_addresses(until: Until) -> None:
    asked: list[tuple[msrp.Session, str, int]] = []
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    answers: list[Any] = [True]

    def allow_dial(session: msrp.Session, address: str, port: int) -> Any:
        asked.append((session, address, port))
        answer = answers[-1]
        if isinstance(answer, Exception):
            raise answer
        return later() if answer == "later" else answer

    async def later() -> bool:
        await asyncio.sleep(0)
        return False

    async with msrp.Engine(allow_dial=allow_dial) as engine:
        async with pair(engine) as (first, second):
            port = second.local_path[0].port
            assert asked == [(first, "127.0.0.1", port)]
        for answer in (False, None, "later", RuntimeError("oops")):
            answers.append(answer)
            async with engine.session() as first, engine.session() as second:
                first.set_remote(second.create_answer(first.create_offer()))
                with pytest.raises(msrp.ConnectError, match="refused by the host"):
                    await first.open()
    assert len(told) == 1
    assert isinstance(told[0]["exception"], RuntimeError)


async def test_questions_end_with_their_session(until: Until) -> None:
    waiting = asyncio.Event()
    cancelled = 0

    async def forever(*_: object) -> Any:
        nonlocal cancelled
        waiting.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1
            raise

    def ended() -> int:
        return cancelled

    async with msrp.Engine(resolver=forever) as engine:
        async with dialled(engine) as session:
            opening = asyncio.ensure_future(session.open())
            await waiting.wait()
            await session.close(0)
            with pytest.raises(msrp.SessionClosed):
                await opening
            await until(lambda: ended() == 1)
    # And with the engine.
    waiting.clear()
    async with msrp.Engine(allow_dial=forever) as engine:
        first, second = engine.session(), engine.session()
        first.set_remote(second.create_answer(first.create_offer()))
        opening = asyncio.ensure_future(first.open())
        await waiting.wait()
    with pytest.raises(msrp.SessionClosed):
        await opening
    await until(lambda: ended() == 2)
    del first, second
    gc.collect()


async def test_a_question_that_ends_before_its_answer_began() -> None:
    """The session is over in the turn of the loop in which the question came."""
    asked = 0

    async def never(*_: object) -> Any:
        nonlocal asked
        asked += 1
        return ["127.0.0.1"]

    async with msrp.Engine(resolver=never, allow_dial=never) as engine:
        session = engine.session()
        session._questions.resolve(1, "bob.example")
        session._questions.dial(2, "127.0.0.1", 2855)
        session._questions.end()
        for _ in range(3):
            await asyncio.sleep(0)
        gc.collect()
        await session.close(0)
    assert asked == 0


async def test_answers_that_come_too_late() -> None:
    """Nobody hears of them: the session has ended, or the question was answered."""
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    engines: list[msrp.Engine] = []

    class Late:
        """Ends its session before it answers."""

        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def __call__(self, *_: object) -> Any:
            session = self.session
            session._core.abort_session()
            return self.answer

        session: msrp.Session

    for keyword, answer in (("resolver", ["127.0.0.1"]), ("allow_dial", True)):
        late = Late(answer)
        async with msrp.Engine(**{keyword: late}) as engine:  # type: ignore[arg-type]
            engines.append(engine)
            async with dialled(engine) as session:
                late.session = session
                # The advertised name is resolved by the system where it is not asked for here.
                if keyword == "allow_dial":
                    session.set_remote_path("msrp://127.0.0.1:9/nobody;tcp", active=True)
                with pytest.raises(msrp.SessionClosed):
                    await session.open()
    for engine in engines:
        with pytest.raises(msrp.SessionClosed):
            engine._core.resolved(1, ["127.0.0.1"])
    assert told == []


async def test_a_resolver_has_its_time() -> None:
    async def forever(_: str) -> list[str]:
        await asyncio.Event().wait()
        return []

    limits = msrp.Limits(resolve=0.1)
    async with msrp.Engine(resolver=forever, limits=limits) as engine, dialled(engine) as session:
        with pytest.raises(msrp.ConnectError, match=r"bob\.example: no answer within 100ms"):
            await session.open()


async def test_a_session_dials_from_where_it_is_told() -> None:
    sources: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sources.put_nowait(writer.get_extra_info("peername"))
        writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    peer = f"msrp://127.0.0.1:{port}/somebody;tcp"

    async def dial(engine: msrp.Engine, **options: Any) -> tuple[str, int, msrp.Session]:
        session = engine.session(connection=msrp.ConnectionOptions(**options))
        session.set_remote_path(peer, active=True)
        with pytest.raises(msrp.MsrpError):
            await session.open()
        return *await sources.get(), session

    async with msrp.Engine() as engine:
        assert (await dial(engine, source_address="127.0.0.6"))[0] == "127.0.0.6"
        address = ip_address("127.0.0.8")
        assert (await dial(engine, source_address=address))[0] == "127.0.0.8"
        _, source, session = await dial(engine, source_port_from_path=True, connect_timeout=5)
        assert source == session.local_path[0].port

        for options, text in [
            ({"source_address": "here"}, r"connection\.source_address"),
            ({"source_address": "0.0.0.0"}, r"connection\.source_address is 0\.0\.0\.0"),
            ({"source_port": 65536}, r"connection\.source_port 65536 is out of range"),
            ({"source_port": 5, "source_port_from_path": True}, r"connection\.source_port is 5"),
            ({"connect_timeout": 0}, r"connection\.connect_timeout"),
            ({"connect_timeout": -1.0}, r"connection\.connect_timeout"),
        ]:
            connection = msrp.ConnectionOptions(**options)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match=text):
                engine.session(connection=connection)
        with pytest.raises(TypeError, match="connection is a ConnectionOptions, not int"):
            engine.session(connection=5)  # type: ignore[arg-type]
    for keyword in ("resolver", "allow_dial"):
        with pytest.raises(TypeError, match=f"{keyword} is a function, not str"):
            msrp.Engine(**{keyword: "127.0.0.1"})  # type: ignore[arg-type]
    server.close()
    await server.wait_closed()
