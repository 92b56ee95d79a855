"""The words of the practices: what is looked at, and what was seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..compose import Project
    from ..docker.engine import Engine
    from ..stores.base import Store


class Outcome(StrEnum):
    """What was found out about a practice. ``UNKNOWN``: it could not be looked at; ``seen`` says why."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """One practice on one subject (a service, a secret, an image, or empty for the whole project)."""

    practice: str
    outcome: Outcome
    subject: str
    seen: str
    fix: str = ""


class Subject(NamedTuple):
    """What is looked at. ``document`` is the project as Compose renders it, ``files`` are the Compose files."""

    project: Project
    document: Mapping[str, Any]
    files: Sequence[Path]
    store: Store | None = None
    engine: Engine | None = None
    identities: Sequence[Path] = ()
    images: bool = False

    def services(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield each service's name and what the rendered project says of it."""
        for name, content in (self.document.get("services") or {}).items():
            yield str(name), content or {}


# What each practice proves, in the order in which they are shown.
PROVES = {
    "no-hardcoded-value": "who reads the Compose file, a Dockerfile or an image learns no secret",
    "files-not-environment": "no secret shows in 'docker inspect', in child processes or in crash reports",
    "granted-to-who-uses-it": "a service that is broken into gives away only its own secrets",
    "owner-only": "only the process that needs a secret can read its file",
    "age-within-policy": "a secret that leaked unnoticed is worth nothing for long",
    "images-scanned": "no layer of an image that runs here holds a secret",
    "context-ignored": "a build sends no secret to the builder, and COPY puts none into a layer",
    "audit-on": "who read and changed what can be told, and nobody edited it",
    "short-lived": "a credential that a manager can make for each reader is not shared and not kept",
    "encrypted-at-rest": "a copied disk or backup gives away no secret",
}


def environment(content: Mapping[str, Any]) -> dict[str, str]:
    """Return a service's variables; Compose writes them as a mapping or as a list of ``NAME=value``."""
    given = content.get("environment") or {}
    pairs = given.items() if isinstance(given, Mapping) else (str(each).partition("=")[::2] for each in given)
    return {str(name): str(value) for name, value in pairs if value is not None}
