"""The way out of the interpreter; `stress_exit.py` does this many more times."""

from __future__ import annotations

import pytest

import stress_exit


@pytest.mark.parametrize("name", stress_exit.SCRIPTS)
def test_exit(name: str) -> None:
    _, code, output = stress_exit.run(name)
    assert (code, output) == (0, "")
