"""What every store does. ``strongroom.stores.testing`` is the suite that holds each one to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from ..errors import SecretExists, SecretNotFound, StoreUnsupported
from ..model import Name, Secret, Stage, Value


class Capability(StrEnum):
    """What a store can do beside reading the current version."""

    LIST = "list secrets"
    WRITE = "write secrets"
    VERSIONS = "read older versions"
    STAGES = "move stages"
    LABELS = "keep labels"
    DESTROY = "destroy versions"


class Store(Protocol):
    """A place that keeps secrets. All methods may raise ``StoreBusy``, ``StoreDamaged`` and ``StoreUnsupported``.

    One change is one transaction: it is there whole when the method returns, and not at all when it raises.
    """

    @property
    def place(self) -> str:
        """Where this store is, for messages and to open it again: a path or a URI, without credentials."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this store can do."""
        ...

    def create(self, name: Name, value: Value, labels: Mapping[str, str] | None = None) -> Secret:
        """Create a secret, with ``value`` as version 1 and ``current``.

        Raises:
            SecretExists: there is one of that name.
        """
        ...

    def write(self, name: Name, value: Value, stage: Stage = Stage.CURRENT) -> int:
        """Add a version with a value, move ``stage`` to it as ``move_stage`` does, and return its number.

        Raises:
            SecretNotFound: there is no such secret.
        """
        ...

    def read(self, name: Name, version: int | Stage = Stage.CURRENT) -> Value:
        """Return the value of a version, or of the version that a stage points at.

        Raises:
            SecretNotFound: there is no such secret or version, or it was destroyed.
        """
        ...

    def read_many(self, wanted: Sequence[tuple[Name, int | Stage]]) -> Sequence[Value]:
        """Return several values, in the order asked for: all of them, or an error for the first that fails."""
        ...

    def inspect(self, name: Name) -> Secret:
        """Return what there is to know of a secret, but its values.

        Raises:
            SecretNotFound: there is no such secret.
        """
        ...

    def list(self) -> Sequence[Secret]:
        """Return all secrets, by name."""
        ...

    def move_stage(self, name: Name, stage: Stage, version: int | None) -> None:
        """Point ``stage`` at a version, or take it away with None.

        Moving ``current`` points ``previous`` at the version that was current, and takes ``pending`` from the new one.

        Raises:
            SecretNotFound: there is no such secret or version, or it was destroyed.
            StoreUnsupported: ``current`` was to be taken away.
        """
        ...

    def set_labels(self, name: Name, labels: Mapping[str, str]) -> None:
        """Replace a secret's labels."""
        ...

    def destroy(self, name: Name, version: int) -> None:
        """Destroy one version's value for good; its number is never used again, and its stages go.

        Destroying a destroyed version does nothing.

        Raises:
            SecretNotFound: there is no such secret or version.
            StoreUnsupported: it is the current version.
        """
        ...

    def remove(self, name: Name) -> None:
        """Destroy a secret with all its versions.

        Raises:
            SecretNotFound: there is no such secret.
        """
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


def require_versions(store: Store, what: str) -> None:
    """Check that a store tells a secret's value from the one before, which ``what`` needs.

    Raises:
        StoreUnsupported: it does not.
    """
    if Capability.VERSIONS not in store.capabilities:
        raise StoreUnsupported(
            f"{store.place} keeps one version of a secret, and {what} has to tell one from the next. "
            "Use: strongroom stack deploy"
        )


def not_found(store: Store, name: str) -> SecretNotFound:
    """Return the error for a secret that ``store`` does not have."""
    return SecretNotFound(name, (f"not in {store.place}",), f"Create it: strongroom secret create {name} FILE")


def version_not_found(store: Store, name: str, version: int | Stage, existing: Iterable[int]) -> SecretNotFound:
    """Return the error for a version or stage that a secret does not have."""
    what = f"stage '{version.value}'" if isinstance(version, Stage) else f"version {version}"
    numbers = ", ".join(str(number) for number in existing) or "none"
    return SecretNotFound(
        name, (f"{store.place} has no {what} of it (readable: {numbers})",), f"See: strongroom secret versions {name}"
    )


def exists(store: Store, name: str) -> SecretExists:
    """Return the error for a secret that ``store`` has already."""
    return SecretExists(
        f"secret '{name}' exists already in {store.place}. Give it a new version with: "
        f"strongroom secret update {name} FILE"
    )


def current_stays(name: str) -> StoreUnsupported:
    """Return the error for taking away what a secret's readers read."""
    return StoreUnsupported(
        f"the current version of '{name}' stays: make another version current first, "
        f"or remove the whole secret with: strongroom secret rm {name}"
    )
