"""Who is granted what: no more services than use a secret, and no wider mode than its reader needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..check import identity_of
from ..compose import Service, ServiceGrant
from ..docker.engine import Engine
from .base import Outcome, Subject, Verdict
from .variables import reads_files

_USED, _MODES = "granted-to-who-uses-it", "owner-only"
_OTHERS = 0o007
# As many services as it takes to say that a secret is granted to all of them.
_MANY = 3


def look(subject: Subject) -> Iterator[Verdict]:
    """Look for grants that nothing uses, and for files that others than their owner and group may read."""
    unused = [*_unused(subject), *_everybody(subject)]
    yield from unused or [Verdict(_USED, Outcome.OK, "", "no grant is known to be without a use")]
    wide = [verdict for service in subject.project.services.values() for verdict in _wide(service, subject.engine)]
    yield from wide or [Verdict(_MODES, Outcome.OK, "", "only owner and group may read the files")]


def _wide(service: Service, engine: Engine | None) -> Iterator[Verdict]:
    grants = [grant for grant in service.grants if grant.mode & _OTHERS]
    identity = identity_of(service, engine) if grants else None
    for grant in grants:
        fix = f"strongroom grant {grant.source} {service.name} --mode 0400"
        if identity is None:
            fix += ", with --uid N where it does not run as root"
        elif identity.uid != grant.uid:
            fix += f" --uid {identity.uid}"
        seen = f"everybody in the container may read {grant.target} ({grant.mode:04o})"
        yield Verdict(_MODES, Outcome.WARNING, service.name, seen, fix)


def _unused(subject: Subject) -> Iterator[Verdict]:
    """Find grants to official images, which read nothing but what their variables and arguments name."""
    for service, content in subject.services():
        image = str(content.get("image") or "")
        declared = subject.project.services.get(service)
        if declared is None or not reads_files(image):
            continue
        for grant in declared.grants:
            if not _mentioned(grant, content):
                yield Verdict(
                    _USED, Outcome.WARNING, service, f"nothing tells {image} to read {grant.target}",
                    f"name it in a _FILE variable, or remove it from services.{service}.secrets",
                )  # fmt: skip


def _mentioned(grant: ServiceGrant, content: Mapping[str, Any]) -> bool:
    words = {key: value for key, value in content.items() if key != "secrets"}
    name = re.escape(grant.target.rpartition("/")[2])
    return re.search(rf"(?<![\w.-]){name}(?![\w.-])", json.dumps(words, default=str)) is not None


def _everybody(subject: Subject) -> Iterator[Verdict]:
    services = subject.project.services.values()
    if len(services) < _MANY:
        return
    for secret in subject.project.used:
        if all(any(grant.source == secret.key for grant in service.grants) for service in services):
            yield Verdict(
                _USED, Outcome.WARNING, secret.title, f"all {len(services)} services are granted it",
                "grant it only to those that use it",
            )  # fmt: skip
