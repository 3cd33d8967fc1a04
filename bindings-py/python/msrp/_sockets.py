"""Sockets that are given away."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable


def give(sock: socket.socket, adopt: Callable[[int], None]) -> None:
    """Calls `adopt` with the descriptor, which has another owner then; if it raises, nothing has
    changed."""
    if not isinstance(sock, socket.socket):
        raise TypeError(f"sock is a socket.socket, not {type(sock).__name__}")
    if isinstance(sock, ssl.SSLSocket):
        raise TypeError("sock is an ssl.SSLSocket: hand over the TCP socket, with tls=True")
    adopt(sock.fileno())
    # The number is closed, and may be somebody else's by now.
    sock.detach()
