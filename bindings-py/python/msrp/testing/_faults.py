"""Faults in the connection of a live session."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

from msrp import wire
from msrp.session import Session

from ._log import Log
from ._peer import cut, linger

Frame = wire.Request | wire.Response

What = str | int | Callable[[Frame], bool]
"""Which frames a fault is for: a method, a status code, ``"response"``, ``"request"``, or a
function that is asked with each frame. When it is asked, the frame has its headers, and no body
yet."""

Change = Callable[[Frame], wire.Frame | bytes]


@contextlib.contextmanager
def faults(session: Session) -> Iterator[Faults]:
    """Puts faults into the connection of an open session, TLS or not, until the block ends::

        async with pair(engine) as (alice, bob):
            with faults(alice) as f:
                f.drop_responses(count=1)
                transfer = await alice.send("is this lost?")

    From here on the connection goes through this event loop; afterwards still, but without faults:
    what was held back goes out. Other sessions on the same connection are hit, too.

    Raises `ValueError` when the session is not open, `SessionClosed`, `RuntimeError` on another
    event loop than the session's.
    """
    session._check_loop()
    inner, outer = session._core.intercept()
    at_work = Faults(socket.socket(fileno=inner), socket.socket(fileno=outer))
    try:
        yield at_work
    finally:
        at_work.clear()
    if at_work.failure is not None:
        raise at_work.failure


class Held:
    """Frames that a fault holds back; `Faults.hold` makes it."""

    __slots__ = ("_arrival", "_lane", "frames", "released")

    def __init__(self, lane: _Lane) -> None:
        self._lane = lane
        self._arrival = asyncio.Event()
        #: What is held back now, in its order.
        self.frames: list[Frame] = []
        self.released = False

    async def wait(self, count: int = 1) -> list[Frame]:
        """Waits until so many frames are held back, and gives them.

        Cancellation: nothing is lost.
        """
        while len(self.frames) < count:
            self._arrival.clear()
            await self._arrival.wait()
        return self.frames

    def release(self) -> None:
        """Sends them on their way, in their order; later ones are not held back any more."""
        self.released = True
        frames, self.frames = self.frames, []
        for frame in frames:
            self._lane.put(bytes(frame.raw or b""))

    def _take(self, frame: Frame) -> None:
        self.frames.append(frame)
        self._arrival.set()


class Faults:
    """The faults of one session's connection; `faults` makes it.

    Each method adds a fault for the next `count` frames that it is for (None: for all); the first
    fault that a frame fits takes it. Such a frame is gathered whole, a body of up to 64 MiB.
    ``direction`` is ``"in"`` for what the session receives, ``"out"`` for what it sends.
    """

    def __init__(self, session_side: socket.socket, peer_side: socket.socket) -> None:
        #: What went on and what was dropped. ``in``: to the session.
        self.log = Log()
        for side in (session_side, peer_side):
            side.setblocking(False)
        #: What a function of the test raised; it broke the connection, and `faults` raises it.
        self.failure: Exception | None = None
        self._sides = (session_side, peer_side)
        out = _Lane("out", session_side, peer_side, self.log)
        into = _Lane("in", peer_side, session_side, self.log)
        self._lanes: dict[Literal["in", "out"], _Lane] = {"out": out, "in": into}
        self._work = asyncio.ensure_future(self._carry())
        # Also when it is cancelled before its first step.
        self._work.add_done_callback(self._close)

    async def _carry(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for lane in self._lanes.values():
                    group.create_task(lane.carry())
        except* OSError:
            # A side was reset, so the other is reset as well.
            for side in self._sides:
                linger(side)
        except* Exception as failed:
            # Of the test's own functions.
            self.failure = failed.exceptions[0]
            for side in self._sides:
                linger(side)

    def _close(self, _: asyncio.Future[None]) -> None:
        for lane in self._lanes.values():
            lane.close()
        for side in self._sides:
            side.close()

    # Whole frames.

    def drop(
        self, what: What, *, count: int | None = 1, direction: Literal["in", "out"] = "in"
    ) -> None:
        """These frames are lost."""
        self._lanes[direction].add(what, count, lambda _: [])

    def alter(
        self,
        what: What,
        change: Change,
        *,
        count: int | None = 1,
        direction: Literal["in", "out"] = "in",
    ) -> None:
        """`change` gives what goes on instead of the frame: another frame, or octets. An exception
        there breaks the connection."""
        self._lanes[direction].add(what, count, lambda frame: [bytes(change(frame))])

    def replay(
        self,
        what: What,
        *,
        times: int = 1,
        count: int | None = 1,
        direction: Literal["in", "out"] = "in",
    ) -> None:
        """These frames come so many times more, at once."""
        self._lanes[direction].add(
            what, count, lambda frame: [bytes(frame.raw or b"")] * (times + 1)
        )

    def hold(
        self, what: What, *, count: int | None = 1, direction: Literal["in", "out"] = "in"
    ) -> Held:
        """These frames are held back until the test releases them; others overtake them."""
        lane = self._lanes[direction]
        held = Held(lane)
        lane.held.append(held)

        def take(frame: Frame) -> list[bytes]:
            if held.released:
                return [bytes(frame.raw or b"")]
            held._take(frame)
            return []

        lane.add(what, count, take)
        return held

    def delay(
        self,
        what: What,
        seconds: float,
        *,
        count: int | None = 1,
        direction: Literal["in", "out"] = "in",
    ) -> None:
        """These frames come so many seconds later; others overtake them."""
        lane = self._lanes[direction]

        def later(frame: Frame) -> list[bytes]:
            raw = bytes(frame.raw or b"")
            asyncio.get_running_loop().call_later(seconds, lane.put, raw)
            return []

        lane.add(what, count, later)

    def drop_responses(
        self, count: int | None = 1, *, direction: Literal["in", "out"] = "in"
    ) -> None:
        """Responses are lost: the sender does not know whether the request arrived."""
        self.drop("response", count=count, direction=direction)

    def hold_responses(
        self, count: int | None = 1, *, direction: Literal["in", "out"] = "in"
    ) -> Held:
        """Responses are held back; `Held.release` lets them go."""
        return self.hold("response", count=count, direction=direction)

    def delay_responses(
        self, seconds: float, count: int | None = 1, *, direction: Literal["in", "out"] = "in"
    ) -> None:
        """Responses come so many seconds later."""
        self.delay("response", seconds, count=count, direction=direction)

    def replay_responses(
        self, count: int | None = 1, *, times: int = 1, direction: Literal["in", "out"] = "in"
    ) -> None:
        """Responses come again."""
        self.replay("response", times=times, count=count, direction=direction)

    def alter_responses(
        self,
        status: int,
        comment: str | None = None,
        count: int | None = 1,
        *,
        direction: Literal["in", "out"] = "in",
    ) -> None:
        """Responses get another status code."""

        def change(frame: Frame) -> wire.Frame:
            changes: dict[str, object] = {"status": status}
            if comment is not None:
                changes["comment"] = comment
            return frame.replace(**changes)

        self.alter("response", change, count=count, direction=direction)

    def drop_reports(
        self, count: int | None = 1, *, direction: Literal["in", "out"] = "in"
    ) -> None:
        """REPORTs are lost."""
        self.drop("REPORT", count=count, direction=direction)

    def duplicate_reports(
        self, count: int | None = 1, *, direction: Literal["in", "out"] = "in"
    ) -> None:
        """REPORTs come twice."""
        self.replay("REPORT", count=count, direction=direction)

    def flags(
        self,
        flag: str,
        what: What = "SEND",
        count: int | None = 1,
        *,
        direction: Literal["in", "out"] = "in",
    ) -> None:
        """Frames get another flag in their end-line, a right or a wrong one."""
        self.alter(what, lambda frame: frame.replace(flag=flag), count=count, direction=direction)

    # The stream.

    async def send_raw(
        self, octets: bytes | wire.Frame, *, to: Literal["session", "peer"] = "peer"
    ) -> None:
        """Puts octets into the stream, between two frames.

        Cancellation: nothing is written if it was still waiting for the end of a frame.
        """
        lane = self._lanes["out" if to == "peer" else "in"]
        await lane.between_frames()
        lane.put(bytes(octets))

    def split(
        self,
        size: int = 1,
        *,
        between: Callable[[], Awaitable[object]] | None = None,
        direction: Literal["in", "out"] = "in",
    ) -> None:
        """From now on no more than `size` octets are written at once; `between` is awaited between
        two writes."""
        if size < 1:
            raise ValueError(f"size {size} is not at least 1")
        lane = self._lanes[direction]
        lane.size, lane.between = size, between

    def stall(self, direction: Literal["in", "out"] = "in") -> None:
        """From now on nothing is read from that side, so that it cannot write."""
        self._lanes[direction].running.clear()

    def resume(self, direction: Literal["in", "out"] = "in") -> None:
        """Ends `stall`."""
        self._lanes[direction].running.set()

    def cut(self, *, reset: bool = False) -> None:
        """Ends the connection for both sides, or resets it."""
        self.log.add("in", event="reset" if reset else "cut")
        for side in self._sides:
            if reset:
                linger(side)
            else:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_WR)
        self._work.cancel()

    def clear(self) -> None:
        """No fault from now on: what is held back goes out, and stalls end."""
        for lane in self._lanes.values():
            lane.clear()


class _Lane:
    """One direction: reads here, writes there."""

    def __init__(
        self,
        direction: Literal["in", "out"],
        source: socket.socket,
        target: socket.socket,
        log: Log,
    ) -> None:
        self.direction = direction
        self.running = asyncio.Event()
        self.running.set()
        self.size: int | None = None
        self.between: Callable[[], Awaitable[object]] | None = None
        self.held: list[Held] = []
        self._source = source
        self._target = target
        self._log = log
        self._rules: list[_Rule] = []
        self._parser = wire.EventParser()
        self._readable = True
        # Octets of the stream that are not on their way yet, and the place of their first.
        self._octets = bytearray()
        self._octets_from = 0
        # The frame that is being read: with a rule it is gathered, else it passes as it comes.
        self._frame: Frame | None = None
        self._rule: _Rule | None = None
        self._body = bytearray()
        self._idle = asyncio.Event()
        self._idle.set()
        # What is to be written; `put` may be called at any time, the task below writes.
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def add(self, what: What, count: int | None, action: Callable[[Frame], list[bytes]]) -> None:
        self._rules.append(_Rule(what, count, action))

    def clear(self) -> None:
        self._rules.clear()
        self.size = self.between = None
        self.running.set()
        for held in self.held:
            held.release()
        self.held.clear()

    def close(self) -> None:
        self._idle.set()

    async def between_frames(self) -> None:
        await self._idle.wait()

    def put(self, octets: bytes) -> None:
        if octets:
            self._queue.put_nowait(octets)

    async def carry(self) -> None:
        tasks = [asyncio.ensure_future(self._read()), asyncio.ensure_future(self._write())]
        try:
            # A side that cannot be written any more ends the reading, too, which waits for it.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.running.wait()
            octets = await loop.sock_recv(self._source, _BLOCK)
            # A stall that began meanwhile holds what was read.
            await self.running.wait()
            if not octets:
                self._log.add(self.direction, event="end")
                self._pass_all()
                self._queue.put_nowait(None)
                return
            self._take(octets)
            # Back-pressure: no more is read before this is written.
            await self._queue.join()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            octets = await self._queue.get()
            if octets is None:
                with contextlib.suppress(OSError):
                    self._target.shutdown(socket.SHUT_WR)
                return
            for number, piece in enumerate(cut(octets, (), self.size)):
                if number:
                    await (asyncio.sleep(0) if self.between is None else self.between())
                self._log.add(self.direction, piece)
                await loop.sock_sendall(self._target, piece)
            self._queue.task_done()

    # Frames.

    def _take(self, octets: bytes) -> None:
        self._octets += octets
        if not self._readable:
            self._pass_all()
            return
        for piece in self._parser.feed(octets):
            if isinstance(piece, wire.Head):
                self._begin(piece.frame)
            elif isinstance(piece, wire.Body):
                if self._rule is not None:
                    self._body += piece.data
                    if len(self._body) > _GATHERED:
                        raise ValueError(
                            f"a body of more than {_GATHERED} octets cannot be gathered for a fault"
                        )
            else:
                self._end(piece)
        if self._parser.error is not None:
            # No frame any more: octets.
            self._readable = False
            self._frame = self._rule = None
            self._idle.set()
            self._pass_all()
        elif self._frame is not None and self._rule is None:
            self._pass_all()

    def _begin(self, frame: Frame) -> None:
        self._frame = frame
        self._rule = next((rule for rule in self._rules if rule.takes(frame)), None)
        self._body.clear()
        self._idle.clear()

    def _end(self, end: wire.End) -> None:
        frame, rule = self._frame, self._rule
        self._frame = self._rule = None
        raw = self._cut_until(end.offset)
        if rule is None or frame is None:
            self.put(raw)
        else:
            # Empty lines before the frame are no part of it.
            raw = raw.lstrip(b"\r\n")
            whole = frame.replace(
                body=bytes(self._body) if frame.has_body else None, flag=end.flag, raw=raw
            )
            written = rule.action(whole)
            if not written:
                self._log.add(self.direction, event=f"held back or dropped: {whole!r}")
            for octets in written:
                self.put(octets)
        self._idle.set()

    def _cut_until(self, offset: int) -> bytes:
        size = offset - self._octets_from
        octets = bytes(self._octets[:size])
        del self._octets[:size]
        self._octets_from = offset
        return octets

    def _pass_all(self) -> None:
        self.put(self._cut_until(self._octets_from + len(self._octets)))


class _Rule:
    """A fault for some frames."""

    def __init__(
        self, what: What, count: int | None, action: Callable[[Frame], list[bytes]]
    ) -> None:
        if count is not None and count < 1:
            raise ValueError(f"count {count} is not at least 1")
        self._what = what
        self._left = count
        self.action = action

    def takes(self, frame: Frame) -> bool:
        if self._left == 0 or not self._fits(frame):
            return False
        if self._left is not None:
            self._left -= 1
        return True

    def _fits(self, frame: Frame) -> bool:
        match self._what:
            case "response":
                return frame.status is not None
            case "request":
                return frame.method is not None
            case str(method):
                return frame.method == method
            case int(status):
                return frame.status == status
            case function:
                return function(frame)


#: Octets of a body in a frame that a fault is for.
_GATHERED = 64 * 1024 * 1024

#: Octets of one read.
_BLOCK = 64 * 1024
