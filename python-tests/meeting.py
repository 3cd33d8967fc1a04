"""A session of the binding and a raw peer in one room, for the tests of RFC 4975's reactions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msrp
from msrp import wire
from msrp.testing import RawPeer

ZIP = "application/zip"


@contextlib.asynccontextmanager
async def meeting(
    *, connect: bool = True, sdp: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[msrp.Session, RawPeer]]:
    """An open session and the peer; the peer connects unless told otherwise."""
    limits = options.pop("limits", None)
    async with (
        msrp.Engine(limits=limits) as engine,
        RawPeer() as peer,
        engine.session(**options) as session,
    ):
        await peer.meet(session, connect=connect, **(sdp or {}))
        yield session, peer
        await peer.disconnect()


async def sent(peer: RawPeer, body: bytes | str | None = b"x", **fields: Any) -> wire.Request:
    """Writes a SEND."""
    request = peer.make_send(body, **fields)
    await peer.send_raw(request)
    return request


async def answered(
    peer: RawPeer, status: int, body: bytes | str | None = b"x", **fields: Any
) -> None:
    """Writes a SEND, and the next frame is its answer."""
    request = await sent(peer, body, **fields)
    await peer.expect(status, transaction_id=request.transaction_id)


async def text(session: msrp.Session) -> str:
    return await (await session.recv()).text()


async def body(session: msrp.Session) -> bytes:
    return await (await session.recv()).read()
