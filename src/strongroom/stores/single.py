"""Stores that keep one value a name: no versions, no stages, no labels. Some are only read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from ..errors import InvalidName, SecretNotFound, StoreUnsupported
from ..model import Name, Secret, Stage, Value, Version
from . import base
from .base import Capability
from .managers import Content
from .retry import all_or_error, side_by_side

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


class Writing(NamedTuple):
    """How such a store is written."""

    put: Callable[[Name, Value], None]
    delete: Callable[[Name], None]


class SingleStore:
    """A store whose only version of a secret is always 1, whatever its value."""

    def __init__(
        self, place: str, fetch: Callable[[str], Content], names: Callable[[], Iterable[str]] | None = None,
        writing: Writing | None = None, close: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Read a name's value with ``fetch``, and all names with ``names`` where there is a way to know them."""
        self.place = place
        able = ((Capability.LIST, names), (Capability.WRITE, writing))
        self.capabilities = frozenset(capability for capability, way in able if way)
        self._fetch = fetch
        self._names = names
        self._writing = writing
        self._close = close

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """Return the value.

        Raises:
            SecretNotFound: there is none of that name, or another version was asked for.
        """
        try:
            value = self._fetch(name).whole()
        except SecretNotFound as error:
            if self._writing:
                raise base.not_found(self, name) from None
            places = tuple(place if self.place in place else f"{self.place}: {place}" for place in error.places)
            raise SecretNotFound(name, places, "Put it where it is kept: strongroom only reads there.") from None
        if version not in (1, Stage.CURRENT):
            raise base.version_not_found(self, name, version, [1])
        return value

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """Return several values, read side by side."""
        return all_or_error(side_by_side(lambda each: self.read(*each), wanted))

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
        return all_or_error(side_by_side(self.inspect, sorted(valid_names(self._names()))))

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """Create a secret, without labels."""
        writing = self._write()
        if labels:
            raise StoreUnsupported(f"{self.place} keeps no labels.")
        if self._has(name):
            raise base.exists(self, name)
        writing.put(name, value)
        return self.inspect(name)

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """Replace the value."""
        writing = self._write()
        self.read(name)
        if stage is not Stage.CURRENT:
            raise StoreUnsupported(f"{self.place} keeps one version of a secret, so that none can be '{stage}'.")
        writing.put(name, value)
        return 1

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """Do nothing for what is so already, and refuse all else."""
        self._write()
        self.read(name, version or Stage.CURRENT)
        if stage is Stage.CURRENT and version is None:
            raise base.current_stays(name)
        if stage is not Stage.CURRENT:
            raise StoreUnsupported(f"{self.place} keeps one version of a secret: there is nothing to move.")

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """Refuse."""
        self._write()
        self.read(name)
        raise StoreUnsupported(f"{self.place} keeps no labels.")

    def destroy(self, name: Name, version: int) -> None:
        """Refuse: the only version is the current one."""
        self._write()
        self.read(name, version)
        raise base.current_stays(name)

    def remove(self, name: Name) -> None:
        """Remove a secret."""
        writing = self._write()
        self.read(name)
        writing.delete(name)

    def close(self) -> None:
        """Let go of what is open."""
        if self._close:
            self._close()

    def _has(self, name: Name) -> bool:
        try:
            self._fetch(name)
        except SecretNotFound:
            return False
        return True

    def _write(self) -> Writing:
        if self._writing is None:
            raise StoreUnsupported(f"{self.place} is read only: change the value where it is kept.")
        return self._writing


def identity(place: str, name: str, created_at: datetime | None = None) -> str:
    """Return an id for a secret of a store that gives none; one that is made anew under the same name has another."""
    import hashlib

    return hashlib.sha256(f"{place} {name} {created_at}".encode()).hexdigest()[:25]


def valid_names(texts: Iterable[str]) -> list[Name]:
    """Return those that Docker takes as names of secrets; a manager may keep others, too."""
    found = []
    for text in texts:
        try:
            found.append(Name(text))
        except InvalidName:
            continue
    return found


def only_current(uri: str, version: int | str | None) -> None:
    """Check that nothing but the current version is asked for.

    Raises:
        StoreUnsupported: something is.
    """
    if version not in (None, 1, Stage.CURRENT):
        raise StoreUnsupported(f"{uri} has no versions: leave ?version={version} out.")
