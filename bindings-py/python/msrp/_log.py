"""The engine's log, as records of `logging`: the logger ``msrp``, and for a line of each request
and response ``msrp.wire`` at the level DEBUG.

The engine queues records, within bounds; they are emitted on the thread of an event loop, after the
events of the same drain.
"""

from __future__ import annotations

import logging

from . import _msrp

_ENGINE = logging.getLogger("msrp")
_WIRE = logging.getLogger("msrp.wire")

#: The level of the wire's log in the engine.
_TRACE = 5

_LEVELS = (0, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)

#: Octets taken at once.
_MAX_BYTES = 64 * 1024


def wanted() -> int:
    """The engine's level for what the loggers let through now."""
    if _WIRE.isEnabledFor(logging.DEBUG):
        return _TRACE
    for level in range(4, 0, -1):
        if _ENGINE.isEnabledFor(_LEVELS[level]):
            return level
    return 0


def emit(core: _msrp.Engine) -> None:
    """Emits what is queued, up to 64 KiB; what is left wakes a loop again."""
    records, lost = core.take_log(_MAX_BYTES)
    for level, text in records:
        if level == _TRACE:
            _WIRE.debug("%s", text)
        else:
            _ENGINE.log(_LEVELS[level], "%s", text)
    if lost:
        _ENGINE.warning("%d records of the log were dropped: more came than were taken", lost)
