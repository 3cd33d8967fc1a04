"""TLS identity and trust."""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self, TypeAlias

from . import _msrp

__all__ = ["PeerCertificate", "TLSConfig"]

Pem: TypeAlias = str | os.PathLike[str] | bytes
"""A file's path, or PEM text as `bytes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TLSConfig:
    """TLS identity and trust. ``docs/tls.md`` tells what follows from it.

    ``ca``: trusted certificates; None: the system's. ``cert`` and ``key``: our own chain and its
    key; a listener needs them. ``verify``: how the peer's certificate is judged: ``"ca"`` by a CA
    and the host name in the URI, ``"fingerprint"`` by the ``a=fingerprint`` line of its SDP (RFC
    4975 §14.4), ``"none"`` not at all, for tests. ``server_name``: the name to check instead of the
    URI's host.

    ``client_auth``: whether we ask for a certificate where we accept: ``"request"`` serves peers
    without one, too, ``"require"`` does not; ``ca`` judges them. ``peer_fingerprints``: those that
    the peer's certificate must have one of, as `fingerprints` gives them, besides what ``verify``
    asks for. ``peer_names``: whether certificates must name the peer's place also where that is not
    asked for anyhow. ``min_version``, ``max_version``: of TLS.

    ``keylog``: a file to which the keys of all connections are appended, for tools that decrypt
    what was recorded; whoever has it can read it all.

    Files are read when the first session or listener is made with them, and again after they
    changed or `Engine.reload_tls` says so.
    """

    ca: Pem | None = None
    cert: Pem | None = None
    key: Pem | None = field(default=None, repr=False)
    verify: Literal["ca", "fingerprint", "none"] = "ca"
    server_name: str | None = None
    client_auth: Literal["none", "request", "require"] = "none"
    peer_fingerprints: Sequence[str] = ()
    peer_names: bool = False
    min_version: Literal["1.2", "1.3"] = "1.2"
    max_version: Literal["1.2", "1.3"] = "1.3"
    keylog: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name in ("ca", "cert", "key"):
            value = getattr(self, name)
            if isinstance(value, ssl.SSLContext):
                raise TypeError(_SSL_CONTEXT)
            if value is not None and not isinstance(value, str | bytes | os.PathLike):
                raise TypeError(
                    f"{name} is a path or PEM text as bytes, not {type(value).__name__}"
                )
        _one_of("verify", self.verify, "ca", "fingerprint", "none")
        _one_of("client_auth", self.client_auth, "none", "request", "require")
        _one_of("min_version", self.min_version, "1.2", "1.3")
        _one_of("max_version", self.max_version, "1.2", "1.3")
        if (self.cert is None) != (self.key is None):
            raise ValueError("cert and key go together")
        if isinstance(self.peer_fingerprints, str | bytes):
            raise TypeError("peer_fingerprints is a sequence of str")
        object.__setattr__(self, "peer_fingerprints", tuple(self.peer_fingerprints))

    @classmethod
    def self_signed(cls, *names: str, days: int = 365, **options: Any) -> Self:
        """A configuration with a certificate that is made now and signs itself, for peers that know
        it by its fingerprint::

            engine.session(tls=msrp.TLSConfig.self_signed("im:alice@example.com"))

        `names`: host names, addresses, and URIs of users such as ``im:`` and ``sip:`` (RFC 4975
        §14.4), for the certificate's SubjectAltName; without one it is anonymous. `days`: how long
        it is valid from now. `options`: the other members of `TLSConfig`; ``verify`` is
        ``"fingerprint"`` unless it is given.

        Keep the result where the peer shall see the same fingerprint again, and make one for each
        session where two sessions shall not be known to be of one user. ``cert`` and ``key`` hold
        the PEM.

        Raises `ValueError` for what is no name, an MSRP URI among them, and for days that are not 1
        to 36500.
        """
        for name in ("cert", "key"):
            if name in options:
                raise TypeError(f"{name} is made here")
        cert, key = _msrp.self_signed(list(names), days)
        return cls(cert=cert, key=key, **{"verify": "fingerprint", **options})

    def fingerprints(self, *hashes: str) -> tuple[str, ...]:
        """The fingerprints of our own certificate as ``a=fingerprint`` has them, one for each of
        `hashes` (``"sha-256"`` unless given); empty without a certificate. Sessions write theirs by
        themselves: this is for a host that tells them in another way. A file is read now.

        Raises `ValueError` for a hash that is weak or not known, a file that cannot be read, and
        PEM without a certificate.
        """
        prints = (_msrp.fingerprint(self, name) for name in hashes or ("sha-256",))
        return tuple(text for text in prints if text is not None)


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The certificate that a peer showed, and what proves it.

    Subject, issuer and names are the certificate's own words, claims where nothing proves them;
    characters that cannot be printed are escaped, and long ones are cut.
    """

    #: The certificate, DER.
    der: bytes
    #: As in ``CN=alice.example, O=Example``.
    subject: str
    #: In the same form.
    issuer: str
    #: For which it was issued: ``DNS:alice.example``, ``IP:192.0.2.1``,
    #: ``URI:im:alice@example.com``, ``email:alice@example.com``.
    names: tuple[str, ...]
    #: From when it is valid.
    not_before: datetime
    #: Until when.
    not_after: datetime
    #: SHA-256, as ``TLSConfig.peer_fingerprints`` takes it.
    fingerprint: str
    #: ``ca-and-name``: a trusted CA has signed it, and it names the peer's host. ``ca``: a trusted
    #: CA has signed it; for which peer was not asked, since it connected to us. ``fingerprint``:
    #: that of the peer's SDP, one of ``peer_fingerprints``, or both. ``none``: nothing.
    proof: Literal["ca-and-name", "ca", "fingerprint", "none"]


def _peer_certificate(raw: tuple[Any, ...] | None) -> PeerCertificate | None:
    if raw is None:
        return None
    der, subject, issuer, names, not_before, not_after, fingerprint, proof = raw
    return PeerCertificate(
        der=der,
        subject=subject,
        issuer=issuer,
        names=tuple(names),
        not_before=_EPOCH + timedelta(seconds=not_before),
        not_after=_EPOCH + timedelta(seconds=not_after),
        fingerprint=fingerprint,
        proof=proof,
    )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _one_of(name: str, value: object, *known: str) -> None:
    if value not in known:
        *first, last = (repr(choice) for choice in known)
        raise ValueError(f"{name} is {', '.join(first)} or {last}, not {value!r}")


_SSL_CONTEXT = (
    "an ssl.SSLContext cannot be used: the engine does TLS outside the interpreter; "
    "use msrp.TLSConfig(ca=..., cert=..., key=...) with paths or PEM bytes"
)


def _tls(value: bool | TLSConfig | None) -> tuple[bool, TLSConfig | None]:
    """Whether to use TLS, and with which configuration instead of the engine's."""
    if value is None or isinstance(value, bool):
        return bool(value), None
    if isinstance(value, TLSConfig):
        return True, value
    if isinstance(value, ssl.SSLContext):
        raise TypeError(_SSL_CONTEXT)
    raise TypeError(f"tls is a bool or a TLSConfig, not {type(value).__name__}")
