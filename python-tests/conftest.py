"""How the Python tests run: coroutine tests in a debug-mode loop, on asyncio or on uvloop.

`async def test_...` runs by itself, each in a new event loop in debug mode; no mark is needed.
`--loop=uvloop` runs the same tests on uvloop. Fixtures are ordinary functions; what has to be
closed in the loop is opened with `async with` in the test.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable

import pytest

# Loops made by a test itself (asyncio.run in a thread or a child) are in debug mode too.
os.environ.setdefault("PYTHONASYNCIODEBUG", "1")

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--loop",
        choices=["asyncio", "uvloop"],
        default="asyncio",
        help="the event loop that coroutine tests run on",
    )


def loop_factory_of(config: pytest.Config) -> LoopFactory:
    if config.getoption("--loop") == "uvloop":
        import uvloop

        factory: LoopFactory = uvloop.new_event_loop
        return factory
    return asyncio.new_event_loop


@pytest.fixture
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """For tests that make loops themselves."""
    return loop_factory_of(request.config)


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Waits until a condition holds; fails after a minute."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    return wait


def pytest_report_header(config: pytest.Config) -> str:
    return f"event loop: {config.getoption('--loop')}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in names}
    factory = loop_factory_of(pyfuncitem.config)
    with asyncio.Runner(debug=True, loop_factory=factory) as runner:
        runner.run(pyfuncitem.obj(**arguments))
    return True
