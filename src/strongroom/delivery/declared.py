"""The values that a Compose file grants a service, from where the file says that they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .. import compose
from ..errors import DeclarationError, DeliveryError
from ..model import Grant, Name, Stage, Value
from ..stores.base import Store
from .files import Granted


def granted_to(service: str, file: Path | None, open_store: Callable[[], Store]) -> list[Granted]:
    """Return what a service is granted. The store is opened only where something is in it.

    Raises:
        DeclarationError: the file, or a value's source, is not there or not understood.
        SecretNotFound: the store does not have one of them.
    """
    project = compose.load(file or compose.find(Path.cwd()))
    pairs = [(grant, project.secrets[grant.source]) for grant in project.service(service).grants]
    names = [Name(secret.name) for _, secret in pairs if secret.external]
    stored: dict[str, Value] = {}
    if names:
        values = open_store().read_many([(name, Stage.CURRENT) for name in names])
        stored = dict(zip(names, values, strict=True))
    return [
        (
            Grant(Name(secret.name), grant.target, grant.uid, grant.gid, grant.mode),
            stored[secret.name] if secret.external else _value(secret),
        )
        for grant, secret in pairs
    ]


def _value(secret: compose.DeclaredSecret) -> Value:
    if secret.file is not None:
        try:
            return Value(secret.file.read_bytes())
        except OSError as error:
            raise DeliveryError(f"secret '{secret.key}' is {secret.file}: {error.strerror}.") from None
    if secret.variable is not None:
        if secret.variable not in os.environ:
            raise DeclarationError(f"secret '{secret.key}' is the variable {secret.variable}, which is not set.")
        return Value(os.fsencode(os.environ[secret.variable]))
    raise DeclarationError(f"secret '{secret.key}' comes from the driver '{secret.driver}', which only Swarm can ask.")
