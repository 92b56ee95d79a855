"""Every error strongroom raises on purpose, under one root.

A message is one sentence or two for a person: what happened, where, and what to do next. It never contains a value.
Standard library only: the reader imports this module.
"""

from __future__ import annotations


class StrongroomError(Exception):
    """The root of all errors raised on purpose. The command line prints it and exits with status 1."""


class InvalidName(StrongroomError, ValueError):
    """A secret's name, a label or a target that breaks the rules."""


class InvalidReference(StrongroomError, ValueError):
    """A text that is no reference to a value in a store, or one that its store does not understand."""


class SecretNotFound(StrongroomError, LookupError):
    """A secret, or a version of it, is nowhere it was looked for.

    Attributes:
        name: the name that was asked for.
        places: every place that was looked at, in order, each with what was seen there.
    """

    def __init__(self, name: str, places: tuple[str, ...], advice: str) -> None:
        """Say that ``name`` is in none of ``places``, and give ``advice`` on what to do next."""
        super().__init__(f"secret '{name}' not found: {'; '.join(places)}. {advice}")
        self.name = name
        self.places = places


class SecretUnreadable(StrongroomError):
    """A secret exists where it was looked for, but cannot be read."""


class NotText(SecretUnreadable):
    """A secret's bytes were asked for as text, but are not UTF-8."""


class SecretsMissing(StrongroomError):
    """Secrets that a project declares are nowhere: nothing was deployed."""


class SecretExists(StrongroomError):
    """A secret of that name is there already."""


class InvalidValue(StrongroomError, ValueError):
    """A value that no store takes: empty, or larger than Docker allows."""


class StoreNotFound(StrongroomError):
    """There is no store where one was looked for."""


class StoreBusy(StrongroomError):
    """Other processes held the store for longer than we wait."""


class StoreDamaged(StrongroomError):
    """The store is not what strongroom wrote: changed, cut short, or put together from pieces."""


class ChainBroken(StoreDamaged):
    """The audit chain is not what strongroom wrote.

    Attributes:
        entry: the number of the first entry that was changed, or that is missing.
    """

    def __init__(self, entry: int, message: str) -> None:
        """Say what is wrong with ``entry``."""
        super().__init__(message)
        self.entry = entry


class StoreUnavailable(StrongroomError):
    """A manager does not answer as it should, and may soon: sealed, down, slow, too busy, an answer cut short.

    The only error of a store that passes by itself: it was tried again until the time limit, and may be later.

    Attributes:
        sent: whether what was asked for may have been done all the same.
        after: how many seconds the manager asked to wait.
    """

    def __init__(self, message: str, *, sent: bool = False, after: float = 0.0) -> None:
        """Say what the manager did."""
        super().__init__(message)
        self.sent = sent
        self.after = after


class StoreRefused(StrongroomError):
    """A manager refuses, and would again: a certificate that is not trusted, a request that it does not take."""


class AccessDenied(StoreRefused):
    """A manager does not allow it: no login, a revoked token, or no permission."""


class StoreUnsupported(StrongroomError):
    """The store cannot do what was asked: read-only, or of a format that this version does not know."""


class IdentityError(StrongroomError):
    """No identity, or none that opens the store."""


class DeliveryError(StrongroomError):
    """A secret could not be put in front of its process."""


class DeclarationError(StrongroomError):
    """A Compose file, or a grant on the command line, that cannot be understood."""


class EngineError(StrongroomError):
    """The Docker Engine, or Docker's command line, cannot be reached or refuses.

    Attributes:
        status: the HTTP status of a refusal; 0 where there was none.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        """Say what happened."""
        super().__init__(message)
        self.status = status


class TargetError(StrongroomError):
    """Something to scan that is not there, cannot be read, or could be several things."""


class DeploymentFailed(StrongroomError):
    """A deployment did not converge.

    Attributes:
        rollback: whether there is something to put back.
    """

    def __init__(self, message: str, *, rollback: bool = False) -> None:
        """Say which service failed, and how."""
        super().__init__(message)
        self.rollback = rollback


class RotatorFailed(StrongroomError):
    """The system behind a secret cannot be reached, or does not take or accept a value."""


class RotationFailed(StrongroomError):
    """A rotation did not come to its end; the message says whether it was undone."""


class PolicyDenied(StrongroomError):
    """A policy does not allow a service to have a secret."""


class RulesError(StrongroomError):
    """A file of rules for scanning that cannot be read or understood."""


class ScanError(StrongroomError):
    """A file of a scan, its baseline or its report, that cannot be read or written."""


class IgnoreError(StrongroomError):
    """An ignore file that cannot be read or written."""


class BuildFailed(StrongroomError):
    """An image that was built, and cannot be handed out."""
