"""Sockets that are given away."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable


def give(sock: socket.socket, adopt: Callable[[int], None]) -> None:
    """Calls `adopt` with the descriptor, of which it makes a duplicate, and closes the socket; if
    it raises, nothing has changed."""
    if not isinstance(sock, socket.socket):
        raise TypeError(f"sock is a socket.socket, not {type(sock).__name__}")
    if isinstance(sock, ssl.SSLSocket):
        raise TypeError("sock is an ssl.SSLSocket: hand over the TCP socket, with tls=True")
    adopt(sock.fileno())
    # Not `close`, which waits for files that were made of it.
    os.close(sock.detach())


def octets_read(initial: bytes) -> bytes:
    """A copy of what was read from a socket. `bytes` makes zeros of a number."""
    try:
        return memoryview(initial).tobytes()
    except TypeError:
        raise TypeError(f"initial is bytes, not {type(initial).__name__}") from None
