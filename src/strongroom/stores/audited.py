"""What a store with an audit records beside its reads and changes: what became of the values outside of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from ..model import Name, Stage, Value
from .base import Store


class Happening(StrEnum):
    """What happens outside of a store."""

    DELIVER = "deliver"
    DENY = "deny"
    FAIL = "fail"
    ROTATE = "rotate"


class Event(NamedTuple):
    """Something that happened to a secret. ``detail`` says who got it (``to``), which step it was, what went wrong."""

    happening: Happening
    secret: str
    version: int | None = None
    detail: Mapping[str, str] = MappingProxyType({})

    def failed(self, error: Exception) -> Event:
        """Return the event that this was tried, and failed."""
        detail = {**self.detail, "tried": self.happening.value, "error": type(error).__name__}
        return self._replace(happening=Happening.FAIL, detail=detail)


@runtime_checkable
class Audited(Protocol):
    """A store that keeps an audit."""

    def record(self, events: Sequence[Event]) -> None:
        """Record what happened, all of it or none."""
        ...

    def read_for(self, wanted: Sequence[tuple[Name, int | Stage]], to: str) -> Sequence[Value]:
        """Return values as ``read_many`` does, each recorded as delivered to ``to`` in the same transaction."""
        ...


def record(store: Store | None, events: Sequence[Event]) -> None:
    """Record events where the store keeps an audit."""
    if events and isinstance(store, Audited):
        store.record(events)


def read_for(store: Store, wanted: Sequence[tuple[Name, int | Stage]], to: str) -> Sequence[Value]:
    """Read values for somebody; the store's audit, if it keeps one, says for whom."""
    return store.read_for(wanted, to) if isinstance(store, Audited) else store.read_many(wanted)
