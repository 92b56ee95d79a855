"""Before a deployment: whether each secret is there, and whether the processes that use it will be able to read it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .compose import Project, Service, ServiceGrant
from .delivery import declared
from .delivery.declared import Kind, Source
from .docker.engine import Engine
from .docker.users import Identity, identify
from .stores.base import Store


class Status(StrEnum):
    """What was found out about a grant or a secret."""

    OK = "ok"
    WARNING = "warning"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Row:
    """A grant, or a secret that no service is granted (``service`` is empty then)."""

    service: str
    secret: str
    source: str
    version: int | None
    grant: ServiceGrant | None
    user: str
    status: Status
    problem: str = ""
    fix: str = ""

    @property
    def failed(self) -> bool:
        """Whether a deployment would go wrong."""
        return self.status in (Status.MISSING, Status.UNREADABLE)


def check(
    project: Project, store: Store | None, engine: Engine | None, environment: Mapping[str, str],
    unmanaged: Collection[str] = (),
) -> list[Row]:  # fmt: skip
    """Check all grants of a project, and what it declares or the store has without a use."""
    sources = {
        each.secret.key: each for each in declared.locate(project.used, store, environment, unmanaged)
    }  # fmt: skip
    rows = []
    for service in project.services.values():
        identity = identity_of(service, engine) if service.grants else None
        for grant in service.grants:
            rows.append(_grant(service, grant, sources[grant.source], identity))
    return rows + _unused(project, store)


def _grant(service: Service, grant: ServiceGrant, source: Source, identity: Identity | None) -> Row:
    def row(user: str, status: Status, problem: str = "", fix: str = "") -> Row:
        return Row(service.name, source.secret.title, source.kind, source.version, grant, user, status, problem, fix)

    if source.kind is Kind.MISSING:
        return row("", Status.MISSING, source.problem, source.fix)
    if identity is None:
        user = service.user or ""
        if grant.mode & 0o004:
            return row(user, Status.OK)
        return row(user, Status.WARNING, "whom the image runs as is not known: it is not on this Engine",
                   f"docker pull {service.image or service.name}")  # fmt: skip
    user = f"{identity.uid}:{identity.gid}"
    if not identity.may_read(grant.uid, grant.gid, grant.mode):
        problem = f"the process runs as {user}, and the file is {grant.uid}:{grant.gid} {grant.mode:04o}"
        return row(
            user, Status.UNREADABLE, problem, f"strongroom grant {grant.source} {service.name} --uid {identity.uid}"
        )
    return row(user, Status.OK)


def identity_of(service: Service, engine: Engine | None) -> Identity | None:
    """Return whom a service's processes run as; None where neither the file nor an Engine tells."""
    if service.user and (service.user == "root" or service.user.partition(":")[0] == "0"):
        return Identity(0, 0, frozenset({0}))
    if engine is None or service.image is None:
        number = (service.user or "").partition(":")
        if number[0].isdecimal() and (number[2] or "0").isdecimal():
            return Identity(int(number[0]), int(number[2] or 0), frozenset({int(number[2] or 0)}))
        return None
    return identify(engine, service.image, service.user, service.groups)


def _unused(project: Project, store: Store | None) -> list[Row]:
    used = {secret.key for secret in project.used}
    rows = []
    for key, secret in project.secrets.items():
        if key not in used:
            rows.append(Row("", secret.title, "", None, None, "", Status.WARNING, "declared, but no service uses it",
                            f"remove secrets.{key} from {project.path.name}"))  # fmt: skip
    names = {secret.name for secret in project.secrets.values()}
    for stored in store.list() if store else ():
        if stored.name not in names:
            rows.append(Row("", stored.name, Kind.STORE, None, None, "", Status.WARNING,
                            f"in the store, but {project.path.name} does not declare it",
                            f"strongroom grant {stored.name} SERVICE, or, if none needs it: "
                            f"strongroom secret rm {stored.name}"))  # fmt: skip
    return rows
