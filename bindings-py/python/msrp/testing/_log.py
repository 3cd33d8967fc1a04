"""What went through a connection, for the eyes of a test."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from msrp import wire


@dataclass(frozen=True, slots=True)
class Entry:
    """Octets that were read or written together, or an end."""

    #: Seconds of `time.monotonic`.
    time: float
    #: ``in``: read by us. ``out``: written by us. For `Faults`: to the session, from the session.
    direction: Literal["in", "out"]
    #: Empty for an event.
    octets: bytes
    #: ``connected``, ``end``, ``reset``, ``dropped`` and so on; "" for octets.
    event: str = ""


@dataclass(slots=True)
class Log:
    """Everything that went in and out, in its order; the oldest goes beyond `max_bytes` octets,
    of which each entry takes 128 more than its own."""

    max_bytes: int = 16 * 1024 * 1024
    #: Octets whose entries had to go.
    lost_bytes: int = 0
    _entries: deque[Entry] = field(default_factory=deque)
    _held: int = 0

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def octets(self, direction: Literal["in", "out"]) -> bytes:
        """All octets of one direction."""
        return b"".join(entry.octets for entry in self if entry.direction == direction)

    def frames(self, direction: Literal["in", "out"]) -> list[wire.Request | wire.Response]:
        """The whole frames of one direction, up to where they cannot be read."""
        try:
            return wire.Parser().feed(self.octets(direction))
        except wire.ParseError as error:
            return list(error.frames)  # type: ignore[arg-type]

    def add(self, direction: Literal["in", "out"], octets: bytes = b"", event: str = "") -> None:
        """Notes octets or an event, with the time."""
        self._entries.append(Entry(time.monotonic(), direction, bytes(octets), event))
        self._held += len(octets) + _ENTRY
        while self._held > self.max_bytes and len(self._entries) > 1:
            gone = len(self._entries.popleft().octets)
            self._held -= gone + _ENTRY
            self.lost_bytes += gone

    def __str__(self) -> str:
        """For people: direction, milliseconds since the first entry, and what it was."""
        lines = []
        with contextlib.suppress(IndexError):
            start = self._entries[0].time
            for entry in self:
                sign = "<-" if entry.direction == "in" else "->"
                head = f"{(entry.time - start) * 1000:9.1f} ms {sign}"
                text = entry.octets[:_SHOWN].decode("utf-8", "backslashreplace")
                lines += [f"{head} {line}" for line in (entry.event or text).splitlines()]
                if len(entry.octets) > _SHOWN:
                    lines.append(f"{head} ... {len(entry.octets)} octets in all")
        return "\n".join(lines)


#: Octets of one entry that `str` shows.
_SHOWN = 4096

#: What an entry takes beside its octets.
_ENTRY = 128
