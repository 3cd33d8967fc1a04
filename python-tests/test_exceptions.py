"""The table of errors."""

from __future__ import annotations

import asyncio
import builtins
import pickle

import pytest

import msrp
from msrp import _msrp, exceptions

BUILTINS: dict[str, type[Exception]] = {
    "InvalidUri": ValueError,
    "InvalidSdp": ValueError,
    "QueueFull": asyncio.QueueFull,
    "TooLarge": ValueError,
    "ConnectError": ConnectionError,
    "TlsError": ConnectionError,
    "TransactionTimeout": TimeoutError,
    "ForkedError": RuntimeError,
}


def test_every_kind_has_its_class() -> None:
    names = {name for _, _, name in _msrp.error_table()}
    own = {name for name in names if not hasattr(builtins, name)}
    assert own == set(exceptions.__all__) - {"MsrpError"}
    assert names - own == {"ValueError", "RuntimeError"}
    for name in exceptions.__all__:
        cls = getattr(msrp, name)
        assert cls is getattr(exceptions, name)
        assert issubclass(cls, msrp.MsrpError)
        if name in BUILTINS:
            assert issubclass(cls, BUILTINS[name])
        assert f"{name} " in (exceptions.__doc__ or "") or f"{name}\n" in (exceptions.__doc__ or "")


def test_numbers_are_those_of_c() -> None:
    assert [number for number, _, _ in _msrp.error_table()] == [-n for n in range(1, 20)]


@pytest.mark.parametrize("name", [name for _, _, name in _msrp.error_table()])
def test_errors_of_the_engine_become_their_class(name: str) -> None:
    error = exceptions._from_engine(name, "the text", "remote", 413, 17)
    assert type(error).__name__ == name
    assert str(error) == "the text"
    if isinstance(error, msrp.MsrpError):
        assert error.origin == "remote"
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == "the text"
        assert again.origin == "remote"
    if isinstance(error, msrp.StatusError):
        assert (error.status, error.comment) == (413, "the text")
    if isinstance(error, msrp.ProtocolError):
        assert error.offset == 17


def test_status_without_a_comment() -> None:
    assert str(msrp.StatusError(413)) == "status 413"
