"""Sockets that are handed over, and options of sockets."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import socket
import ssl
from collections.abc import Iterator

import pytest

import msrp


def connection() -> tuple[socket.socket, socket.socket]:
    """A connection: who connected, and who accepted."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        there = socket.create_connection(server.getsockname())
        here, _ = server.accept()
    return there, here


def know(one: msrp.Session, two: msrp.Session) -> None:
    """Two sessions that know each other; the first sends the first request."""
    one.set_remote_path(two.local_path, active=True)
    two.set_remote_path(one.local_path, active=False)


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """The process gets no further descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_both_ends() -> None:
    """A session over sockets of the host, with octets that were read before."""
    there, here = connection()
    async with msrp.Engine() as engine, engine.session() as alice, engine.session() as bob:
        know(alice, bob)
        opening = asyncio.create_task(alice.adopt(there, inbound=False))
        here.settimeout(30)
        initial = await asyncio.to_thread(here.recv, 10)
        assert initial == b"MSRP " + initial[5:]
        await asyncio.gather(opening, bob.adopt(here, initial=initial))
        assert there.fileno() == here.fileno() == -1
        await alice.send("over a socket of the host")
        assert await (await bob.recv()).text() == "over a socket of the host"


async def test_tls() -> None:
    """The handshake is the engine's, and the initial octets belong to it."""
    tls = msrp.TLSConfig.self_signed("localhost", verify="fingerprint")
    there, here = connection()
    async with (
        msrp.Engine(tls=tls) as engine,
        engine.session(tls=True, setup="active") as alice,
        engine.session(tls=True, setup="passive") as bob,
    ):
        alice.set_remote(bob.create_answer(alice.create_offer()))
        with pytest.raises(ValueError, match="served over TLS only"):
            await bob.adopt(here)
        opening = asyncio.create_task(alice.adopt(there, inbound=False, tls=True))
        here.settimeout(30)
        initial = await asyncio.to_thread(here.recv, 5)
        await asyncio.gather(opening, bob.adopt(here, initial=initial, tls=True))
        await alice.send("over TLS")
        assert await (await bob.recv()).text() == "over TLS"


async def test_refused() -> None:
    """What is refused stays as it was."""
    async with msrp.Engine(limits=msrp.Limits(early_len=1024)) as engine:
        alice, bob = engine.session(), engine.session()
        there, here = connection()
        with pytest.raises(ValueError, match="set_remote"):
            await bob.adopt(here)
        know(alice, bob)
        with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            with pytest.raises(ValueError, match="no stream socket"):
                await bob.adopt(datagrams)
            assert datagrams.fileno() >= 0
        one, two = socket.socketpair()
        with one, two, pytest.raises(ValueError, match="Unix domain socket"):
            await bob.adopt(one)
        with socket.socket() as fresh, pytest.raises(ValueError, match="not connected"):
            await bob.adopt(fresh)
        with pytest.raises(ValueError, match="socket is closed"):
            await bob.adopt(fresh)
        with pytest.raises(
            msrp.TooLarge, match=r"1025 initial octets exceed limits\.early_len, 1024"
        ):
            await bob.adopt(here, initial=bytes(1025))
        for initial in (5, "text", None):
            with pytest.raises(TypeError, match="initial is bytes, not "):
                await bob.adopt(here, initial=initial)  # type: ignore[arg-type]
        for timeout in (-1.0, math.nan):
            with pytest.raises(ValueError, match=r"timeout .* is no number of seconds"):
                await bob.adopt(here, timeout=timeout)
        with no_descriptors(), pytest.raises(msrp.LimitExceeded, match="Too many open files"):
            await bob.adopt(here)
        assert here.fileno() >= 0
        assert here.getblocking()
        assert os.get_blocking(here.fileno())
        assert not os.get_inheritable(here.fileno())
        with pytest.raises(TypeError, match=r"is a socket\.socket, not int"):
            await bob.adopt(here.fileno())  # type: ignore[arg-type]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        wrapped = context.wrap_socket(
            here, do_handshake_on_connect=False, server_hostname="localhost"
        )
        with pytest.raises(TypeError, match="tls=True"):
            await bob.adopt(wrapped)
        assert wrapped.getblocking()
        wrapped.close()
        there.close()
        await alice.close(0)
        await bob.close(0)


async def test_what_is_lost_at_once_says_why() -> None:
    """The connection may be over before the session is opened; the reason is told all the same."""
    async with msrp.Engine(worker_threads=2) as engine:
        for _ in range(100):
            alice, bob = engine.session(), engine.session()
            know(alice, bob)
            there, here = connection()
            there.close()
            with pytest.raises(msrp.ConnectError, match="peer closed the connection"):
                await bob.adopt(here)
            await alice.close(0)


async def test_cancelled_in_the_handshake() -> None:
    """The session ends, and the connection with it."""
    tls = msrp.TLSConfig.self_signed("localhost", verify="fingerprint")
    there, here = connection()
    there.settimeout(8)  # the handshake has 10 s
    async with msrp.Engine(tls=tls) as engine:
        alice = engine.session(tls=True, setup="active")
        bob = engine.session(tls=True, setup="passive")
        alice.set_remote(bob.create_answer(alice.create_offer()))
        adopting = asyncio.create_task(bob.adopt(here, tls=True))
        await asyncio.sleep(0)
        adopting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adopting
        assert await asyncio.to_thread(there.recv, 1) == b""
        await bob.close(0)
        assert bob.close_reason is not None
        assert bob.close_reason.kind == "local"
        await alice.close(0)
    there.close()


async def test_a_listener_takes_what_was_accepted_elsewhere() -> None:
    """A server with an accept loop of its own."""
    there, here = connection()
    async with (
        msrp.Engine() as engine,
        await engine.listen("127.0.0.1") as listener,
        engine.session() as alice,
        engine.session(listener=listener) as bob,
    ):
        know(alice, bob)
        opening = asyncio.create_task(alice.adopt(there, inbound=False))
        here.settimeout(30)
        initial = await asyncio.to_thread(here.recv, 4)
        listener.adopt(here, initial)
        assert here.fileno() == -1
        await asyncio.gather(opening, bob.open())


async def test_ports_and_sockets() -> None:
    """Options of listeners and connections."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with msrp.Engine(port_range=(port, port)) as engine:
            with pytest.raises(msrp.ConnectError, match=f"all ports of {port} to {port} are taken"):
                await engine.listen("127.0.0.1")
            with pytest.raises(ValueError, match="port_range is 9 to 8"):
                await engine.listen("127.0.0.1", port_range=(9, 8))
            with pytest.raises(ValueError, match="dscp is 64"):
                await engine.listen("127.0.0.1", dscp=64)
            with pytest.raises(msrp.ConnectError, match="interface nowhere0"):
                await engine.listen("127.0.0.1", port_range=(1024, 65535), interface="nowhere0")
            options = msrp.ConnectionOptions(tcp_keepalive=0.5)
            with pytest.raises(ValueError, match=r"connection\.tcp_keepalive is 500ms"):
                engine.session(connection=options)
    with pytest.raises(ValueError, match="port_range is 0 to 5"):
        msrp.Engine(port_range=(0, 5))
    async with msrp.Engine() as engine:
        options = msrp.ConnectionOptions(dscp=46, tcp_keepalive=30, idle=3)
        listener = await engine.listen("127.0.0.1", dscp=46, tcp_keepalive=30, idle=3600)
        alice = engine.session(connection=options)
        bob = engine.session(listener=listener)
        know(alice, bob)
        await asyncio.gather(alice.open(), bob.open())
        with pytest.raises(msrp.ConnectError, match="no traffic for 3s"):
            await alice.recv_many()
        await alice.close(0)
        await bob.close(0)
