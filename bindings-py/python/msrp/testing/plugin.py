"""Fixtures for pytest. A suite asks for them in its ``conftest.py``::

    pytest_plugins = ["msrp.testing.plugin"]

They work with any way of running coroutine tests: what has to be opened in the loop is opened by
the test, with ``async with``.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from msrp.engine import Engine
from msrp.session import Session

from ._pair import pair
from ._peer import RawPeer


@pytest.fixture
def msrp_engine() -> Iterator[Engine]:
    """An engine, closed after the test."""
    engine = Engine()
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture
def msrp_pair(
    msrp_engine: Engine,
) -> Callable[..., AbstractAsyncContextManager[tuple[Session, Session]]]:
    """`pair` with the engine of `msrp_engine`: ``async with msrp_pair() as (alice, bob)``."""
    return functools.partial(pair, msrp_engine)


@pytest.fixture
def msrp_raw_peer() -> Callable[..., RawPeer]:
    """`RawPeer`: ``async with msrp_raw_peer() as peer``."""
    return RawPeer
