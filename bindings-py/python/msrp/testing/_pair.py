"""Two sessions with each other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from msrp.engine import Engine
from msrp.session import Session


@contextlib.asynccontextmanager
async def pair(
    engine: Engine,
    *,
    offerer: Mapping[str, Any] | None = None,
    answerer: Mapping[str, Any] | None = None,
    **options: Any,
) -> AsyncIterator[tuple[Session, Session]]:
    """Two open sessions with each other, closed at the end. `options` are those of `Engine.session`
    for both; `offerer` and `answerer` are for one.

    Raises what `Session.open` raises.
    """
    async with (
        engine.session(**{**options, **(offerer or {})}) as first,
        engine.session(**{**options, **(answerer or {})}) as second,
    ):
        first.set_remote(second.create_answer(first.create_offer()))
        await asyncio.gather(first.open(), second.open())
        yield first, second
