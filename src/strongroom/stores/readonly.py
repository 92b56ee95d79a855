"""Stores that are read and never written: one value a name, no versions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from ..errors import SecretNotFound, StoreUnsupported
from ..model import Name, Secret, Stage, Value, Version
from . import base
from .base import Capability
from .managers import Content

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class ReadOnlyStore:
    """A store whose values somebody else keeps. The only version is always 1, whatever its value."""

    def __init__(
        self, place: str, fetch: Callable[[str], Content], names: Callable[[], Iterable[str]] | None = None
    ) -> None:
        """Read a name's value with ``fetch``, and all names with ``names``, where there is a way to know them."""
        self.place = place
        self.capabilities = frozenset({Capability.LIST} if names else ())
        self._fetch = fetch
        self._names = names

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """Return the value.

        Raises:
            SecretNotFound: there is none of that name, or another version was asked for.
        """
        if version not in (1, Stage.CURRENT):
            raise base.version_not_found(self, name, version, [1])
        try:
            return self._fetch(name).whole()
        except SecretNotFound as error:
            raise SecretNotFound(name, (*error.places, f"not in {self.place}"), "This store is read only.") from None

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """Return several values."""
        return [self.read(name, version) for name, version in wanted]

    def inspect(self, name: Name) -> Secret:
        """Return the secret's name; its times are not known."""
        self.read(name)
        return Secret(
            identity(self.place, name), name, UNKNOWN_TIME, UNKNOWN_TIME, {}, (Version(1, UNKNOWN_TIME),),
            {Stage.CURRENT: 1},
        )  # fmt: skip

    def list(self) -> Sequence[Secret]:
        """Return all secrets whose names follow Docker's rule.

        Raises:
            StoreUnsupported: nobody can know what there is.
        """
        if self._names is None:
            raise StoreUnsupported(f"{self.place} cannot be listed: ask for a secret by its name.")
        return [self.inspect(Name(name)) for name in sorted(self._names())]

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """Refuse."""
        self._refuse()

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """Refuse."""
        self._refuse()

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """Refuse."""
        self._refuse()

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """Refuse."""
        self._refuse()

    def destroy(self, name: Name, version: int) -> None:
        """Refuse."""
        self._refuse()

    def remove(self, name: Name) -> None:
        """Refuse."""
        self._refuse()

    def close(self) -> None:
        """Do nothing: it keeps nothing open."""

    def _refuse(self) -> NoReturn:
        raise StoreUnsupported(f"{self.place} is read only: change the value where it is kept.")


def identity(place: str, name: str, created_at: datetime | None = None) -> str:
    """Return an id for a secret of a store that gives none; one that is made anew under the same name has another."""
    return hashlib.sha256(f"{place} {name} {created_at}".encode()).hexdigest()[:25]


def only_current(uri: str, version: int | str | None) -> None:
    """Check that nothing but the current version is asked for.

    Raises:
        StoreUnsupported: something is.
    """
    if version not in (None, 1, Stage.CURRENT):
        raise StoreUnsupported(f"{uri} has no versions: leave ?version={version} out.")
