"""Where the value of each declared secret is: in the store, a file, a variable, or nowhere yet."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from .. import compose
from ..compose import DeclaredSecret
from ..errors import DeclarationError, DeliveryError, InvalidName, InvalidValue, SecretNotFound, SecretsMissing
from ..model import Grant, Name, Secret, Stage, Value
from ..stores.audited import Event, Happening, read_for
from ..stores.base import Capability, Store
from .files import Granted


class Kind(StrEnum):
    """Where a value is. ``SWARM``: the swarm has an external secret that strongroom does not know of.

    ``REFERENCE``: where the project says it comes from, or in a store without versions: what is there now counts.
    """

    STORE = "store"
    FILE = "file"
    ENVIRONMENT = "environment"
    REFERENCE = "reference"
    SWARM = "swarm"
    DRIVER = "driver"
    MISSING = "missing"


class Source(NamedTuple):
    """Where the value of a declared secret is; if it is nowhere, the problem and the command that mends it."""

    secret: DeclaredSecret
    kind: Kind
    stored: Secret | None = None
    problem: str = ""
    fix: str = ""
    chosen: int | None = None

    def choose(self, name: str, version: int, former: int) -> Source:
        """Return this source with a version of the secret ``name`` chosen: as its previous one, the ``former``."""
        if self.stored is None or self.stored.name != name:
            return self
        return self._replace(chosen=former if self.secret.name == f"{name}_{Stage.PREVIOUS}" else version)

    @property
    def version(self) -> int | None:
        """The version that was chosen, or else the current one, where the store has it."""
        return self.chosen or (self.stored.stages[Stage.CURRENT] if self.stored else None)

    def delivered(self, to: str) -> list[Event]:
        """Return what the store's audit is to say when ``to`` gets this, where the store has it."""
        return [Event(Happening.DELIVER, self.stored.name, self.version, {"to": to})] if self.stored else []


def locate(
    secrets: Sequence[DeclaredSecret],
    store: Store | None,
    environment: Mapping[str, str] = os.environ,
    unmanaged: Collection[str] = (),
) -> list[Source]:
    """Find each secret. ``unmanaged`` names what the swarm has itself; the store comes first."""
    return [_locate(secret, store, environment, unmanaged) for secret in secrets]


def require(sources: Sequence[Source]) -> None:
    """Check that nothing is missing.

    Raises:
        SecretsMissing: something is; it lists all that is, each with the command that creates it.
    """
    missing = [source for source in sources if source.kind is Kind.MISSING]
    if missing:
        lines = [f"  {source.secret.title}: {source.problem}. {_advice(source)}" for source in missing]
        count = "1 secret is" if len(missing) == 1 else f"{len(missing)} secrets are"
        raise SecretsMissing(f"{count} missing, and nothing was changed.\n" + "\n".join(lines))


def values(sources: Sequence[Source], store: Store | None, environment: Mapping[str, str] = os.environ) -> list[Value]:
    """Return the sources' values, in their order. Those in the store are read in one go.

    Raises:
        DeliveryError, DeclarationError, InvalidValue: a file or variable cannot be read, or is no secret's value.
        SecretNotFound: the store has one no longer.
    """
    wanted = [(source.stored.name, source.version or 0) for source in sources if source.stored]
    stored = iter(store.read_many(wanted) if store and wanted else [])
    referred = iter(_referred([each.secret for each in sources if each.kind is Kind.REFERENCE], store))
    queues = {Kind.STORE: stored, Kind.REFERENCE: referred}
    return [next(queues[each.kind]) if each.kind in queues else _value(each.secret, environment) for each in sources]


def granted_to(service: str, file: Path | None, open_store: Callable[[], Store]) -> list[Granted]:
    """Return what a plain Compose file grants a service. The store is opened only where something is in it.

    Raises:
        DeclarationError: the file, or a value's source, is not there or not understood.
        SecretNotFound: the store does not have one of them.
    """
    project = compose.load(file or compose.find(Path.cwd()))
    pairs = [(grant, project.secrets[grant.source]) for grant in project.service(service).grants]
    names = [Name(secret.name) for _, secret in pairs if secret.external and not secret.reference]
    stored: dict[str, Value] = {}
    if names:
        read = read_for(open_store(), [(name, Stage.CURRENT) for name in names], service)
        stored = dict(zip(names, read, strict=True))
    referred = [secret for _, secret in pairs if secret.reference]
    stored |= dict(zip((secret.name for secret in referred), _referred(referred, None), strict=True))
    return [
        (
            Grant(Name(secret.name), grant.target, grant.uid, grant.gid, grant.mode),
            stored[secret.name] if secret.external else _value(secret, os.environ),
        )
        for grant, secret in pairs
    ]


def _locate(
    secret: DeclaredSecret, store: Store | None, environment: Mapping[str, str], unmanaged: Collection[str]
) -> Source:
    if secret.file is not None:
        if secret.file.is_file():
            return Source(secret, Kind.FILE)
        return Source(secret, Kind.MISSING, None, f"there is no file {secret.file}", "strongroom init --dev")
    if secret.variable is not None:
        if environment.get(secret.variable):
            return Source(secret, Kind.ENVIRONMENT)
        problem = f"the variable {secret.variable} is {'empty' if secret.variable in environment else 'not set'}"
        return Source(secret, Kind.MISSING, None, problem, f"export {secret.variable}")
    if secret.driver:
        return Source(secret, Kind.DRIVER)
    if secret.reference:
        return Source(secret, Kind.REFERENCE)
    try:
        if store is not None and (found := _stored(secret, store) or _stage_of(secret, store)):
            return found if Capability.VERSIONS in store.capabilities else Source(secret, Kind.REFERENCE)
    except InvalidName as error:
        raise DeclarationError(str(error)) from None
    if secret.name in unmanaged:
        return Source(secret, Kind.SWARM)
    problem = f"not in {store.place}" if store else "there is no store (make one: strongroom init)"
    return Source(secret, Kind.MISSING, None, problem, f"strongroom secret create {secret.name} FILE")


def _stored(secret: DeclaredSecret, store: Store) -> Source | None:
    try:
        return Source(secret, Kind.STORE, store.inspect(Name(secret.name)))
    except SecretNotFound:
        return None


def _stage_of(secret: DeclaredSecret, store: Store) -> Source | None:
    """Find ``NAME_current`` and ``NAME_previous``: two versions of one secret, for who accepts both.

    Before a secret ever changed, its previous version is the current one.
    """
    name, _, stage = secret.name.rpartition("_")
    try:
        stored = store.inspect(Name(name)) if stage in (Stage.CURRENT, Stage.PREVIOUS) and name else None
    except SecretNotFound:
        return None
    if stored is None:
        return None
    return Source(secret, Kind.STORE, stored, chosen=stored.stages.get(Stage(stage), stored.stages[Stage.CURRENT]))


def _referred(secrets: Sequence[DeclaredSecret], store: Store | None) -> list[Value]:
    """Return the values of references, and of a store without versions, each read in one go."""
    from ..stores.registry import read_references

    found = read_references([secret.reference for secret in secrets if secret.reference])
    for each in found:
        if each.lease:
            raise DeliveryError(
                f"{each.reference} is made for its reader and ends in {each.lease.seconds:.0f} seconds: let the "
                "container fetch it itself, with strongroom exec --watch."
            )
    names = [Name(secret.name) for secret in secrets if not secret.reference]
    values = iter(store.read_many([(name, Stage.CURRENT) for name in names]) if store and names else [])
    referred = iter(found)
    return [next(referred).value if secret.reference else next(values) for secret in secrets]


def _advice(source: Source) -> str:
    if source.fix.endswith(" FILE"):
        return f"Create it: {source.fix} (or --generate 32)"
    return f"Mend it: {source.fix}"


def _value(secret: DeclaredSecret, environment: Mapping[str, str]) -> Value:
    if secret.driver:
        raise DeclarationError(
            f"secret '{secret.key}' comes from the driver '{secret.driver}', which only Swarm can ask."
        )
    try:
        if secret.file is not None:
            return Value(secret.file.read_bytes())
        if (secret.variable or "") not in environment:
            raise DeclarationError(f"secret '{secret.key}' is the variable {secret.variable}, which is not set.")
        return Value(os.fsencode(environment[secret.variable or ""]))
    except OSError as error:
        raise DeliveryError(f"secret '{secret.key}' is {secret.file}: {error.strerror}.") from None
    except InvalidValue as error:
        raise InvalidValue(f"secret '{secret.key}' ({secret.file or secret.variable}): {error}") from None
