"""No backing system: a key that only its own services know."""

from __future__ import annotations

from ..model import Value
from .base import Context


class NoRotator:
    """Accepts everything."""

    def __init__(self, uri: str, context: Context) -> None:
        """Need nothing."""

    def next_value(self, current: Value, generated: Value) -> Value:
        """See ``base.Rotator``."""
        return generated

    def allow(self, value: Value, other: Value) -> None:
        """See ``base.Rotator``."""

    def test(self, value: Value) -> None:
        """See ``base.Rotator``."""

    def only(self, value: Value, former: Value) -> None:
        """See ``base.Rotator``."""
