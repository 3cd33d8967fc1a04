"""Whether a frame is what a test expects, and if not, where they differ."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from msrp import wire

Frame = wire.Request | wire.Response

Matcher = str | re.Pattern[str] | Callable[[str], bool] | None
"""A header's value: equal, matched whole by a pattern, or of which a function says yes. None: the
header is not there."""


def differences(
    frame: Frame,
    kind: str | int | None,
    fields: Mapping[str, Any],
    headers: Mapping[str, Matcher],
) -> list[str]:
    """A line for each difference; `fields` that are None are not compared."""
    lines = []
    if isinstance(kind, int) and frame.status != kind:
        lines.append(f"status: expected {kind}, came {_kind(frame)}")
    if isinstance(kind, str) and frame.method != kind:
        lines.append(f"method: expected {kind}, came {_kind(frame)}")
    for name, expected in fields.items():
        came = getattr(frame, name, None)
        if expected is not None and came != expected:
            lines.append(f"{name}: expected {expected!r}, came {came!r}")
    for name, expected in headers.items():
        came = frame.headers.get(name)
        if not _holds(came, expected):
            shown = "absent" if came is None else repr(came)
            lines.append(f"{name}: expected {_described(expected)}, came {shown}")
    return lines


def complaint(frame: Frame, lines: list[str], log: object) -> str:
    """The text of an assertion: what differs, the frame, and what went before."""
    differ = "".join(f"\n  {line}" for line in lines)
    return f"another frame came:{differ}\nthe frame:\n{_indented(frame)}\nso far:\n{_indented(log)}"


def _holds(came: str | None, expected: Matcher) -> bool:
    if expected is None or came is None:
        return came is expected
    if isinstance(expected, str):
        return came == expected
    if isinstance(expected, re.Pattern):
        return expected.fullmatch(came) is not None
    return expected(came)


def _described(expected: Matcher) -> str:
    if expected is None:
        return "absent"
    if isinstance(expected, re.Pattern):
        return f"a match of {expected.pattern!r}"
    return repr(expected)


def _kind(frame: Frame) -> str:
    return frame.start_line


def _indented(text: object) -> str:
    return "\n".join(f"    {line}" for line in str(text).splitlines())
