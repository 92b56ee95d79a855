"""What is to be staged for the services of a Compose project, and the rendered project that leads there."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ...compose import DeclaredSecret, Project, ServiceGrant
from ...docker.engine import Engine, Json
from ...errors import DeclarationError
from ...model import Name, Value
from ...stores.audited import Event
from ...stores.base import Store
from .. import declared
from ..declared import Kind, Source
from . import live
from .staging import Staged, Staging

if TYPE_CHECKING:
    from .project import Options

_SECRETS_DIR = "/run/secrets"


class Plan:
    """What is to be staged for some services, and the rendered project that leads there."""

    def __init__(
        self, project: Project, rendered: Json, services: Sequence[str], store: Store | None, options: Options,
        choose: Callable[[Source], Source],
    ) -> None:  # fmt: skip
        self.project, self.rendered, self.services, self.store = project, rendered, services, store
        self.builds = {
            name: [each["source"] for each in (rendered["services"][name].get("build") or {}).get("secrets") or []]
            for name in services
        }
        keys = {grant.source for name in services for grant in project.services[name].grants}
        # Compose hands files and variables to a build itself, and drops external secrets without a word.
        keys |= {key for used in self.builds.values() for key in used if project.secrets[key].external}
        secrets = [project.secrets[key] for key in project.secrets if key in keys]
        self.environment = _variables(secrets, options)
        self.sources = {each.secret.key: choose(each) for each in declared.locate(secrets, store, self.environment)}
        for key, source in self.sources.items():
            if source.kind is Kind.DRIVER:
                raise DeclarationError(
                    f"secret '{key}' comes from the driver '{source.secret.driver}', which only Swarm can ask."
                )

    def stage(self, engine: Engine, place: Staging) -> list[Staged]:
        """Stage what is not there yet, point the rendered project to it, and return all that it uses."""
        contents = [each for each in self.sources.values() if each.kind is not Kind.STORE]
        values = dict(
            zip(
                (each.secret.key for each in contents),
                declared.values(contents, self.store, self.environment),
                strict=True,
            )
        )
        counts = {key: place.count(key, value) for key, value in values.items()}
        staged: dict[Path, Staged] = {}
        for name in self.services:
            for each in (*self._granted(name, place, counts), *self._built_with(name, place, counts)):
                staged[place.path(each)] = each
        absent = [each for each in staged.values() if not place.has(each)]
        if absent:
            place.put(engine, list(zip(absent, self._values(absent, values), strict=True)))
        return list(staged.values())

    def deliveries(self, project: str, services: Collection[str]) -> list[Event]:
        """Return who of these services gets what."""
        return [
            event
            for service in services
            for grant in self.project.services[service].grants
            for event in self.sources[grant.source].delivered(f"{project}/{service}")
        ]

    def _granted(self, name: str, place: Staging, counts: Mapping[str, int]) -> list[Staged]:
        """Return what a service is granted, and let its containers have that."""
        service, grants = self.rendered["services"][name], self.project.services[name].grants
        staged = [_staged(self.sources[grant.source], grant, counts) for grant in grants]
        if grants and name in self.project.extension.signals:
            source = str(live.make(place.directory, name)).replace("$", "$$")
            mount = {"type": "bind", "source": source, "target": _SECRETS_DIR, "read_only": True}
            service["volumes"] = [*(service.get("volumes") or []), mount]
            del service["secrets"]
            return [
                replace(each, service=name, target=_live_target(name, grant))
                for each, grant in zip(staged, grants, strict=True)
            ]
        for each in staged:
            self.rendered["secrets"][each.name] = {"file": str(place.path(each)).replace("$", "$$")}
        if grants:
            service["secrets"] = [
                {"source": each.name, "target": str(PurePosixPath(_SECRETS_DIR, grant.target))}
                for each, grant in zip(staged, grants, strict=True)
            ]
        return staged

    def _built_with(self, name: str, place: Staging, counts: Mapping[str, int]) -> list[Staged]:
        """Return the external secrets that a service's build is given, and let it have them."""
        staged = []
        for key in self.builds[name]:
            if key in self.sources and self.project.secrets[key].external:
                own = ServiceGrant(key, key, os.getuid(), os.getgid(), 0o400)
                staged.append(_staged(self.sources[key], own, counts))
                self.rendered["secrets"][key] = {"file": str(place.path(staged[-1]))}
        return staged

    def _values(self, wanted: Sequence[Staged], values: Mapping[str, Value]) -> list[Value]:
        """Return the values of staged files; those of the store are read now, and once each."""
        needed = {(each.secret, each.version) for each in wanted if each.id}
        sources = {
            (each.stored.name, each.version): each
            for each in self.sources.values()
            if each.stored and (each.stored.name, each.version) in needed
        }
        read = dict(zip(sources, declared.values(list(sources.values()), self.store), strict=True))
        return [read[Name(each.secret), each.version] if each.id else values[each.secret] for each in wanted]


def _staged(source: Source, grant: ServiceGrant, counts: Mapping[str, int]) -> Staged:
    secret, owner = source.secret, (grant.uid, grant.gid, grant.mode)
    if source.stored is not None:
        return Staged(source.stored.name, source.version or 0, *owner, id=source.stored.id)
    file, variable = str(secret.file.resolve()) if secret.file else "", secret.variable or ""
    reference = str(secret.reference or "")
    return Staged(secret.key, counts[secret.key], *owner, file=file, variable=variable, reference=reference)


def _live_target(service: str, grant: ServiceGrant) -> str:
    target = PurePosixPath(_SECRETS_DIR, grant.target)
    if target.parent != PurePosixPath(_SECRETS_DIR):
        raise DeclarationError(
            f"service '{service}' is signalled when a secret changes, so that its secrets lie directly in "
            f"{_SECRETS_DIR}: '{grant.source}' goes to {target}. Change that target, or take its on_change away."
        )
    return target.name


def _variables(secrets: Sequence[DeclaredSecret], options: Options) -> dict[str, str]:
    names = [secret.variable for secret in secrets if secret.variable]
    return options.variables(names) if names else {}
