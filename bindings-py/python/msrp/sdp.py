"""SDP of MSRP streams as values (RFC 4975 §8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

__all__ = ["AttributesIn"]

AttributesIn: TypeAlias = Mapping[str, str | None] | Iterable[tuple[str, str | None]]
"""Attributes by name, or pairs where one is repeated. None for one that is a name alone."""


def _pairs(attributes: AttributesIn) -> list[tuple[str, str | None]]:
    return list(attributes.items() if isinstance(attributes, Mapping) else attributes)
