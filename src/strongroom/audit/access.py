"""Who can read what, by what is declared, beside who did, by the audit chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..check import identity_of
from ..compose import Project
from ..docker.engine import Engine
from ..stores.embedded.audit import Action, Entry
from ..stores.embedded.keys import Recipient

EVERYTHING = "*"
_READING = (Action.READ, Action.EXPORT, Action.DELIVER)


class May(StrEnum):
    """Whether somebody can read a secret. ``UNDECLARED``: nobody says so, and yet they got it."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    UNDECLARED = "undeclared"


@dataclass(slots=True)
class Row:
    """Somebody and a secret: ``to`` a service or process, or a person (``user`` alone); and how often it was read.

    ``secret`` is ``*`` for a recipient of the store, who can read all of it.
    """

    secret: str
    to: str
    user: str
    may: May
    reads: int = 0
    version: int | None = None
    last: str = ""

    def count(self, entry: Entry) -> None:
        """Count a reading."""
        self.reads, self.version, self.last = self.reads + 1, entry.version or self.version, entry.at


def matrix(
    project: Project | None, recipients: Iterable[Recipient], entries: Sequence[Entry], engine: Engine | None
) -> list[Row]:
    """Return all who can read something or did, by secret: first services, then people, then recipients."""
    declared = list(_declared(project, engine)) if project else []
    undeclared: dict[tuple[str, str], Row] = {}
    people: dict[tuple[str, str], Row] = {}
    for entry in entries:
        if entry.action not in _READING or not entry.secret:
            continue
        to, person = str(entry.detail.get("to", "")), f"{entry.actor}@{entry.host}"
        if not to:
            people.setdefault((entry.secret, person), Row(entry.secret, "", person, May.YES)).count(entry)
            continue
        known = _receivers([each for each in declared if each.secret == entry.secret], to)
        for each in known or [undeclared.setdefault((entry.secret, to), Row(entry.secret, to, "", May.UNDECLARED))]:
            each.count(entry)
    rows = sorted([*declared, *undeclared.values(), *people.values()], key=lambda each: (each.secret, not each.to))
    return rows + [Row(EVERYTHING, "", each.comment or each.key, May.YES) for each in recipients]


def _declared(project: Project, engine: Engine | None) -> Iterator[Row]:
    for service in project.services.values():
        identity = identity_of(service, engine) if service.grants else None
        user = f"{identity.uid}:{identity.gid}" if identity else service.user or ""
        for grant in service.grants:
            may = May.UNKNOWN
            if grant.mode & 0o004:
                may = May.YES
            elif identity:
                may = May.YES if identity.may_read(grant.uid, grant.gid, grant.mode) else May.NO
            yield Row(project.secrets[grant.source].title, service.name, user, may)


def _receivers(declared: Sequence[Row], to: str) -> list[Row]:
    """Return the rows of the service that a delivery was to: Swarm calls it STACK_SERVICE, Compose PROJECT/SERVICE."""
    found = [each for each in declared if to == each.to or to.endswith((f"/{each.to}", f"_{each.to}"))]
    longest = max((len(each.to) for each in found), default=0)
    return [each for each in found if len(each.to) == longest]
