"""The values of a store, to be looked for."""

from __future__ import annotations

from ..model import Name, Value
from ..stores.base import Store


def values(store: Store) -> list[tuple[Name, int, Value]]:
    """Read what a store has under any stage, current, previous or pending: name, version and value.

    They are read in one go, and each read is in the store's audit chain under its secret's name.

    Raises:
        StrongroomError: as ``Store.list`` and ``Store.read_many``.
    """
    wanted = [(secret.name, number) for secret in store.list() for number in sorted(set(secret.stages.values()))]
    read = store.read_many(list(wanted))
    return [(name, number, value) for (name, number), value in zip(wanted, read, strict=True)]
