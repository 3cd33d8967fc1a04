"""Who a message/cpim names as its senders (RFC 3862, RFC 4975 §14.5).

::

    from msrp import cpim

    message = await session.recv()
    if message.content_type == "message/cpim":
        *passed_on_by, author = cpim.senders(await message.read())

Anybody can write any name into a body. What is known of a peer is known of its session:
`Session.peer_certificate`, and what SIP proved of the call. The same name in the messages of
another session proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import _msrp
from .wire import ParseError, _value_error

__all__ = ["ParseError", "Sender", "senders"]


@dataclass(frozen=True, slots=True)
class Sender:
    """One sender, as it calls itself."""

    #: Without quotes and escapes; None where there is none.
    name: str | None = field(repr=False)
    #: What stands in the angle brackets, unread: most often `im:` or `sip:`.
    uri: str = field(repr=False)


def senders(body: bytes) -> list[Sender]:
    """The senders of a message/cpim: who wrapped it last, then those of each message/cpim inside.

    At most 8 messages may be one inside of the other, with 64 KiB of headers each. Raises
    `ParseError`, with the place in `body`, where there is more, where a From is missing or there
    are two, and where the headers cannot be read.
    """
    found, breach = _msrp.cpim_senders(body)
    if found is None:
        raise _value_error(breach)
    return [Sender(name, uri) for name, uri in found]
