"""Marks: a test says which lines of the conformance catalogue it has just seen hold.

A mark stands behind the assertions, so that a test that fails leaves none. With `MSRP_MARKS=FILE`
in the environment, marks are appended to that file; `scripts/conformance.py` makes the coverage
table of them.
"""

from __future__ import annotations

import os
import re
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@cache
def catalogue() -> frozenset[str]:
    """The IDs that the files of docs/conformance define."""
    texts = (path.read_text() for path in (ROOT / "docs" / "conformance").glob("*.md"))
    definition = re.compile(r"^(?:\| ([A-Z]-\d{3}) \||\*\*(T-\d{2,3}) )", re.MULTILINE)
    return frozenset(found[1] or found[2] for text in texts for found in definition.finditer(text))


def covers(*ids: str) -> None:
    """Says that the lines with these IDs were just seen to hold. The IDs have to be known."""
    caller = sys._getframe(1).f_code
    unknown = [name for name in ids if name not in catalogue()]
    assert not unknown, f"{', '.join(unknown)}: in no file of docs/conformance"
    if path := os.environ.get("MSRP_MARKS"):
        file = Path(caller.co_filename).resolve().relative_to(ROOT).as_posix()
        lines = "".join(f"{name}\t{file}\t{caller.co_name}\n" for name in ids)
        with Path(path).open("ab", buffering=0) as marks:
            marks.write(lines.encode())
