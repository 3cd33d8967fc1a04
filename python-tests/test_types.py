"""Options, URIs, headers."""

from __future__ import annotations

import dataclasses
import math
import pickle
import ssl
from pathlib import Path
from typing import Any

import pytest

import msrp
from msrp import _msrp


def test_limits_are_those_of_the_engine() -> None:
    assert dataclasses.asdict(msrp.Limits()) == _msrp.default_limits()


async def test_stats_are_those_of_the_engine() -> None:
    async with msrp.Engine() as engine:
        names = {field.name for field in dataclasses.fields(msrp.Stats)}
        assert names == set(engine._core.stats())
        assert engine.stats().sessions == 0
        async with engine.session():
            assert engine.stats().sessions == 1


async def test_limits_out_of_range() -> None:
    with pytest.raises(ValueError, match="send_window"):
        msrp.Engine(limits=msrp.Limits(send_window=-1))
    with pytest.raises(ValueError, match="transaction"):
        msrp.Engine(limits=msrp.Limits(transaction=-1.0))
    with pytest.raises(TypeError):
        msrp.Engine(limits=msrp.Limits(headers="many"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="limits is a Limits, not int"):
        msrp.Engine(limits=3)  # type: ignore[arg-type]
    for threads in (-1, 0, 1 << 70):
        with pytest.raises(ValueError, match="worker_threads"):
            msrp.Engine(worker_threads=threads)


async def test_session_options_out_of_range() -> None:
    async with msrp.Engine() as engine:
        with pytest.raises(ValueError, match="setup is"):
            engine.session(setup="later")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="reports is"):
            engine.session(reports="never")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="connection_sharing is"):
            engine.session(connection_sharing="all")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="sequences of str"):
            engine.session(accept_types="text/plain")
        with pytest.raises(TypeError, match=r"listener is what Engine\.listen gave, not int"):
            engine.session(listener=3)  # type: ignore[arg-type]
        out_of_range: dict[str, list[Any]] = {
            "port": [-1, 65536],
            "max_size": [-1, 1 << 64],
            "chunk_len": [-1, 1 << 32],
            "keep_alive": [-1.0, 0, math.nan, math.inf, 1e300],
            "advertise": [("example.org", 65536)],
        }
        for name, values in out_of_range.items():
            for value in values:
                with pytest.raises(ValueError, match=name):
                    engine.session(**{name: value})
        with pytest.raises(TypeError, match="port: "):
            engine.session(port="x")  # type: ignore[arg-type]
        for port in (-1, 65536):
            with pytest.raises(ValueError, match=f"port {port} is out of range"):
                await engine.listen("127.0.0.1", port)
        with pytest.raises(ValueError, match="a wildcard address cannot stand in a path"):
            engine.session(host="0.0.0.0")
        async with await engine.listen("0.0.0.0") as listener:
            with pytest.raises(ValueError, match="a wildcard address cannot stand in a path"):
                engine.session(listener=listener)
            async with engine.session(listener=listener, advertise=("example.org", 1)) as session:
                assert session.local_path[0].port == 1
        async with engine.session(host="0.0.0.0", advertise=("example.org", 2855)) as session:
            assert str(session.local_path[0]).startswith("msrp://example.org:2855/")


def test_uri() -> None:
    text = "msrps://alice@example.org:2855/abcdefgh1234;tcp"
    uri = msrp.Uri(text)
    assert str(uri) == text
    assert (uri.scheme, uri.userinfo, uri.host, uri.port) == ("msrps", "alice", "example.org", 2855)
    assert (uri.session_id, uri.transport) == ("abcdefgh1234", "tcp")
    assert "efgh1234" not in repr(uri)
    same = msrp.Uri("MSRPS://alice@EXAMPLE.org:2855/abcdefgh1234;TCP")
    assert uri == same
    assert hash(uri) == hash(same)
    assert uri != msrp.Uri(text.replace("abcd", "ABCD"))
    assert uri != text
    assert pickle.loads(pickle.dumps(uri)) == uri
    with pytest.raises(msrp.InvalidUri):
        msrp.Uri("http://example.org")


async def test_wrong_remote_sides() -> None:
    async with msrp.Engine() as engine, engine.session() as session:
        with pytest.raises(msrp.InvalidSdp):
            session.set_remote("v=0\r\n")
        with pytest.raises(msrp.InvalidUri):
            session.set_remote_path("nonsense", active=True)
        with pytest.raises(TypeError, match="a path holds Uri or str, not int"):
            session.set_remote_path([1], active=True)  # type: ignore[list-item]
        with pytest.raises(TypeError):
            session.set_remote_path(None, active=True)  # type: ignore[arg-type]


def test_headers_are_a_mapping_in_any_case() -> None:
    headers = msrp.Headers([("X-One", "1"), ("x-one", "2"), ("X-Two", "3")])
    assert headers["X-ONE"] == "1"
    assert dict(headers) == {"X-One": "1", "X-Two": "3"}
    assert headers.pairs() == [("X-One", "1"), ("x-one", "2"), ("X-Two", "3")]
    assert len(headers) == 2
    with pytest.raises(KeyError):
        headers["X-Three"]


def test_tls_configuration() -> None:
    context = ssl.create_default_context()
    with pytest.raises(TypeError, match=r"use msrp\.TLSConfig"):
        msrp.Engine(tls=context)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"use msrp\.TLSConfig"):
        msrp.TLSConfig(ca=context)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a path or PEM text"):
        msrp.TLSConfig(ca=17)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cert and key go together"):
        msrp.TLSConfig(cert="cert.pem")
    with pytest.raises(ValueError, match="verify is"):
        msrp.TLSConfig(verify="perhaps")  # type: ignore[arg-type]
    config = msrp.TLSConfig(cert=Path("cert.pem"), key=b"secret")
    assert "secret" not in repr(config)


async def test_tls_arguments() -> None:
    context = ssl.create_default_context()
    async with msrp.Engine() as engine:
        with pytest.raises(TypeError, match=r"use msrp\.TLSConfig"):
            engine.session(tls=context)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"use msrp\.TLSConfig"):
            await engine.listen("127.0.0.1", tls=context)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="tls is a bool or a TLSConfig, not str"):
            engine.session(tls="yes")  # type: ignore[arg-type]
