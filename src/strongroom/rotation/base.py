"""What a rotation needs of others: a rotator for the system behind a secret, and deliveries to those who hold it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ..model import Value


class Context(NamedTuple):
    """What a rotator gets beside its URI: the secret's name, and the values of other secrets of the store."""

    secret: str
    read: Callable[[str], Value]


class Rotator(Protocol):
    """Makes a backing system accept values. Each method may be called again: a rotation that was killed starts over.

    All methods may raise ``RotatorFailed``.
    """

    def next_value(self, current: Value, generated: Value) -> Value:
        """Return the value after ``current``, around a password that was generated.

        Most return it as it is; where the value names a user too, the next one may name another.
        """
        ...

    def allow(self, value: Value, other: Value) -> None:
        """Make the system accept ``value``, and go on accepting ``other`` where it can accept both."""
        ...

    def test(self, value: Value) -> None:
        """Log in with ``value``."""
        ...

    def only(self, value: Value, former: Value) -> None:
        """Make the system accept ``value`` and, where it accepted both, no longer ``former``."""
        ...


class Delivery(Protocol):
    """Those who hold a secret: the services of a swarm, or the containers of a Compose project.

    All methods may raise ``EngineError``.
    """

    def holders(self) -> Sequence[str]:
        """Return who holds the secret now, for people."""
        ...

    def roll(self, version: int, former: int) -> None:
        """Give ``version`` to all that hold the secret, side by side, and return when each has converged.

        Who asks for the previous version too gets ``former`` as that. Those that have it already are left alone.

        Raises:
            DeploymentFailed: one did not converge.
        """
        ...

    def prune(self, keep: int, version: int | None = None) -> Sequence[int]:
        """Remove versions that nothing holds: those past the newest ``keep``, or just ``version``; return them."""
        ...

    def held(self) -> frozenset[int]:
        """Return the versions that somebody holds, or would after Docker's own rollback."""
        ...
