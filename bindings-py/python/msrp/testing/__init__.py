"""For tests of programs that use this package, and of the networks around them.

- `pair`: two open sessions with each other.
- `RawPeer`: a peer without any engine, which sends the octets that a test gives, when it says so,
  and checks what comes.
- `faults`: faults in the connection of a live session: frames are lost, late, doubled, altered;
  the stream is cut into pieces, stalled, or broken.

Frames are those of `msrp.wire`. Nothing here needs pytest; fixtures for it are in
`msrp.testing.plugin`, for those who ask for them. The guide is ``docs/testing.md``.
"""

from msrp.wire import Frame, Request, Response

from ._faults import Faults, Held, faults
from ._log import Entry, Log
from ._pair import pair
from ._peer import RawPeer

__all__ = [
    "Entry",
    "Faults",
    "Frame",
    "Held",
    "Log",
    "RawPeer",
    "Request",
    "Response",
    "faults",
    "pair",
]
