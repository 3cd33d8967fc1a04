"""Relays of our own: who we are to them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

from .tls import TLSConfig

__all__ = ["RelayLogin"]


@dataclass(frozen=True)
class RelayLogin:
    """A relay of ours, and who we are to it (RFC 4976). ``docs/relay-client.md`` tells more.

    ``uri``: where it is, ``msrps://relay.example.com;tcp`` or with a port. A name without a port is
    looked up by its service records (``_msrps._tcp``), then at port 2855. ``username`` and
    ``password``: the login. ``ha1`` instead of a password: ``H(user:realm:password)`` in hex
    digits, 32 of MD5 or 64 of SHA-256; it needs ``realm``. ``realm``: the only one whose challenges
    are answered; None: any. The engine writes over its copies of both when no session needs them;
    these ``str`` objects are in the interpreter's memory and stay there as it likes.

    ``expires``: for how many whole seconds the relay's URI is wanted; None: as the relay likes.
    ``tls``: TLS towards it, for the first relay alone; without it that of the session or engine,
    but for our certificate, which no relay is shown, and for fingerprints, which prove no relay.
    ``insecure_plain_auth``: the login may go without TLS, on loopback addresses, for tests; ``uri``
    is ``msrp:`` then; for the first relay alone. ``accept_unproved``: a relay that is behind
    another one, or that TLS has not proven, need not prove that it knows the password, too.
    """

    uri: str
    username: str
    password: str | None = field(default=None, repr=False)
    _: KW_ONLY
    ha1: str | None = field(default=None, repr=False)
    realm: str | None = None
    expires: float | None = None
    tls: TLSConfig | None = None
    insecure_plain_auth: bool = False
    accept_unproved: bool = False

    def __post_init__(self) -> None:
        if (self.password is None) == (self.ha1 is None):
            raise ValueError("a login has either a password or ha1")
        if self.tls is not None and not isinstance(self.tls, TLSConfig):
            raise TypeError(f"tls is a TLSConfig, not {type(self.tls).__name__}")
