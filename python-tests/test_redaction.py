"""Nothing secret in what a program prints: records of `logging`, exceptions, `repr`, traces."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

import msrp
from msrp.testing import RawPeer, pair
from test_tls import authority, config  # noqa: F401

BODY = "the-eagle-lands-at-noon"
CREDENTIAL = "b0b-has-a-passw0rd"
SESSION_ID = "qwertzuiopasdfghjkl"
HEADERS = {"X-Password": CREDENTIAL}


class Printed:
    """What a program would have printed."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def show(self, *values: Any) -> None:
        for value in values:
            self.texts += [
                repr(value),
                f"{value!s:.100000}" if isinstance(value, BaseException) else "",
            ]
            if isinstance(value, BaseException):
                self.texts += traceback.format_exception_only(value)
            elif dataclasses.is_dataclass(value) and not isinstance(value, type):
                self.show(*(getattr(value, field.name) for field in dataclasses.fields(value)))


@pytest.fixture
def printed(caplog: pytest.LogCaptureFixture) -> Printed:
    caplog.set_level(logging.DEBUG, "msrp")
    return Printed()


async def talk(printed: Printed, alice: msrp.Session, bob: msrp.Session) -> list[str]:
    events = alice.events()
    for content in (BODY, BODY * 10_000):
        transfer = await alice.send(content, headers=HEADERS, success_report=True)
        message = await bob.recv()
        printed.show(transfer, message, message.headers)
        assert await message.text() == content
        printed.show(await transfer.delivered(), transfer, message)
    for wrong in (
        {"content_type": f"no type {CREDENTIAL}"},
        {"headers": {"X-Bad": f"{CREDENTIAL}\r\n"}},
        {"headers": {"Authorization": CREDENTIAL}},
    ):
        with pytest.raises(ValueError) as caught:
            await alice.send(BODY, **wrong)
        printed.show(caught.value)
    transfer = await alice.send(BODY * 10, message_id="refused-1")
    message = await bob.recv()
    await message.reject(413, "no room")
    printed.show(message, transfer)
    printed.show(alice, bob, alice.local_path, bob.remote_path, events)
    ids = [str(session.local_path[0].session_id) for session in (alice, bob)]
    await alice.close()
    printed.show(alice, alice.close_reason)
    with pytest.raises(msrp.SessionClosed) as closed:
        await alice.send(BODY)
    printed.show(closed.value)
    return ids


@pytest.mark.parametrize("tls", [False, True])
async def test_nothing_secret_is_shown(
    tmp_path: Path,
    printed: Printed,
    caplog: pytest.LogCaptureFixture,
    config: msrp.TLSConfig,  # noqa: F811
    tls: bool,
) -> None:
    trace = tmp_path / "trace.pcapng"
    printed.show(config, msrp.Trace(path=trace))
    async with msrp.Engine(tls=config, trace=trace) as engine:
        async with pair(engine, tls=tls, accept_types=["*"]) as (alice, bob):
            ids = await talk(printed, alice, bob)
        for text in (
            f"msrp://127.0.0.1:9/{SESSION_ID}",
            f"msrp://127.0.0.1:99999/{SESSION_ID};tcp",
            f"msrp://u:{CREDENTIAL}@h:9/{SESSION_ID};tcp;",
        ):
            async with engine.session() as session:
                ids.append(str(session.local_path[0].session_id))
                for call in (
                    lambda text=text: msrp.Uri(text),
                    lambda s=session, text=text: s.set_remote_path(text, active=True),
                    lambda s=session, text=text: s.set_remote(
                        f"m=message 9 TCP/MSRP *\r\na=path:{text}\r\n"
                    ),
                ):
                    try:
                        printed.show(call())
                    except ValueError as error:
                        printed.show(error)
        async with engine.session() as session, RawPeer() as peer:
            ids.append(str(session.local_path[0].session_id))
            await peer.meet(session)
            to = str(session.local_path[0])
            await peer.send_raw(
                f"MSRP tid1 SEND\r\nTo-Path: {to}\r\nFrom-Path: msrp://h:9/{SESSION_ID};tcp\r\n"
                f"Authorization: Digest response={CREDENTIAL}\r\n\r\n{BODY}".encode()
            )
            await peer.disconnect()
            with pytest.raises(msrp.ConnectError) as lost:
                async with asyncio.timeout(30):
                    await session.recv()
            printed.show(lost.value)
            printed.show(session, session.close_reason)
        printed.show(engine, engine.stats(), engine.stats().as_dict())
    printed.show(engine)
    records = [record.getMessage() for record in caplog.records]
    wire = [record.getMessage() for record in caplog.records if record.name == "msrp.wire"]
    assert any(" > SEND tid=" in text for text in wire)
    assert any(" < 200 tid=" in text for text in wire)
    assert any("dialled" in text for text in records)
    traced = trace.read_bytes().decode("latin-1")
    assert "Content-Type: text/plain" in traced
    for secret in [BODY, CREDENTIAL, *(name[:6] for name in (SESSION_ID, *ids))]:
        for text in [*printed.texts, *records, traced]:
            assert secret not in text, text[max(0, text.find(secret) - 200) :][:400]


async def test_the_log_follows_the_loggers(caplog: pytest.LogCaptureFixture) -> None:
    async with msrp.Engine() as engine, pair(engine) as (alice, bob):
        for level, wanted in (
            (logging.WARNING, False),
            (logging.DEBUG, True),
            (logging.INFO, False),
        ):
            caplog.set_level(level, "msrp")
            # The next drain hears of the level, those after it have what it asks for.
            for _ in range(3):
                transfer = await alice.send("Hello")
                await (await bob.recv()).text()
                await transfer.acknowledged()
                if _ == 1:
                    caplog.clear()
            assert any(record.name == "msrp.wire" for record in caplog.records) is wanted
