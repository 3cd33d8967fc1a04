"""The `msrp` command, as pip installs it."""

from __future__ import annotations

import contextlib
import signal
import sys

from . import _msrp


def main() -> int:
    """Runs the command with the process's arguments and gives its exit code."""
    # The interpreter's own handlers would keep Ctrl-C until the command is done.
    with contextlib.suppress(ValueError):
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _msrp.cli(["msrp", *sys.argv[1:]])
