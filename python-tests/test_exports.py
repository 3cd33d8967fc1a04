"""The public surface: what is not listed here was added or taken away by accident."""

from __future__ import annotations

import importlib
import inspect

import pytest

import msrp
from msrp import _msrp

NAMES = """
    Answer AuthError Body CloseReason ConcurrencyError ConnectError ConnectionOptions Direction
    Engine Event EventStream EventsLost ForkedError Headers Histogram InternalError InvalidSdp
    InvalidUri LimitExceeded Limits Listener Message MessageAborted MsrpError PeerCertificate
    Profile ProtocolError QueueFull Relay RelayAuthorisation RelayCredentials RelayListener
    RelayLogin RelayMessage RelayNextHop RelayPath RelayStats Report Request Session SessionClosed
    SrvRecord State StateChanged Stats StatusError TLSConfig TlsError TooLarge Trace Traffic
    TransactionTimeout Transfer TransferFailed TransferUnconfirmed UnacceptedType Uri __version__
    ha1
"""

#: Of the modules that are asked for by name.
MODULES = {
    "cpim": "ParseError Sender senders",
    "sdp": """Attribute AttributesIn Direction Finding Fingerprint MediaDescription MediaLine
        SessionDescription Setup Severity answer check offer parse refuse""",
    "wire": """Body ByteRange End EventParser Fault Frame Head Headers ParseError Parser Piece
        Request Response Uri UriPath new_id""",
    "testing": "Entry Faults Frame Held Log RawPeer Request Response faults pair",
}

MEMBERS = {
    "Engine": "aclose listen relay reload_tls session set_trace stats",
    "EventStream": "",
    "Listener": "adopt close host port secure",
    "Message": "complete content_type headers message_id read reject report save text total",
    "Session": """adopt authenticate close close_reason create_answer create_offer direction events
    id local_attributes local_media local_path offer_attributes offer_due offer_media open
    peer_certificate prepare_remote recv recv_many recv_request relay_path relocate
    remote_description remote_direction remote_fingerprints remote_path request rollback_offer send
    send_nowait set_attributes set_direction set_remote set_remote_attributes set_remote_path
    state""",
    "Relay": "aclose listen revoke stats",
    "RelayListener": "close host port",
    "Request": "body content_type headers message_id method respond",
    "Transfer": "abort accepted acknowledged delivered message_id sent_bytes total",
    "Uri": "host port scheme session_id transport userinfo",
    "CloseReason": "kind offset status text unacknowledged",
    "Headers": "get items keys pairs values",
}


def test_names() -> None:
    assert sorted(msrp.__all__) == sorted(NAMES.split())
    assert all(hasattr(msrp, name) for name in msrp.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_names_of_modules(name: str) -> None:
    module = importlib.import_module(f"msrp.{name}")
    assert sorted(module.__all__) == sorted(MODULES[name].split())
    for public in module.__all__:
        value = getattr(module, public)
        assert value.__doc__ or public == "Piece", public
        members = vars(value) if inspect.isclass(value) else {}
        for member, function in members.items():
            if not member.startswith("_") and callable(function):
                assert function.__doc__, f"{public}.{member}"


@pytest.mark.parametrize("name", MEMBERS)
def test_members(name: str) -> None:
    public = [member for member in dir(getattr(msrp, name)) if not member.startswith("_")]
    assert sorted(public) == sorted(MEMBERS[name].split())


def test_options_are_keywords() -> None:
    for function, positional in (
        (msrp.Engine, 0),
        (msrp.Engine.session, 1),
        (msrp.Session.send, 3),
        (msrp.TLSConfig, 0),
        (msrp.Limits, 0),
        (msrp.ConnectionOptions, 0),
    ):
        kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
        assert kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) == positional


def test_every_coroutine_promises_what_cancellation_does() -> None:
    modules = ["engine", "events", "message", "session", "transfer"]
    for module in [*modules, "testing._peer", "testing._faults"]:
        for name, cls in inspect.getmembers(
            importlib.import_module(f"msrp.{module}"), inspect.isclass
        ):
            if name.startswith("_") or cls.__module__ != f"msrp.{module}":
                continue
            for member, function in inspect.getmembers(cls, inspect.iscoroutinefunction):
                if member.startswith("_") or name in ("Incoming", "Pump"):
                    continue
                assert "Cancellation:" in (function.__doc__ or ""), f"{name}.{member}"


def test_everything_public_is_documented() -> None:
    for name in NAMES.split():
        if name in ("__version__", "Body", "Event"):
            continue
        public = getattr(msrp, name)
        assert public.__doc__, name
        for member, value in vars(public).items():
            if not member.startswith("_") and callable(value):
                assert value.__doc__, f"{name}.{member}"


def test_version() -> None:
    assert msrp.__version__ == _msrp.__version__
    assert msrp.__version__.count(".") == 2
